/*
 * errors.c - errors in the shape of OpenAI's API: {"error":{"message","type","param","code"}}.
 */
#include "api/api.h"

static const char *
type_of(const struct err *err)
{
	switch (err->kind) {
	case ERR_UNAUTHENTICATED:
		return "authentication_error";
	case ERR_FORBIDDEN:
		return "permission_error";
	case ERR_QUOTA:
		return "insufficient_quota";
	case ERR_RATE_LIMITED:
		return "rate_limit_error";
	case ERR_TIMEOUT:
		return "timeout_error";
	case ERR_UPSTREAM:
		return "upstream_error";
	default:
		return err_http_status(err) < 500 ? "invalid_request_error" : "server_error";
	}
}

static void
write_openai(struct json_out *out, const struct err *err, struct str request_id)
{
	(void)request_id; /* it is in the header, as OpenAI sends it */
	json_begin_object(out);
	json_set_object(out, "error");
	json_set_string(out, "message", err->message);
	json_set_string(out, "type", str_of(type_of(err)));
	if (err->param.len)
		json_set_string(out, "param", err->param);
	else
		json_set_null(out, "param");
	if (err->code.len)
		json_set_string(out, "code", err->code);
	else
		json_set_null(out, "code");
	json_end_object(out);
	json_end_object(out);
}

const struct error_shape openai_errors = { write_openai, NULL, "Error" };
