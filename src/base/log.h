/*
 * log.h - one JSON object a line to standard error: {"time":…,"level":…,"event":…, fields}.
 *
 *	log_info("server started", LOG_STR("listen", address), LOG_INT("loops", loops));
 *
 * The event is a constant sentence, so that it can be counted; what varies goes into fields. Never a secret, never a prompt.
 * A line is at most 4 KiB (longer values are cut) and is written with one write(2), so lines of threads do not mix.
 */
#pragma once

#include "base/str.h"

struct err;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *name;
	enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_FLOAT, LOG_FIELD_ERR } type;
	struct str text;
	int64_t number;
	double real;
	const struct err *err;
};

#define LOG_STR(name_, value_) { .name = name_, .type = LOG_FIELD_STR, .text = value_ }
#define LOG_INT(name_, value_) { .name = name_, .type = LOG_FIELD_INT, .number = (int64_t)(value_) }
#define LOG_FLOAT(name_, value_) { .name = name_, .type = LOG_FIELD_FLOAT, .real = value_ }
#define LOG_ERR(name_, value_) { .name = name_, .type = LOG_FIELD_ERR, .err = value_ } /* kind, message, detail, causes */

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);

/* Lines below this level are dropped. LOG_INFO at first. */
void log_set_level(enum log_level level);

#define LOG_CALL(level, event, ...)                                                                                                       \
	log_write(level, event, (const struct log_field[]){ { .name = NULL }, ##__VA_ARGS__ } + 1,                                            \
		COUNT(((const struct log_field[]){ { .name = NULL }, ##__VA_ARGS__ })) - 1)
#define log_debug(...) LOG_CALL(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_CALL(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_CALL(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_CALL(LOG_ERROR, __VA_ARGS__)
