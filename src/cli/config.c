/*
 * config.c - `corbel config apply|versions|rollback|export`.
 */
#include "cli/config.h"

#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"
#include "cli/yaml_out.h"
#include "conf/yaml.h"

#include <errno.h>
#include <stdio.h>

enum { JSON_MAX = 16 * 1024 * 1024, HASH_SHOWN = 12 };

/* --- files --- */

/* The whole file; ptr NULL: has told what is wrong. */
static struct str
file_read(struct args *args, struct str path)
{
	bool standard = str_eq_c(path, "-");
	char *name = arena_cstr(args->arena, path), *bytes = arena_alloc(args->arena, YAML_BYTES_MAX + 1);
	FILE *file = standard ? stdin : name ? fopen(name, "rb") : NULL;
	size_t len = file && bytes ? fread(bytes, 1, YAML_BYTES_MAX + 1, file) : 0;
	bool failed = !file || !bytes || ferror(file);

	if (failed)
		term_error("%s cannot be read: %s", name ? name : "the file", strerror(errno));
	else if (len > YAML_BYTES_MAX)
		term_error("%s is larger than %d bytes", name, YAML_BYTES_MAX);
	if (file && !standard)
		fclose(file);
	return failed || len > YAML_BYTES_MAX ? (struct str){ NULL, 0 } : str_n(bytes, len);
}

/* As deep as YAML may be. */
static void
put_yaml(struct json_out *json, const struct yaml *node)
{
	if (node->kind == YAML_SCALAR && node->empty)
		json_put_null(json);
	else if (node->kind == YAML_SCALAR)
		json_put_string(json, node->text);
	if (node->kind == YAML_SCALAR)
		return;
	if (node->kind == YAML_MAP)
		json_begin_object(json);
	else
		json_begin_array(json);
	for (const struct yaml *child = node->first; child; child = child->next) {
		if (node->kind == YAML_MAP)
			json_key(json, child->key);
		put_yaml(json, child);
	}
	if (node->kind == YAML_MAP)
		json_end_object(json);
	else
		json_end_array(json);
}

struct str
config_file_json(struct args *args, struct str path)
{
	struct str text = file_read(args, path), none = { NULL, 0 };
	struct problems problems;
	struct json_out json;
	struct yaml *root;
	struct buf body;

	if (!text.ptr)
		return none;
	problems_init(&problems, args->arena);
	yaml_parse(args->arena, path, text, &problems, &root);
	for (const struct problem *problem = problems.first; problem; problem = problem->next)
		term_error("%" STR_F, STR_A(problem_text(args->arena, problem)));
	if (!problems.count && (!root || root->kind != YAML_MAP))
		term_error("%" STR_F ": expected a map", STR_A(path));
	if (problems.count || !root || root->kind != YAML_MAP)
		return none;
	buf_init(&body, args->arena, JSON_MAX);
	json_out_init(&json, &body);
	put_yaml(&json, root);
	return buf_str(&body);
}

/* --- sending --- */

MAY_PARK const struct json *
config_send(struct client *client, struct args *args, enum http_method method, struct str path, struct str body, int64_t since, int *exit_code)
{
	struct client_request request = { .method = method, .path = path, .body = body };
	struct str reason = args_get(args, "reason"), version = args_get(args, "if-version");
	const struct json *answer;
	const struct err *err;
	struct str text;

	if (version.ptr && (!str_to_i64(version, &since) || since < 0)) {
		term_error("--if-version: expected a whole number");
		*exit_code = EXIT_USAGE;
		return NULL;
	}
	if (reason.ptr)
		request.path = arena_printf(args->arena, "%" STR_F "?reason=%" STR_F, STR_A(path), STR_A(client_encode(args->arena, reason)));
	if (version.ptr || since > 0)
		request.extra = (struct http_header){ STR("If-Match"), arena_printf(args->arena, "\"%lld\"", (long long)since) };
	if (body.len)
		request.content_type = STR("application/json");
	err = client_call(client, args->arena, &request, &answer, &text);
	*exit_code = err ? client_fail(client, err) : client->json ? client_print(text) : EXIT_DONE;
	return err || client->json ? NULL : answer;
}

