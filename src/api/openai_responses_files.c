/*
 * openai_responses_files.c - images and files that a request names by the id of a stored file: their bytes go to the provider in a data: URL. What is kept of the item has the id alone.
 */
#include "api/openai_responses.h"
#include "base/base64.h"
#include "knowledge/knowledge.h"

enum { BYTES_MAX = 32 * 1024 * 1024, PIECE_ARENA_MAX = 4 * 1024 * 1024 };

/* The bytes of a file as base64, piece by piece: pieces are 1 MiB, and what of one makes no whole group of three goes with the next. */
static MAY_PARK const struct err *
read_base64(struct responses_ask *ask, const struct file *file, struct buf *out)
{
	struct arena *scratch = arena_new(PIECE_ARENA_MAX);
	const struct err *err = NULL;
	struct str piece = STR_EMPTY;
	struct buf rest;

	buf_init(&rest, NULL, PIECE_ARENA_MAX);
	for (unsigned i = 0; !err && (i == 0 || piece.len); i++) {
		size_t whole;

		arena_reset(scratch);
		err = file_piece(ask->request->app->knowledge, scratch, file, i, &piece);
		if (err)
			break;
		buf_add(&rest, piece);
		whole = piece.len ? rest.len / 3 * 3 : rest.len;
		base64_encode(out, str_n(rest.ptr, whole));
		buf_consume(&rest, whole);
	}
	if (!err && (rest.failed || out->failed))
		err = &err_no_memory;
	err = err ? err_copy(ask->arena, err) : NULL;
	buf_fini(&rest);
	arena_free(scratch);
	return err;
}

/* Of the four kinds of images that providers take, by their first bytes: files are stored as documents, whose types these are not. Empty: none of them. */
static MAY_PARK const struct err *
image_type(struct responses_ask *ask, const struct file *file, struct str *out)
{
	static const struct {
		struct str begins, type;
	} kinds[] = { { STR_INIT("\x89PNG\r\n"), STR_INIT("image/png") }, { STR_INIT("\xff\xd8\xff"), STR_INIT("image/jpeg") }, { STR_INIT("GIF8"), STR_INIT("image/gif") },
		{ STR_INIT("RIFF"), STR_INIT("image/webp") } };
	struct arena *scratch = arena_new(PIECE_ARENA_MAX);
	struct str piece;
	const struct err *err = file_piece(ask->request->app->knowledge, scratch, file, 0, &piece);

	*out = STR_EMPTY;
	for (size_t i = 0; i < COUNT(kinds) && !err; i++)
		if (str_starts(piece, kinds[i].begins))
			*out = kinds[i].type;
	err = err ? err_copy(ask->arena, err) : NULL;
	arena_free(scratch);
	return err;
}

static MAY_PARK const struct err *
load_file(struct responses_ask *ask, struct part *part, int64_t *bytes)
{
	struct buf *url = arena_alloc(ask->arena, sizeof(*url));
	struct file file;
	const struct err *err;

	if (!url || !buf_init_held(url, ask->arena, 2 * (size_t)BYTES_MAX))
		return &err_no_memory;
	err = access_require(ask->request->identity, SCOPE_KNOWLEDGE_READ, ask->arena);
	if (err)
		return err;
	err = file_get(ask->request->app->knowledge, ask->arena, ask->request->identity->tenant, part->id, &file);
	if (err && err->kind == ERR_NOT_FOUND)
		return err_param(ask->arena, ERR_NOT_FOUND, "input", "file_not_found", "input: there is no file '%" STR_F "'", STR_A(str_slice(part->id, 0, 100)));
	if (err)
		return err;
	ask->call->local_only = ask->call->local_only || file.local_only;
	*bytes += file.bytes;
	if (*bytes > BYTES_MAX)
		return err_param(ask->arena, ERR_TOO_LARGE, "input", NULL, "input: the files of a request have at most %d MiB; '%" STR_F "' is over that", BYTES_MAX >> 20,
			STR_A(file.filename));
	part->media_type = file.content_type;
	if (part->type == PART_IMAGE)
		err = image_type(ask, &file, &part->media_type);
	if (err)
		return err;
	if (!part->media_type.len)
		return err_param(ask->arena, ERR_INVALID, "input", NULL, "input: the file '%" STR_F "' is not an image", STR_A(file.filename));
	buf_add(url, STR("data:"));
	buf_add(url, part->media_type);
	buf_add(url, STR(";base64,"));
	err = read_base64(ask, &file, url);
	part->url = buf_str(url);
	part->name = part->name.len ? part->name : file.filename;
	part->id = STR_EMPTY;
	return err;
}

static MAY_PARK const struct err *
load_parts(struct responses_ask *ask, struct part *parts, int64_t *bytes)
{
	const struct err *err = NULL;

	for (struct part *part = parts; part && !err; part = part->next) {
		if (part->type == PART_TOOL_RESULT)
			for (struct part *inner = part->parts; inner && !err; inner = inner->next)
				err = (inner->type == PART_IMAGE || inner->type == PART_FILE) && !inner->url.len ? load_file(ask, inner, bytes) : NULL;
		else if ((part->type == PART_IMAGE || part->type == PART_FILE) && !part->url.len)
			err = load_file(ask, part, bytes);
	}
	return err;
}

MAY_PARK const struct err *
responses_files(struct responses_ask *ask)
{
	const struct err *err = NULL;
	int64_t bytes = 0;

	for (struct message *message = ask->call->messages; message && !err; message = message->next)
		err = load_parts(ask, message->parts, &bytes);
	return err;
}
