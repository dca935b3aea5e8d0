/*
 * multipart.c - see multipart.h.
 *
 * A part's bytes are given out as soon as they cannot be the beginning of a delimiter, so that at most one piece and one delimiter are held. The body begins
 * with a delimiter (no client sends a preamble), so the parser begins as if a line end had come before.
 */
#include "net/multipart.h"

#include "net/http.h"

static const struct err *
malformed(struct multipart *m, const char *why)
{
	return err_new(m->arena, ERR_INVALID, "the multipart body is malformed: %s", why);
}

/*
 * Takes the next parameter ("; name=value", value perhaps quoted, with backslashes before quotes and backslashes) off *rest. False at the end, or where it cannot be read.
 */
static bool
parameter_next(struct arena *arena, struct str *rest, struct str *name, struct str *value)
{
	size_t at = str_find_byte(*rest, ';', 0), equals;
	struct buf unquoted;

	if (at == SIZE_MAX)
		return false;
	equals = str_find_byte(*rest, '=', at);
	if (equals == SIZE_MAX)
		return false;
	*name = str_trim(str_slice(*rest, at + 1, equals));
	*rest = str_trim(str_slice(*rest, equals + 1, rest->len));
	if (rest->len == 0 || rest->ptr[0] != '"') {
		at = str_find_byte(*rest, ';', 0);
		at = at == SIZE_MAX ? rest->len : at;
		*value = str_trim(str_slice(*rest, 0, at));
		*rest = str_slice(*rest, at, rest->len);
		return true;
	}
	buf_init(&unquoted, arena, MULTIPART_HEADERS_MAX);
	for (at = 1; at < rest->len && rest->ptr[at] != '"'; at++) {
		if (rest->ptr[at] == '\\' && at + 1 < rest->len && (rest->ptr[at + 1] == '"' || rest->ptr[at + 1] == '\\'))
			at++;
		buf_add_byte(&unquoted, rest->ptr[at]);
	}
	if (at == rest->len || buf_err(&unquoted))
		return false;
	*value = buf_str(&unquoted);
	*rest = str_slice(*rest, at + 1, rest->len);
	return true;
}

static bool
boundary_ok(struct str boundary)
{
	if (boundary.len == 0 || boundary.len > MULTIPART_BOUNDARY_MAX || boundary.ptr[boundary.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < boundary.len; i++) {
		char c = boundary.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("'()+_,-./:=? ", c)))
			return false;
	}
	return true;
}

const struct err *
multipart_init(struct multipart *m, struct arena *arena, struct str content_type)
{
	static const char start[] = "multipart/form-data";
	struct str name, value, boundary = STR_EMPTY, rest = content_type;

	*m = (struct multipart){ .arena = arena };
	if (content_type.len < sizeof(start) - 1 || !str_eq_ci(str_slice(content_type, 0, sizeof(start) - 1), str_of(start)))
		return err_param(arena, ERR_UNSUPPORTED, NULL, NULL, "the body must be multipart/form-data");
	while (parameter_next(arena, &rest, &name, &value))
		if (str_eq_ci(name, STR("boundary")))
			boundary = value;
	if (!boundary_ok(boundary))
		return err_new(arena, ERR_INVALID, "the content type of a multipart body must name its boundary");
	memcpy(m->delimiter, "\r\n--", 4);
	memcpy(m->delimiter + 4, boundary.ptr, boundary.len);
	m->delimiter_len = boundary.len + 4;
	buf_init(&m->pending, arena, MULTIPART_PIECE_MAX + 2 * MULTIPART_HEADERS_MAX);
	buf_add(&m->pending, STR("\r\n"));
	return buf_err(&m->pending);
}

static void
give_back(struct multipart *m)
{
	buf_consume(&m->pending, m->given);
	m->given = 0;
}

const struct err *
multipart_feed(struct multipart *m, struct str piece)
{
	give_back(m);
	if (m->state == MULTIPART_AT_END)
		return NULL;
	if (piece.len > MULTIPART_PIECE_MAX)
		return err_new(m->arena, ERR_TOO_LARGE, "a piece of a multipart body is too large");
	buf_add(&m->pending, piece);
	return buf_err(&m->pending);
}

static struct str
delimiter(const struct multipart *m)
{
	return str_n(m->delimiter, m->delimiter_len);
}

/* How many bytes at the front certainly hold no beginning of a delimiter. */
static size_t
safe_bytes(const struct multipart *m)
{
	return m->pending.len < m->delimiter_len ? 0 : m->pending.len - (m->delimiter_len - 1);
}

static void
next_data(struct multipart *m, struct multipart_event *event)
{
	size_t at = str_find(buf_str(&m->pending), delimiter(m), 0), bytes = at == SIZE_MAX ? safe_bytes(m) : at;

	if (bytes) {
		event->kind = MULTIPART_DATA;
		event->data = str_slice(buf_str(&m->pending), 0, bytes);
		m->given = bytes;
	} else if (at == 0) {
		buf_consume(&m->pending, m->delimiter_len);
		m->state = MULTIPART_BEHIND_DELIMITER;
	}
}

/* The body begins with a delimiter; the line end of which was supplied by multipart_init. */
static const struct err *
first_delimiter(struct multipart *m)
{
	struct str start = str_slice(buf_str(&m->pending), 0, m->delimiter_len);

	if (!str_eq(start, str_slice(delimiter(m), 0, start.len)))
		return malformed(m, "it does not begin with its boundary");
	if (start.len == m->delimiter_len) {
		buf_consume(&m->pending, m->delimiter_len);
		m->state = MULTIPART_BEHIND_DELIMITER;
	}
	return NULL;
}

