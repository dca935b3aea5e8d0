/*
 * fuse.h - two rankings of the same chunks into one.
 *
 * Each side is brought to an absolute scale before they are added: words by the most that a chunk could score for this question, so that 1 means "all of it, at its best" and a
 * question whose words are hardly found weighs little by itself; vectors by the cosine, which is one already. So one weight fits questions of many kinds, a fused score can be
 * compared with a threshold, and a question that nothing answers is known by low scores. What is not among a side's candidates has 0 there.
 */
#pragma once

#include "knowledge/search.h"
#include "knowledge/top.h"

struct fuse_side {
	const struct scored *list; /* best first */
	size_t count;
	double most;               /* what 1 is */
};

struct fused {
	int64_t chunk;
	double score;              /* 0..1 */
	double words_score, vector_score;   /* raw; NaN: not a candidate there */
	unsigned words_rank, vector_rank;   /* from 1; 0: not a candidate there */
};

/* What a question weighs on the side of vectors: sentences more than names and terms, whose words say all. */
double fuse_weight(struct str question);

/* Candidates of both sides, best first. `fusion` is any but FUSION_AUTO, which is FUSION_CONVEX with fuse_weight. NULL past the arena's cap. */
struct fused *fuse(struct arena *arena, enum fusion fusion, double vector_weight, const struct fuse_side *words, const struct fuse_side *vectors, size_t *count);
