/*
 * cached_give.c - giving an answer that another call has made: one that is kept, or one in flight, read along to its end.
 *
 * Either way the caller gets events in its own dialect and form, under an id of its own; the record has no usage and no cost, but what it saved. What a provider's frames alone could say is not there. A stream gets a
 * kept text in pieces.
 */
#include "answer/cached_inside.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/count.h"

enum { PIECE_BYTES = 256, INTERACTION = 16 };

/* --- what the caller is told --- */

void
cached_tell(struct answer *answer, enum cache_result result, int64_t age_us, double similarity)
{
	answer->cached->result = result;
	cache_count(answer->model->name, result);
	span_str(answer->root, "corbel.cache.result", cache_result_name(result));
	if (answer->tell_cache)
		answer->tell_cache(answer->tell_cache_arg, result, age_us, similarity);
}

/* What the answer would have taken upstream. */
static void
note_saved(struct answer *answer, int64_t input, int64_t output, int64_t cost_nanos, double similarity)
{
	struct record *record = &answer->record;

	record->cache = cache_result_name(answer->cached->result);
	record->cache_similarity = similarity;
	record->saved_input = input;
	record->saved_output = output;
	record->saved_nanos = cost_nanos;
	cache_count_saved(answer->model->name, &(struct usage){ .input = input, .output = output }, cost_nanos);
}

/* It has been answered, and nothing of it was used upstream. */
static void
note_answered(struct answer *answer, struct str provider, struct str target_model)
{
	answer->answered = true;
	answer->attempt = (struct attempt){ .model = answer->model, .usage = { .known = true }, .began = true };
	answer->record.provider = provider;
	answer->record.target_model = target_model;
	answer->record.route = answer->model->name;
}

/* --- giving an answer again --- */

/* Every answer has an id of its own, by which its record is found. */
static struct str
fresh_id(struct answer *answer)
{
	enum dialect dialect = answer->call->dialect;
	struct id id = id_new();

	return arena_printf(
		answer->arena, "%s%" STR_F, dialect == DIALECT_ANTHROPIC ? "msg_" : dialect == DIALECT_OPENAI_COMPLETIONS ? "cmpl-" : "chatcmpl-", STR_A(id_str(&id)));
}

static MAY_PARK const struct err *
send_plain(struct answer *answer, struct recorder *recorder, const struct event *event)
{
	struct event plain;

	if (!stored_event_plain(event, &plain))
		return NULL;
	if (plain.type == EVENT_START) {
		plain.id = fresh_id(answer);
		plain.created_us = 0;
		if (!plain.id.ptr)
			return &err_no_memory;
	}
	return sink_send(&recorder->sink, &plain);
}

/* Where a piece of a text ends: not inside a character. */
static size_t
piece_end(struct str text, size_t from)
{
	size_t end = from + PIECE_BYTES;

	if (end >= text.len)
		return text.len;
	while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
		end++;
	return end;
}

/* A stream gets a long text in pieces, as it would come. */
static MAY_PARK const struct err *
send_in_pieces(struct answer *answer, struct recorder *recorder, const struct event *event)
{
	bool cut = answer->call->stream && (event->type == EVENT_TEXT || event->type == EVENT_REASONING || event->type == EVENT_REFUSAL || event->type == EVENT_ARGUMENTS);
	struct event piece = *event;
	const struct err *err = NULL;

	if (!cut || event->text.len <= PIECE_BYTES)
		return send_plain(answer, recorder, event);
	for (size_t at = 0; at < event->text.len && !err; at += piece.text.len) {
		piece.text = str_slice(event->text, at, piece_end(event->text, at));
		err = send_plain(answer, recorder, &piece);
	}
	return err;
}

/* The passages that the answer was built on, with links of today. */
static const struct err *
take_passages(struct answer *answer, struct passage_list *passages)
{
	const struct err *err = NULL;

	if (!passages)
		return NULL;
	for (size_t i = 0; i < passages->count && !err; i++)
		err = answer->link(answer->link_arg, answer->arena, &passages->list[i]);
	answer->passages = passages;
	answer->call->passages = passages;
	return err;
}

