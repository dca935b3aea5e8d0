/*
 * metrics.c - the metrics page. The rows lie beside the code that moves them (base/metric.h); this only writes them out.
 */
#include "telemetry/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/metric.h"

static void
label_text(struct buf *out, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '\\' || c == '"')
			buf_add_byte(out, '\\');
		if (c == '\n')
			buf_add(out, STR("\\n"));
		else
			buf_add_byte(out, c);
	}
}

/* {a="x",b="y",le="0.5"}; `bound` empty: no le. Nothing at all when there is no label. */
static void
labels(struct buf *out, const struct metric *metric, const struct metric_series *series, struct str bound)
{
	bool any = false;

	for (unsigned i = 0; metric->labels[i]; i++) {
		buf_printf(out, "%s%s=\"", any ? "," : "{", metric->labels[i]);
		label_text(out, series->labels[i]);
		buf_add_byte(out, '"');
		any = true;
	}
	if (bound.len) {
		buf_printf(out, "%sle=\"%" STR_F "\"", any ? "," : "{", STR_A(bound));
		any = true;
	}
	if (any)
		buf_add_byte(out, '}');
}

static void
histogram(struct buf *out, const struct metric *metric, struct metric_series *series)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= METRIC_BUCKETS_MAX; i++) {
		bool end = i == METRIC_BUCKETS_MAX || metric->bounds[i] <= 0;
		char bound[32];
		int len = snprintf(bound, sizeof(bound), "%g", end ? 0 : metric->bounds[i]);

		sum += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
		buf_printf(out, "%s_bucket", metric->name);
		labels(out, metric, series, end ? STR("+Inf") : str_n(bound, (size_t)len));
		buf_printf(out, " %llu\n", (unsigned long long)sum);
		if (end)
			break;
	}
	buf_printf(out, "%s_sum", metric->name);
	labels(out, metric, series, STR_EMPTY);
	buf_printf(out, " %.9g\n%s_count", atomic_load_explicit(&series->value, memory_order_relaxed), metric->name);
	labels(out, metric, series, STR_EMPTY);
	buf_printf(out, " %llu\n", (unsigned long long)sum);
}

static void
process(struct buf *out)
{
	long pages = 0, ignored;
	FILE *statm = fopen("/proc/self/statm", "r");

	if (statm) {
		if (fscanf(statm, "%ld %ld", &ignored, &pages) != 2)
			pages = 0;
		fclose(statm);
	}
	buf_printf(out, "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %lld\n",
		(long long)pages * sysconf(_SC_PAGESIZE));
}

/* In as few digits as tell it from its neighbours: 0.088 and not 0.087999999999999995. */
static void
put_value(struct buf *out, double value)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_printf(out, " %s\n", text);
}

void
metrics_render(struct buf *out)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	for (struct metric *metric = metric_first(); metric; metric = metric->next) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, types[metric->type]);
		for (struct metric_series *series = atomic_load(&metric->series); series; series = series->next) {
			if (metric->type == METRIC_TYPE_HISTOGRAM) {
				histogram(out, metric, series);
				continue;
			}
			buf_add(out, str_of(metric->name));
			labels(out, metric, series, STR_EMPTY);
			put_value(out, atomic_load_explicit(&series->value, memory_order_relaxed));
		}
	}
	process(out);
}
