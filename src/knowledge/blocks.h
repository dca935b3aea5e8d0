/*
 * blocks.h - a document as the parsers see it: its extracted text, and the blocks of that text in their order.
 *
 * A parser runs in a child process and appends blocks; the framed result goes through a pipe to the server, which trusts nothing of it: blocks_read checks every
 * length, order and byte. The extracted text is valid UTF-8 without control characters but tab and line feed; each block is a span of it, a blank line or a line feed
 * apart from the next, so that the text alone reads well too.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum block_kind {
	BLOCK_HEADING,   /* level 1..6; note: the anchor that leads to it, or empty */
	BLOCK_PARAGRAPH,
	BLOCK_ITEM,      /* of a list; level: its depth, from 1 */
	BLOCK_TERM,      /* of a definition list; level: its depth, from 1; note: its anchor, or empty. What follows is about it, up to the next term of
	                    this depth or a heading; one without text only ends the list */
	BLOCK_CODE,      /* lines as they are; note: the language, or empty */
	BLOCK_TABLE,     /* begins a table; the text is its header row, perhaps empty */
	BLOCK_ROW,       /* a row of the table, or a record of a CSV or JSON file, on one line */
	BLOCK_PAGE,      /* a page begins; level: its number, from 1; no text */
	BLOCK_KINDS
};

enum { BLOCK_LEVEL_MAX = 1000000, BLOCK_NOTE_MAX = 200, BLOCK_TITLE_MAX = 500 };
#define BLOCKS_TEXT_MAX MIB(64)
#define BLOCKS_COUNT_MAX ((size_t)1000000)

struct block {
	enum block_kind kind;
	unsigned level;
	size_t from, to; /* bytes of the text */
	struct str note;
};

struct blocks {
	struct str title; /* of the document, or empty */
	struct str text;
	struct block *list;
	size_t count;
};

/*
 * Builds blocks. One block is open at a time; text that arrives while none is open is dropped. Over a limit (text, count, arena) the writer stops and keeps the error.
 */
struct block_writer {
	struct arena *arena;
	struct buf text;
	struct buf list;         /* of struct block */
	struct str title;
	struct block open;
	bool is_open;
	bool verbatim;           /* code: blanks are kept */
	bool blank;              /* a blank is due before the next text */
	const struct err *err;
};

void block_writer_init(struct block_writer *writer, struct arena *arena);

/* Opens a block, closing the one before. The note is cut to BLOCK_NOTE_MAX. */
void block_open(struct block_writer *writer, enum block_kind kind, unsigned level, struct str note);

/* Appends text, which may be any bytes: made valid, runs of blanks made one (not in code). */
void block_text(struct block_writer *writer, struct str text);

/* Ends the open block. One without text is dropped, but for BLOCK_TABLE, BLOCK_PAGE and BLOCK_TERM. */
void block_close(struct block_writer *writer);

/* open, text, close. */
void block_add(struct block_writer *writer, enum block_kind kind, unsigned level, struct str text);

/* The first non-empty title counts; blanks are made single and the end is cut. */
void block_title(struct block_writer *writer, struct str title);

/* What has been built. */
const struct err *block_writer_end(struct block_writer *writer, struct blocks *out);

/* The result as bytes for the pipe, and back: views into `bytes`, blocks in the arena. ERR_INVALID when anything about them is wrong. */
const struct err *blocks_write(const struct blocks *blocks, struct buf *out);
const struct err *blocks_read(struct arena *arena, struct str bytes, struct blocks *out);
