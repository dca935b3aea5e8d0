/*
 * metric.c - see metric.h. Series are only ever added, at the head of a list, so readers need no lock.
 */
#include "base/metric.h"

#include "base/arena.h"

const double metric_bounds_duration[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48,
	40.96, 81.92, 0 };
const double metric_bounds_first_chunk[] = { 0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 0 };

static _Atomic(struct metric *) all;

struct metric *
metric_first(void)
{
	return atomic_load(&all);
}

static unsigned
label_count(const struct metric *metric)
{
	unsigned count = 0;

	while (metric->labels[count])
		count++;
	return count;
}

static struct metric_series *
find(const struct metric *metric, const struct str *values, unsigned labels)
{
	struct metric_series *series = atomic_load(&metric->series);

	for (; series; series = series->next) {
		unsigned i = 0;

		while (i < labels && str_eq(series->labels[i], values[i]))
			i++;
		if (i == labels)
			return series;
	}
	return NULL;
}

static void
list(struct metric *metric)
{
	struct metric *head = atomic_load(&all);

	do
		metric->next = head;
	while (!atomic_compare_exchange_weak(&all, &head, metric));
}

struct metric_series *
metric_series_of(struct metric *metric, const struct str *values)
{
	static const struct str other[METRIC_LABELS_MAX] = { STR_INIT("other"), STR_INIT("other"), STR_INIT("other"), STR_INIT("other") };
	unsigned labels = label_count(metric);
	struct metric_series *series = find(metric, values, labels);

	if (series)
		return series;
	while (atomic_flag_test_and_set_explicit(&metric->lock, memory_order_acquire))
		;
	if (metric->count >= METRIC_SERIES_MAX)
		values = other;
	series = find(metric, values, labels);
	if (!series) {
		series = mem_zalloc(sizeof(*series));
		for (unsigned i = 0; i < labels; i++) {
			char *copy = mem_alloc(values[i].len + 1);

			if (values[i].len)
				memcpy(copy, values[i].ptr, values[i].len);
			series->labels[i] = str_n(copy, values[i].len);
		}
		series->next = atomic_load(&metric->series);
		atomic_store(&metric->series, series);
		metric->count++;
	}
	atomic_flag_clear_explicit(&metric->lock, memory_order_release);
	if (!atomic_exchange(&metric->listed, true))
		list(metric);
	return series;
}

void
metric_series_add(struct metric_series *series, double amount)
{
	double old = atomic_load_explicit(&series->value, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(&series->value, &old, old + amount, memory_order_relaxed, memory_order_relaxed))
		;
}

void
metric_series_set(struct metric_series *series, double value)
{
	atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void
metric_series_observe(const struct metric *metric, struct metric_series *series, double value)
{
	unsigned bucket = 0;

	while (bucket < METRIC_BUCKETS_MAX && metric->bounds[bucket] > 0 && value > metric->bounds[bucket])
		bucket++;
	atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
	metric_series_add(series, value);
}
