/*
 * archive.c - see archive.h. A member's size is counted as it comes out, so that no bomb expands; its checksum is verified by the library at its end.
 */
#include "zip/archive.h"

#include <zip.h>

#include "base/buf.h"

struct archive {
	struct arena *arena;
	zip_t *zip;
};

static void
archive_close(void *arg)
{
	struct archive *archive = arg;

	zip_discard(archive->zip);
}

const struct err *
archive_open(struct arena *arena, struct str bytes, struct archive **out)
{
	struct archive *archive = arena_zalloc(arena, sizeof(*archive));
	zip_source_t *source;
	zip_error_t why;
	const struct err *err;

	if (!archive)
		return &err_no_memory;
	zip_error_init(&why);
	source = zip_source_buffer_create(bytes.ptr, bytes.len, 0, &why);
	archive->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
	if (!archive->zip) {
		err = err_new(arena, ERR_INVALID, "not a zip file: %s", zip_error_strerror(&why));
		zip_source_free(source);
		zip_error_fini(&why);
		return err;
	}
	zip_error_fini(&why);
	archive->arena = arena;
	if (!arena_on_free(arena, archive_close, archive)) {
		archive_close(archive);
		return &err_no_memory;
	}
	*out = archive;
	return NULL;
}

const struct err *
archive_read(struct archive *archive, const char *name, size_t max, struct str *out)
{
	const struct err *err = NULL;
	zip_int64_t got = 0;
	struct buf bytes;
	zip_file_t *file;
	char *room;

	*out = (struct str){ NULL, 0 };
	if (zip_name_locate(archive->zip, name, 0) < 0)
		return NULL;
	file = zip_fopen(archive->zip, name, 0);
	if (!file)
		return err_new(archive->arena, ERR_INVALID, "%s cannot be read: %s", name, zip_strerror(archive->zip));
	buf_init(&bytes, archive->arena, max + KIB(64));
	while ((room = buf_reserve(&bytes, KIB(64))) && (got = zip_fread(file, room, KIB(64))) > 0) {
		bytes.len += (size_t)got;
		if (bytes.len > max)
			break;
	}
	if (bytes.len > max)
		err = err_new(archive->arena, ERR_TOO_LARGE, "%s holds more than %zu MiB", name, max / MIB(1));
	else if (got < 0)
		err = err_new(archive->arena, ERR_INVALID, "%s is damaged", name);
	else if (!room)
		err = &err_no_memory;
	zip_fclose(file);
	*out = buf_str(&bytes);
	return err;
}
