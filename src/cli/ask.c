/*
 * ask.c - `corbel ask`: one question, its answer as it is written, and the sources it cites.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/term.h"
#include "net/sse.h"

#include "base/clock.h"

#include <stdio.h>

enum { FRAME_MAX = 1024 * 1024, CITATIONS_MAX = 100, QUESTION_MAX = 1024 * 1024 };

struct citation {
	struct str title, url;
};

struct reply {
	struct arena *arena;
	struct citation citations[CITATIONS_MAX];
	size_t citation_count;
	struct str error; /* an error that came in the middle of the stream */
	bool finished;    /* the finish was seen */
	bool line_open;   /* the last character printed was no line break */
};

/* A source is listed once, however often it is cited. */
static void
citation_add(struct reply *reply, const struct json *annotation)
{
	const struct json *cited = json_get(annotation, "url_citation");
	struct str url;

	if (!cited)
		cited = annotation;
	url = json_get_string(cited, "url");
	for (size_t i = 0; i < reply->citation_count; i++)
		if (str_eq(reply->citations[i].url, url))
			return;
	if (url.len == 0 || reply->citation_count == CITATIONS_MAX)
		return;
	reply->citations[reply->citation_count++] =
		(struct citation){ arena_dup(reply->arena, json_get_string(cited, "title")), arena_dup(reply->arena, url) };
}

static void
text_print(struct reply *reply, struct str text)
{
	if (text.len == 0)
		return;
	term_print(text);
	fflush(stdout);
	reply->line_open = text.ptr[text.len - 1] != '\n';
}

static void
choice_take(struct reply *reply, const struct json *choice)
{
	const struct json *delta = json_get(choice, "delta");

	text_print(reply, json_get_string(delta, "content"));
	text_print(reply, json_get_string(delta, "refusal"));
	for (struct json_iter it = json_iter(json_get(delta, "annotations")); json_next(&it);)
		citation_add(reply, it.value);
	if (json_is(json_get(choice, "finish_reason"), JSON_STRING))
		reply->finished = true;
}

/* One chunk of the stream. The scratch arena is the chunk's own. */
static const struct err *
chunk_take(struct reply *reply, struct arena *scratch, struct str data)
{
	const struct json *chunk;
	const struct err *err;

	if (str_eq_c(data, "[DONE]"))
		return NULL;
	err = json_parse(scratch, data, &chunk);
	if (err)
		return err;
	if (json_get(chunk, "error"))
		reply->error = arena_dup(reply->arena, json_get_string(json_get(chunk, "error"), "message"));
	for (struct json_iter it = json_iter(json_get(chunk, "choices")); json_next(&it);)
		choice_take(reply, it.value);
	return NULL;
}

static MAY_PARK const struct err *
stream_read(struct reply *reply, struct http_call *call)
{
	struct arena *scratch = arena_new(MIB(8));
	struct sse_reader reader;
	const struct err *err = NULL;
	struct str piece, event, data;

	sse_reader_init(&reader, reply->arena, FRAME_MAX);
	do {
		err = http_call_read(call, &piece);
		if (!err && piece.len > 0)
			err = sse_reader_feed(&reader, piece);
		while (!err && piece.len > 0 && sse_reader_next(&reader, &event, &data)) {
			err = err_copy(reply->arena, chunk_take(reply, scratch, data));
			arena_reset(scratch);
		}
	} while (!err && piece.len > 0);
	sse_reader_fini(&reader);
	arena_free(scratch);
	if (!err && reply->error.len > 0)
		return err_new(reply->arena, ERR_UPSTREAM, "%" STR_F, STR_A(reply->error));
	if (!err && !reply->finished)
		return err_new(reply->arena, ERR_UPSTREAM, "the answer broke off");
	return err;
}

static void
citations_print(const struct reply *reply)
{
	if (reply->citation_count > 0)
		putchar('\n');
	for (size_t i = 0; i < reply->citation_count; i++) {
		printf("%s[%zu]%s ", term_style(TERM_CYAN), i + 1, term_style(TERM_PLAIN));
		term_line(reply->citations[i].title);
		printf("\n    %s", term_style(TERM_DIM));
		term_line(reply->citations[i].url);
		printf("%s\n", term_style(TERM_PLAIN));
	}
}

static void
standard_input(struct buf *text)
{
	char piece[4096];
	size_t got;

	while ((got = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(text, str_n(piece, got));
}

/* The words of the command line, or what stands on standard input for "-". */
static struct str
question(struct args *args)
{
	struct buf text;

	buf_init(&text, args->arena, QUESTION_MAX);
	if (args->count == 1 && str_eq_c(args->list[0], "-")) {
		standard_input(&text);
		return buf_str(&text);
	}
	for (size_t i = 0; i < args->count; i++) {
		buf_add(&text, i ? STR(" ") : STR_EMPTY);
		buf_add(&text, args->list[i]);
	}
	return buf_str(&text);
}

static struct str
request_body(struct args *args, bool stream)
{
	struct str model = args_get(args, "model"), collection = args_get(args, "collection");
	struct json_out json;
	struct buf body;

	if (collection.ptr)
		model = arena_printf(args->arena, "collection/%" STR_F, STR_A(collection));
	buf_init(&body, args->arena, 8 * QUESTION_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "model", model.ptr ? model : STR("docs"));
	json_set_bool(&json, "stream", stream);
	json_set_array(&json, "messages");
	json_begin_object(&json);
	json_set_string(&json, "role", STR("user"));
	json_set_string(&json, "content", question(args));
	json_end_object(&json);
	json_end_array(&json);
	json_end_object(&json);
	return buf_str(&body);
}

static MAY_PARK int
ask_call(struct client *client, struct args *args)
{
	struct client_request request = {
		.method = HTTP_POST,
		.path = STR("/v1/chat/completions"),
		.content_type = STR("application/json"),
		.timeout_us = 600 * USEC_PER_SEC,
	};
	struct reply *reply = arena_zalloc(args->arena, sizeof(*reply));
	const struct json *answer;
	const struct err *err;
	struct http_call *call;
	struct str text, id;

	request.body = request_body(args, !client->json);
	if (client->json) {
		err = client_call(client, args->arena, &request, &answer, &text);
		return err ? client_fail(client, err) : client_print(text);
	}
	err = client_open(client, args->arena, &request, &call);
	if (err)
		return client_fail(client, err);
	reply->arena = args->arena;
	id = http_header_get(http_call_headers(call), STR("x-request-id"));
	id = arena_dup(args->arena, id);
	err = stream_read(reply, call);
	http_call_close(call);
	if (reply->line_open)
		putchar('\n');
	if (!err)
		citations_print(reply);
	fflush(stdout);
	if (id.len > 0 && term_error_is_terminal())
		fprintf(stderr, "\nrecord: corbel trace show %" STR_F "\n", STR_A(id));
	return err ? client_fail(client, err) : EXIT_DONE;
}

static const struct option options[] = {
	{ "model", 'm', "NAME", "The model to ask. Else docs." },
	{ "collection", 0, "NAME", "Ask the documents of this collection, whatever models the configuration has." },
	{ NULL, 0, NULL, NULL },
};

const struct command ask_command = {
	.name = "ask",
	.arguments = "QUESTION...",
	.summary = "Ask a question",
	.options = options,
	.args_min = 1,
	.args_max = 10000,
	.call = ask_call,
	.help = "Prints the answer as it is written, then the sources that it cites. \"-\" reads the question from standard input. With "
		"--json the whole answer is printed at once, as the "
		"server gives it.",
};
