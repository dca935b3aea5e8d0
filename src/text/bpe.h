/*
 * bpe.h - text to the token ids of OpenAI's byte-pair encodings, equal to the reference (`tiktoken`, encode_ordinary) on every valid text whose pieces are at most
 * BPE_PIECE_MAX bytes long: special tokens that are written out in a text are text. Longer pieces (a megabyte without a blank) are cut there.
 *
 * After bpe_new an encoding never changes: any number of threads use it at once. Counting takes memory only for pieces over BPE_PIECE_SMALL bytes, and gives it back.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { BPE_PIECE_SMALL = 128, BPE_PIECE_MAX = 1024 * 1024 };

struct bpe;

/* How a text is split into pieces before each is encoded. */
enum bpe_split { BPE_CL100K, BPE_O200K };

/*
 * An encoding from the contents of a .tiktoken file: a line a token, its bytes in base64, a blank, its rank; ranks rise from 0. It lives in the arena, the file's bytes need not.
 * ERR_INVALID, with the line, when it is no such file or lacks a single byte.
 */
const struct err *bpe_new(struct arena *arena, enum bpe_split split, struct str file, struct bpe **out);

/* How many tokens the text has. */
size_t bpe_count(const struct bpe *bpe, struct str text);

/* The first `max` ids; returns how many tokens the text has. */
size_t bpe_encode(const struct bpe *bpe, struct str text, uint32_t *ids, size_t max);
