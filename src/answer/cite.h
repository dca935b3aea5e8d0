/*
 * cite.h - the marks "[2]" in an answer, as citations of the passages they number.
 */
#pragma once

#include "gateway/event.h"

/*
 * Every mark that names a passage, in order; "[1, 3]" and "[1][3]" give two. Positions are in characters (Unicode code points). Marks inside code blocks and numbers out of
 * range are no citations. NULL error or err_no_memory.
 */
const struct err *cite_find(struct arena *arena, struct str text, const struct passage_list *passages, struct citation **out, size_t *count);
