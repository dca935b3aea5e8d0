/*
 * rerank.h - texts put into the order in which they answer a query, by a provider: in Cohere's words or in Jina's, which vLLM, llama.cpp and others speak.
 */
#pragma once

#include "answer/single.h"

enum { RERANK_DOCUMENTS_MAX = 10000 };

struct rerank_result {
	size_t index;                  /* of the document, as it was sent */
	double score;
};

struct rerank_call {
	struct single base;            /* its kind is rerank_kind */
	struct str query;
	const struct json *const *documents; /* texts, or objects with a text or an image */
	size_t count;
	int64_t top_n;                 /* 0: all */
	bool plain;                    /* every document has a text */

	/* The result: the best first. */
	struct rerank_result *results;
	size_t result_count;
};

/* For single_run over a struct rerank_call. */
extern const struct single_kind rerank_kind;

/* A document's text; ptr NULL: it is something else. */
struct str rerank_text(const struct json *document);

/* What Cohere counts: a query with up to a hundred documents. */
int64_t rerank_search_units(size_t documents);
