/*
 * parse_file.h - what the fuzz targets of the parsers share: the way of a file from its bytes to chunks, with the promises of each step.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "knowledge/chunk.h"
#include "knowledge/parser.h"

enum { FUZZ_TOKENS_MAX = 64 };

/* A token for four bytes: cheap, and no word is too long for it. */
static size_t
fuzz_tokens(void *unused, struct str text)
{
	(void)unused;
	return text.len / 4;
}

/* Whatever the file holds: a refusal, or blocks that the server's side of the pipe takes, and chunks that fit the window. */
static void
fuzz_parse(enum doc_type type, const char *path, struct str bytes)
{
	struct chunk_spec spec = { .tokens_max = FUZZ_TOKENS_MAX, .tokens_target = 44, .tokens_overlap = 6, .count = fuzz_tokens };
	struct arena *arena = arena_new(MIB(1024));
	struct parse_input input = { .bytes = bytes, .path = str_of(path) };
	struct block_writer writer;
	struct blocks blocks, read;
	struct chunk *chunks;
	struct buf frame;
	size_t count;

	block_writer_init(&writer, arena);
	if (!parser_of(type)->parse(&input, &writer) && !block_writer_end(&writer, &blocks)) {
		buf_init(&frame, arena, SIZE_MAX / 2);
		if (blocks_write(&blocks, &frame) || blocks_read(arena, buf_str(&frame), &read) || read.count != blocks.count)
			abort();
		if (chunk_blocks(arena, &read, &spec, &chunks, &count))
			abort();
		for (size_t i = 0; i < count; i++)
			if (chunks[i].tokens > FUZZ_TOKENS_MAX || chunks[i].text.len == 0 || chunks[i].to > read.text.len)
				abort();
	}
	arena_free(arena);
}