/* --- apply --- */

/* Of a whole configuration file, what the API changes; the rest belongs to the file. */
static struct str
entries_of(struct args *args, struct str whole)
{
	static const char *const members[] = { "providers", "models", "remove" };
	const struct json *root;
	struct json_out json;
	struct buf body;

	if (json_parse(args->arena, whole, &root))
		return STR("{}");
	buf_init(&body, args->arena, JSON_MAX);
	json_out_init(&json, &body);
	json_begin_object(&json);
	for (size_t i = 0; i < COUNT(members); i++)
		if (json_get(root, members[i]))
			json_set(&json, members[i], json_get(root, members[i]));
	json_end_object(&json);
	return buf_str(&body);
}

static int
check_print(const struct json *answer)
{
	for (struct json_iter it = json_iter(json_get(answer, "problems")); json_next(&it);) {
		term_print(json_get_string(it.value, "source"));
		if (json_int(json_get(it.value, "line"), 0))
			printf(":%lld", (long long)json_int(json_get(it.value, "line"), 0));
		printf(": ");
		term_print(json_get_string(it.value, "message"));
		putchar('\n');
	}
	if (!json_bool(json_get(answer, "valid"), false))
		return EXIT_FAILED;
	printf("good; %s\n", json_bool(json_get(answer, "changes"), false) ? "not applied" : "nothing would change");
	return EXIT_DONE;
}

static MAY_PARK int
config_apply_call(struct client *client, struct args *args)
{
	struct str body = config_file_json(args, args->list[0]);
	bool dry = args_has(args, "dry-run");
	const struct json *answer;
	int exit_code;

	if (!body.ptr)
		return EXIT_USAGE;
	answer = config_send(client, args, dry ? HTTP_POST : HTTP_PATCH, dry ? STR("/admin/v1/configuration/check") : STR("/admin/v1/configuration"), entries_of(args, body), 0, &exit_code);
	if (answer && dry)
		return check_print(answer);
	if (answer)
		printf("%s; version %lld\n", json_bool(json_get(answer, "changed"), false) ? "in force" : "nothing changed", (long long)json_int(json_get(answer, "version"), 0));
	return exit_code;
}

/* --- versions --- */

static void
version_print(struct args *args, const struct json *version)
{
	struct buf out;

	buf_init(&out, args->arena, JSON_MAX);
	for (struct json_iter it = json_iter(json_get(version, "changes")); json_next(&it);) {
		buf_printf(&out, "# %" STR_F " %" STR_F "%s\n", STR_A(json_get_string(it.value, "kind")), STR_A(json_get_string(it.value, "name")),
			json_bool(json_get(it.value, "removed"), false) ? " removed" : "");
		yaml_put(&out, json_get(it.value, "configuration"), 0);
	}
	term_print(buf_str(&out));
}

static MAY_PARK int
config_versions_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "VERSION", "WHEN", "ACTION", "BY", "HASH", "REASON", NULL };
	struct str limit = args_get(args, "limit");
	struct str path = args->count ? arena_printf(args->arena, "/admin/v1/configuration/versions/%" STR_F, STR_A(client_encode(args->arena, args->list[0])))
				      : arena_printf(args->arena, "/admin/v1/configuration/versions?limit=%" STR_F, STR_A(client_encode(args->arena, limit.ptr ? limit : STR("20"))));
	const struct json *answer;
	struct table table;
	int exit_code;

	answer = client_send(client, args, HTTP_GET, path, STR_EMPTY, &exit_code);
	if (!answer)
		return exit_code;
	if (args->count) {
		version_print(args, answer);
		return EXIT_DONE;
	}
	table_init(&table, args->arena, titles);
	for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);)
		table_add(&table, (struct str[]){
					  arena_printf(args->arena, "%lld", (long long)json_int(json_get(it.value, "version"), 0)),
					  term_time(args->arena, json_int(json_get(it.value, "created_us"), 0)),
					  json_get_string(it.value, "action"),
					  json_get_string(it.value, "actor"),
					  str_slice(json_get_string(it.value, "hash"), 0, HASH_SHOWN),
					  json_get_string(it.value, "reason"),
				  });
	table_print(&table);
	return EXIT_DONE;
}

