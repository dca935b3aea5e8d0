/*
 * content.c - strangers' bytes in the database: once per tenant and content, in pieces of 1 MiB, compressed where it pays.
 *
 * An upload gathers a piece at a time. Most files are one piece, which waits in memory for the commit that makes a file or document of it: one commit for the
 * whole. When a piece is full and more comes, it goes to the database at once, under a content without a hash; what is never finished is found by that, and
 * cleaned up an hour later. Hashing runs along; compression runs on a worker thread.
 */
#include "knowledge/inside.h"

#include "base/buf.h"
#include "crypto/hash.h"
#include "zip/pack.h"

enum { ENCODING_PLAIN, ENCODING_ZSTD, HEAD_BYTES = 64 * 1024 };

struct upload {
	struct knowledge *knowledge;
	struct arena *arena;
	int64_t tenant;
	size_t max;
	int64_t bytes;
	struct hash *hash;           /* until upload_end */
	unsigned char sha256[HASH_SHA256_SIZE];
	char hex[HASH_SHA256_HEX];
	int64_t content;             /* row with the pieces already written, or 0 */
	unsigned written;            /* pieces */
	struct buf piece;            /* the one that is filling, on the heap */
	struct arena *packing;       /* holds packed, reset for each piece */
	struct str packed;
	struct str head;
	bool packed_valid;
};

static void
upload_free(void *arg)
{
	struct upload *upload = arg;

	buf_fini(&upload->piece);
	arena_free(upload->packing);
	if (upload->hash)
		hash_end(upload->hash, NULL);
}

const struct err *
upload_open(struct knowledge *k, struct arena *arena, int64_t tenant, size_t max, struct upload **out)
{
	struct upload *upload = arena_zalloc(arena, sizeof(*upload));

	if (!upload)
		return &err_no_memory;
	*upload = (struct upload){ .knowledge = k, .arena = arena, .tenant = tenant, .max = max };
	upload->hash = hash_begin();
	upload->packing = arena_new(4 * CONTENT_PIECE_BYTES);
	buf_init(&upload->piece, NULL, CONTENT_PIECE_BYTES);
	if (!arena_on_free(arena, upload_free, upload)) {
		upload_free(upload);
		return &err_no_memory;
	}
	*out = upload;
	return NULL;
}

struct pack_job {
	struct upload *upload;
	const struct err *err;
};

static void
pack_piece(void *arg)
{
	struct pack_job *job = arg;

	arena_reset(job->upload->packing);
	job->err = pack_bytes(job->upload->packing, buf_str(&job->upload->piece), &job->upload->packed);
}

static MAY_PARK const struct err *
piece_pack(struct upload *upload)
{
	struct pack_job job = { .upload = upload };
	const struct err *err = offload(upload->knowledge->pool, pack_piece, &job);

	upload->packed_valid = !err && !job.err;
	return err ? err : err_copy(upload->arena, job.err);
}

static MAY_PARK const struct err *
piece_insert(struct tx *tx, struct upload *upload, int64_t content)
{
	bool plain = upload->packed.len == upload->piece.len;

	return tx_exec(tx, &stmt_content_piece_insert,
		PARAMS(V_INT(content), V_INT(upload->written), V_INT(plain ? ENCODING_PLAIN : ENCODING_ZSTD), V_INT(upload->piece.len), V_BLOB(upload->packed)), NULL);
}

static MAY_PARK const struct err *
content_insert(struct tx *tx, const struct upload *upload, struct value sha256, int64_t *content)
{
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_content_insert, PARAMS(V_INT(upload->tenant), sha256, V_INT(upload->bytes), V_INT(clock_wall_us())), &rows);

	if (!err)
		*content = rows_int(&rows, 0, 0);
	return err;
}

struct spill {
	struct upload *upload;
	int64_t content;
};

static MAY_PARK const struct err *
spill_tx(struct tx *tx, void *arg)
{
	struct spill *spill = arg;
	const struct err *err = NULL;

	spill->content = spill->upload->content;
	if (!spill->content)
		err = content_insert(tx, spill->upload, V_NULL, &spill->content);
	return err ? err : piece_insert(tx, spill->upload, spill->content);
}

