/*
 * serve_settings.h - the settings of the process itself: where it listens, where data is kept, limits of connections, the log.
 */
#pragma once

#include "base/log.h"
#include "conf/conf.h"
#include "net/http_server.h"
#include "store/store.h"

extern const struct setting_table serve_settings;

struct str serve_data_dir(const struct conf *conf);
struct str serve_listen(const struct conf *conf);
struct str serve_admin_key(const struct conf *conf);
struct str serve_master_key(const struct conf *conf);
struct str serve_previous_master_key(const struct conf *conf);
struct str serve_tls_cert(const struct conf *conf);
struct str serve_tls_key(const struct conf *conf);
int64_t serve_grace_us(const struct conf *conf);
enum log_level serve_log_level(const struct conf *conf);

/* The configured number, or one for each core this process may use. */
unsigned serve_loops(const struct conf *conf);

void serve_http_limits(const struct conf *conf, struct http_limits *out);

/* url: as configured, or the SQLite file in the data directory; in the arena. */
void serve_store_spec(const struct conf *conf, struct arena *arena, struct str data_dir, struct store_spec *out);
