/*
 * single.c - see single.h.
 */
#include "api/single.h"

#include "api/limits.h"

void
single_begin(struct single *call, struct api_request *request, const struct single_kind *kind, struct span *root)
{
	struct str user = json_get_string(request->json, "user"), model = json_get_string(request->json, "model");

	*call = (struct single){
		.arena = request->arena,
		.kind = kind,
		.conf = request->conf,
		.store = request->app->store,
		.gateway = request->app->gateway,
		.trace = request->trace,
		.root = root,
		.tenant = request->identity->tenant,
		.key_id = str_of(request->identity->key_id),
		.request_id = request->request_id,
		.local_only = limit_local_only(request->identity),
		.batch = limit_batch(request->identity),
		.money = request->app->money,
		.identity = request->identity,
		.user = user.ptr ? user : STR_EMPTY,
		.model = model.ptr ? model : STR_EMPTY,
		.source = request->json,
		.error_status = request->route->errors->status,
	};
}

MAY_PARK const struct err *
single_answer(struct single *call, struct api_request *request)
{
	struct limit_claim *claim;
	const struct err *err;

	if (!call->model.len)
		return err_param(request->arena, ERR_INVALID, "model", NULL, "model: expected the name of a model");
	err = limits_enter(request, LIMIT_HEADERS_OPENAI, call->model, call->user, call->expected.input, &claim);
	if (err)
		return err;
	err = single_run(call);
	limit_settle(claim, call->usage.input ? call->usage.input : err ? 0 : call->expected.input);
	return err;
}
