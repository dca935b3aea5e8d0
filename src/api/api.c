/*
 * api.c - what handlers ask for: whose key it is, what the query says, an answer in JSON. What calls them is in serve.c.
 */
#include "api/api.h"

#include "text/utf8.h"

/* --- the key --- */

/* "Authorization: Bearer KEY", or "x-api-key: KEY" as Anthropic's clients send it. */
static struct str
presented_key(const struct http_headers *headers)
{
	struct str value = http_header_get(headers, STR("authorization"));

	if (value.ptr && value.len > 7 && str_eq_ci(str_slice(value, 0, 7), STR("Bearer ")))
		return str_trim(str_slice(value, 7, value.len));
	value = http_header_get(headers, STR("x-api-key"));
	return value.ptr ? value : STR_EMPTY;
}

const struct err *
api_authenticate(struct api_request *request, enum key_scope scope)
{
	const struct err *err;

	if (scope == SCOPE_NONE)
		return NULL;
	err = access_authenticate(request->app->access, request->arena, presented_key(&request->http->headers), &request->identity);
	if (!err)
		err = access_require(request->identity, scope, request->arena);
	return err ? err : access_check_peer(request->identity, request->http->peer, request->arena);
}

const struct err *
api_require_first_tenant(struct api_request *request)
{
	if (request->identity->tenant == TENANT_DEFAULT)
		return NULL;
	return err_param(request->arena, ERR_FORBIDDEN, NULL, "operator_only", "this tells of the whole installation, other tenants' calls among it: it takes a key of the first tenant");
}

const struct err *
api_require_operator(struct api_request *request)
{
	if (identity_is_operator(request->identity))
		return NULL;
	return err_param(request->arena, ERR_FORBIDDEN, NULL, "operator_only", "this concerns the whole installation: it takes an admin key of the first tenant");
}

/* --- the answer --- */

MAY_PARK const struct err *
api_answer_json(struct api_request *request, int status, const struct json_out *out)
{
	const struct err *err = buf_err(out->buf);

	return err ? err : http_answer(request->http, status, STR("application/json"), buf_str(out->buf));
}

/* --- what handlers ask of the query string --- */

struct str
api_query(struct api_request *request, const char *name)
{
	struct str value = url_query_get(request->arena, request->http->query, str_of(name));

	return value.ptr ? utf8_repair(request->arena, value) : value;
}

const struct err *
api_query_int(struct api_request *request, const char *name, int64_t initial, int64_t min, int64_t max, int64_t *out)
{
	struct str text = api_query(request, name);

	*out = initial;
	if (!text.ptr)
		return NULL;
	if (!str_to_i64(text, out) || *out < min || *out > max)
		return err_param(request->arena, ERR_INVALID, name, NULL, "%s must be a whole number from %lld to %lld", name, (long long)min, (long long)max);
	return NULL;
}
