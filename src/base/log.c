/*
 * log.c - the JSON log. See log.h.
 */
#include "base/log.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum { LINE_MAX_BYTES = 4096, VALUE_MAX_BYTES = 1024 };

static atomic_int level_min = LOG_INFO;
static const char *const level_names[] = { "debug", "info", "warn", "error" };

void
log_set_level(enum log_level level)
{
	atomic_store(&level_min, (int)level);
}

/* A quoted JSON string. Bytes outside ASCII pass as they are when they can be UTF-8; control characters are escaped. */
static void
add_quoted(struct buf *line, struct str s)
{
	if (s.len > VALUE_MAX_BYTES) {
		s.len = VALUE_MAX_BYTES;
		while (s.len && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80) /* not inside a character */
			s.len--;
	}
	buf_add_byte(line, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\') {
			buf_add_byte(line, '\\');
			buf_add_byte(line, (char)c);
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(line, "\\u%04x", c);
		} else {
			buf_add_byte(line, (char)c);
		}
	}
	buf_add_byte(line, '"');
}

static void
add_err(struct buf *line, const struct err *err)
{
	buf_add(line, STR("{\"kind\":"));
	add_quoted(line, str_of(err_kind_name(err->kind)));
	buf_add(line, STR(",\"message\":"));
	add_quoted(line, err->message);
	if (err->detail.len) {
		buf_add(line, STR(",\"detail\":"));
		add_quoted(line, err->detail);
	}
	if (err->cause) {
		buf_add(line, STR(",\"cause\":"));
		add_quoted(line, err->cause->message);
		if (err->cause->detail.len) {
			buf_add(line, STR(",\"cause_detail\":"));
			add_quoted(line, err->cause->detail);
		}
	}
	buf_add_byte(line, '}');
}

static void
add_field(struct buf *line, const struct log_field *field)
{
	size_t before = line->len;

	buf_add_byte(line, ',');
	add_quoted(line, str_of(field->name));
	buf_add_byte(line, ':');
	switch (field->type) {
	case LOG_FIELD_STR:
		add_quoted(line, field->text);
		break;
	case LOG_FIELD_INT:
		buf_printf(line, "%lld", (long long)field->number);
		break;
	case LOG_FIELD_FLOAT:
		buf_printf(line, "%.6g", field->real);
		break;
	case LOG_FIELD_ERR:
		if (field->err)
			add_err(line, field->err);
		else
			buf_add(line, STR("null"));
		break;
	}
	if (line->failed) { /* the whole field goes, so that the line stays valid JSON */
		line->len = before;
		line->failed = false;
	}
}

void
log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	char time[CLOCK_TEXT_SIZE];
	struct buf line;
	ssize_t ignored;

	if ((int)level < atomic_load_explicit(&level_min, memory_order_relaxed))
		return;
	clock_text(clock_wall_us(), time);
	buf_init(&line, NULL, LINE_MAX_BYTES - 2);
	buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time, level_names[level]);
	add_quoted(&line, str_of(event));
	for (size_t i = 0; i < count; i++)
		add_field(&line, &fields[i]);
	line.max = LINE_MAX_BYTES;
	buf_add(&line, STR("}\n"));
	ignored = write(STDERR_FILENO, line.ptr, line.len); /* a log that cannot be written has nowhere to say so */
	(void)ignored;
	buf_fini(&line);
}
