/*
 * parse_main.c - `corbel parse`: the child process in which strangers' files are read. See parser.h.
 *
 * Standard input is read whole; for a PDF it goes, unread, to pdftotext, which inherits this process's limits and whose output is read instead. Then
 * the process gives up all system calls but a few (sandbox.h), parses, and writes one frame. Nothing is freed: the process ends.
 */
#include "knowledge/parser.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "knowledge/sandbox.h"

#define INPUT_MAX MIB(65)
#define ARENA_MAX MIB(1024)

static int
complain(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return 1;
}

static bool
read_all(int fd, struct buf *out)
{
	char *room;
	ssize_t got;

	while ((room = buf_reserve(out, KIB(64)))) {
		got = read(fd, room, KIB(64));
		if (got > 0)
			out->len += (size_t)got;
		else if (got == 0)
			return true;
		else if (errno != EINTR)
			return false;
	}
	return false;
}

static bool
write_all(int fd, struct str bytes)
{
	while (bytes.len) {
		ssize_t put = write(fd, bytes.ptr, bytes.len);

		if (put < 0 && errno != EINTR)
			return false;
		if (put > 0)
			bytes = str_slice(bytes, (size_t)put, bytes.len);
	}
	return true;
}

/* Starts pdftotext between our standard input and the pipe whose reading end is returned; -1 when it cannot be started. */
static int
start_pdftotext(pid_t *pid)
{
	int ends[2];

	if (pipe(ends) != 0)
		return -1;
	*pid = fork();
	if (*pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execlp("pdftotext", "pdftotext", "-q", "-enc", "UTF-8", "-", "-", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (*pid < 0) {
		close(ends[0]);
		return -1;
	}
	return ends[0];
}

static int
read_pdf(struct buf *out)
{
	int status, from;
	pid_t pid;
	bool whole;

	from = start_pdftotext(&pid);
	if (from < 0)
		return complain("pdftotext cannot be started");
	whole = read_all(from, out);
	if (!whole)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!whole)
		return complain("the PDF holds too much text");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return complain("PDF files cannot be read here: pdftotext (poppler-utils) is not installed");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		return complain("the PDF is protected by a password, or forbids that its text is taken out");
	return complain("the PDF is damaged");
}

static int
parse_and_write(struct arena *arena, const struct parser *parser, const struct parse_input *input)
{
	struct block_writer writer;
	struct blocks blocks;
	const struct err *err;
	struct buf frame;

	block_writer_init(&writer, arena);
	err = parser->parse(input, &writer);
	if (!err)
		err = block_writer_end(&writer, &blocks);
	buf_init(&frame, arena, SIZE_MAX / 2);
	if (!err)
		err = blocks_write(&blocks, &frame);
	if (err) {
		fprintf(stderr, "%" STR_F "\n", STR_A(err->message));
		return 1;
	}
	return write_all(STDOUT_FILENO, buf_str(&frame)) ? 0 : 1;
}

int
parse_main(int argc, char **argv)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct parse_input input = { .path = STR_EMPTY };
	enum doc_type type = DOC_UNSUPPORTED;
	struct buf bytes;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--type") == 0)
			type = doc_type_by_name(str_of(argv[i + 1]));
		else if (strcmp(argv[i], "--path") == 0)
			input.path = str_of(argv[i + 1]);
	}
	if (!parser_of(type))
		return complain("usage: corbel parse --type text|markdown|html|pdf|docx|csv|json|jsonl|code [--path NAME] <FILE");
	buf_init(&bytes, arena, INPUT_MAX);
	if (type == DOC_PDF) {
		if (read_pdf(&bytes) != 0)
			return 1;
	} else if (!read_all(STDIN_FILENO, &bytes)) {
		return complain("the file is too large");
	}
	input.bytes = buf_str(&bytes);
	if (sandbox_enter() != 0 && errno != ENOSYS && errno != EINVAL)
		return complain("the parser could not give up its rights");
	return parse_and_write(arena, parser_of(type), &input);
}
