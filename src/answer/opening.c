/*
 * opening.c - see opening.h.
 *
 * Most clients name no conversation: they send it whole, longer each time, or go on from a response. What all its calls have in common is how it began. By the time a call is routed, what it goes on from stands in
 * front of its own messages, so that a chain of responses begins as its root did. Instructions of the Responses API belong to one call and not to the chain: there, what the user said decides alone.
 *
 * Only the first bytes of a text or a picture count: the opening need not tell all conversations apart, it should cost little.
 */
#include "answer/opening.h"

#include "crypto/hash.h"
#include "gateway/route.h"

enum { PART_BYTES = 2048, MESSAGES_LOOKED_AT = 64 };

/* Whether the model, one that it falls back to, or one that its split may lead to, keeps conversations together. */
static bool
keeps_together(const struct conf_reached *reached)
{
	bool keeps = false;

	for (; reached && !keeps; reached = reached->next)
		keeps = reached->model->route.sticky == CONF_STICKY_CONVERSATION;
	return keeps;
}

static void
add_text(struct buf *out, struct str text)
{
	buf_add(out, str_slice(text, 0, PART_BYTES));
	buf_add(out, str_n("", 1));
}

static void
add_message(struct buf *out, const struct message *message)
{
	for (const struct part *part = message->parts; part; part = part->next) {
		add_text(out, part->text);
		add_text(out, part->url);
	}
}

static struct str
opening_hash(struct arena *arena, const struct call *call)
{
	unsigned char hash[HASH_SHA256_SIZE];
	unsigned looked_at = 0;
	bool spoken = false;
	struct buf text;

	buf_init(&text, NULL, KIB(512));
	for (const struct message *message = call->messages; message && !spoken && looked_at++ < MESSAGES_LOOKED_AT; message = message->next) {
		bool instructs = message->role == ROLE_SYSTEM || message->role == ROLE_DEVELOPER;

		spoken = message->role == ROLE_USER;
		if (spoken || (instructs && call->dialect != DIALECT_OPENAI_RESPONSES))
			add_message(&text, message);
	}
	hash_sha256(buf_str(&text), hash); /* what did not fit does not count */
	buf_fini(&text);
	return arena_dup(arena, str_n((const char *)hash, sizeof(hash)));
}

struct str
opening_conversation(struct arena *arena, const struct call *call, const struct conf *conf, const struct conf_model *model)
{
	const struct conf_reached *reached;
	struct str key;

	if (call->conversation.len)
		return call->conversation;
	reached = conf_reach(conf, arena, model, ROUTE_MODELS_MAX - 1);
	if (!reached)
		return (struct str){ 0 };
	if (!keeps_together(reached))
		return STR_EMPTY;
	key = json_get_string(call->source, "prompt_cache_key");
	return key.len ? key : opening_hash(arena, call);
}
