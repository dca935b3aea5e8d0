/*
 * parse_wire.c - see parse_wire.h.
 */
#include "knowledge/parse_wire.h"

enum { FILE_HEAD = 12, RESULT_HEAD = 8 };

static void
put_u32(struct buf *out, size_t value)
{
	char bytes[4] = { (char)(value & 0xff), (char)(value >> 8 & 0xff), (char)(value >> 16 & 0xff), (char)(value >> 24 & 0xff) };

	buf_add(out, str_n(bytes, sizeof(bytes)));
}

static size_t
get_u32(struct str from, size_t at)
{
	const unsigned char *byte = (const unsigned char *)from.ptr + at;

	return (size_t)byte[0] | (size_t)byte[1] << 8 | (size_t)byte[2] << 16 | (size_t)byte[3] << 24;
}

static struct str
take(struct str *rest, size_t bytes)
{
	struct str taken = str_slice(*rest, 0, bytes);

	*rest = str_slice(*rest, bytes, rest->len);
	return taken;
}

void
parse_file_put(struct buf *out, const struct parse_file *file)
{
	put_u32(out, file->type);
	put_u32(out, file->path.len);
	put_u32(out, file->bytes.len);
	buf_add(out, file->path);
	buf_add(out, file->bytes);
}

void
parse_result_put(struct buf *out, const struct parse_result *result)
{
	put_u32(out, result->status);
	put_u32(out, result->body.len);
	buf_add(out, result->body);
}

bool
parse_file_next(struct str *rest, struct parse_file *out)
{
	size_t type, path, bytes;

	if (rest->len < FILE_HEAD)
		return false;
	type = get_u32(*rest, 0);
	path = get_u32(*rest, 4);
	bytes = get_u32(*rest, 8);
	if (type >= DOC_TYPES || path + bytes > rest->len - FILE_HEAD)
		return false;
	take(rest, FILE_HEAD);
	out->type = (enum doc_type)type;
	out->path = take(rest, path);
	out->bytes = take(rest, bytes);
	return true;
}

bool
parse_result_next(struct str *rest, struct parse_result *out)
{
	size_t status, body;

	if (rest->len < RESULT_HEAD)
		return false;
	status = get_u32(*rest, 0);
	body = get_u32(*rest, 4);
	if (status >= PARSE_STATUSES || body > rest->len - RESULT_HEAD)
		return false;
	take(rest, RESULT_HEAD);
	out->status = (enum parse_status)status;
	out->body = take(rest, body);
	return true;
}
