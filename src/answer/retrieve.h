/*
 * retrieve.h - passages of the collection a model is bound to, within the context's budget of tokens, and how the model is told to use them.
 */
#pragma once

#include "answer/answer.h"

/* Searches for the conversation's question; answer->passages is set, with count 0 when nothing relevant was found. A span "retrieval NAME". */
MAY_PARK const struct err *retrieve(const struct answer_services *services, struct answer *answer);

/* Puts the passages and the instructions in front of the conversation. */
const struct err *retrieve_instruct(struct answer *answer);

/* Searches the collections that the call names (call->search), and tells the model what was found, if anything. A span "retrieval file_search". */
MAY_PARK const struct err *retrieve_asked(const struct answer_services *services, struct answer *answer);

/* Whether the question may be embedded: not by a hosted provider, when nothing of the call is to reach one. Then words are searched alone. */
bool retrieve_may_embed(const struct answer_services *services, const struct answer *answer);

struct collection;

/* What is found in a collection goes where the collection may go: one that is local_only binds the call, before its question is embedded or anybody is asked. */
void retrieve_bind(struct answer *answer, const struct collection *collection);

/* The generation of a collection that a search must not fall behind (struct query); 0: any. */
int64_t retrieve_generation(const struct answer *answer, int64_t collection);

struct hit;

/* A passage as it was found, without its link. */
struct context_passage retrieve_passage(const struct hit *hit);
