/*
 * parse_main.c - `corbel parse`: the process in which strangers' files are read. See parser.h.
 *
 * Starting this program costs more than reading a usual page, so it takes a list of files (parse_wire.h) and forks a process of its own for each: the one that
 * reads the list never looks into a file, and what a file does to its process is that file's result alone. The forked process gives up all system calls but a few
 * (sandbox.h), parses, writes one frame and ends; it frees nothing. For a PDF it first lets pdftotext have the bytes, under the same limits.
 * Memory and CPU time are limited by the server (rt/child.h), each process by itself; wall time here.
 */
#include "knowledge/parser.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "knowledge/parse_wire.h"
#include "knowledge/sandbox.h"

#define INPUT_MAX MIB(96)
#define RESULT_MAX (BLOCKS_TEXT_MAX + MIB(64))
#define PAGES_MAX MIB(65)
#define ARENA_MAX MIB(1024)
#define TIMEOUT_DEFAULT_US (60 * USEC_PER_SEC)

enum { EXIT_OK = 0, EXIT_BROKEN = 1, EXIT_LARGE = 2, EXIT_NO_PROGRAM = 127 };

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

/* --- in the process of one file --- */

_Noreturn static void
complain(int to, int code, struct str why)
{
	write_all(to, why);
	_exit(code);
}

/* Forks a helper that dies with us; 0 in the helper. */
static pid_t
fork_helper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* pdftotext between two pipes; a second helper feeds it, so that neither end waits for the other. The reading end, or -1. */
static int
start_pdftotext(struct str pdf, pid_t *pid)
{
	int in[2], out[2];
	pid_t feeder;

	if (pipe(in) != 0 || pipe(out) != 0)
		return -1;
	*pid = fork_helper();
	if (*pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		for (int i = 0; i < 2; i++) {
			close(in[i]);
			close(out[i]);
		}
		execlp("pdftotext", "pdftotext", "-q", "-enc", "UTF-8", "-", "-", (char *)NULL);
		_exit(EXIT_NO_PROGRAM);
	}
	feeder = *pid > 0 ? fork_helper() : -1;
	if (feeder == 0) {
		close(in[0]);
		close(out[0]);
		close(out[1]);
		signal(SIGPIPE, SIG_IGN); /* it need not read to the end */
		write_all(in[1], pdf);
		_exit(0);
	}
	close(in[0]);
	close(in[1]);
	close(out[1]);
	return *pid > 0 && feeder > 0 ? out[0] : -1;
}

/* The pages of a PDF in place of its bytes; does not return when it cannot be read. */
static struct str
pdf_pages(struct arena *arena, struct str pdf, int to)
{
	struct buf pages;
	pid_t pid;
	int status, from = start_pdftotext(pdf, &pid);

	buf_init(&pages, arena, PAGES_MAX);
	if (from < 0)
		complain(to, EXIT_BROKEN, STR("pdftotext cannot be started"));
	if (!read_all(from, &pages))
		complain(to, EXIT_LARGE, STR_EMPTY);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OK)
		return buf_str(&pages);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM)
		complain(to, EXIT_BROKEN, STR("PDF files cannot be read here: pdftotext (poppler-utils) is not installed"));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		complain(to, EXIT_BROKEN, STR("the PDF forbids that its text is taken out"));
	complain(to, EXIT_BROKEN, STR("the PDF is damaged, or protected by a password"));
}

_Noreturn static void
parse_in_sandbox(const struct parse_file *file, int to)
{
	struct arena *arena = arena_new(ARENA_MAX);
	const struct parser *parser = parser_of(file->type);
	struct parse_input input = { .bytes = file->bytes, .path = file->path };
	struct block_writer writer;
	struct blocks blocks;
	const struct err *err;
	struct buf frame;

	if (!parser)
		complain(to, EXIT_BROKEN, STR("this kind of file cannot be read"));
	if (file->type == DOC_PDF)
		input.bytes = pdf_pages(arena, file->bytes, to);
	if (sandbox_enter() != 0 && errno != ENOSYS && errno != EINVAL)
		complain(to, EXIT_BROKEN, STR("the parser could not give up its rights"));
	block_writer_init(&writer, arena);
	err = parser->parse(&input, &writer);
	if (!err)
		err = block_writer_end(&writer, &blocks);
	buf_init(&frame, arena, RESULT_MAX);
	if (!err)
		err = blocks_write(&blocks, &frame);
	if (err)
		complain(to, err->kind == ERR_TOO_LARGE || err->kind == ERR_NO_MEMORY ? EXIT_LARGE : EXIT_BROKEN, err->message);
	_exit(write_all(to, buf_str(&frame)) ? EXIT_OK : EXIT_BROKEN);
}

