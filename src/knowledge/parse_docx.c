/*
 * parse_docx.c - Word documents (ECMA-376) to blocks.
 *
 * A .docx is a zip of XML parts. Each part is read through a streaming parser, so that its nesting costs nothing; sizes are bounded as they are unpacked. Paragraph styles
 * give headings (by outline level, or by their names), numbering gives lists, tables go row by row with the first row as header. Deleted text, field codes and
 * fallbacks for old readers are left out.
 */
#include "knowledge/parser.h"

#include <expat.h>

#include "base/map.h"
#include "zip/archive.h"

#define PART_MAX MIB(128)
enum { LIST_LEVELS = 9, STYLES_MAX = 4096, TITLE_STYLE = 100, CODE_STYLE = 101, LIST_STYLE = 102 /* and its level, from 0 */ };

struct docx {
	struct block_writer *out;
	struct map styles;        /* style id → level of heading, or one of *_STYLE, as a pointer-sized number */
	size_t style_count;
	struct buf text;          /* of the paragraph, or of the table's row */
	unsigned page;
	bool has_pages, page_after;
	/* styles.xml */
	struct str style_id;
	/* the paragraph */
	unsigned style, list_level;
	bool in_text, in_list;
	/* tables and what is left out */
	unsigned tables, cells, skipping;
	bool table_begun;
};

/* "http://…/main|p" → "p" */
static const char *
local_name(const char *name)
{
	const char *bar = strrchr(name, '|');

	return bar ? bar + 1 : name;
}

static const char *
attribute(const char **attributes, const char *name)
{
	for (size_t i = 0; attributes[i]; i += 2)
		if (strcmp(local_name(attributes[i]), name) == 0)
			return attributes[i + 1];
	return NULL;
}

static void
style_set(struct docx *docx, unsigned style)
{
	if (docx->style_id.len && docx->style_count++ < STYLES_MAX)
		map_put(&docx->styles, docx->style_id, (void *)(uintptr_t)style);
}

/* Word's built-in names are the same in every language: "heading 1", "Title". */
static void
style_begin(void *arg, const char *name, const char **attributes)
{
	struct docx *docx = arg;
	const char *element = local_name(name), *value = attribute(attributes, "val");

	if (strcmp(element, "style") == 0) {
		docx->style_id = arena_dup(docx->out->arena, str_of(attribute(attributes, "styleId")));
	} else if (strcmp(element, "name") == 0 && value) {
		if (strncmp(value, "heading ", 8) == 0 && value[8] >= '1' && value[8] <= '9')
			style_set(docx, (unsigned)(value[8] - '0'));
		else if (strcmp(value, "Title") == 0)
			style_set(docx, TITLE_STYLE);
		else if (strcmp(value, "HTML Preformatted") == 0 || strcmp(value, "Source Code") == 0)
			style_set(docx, CODE_STYLE);
		else if (strncmp(value, "List Bullet", 11) == 0 || strncmp(value, "List Number", 11) == 0)
			style_set(docx, LIST_STYLE + (unsigned)(value[11] == ' ' && value[12] >= '2' && value[12] <= '9' ? value[12] - '1' : 0));
	} else if (strcmp(element, "outlineLvl") == 0 && value && value[0] >= '0' && value[0] <= '8') {
		style_set(docx, (unsigned)(value[0] - '0') + 1);
	}
}

static void
page_break(struct docx *docx)
{
	docx->page++;
	if (docx->text.len || docx->tables)
		docx->page_after = true;
	else
		block_open(docx->out, BLOCK_PAGE, docx->page, STR_EMPTY);
}

static void
paragraph_end(struct docx *docx)
{
	struct str text = buf_str(&docx->text);

	if (docx->tables) { /* cells are joined by their row */
		if (docx->text.len)
			buf_add_byte(&docx->text, ' ');
		return;
	}
	if (docx->style == TITLE_STYLE) {
		block_title(docx->out, text);
		block_add(docx->out, BLOCK_HEADING, 1, text);
	} else if (docx->style == CODE_STYLE) {
		block_add(docx->out, BLOCK_CODE, 0, text);
	} else if (docx->style >= LIST_STYLE) {
		block_add(docx->out, BLOCK_ITEM, docx->style - LIST_STYLE + 1, text);
	} else if (docx->style) {
		block_add(docx->out, BLOCK_HEADING, docx->style < 6 ? docx->style : 6, text);
	} else if (docx->in_list) {
		block_add(docx->out, BLOCK_ITEM, docx->list_level + 1, text);
	} else {
		block_add(docx->out, BLOCK_PARAGRAPH, 0, text);
	}
	buf_clear(&docx->text);
	if (docx->page_after)
		block_open(docx->out, BLOCK_PAGE, docx->page, STR_EMPTY);
	docx->page_after = false;
}

static void
row_end(struct docx *docx)
{
	block_add(docx->out, docx->table_begun ? BLOCK_ROW : BLOCK_TABLE, 0, buf_str(&docx->text));
	docx->table_begun = true;
	buf_clear(&docx->text);
}

