/*
 * policy.c - policies read, merged and asked. See policy.h.
 */
#include "access/policy.h"

#include "json/json.h"

#include <arpa/inet.h>

enum { MODELS_MAX = 100, MODEL_BYTES_MAX = 256, NETWORKS_MAX = 100, TAGS_MAX = 20, TAG_NAME_MAX = 64, TAG_VALUE_MAX = 128 };

#define LIMIT_MAX INT64_C(1000000000000)

/* --- patterns and networks --- */

/* Remembers the last star only: a later one may take over whatever an earlier one could have matched. */
bool
pattern_matches(struct str pattern, struct str text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

/* IPv4 becomes ::ffff:a.b.c.d, so that one comparison serves both. `bits` is how many the family has. */
static bool
address_read(struct str text, unsigned char out[16], unsigned *bits)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, 0, text.len))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = 0;
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	*bits = 32;
	if (inet_pton(AF_INET, copy, out + 12) == 1)
		return true;
	*bits = 128;
	return inet_pton(AF_INET6, copy, out) == 1;
}

static bool
same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool
network_parse(struct str text, struct network *out)
{
	size_t slash = str_find_byte(text, '/', 0);
	unsigned family;
	int64_t bits;

	if (!address_read(str_slice(text, 0, slash), out->address, &family))
		return false;
	bits = family;
	if (slash != SIZE_MAX && (!str_to_i64(str_slice(text, slash + 1, text.len), &bits) || bits < 0 || bits > family))
		return false;
	out->bits = (unsigned)bits + 128 - family;
	for (unsigned bit = out->bits; bit < 128; bit++)
		if (out->address[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

/* --- parsing --- */

static const struct err *
wrong(struct arena *arena, struct str member, const char *expected)
{
	return err_param(arena, ERR_INVALID, "policy", NULL, "policy: \"%" STR_F "\": expected %s", STR_A(str_slice(member, 0, 100)), expected);
}

static const struct err *
limit_parse(struct arena *arena, struct str name, const struct json *value, int64_t *out)
{
	*out = json_int(value, -1);
	return *out >= 1 && *out <= LIMIT_MAX ? NULL : wrong(arena, name, "a whole number from 1 to 1000000000000 (null takes the limit away)");
}

/* True when the member is one of `limits`; *err says what is wrong with it. */
static bool
is_limit(struct arena *arena, struct str name, const struct json *value, struct limits *out, const struct err **err)
{
	const struct {
		const char *name;
		int64_t *value;
	} members[] = { { "requests_per_minute", &out->requests_per_minute }, { "tokens_per_minute", &out->tokens_per_minute }, { "concurrency", &out->concurrency } };

	for (size_t i = 0; i < COUNT(members); i++) {
		if (!str_eq_c(name, members[i].name))
			continue;
		*err = limit_parse(arena, name, value, members[i].value);
		return true;
	}
	return false;
}

static const struct err *
user_parse(struct arena *arena, const struct json *value, struct policy *policy)
{
	const struct err *err = json_is(value, JSON_OBJECT) ? NULL : wrong(arena, STR("user"), "an object of limits");

	for (struct json_iter it = json_iter(value); !err && json_next(&it);)
		if (!is_limit(arena, it.key, it.value, &policy->user, &err))
			err = wrong(arena, it.key, "one of requests_per_minute, tokens_per_minute, concurrency in \"user\"");
	return err;
}

static const struct err *
models_parse(struct arena *arena, const struct json *value, struct policy *policy)
{
	size_t count = json_count(value);

	if (!json_is(value, JSON_ARRAY) || count > MODELS_MAX)
		return wrong(arena, STR("models"), "a list of at most 100 names or patterns such as \"gpt-*\"");
	policy->models = arena_array(policy->arena, count + 1, sizeof(*policy->models));
	for (struct json_iter it = json_iter(value); policy->models && json_next(&it);) {
		struct str model = json_string(it.value);

		if (!model.ptr || model.len == 0 || model.len > MODEL_BYTES_MAX)
			return wrong(arena, STR("models"), "names or patterns of 1 to 256 bytes");
		policy->models[policy->model_count++] = arena_dup(policy->arena, model);
	}
	return policy->models ? NULL : &err_no_memory;
}

static const struct err *
networks_parse(struct arena *arena, const struct json *value, struct policy *policy)
{
	size_t count = json_count(value);

	if (!json_is(value, JSON_ARRAY) || count > NETWORKS_MAX)
		return wrong(arena, STR("networks"), "a list of at most 100 networks such as \"10.0.0.0/8\"");
	policy->networks = arena_array(policy->arena, count + 1, sizeof(*policy->networks));
	for (struct json_iter it = json_iter(value); policy->networks && json_next(&it);)
		if (!network_parse(json_string(it.value), &policy->networks[policy->network_count++]))
			return wrong(arena, STR("networks"), "addresses or networks (CIDR) without bits behind their prefix, such as \"10.0.0.0/8\", \"2001:db8::/32\"");
	return policy->networks ? NULL : &err_no_memory;
}

static bool
tag_text_ok(struct str text, size_t max)
{
	if (!text.ptr || text.len == 0 || text.len > max)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f || text.ptr[i] == '=')
			return false;
	return true;
}

static const struct err *
tags_parse(struct arena *arena, const struct json *value, struct policy *policy)
{
	size_t count = json_count(value);

	if (!json_is(value, JSON_OBJECT) || count > TAGS_MAX)
		return wrong(arena, STR("tags"), "an object of at most 20 texts");
	policy->tags = arena_array(policy->arena, count + 1, sizeof(*policy->tags));
	for (struct json_iter it = json_iter(value); policy->tags && json_next(&it);) {
		if (!tag_text_ok(it.key, TAG_NAME_MAX) || !tag_text_ok(json_string(it.value), TAG_VALUE_MAX))
			return wrong(arena, STR("tags"), "names of at most 64 bytes and texts of at most 128, without \"=\" and control characters");
		policy->tags[policy->tag_count++] = (struct tag){ arena_dup(policy->arena, it.key), arena_dup(policy->arena, json_string(it.value)) };
	}
	return policy->tags ? NULL : &err_no_memory;
}

static const struct err *
member_parse(struct arena *arena, struct str name, const struct json *value, struct policy *policy)
{
	const struct err *err;

	if (is_limit(arena, name, value, &policy->limits, &err))
		return err;
	if (str_eq_c(name, "user"))
		return user_parse(arena, value, policy);
	if (str_eq_c(name, "models"))
		return models_parse(arena, value, policy);
	if (str_eq_c(name, "networks"))
		return networks_parse(arena, value, policy);
	if (str_eq_c(name, "tags"))
		return tags_parse(arena, value, policy);
	if (str_eq_c(name, "priority")) {
		policy->batch = str_eq_c(json_string(value), "batch");
		return policy->batch || str_eq_c(json_string(value), "interactive") ? NULL : wrong(arena, name, "\"batch\" or \"interactive\"");
	}
	if (!str_eq_c(name, "local_only"))
		return wrong(arena, name,
			"one of requests_per_minute, tokens_per_minute, concurrency, user, models, networks, local_only, priority, tags");
	policy->local_only = json_bool(value, false);
	return json_is(value, JSON_BOOL) ? NULL : wrong(arena, name, "true or false");
}

const struct err *
policy_parse(struct arena *arena, struct str text, struct policy **out)
{
	struct arena *own = arena_new(8 * POLICY_TEXT_MAX);
	struct policy *policy = arena_zalloc(own, sizeof(*policy));
	const struct json *json = NULL;
	const struct err *err;

	*out = NULL;
	if (text.len > POLICY_TEXT_MAX)
		err = err_param(arena, ERR_INVALID, "policy", NULL, "policy: more than %d bytes", POLICY_TEXT_MAX);
	else
		err = policy ? json_parse_unique(own, text, &json) : &err_no_memory;
	if (!err && !json_is(json, JSON_OBJECT))
		err = wrong(arena, STR("policy"), "an object");
	if (!err) {
		atomic_init(&policy->refs, 1);
		policy->arena = own;
		policy->text = arena_dup(own, text);
	}
	for (struct json_iter it = json_iter(json); !err && json_next(&it);)
		err = member_parse(arena, it.key, it.value, policy);
	if (err) {
		err = err_copy(arena, err);
		arena_free(own);
		return err;
	}
	*out = policy;
	return NULL;
}

struct str
policy_merge(struct arena *arena, struct str base, const struct json *change)
{
	const struct json *old = NULL;
	struct json_out json;
	struct buf text;

	if (json_parse(arena, base, &old))
		return base;
	buf_init(&text, arena, 2 * POLICY_TEXT_MAX);
	json_out_init(&json, &text);
	json_begin_object(&json);
	for (struct json_iter it = json_iter(old); json_next(&it);) {
		if (json_get_str(change, it.key))
			continue;
		json_key(&json, it.key);
		json_put(&json, it.value);
	}
	for (struct json_iter it = json_iter(change); json_next(&it);) {
		if (json_is(it.value, JSON_NULL))
			continue;
		json_key(&json, it.key);
		json_put(&json, it.value);
	}
	json_end_object(&json);
	return text.failed ? (struct str){ NULL, 0 } : buf_str(&text);
}

struct policy *
policy_ref(struct policy *policy)
{
	atomic_fetch_add_explicit(&policy->refs, 1, memory_order_relaxed);
	return policy;
}

void
policy_unref(struct policy *policy)
{
	if (policy && atomic_fetch_sub_explicit(&policy->refs, 1, memory_order_acq_rel) == 1)
		arena_free(policy->arena);
}

/* --- asking --- */

bool
policy_allows_model(const struct policy *policy, struct str model)
{
	for (size_t i = 0; i < policy->model_count; i++)
		if (pattern_matches(policy->models[i], model))
			return true;
	return policy->model_count == 0;
}

/* The address of "1.2.3.4:5", "[::1]:5" (which may carry a zone), "unix:…". */
static bool
peer_read(struct str peer, unsigned char out[16])
{
	size_t colon = peer.len;
	unsigned family;

	if (str_starts(peer, STR("unix:")))
		return address_read(STR("127.0.0.1"), out, &family);
	if (peer.len && peer.ptr[0] == '[') {
		size_t end = str_find_byte(peer, ']', 0), zone = str_find_byte(peer, '%', 0);

		return end != SIZE_MAX && address_read(str_slice(peer, 1, zone < end ? zone : end), out, &family);
	}
	while (colon > 0 && peer.ptr[colon - 1] != ':')
		colon--;
	return colon > 0 && address_read(str_slice(peer, 0, colon - 1), out, &family);
}

bool
policy_allows_peer(const struct policy *policy, struct str peer)
{
	unsigned char address[16];

	if (policy->network_count == 0)
		return true;
	if (!peer_read(peer, address))
		return false;
	for (size_t i = 0; i < policy->network_count; i++)
		if (same_prefix(policy->networks[i].address, address, policy->networks[i].bits))
			return true;
	return false;
}
