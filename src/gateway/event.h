/*
 * event.h - everything a model says is a sequence of events, whether it streams or not, and a sink is what takes them.
 *
 * Order: START, then pieces of items, then FINISH for each choice, then USAGE; a provider that reports usage earlier is put in order by its decoder. An item begins
 * with its first piece and ends where a piece of another begins: pieces of text, of reasoning, and of each tool call (`item`, which may interleave). Stages
 * between provider and client (record, citations, guards) are sinks that pass events on; a slow client parks them all the way up.
 */
#pragma once

#include "gateway/call.h"
#include "telemetry/record.h"

enum event_type {
	EVENT_START,      /* id, model, created_us: of the whole answer, once */
	EVENT_TEXT,       /* text */
	EVENT_REFUSAL,    /* text */
	EVENT_REASONING,  /* text */
	EVENT_SIGNATURE,  /* text: opaque, of the reasoning before it; without any before it: of reasoning that is redacted */
	EVENT_TOOL_CALL,  /* item, id, name: a call begins */
	EVENT_ARGUMENTS,  /* item, text: a piece of its arguments, or of a custom tool's input */
	EVENT_CITATION,   /* citation */
	EVENT_FINISH,     /* reason */
	EVENT_USAGE,      /* usage */
	EVENT_OTHER,      /* nothing we know but its frame: passed on where dialects agree */
};

enum finish { FINISH_STOP, FINISH_LENGTH, FINISH_TOOL_CALLS, FINISH_CONTENT_FILTER };

struct citation {
	struct str url, title;
	int64_t start, end;          /* of the cited text in the answer, in characters (Unicode code points); end is behind the last */
	const struct context_passage *passage;
};

struct event {
	enum event_type type;
	unsigned choice, item;
	struct str text, id, name, model;
	int64_t created_us;
	enum finish finish;
	struct str finish_text;      /* the reason in the provider's words, for the record */
	struct str stop;             /* FINISH: the stop sequence that was met, where the provider says so */
	struct str logprobs;         /* TEXT: of its tokens, as a JSON array in OpenAI's chat shape; empty: none */
	bool custom;                 /* TOOL_CALL, ARGUMENTS: of a custom tool, whose input is no JSON */
	struct str signature;        /* TOOL_CALL: opaque, comes back with the call; also sent as EVENT_SIGNATURE before it. Empty: none */
	const struct usage *usage;
	const struct citation *citation;
	bool framed;                 /* comes from a frame of the client's own dialect… */
	struct str frame;            /* …whose bytes the frame's first event carries */
	struct str frame_name;       /* its "event:" line; empty: none */
	bool last;                   /* from the frame that carries a finish, or later: not to be sent before the record is committed */
};

struct sink {
	MAY_PARK const struct err *(*event)(struct sink *sink, const struct event *event);

	/* What came together has been passed on, and the next may take its time: sends what the sink has gathered. NULL: it gathers nothing. */
	MAY_PARK const struct err *(*flush)(struct sink *sink);
};

static inline MAY_PARK const struct err *
sink_send(struct sink *sink, const struct event *event)
{
	return sink->event(sink, event);
}

static inline MAY_PARK const struct err *
sink_flush(struct sink *sink)
{
	return sink->flush ? sink->flush(sink) : NULL;
}

/* "stop", "length", "tool_calls", "content_filter", as OpenAI writes them. */
struct str finish_name(enum finish finish);