static void
begin_in_paragraph(struct docx *docx, const char *element, const char **attributes)
{
	const char *value = attribute(attributes, "val");

	if (strcmp(element, "pStyle") == 0 && value) {
		docx->style = (unsigned)(uintptr_t)map_get(&docx->styles, str_of(value));
	} else if (strcmp(element, "outlineLvl") == 0 && value && value[0] >= '0' && value[0] <= '8') {
		docx->style = (unsigned)(value[0] - '0') + 1;
	} else if (strcmp(element, "numPr") == 0) {
		docx->in_list = true;
	} else if (strcmp(element, "ilvl") == 0 && value && value[0] >= '0' && value[0] < '0' + LIST_LEVELS) {
		docx->list_level = (unsigned)(value[0] - '0');
	} else if (strcmp(element, "t") == 0) {
		docx->in_text = true;
	} else if (strcmp(element, "tab") == 0) {
		buf_add_byte(&docx->text, '\t');
	} else if (strcmp(element, "lastRenderedPageBreak") == 0) {
		page_break(docx);
	} else if (strcmp(element, "br") == 0 || strcmp(element, "cr") == 0) {
		buf_add_byte(&docx->text, '\n');
	}
}

static void
body_begin(void *arg, const char *name, const char **attributes)
{
	struct docx *docx = arg;
	const char *element = local_name(name);

	if (docx->skipping || strcmp(element, "Fallback") == 0) {
		docx->skipping++;
	} else if (strcmp(element, "p") == 0) {
		docx->style = docx->list_level = 0;
		docx->in_list = false;
	} else if (strcmp(element, "tbl") == 0) {
		docx->table_begun = docx->tables++ > 0 && docx->table_begun;
	} else if (strcmp(element, "tr") == 0) {
		if (docx->tables == 1)
			docx->cells = 0;
	} else if (strcmp(element, "tc") == 0) {
		if (docx->tables == 1 && docx->cells++)
			buf_add(&docx->text, STR(" | "));
	} else {
		begin_in_paragraph(docx, element, attributes);
	}
}

static void
body_end(void *arg, const char *name)
{
	struct docx *docx = arg;
	const char *element = local_name(name);

	if (docx->skipping)
		docx->skipping--;
	else if (strcmp(element, "t") == 0)
		docx->in_text = false;
	else if (strcmp(element, "p") == 0)
		paragraph_end(docx);
	else if (strcmp(element, "tr") == 0 && docx->tables == 1)
		row_end(docx);
	else if (strcmp(element, "tbl") == 0 && docx->tables)
		docx->tables--;
}

static void
body_text(void *arg, const char *text, int len)
{
	struct docx *docx = arg;

	if (docx->in_text && !docx->skipping)
		buf_add(&docx->text, str_n(text, (size_t)len));
}

static void
core_begin(void *arg, const char *name, const char **attributes)
{
	(void)attributes;
	((struct docx *)arg)->in_text = strcmp(local_name(name), "title") == 0;
}

static void
core_end(void *arg, const char *name)
{
	(void)name;
	((struct docx *)arg)->in_text = false;
}

/* expat 2.9 has it with 64 bits everywhere, and wants nobody to call the older one. */
static unsigned long long
line_of(XML_Parser parser)
{
#if XML_MAJOR_VERSION > 2 || XML_MINOR_VERSION >= 9
	return XML_GetCurrentLineNumber64(parser);
#else
	return XML_GetCurrentLineNumber(parser);
#endif
}

/* Reads one part of the file, if it is there. Entities of a document type are never followed: Word writes none. */
static const struct err *
part_read(struct docx *docx, struct archive *archive, const char *name, XML_StartElementHandler begin, XML_EndElementHandler end, bool *found)
{
	struct arena *arena = docx->out->arena;
	XML_Parser parser;
	struct str part;
	const struct err *err = archive_read(archive, name, PART_MAX, &part);

	*found = !err && part.ptr;
	if (err || !part.ptr)
		return err;
	parser = XML_ParserCreateNS(NULL, '|');
	if (!parser)
		return &err_no_memory;
	if (begin == body_begin && !docx->has_pages)
		docx->has_pages = str_find(part, STR("lastRenderedPageBreak"), 0) != SIZE_MAX;
	if (docx->has_pages && docx->page == 0)
		block_open(docx->out, BLOCK_PAGE, docx->page = 1, STR_EMPTY);
	XML_SetUserData(parser, docx);
	XML_SetElementHandler(parser, begin, end);
	XML_SetCharacterDataHandler(parser, body_text);
	if (XML_Parse(parser, part.ptr, (int)part.len, 1) != XML_STATUS_OK)
		err = err_new(arena, ERR_INVALID, "%s, line %llu: %s", name, line_of(parser), XML_ErrorString(XML_GetErrorCode(parser)));
	XML_ParserFree(parser);
	docx->tables = docx->skipping = 0;
	docx->in_text = false;
	return err ? err : buf_err(&docx->text);
}

const struct err *
parse_docx(const struct parse_input *input, struct block_writer *out)
{
	static const char *const parts[] = { "word/document.xml", "word/footnotes.xml", "word/endnotes.xml" };
	struct docx docx = { .out = out };
	struct archive *archive;
	const struct err *err = archive_open(out->arena, input->bytes, &archive);
	bool found = false;

	if (err)
		return err;
	buf_init(&docx.text, out->arena, BLOCKS_TEXT_MAX);
	err = part_read(&docx, archive, "docProps/core.xml", core_begin, core_end, &found);
	if (!err && found)
		block_title(out, str_trim(buf_str(&docx.text)));
	buf_clear(&docx.text);
	if (!err)
		err = part_read(&docx, archive, "word/styles.xml", style_begin, NULL, &found);
	for (size_t i = 0; i < COUNT(parts) && !err; i++) {
		err = part_read(&docx, archive, parts[i], body_begin, body_end, &found);
		if (i == 0 && !err && !found)
			err = err_new(out->arena, ERR_INVALID, "the file holds no Word document");
	}
	map_fini(&docx.styles);
	block_close(out);
	return err ? err : out->err;
}
