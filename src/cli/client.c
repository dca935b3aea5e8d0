/*
 * client.c - calls from the command line to a server. See client.h.
 *
 * The key in the data directory is sent to a server on this machine only: a mistyped --url must not give an admin key away.
 */
#include "cli/client.h"

#include "cli/datadir.h"
#include "cli/term.h"
#include "rt/fiber.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MAX = 64 * 1024 * 1024 };

static struct str
environment(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? str_of(value) : (struct str){ NULL, 0 };
}

static bool
is_loopback(struct str url)
{
	static const char *const hosts[] = { "http://127.0.0.1", "http://localhost", "http://[::1]", "https://127.0.0.1",
		"https://localhost", "https://[::1]" };

	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct str rest = str_slice(url, strlen(hosts[i]), url.len);

		if (str_starts(url, str_of(hosts[i])) && (rest.len == 0 || rest.ptr[0] == ':' || rest.ptr[0] == '/'))
			return true;
	}
	return false;
}

static void
find_server(struct client *client, const struct args *args, struct str data)
{
	client->url = args_get(args, "url");
	if (!client->url.ptr)
		client->url = environment("CORBEL_URL");
	if (!client->url.ptr)
		client->url = datadir_server_url(client->arena, data);
	if (!client->url.ptr)
		client->url = STR("http://127.0.0.1:8321");
	if (str_find(client->url, STR("://"), 0) == SIZE_MAX)
		client->url = arena_printf(client->arena, "http://%" STR_F, STR_A(client->url));
	while (str_ends(client->url, STR("/")))
		client->url.len--;
}

static void
find_key(struct client *client, const struct args *args, struct str data)
{
	client->key = args_get(args, "key");
	if (!client->key.ptr)
		client->key = environment("CORBEL_KEY");
	if (!client->key.ptr)
		client->key = environment("CORBEL_ADMIN_KEY");
	if (client->key.ptr)
		return;
	client->key = STR_EMPTY;
	if (!is_loopback(client->url)) {
		client->key_missing =
			"give a key with --key or CORBEL_KEY: the one of the data directory is used for a server on this machine only";
		return;
	}
	client->key = datadir_admin_key(client->arena, data);
	if (client->key.len == 0)
		client->key_missing = "give a key with --key or CORBEL_KEY, or the server's data directory with --data: there is no "
				      "admin.key to be read there";
}

struct running {
	struct args *args;
	int code;
};

static MAY_PARK void
run_call(void *arg)
{
	struct running *running = arg;
	struct args *args = running->args;
	struct client client = { .arena = args->arena, .json = args_has(args, "json") };
	struct str data = args_get(args, "data");

	if (!data.ptr)
		data = environment("CORBEL_DATA");
	if (!data.ptr)
		data = STR("corbel-data");
	find_server(&client, args, data);
	find_key(&client, args, data);
	running->code = args->command->call(&client, args);
}

int
client_run(struct args *args)
{
	struct running running = { args, EXIT_FAILED };

	runtime_run_one(run_call, &running);
	return running.code;
}

struct str
client_encode(struct arena *arena, struct str text)
{
	struct buf out;

	buf_init(&out, arena, 3 * text.len + 16);
	url_encode(&out, text);
	return buf_str(&out);
}

static enum err_kind
kind_of_status(int status)
{
	switch (status) {
	case 401:
		return ERR_UNAUTHENTICATED;
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	case 413:
		return ERR_TOO_LARGE;
	case 429:
		return ERR_RATE_LIMITED;
	case 503:
		return ERR_BUSY;
	default:
		return status < 500 ? ERR_INVALID : ERR_UPSTREAM;
	}
}

/* The message in the body of an answer that is an error. */
static MAY_PARK const struct err *
refusal(struct client *client, struct arena *arena, struct http_call *call)
{
	const struct json *body = NULL;
	struct str text, message = { NULL, 0 };

	if (!http_call_read_all(call, arena, MIB(1), &text) && !json_parse(arena, text, &body))
		message = json_get_string(json_get(body, "error"), "message");
	if (client->status == 401 && client->key_missing)
		return err_new(arena, ERR_UNAUTHENTICATED, "%s", client->key_missing);
	if (!message.ptr)
		return err_new(arena, kind_of_status(client->status), "%" STR_F " answered %d %s", STR_A(client->url), client->status,
			http_status_text(client->status));
	return err_new(arena, kind_of_status(client->status), "%" STR_F, STR_A(message));
}

const struct err *
client_open(struct client *client, struct arena *arena, const struct client_request *request, struct http_call **out)
{
	struct http_header list[4];
	struct http_headers headers = { list, 0 };
	struct http_call_spec spec = {
		.method = request->method,
		.body = request->body,
		.headers_timeout_us = request->timeout_us,
		.body_max = ANSWER_MAX,
	};
	const struct err *err;

	client->status = 0;
	spec.url = arena_printf(arena, "%" STR_F "%" STR_F, STR_A(client->url), STR_A(request->path));
	if (client->key.len > 0)
		list[headers.count++] =
			(struct http_header){ STR("Authorization"), arena_printf(arena, "Bearer %" STR_F, STR_A(client->key)) };
	if (request->content_type.len > 0)
		list[headers.count++] = (struct http_header){ STR("Content-Type"), request->content_type };
	if (request->extra.name.len > 0)
		list[headers.count++] = request->extra;
	spec.headers = headers;
	err = http_call_open(arena, &spec, out);
	if (err)
		return err_wrap(arena, err, "%" STR_F " does not answer", STR_A(client->url));
	client->status = http_call_status(*out);
	if (client->status < 400)
		return NULL;
	err = refusal(client, arena, *out);
	http_call_close(*out);
	*out = NULL;
	return err;
}

const struct err *
client_call(struct client *client, struct arena *arena, const struct client_request *request, const struct json **answer, struct str *text)
{
	struct http_call *call;
	const struct err *err = client_open(client, arena, request, &call);

	*answer = NULL;
	*text = STR_EMPTY;
	if (err)
		return err;
	err = http_call_read_all(call, arena, ANSWER_MAX, text);
	http_call_close(call);
	if (!err && text->len > 0)
		err = json_parse(arena, *text, answer);
	return err;
}

const struct err *
client_get(struct client *client, const struct json **answer, struct str *text, const char *format, ...)
{
	struct client_request request = { .method = HTTP_GET };
	char path[2048];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(path))
		return err_new(client->arena, ERR_INVALID, "too long a name");
	request.path = str_n(path, (size_t)len);
	return client_call(client, client->arena, &request, answer, text);
}

int
client_fail(struct client *client, const struct err *err)
{
	term_fail(err);
	if (client->status == 0 && err->kind == ERR_UNAVAILABLE)
		return EXIT_UNREACHABLE;
	return err->kind == ERR_UNAUTHENTICATED || err->kind == ERR_FORBIDDEN ? EXIT_REFUSED : EXIT_FAILED;
}

int
client_print(struct str text)
{
	term_json(text);
	if (!str_ends(text, STR("\n")))
		putchar('\n');
	return EXIT_DONE;
}
