/*
 * openai_responses.h - the dialect of OpenAI's Responses API: a request to the inner form, events to its events or to a whole response object.
 *
 * Beside the call itself stands what the protocol keeps: the response with the items that went in and came out, so that a later request can go on from it
 * (answer/response.h).
 */
#pragma once

#include "answer/response.h"
#include "api/dialect.h"
#include "net/sse.h"

/* A request in our hands: what the inner form says, and what only this protocol knows. */
struct responses_ask {
	struct arena *arena;            /* of the request, or of the background job */
	struct api_request *request;
	struct call *call;
	struct str id;                  /* "resp_…", of the response to be made */
	int64_t created_us;
	struct str previous, conversation; /* ids to go on from; empty: none */
	bool store, background;
	bool summary;                   /* reasoning is wanted as a summary, not as it is */
	bool with_results, with_encrypted; /* include */
	const struct json *head;        /* what a response object repeats of its request: response_put */
	struct str head_text;
	struct response_item *items;    /* the request's own input, as it is kept */
	size_t item_count;
	struct response_item *context;  /* what earlier turns left, in front of it */
	size_t context_count;
	struct arena *stored;           /* of what was read out of the store to go on from; freed with `arena` */
	struct message **context_end;   /* where the context belongs in call->messages: behind the instructions */
};

enum { RESPONSES_ITEMS_MAX = 8192 };

/*
 * Parses what does not need the store. ERR_INVALID names the field ("input[2].content[0]"), ERR_UNSUPPORTED what no target of ours can do. Views point into request->json and body.
 */
const struct err *responses_parse(struct api_request *request, struct arena *arena, struct responses_ask **out);

/* The same for POST /v1/responses/input_tokens, whose members are all optional. */
const struct err *responses_parse_count(struct api_request *request, struct arena *arena, struct responses_ask **out);

/* Objects inside a request whose members are known by their type. */
enum responses_object { RESPONSES_TOOL, RESPONSES_ITEM, RESPONSES_PART, RESPONSES_FORMAT, RESPONSES_SETTING };

/*
 * Why only a server of this protocol can do what an object says beside what any target can: ERR_UNSUPPORTED with the path of the member ("tools[0].defer_loading"). NULL: it says nothing of the kind, or
 * its type is not known. `type`: the object's own, or its name where it has none.
 */
const struct err *responses_members_foreign(struct arena *arena, enum responses_object kind, struct str type, const struct json *object, const char *where);

/*
 * Items. A message of the inner form for each item that says something to a model, behind *end, which moves on. `where` names the item in errors ("input[3]"). What of it only a server of this protocol
 * knows becomes *foreign, where that is NULL: the item itself, a part, a member. Its message is then not whole, but for `raw`.
 */
const struct err *responses_item_message(struct arena *arena, const struct json *item, const char *where, struct message ***end, const struct err **foreign);

/* An item as it is kept and given out again: without its id, contents as lists of parts, with a status. */
const struct err *responses_item_keep(struct arena *arena, const struct json *item, struct response_item *out);

/* "msg", "fc", "rs"…: what the ids of items of this type begin with. */
const char *responses_id_prefix(struct str type);
struct str responses_id_new(struct arena *arena, const char *prefix);

/* What a response object says beside its items. Texts are JSON, or empty for null. */
struct response_state {
	struct str id, status, previous, conversation;
	int64_t created_us, completed_us; /* completed 0: not yet */
	bool background;
	const struct json *head;
	struct str error, incomplete, usage;
};

/* {"id","object":"response",…}; `output` is the JSON of its items, comma between. */
void response_put(struct json_out *out, const struct response_state *state, struct str output);

/* {"code","message"} for a response that failed. */
struct str response_error_json(struct arena *arena, const struct err *err);

/* An item with its id in front, as a value: what `include` does not ask for is left out. */
void response_item_put(struct json_out *out, struct str id, const struct json *body, bool with_results, bool with_encrypted);

/* --- the encoder --- */

struct responses_item;

/* Where events go: to the client's stream, into a background job's log, or nowhere, when the response is written whole. */
struct responses_output {
	MAY_PARK const struct err *(*event)(struct responses_output *output, struct str name, struct str data);

	/* The frames of the end, for the commit of the record: fills the frames of `kept`. */
	const struct err *(*last)(struct responses_output *output, struct str tail, struct response_kept *kept);

	bool cancelled; /* when the answer ends with ERR_CANCELLED: somebody wanted it, and it was not the server that stopped */
};

struct responses_encoder {
	struct encoder base;
	struct answer_keep keep;
	struct responses_ask *ask;
	struct responses_output *output;  /* NULL: whole, or before the stream is open */
	struct sse_writer *stream;
	struct buf tail;                  /* frames of the end, for one write */
	struct buf text;                  /* scratch for one event */
	int64_t sequence;                 /* of the next event */
	int64_t tail_sequence;            /* of the first event in the tail */
	struct responses_item *items, **items_end, *open_message, *open_reasoning, *open_call;
	struct responses_item *waiting;   /* tool calls that began before the open one was whole */
	unsigned item_count;
	int64_t text_before;              /* characters of text parts that are closed: citations count over all text */
	bool started, finished;
	bool announced;                   /* response.created is out */
	struct arena *native;             /* items of a target that speaks this protocol itself */
	bool begun;                       /* its row is stored since it began, and is to be ended whatever happens */
	struct response_state state;
	struct response_kept kept;        /* what is to be stored */
};

/* `output`: NULL for the request's own client. NULL, or err_no_memory. */
const struct err *responses_encoder_init(struct responses_encoder *encoder, struct responses_ask *ask, struct responses_output *output);

/* Says where a background response is before its answer begins: "response.queued" and the like. */
MAY_PARK const struct err *responses_encoder_announce(struct responses_encoder *encoder, const char *name, struct str status);

/* The response as it stands now, as a JSON value. */
void responses_encoder_put(struct responses_encoder *encoder, struct json_out *out);

/* --- what a request goes on from, and what is read back --- */

/* Puts what the request goes on from, and the items it refers to, among its messages. ERR_NOT_FOUND, ERR_CONFLICT say which. */
MAY_PARK const struct err *responses_context(struct responses_ask *ask);

/*
 * Whether a response that is stored when it begins counts as local_only until its end says whether it is: it does where that is known by now, and where it is made from collections, which are not
 * looked at yet.
 */
bool responses_begin_local(const struct responses_ask *ask);

/* Reads the images and files that messages name by their ids, into data: URLs. ERR_NOT_FOUND, ERR_TOO_LARGE (over 32 MiB in all). */
MAY_PARK const struct err *responses_files(struct responses_ask *ask);

/* A stored item as the request's `include` wants it. */
const struct err *responses_item_read(struct api_request *request, const struct response_item *item, struct json_out *out);

/* A page of the items of a response or conversation. */
MAY_PARK const struct err *responses_items_answer(struct api_request *request, struct str owner, bool input_only);

/* A stored response with its output: as a value, as the answer. */
MAY_PARK const struct err *responses_stored_put(struct api_request *request, const struct response_stored *stored, struct json_out *out);
MAY_PARK const struct err *responses_stored_answer(struct api_request *request, const struct response_stored *stored);

/* The sequence number of a frame as this room writes them; -1: it has none. And whether it is the last of its response. */
int64_t responses_frame_number(struct str frame);
bool responses_frame_is_last(struct str frame);

api_handler_fn responses_get, responses_delete, responses_input_items;
