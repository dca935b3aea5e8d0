/*
 * progress.c - see progress.h.
 */
#include "cli/progress.h"

#include "base/clock.h"
#include "cli/term.h"

#include <stdio.h>

#define SHOW_EVERY_US (100 * USEC_PER_MS)
#define LINE_EVERY_US (5 * USEC_PER_SEC)
/* A rate over less than this says nothing. */
#define RATE_AFTER_US (500 * USEC_PER_MS)

void
progress_begin(struct progress *progress, const char *what, int64_t done, int64_t total, bool quiet)
{
	*progress = (struct progress){
		.what = what,
		.total = total,
		.begin_done = done,
		.began_us = clock_mono_us(),
		.terminal = term_error_is_terminal(),
		.quiet = quiet,
	};
	progress->shown_us = progress->terminal ? 0 : progress->began_us;
}

static void
line_print(const struct progress *progress, int64_t done, struct str note, bool last)
{
	int64_t passed_us = clock_mono_us() - progress->began_us, made = done - progress->begin_done;
	struct arena *arena = arena_new(KIB(64));

	fprintf(stderr, "%s%s %lld of %lld (%lld %%)", progress->terminal ? "\r\033[K" : "", progress->what, (long long)done,
		(long long)progress->total, (long long)(progress->total ? 100 * done / progress->total : 100));
	if (passed_us > RATE_AFTER_US && made > 0) {
		double rate = (double)made * (double)USEC_PER_SEC / (double)passed_us;

		fprintf(stderr, ", %.*f/s", rate < 10 ? 1 : 0, rate);
		if (!last)
			fprintf(stderr, ", %" STR_F " left",
				STR_A(term_duration(arena, (int64_t)((double)(progress->total - done) / rate * (double)USEC_PER_SEC))));
	}
	if (last)
		fprintf(stderr, " in %" STR_F, STR_A(term_duration(arena, passed_us)));
	fprintf(stderr, "%s%" STR_F "%s", note.len ? ", " : "", STR_A(note), progress->terminal && !last ? "" : "\n");
	arena_free(arena);
}

void
progress_show(struct progress *progress, int64_t done, struct str note)
{
	int64_t now_us = clock_mono_us();

	if (progress->quiet || now_us - progress->shown_us < (progress->terminal ? SHOW_EVERY_US : LINE_EVERY_US))
		return;
	progress->shown_us = now_us;
	line_print(progress, done, note, false);
}

void
progress_end(struct progress *progress, int64_t done, struct str note)
{
	if (!progress->quiet)
		line_print(progress, done, note, true);
}
