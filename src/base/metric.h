/*
 * metric.h - counters, gauges and histograms, declared as rows beside the code that moves them and rendered by telemetry.
 *
 *	static struct metric requests = METRIC_COUNTER("corbel_http_requests_total", "HTTP requests by route and status.", "route", "status");
 *	metric_add(&requests, 1, STR("chat"), STR("200"));
 *
 * A series (one set of label values) is found under a lock per metric and then moved with atomics; hot paths keep the series
 * (metric_series) and skip the look-up. At most METRIC_SERIES_MAX series a metric: what comes later is counted under "other" values.
 */
#pragma once

#include <stdatomic.h>

#include "base/str.h"

enum { METRIC_LABELS_MAX = 4, METRIC_BUCKETS_MAX = 24, METRIC_SERIES_MAX = 1000 };
enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };

struct metric_series {
	struct metric_series *next;
	struct str labels[METRIC_LABELS_MAX];        /* owned */
	_Atomic double value;                        /* counter, gauge; sum of a histogram */
	atomic_uint_fast64_t buckets[METRIC_BUCKETS_MAX + 1]; /* histogram: not cumulative; the last one is +Inf */
};

struct metric {
	enum metric_type type;
	const char *name, *help;
	const char *labels[METRIC_LABELS_MAX + 1]; /* ends with NULL */
	const double *bounds;                      /* upper bounds, rising; ends with 0 */
	_Atomic(struct metric_series *) series;
	atomic_flag lock;
	atomic_bool listed;
	struct metric *next;                       /* of all metrics that have moved */
	unsigned count;
};

#define METRIC_COUNTER(name_, help_, ...) { .type = METRIC_TYPE_COUNTER, .name = name_, .help = help_, .labels = { __VA_ARGS__ } }
#define METRIC_GAUGE(name_, help_, ...) { .type = METRIC_TYPE_GAUGE, .name = name_, .help = help_, .labels = { __VA_ARGS__ } }
#define METRIC_HISTOGRAM(name_, help_, bounds_, ...)                                                                                      \
	{ .type = METRIC_TYPE_HISTOGRAM, .name = name_, .help = help_, .bounds = bounds_, .labels = { __VA_ARGS__ } }

/* Seconds: OTel's buckets for a call's duration (0.01 * 2^n) with finer ones below, and for the time to the first chunk. */
extern const double metric_bounds_duration[], metric_bounds_first_chunk[];

/* The series of these label values (as many as the metric has labels; unused ones are ignored). Lives as long as the process. */
struct metric_series *metric_series_of(struct metric *metric, const struct str *values);
#define metric_series(metric, ...) metric_series_of(metric, (const struct str[METRIC_LABELS_MAX + 1]){ __VA_ARGS__ })

void metric_series_add(struct metric_series *series, double amount);
void metric_series_set(struct metric_series *series, double value);
void metric_series_observe(const struct metric *metric, struct metric_series *series, double value);

#define metric_add(metric, amount, ...) metric_series_add(metric_series(metric, ##__VA_ARGS__), amount)
#define metric_set(metric, value, ...) metric_series_set(metric_series(metric, ##__VA_ARGS__), value)
#define metric_observe(metric, value, ...) metric_series_observe(metric, metric_series(metric, ##__VA_ARGS__), value)

/* The first of all metrics that have ever moved (follow ->next); for the renderer. */
struct metric *metric_first(void);
