/*
 * figures.h - the figures of a load run: percentiles of samples, and what a server's processes used.
 */
#ifndef MOCK_FIGURES_H
#define MOCK_FIGURES_H

#include "bytes.h"

/* Every sample is kept, so that a percentile is exact. */
struct samples {
	int64_t *ns;
	size_t count;
	size_t capacity;
};

void samples_add(struct samples *samples, int64_t ns);

/* Appends {"count","mean","p50","p90","p99","p999","max"} in microseconds; null if there are no samples. Sorts them. */
void samples_write(struct samples *samples, struct bytes *out);
void samples_free(struct samples *samples);

/* What a process and all below it have used so far and hold now. */
struct usage {
	double user_s;
	double system_s;
	long rss_kb; /* added up: pages that processes share count for each */
	long pss_kb; /* shared pages count once; 0 where we may not look */
	long processes;
};

/* False if there is no such process. Processes that have ended count if their parent has waited for them. */
bool usage_read(int pid, struct usage *out);

#endif
