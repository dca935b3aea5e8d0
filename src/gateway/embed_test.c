/*
 * embed_test.c - embeddings on wires of their own, by the published references: what is sent for texts, and what is read from answers, good and bad.
 */
#include "gateway/test_provider.h"

#include "gateway/embed.h"

struct wired {
	struct fixture fixture;
	struct embed_ask ask;
	struct embed_vectors vectors;
	int64_t tokens;
};

static const struct str texts[] = { STR_INIT("one \"two\""), STR_INIT("three") };

static void
begin_wire(struct wired *wired, const struct provider *kind, const char *base_url, const char *model, const char *request)
{
	begin(&wired->fixture, kind);
	wired->fixture.provider.base_url = str_of(base_url);
	wired->fixture.target.model = str_of(model);
	wired->fixture.provider.project = STR("p");
	wired->fixture.provider.location = STR("l");
	source(&wired->fixture, request);
	wired->ask = (struct embed_ask){ &wired->fixture.target, wired->fixture.call.source, json_int(json_get(wired->fixture.call.source, "dimensions"), 0), texts, 2 };
	wired->vectors = (struct embed_vectors){ .arena = wired->fixture.arena, .count = 2 };
}

static const struct err *
write_it(struct wired *wired)
{
	return wired->fixture.target.kind->embed->request(&wired->ask, wired->fixture.arena, &wired->fixture.spec);
}

static const struct err *
read_it(struct wired *wired, const char *answer)
{
	struct embed_answer read = { 0 };

	assert_null(json_parse(wired->fixture.arena, str_of(answer), &read.root));
	return wired->fixture.target.kind->embed->read(&wired->ask, &read, wired->fixture.arena, &wired->vectors, &wired->tokens);
}

static void
writes(const struct provider *kind, const char *base_url, const char *model, const char *request, const char *url, const char *body)
{
	struct wired wired;

	begin_wire(&wired, kind, base_url, model, request);
	assert_null(write_it(&wired));
	assert_text(&wired.fixture, wired.fixture.spec.url, url);
	assert_text(&wired.fixture, wired.fixture.spec.body, body);
	end(&wired.fixture);
}

static void
refuses(const struct provider *kind, const char *model, const char *request, const char *param)
{
	struct wired wired;
	const struct err *err;

	begin_wire(&wired, kind, "https://host", model, request);
	err = write_it(&wired);
	assert_non_null(err);
	assert_int_equal(err->kind, ERR_UNSUPPORTED);
	assert_text(&wired.fixture, err->param, param);
	end(&wired.fixture);
}

static void
texts_are_written_in_each_wire_s_words(void **state)
{
	(void)state;
	writes(&provider_cohere, "https://api.cohere.com", "embed-v4.0", "{\"model\":\"m\",\"input\":[\"x\"],\"user\":\"ann\",\"encoding_format\":\"base64\"}", "https://api.cohere.com/v2/embed",
		"{\"model\":\"embed-v4.0\",\"texts\":[\"one \\\"two\\\"\",\"three\"],\"input_type\":\"search_document\",\"embedding_types\":[\"float\"]}");
	writes(&provider_cohere, "https://proxy/v2", "embed-v4.0", "{\"input_type\":\"search_query\",\"truncate\":\"END\",\"dimensions\":256}", "https://proxy/v2/embed",
		"{\"model\":\"embed-v4.0\",\"texts\":[\"one \\\"two\\\"\",\"three\"],\"input_type\":\"search_query\",\"truncate\":\"END\",\"embedding_types\":[\"float\"],\"output_dimension\":256}");
	writes(&provider_gemini, "https://g/v1beta", "gemini-embedding-001", "{\"dimensions\":8,\"task_type\":\"CLUSTERING\"}", "https://g/v1beta/models/gemini-embedding-001:batchEmbedContents",
		"{\"requests\":[{\"model\":\"models/gemini-embedding-001\",\"content\":{\"parts\":[{\"text\":\"one \\\"two\\\"\"}]},\"taskType\":\"CLUSTERING\",\"outputDimensionality\":8},"
		"{\"model\":\"models/gemini-embedding-001\",\"content\":{\"parts\":[{\"text\":\"three\"}]},\"taskType\":\"CLUSTERING\",\"outputDimensionality\":8}]}");
	writes(&provider_bedrock, "https://b", "amazon.titan-embed-text-v2:0", "{\"dimensions\":256,\"normalize\":false}", "https://b/model/amazon.titan-embed-text-v2%3A0/invoke",
		"{\"inputText\":\"one \\\"two\\\"\",\"dimensions\":256,\"normalize\":false}");
	writes(&provider_bedrock, "https://b", "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.cohere.embed-v4:0", "{\"dimensions\":256}",
		"https://b/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.cohere.embed-v4%3A0/invoke",
		"{\"texts\":[\"one \\\"two\\\"\",\"three\"],\"input_type\":\"search_document\",\"embedding_types\":[\"float\"],\"output_dimension\":256}");
	writes(&provider_vertex, "https://v/v1", "text-embedding-005", "{\"task_type\":\"CLUSTERING\",\"dimensions\":8}",
		"https://v/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict",
		"{\"instances\":[{\"content\":\"one \\\"two\\\"\",\"task_type\":\"CLUSTERING\"},{\"content\":\"three\",\"task_type\":\"CLUSTERING\"}],\"parameters\":{\"outputDimensionality\":8}}");
	writes(&provider_vertex, "https://v/v1", "gemini-embedding-2", "{\"title\":\"t\",\"dimensions\":8}", "https://v/v1/projects/p/locations/l/publishers/google/models/gemini-embedding-2:embedContent",
		"{\"content\":{\"parts\":[{\"text\":\"one \\\"two\\\"\"}]},\"embedContentConfig\":{\"outputDimensionality\":8,\"title\":\"t\"}}");
}