/* A list of its own, whose texts are those of the kept answer: others may be giving the same one. */
static struct passage_list *
passages_of(struct arena *arena, const struct stored *stored)
{
	struct passage_list *own = arena_alloc(arena, sizeof(*own));

	if (!own)
		return NULL;
	*own = *stored->passages;
	own->list = arena_array(arena, own->count + 1, sizeof(*own->list));
	if (own->list && own->count)
		memcpy(own->list, stored->passages->list, own->count * sizeof(*own->list));
	return own->list ? own : NULL;
}

MAY_PARK const struct err *
cached_replay(struct answer *answer, struct recorder *recorder, const struct found *found)
{
	const struct cache_entry *entry = &found->entry;
	struct passage_list *passages = found->stored.passages ? passages_of(answer->arena, &found->stored) : NULL;
	char source[2 * INTERACTION];
	const struct err *err = found->stored.passages && !passages ? &err_no_memory : take_passages(answer, passages);

	if (err)
		return err;
	cached_tell(answer, found->result, clock_wall_us() - entry->created_us, found->similarity);
	if (entry->interaction.len == INTERACTION) {
		hex_encode(entry->interaction.ptr, INTERACTION, source);
		span_str(answer->root, "corbel.cache.source", str_n(source, sizeof(source)));
	}
	span_int(answer->root, "corbel.cache.age_us", clock_wall_us() - entry->created_us);
	note_answered(answer, entry->provider, entry->target_model);
	for (size_t i = 0; i < found->stored.count && !err; i++)
		err = send_in_pieces(answer, recorder, &found->stored.events[i]);
	note_saved(answer, entry->input, entry->output, entry->cost_nanos, found->similarity);
	return err;
}

/* --- following a call in flight --- */

static const struct err *
get_on(struct answer *answer)
{
	const struct passage_list *passages = flight_passages(answer->cached->seat.flight);
	struct passage_list *own = passages ? stored_passages_copy(answer->arena, passages) : NULL;

	if (passages && !own)
		return &err_no_memory;
	cached_tell(answer, CACHE_SHARED, 0, 1);
	return take_passages(answer, own);
}

static MAY_PARK void
note_shared(struct answer *answer, struct recorder *recorder, const struct answer_services *services, const struct flight_facts *facts)
{
	struct usage usage = facts->usage;
	struct str provider = arena_dup(answer->arena, facts->provider), target_model = arena_dup(answer->arena, facts->target_model);

	if (!usage.known) {
		usage = (struct usage){ .input = call_tokens_estimate(answer->arena, answer->call, false), .output = recorder_tokens(recorder, services->tokenizers, target_model) };
	}
	note_answered(answer, provider, target_model);
	note_saved(answer, usage.input, usage.output, facts->priced ? price_cost_nanos(&facts->price, &usage) : 0, 1);
}

/* How it ended. What was cancelled there was not cancelled here. */
static const struct err *
end_of(struct answer *answer, const struct flight *flight, const struct flight_facts **facts)
{
	const struct err *err = flight_end(flight, facts);

	if (err && err->kind == ERR_CANCELLED)
		return err_new(answer->arena, ERR_UNAVAILABLE, "an identical call in flight, which this one followed, was ended; ask again");
	return err ? err_copy(answer->arena, err) : NULL;
}

MAY_PARK const struct err *
cached_follow(const struct answer_services *services, struct answer *answer, struct recorder *recorder, bool *given_up)
{
	struct cached *cached = answer->cached;
	const struct flight_facts *facts;
	const struct err *err = NULL;
	struct stored_event at;
	enum flight_word word;
	bool on = false;

	*given_up = false;
	while (!err) {
		word = flight_next(&cached->seat, on ? &recorder->sink : NULL, &at, &err);
		if (word == FLIGHT_GIVEN_UP) {
			*given_up = true;
			break;
		}
		if (word == FLIGHT_LEFT)
			break;
		if (!on)
			err = get_on(answer);
		on = true;
		if (!err && word == FLIGHT_EVENT)
			err = send_plain(answer, recorder, &at.event);
		answer->attempt.began = answer->attempt.began || word == FLIGHT_EVENT;
		if (word != FLIGHT_LANDED)
			continue;
		err = end_of(answer, cached->seat.flight, &facts);
		if (!err)
			note_shared(answer, recorder, services, facts);
		break;
	}
	answer->answered = !*given_up;
	flight_leave(&cached->seat);
	return err;
}