/* Writes the full piece, to make room for the next one. */
static MAY_PARK const struct err *
piece_spill(struct upload *upload)
{
	struct spill spill = { .upload = upload };
	const struct err *err = piece_pack(upload);

	if (!err)
		err = store_tx(upload->knowledge->store, upload->arena, spill_tx, &spill);
	if (err)
		return err;
	upload->content = spill.content;
	upload->written++;
	upload->packed_valid = false;
	buf_clear(&upload->piece);
	return NULL;
}

const struct err *
upload_write(struct upload *upload, struct str piece)
{
	const struct err *err = NULL;

	if (piece.len > upload->max - (size_t)upload->bytes)
		return err_new(upload->arena, ERR_TOO_LARGE, "the file is larger than %zu MiB", upload->max / MIB(1));
	hash_add(upload->hash, piece);
	if (upload->head.len == 0 && piece.len)
		upload->head = arena_dup(upload->arena, str_slice(piece, 0, HEAD_BYTES));
	upload->bytes += (int64_t)piece.len;
	while (piece.len && !err) {
		struct str part = str_slice(piece, 0, CONTENT_PIECE_BYTES - upload->piece.len);

		if (part.len == 0) {
			err = piece_spill(upload);
			continue;
		}
		buf_add(&upload->piece, part);
		piece = str_slice(piece, part.len, piece.len);
		err = buf_err(&upload->piece);
	}
	return err;
}

struct str
upload_end(struct upload *upload)
{
	if (upload->hash) {
		hash_end(upload->hash, upload->sha256);
		upload->hash = NULL;
		hex_encode(upload->sha256, sizeof(upload->sha256), upload->hex);
	}
	return str_n(upload->hex, sizeof(upload->hex));
}

int64_t
upload_bytes(const struct upload *upload)
{
	return upload->bytes;
}

const unsigned char *
upload_hash(const struct upload *upload)
{
	return upload->sha256;
}

struct str
upload_head(const struct upload *upload)
{
	return upload->head.ptr ? upload->head : STR_EMPTY;
}

const struct err *
content_prepare(struct upload *upload)
{
	upload_end(upload);
	return upload->packed_valid ? NULL : piece_pack(upload);
}

const struct err *
content_put(struct tx *tx, struct upload *upload, int64_t *content)
{
	struct value sha256 = V_BLOB(str_n((const char *)upload->sha256, sizeof(upload->sha256)));
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_content_by_hash, PARAMS(V_INT(upload->tenant), sha256), &rows);

	if (err)
		return err;
	if (rows.count) {
		*content = rows_int(&rows, 0, 0);
		return upload->content && upload->content != *content ? content_forget(tx, upload->content) : NULL;
	}
	*content = upload->content;
	if (upload->content)
		err = tx_exec(tx, &stmt_content_finish, PARAMS(V_INT(upload->content), sha256, V_INT(upload->bytes)), NULL);
	else
		err = content_insert(tx, upload, sha256, content);
	return err || (upload->content && upload->piece.len == 0) ? err : piece_insert(tx, upload, *content);
}

const struct err *
content_forget(struct tx *tx, int64_t content)
{
	return content ? tx_exec(tx, &stmt_content_forget, PARAMS(V_INT(content)), NULL) : NULL;
}

const struct err *
content_piece(struct knowledge *k, struct arena *arena, int64_t content, unsigned ordinal, struct str *bytes)
{
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_content_piece_get, PARAMS(V_INT(content), V_INT(ordinal)), &rows);

	*bytes = STR_EMPTY;
	if (err || rows.count == 0)
		return err;
	if (rows_int(&rows, 0, 0) == ENCODING_ZSTD)
		return unpack_bytes(arena, rows_text(&rows, 0, 2), (size_t)rows_int(&rows, 0, 1), bytes);
	*bytes = rows_text(&rows, 0, 2);
	return NULL;
}

const struct err *
content_read(struct knowledge *k, struct arena *arena, int64_t content, size_t max, struct str *bytes)
{
	const struct err *err = NULL;
	struct str piece = { .len = CONTENT_PIECE_BYTES };
	struct buf whole;

	buf_init(&whole, arena, max);
	for (unsigned i = 0; !err && piece.len == CONTENT_PIECE_BYTES; i++) {
		struct arena *scratch = arena_new(4 * CONTENT_PIECE_BYTES);

		err = err_copy(arena, content_piece(k, scratch, content, i, &piece));
		if (!err)
			buf_add(&whole, piece);
		arena_free(scratch);
		if (!err)
			err = buf_err(&whole);
	}
	*bytes = buf_str(&whole);
	return err;
}
