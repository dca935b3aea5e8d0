/*
 * webhooks.c - the list `webhooks` out of the configuration file. See webhooks.h.
 *
 * A secret has the form that Standard Webhooks gives it, so that the receiver's library takes the same text: "whsec_" and base64 of 24 to 64 bytes.
 */
#include "conf/webhooks.h"

#include "base/base64.h"
#include "conf/reader.h"
#include "conf/snapshot.h"
#include "conf/webhooks_read.h"

enum { SECRET_BYTES_MIN = 24, SECRET_BYTES_MAX = 64 };

static const char *const names[CONF_EVENTS] = { "usage", "budget.threshold", "budget.spent", "key.created", "key.updated", "key.revoked", "webhook.gap" };

const char *
conf_event_name(enum conf_event event)
{
	return names[event];
}

bool
conf_event_parse(struct str name, enum conf_event *out)
{
	for (unsigned i = 0; i < CONF_EVENTS; i++) {
		if (!str_eq_c(name, names[i]))
			continue;
		*out = (enum conf_event)i;
		return true;
	}
	return false;
}

static bool
name_ok(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && !(i > 0 && (c == '-' || c == '_')))
			return false;
	}
	return text.len > 0;
}

static bool
url_ok(struct str text)
{
	size_t skip = str_starts(text, STR("https://")) ? 8 : str_starts(text, STR("http://")) ? 7 : text.len;
	struct str rest = str_slice(text, skip, text.len), host = str_slice(rest, 0, str_find_byte(rest, '/', 0));

	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f || text.ptr[i] == '#')
			return false;
	return host.len > 0 && host.ptr[0] != ':' && str_find_byte(host, '@', 0) == SIZE_MAX;
}

static struct str
secret_bytes(struct buf *out, struct str text)
{
	static const struct str prefix = STR_INIT("whsec_");

	if (!str_starts(text, prefix) || !base64_decode(out, str_slice(text, prefix.len, text.len)) || out->failed)
		return STR_EMPTY;
	return out->len >= SECRET_BYTES_MIN && out->len <= SECRET_BYTES_MAX ? buf_str(out) : STR_EMPTY;
}

static bool
secret_ok(struct str text)
{
	struct buf bytes;
	bool good;

	buf_init(&bytes, NULL, 1024);
	good = secret_bytes(&bytes, text).len > 0;
	buf_fini(&bytes);
	return good;
}

/* "key.*" stands for all that begin with "key."; "*" for everything. */
static unsigned
events_of(struct str pattern)
{
	bool family = str_ends(pattern, STR("*"));
	struct str begin = str_slice(pattern, 0, pattern.len - family);
	unsigned events = 0;

	for (unsigned i = 0; i < CONF_EVENT_WEBHOOK_GAP; i++)
		if (family ? str_starts(str_of(names[i]), begin) && (!begin.len || str_ends(begin, STR("."))) : str_eq_c(pattern, names[i]))
			events |= 1u << i;
	return events;
}

static void
events_read(struct reader *reader, const struct yaml *node, struct str path, void *object)
{
	static const struct setting row = { .name = "events", .type = SETTING_STRING, .min = "1", .max = "64" };
	struct conf_webhook *webhook = object;

	if (!reader_expect(reader, node, YAML_LIST, "a list of events", path))
		return;
	for (const struct yaml *child = node->first; child; child = child->next) {
		struct setting_value value;
		unsigned events;

		if (!reader_scalar(reader, child, &row, path, &value))
			continue;
		events = events_of(value.text);
		if (!events)
			reader_problem(reader, child, path,
				"there is no event \"%" STR_F "\"; there are usage, budget.threshold, budget.spent, key.created, key.updated, key.revoked, and budget.*, key.*",
				STR_A(str_slice(value.text, 0, 64)));
		webhook->events |= events;
	}
}

#define AT(type, member) .offset = offsetof(struct type, member)
#define SECRET_WANTS "\"whsec_\" and base64 of 24 to 64 random bytes"

