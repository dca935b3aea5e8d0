/*
 * tokenizers.h - how many tokens texts are for a model, for when nobody else says: by the model's own tokenizer where that is public, else by a stated approximation.
 *
 * OpenAI's models have byte-pair encodings that are public (cl100k_base, o200k_base; which model has which: tiktoken's model.py). Other makers' models are counted with o200k_base,
 * which is within about a fifth of their own figures on English text and says so (TOKENS_APPROXIMATED). A vocabulary is read at its first use, by a thread of the pool on
 * which all counting runs: no loop waits for it.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct tokenizers;

enum tokens_how {
	TOKENS_COUNTED,      /* by the model's own tokenizer */
	TOKENS_APPROXIMATED, /* by another model's */
	TOKENS_ESTIMATED,    /* from the text's length: no vocabulary is here, or all threads are busy */
};

/* `dir` holds the vocabularies; empty: the usual places (places.h). Reads nothing yet. Inside a runtime. */
struct tokenizers *tokenizers_new(struct str dir);

/* After the last count. NULL is allowed. */
void tokenizers_free(struct tokenizers *tokenizers);

/*
 * The tokens of all the texts together. Of more than 4 MiB the beginning is counted and the rest taken in proportion. `tokenizers` may be NULL: estimated. It always answers: what is in
 * the way (a missing vocabulary, an ended scope) makes it an estimate, which *how tells.
 */
MAY_PARK int64_t tokenizers_count(struct tokenizers *tokenizers, struct str model, const struct str *texts, size_t count, enum tokens_how *how);

/* Why a vocabulary cannot be had, as far as one was wanted; empty: nothing is wrong. In the arena. */
struct str tokenizers_missing(struct tokenizers *tokenizers, struct arena *arena);

/* A rough count for when nothing better is to be had: four bytes of ASCII or one and a half other characters a token. */
int64_t tokens_estimate(struct str text);
