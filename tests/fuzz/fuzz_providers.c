/*
 * fuzz_providers.c - answers of providers out of a stranger's bytes: frames of a stream, a whole answer, an error's body, vectors.
 *
 * The first byte chooses the kind, the dialect and what the rest is; a stream's frames are lines, "name TAB data". Whatever comes, the events are in order: nothing before START, no FINISH that is not held
 * back for the record, and a stream that counts as finished has said so.
 */
#include <math.h>
#include <stdlib.h>

#include "gateway/embed.h"
#include "gateway/provider.h"

enum { INPUT_MAX = 64 * 1024 };

static const char *const kinds[] = { "openai", "azure", "mistral", "groq", "xai", "anthropic", "gemini", "vertex", "bedrock", "cohere" };

static void
must(bool truth)
{
	if (!truth)
		abort();
}

struct checker {
	struct sink sink;
	bool started, finished;
};

static const struct err *
check(struct sink *sink, const struct event *event)
{
	struct checker *checker = (struct checker *)sink;

	must(checker->started || event->type == EVENT_START);
	must(event->type != EVENT_CITATION || event->citation);
	must(event->type != EVENT_USAGE || event->usage);
	must(event->type != EVENT_FINISH || event->last);
	checker->started = true;
	checker->finished = checker->finished || event->type == EVENT_FINISH;
	return NULL;
}

static const struct err *
read_stream(struct decoder *decoder, struct str rest)
{
	const struct err *err = NULL;
	struct str line;

	while (!err && !decoder->done && str_split(&rest, '\n', &line)) {
		size_t tab = str_find_byte(line, '\t', 0);

		err = decoder->wire->frame(decoder, tab == SIZE_MAX ? STR_EMPTY : str_slice(line, 0, tab), tab == SIZE_MAX ? line : str_slice(line, tab + 1, line.len));
	}
	return err || !decoder->finished || !decoder->wire->end ? err : decoder->wire->end(decoder);
}

/* Vectors of two texts: all of them are there, of one length and finite, or none. */
static void
read_vectors(struct target target, struct arena *arena, bool other, struct str rest)
{
	static const struct str texts[] = { STR_INIT("one"), STR_INIT("two") };
	struct embed_ask ask = { .target = &target, .texts = texts, .count = COUNT(texts) };
	struct embed_vectors vectors = { .arena = arena, .count = COUNT(texts) };
	const struct embed_wire *wire = target.kind->embed;
	struct embed_answer answer = { 0 };
	int64_t tokens = -1;

	if (wire == &embed_bedrock) /* by the model, whose bodies differ */
		target.model = other ? STR("cohere.embed-v4:0") : STR("amazon.titan-embed-text-v2:0");
	else if (wire == &embed_vertex)
		target.model = other ? STR("gemini-embedding-2") : STR("text-embedding-005");
	if (!wire || json_parse(arena, rest, &answer.root) || !json_is(answer.root, JSON_OBJECT))
		return;
	ask.count = wire->take(&target, texts, COUNT(texts));
	if (wire->read(&ask, &answer, arena, &vectors, &tokens)) {
		must(vectors.done == 0);
		return;
	}
	must(tokens >= -1 && vectors.done == ask.count && vectors.dimensions > 0 && vectors.dimensions <= EMBED_DIMENSIONS_MAX);
	for (size_t i = 0; i < vectors.done * vectors.dimensions; i++)
		must(isfinite(vectors.all[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_provider provider = { .name = STR("p"), .base_url = STR("http://127.0.0.1:1"), .apis = CONF_API_ALL };
	struct call call = { .model = STR("m"), .choices = 2, .temperature = NAN, .top_p = NAN, .frequency_penalty = NAN, .presence_penalty = NAN };
	struct checker checker = { .sink = { .event = check } };
	struct arena *arena;
	struct target target;
	struct decoder decoder;
	struct str rest;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	arena = arena_new(MIB(64));
	rest = str_n((const char *)data + 1, size - 1);
	target = (struct target){ .provider = &provider, .kind = provider_find(str_of(kinds[(data[0] & 15) % COUNT(kinds)])), .model = STR("m") };
	decoder = (struct decoder){ .arena = arena, .call = &call, .target = &target, .sink = &checker.sink };
	must(target.kind != NULL);
	call.dialect = (data[0] & 144) == 144 ? DIALECT_OPENAI_RESPONSES : data[0] & 128 ? DIALECT_OPENAI_COMPLETIONS : data[0] & 16 ? DIALECT_OPENAI_CHAT : DIALECT_ANTHROPIC;
	decoder.wire = provider_wire(&call, &target);
	if ((data[0] & 96) == 96) {
		read_vectors(target, arena, data[0] & 16, rest);
	} else if (data[0] & 32) {
		struct failure failure = { 0 };
		struct http_headers none = { 0 };

		decoder.wire->failure(arena, 400 + data[0] % 130, &none, rest, &failure);
		must(failure.err && failure.cause != FAILURE_NONE);
	} else if (data[0] & 64) {
		must(decoder.wire->body(&decoder, rest) || checker.started); /* some servers over OpenAI's wire give no reason for the end */
	} else {
		read_stream(&decoder, rest);
		must(!decoder.finished || checker.finished);
	}
	arena_free(arena);
	return 0;
}