static const struct field webhook_fields[] = {
	{ { "name", SETTING_STRING, .min = "1", .max = "64", .help = "How commands refer to it; what is yet to be told is kept under it.", .check = name_ok,
		  .wants = "letters, digits, - and _" },
		AT(conf_webhook, name) },
	{ { "url", SETTING_STRING, .min = "1", .max = "2048", .secret = true, .help = "Where messages are sent, by POST.", .check = url_ok,
		  .wants = "a URL that begins with https:// (or http://), without user or fragment" },
		AT(conf_webhook, url) },
	{ { "secret", SETTING_STRING, .min = "1", .max = "256", .secret = true, .help = "What signs them, in the form of Standard Webhooks: " SECRET_WANTS ".", .check = secret_ok,
		  .wants = SECRET_WANTS },
		AT(conf_webhook, secret) },
	{ { "previous_secret", SETTING_STRING, "", .max = "256", .secret = true, .help = "While a secret is changed: messages are signed with both.", .check = secret_ok,
		  .wants = SECRET_WANTS },
		AT(conf_webhook, previous_secret) },
	{ { .name = "events", .help = "What is told: usage, budget.threshold, budget.spent, key.created, key.updated, key.revoked; budget.* and key.* stand for all of theirs. Without it, everything." },
		.read = events_read, .shape = "a list of events" },
	{ { "give_up", SETTING_DURATION, "3d", "1s", "30d", .help = "A message that could not be delivered for this long is dead: it is not tried again unless it is replayed." },
		AT(conf_webhook, give_up_us) },
	{ { "retention", SETTING_DURATION, "7d", "1m", "365d", .help = "How long delivered and dead messages are kept, for replaying." }, AT(conf_webhook, retention_us) },
	{ { "events_max", SETTING_INT, "1000000", "100", "100000000",
		  .help = "So many events may wait. When there are more, new ones are left out, and a message webhook.gap says from when to when." },
		AT(conf_webhook, events_max) },
	{ { "allow_private", SETTING_BOOL, "false", .help = "It may be at an address that is not public (loopback, private, link-local), and may be called without TLS." },
		AT(conf_webhook, allow_private) },
};

const struct field_table webhook_table = { "webhooks",
	"A list of servers that are told what happened, see [money.md](money.md). All nodes on one database have the same.", webhook_fields, COUNT(webhook_fields) };

static struct str
decoded(struct reader *reader, struct str text)
{
	struct buf bytes;

	buf_init(&bytes, reader->arena, 1024);
	return secret_bytes(&bytes, text);
}

void
webhooks_read(struct reader *reader, const struct yaml *root)
{
	const struct yaml *list = root ? yaml_child(root, STR("webhooks")) : NULL, *node;
	struct conf *conf = reader->conf;

	if (!list)
		return;
	conf->webhooks = reader_list(reader, list, &webhook_table, STR("webhooks"), sizeof(*conf->webhooks), &conf->webhook_count);
	node = list->first;
	for (size_t i = 0; i < conf->webhook_count; i++, node = node->next) {
		struct conf_webhook *webhook = &conf->webhooks[i];

		webhook->secret = decoded(reader, webhook->secret);
		webhook->previous_secret = decoded(reader, webhook->previous_secret);
		if (node->kind == YAML_MAP && !yaml_child(node, STR("events")))
			webhook->events = (1u << CONF_EVENT_WEBHOOK_GAP) - 1;
		if (!webhook->allow_private && str_starts(webhook->url, STR("http://")))
			reader_problem(reader, node, STR("webhooks"), "\"%" STR_F "\" is called without TLS: give it an https:// URL, or set allow_private", STR_A(webhook->name));
		for (size_t j = 0; j < i; j++)
			if (webhook->name.len && str_eq(conf->webhooks[j].name, webhook->name))
				reader_problem(reader, node, STR("webhooks"), "a second webhook is named \"%" STR_F "\"", STR_A(webhook->name));
	}
}

const struct conf_webhook *
conf_webhooks(const struct conf *conf, size_t *count)
{
	*count = conf->webhook_count;
	return conf->webhooks;
}
