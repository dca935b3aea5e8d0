/*
 * chunk_dump.c - the chunks of files as JSON lines, for measuring chunking and retrieval without a server:
 *
 *	chunk_dump VOCAB FILE…      {"path","title","heading_path","anchor","page","from","to","tokens","text"}
 *
 * Parses in this process, without a child's limits: for files one trusts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"
#include "knowledge/chunk.h"
#include "knowledge/parser.h"
#include "knowledge/type.h"
#include "text/wordpiece.h"

static struct str
file_read(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buf bytes;
	char *room;
	size_t got;

	buf_init(&bytes, arena, MIB(512));
	if (!file) {
		perror(path);
		exit(1);
	}
	while ((room = buf_reserve(&bytes, KIB(64))) && (got = fread(room, 1, KIB(64), file)) > 0)
		bytes.len += got;
	fclose(file);
	return buf_str(&bytes);
}

static size_t
count_tokens(void *wordpiece, struct str text)
{
	return wordpiece_count(wordpiece, text);
}

static void
print_chunk(struct arena *arena, const char *path, struct str title, const struct chunk *chunk)
{
	struct json_out out;
	struct buf line;

	buf_init(&line, arena, MIB(1));
	json_out_init(&out, &line);
	json_begin_object(&out);
	json_set_string(&out, "path", str_of(path));
	json_set_string(&out, "title", title);
	json_set_string(&out, "heading_path", chunk->heading_path);
	json_set_string(&out, "anchor", chunk->anchor);
	json_set_int(&out, "page", chunk->page);
	json_set_int(&out, "from", (int64_t)chunk->from);
	json_set_int(&out, "to", (int64_t)chunk->to);
	json_set_int(&out, "tokens", chunk->tokens);
	json_set_string(&out, "text", chunk->text);
	json_end_object(&out);
	printf("%" STR_F "\n", STR_A(buf_str(&line)));
}

static const struct err *
dump(struct arena *arena, struct wordpiece *wordpiece, const char *path)
{
	struct chunk_spec spec = { .tokens_max = 254, .tokens_target = 180, .tokens_overlap = 24, .count = count_tokens, .arg = wordpiece };
	struct parse_input input = { .bytes = file_read(arena, path), .path = str_of(path) };
	const struct parser *parser = parser_of(doc_type_of(input.path, input.bytes));
	struct block_writer writer;
	struct blocks blocks;
	struct chunk *chunks;
	const struct err *err;
	size_t count;

	if (!parser)
		return err_new(arena, ERR_UNSUPPORTED, "no parser for this type");
	block_writer_init(&writer, arena);
	err = parser->parse(&input, &writer);
	if (!err)
		err = block_writer_end(&writer, &blocks);
	if (!err)
		err = chunk_blocks(arena, &blocks, &spec, &chunks, &count);
	for (size_t i = 0; !err && i < count; i++)
		print_chunk(arena, path, blocks.title, &chunks[i]);
	return err;
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new(MIB(64));
	struct wordpiece *wordpiece;

	if (argc < 3 || wordpiece_new(arena, file_read(arena, argv[1]), &wordpiece)) {
		fprintf(stderr, "usage: chunk_dump VOCAB FILE...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		struct arena *work = arena_new(MIB(2048));
		const struct err *err = dump(work, wordpiece, argv[i]);

		if (err)
			fprintf(stderr, "%s: %" STR_F "\n", argv[i], STR_A(err->message));
		arena_free(work);
	}
	arena_free(arena);
	return 0;
}
