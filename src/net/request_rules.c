/*
 * request_rules.c - what a well-formed head may say, beyond its grammar.
 *
 * The parser has seen to tokens, line ends and lengths. Here: the version, the one Host and its agreement with the target, the one coding we take,
 * and the forms of a target. The head is copied into the exchange's arena in one piece, and all views of the exchange look into that copy, so that
 * the read buffer is free for what follows.
 */
#include "net/http_server.h"
#include "net/request.h"

static bool
refuse(struct request *request, int status, const char *message)
{
	request->refusal = (struct request_refusal){ status, message };
	return false;
}

static bool
copy_head(struct request *request, struct str message, struct http_exchange *out)
{
	struct str head = arena_dup(request->arena, str_n(message.ptr, request->fed));

	if (!head.ptr || !fields_list(&request->fields, head, &out->headers))
		return refuse(request, 431, "the request's headers need too much memory");
	out->target = str_n(head.ptr + request->target_at, request->target_len);
	return true;
}

/* One blank before the target, and one behind it: the parser takes more, as other servers do not. */
static bool
check_blanks(struct request *request, struct str message)
{
	const char *target = message.ptr + request->target_at;

	if (request->target_at < 2 || target[-2] == ' ' || target[request->target_len + 1] == ' ')
		return refuse(request, 400, "the request line is malformed");
	return true;
}

static bool
check_line(struct request *request, struct http_exchange *out)
{
	enum http_method method = HTTP_GET;

	if (request->major != 1 || request->minor > 1)
		return refuse(request, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	while (method != HTTP_OTHER && !str_eq_c(request->method, http_method_name(method)))
		method++;
	out->method = method;
	out->method_text = request->method;
	if (str_eq(request->method, STR("CONNECT")))
		return refuse(request, 501, "CONNECT is for proxies");
	return true;
}

struct special {
	struct str host, coding;
	unsigned hosts, codings;
};

/* Picks out the headers that decide where a request ends and whom it is for: one pass, most names fail on their length. */
static bool
check_headers(struct request *request, const struct http_headers *headers, struct special *special)
{
	for (size_t i = 0; i < headers->count; i++) {
		const struct http_header *header = &headers->list[i];

		if (header->name.len == 4 && str_eq_ci(header->name, STR("host"))) {
			special->host = header->value;
			special->hosts++;
		} else if (header->name.len == 6 && str_eq_ci(header->name, STR("expect"))) {
			if (!str_eq_ci(header->value, STR("100-continue")))
				return refuse(request, 417, "only 100-continue may be expected");
			request->expects_continue = request->minor > 0;
		} else if (header->name.len == 14 && str_eq_ci(header->name, STR("content-length"))) {
			if (header->value.len == 0)
				return refuse(request, 400, "the request's Content-Length is not acceptable");
		} else if (header->name.len == 17 && str_eq_ci(header->name, STR("transfer-encoding"))) {
			special->coding = header->value;
			special->codings++;
		}
	}
	return true;
}

static bool
check_framing(struct request *request, const struct special *special, struct http_exchange *out)
{
	out->content_length = request->content_length;
	if (special->codings == 0)
		return true;
	if (request->minor == 0 || request->content_length >= 0)
		return refuse(request, 400, "the request's Transfer-Encoding is not acceptable");
	if (special->codings > 1 || !str_eq_ci(special->coding, STR("chunked")))
		return refuse(request, 501, "the only transfer coding taken is chunked");
	request->chunked = true;
	out->content_length = -1;
	return true;
}

/* A name, an IPv4 address or a bracketed IPv6 address, and perhaps a port. */
static bool
host_ok(struct str host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && (c == '\0' || !strchr("-._~%!$&'()*+;=:[]", c)))
			return false;
	}
	return true;
}

/* "http://host:port/path" becomes "/path"; its host must be the Host header's. */
static bool
take_absolute(struct request *request, struct str host, struct str *target)
{
	size_t scheme = str_find(*target, STR("://"), 0), end;
	struct str authority;

	if (scheme == SIZE_MAX ||
		!(str_eq_ci(str_slice(*target, 0, scheme), STR("http")) || str_eq_ci(str_slice(*target, 0, scheme), STR("https"))))
		return refuse(request, 400, "the request target is malformed");
	authority = str_slice(*target, scheme + 3, target->len);
	for (end = 0; end < authority.len && authority.ptr[end] != '/' && authority.ptr[end] != '?';)
		end++;
	*target = str_slice(authority, end, authority.len);
	authority = str_slice(authority, 0, end);
	if (authority.len == 0 || !host_ok(authority))
		return refuse(request, 400, "the request target is malformed");
	if (host.ptr && !str_eq_ci(authority, host))
		return refuse(request, 400, "the request target and the Host header disagree");
	return true;
}

static bool
check_target(struct request *request, const struct special *special, struct http_exchange *out)
{
	struct str target = out->target, path;
	size_t mark;

	if (special->hosts > 1 || (special->hosts == 0 && request->minor > 0) || !host_ok(special->host))
		return refuse(request, 400, "the request needs one valid Host header");
	if (target.len > 0 && target.ptr[0] != '/' && !str_eq(target, STR("*")) && !take_absolute(request, special->host, &target))
		return false;
	if (str_find_byte(target, '#', 0) != SIZE_MAX || (str_eq(target, STR("*")) && out->method != HTTP_OPTIONS))
		return refuse(request, 400, "the request target is malformed");
	mark = str_find_byte(target, '?', 0);
	path = str_slice(target, 0, mark);
	out->query = mark == SIZE_MAX ? STR_EMPTY : str_slice(target, mark + 1, target.len);
	out->path = path.len > 0 ? path : STR("/");
	if (str_find_byte(path, '%', 0) != SIZE_MAX && !url_decode(request->arena, path, &out->path))
		return refuse(request, 400, "the request target has a bad percent-encoding");
	return true;
}

enum request_step
request_describe(struct request *request, struct str message, struct http_exchange *out)
{
	struct special special = { 0 };
	bool ok = copy_head(request, message, out) && check_line(request, out) && check_blanks(request, message) &&
		  check_headers(request, &out->headers, &special) && check_framing(request, &special, out) &&
		  check_target(request, &special, out);

	return ok ? REQUEST_DONE : REQUEST_BAD;
}