/* --- in the process that reads the list --- */

/* Reads until the other end closes. PARSE_OK, or why it was not waited for any longer. */
static enum parse_status
read_until(int fd, struct buf *out, int64_t deadline_us)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline_us - clock_mono_us();
		char *room = buf_reserve(out, KIB(64));
		ssize_t got;

		if (!room)
			return PARSE_TOO_LARGE;
		if (left <= 0)
			return PARSE_TIMED_OUT;
		if (poll(&ready, 1, (int)(left / USEC_PER_MS) + 1) <= 0)
			continue;
		got = read(fd, room, KIB(64));
		if (got > 0)
			out->len += (size_t)got;
		else if (got == 0)
			return PARSE_OK;
	}
}

static enum parse_status
status_of(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGXCPU ? PARSE_TIMED_OUT : PARSE_CRASHED;
	switch (WEXITSTATUS(status)) {
	case EXIT_OK:
		return PARSE_OK;
	case EXIT_LARGE:
		return PARSE_TOO_LARGE;
	default:
		return PARSE_BROKEN;
	}
}

static struct parse_result
parse_one(const struct parse_file *file, int64_t timeout_us, struct buf *body)
{
	struct parse_result result = { .status = PARSE_CRASHED, .body = STR_EMPTY };
	int ends[2], status;
	pid_t pid;

	if (pipe(ends) != 0)
		return result;
	pid = fork_helper();
	if (pid == 0) {
		close(ends[0]);
		parse_in_sandbox(file, ends[1]);
	}
	close(ends[1]);
	if (pid > 0) {
		result.status = read_until(ends[0], body, clock_mono_us() + timeout_us);
		if (result.status != PARSE_OK)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (result.status == PARSE_OK)
			result.status = status_of(status);
	}
	close(ends[0]);
	if (result.status == PARSE_OK || result.status == PARSE_BROKEN)
		result.body = buf_str(body);
	return result;
}

static int64_t
timeout_of(int argc, char **argv)
{
	int64_t ms = 0;

	if (argc == 3 && strcmp(argv[1], "--timeout-ms") == 0 && str_to_i64(str_of(argv[2]), &ms) && ms > 0)
		return ms * USEC_PER_MS;
	return argc == 1 ? TIMEOUT_DEFAULT_US : 0;
}

int
parse_main(int argc, char **argv)
{
	int64_t timeout_us = timeout_of(argc, argv);
	struct buf input, body, out;
	struct parse_file file;
	struct str rest;

	if (!timeout_us) {
		fprintf(stderr, "usage: corbel parse [--timeout-ms N], run by the server: files on standard input, results on standard output\n");
		return 2;
	}
	buf_init(&input, NULL, INPUT_MAX);
	buf_init(&body, NULL, RESULT_MAX);
	buf_init(&out, NULL, RESULT_MAX + KIB(1));
	if (!read_all(STDIN_FILENO, &input)) {
		fprintf(stderr, "the input is too large\n");
		return 1;
	}
	rest = buf_str(&input);
	while (parse_file_next(&rest, &file)) {
		struct parse_result result;

		buf_clear(&body);
		buf_clear(&out);
		result = parse_one(&file, timeout_us, &body);
		parse_result_put(&out, &result);
		if (buf_err(&out) || !write_all(STDOUT_FILENO, buf_str(&out)))
			return 1;
	}
	buf_fini(&input);
	buf_fini(&body);
	buf_fini(&out);
	return rest.len ? 1 : 0;
}
