/*
 * wordpiece.h - text to the token ids of an uncased BERT model, equal to the reference tokenizer (`tokenizers`: BertNormalizer, BertPreTokenizer, WordPiece)
 * on every text, special tokens written out in the text ("[SEP]") included. Malformed UTF-8 reads as U+FFFD, which the reference drops.
 *
 * After wordpiece_new a tokenizer never changes: any number of threads use it at once. Nothing is allocated while tokenizing.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct wordpiece;

/*
 * A tokenizer from the contents of a vocab.txt: one token a line, its id the line's number from 0. Both live in the arena; the vocabulary's bytes are copied.
 * ERR_INVALID when it lacks [CLS], [SEP], [UNK] or [PAD], or is larger than any real one.
 */
const struct err *wordpiece_new(struct arena *arena, struct str vocabulary, struct wordpiece **out);

/* Ids of [CLS], the text, [SEP] to ids[0..max); a longer text is cut. Returns how many; max is at least 2. Reads no further than it needs. */
size_t wordpiece_encode(const struct wordpiece *wordpiece, struct str text, int32_t *ids, size_t max);

/* How many tokens the text has, [CLS] and [SEP] not counted. */
size_t wordpiece_count(const struct wordpiece *wordpiece, struct str text);

/* The id for padding. */
int32_t wordpiece_pad(const struct wordpiece *wordpiece);
