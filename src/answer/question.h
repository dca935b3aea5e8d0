/*
 * question.h - what to search for: the last question of a conversation, understood from what was said before.
 */
#pragma once

#include "gateway/call.h"

/*
 * The last user message; when it leans on the conversation ("and how do I drop it?"), the questions it leans on come before it. Empty when no user spoke. ptr NULL when
 * memory is out.
 */
struct str question_resolve(struct arena *arena, const struct call *call);

/*
 * The share (0..1) of a question's words that stand in a text, each weighted by its length: long words say more. For judging whether anything relevant was found by
 * words alone.
 */
double question_coverage(struct str question, struct str text);
