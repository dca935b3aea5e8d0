/*
 * verify.c - `corbel verify`: asks the server to check the books stretch by stretch, and adds up what it found.
 */
#include "base/clock.h"
#include "base/dollars.h"
#include "cli/commands.h"
#include "cli/policy_args.h"
#include "cli/term.h"

#include <stdio.h>
#include <unistd.h>

enum { CHECKS_MAX = 32, EXAMPLES_MAX = 10 };

#define TIMEOUT_US (600 * USEC_PER_SEC) /* of one stretch: the check of the store itself is one */

static const char *const totals[] = { "interactions", "ledger_entries", "budget_entries", "amount_nanodollars", "unproved_entries", "counted_entries" };

struct sum {
	struct {
		struct str name, detail, examples[EXAMPLES_MAX];
		size_t example_count;
		int64_t wrong;
	} checks[CHECKS_MAX];
	size_t count;
	int64_t totals[COUNT(totals)];
	bool good;
};

static void
add_check(struct sum *sum, size_t index, struct arena *arena, const struct json *check)
{
	struct str detail = json_get_string(check, "detail");

	sum->checks[index].name = arena_dup(arena, json_get_string(check, "name"));
	sum->checks[index].wrong += json_int(json_get(check, "wrong"), 1);
	if (detail.len)
		sum->checks[index].detail = arena_dup(arena, detail);
	for (struct json_iter it = json_iter(json_get(check, "examples")); json_next(&it) && sum->checks[index].example_count < EXAMPLES_MAX;)
		sum->checks[index].examples[sum->checks[index].example_count++] = arena_dup(arena, json_string(it.value));
}

static void
add(struct sum *sum, struct arena *arena, const struct json *answer)
{
	for (struct json_iter it = json_iter(json_get(answer, "checks")); json_next(&it) && it.index < CHECKS_MAX;) {
		add_check(sum, it.index, arena, it.value);
		sum->count = it.index + 1;
	}
	for (size_t i = 0; i < COUNT(totals); i++)
		sum->totals[i] += json_int(json_get(answer, totals[i]), 0);
	sum->good = sum->good && json_bool(json_get(answer, "good"), false);
}

static void
print_json(struct arena *arena, const struct sum *sum)
{
	struct json_out json;
	struct buf text;

	buf_init(&text, arena, KIB(64));
	json_out_init(&json, &text);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("verification"));
	json_set_bool(&json, "good", sum->good);
	json_set_array(&json, "checks");
	for (size_t i = 0; i < sum->count; i++) {
		json_begin_object(&json);
		json_set_string(&json, "name", sum->checks[i].name);
		json_set_int(&json, "wrong", sum->checks[i].wrong);
		json_set_array(&json, "examples");
		for (size_t k = 0; k < sum->checks[i].example_count; k++)
			json_put_string(&json, sum->checks[i].examples[k]);
		json_end_array(&json);
		if (sum->checks[i].detail.len)
			json_set_string(&json, "detail", sum->checks[i].detail);
		json_end_object(&json);
	}
	json_end_array(&json);
	for (size_t i = 0; i < COUNT(totals); i++)
		json_set_int(&json, totals[i], sum->totals[i]);
	json_end_object(&json);
	client_print(buf_str(&text));
}

static void
print_text(struct arena *arena, const struct sum *sum)
{
	for (size_t i = 0; i < sum->count; i++) {
		struct str name = sum->checks[i].name, detail = sum->checks[i].detail;

		if (sum->checks[i].wrong == 0 && detail.len)
			printf("skipped %" STR_F ": %" STR_F "\n", STR_A(name), STR_A(detail));
		else if (sum->checks[i].wrong == 0)
			printf("ok      %" STR_F "\n", STR_A(name));
		else
			printf("WRONG   %" STR_F ": %lld %" STR_F "\n", STR_A(name), (long long)sum->checks[i].wrong, STR_A(detail));
		for (size_t k = 0; k < sum->checks[i].example_count; k++)
			printf("        %" STR_F "\n", STR_A(sum->checks[i].examples[k]));
	}
	printf("%lld interactions, %lld entries in the ledger, %" STR_F "\n", (long long)sum->totals[0], (long long)sum->totals[1], STR_A(dollars_text(arena, sum->totals[3])));
	printf("%lld of these entries are counted: one that is taken away would be missed\n", (long long)sum->totals[5]);
	if (sum->totals[4])
		printf("%lld entries were priced by a table that this program does not know: their amounts are not proved\n", (long long)sum->totals[4]);
}

/* A figure that grows, for a person who waits. */
static void
show_progress(const struct sum *sum, bool last)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, last ? "\r\033[K" : "\r%lld entries…", (long long)sum->totals[1]);
}

static MAY_PARK int
verify_call(struct client *client, struct args *args)
{
	struct sum *sum = arena_zalloc(args->arena, sizeof(*sum));
	struct str after = STR_EMPTY;
	int64_t from_us, to_us;
	const struct err *err = sum ? NULL : &err_no_memory;

	if (!day_option(args, "from", 0, &from_us) || !day_option(args, "to", -1, &to_us))
		return EXIT_USAGE;
	if (sum)
		sum->good = true;
	while (!err && after.ptr) {
		struct arena *page = arena_new(MIB(4)); /* so that a ledger of any size takes the same memory here */
		struct client_request request = { .method = HTTP_POST, .path = STR("/admin/v1/verify"), .content_type = STR("application/json"), .timeout_us = TIMEOUT_US };
		struct str to = to_us < 0 ? STR_EMPTY : arena_printf(page, ",\"to_us\":%lld", (long long)to_us);
		struct str place = after.len ? arena_printf(page, ",\"after\":\"%" STR_F "\"", STR_A(after)) : STR_EMPTY;
		const struct json *answer;
		struct str text, next;

		request.body = arena_printf(page, "{\"from_us\":%lld%" STR_F "%" STR_F "}", (long long)from_us, STR_A(to), STR_A(place));
		err = client_call(client, page, &request, &answer, &text);
		if (!err) {
			add(sum, args->arena, answer);
			next = json_get_string(answer, "next");
			after = next.ptr ? arena_dup(args->arena, next) : next;
			show_progress(sum, !after.ptr);
		} else {
			err = err_copy(args->arena, err);
		}
		arena_free(page);
	}
	if (err)
		return client_fail(client, err);
	if (client->json)
		print_json(args->arena, sum);
	else
		print_text(args->arena, sum);
	return sum->good ? EXIT_DONE : EXIT_FAILED;
}

static const struct option options[] = {
	{ "from", 0, "DAY", "Calls from the beginning of this day on, in UTC: 2026-11-01. Budgets are checked whole." },
	{ "to", 0, "DAY", "To the beginning of this day." },
	{ NULL, 0, NULL, NULL },
};

const struct command verify_command = {
	.name = "verify",
	.arguments = "",
	.summary = "Prove that the books are right",
	.options = options,
	.call = verify_call,
	.help = "Asks the database, while it serves: is every interaction in the ledger, is every amount what its quantities cost at the prices it names, do corrections say what they come to, were budgets charged "
		"what the ledger says, is the store sound. Names the first requests that are not right, and ends with 1 when something is wrong. Reads everything, in pages: on a large "
		"database it takes its time.",
};
