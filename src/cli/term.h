/*
 * term.h - what is said to a person: errors, colours where there is a terminal, sizes and times in words.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

/* "corbel: text" to standard error; like all that is said here, without control characters. */
void term_error(const char *format, ...) PRINTF_LIKE(1, 2);

/* The message of an error, then those of its causes. */
struct err;
void term_fail(const struct err *err);

/* True when standard output (or error) is a terminal that wants colours (NO_COLOR and TERM=dumb do not). */
bool term_colours(void);
bool term_error_is_terminal(void);

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW, TERM_CYAN };

/* The escape that begins a style, or nothing without colours. TERM_PLAIN ends every style. */
const char *term_style(enum term_style style);

/* What comes from a server or a file is printed without control characters, so that it cannot play with the terminal. Line breaks and tabs stay. */
void term_print(struct str text);

/* The same for a name or another text that has one line of its own, or a part of one: line breaks and tabs are blanks. */
void term_line(struct str text);
struct str term_line_text(struct arena *arena, struct str text);

/* JSON for a program, or for a person: what could play with a terminal is escaped, as it may be in JSON; between values there are line breaks and blanks alone. */
void term_json(struct str text);

/* "3.2 MiB", "1 h 20 m", "850 ms". */
struct str term_bytes(struct arena *arena, int64_t bytes);
struct str term_duration(struct arena *arena, int64_t us);

/* "2026-11-20 17:31:05", UTC; "-" for 0. */
struct str term_time(struct arena *arena, int64_t wall_us);