/* "--" ends the body; else blanks and a line end lead to the next part. */
static const struct err *
behind_delimiter(struct multipart *m)
{
	struct str rest = buf_str(&m->pending);
	size_t end;

	if (rest.len < 2)
		return NULL;
	if (str_starts(rest, STR("--"))) {
		m->state = MULTIPART_AT_END;
		return NULL;
	}
	for (end = 0; end < rest.len && (rest.ptr[end] == ' ' || rest.ptr[end] == '\t'); end++)
		if (end > MULTIPART_BOUNDARY_MAX)
			return malformed(m, "blanks behind a boundary");
	if (rest.len - end < 2)
		return NULL;
	if (!str_starts(str_slice(rest, end, rest.len), STR("\r\n")))
		return malformed(m, "something stands behind a boundary");
	/* The line end stays: for a part without any header it begins the empty line. */
	buf_consume(&m->pending, end);
	m->state = MULTIPART_IN_HEADERS;
	return NULL;
}

/* "UTF-8''na%C3%AFve.txt" of RFC 8187. */
static struct str
extended_value(struct arena *arena, struct str value)
{
	size_t first = str_find_byte(value, '\'', 0), second = first == SIZE_MAX ? SIZE_MAX : str_find_byte(value, '\'', first + 1);
	struct str decoded;

	if (second == SIZE_MAX || !str_eq_ci(str_slice(value, 0, first), STR("utf-8")) || !url_decode(arena, str_slice(value, second + 1, value.len), &decoded))
		return (struct str){ NULL, 0 };
	return decoded;
}

/* Without the directories that some clients send along. */
static struct str
base_name(struct str path)
{
	size_t from = path.len;

	while (from > 0 && path.ptr[from - 1] != '/' && path.ptr[from - 1] != '\\')
		from--;
	return str_slice(path, from, path.len);
}

static const struct err *
read_disposition(struct multipart *m, struct str value, struct multipart_event *event)
{
	struct str name, text, extended = { NULL, 0 };
	size_t semicolon = str_find_byte(value, ';', 0);

	if (!str_eq_ci(str_trim(str_slice(value, 0, semicolon == SIZE_MAX ? value.len : semicolon)), STR("form-data")))
		return malformed(m, "a part's disposition is not form-data");
	while (parameter_next(m->arena, &value, &name, &text)) {
		if (str_eq_ci(name, STR("name")))
			event->name = arena_dup(m->arena, text);
		else if (str_eq_ci(name, STR("filename")))
			event->filename = arena_dup(m->arena, base_name(text));
		else if (str_eq_ci(name, STR("filename*")))
			extended = extended_value(m->arena, text);
	}
	if (extended.ptr)
		event->filename = base_name(extended);
	return event->name.ptr ? NULL : malformed(m, "a part has no name");
}

static const struct err *
read_headers(struct multipart *m, struct str headers, struct multipart_event *event)
{
	const struct err *err = NULL;
	struct str line;

	*event = (struct multipart_event){ .kind = MULTIPART_PART, .content_type = STR_EMPTY };
	while (!err && str_split(&headers, '\n', &line)) {
		size_t colon = str_find_byte(line, ':', 0);
		struct str name, value;

		if (str_trim(line).len == 0)
			continue;
		if (colon == SIZE_MAX || colon == 0 || line.ptr[0] == ' ' || line.ptr[0] == '\t')
			return malformed(m, "a line of a part's headers is no header");
		name = str_slice(line, 0, colon);
		value = str_trim(str_slice(line, colon + 1, line.len));
		if (str_eq_ci(name, STR("content-disposition")))
			err = read_disposition(m, value, event);
		else if (str_eq_ci(name, STR("content-type")))
			event->content_type = arena_dup(m->arena, value);
	}
	if (!err && !event->name.ptr)
		err = malformed(m, "a part has no name");
	return err;
}

static const struct err *
next_part(struct multipart *m, struct multipart_event *event)
{
	size_t end = str_find(buf_str(&m->pending), STR("\r\n\r\n"), 0);
	const struct err *err;

	if (end == SIZE_MAX ? m->pending.len > MULTIPART_HEADERS_MAX : end > MULTIPART_HEADERS_MAX)
		return err_new(m->arena, ERR_TOO_LARGE, "the headers of a part are too large");
	if (end == SIZE_MAX)
		return NULL;
	if (++m->parts > MULTIPART_PARTS_MAX)
		return err_new(m->arena, ERR_TOO_LARGE, "a multipart body has at most %d parts", MULTIPART_PARTS_MAX);
	err = read_headers(m, str_slice(buf_str(&m->pending), 0, end), event);
	buf_consume(&m->pending, end + 4);
	m->state = MULTIPART_IN_DATA;
	return err;
}

const struct err *
multipart_next(struct multipart *m, struct multipart_event *event)
{
	const struct err *err = NULL;
	bool moved = true;

	give_back(m);
	*event = (struct multipart_event){ .kind = MULTIPART_MORE };
	while (!err && moved && event->kind == MULTIPART_MORE) {
		int before = m->state;

		switch (m->state) {
		case MULTIPART_AT_START:
			err = first_delimiter(m);
			break;
		case MULTIPART_BEHIND_DELIMITER:
			err = behind_delimiter(m);
			break;
		case MULTIPART_IN_HEADERS:
			err = next_part(m, event);
			break;
		case MULTIPART_IN_DATA:
			next_data(m, event);
			break;
		case MULTIPART_AT_END:
			event->kind = MULTIPART_DONE;
			break;
		}
		moved = (int)m->state != before;
	}
	return err;
}

const struct err *
multipart_end(const struct multipart *m)
{
	return m->state == MULTIPART_AT_END ? NULL : err_new(m->arena, ERR_INVALID, "the multipart body ends before its last boundary");
}