static void
what_a_wire_has_not_is_refused_by_name(void **state)
{
	(void)state;
	refuses(&provider_cohere, "embed-english-v3.0", "{\"dimensions\":256}", "dimensions");
	refuses(&provider_cohere, "embed-v4.0", "{\"task_type\":\"CLUSTERING\"}", "task_type");
	refuses(&provider_gemini, "gemini-embedding-001", "{\"input_type\":\"search_query\"}", "input_type");
	refuses(&provider_gemini, "gemini-embedding-001", "{\"tomorrow\":1}", "tomorrow");
	refuses(&provider_bedrock, "amazon.titan-embed-text-v1", "{\"dimensions\":256}", "dimensions");
	refuses(&provider_bedrock, "amazon.titan-embed-text-v1", "{\"normalize\":true}", "normalize");
	refuses(&provider_bedrock, "cohere.embed-multilingual-v3", "{\"dimensions\":256}", "dimensions");
	refuses(&provider_bedrock, "cohere.embed-multilingual-v3", "{\"max_tokens\":9}", "max_tokens");
	refuses(&provider_bedrock, "amazon.titan-embed-image-v1", "{}", "model");
	refuses(&provider_bedrock, "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x", "{}", "model");
	refuses(&provider_vertex, "text-embedding-005", "{\"input_type\":\"search_query\"}", "input_type");
}

static void
a_name_that_could_change_the_path_is_not_sent(void **state)
{
	struct wired wired;

	(void)state;
	begin_wire(&wired, &provider_gemini, "https://g/v1beta", "../files?x", "{}");
	assert_int_equal(write_it(&wired)->kind, ERR_NOT_FOUND);
	end(&wired.fixture);
}

static void
reads(const struct provider *kind, const char *model, const char *answer, int64_t tokens)
{
	struct wired wired;

	begin_wire(&wired, kind, "https://host", model, "{}");
	assert_null(read_it(&wired, answer));
	assert_int_equal(wired.tokens, tokens);
	assert_int_equal(wired.vectors.done, 2);
	assert_int_equal(wired.vectors.dimensions, 3);
	assert_true(wired.vectors.all[0] == 1 && wired.vectors.all[2] == -0.5f && wired.vectors.all[3] == 0 && wired.vectors.all[5] == 2);
	end(&wired.fixture);
}

static void
vectors_come_in_the_order_of_the_texts(void **state)
{
	(void)state;
	reads(&provider_cohere, "embed-v4.0", "{\"embeddings\":{\"float\":[[1,0.25,-0.5],[0,1,2]]},\"meta\":{\"billed_units\":{\"input_tokens\":7.0}}}", 7);
	reads(&provider_cohere, "embed-v4.0", "{\"embeddings\":{\"float\":[[1,0.25,-0.5],[0,1,2]]}}", -1);
	reads(&provider_gemini, "gemini-embedding-001", "{\"embeddings\":[{\"values\":[1,0.25,-0.5]},{\"values\":[0,1,2]}],\"usageMetadata\":{\"promptTokenCount\":7}}", 7);
	reads(&provider_gemini, "gemini-embedding-001", "{\"embeddings\":[{\"values\":[1,0.25,-0.5]},{\"values\":[0,1,2]}]}", -1);
	reads(&provider_bedrock, "cohere.embed-v4:0", "{\"embeddings\":{\"float\":[[1,0.25,-0.5],[0,1,2]]}}", -1);
	reads(&provider_bedrock, "cohere.embed-english-v3", "{\"embeddings\":[[1,0.25,-0.5],[0,1,2]]}", -1);
	reads(&provider_vertex, "text-embedding-005", "{\"predictions\":[{\"embeddings\":{\"values\":[1,0.25,-0.5],\"statistics\":{\"token_count\":3}}},"
		"{\"embeddings\":{\"values\":[0,1,2],\"statistics\":{\"token_count\":4}}}]}", 7);
	reads(&provider_vertex, "text-embedding-005", "{\"predictions\":[{\"embeddings\":{\"values\":[1,0.25,-0.5],\"statistics\":{\"token_count\":3}}},{\"embeddings\":{\"values\":[0,1,2]}}]}", -1);
}

