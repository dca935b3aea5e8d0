/*
 * term.c - text for people. See term.h.
 */
#include "cli/term.h"

#include "base/clock.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* C0 and C1 controls (the latter as UTF-8: C2 80 to C2 9F). */
static size_t
control_length(struct str text, size_t at)
{
	unsigned char c = (unsigned char)text.ptr[at];

	if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
		return 1;
	if (c == 0xc2 && at + 1 < text.len && (unsigned char)text.ptr[at + 1] < 0xa0)
		return 2;
	return 0;
}

static void
print(FILE *file, struct str text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		size_t len = control_length(text, i);

		if (len == 0)
			continue;
		fwrite(text.ptr + from, 1, i - from, file);
		from = i + len;
		i = from - 1;
	}
	fwrite(text.ptr + from, 1, text.len - from, file);
}

void
term_print(struct str text)
{
	print(stdout, text);
}

static bool
is_break(char c)
{
	return c == '\n' || c == '\t' || c == '\r';
}

struct str
term_line_text(struct arena *arena, struct str text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0, control;

	if (!out)
		return STR_EMPTY;
	for (size_t i = 0; i < text.len; i += control ? control : 1) {
		bool broken = is_break(text.ptr[i]);

		control = broken ? 1 : control_length(text, i);
		if (broken || !control)
			out[len++] = broken ? ' ' : text.ptr[i];
	}
	return str_n(out, len);
}

void
term_line(struct str text)
{
	for (size_t i = 0, from = 0; i <= text.len; i++) {
		if (i < text.len && !is_break(text.ptr[i]))
			continue;
		term_print(str_slice(text, from, i));
		if (i < text.len)
			putchar(' ');
		from = i + 1;
	}
}

void
term_json(struct str text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool back = text.ptr[i] == '\r';
		size_t len = control_length(text, i);

		if (len == 0)
			continue;
		fwrite(text.ptr + from, 1, i - from, stdout);
		if (back)
			putchar(' '); /* no string has one that is not escaped */
		else
			printf("\\u%04x", (unsigned char)text.ptr[i + len - 1]);
		from = i + len;
		i = from - 1;
	}
	fwrite(text.ptr + from, 1, text.len - from, stdout);
}

void
term_error(const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	fflush(stdout);
	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	fputs("corbel: ", stderr);
	if (len >= 0) {
		print(stderr, str_n(text, (size_t)len));
		free(text);
	}
	fputc('\n', stderr);
}

void
term_fail(const struct err *err)
{
	fflush(stdout);
	fputs("corbel", stderr);
	for (; err; err = err->cause) {
		fputs(": ", stderr);
		print(stderr, err->message);
	}
	fputc('\n', stderr);
}

static bool
wants_colours(void)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return !(no && no[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

bool
term_colours(void)
{
	return isatty(STDOUT_FILENO) && wants_colours();
}

bool
term_error_is_terminal(void)
{
	return isatty(STDERR_FILENO) && wants_colours();
}

const char *
term_style(enum term_style style)
{
	static const char *const escapes[] = {
		[TERM_PLAIN] = "\033[0m",
		[TERM_BOLD] = "\033[1m",
		[TERM_DIM] = "\033[2m",
		[TERM_RED] = "\033[31m",
		[TERM_GREEN] = "\033[32m",
		[TERM_YELLOW] = "\033[33m",
		[TERM_CYAN] = "\033[36m",
	};

	return term_colours() ? escapes[style] : "";
}

struct str
term_bytes(struct arena *arena, int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double amount = (double)bytes;
	size_t unit = 0;

	while (amount >= 1024 && unit + 1 < COUNT(units)) {
		amount /= 1024;
		unit++;
	}
	return arena_printf(arena, unit ? "%.1f %s" : "%.0f %s", amount, units[unit]);
}

struct str
term_duration(struct arena *arena, int64_t us)
{
	int64_t seconds = us / USEC_PER_SEC;

	if (us < USEC_PER_MS)
		return arena_printf(arena, "%lld us", (long long)us);
	if (us < 10 * USEC_PER_SEC)
		return arena_printf(arena, "%.0f ms", (double)us / (double)USEC_PER_MS);
	if (seconds < 60)
		return arena_printf(arena, "%lld s", (long long)seconds);
	if (seconds < 3600)
		return arena_printf(arena, "%lld m %02lld s", (long long)(seconds / 60), (long long)(seconds % 60));
	return arena_printf(arena, "%lld h %02lld m", (long long)(seconds / 3600), (long long)(seconds / 60 % 60));
}

struct str
term_time(struct arena *arena, int64_t wall_us)
{
	char text[CLOCK_TEXT_SIZE];

	if (wall_us == 0)
		return STR("-");
	clock_text(wall_us, text);
	text[10] = ' ';
	return arena_dup(arena, str_n(text, 19));
}
