/*
 * parse_pages.c - what pdftotext makes of a PDF to blocks: pages parted by form feeds, lines as they were set.
 *
 * Lines are joined to paragraphs again, words that were parted at the end of a line too. Lines that stand at the top or bottom of most pages (running titles,
 * page numbers; digits are not compared) are left out. A short line by itself that begins with a number like "3.2" is a heading of that depth.
 */
#include "knowledge/parser.h"

#include "base/map.h"
#include "knowledge/decode.h"

enum { EDGE_LINES = 2, EDGE_PAGES_MIN = 3, HEADING_BYTES_MAX = 120, EDGE_BYTES_MAX = 100 };

struct pages {
	struct block_writer *out;
	struct map edges;         /* line without digits → how often it stands at an edge, as a pointer-sized number */
	size_t page_count;
	struct str last;          /* the line before, of the open paragraph */
};

/* The line without digits and blanks, in the arena: what running titles have in common. */
static struct str
edge_key(struct arena *arena, struct str line)
{
	char *key = arena_alloc(arena, EDGE_BYTES_MAX);
	size_t len = 0;

	for (size_t i = 0; key && i < line.len && len < EDGE_BYTES_MAX; i++)
		if (line.ptr[i] > ' ' && !(line.ptr[i] >= '0' && line.ptr[i] <= '9'))
			key[len++] = line.ptr[i];
	return key ? str_n(key, len) : STR_EMPTY;
}

/* The first and last lines of a page that are not blank, up to EDGE_LINES each. */
static size_t
page_edges(struct str page, struct str edges[2 * EDGE_LINES])
{
	struct str line, last[EDGE_LINES] = { 0 };
	size_t count = 0, seen = 0, lasts;

	while (str_split(&page, '\n', &line)) {
		line = str_trim(line);
		if (line.len == 0)
			continue;
		if (seen < EDGE_LINES)
			edges[count++] = line;
		else
			last[(seen - EDGE_LINES) % EDGE_LINES] = line;
		seen++;
	}
	lasts = seen > EDGE_LINES ? seen - EDGE_LINES : 0;
	for (size_t i = 0; i < EDGE_LINES && i < lasts; i++)
		edges[count++] = last[i];
	return count;
}

static void
count_edges(struct pages *pages, struct str text)
{
	struct str page, edges[2 * EDGE_LINES];

	while (str_split(&text, '\f', &page)) {
		size_t count = page_edges(page, edges);

		pages->page_count++;
		for (size_t i = 0; i < count; i++) {
			struct str key = edge_key(pages->out->arena, edges[i]);
			uintptr_t times = (uintptr_t)map_get(&pages->edges, key);

			map_put(&pages->edges, key, (void *)(times + 1));
		}
	}
}

static bool
is_edge(const struct pages *pages, struct str line, const struct str *edges, size_t count)
{
	bool at_edge = false;

	if (line.len > EDGE_BYTES_MAX) /* running titles are short; a page of few lines is all edges */
		return false;
	for (size_t i = 0; i < count; i++)
		at_edge |= line.ptr == edges[i].ptr;
	if (!at_edge || pages->page_count < EDGE_PAGES_MIN)
		return false;
	return (uintptr_t)map_get(&pages->edges, edge_key(pages->out->arena, line)) * 2 >= pages->page_count;
}

/* "3.2.1 Title": the depth of the number, or 0. */
static unsigned
heading_depth(struct str line)
{
	unsigned depth = 0;
	size_t i = 0;

	while (i < line.len && line.ptr[i] >= '0' && line.ptr[i] <= '9') {
		size_t digits = i;

		while (i < line.len && line.ptr[i] >= '0' && line.ptr[i] <= '9')
			i++;
		if (i - digits > 2)
			return 0;
		depth++;
		if (i < line.len && line.ptr[i] == '.')
			i++;
	}
	if (!depth || line.len > HEADING_BYTES_MAX || i + 3 > line.len || line.ptr[i] != ' ' || str_ends(line, STR(".")) || str_ends(line, STR(",")))
		return 0;
	return line.ptr[i + 1] >= 'A' && line.ptr[i + 1] <= 'Z' ? (depth < 6 ? depth : 6) : 0;
}

/* Takes back the hyphen that parted a word at the end of the last line. */
static bool
joins_word(struct str last, struct str line)
{
	return last.len >= 2 && last.ptr[last.len - 1] == '-' && last.ptr[last.len - 2] >= 'a' && last.ptr[last.len - 2] <= 'z' && line.len && line.ptr[0] >= 'a' &&
		line.ptr[0] <= 'z';
}

static void
page_line(struct pages *pages, struct str line)
{
	struct block_writer *out = pages->out;
	unsigned depth;

	if (line.len == 0) {
		block_close(out);
		return;
	}
	depth = out->is_open ? 0 : heading_depth(line);
	if (depth) {
		block_add(out, BLOCK_HEADING, depth, line);
		return;
	}
	if (!out->is_open)
		block_open(out, BLOCK_PARAGRAPH, 0, STR_EMPTY);
	else if (joins_word(pages->last, line))
		out->text.len--;
	else
		block_text(out, STR(" "));
	block_text(out, line);
	pages->last = line;
}

const struct err *
parse_pages(const struct parse_input *input, struct block_writer *out)
{
	struct pages pages = { .out = out };
	struct str text, rest, page, line;
	const struct err *err = text_decode(out->arena, input->bytes, &text);
	unsigned number = 0;

	if (err)
		return err;
	count_edges(&pages, text);
	rest = text;
	while (!out->err && str_split(&rest, '\f', &page)) {
		struct str edges[2 * EDGE_LINES];
		size_t edge_count = page_edges(page, edges);

		if (number < BLOCK_LEVEL_MAX)
			block_open(out, BLOCK_PAGE, ++number, STR_EMPTY);
		block_close(out);
		while (str_split(&page, '\n', &line)) {
			line = str_trim(line);
			if (!is_edge(&pages, line, edges, edge_count))
				page_line(&pages, line);
		}
	}
	map_fini(&pages.edges);
	block_close(out);
	return out->err;
}
