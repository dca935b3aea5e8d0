/*
 * parse_csv.c - CSV and TSV (RFC 4180 and its relatives) to blocks: a row a record, "column: value; column: value".
 *
 * The separator is the one of , ; tab | that the first lines use most, unless the name says tsv. Quoted cells may hold separators, line breaks and doubled quotes. The
 * first row gives the columns' names; so a row says by itself what its values are, wherever it is cut out. Empty cells are left out.
 */
#include "knowledge/parser.h"

#include "knowledge/decode.h"

enum { COLUMNS_MAX = 4096, SNIFF_BYTES = 16 * 1024 };

struct csv {
	struct arena *arena;
	struct str rest;
	char separator;
	struct str *cells; /* of the row read last; room for COLUMNS_MAX */
	size_t count;
};

static char
sniff_separator(const struct parse_input *input, struct str text)
{
	static const char candidates[] = { ',', ';', '\t', '|' };
	size_t counts[sizeof(candidates)] = { 0 }, best = 0;
	bool quoted = false;

	if (str_ends(input->path, STR(".tsv")))
		return '\t';
	for (size_t i = 0; i < text.len && i < SNIFF_BYTES; i++) {
		quoted ^= text.ptr[i] == '"';
		for (size_t c = 0; c < sizeof(candidates) && !quoted; c++)
			counts[c] += text.ptr[i] == candidates[c];
	}
	for (size_t c = 1; c < sizeof(candidates); c++)
		if (counts[c] > counts[best])
			best = c;
	return candidates[best];
}

/* A cell that begins with a quote; one that is never closed goes on to the end of the file. */
static struct str
quoted_cell(struct csv *csv)
{
	struct str text = str_slice(csv->rest, 1, csv->rest.len);
	size_t from = 0, end;
	struct buf cell;

	buf_init(&cell, csv->arena, text.len + 1);
	for (;;) {
		end = str_find_byte(text, '"', from);
		end = end == SIZE_MAX ? text.len : end;
		if (end + 1 >= text.len || text.ptr[end + 1] != '"')
			break;
		buf_add(&cell, str_slice(text, from, end + 1));
		from = end + 2;
	}
	csv->rest = str_slice(text, end + 1, text.len);
	if (cell.len == 0)
		return str_slice(text, from, end);
	buf_add(&cell, str_slice(text, from, end));
	return buf_str(&cell);
}

static struct str
plain_cell(struct csv *csv)
{
	size_t end = 0;
	struct str cell;

	while (end < csv->rest.len && csv->rest.ptr[end] != csv->separator && csv->rest.ptr[end] != '\n')
		end++;
	cell = str_slice(csv->rest, 0, end);
	csv->rest = str_slice(csv->rest, end, csv->rest.len);
	return cell;
}

/* Reads a row into cells; false at the end of the file. Cells past COLUMNS_MAX are dropped. */
static bool
read_row(struct csv *csv)
{
	bool more = csv->rest.len > 0;

	csv->count = 0;
	while (more) {
		struct str cell = csv->rest.len && csv->rest.ptr[0] == '"' ? quoted_cell(csv) : plain_cell(csv);

		(void)plain_cell(csv); /* what stands between a closing quote and the separator */
		if (csv->count < COLUMNS_MAX)
			csv->cells[csv->count++] = str_trim(cell);
		more = csv->rest.len && csv->rest.ptr[0] == csv->separator;
		csv->rest = str_slice(csv->rest, 1, csv->rest.len);
	}
	return csv->count > 0;
}

static void
write_row(const struct csv *csv, const struct str *names, size_t name_count, struct block_writer *out)
{
	bool begun = false;

	block_open(out, BLOCK_ROW, 0, STR_EMPTY);
	for (size_t i = 0; i < csv->count; i++) {
		if (csv->cells[i].len == 0)
			continue;
		if (begun)
			block_text(out, STR("; "));
		begun = true;
		if (i < name_count && names[i].len) {
			block_text(out, names[i]);
			block_text(out, STR(": "));
		}
		block_text(out, csv->cells[i]);
	}
	block_close(out);
}

const struct err *
parse_csv(const struct parse_input *input, struct block_writer *out)
{
	struct csv csv = { .arena = out->arena };
	struct str *names;
	size_t name_count;
	const struct err *err = text_decode(out->arena, input->bytes, &csv.rest);

	if (err)
		return err;
	csv.separator = sniff_separator(input, csv.rest);
	csv.cells = arena_array(out->arena, COLUMNS_MAX, sizeof(*csv.cells));
	names = arena_array(out->arena, COLUMNS_MAX, sizeof(*names));
	if (!csv.cells || !names)
		return &err_no_memory;
	if (!read_row(&csv))
		return NULL;
	name_count = csv.count;
	memcpy(names, csv.cells, name_count * sizeof(*names));
	if (csv.rest.len == 0) /* a single line: a record, not a header */
		write_row(&csv, NULL, 0, out);
	while (!out->err && read_row(&csv))
		write_row(&csv, names, name_count, out);
	return out->err;
}
