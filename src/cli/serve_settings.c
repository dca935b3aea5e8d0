/*
 * serve_settings.c - rows of the settings that `corbel serve` itself reads. See serve_settings.h.
 */
#include "cli/serve_settings.h"

#include <sched.h>

enum row {
	DATA,
	LISTEN,
	LOOPS,
	TLS_CERT,
	TLS_KEY,
	GRACE,
	LINE_MAX_ROW,
	HEADER_BYTES_MAX,
	HEADER_COUNT_MAX,
	BODY_MAX,
	CONNECTIONS_MAX,
	PIPELINE_MAX,
	REQUEST_MEMORY_MAX,
	HEADER_TIMEOUT,
	BODY_IDLE_TIMEOUT,
	IDLE_TIMEOUT,
	WRITE_TIMEOUT,
	BODY_RATE_MIN,
	STORE_URL,
	STORE_DURABILITY,
	STORE_READERS,
	ADMIN_KEY,
	MASTER_KEY,
	PREVIOUS_MASTER_KEY,
	LOG_LEVEL_ROW,
};

static const char *const durabilities[] = { [STORE_DURABLE_POWER] = "power", [STORE_DURABLE_PROCESS] = "process", NULL };
static const char *const levels[] = { [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL };

/* HOST:PORT, [ADDRESS]:PORT or unix:/path. Whether it can be had is seen at the start. */
static bool
listen_ok(struct str text)
{
	size_t colon = text.len;
	int64_t port;

	if (str_starts(text, STR("unix:")))
		return text.len > 5 && text.ptr[5] == '/';
	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	if (colon < 2 || !str_to_i64(str_slice(text, colon, text.len), &port) || port < 0 || port > 65535)
		return false;
	return text.ptr[0] == '[' ? text.ptr[colon - 2] == ']' : str_find_byte(text, ':', 0) == colon - 1;
}

static bool
store_url_ok(struct str text)
{
	return (str_starts(text, STR("sqlite:")) && text.len > 7) || str_starts(text, STR("postgres:")) ||
	       str_starts(text, STR("postgresql://"));
}

/* What can be sent as a key: no blanks, no control characters. */
static bool
key_ok(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
			return false;
	return text.len >= 8;
}

static bool
master_key_ok(struct str text)
{
	return text.len >= 32;
}

static const struct setting rows[] = {
	[DATA] = { "data", SETTING_STRING, "corbel-data", .min = "1", .max = "4000", .env = "CORBEL_DATA",
		.help = "The data directory: database, admin key, lock. Made when it is not there, for its owner alone." },
	[LISTEN] = { "server.listen", SETTING_STRING, "127.0.0.1:8321", .max = "300", .env = "CORBEL_LISTEN", .check = listen_ok,
		.wants = "HOST:PORT, [::1]:PORT or unix:/path",
		.help = "Where to listen: `HOST:PORT`, `[::1]:PORT` or `unix:/path`. Port 0 picks a free one. Only what is reachable from "
			"this machine, unless this says otherwise." },
	[LOOPS] = { "server.loops", SETTING_INT, "0", "0", "64", .help = "Event loops, a thread each; 0: one for each core." },
	[TLS_CERT] = { "server.tls_cert", SETTING_STRING, "", .max = "4000",
		.help = "PEM file with the certificate and its chain; with `server.tls_key`, the server speaks TLS." },
	[TLS_KEY] = { "server.tls_key", SETTING_STRING, "", .max = "4000", .help = "PEM file with the private key." },
	[GRACE] = { "server.grace", SETTING_DURATION, "30s", "0s", "1h", .reloadable = true,
		.help = "How long answers in flight may take to finish when the server is asked to stop." },
	[ADMIN_KEY] = { "access.admin_key", SETTING_STRING, "", .max = "1000", .env = "CORBEL_ADMIN_KEY", .secret = true, .check = key_ok,
		.wants = "a key of at least 8 characters, without blanks",
		.help = "A key of at least 8 characters that is valid as an admin key. Without one, the first start makes one and keeps it "
			"in the data directory as `admin.key`." },
	[MASTER_KEY] = { "secrets.master_key", SETTING_STRING, "", .max = "1000", .env = "CORBEL_MASTER_KEY", .secret = true, .check = master_key_ok,
		.wants = "at least 32 random characters",
		.help = "At least 32 random characters that seal the secrets of providers given through the API; the same on every node. Without it, a node with a "
			"database of its own makes the file `master.key` in its data directory at the first such secret. It is not in backups of the database." },
	[PREVIOUS_MASTER_KEY] = { "secrets.previous_master_key", SETTING_STRING, "", .max = "1000", .env = "CORBEL_PREVIOUS_MASTER_KEY", .secret = true, .check = master_key_ok,
		.wants = "at least 32 random characters",
		.help = "A master key that still opens and seals nothing, while the master key is being changed (`corbel config reseal`). The text of a file `master.key` is one." },
	[LOG_LEVEL_ROW] = { "log.level", SETTING_CHOICE, "info", .choices = levels, .env = "CORBEL_LOG_LEVEL", .reloadable = true,
		.help = "What the log leaves out lies below this." },
	[STORE_URL] = { "store.url", SETTING_STRING, "", .max = "4000", .env = "CORBEL_STORE", .secret = true, .check = store_url_ok,
		.wants = "sqlite:PATH, postgres://… or postgres:CONNINFO",
		.help = "`sqlite:PATH`, `postgres://…` or `postgres:CONNINFO`; empty: the file corbel.db in the data directory." },
	[STORE_DURABILITY] = { "store.durability", SETTING_CHOICE, "power", .choices = durabilities, .env = "CORBEL_STORE_DURABILITY",
		.help = "What an acknowledged commit survives: loss of power, or the end of the process alone, which is faster." },
	[STORE_READERS] = { "store.readers", SETTING_INT, "0", "0", "64",
		.help = "Reader threads (SQLite) or connections for each loop (PostgreSQL); 0: a good number." },
	[LINE_MAX_ROW] = { "server.line_max", SETTING_BYTES, "16KiB", "1KiB", "64KiB", .help = "The longest request line." },
	[HEADER_BYTES_MAX] = { "server.header_bytes_max", SETTING_BYTES, "64KiB", "4KiB", "1MiB",
		.help = "All headers of a request together." },
	[HEADER_COUNT_MAX] = { "server.header_count_max", SETTING_INT, "128", "16", "1000", .help = "Headers of a request." },
	[BODY_MAX] = { "server.body_max", SETTING_BYTES, "512MiB", "64KiB", "16GiB",
		.help = "The largest body of any request; endpoints have lower limits of their own." },
	[CONNECTIONS_MAX] = { "server.connections_max", SETTING_INT, "0", "0", "1000000",
		.help = "Open connections; 0: what the limit on open files allows." },
	[PIPELINE_MAX] = { "server.pipeline_max", SETTING_BYTES, "64KiB", "4KiB", "1MiB",
		.help = "Bytes read ahead on a connection while a request is served." },
	[REQUEST_MEMORY_MAX] = { "server.request_memory_max", SETTING_BYTES, "16MiB", "1MiB", "1GiB",
		.help = "Memory of one request, its body not counted." },
	[HEADER_TIMEOUT] = { "server.header_timeout", SETTING_DURATION, "10s", "100ms", "5m",
		.help = "From the first byte of a request to the end of its headers." },
	[BODY_IDLE_TIMEOUT] = { "server.body_idle_timeout", SETTING_DURATION, "30s", "100ms", "10m",
		.help = "Between two reads of a request's body." },
	[IDLE_TIMEOUT] = { "server.idle_timeout", SETTING_DURATION, "75s", "1s", "1h",
		.help = "A connection without a request is closed after this." },
	[WRITE_TIMEOUT] = { "server.write_timeout", SETTING_DURATION, "30s", "100ms", "10m",
		.help = "A client that takes nothing of an answer for this long is closed." },
	[BODY_RATE_MIN] = { "server.body_rate_min", SETTING_BYTES, "256", "0", "1MiB",
		.help = "Bytes a second that a body must arrive with, on average, after its first 5 seconds." },
};
const struct setting_table serve_settings = SETTING_TABLE(rows);

struct str
serve_data_dir(const struct conf *conf)
{
	return conf_str(conf, &rows[DATA]);
}

struct str
serve_listen(const struct conf *conf)
{
	return conf_str(conf, &rows[LISTEN]);
}

struct str
serve_admin_key(const struct conf *conf)
{
	return conf_str(conf, &rows[ADMIN_KEY]);
}

struct str
serve_master_key(const struct conf *conf)
{
	return conf_str(conf, &rows[MASTER_KEY]);
}

struct str
serve_previous_master_key(const struct conf *conf)
{
	return conf_str(conf, &rows[PREVIOUS_MASTER_KEY]);
}

struct str
serve_tls_cert(const struct conf *conf)
{
	return conf_str(conf, &rows[TLS_CERT]);
}

struct str
serve_tls_key(const struct conf *conf)
{
	return conf_str(conf, &rows[TLS_KEY]);
}

int64_t
serve_grace_us(const struct conf *conf)
{
	return conf_int(conf, &rows[GRACE]);
}

enum log_level
serve_log_level(const struct conf *conf)
{
	return (enum log_level)conf_int(conf, &rows[LOG_LEVEL_ROW]);
}

unsigned
serve_loops(const struct conf *conf)
{
	int64_t loops = conf_int(conf, &rows[LOOPS]);
	cpu_set_t cores;

	if (loops == 0 && sched_getaffinity(0, sizeof(cores), &cores) == 0)
		loops = CPU_COUNT(&cores);
	return loops < 1 ? 1 : loops > 64 ? 64 : (unsigned)loops;
}

void
serve_http_limits(const struct conf *conf, struct http_limits *out)
{
	int64_t connections = conf_int(conf, &rows[CONNECTIONS_MAX]);

	*out = (struct http_limits){
		.line_max = (size_t)conf_int(conf, &rows[LINE_MAX_ROW]),
		.header_bytes_max = (size_t)conf_int(conf, &rows[HEADER_BYTES_MAX]),
		.header_count_max = (unsigned)conf_int(conf, &rows[HEADER_COUNT_MAX]),
		.body_max = (size_t)conf_int(conf, &rows[BODY_MAX]),
		.header_timeout_us = conf_int(conf, &rows[HEADER_TIMEOUT]),
		.body_idle_timeout_us = conf_int(conf, &rows[BODY_IDLE_TIMEOUT]),
		.body_rate_min = (size_t)conf_int(conf, &rows[BODY_RATE_MIN]),
		.idle_timeout_us = conf_int(conf, &rows[IDLE_TIMEOUT]),
		.write_timeout_us = conf_int(conf, &rows[WRITE_TIMEOUT]),
		.connections_max = connections ? (unsigned)connections : http_limits_default.connections_max,
		.pipeline_max = (size_t)conf_int(conf, &rows[PIPELINE_MAX]),
		.request_arena_max = (size_t)conf_int(conf, &rows[REQUEST_MEMORY_MAX]),
	};
}

void
serve_store_spec(const struct conf *conf, struct arena *arena, struct str data_dir, struct store_spec *out)
{
	struct str url = conf_str(conf, &rows[STORE_URL]);

	if (url.len == 0)
		url = arena_printf(arena, "sqlite:%" STR_F "/corbel.db", STR_A(data_dir));
	*out = (struct store_spec){
		.url = url,
		.durability = (enum store_durability)conf_int(conf, &rows[STORE_DURABILITY]),
		.readers = (unsigned)conf_int(conf, &rows[STORE_READERS]),
	};
}