/* --- rollback --- */

static MAY_PARK int
config_rollback_call(struct client *client, struct args *args)
{
	struct str reason = args_get(args, "reason");
	const struct json *answer;
	struct json_out json;
	int64_t version;
	struct buf body;
	int exit_code;

	if (!str_to_i64(args->list[0], &version) || version < 0)
		return term_error("expected a version: a whole number; 0 is the file alone"), EXIT_USAGE;
	buf_init(&body, args->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_int(&json, "version", version);
	if (reason.ptr)
		json_set_string(&json, "reason", reason);
	json_end_object(&json);
	answer = config_send(client, args, HTTP_POST, STR("/admin/v1/configuration/rollback"), buf_str(&body), 0, &exit_code);
	if (answer)
		printf("%s; version %lld\n", json_bool(json_get(answer, "changed"), false) ? "rolled back" : "nothing changed", (long long)json_int(json_get(answer, "version"), 0));
	return exit_code;
}

/* --- export --- */

static MAY_PARK int
config_export_call(struct client *client, struct args *args)
{
	int exit_code;
	const struct json *answer = client_send(client, args, HTTP_GET, STR("/admin/v1/configuration"), STR_EMPTY, &exit_code), *embeddings;
	struct buf out;

	if (!answer)
		return exit_code;
	embeddings = json_get(answer, "embeddings");
	buf_init(&out, args->arena, JSON_MAX);
	buf_printf(&out, "# configuration %" STR_F "\n", STR_A(json_get_string(answer, "version")));
	buf_add(&out, json_count(json_get(answer, "providers")) ? STR("providers:\n") : STR("providers: []\n"));
	yaml_put_entries(&out, json_get(answer, "providers"));
	buf_add(&out, STR("models:\n"));
	yaml_put_entries(&out, json_get(answer, "models"));
	if (json_count(embeddings)) {
		buf_add(&out, STR("embeddings:\n"));
		yaml_put(&out, embeddings, 2);
	}
	term_print(buf_str(&out));
	return EXIT_DONE;
}

/* --- secrets --- */

static MAY_PARK int
config_secrets_call(struct client *client, struct args *args)
{
	static const char *const titles[] = { "KEY", "SECRETS", "", NULL };
	int exit_code;
	const struct json *answer = client_send(client, args, HTTP_GET, STR("/admin/v1/configuration/secrets"), STR_EMPTY, &exit_code);
	struct str key = json_get_string(answer, "key");
	int64_t total = json_int(json_get(json_get(answer, "resealing"), "total"), 0);
	struct table table;

	if (!answer)
		return exit_code;
	table_init(&table, args->arena, titles);
	for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);) {
		struct str id = json_get_string(it.value, "key");
		bool opens = json_bool(json_get(it.value, "opens"), false);

		table_add(&table, (struct str[]){ id, arena_printf(args->arena, "%lld", (long long)json_int(json_get(it.value, "secrets"), 0)),
					  str_eq(id, key) ? STR("seals") : opens ? STR("opens: corbel config reseal") : STR("not here: this node cannot open them") });
	}
	table_print(&table);
	if (total)
		printf("being sealed anew: %lld of %lld entries read\n", (long long)json_int(json_get(json_get(answer, "resealing"), "done"), 0), (long long)total);
	return EXIT_DONE;
}