static void
a_wire_of_one_text_fills_one_place_after_the_other(void **state)
{
	static const struct {
		const struct provider *kind;
		const char *model, *answer;
	} rows[] = { { &provider_bedrock, "amazon.titan-embed-text-v2:0", "{\"embedding\":[1,2],\"inputTextTokenCount\":3}" },
		{ &provider_vertex, "gemini-embedding-2", "{\"embedding\":{\"values\":[1,2]},\"usageMetadata\":{\"promptTokenCount\":3}}" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct wired wired;

		begin_wire(&wired, rows[i].kind, "https://host", rows[i].model, "{}");
		assert_int_equal(rows[i].kind->embed->take(&wired.fixture.target, texts, 2), 1);
		assert_non_null(read_it(&wired, rows[i].answer)); /* two were asked for */
		wired.ask.count = 1;
		for (size_t done = 1; done <= 2; done++) {
			assert_null(read_it(&wired, rows[i].answer));
			assert_int_equal(wired.tokens, 3);
			assert_int_equal(wired.vectors.done, done);
			assert_true(wired.vectors.all[2 * done - 1] == 2);
		}
		end(&wired.fixture);
	}
}

static void
an_answer_that_does_not_fit_is_an_error(void **state)
{
	static const char *const lists[] = { "null", "{}", "[]", "[[1,2,3]]", "[[1,2,3],[1,2]]", "[[1,2,3],[1,2,3],[1,2,3]]", "[[],[]]", "[[1,\"2\",3],[1,2,3]]", "[[1,2,3],[1,2,1e39]]", "[[1,2,3],null]" };

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct wired wired;
		const struct err *err;

		begin_wire(&wired, &provider_cohere, "https://host", "embed-v4.0", "{}");
		err = read_it(&wired, arena_cstr(wired.fixture.arena, arena_printf(wired.fixture.arena, "{\"embeddings\":{\"float\":%s}}", lists[i])));
		assert_non_null(err);
		assert_int_equal(err->kind, ERR_UPSTREAM);
		assert_int_equal(wired.vectors.done, 0);
		end(&wired.fixture);
	}
}

static void
a_length_that_was_not_asked_for_is_an_error(void **state)
{
	struct wired wired;

	(void)state;
	begin_wire(&wired, &provider_cohere, "https://host", "embed-v4.0", "{\"dimensions\":4}");
	assert_int_equal(read_it(&wired, "{\"embeddings\":{\"float\":[[1,2,3],[1,2,3]]}}")->kind, ERR_UPSTREAM);
	end(&wired.fixture);
}

static void
a_request_takes_as_many_texts_as_the_wire(void **state)
{
	struct wired wired;

	(void)state;
	begin_wire(&wired, &provider_cohere, "https://host", "embed-v4.0", "{}");
	assert_int_equal(embed_cohere.take(&wired.fixture.target, texts, 2), 2);
	assert_int_equal(embed_cohere.take(&wired.fixture.target, texts, 97), 96);
	assert_int_equal(embed_gemini.take(&wired.fixture.target, texts, 1000), 100);
	end(&wired.fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_written_in_each_wire_s_words),
		cmocka_unit_test(what_a_wire_has_not_is_refused_by_name),
		cmocka_unit_test(a_name_that_could_change_the_path_is_not_sent),
		cmocka_unit_test(vectors_come_in_the_order_of_the_texts),
		cmocka_unit_test(a_wire_of_one_text_fills_one_place_after_the_other),
		cmocka_unit_test(an_answer_that_does_not_fit_is_an_error),
		cmocka_unit_test(a_length_that_was_not_asked_for_is_an_error),
		cmocka_unit_test(a_request_takes_as_many_texts_as_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
