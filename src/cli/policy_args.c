/*
 * policy_args.c - see policy_args.h.
 */
#include "cli/policy_args.h"

#include "cli/term.h"

#include <stdio.h>

enum { WORDS_MAX = 4096 };

void
put_list(struct json_out *json, const char *key, struct str list)
{
	struct str piece;

	json_set_array(json, key);
	while (str_split(&list, ',', &piece))
		json_put_string(json, str_trim(piece));
	json_end_array(json);
}

static bool
put_limit(struct json_out *json, struct args *args, const char *option, const char *member)
{
	struct str text = args_get(args, option);
	int64_t number;

	if (!text.ptr)
		return true;
	if (str_eq_c(text, "none")) {
		json_set_null(json, member);
		return true;
	}
	if (!str_to_i64(text, &number) || number < 1) {
		term_error("--%s: expected a whole number above 0, or none", option);
		return false;
	}
	json_set_int(json, member, number);
	return true;
}

static bool
put_limits(struct json_out *json, struct args *args, bool of_users)
{
	static const char *const members[] = { "requests_per_minute", "tokens_per_minute", "concurrency" };
	static const char *const options[2][3] = { { "requests-per-minute", "tokens-per-minute", "concurrency" },
		{ "user-requests-per-minute", "user-tokens-per-minute", "user-concurrency" } };
	bool given = false, none = true;

	for (size_t i = 0; i < COUNT(members); i++) {
		given = given || args_has(args, options[of_users][i]);
		none = none && (!args_has(args, options[of_users][i]) || str_eq_c(args_get(args, options[of_users][i]), "none"));
	}
	if (of_users && given && none) {
		json_set_null(json, "user");
		return true;
	}
	if (of_users && given)
		json_set_object(json, "user");
	for (size_t i = 0; given && i < COUNT(members); i++) {
		if (of_users && str_eq_c(args_get(args, options[of_users][i]), "none"))
			continue;
		if (!put_limit(json, args, options[of_users][i], members[i]))
			return false;
	}
	if (of_users && given)
		json_end_object(json);
	return true;
}

static void
put_list_option(struct json_out *json, struct args *args, const char *option, const char *member)
{
	struct str list = args_get(args, option);

	if (!list.ptr)
		return;
	if (str_eq_c(list, "none"))
		json_set_null(json, member);
	else
		put_list(json, member, list);
}

static bool
put_tags(struct json_out *json, struct args *args)
{
	struct str list = args_get(args, "tag"), piece;

	if (!list.ptr)
		return true;
	if (str_eq_c(list, "none")) {
		json_set_null(json, "tags");
		return true;
	}
	json_set_object(json, "tags");
	while (str_split(&list, ',', &piece)) {
		size_t equals = str_find_byte(piece, '=', 0);

		if (equals == SIZE_MAX) {
			term_error("--tag: expected NAME=VALUE, separated by commas");
			return false;
		}
		json_key(json, str_trim(str_slice(piece, 0, equals)));
		json_put_string(json, str_trim(str_slice(piece, equals + 1, piece.len)));
	}
	json_end_object(json);
	return true;
}

static bool
put_local_only(struct json_out *json, struct args *args)
{
	struct str text = args_get(args, "local-only");

	if (!text.ptr)
		return true;
	if (!str_eq_c(text, "yes") && !str_eq_c(text, "no")) {
		term_error("--local-only: expected yes or no");
		return false;
	}
	json_set_bool(json, "local_only", str_eq_c(text, "yes"));
	return true;
}

void
policy_args_note(struct args *args, int exit_code)
{
	if (exit_code == EXIT_DONE && str_eq_c(args_get(args, "local-only"), "yes"))
		fputs("what was uploaded before is not marked: mark the collections it is in (corbel collection update NAME --local-only yes), and upload files again that are in none\n", stderr);
}

static bool
put_priority(struct json_out *json, struct args *args)
{
	struct str text = args_get(args, "priority");

	if (!text.ptr)
		return true;
	if (!str_eq_c(text, "batch") && !str_eq_c(text, "none")) {
		term_error("--priority: expected batch or none");
		return false;
	}
	if (str_eq_c(text, "batch"))
		json_set_string(json, "priority", text);
	else
		json_set_null(json, "priority");
	return true;
}

bool
policy_args_put(struct json_out *json, struct args *args)
{
	static const struct option rows[] = { POLICY_OPTIONS };
	bool given = false;

	for (size_t i = 0; i < COUNT(rows); i++)
		given = given || args_has(args, rows[i].name);
	if (!given)
		return true;
	json_set_object(json, "policy");
	if (!put_limits(json, args, false) || !put_limits(json, args, true) || !put_local_only(json, args) || !put_priority(json, args) || !put_tags(json, args))
		return false;
	put_list_option(json, args, "model", "models");
	put_list_option(json, args, "network", "networks");
	json_end_object(json);
	return true;
}

/* --- a policy in words --- */

static void
words_list(struct buf *out, const char *title, const struct json *list)
{
	if (!json_count(list))
		return;
	buf_printf(out, "%s%s", out->len ? ", " : "", title);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		buf_printf(out, " %" STR_F, STR_A(json_string(it.value)));
}

static void
words_limits(struct buf *out, const char *who, const struct json *limits)
{
	static const struct {
		const char *member, *unit;
	} rows[] = { { "requests_per_minute", "rpm" }, { "tokens_per_minute", "tpm" }, { "concurrency", "at once" } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t value = json_int(json_get(limits, rows[i].member), 0);

		if (value)
			buf_printf(out, "%s%s%lld %s", out->len ? ", " : "", who, (long long)value, rows[i].unit);
	}
}

struct str
policy_words(struct arena *arena, const struct json *policy)
{
	struct buf out;

	buf_init(&out, arena, WORDS_MAX);
	words_limits(&out, "", policy);
	words_limits(&out, "each user ", json_get(policy, "user"));
	words_list(&out, "models", json_get(policy, "models"));
	words_list(&out, "from", json_get(policy, "networks"));
	if (json_bool(json_get(policy, "local_only"), false))
		buf_printf(&out, "%slocal only", out.len ? ", " : "");
	if (str_eq_c(json_get_string(policy, "priority"), "batch"))
		buf_printf(&out, "%sbatch", out.len ? ", " : "");
	for (struct json_iter it = json_iter(json_get(policy, "tags")); json_next(&it);)
		buf_printf(&out, "%s%" STR_F "=%" STR_F, out.len ? ", " : "", STR_A(it.key), STR_A(json_string(it.value)));
	return out.len ? buf_str(&out) : STR("-");
}