static MAY_PARK int
config_reseal_call(struct client *client, struct args *args)
{
	struct str reason = args_get(args, "reason");
	const struct json *answer;
	struct json_out json;
	struct buf body;
	int64_t left;
	int exit_code;

	buf_init(&body, args->arena, KIB(16));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_bool(&json, "new_key", args_has(args, "new-key"));
	json_set_bool(&json, "leave_unreadable", args_has(args, "leave-unreadable"));
	if (reason.ptr)
		json_set_string(&json, "reason", reason);
	json_end_object(&json);
	answer = client_send(client, args, HTTP_POST, STR("/admin/v1/configuration/secrets/reseal"), buf_str(&body), &exit_code);
	if (!answer)
		return exit_code;
	printf("%lld secrets in %lld entries sealed anew with the key %" STR_F "; %lld had it\n", (long long)json_int(json_get(answer, "secrets"), 0),
		(long long)json_int(json_get(answer, "entries"), 0), STR_A(term_line_text(args->arena, json_get_string(answer, "key"))), (long long)json_int(json_get(answer, "kept"), 0));
	left = json_int(json_get(answer, "unreadable"), 0);
	if (left)
		printf("%lld of earlier versions cannot be opened, and were left\n", (long long)left);
	return exit_code;
}

static const struct option reseal_options[] = {
	{ "new-key", 0, NULL, "Make a new key in the server's file master.key first; the former one goes to master.key.previous." },
	{ "leave-unreadable", 0, NULL, "Leave what no key opens, where nothing goes by it any more: secrets of earlier versions." },
	{ "reason", 0, "TEXT", "Why: goes on record." },
	{ NULL, 0, NULL, NULL },
};
static const struct option apply_options[] = { { "dry-run", 0, NULL, "Only say what is wrong with it." }, REASON_OPTIONS, { NULL, 0, NULL, NULL } };
static const struct option versions_options[] = { { "limit", 0, "N", "At most so many. Else 20." }, { NULL, 0, NULL, NULL } };
static const struct option rollback_options[] = { REASON_OPTIONS, { NULL, 0, NULL, NULL } };

const struct command config_apply_command = { .name = "config apply", .arguments = "FILE", .summary = "Put providers and models in force", .args_min = 1, .args_max = 1, .options = apply_options,
	.call = config_apply_call,
	.help = "All of the file's providers and models (YAML or JSON as in the configuration file; - for standard input) as one version, or none. What it does not name stays; "
		"\"remove: {providers: [NAME], models: [NAME]}\" takes entries out of the store." };
const struct command config_versions_command = { .name = "config versions", .arguments = "[VERSION]", .summary = "List who changed the configuration", .args_max = 1,
	.options = versions_options, .call = config_versions_call, .help = "The newest first. With a version: what it put and removed." };
const struct command config_rollback_command = { .name = "config rollback", .arguments = "VERSION", .summary = "Put back an earlier version", .args_min = 1, .args_max = 1,
	.options = rollback_options, .call = config_rollback_call, .help = "What the store held then, as a new version; 0 is the file alone. Checked like any change." };
const struct command config_export_command = { .name = "config export", .arguments = "", .summary = "Print the configuration as a file", .call = config_export_call,
	.help = "Providers, models and embeddings in force, as YAML that \"corbel check\" takes. A secret that is not shown becomes a variable of the environment that names it." };
const struct command config_secrets_command = { .name = "config secrets", .arguments = "", .summary = "Show which master keys the kept secrets are sealed with", .call = config_secrets_call,
	.help = "Secrets of providers and models in the store, of earlier versions too, by the id of the master key." };
const struct command config_reseal_command = { .name = "config reseal", .arguments = "", .summary = "Seal the kept secrets with another master key", .options = reseal_options, .call = config_reseal_call,
	.help = "All of them in one commit, or none: refused when one cannot be opened. The server must have both keys (CORBEL_MASTER_KEY and CORBEL_PREVIOUS_MASTER_KEY), or its own file: --new-key. "
		"Done again, it does nothing." };
