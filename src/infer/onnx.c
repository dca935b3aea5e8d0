/*
 * onnx.c - the only file that knows ONNX Runtime's C API.
 *
 * The library is loaded with dlopen and never unloaded: it leaves threads and thread-local state behind that must not lose their code. Its threads do not spin
 * while they wait for work, so that an idle server costs no CPU.
 */
#include "infer/onnx.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <onnxruntime_c_api.h>

#include "infer/places.h"

struct onnx {
	const OrtApi *api;
	OrtEnv *env;
	OrtSession *session;
	OrtMemoryInfo *memory;
	char *input_ids, *attention_mask, *output;
};

/* ---- the library ---- */

/* The set-up's copy first: it is the one that was tested. */
static void *
open_usual(struct arena *arena)
{
	static const char *const names[] = { "libonnxruntime.so.1", "libonnxruntime.so.1.21", "libonnxruntime.so" };
	struct str cached = place_in_cache(arena, "ort/lib/libonnxruntime.so.1");
	void *library = cached.ptr ? dlopen(cached.ptr, RTLD_NOW | RTLD_LOCAL) : NULL;

	for (size_t i = 0; !library && i < COUNT(names); i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return library;
}

static const struct err *
library_open(struct arena *arena, struct str path, const OrtApi **out)
{
	const char *cpath = path.len > 0 ? arena_cstr(arena, path) : NULL;
	void *library = cpath ? dlopen(cpath, RTLD_NOW | RTLD_LOCAL) : open_usual(arena);
	union {
		void *symbol;
		const OrtApiBase *(*get)(void);
	} base = { .symbol = library ? dlsym(library, "OrtGetApiBase") : NULL };

	if (!base.symbol) {
		const char *why = dlerror();

		return err_detail(arena, err_new(arena, ERR_UNAVAILABLE, "ONNX Runtime is not there: %s", cpath ? cpath : "libonnxruntime.so"),
			"%s", why ? why : "no such library");
	}
	/* NULL when the library is older than the header we were built with */
	*out = base.get()->GetApi(ORT_API_VERSION);
	if (!*out)
		return err_new(arena, ERR_UNAVAILABLE, "ONNX Runtime %s is too old: version 1.%d or newer is needed", base.get()->GetVersionString(),
			ORT_API_VERSION);
	return NULL;
}

/* Takes a status; NULL when it is a good one. */
static const struct err *
status_err(const struct onnx *onnx, struct arena *arena, OrtStatus *status, enum err_kind kind, const char *doing)
{
	const struct err *err;

	if (!status)
		return NULL;
	err = err_detail(arena, err_new(arena, kind, "%s failed", doing), "%s", onnx->api->GetErrorMessage(status));
	onnx->api->ReleaseStatus(status);
	return err;
}

/* ---- the session ---- */

static OrtStatus *
options_set(const OrtApi *api, OrtSessionOptions *options, unsigned threads)
{
	OrtStatus *status = api->SetIntraOpNumThreads(options, (int)threads);

	if (!status)
		status = api->SetInterOpNumThreads(options, 1);
	if (!status)
		status = api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL);
	if (!status)
		status = api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0");
	return status;
}

static OrtStatus *
session_open(struct onnx *onnx, const char *model_path, unsigned threads)
{
	const OrtApi *api = onnx->api;
	OrtSessionOptions *options = NULL;
	OrtStatus *status = api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "corbel", &onnx->env);

	if (!status)
		status = api->CreateSessionOptions(&options);
	if (!status)
		status = options_set(api, options, threads);
	if (!status)
		status = api->CreateSession(onnx->env, model_path, options, &onnx->session);
	if (!status)
		status = api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &onnx->memory);
	if (options)
		api->ReleaseSessionOptions(options);
	return status;
}

static char *
name_dup(struct str name)
{
	char *copy = mem_alloc(name.len + 1);

	memcpy(copy, name.ptr, name.len);
	copy[name.len] = 0;
	return copy;
}

const struct err *
onnx_open(struct arena *arena, const struct onnx_spec *spec, struct onnx **out)
{
	const char *path = arena_cstr(arena, spec->model_path);
	struct onnx *onnx = mem_zalloc(sizeof(*onnx));
	const struct err *err = path ? library_open(arena, spec->runtime_lib, &onnx->api) : &err_no_memory;

	if (err) {
		free(onnx);
		return err;
	}
	onnx->input_ids = name_dup(spec->input_ids);
	onnx->attention_mask = name_dup(spec->attention_mask);
	onnx->output = name_dup(spec->output);
	err = status_err(onnx, arena, session_open(onnx, path, spec->threads), ERR_UNAVAILABLE, "loading the embedding model");
	if (err) {
		onnx_close(onnx);
		return err;
	}
	*out = onnx;
	return NULL;
}

void
onnx_close(struct onnx *onnx)
{
	if (onnx->memory)
		onnx->api->ReleaseMemoryInfo(onnx->memory);
	if (onnx->session)
		onnx->api->ReleaseSession(onnx->session);
	if (onnx->env)
		onnx->api->ReleaseEnv(onnx->env);
	free(onnx->input_ids);
	free(onnx->attention_mask);
	free(onnx->output);
	free(onnx);
}

/* A tensor over the caller's memory. */
static OrtStatus *
tensor(const struct onnx *onnx, const void *data, size_t size, const int64_t shape[2], ONNXTensorElementDataType type, OrtValue **out)
{
	return onnx->api->CreateTensorWithDataAsOrtValue(onnx->memory, (void *)data, size, shape, 2, type, out);
}

const struct err *
onnx_embed(struct onnx *onnx, struct arena *arena, const int64_t *ids, const int64_t *mask, size_t texts, size_t len, float *out, size_t dimensions)
{
	const OrtApi *api = onnx->api;
	const int64_t shape[2] = { (int64_t)texts, (int64_t)len }, out_shape[2] = { (int64_t)texts, (int64_t)dimensions };
	const char *const inputs[] = { onnx->input_ids, onnx->attention_mask };
	const char *const outputs[] = { onnx->output };
	OrtValue *values[2] = { NULL, NULL }, *result = NULL;
	OrtStatus *status = tensor(onnx, ids, texts * len * sizeof(*ids), shape, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, &values[0]);

	if (!status)
		status = tensor(onnx, mask, texts * len * sizeof(*mask), shape, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, &values[1]);
	/* the model writes into our memory, and refuses when its output has another shape */
	if (!status)
		status = tensor(onnx, out, texts * dimensions * sizeof(*out), out_shape, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &result);
	if (!status)
		status = api->Run(onnx->session, NULL, inputs, (const OrtValue *const *)values, COUNT(inputs), outputs, COUNT(outputs), &result);
	for (size_t i = 0; i < COUNT(values); i++)
		if (values[i])
			api->ReleaseValue(values[i]);
	if (result)
		api->ReleaseValue(result);
	return status_err(onnx, arena, status, ERR_INTERNAL, "embedding");
}
