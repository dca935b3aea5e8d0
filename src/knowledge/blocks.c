/*
 * blocks.c - building a document's blocks, and carrying them through a pipe. See blocks.h.
 *
 * The frame: "CBLK" and a version byte; then, little-endian 32-bit each: length of title, length of text, number of blocks; the title; the text; per block
 * kind, level, from, to, length of note; and the notes one behind the other. The reader is the border between a process that has met a stranger's bytes and
 * the server: a child that was taken over can send any bytes, and must achieve nothing but a wrong text of its own document.
 */
#include "knowledge/blocks.h"

#include "text/utf8.h"

enum { FRAME_HEAD = 17, FRAME_BLOCK = 20 };
static const char frame_magic[5] = { 'C', 'B', 'L', 'K', 1 };

void
block_writer_init(struct block_writer *writer, struct arena *arena)
{
	*writer = (struct block_writer){ .arena = arena };
	buf_init(&writer->text, arena, BLOCKS_TEXT_MAX);
	buf_init(&writer->list, arena, BLOCKS_COUNT_MAX * sizeof(struct block));
}

static void
writer_check(struct block_writer *writer)
{
	if (!writer->err && (buf_err(&writer->text) || buf_err(&writer->list)))
		writer->err = err_new(writer->arena, ERR_TOO_LARGE, "the document holds too much text");
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* Bytes of a control character here (C0 but tab and line feed, delete, C1): they are dropped. 0: something else. */
static size_t
control_at(struct str text, size_t at)
{
	unsigned char c = (unsigned char)text.ptr[at], next = at + 1 < text.len ? (unsigned char)text.ptr[at + 1] : 0;

	if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

/* True when the text is what a writer lets through, so that it can go to a database and a page as it is. */
static bool
text_clean(struct str text)
{
	if (!utf8_valid(text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (control_at(text, i))
			return false;
	return true;
}

void
block_open(struct block_writer *writer, enum block_kind kind, unsigned level, struct str note)
{
	block_close(writer);
	note = str_trim(note);
	if (note.len > BLOCK_NOTE_MAX || !text_clean(note))
		note = STR_EMPTY;
	note = arena_dup(writer->arena, note);
	if (!note.ptr) {
		writer->err = &err_no_memory;
		return;
	}
	if (writer->text.len)
		buf_add_byte(&writer->text, '\n');
	writer->open = (struct block){ .kind = kind, .level = level, .from = writer->text.len, .note = note };
	writer->is_open = true;
	writer->verbatim = kind == BLOCK_CODE;
	writer->blank = false;
	writer_check(writer);
}

/*
 * Bytes to leave out of flowing text here; *blank: they part words (blanks, no-break space). What is invisible within a word (soft hyphen, zero-width space, byte
 * order mark) would only hide it from search.
 */
static size_t
skip_at(struct str text, size_t at, bool *blank)
{
	static const struct str invisible[] = { STR_INIT("\xc2\xad"), STR_INIT("\xe2\x80\x8b"), STR_INIT("\xef\xbb\xbf") };
	struct str rest = str_slice(text, at, text.len);

	*blank = is_blank(text.ptr[at]);
	if (*blank)
		return 1;
	if ((unsigned char)text.ptr[at] < 0x80)
		return control_at(text, at);
	*blank = str_starts(rest, STR("\xc2\xa0"));
	if (*blank)
		return 2;
	for (size_t i = 0; i < COUNT(invisible); i++)
		if (str_starts(rest, invisible[i]))
			return invisible[i].len;
	return control_at(text, at);
}

static void
add_word(struct block_writer *writer, struct str word)
{
	if (word.len == 0)
		return;
	if (writer->blank && writer->text.len > writer->open.from)
		buf_add_byte(&writer->text, ' ');
	writer->blank = false;
	buf_add(&writer->text, word);
}

static void
text_flowing(struct block_writer *writer, struct str text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.len;) {
		bool blank;
		size_t skip = skip_at(text, i, &blank);

		if (!skip) {
			i++;
			continue;
		}
		add_word(writer, str_slice(text, from, i));
		writer->blank |= blank;
		i += skip;
		from = i;
	}
	add_word(writer, str_slice(text, from, text.len));
}

/* Lines end in LF, whatever they ended in. */
static void
text_verbatim(struct block_writer *writer, struct str text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.len;) {
		size_t skip = control_at(text, i);

		if (!skip) {
			i++;
			continue;
		}
		buf_add(&writer->text, str_slice(text, from, i));
		if (text.ptr[i] == '\r' && (i + 1 == text.len || text.ptr[i + 1] != '\n'))
			buf_add_byte(&writer->text, '\n');
		i += skip;
		from = i;
	}
	buf_add(&writer->text, str_slice(text, from, text.len));
}

void
block_text(struct block_writer *writer, struct str text)
{
	if (!writer->is_open || writer->err || text.len == 0)
		return;
	text = utf8_repair(writer->arena, text);
	if (!text.ptr) {
		writer->err = &err_no_memory;
		return;
	}
	if (writer->verbatim)
		text_verbatim(writer, text);
	else
		text_flowing(writer, text);
	writer_check(writer);
}

/* Code loses the blank lines around it, never the indentation of its first line. */
static void
trim_code(struct block_writer *writer)
{
	struct block *block = &writer->open;
	const char *text = writer->text.ptr;
	size_t to = writer->text.len, line;

	while (to > block->from && is_blank(text[to - 1]))
		to--;
	for (line = block->from; line < to && is_blank(text[line]); line++)
		if (text[line] == '\n')
			block->from = line + 1;
	writer->text.len = to > block->from ? to : block->from;
}

void
block_close(struct block_writer *writer)
{
	struct block *block = &writer->open;

	if (!writer->is_open)
		return;
	writer->is_open = false;
	if (writer->err)
		return;
	if (writer->verbatim)
		trim_code(writer);
	block->to = writer->text.len;
	if (block->to == block->from && writer->text.len)
		block->from = block->to = --writer->text.len; /* without the line feed that block_open added */
	if (block->to == block->from && block->kind != BLOCK_TABLE && block->kind != BLOCK_PAGE && block->kind != BLOCK_TERM)
		return;
	if (block->kind != BLOCK_ROW && block->kind != BLOCK_ITEM && block->kind != BLOCK_TERM && block->to > block->from)
		buf_add_byte(&writer->text, '\n');
	buf_add(&writer->list, str_n((const char *)block, sizeof(*block)));
	writer_check(writer);
}

void
block_add(struct block_writer *writer, enum block_kind kind, unsigned level, struct str text)
{
	block_open(writer, kind, level, STR_EMPTY);
	block_text(writer, text);
	block_close(writer);
}

void
block_title(struct block_writer *writer, struct str title)
{
	struct block_writer scratch;
	struct str flowing;

	if (writer->title.len)
		return;
	/* The same cleaning as any other text, in a writer of its own. */
	block_writer_init(&scratch, writer->arena);
	block_open(&scratch, BLOCK_PARAGRAPH, 0, STR_EMPTY);
	block_text(&scratch, str_slice(title, 0, (size_t)BLOCK_TITLE_MAX * 4));
	flowing = buf_str(&scratch.text);
	if (flowing.len > BLOCK_TITLE_MAX)
		flowing = utf8_cut(flowing, BLOCK_TITLE_MAX);
	writer->title = str_trim(flowing);
}

const struct err *
block_writer_end(struct block_writer *writer, struct blocks *out)
{
	block_close(writer);
	if (writer->err)
		return writer->err;
	*out = (struct blocks){
		.title = writer->title.ptr ? writer->title : STR_EMPTY,
		.text = buf_str(&writer->text),
		.list = (struct block *)(void *)writer->list.ptr,
		.count = writer->list.len / sizeof(struct block),
	};
	return NULL;
}

static void
put_u32(struct buf *out, size_t value)
{
	char bytes[4] = { (char)(value & 0xff), (char)(value >> 8 & 0xff), (char)(value >> 16 & 0xff), (char)(value >> 24 & 0xff) };

	buf_add(out, str_n(bytes, sizeof(bytes)));
}

static uint32_t
get_u32(const char *at)
{
	const unsigned char *byte = (const unsigned char *)at;

	return (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

const struct err *
blocks_write(const struct blocks *blocks, struct buf *out)
{
	buf_add(out, str_n(frame_magic, sizeof(frame_magic)));
	put_u32(out, blocks->title.len);
	put_u32(out, blocks->text.len);
	put_u32(out, blocks->count);
	buf_add(out, blocks->title);
	buf_add(out, blocks->text);
	for (size_t i = 0; i < blocks->count; i++) {
		const struct block *block = &blocks->list[i];

		put_u32(out, block->kind);
		put_u32(out, block->level);
		put_u32(out, block->from);
		put_u32(out, block->to);
		put_u32(out, block->note.len);
	}
	for (size_t i = 0; i < blocks->count; i++)
		buf_add(out, blocks->list[i].note);
	return buf_err(out);
}

static bool
on_boundary(struct str text, size_t at)
{
	return at == text.len || ((unsigned char)text.ptr[at] & 0xc0) != 0x80;
}

static const struct err *
read_block(struct str frame, struct str text, size_t after, struct str *notes, struct block *out)
{
	static const struct err bad = { .kind = ERR_INVALID, .message = STR_INIT("the parser's answer is malformed") };
	uint32_t kind = get_u32(frame.ptr), note = get_u32(frame.ptr + 16);

	out->level = get_u32(frame.ptr + 4);
	out->from = get_u32(frame.ptr + 8);
	out->to = get_u32(frame.ptr + 12);
	if (kind >= BLOCK_KINDS || out->level > BLOCK_LEVEL_MAX || note > BLOCK_NOTE_MAX || note > notes->len)
		return &bad;
	if (out->from < after || out->to < out->from || out->to > text.len || !on_boundary(text, out->from) || !on_boundary(text, out->to))
		return &bad;
	out->kind = (enum block_kind)kind;
	out->note = str_slice(*notes, 0, note);
	*notes = str_slice(*notes, note, notes->len);
	return text_clean(out->note) ? NULL : &bad;
}

const struct err *
blocks_read(struct arena *arena, struct str bytes, struct blocks *out)
{
	static const struct err bad = { .kind = ERR_INVALID, .message = STR_INIT("the parser's answer is malformed") };
	size_t title, text, count, at = FRAME_HEAD, after = 0;
	const struct err *err = NULL;
	struct str notes;

	if (bytes.len < FRAME_HEAD || memcmp(bytes.ptr, frame_magic, sizeof(frame_magic)) != 0)
		return &bad;
	title = get_u32(bytes.ptr + 5);
	text = get_u32(bytes.ptr + 9);
	count = get_u32(bytes.ptr + 13);
	if (title > BLOCK_TITLE_MAX || text > BLOCKS_TEXT_MAX || count > BLOCKS_COUNT_MAX || bytes.len - at < title + text + count * FRAME_BLOCK)
		return &bad;
	out->title = str_n(bytes.ptr + at, title);
	out->text = str_n(bytes.ptr + at + title, text);
	at += title + text;
	notes = str_slice(bytes, at + count * FRAME_BLOCK, bytes.len);
	if (!text_clean(out->title) || !text_clean(out->text))
		return &bad;
	out->list = arena_array(arena, count, sizeof(struct block));
	if (!out->list)
		return &err_no_memory;
	out->count = count;
	for (size_t i = 0; i < count && !err; i++) {
		err = read_block(str_n(bytes.ptr + at + i * FRAME_BLOCK, FRAME_BLOCK), out->text, after, &notes, &out->list[i]);
		after = out->list[i].to;
	}
	return err ? err : notes.len ? &bad : NULL;
}
