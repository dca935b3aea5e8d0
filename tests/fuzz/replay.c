/*
 * replay.c - runs a fuzz target over files and folders, without a fuzzer.
 *
 * In ordinary and sanitizer builds each fuzz target is linked with this main function, and a test replays its corpus: what a
 * fuzzer found once stays found, with any compiler. Files are read whole; a folder's files are taken in no special order.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, PATH_BYTES_MAX = 4096 };

static int
replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	/* exactly as large as the input, so that a sanitizer sees a read past its end */
	uint8_t *data = malloc(size ? size : 1);
	int failed = !file || !data || fread(data, 1, size, file) != size;

	if (failed)
		perror(path);
	else
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	if (file)
		fclose(file);
	return failed ? -1 : 1;
}

/* Returns the number of inputs that were run, or -1. */
static int
replay(const char *path)
{
	char inner[PATH_BYTES_MAX];
	struct dirent *entry;
	struct stat about;
	int count = 0;
	DIR *dir;

	if (stat(path, &about) != 0 || about.st_size > FILE_BYTES_MAX) {
		fprintf(stderr, "%s: cannot be read, or is too large\n", path);
		return -1;
	}
	if (!S_ISDIR(about.st_mode))
		return replay_file(path, (size_t)about.st_size);
	dir = opendir(path);
	while (dir && count >= 0 && (entry = readdir(dir))) {
		int more;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		more = replay(inner);
		count = more < 0 ? -1 : count + more;
	}
	if (dir)
		closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int count = replay(argv[i]);

		if (count < 0)
			return 1;
		total += count;
	}
	printf("%d inputs\n", total);
	return total > 0 ? 0 : 1;
}
