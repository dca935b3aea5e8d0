/*
 * fuzz_docx.c - Word documents, from bytes to chunks. An input that is no zip file is put into one as its document, so that the XML is reached.
 */
#include "parse_file.h"

#include <string.h>

static uint32_t
checksum(struct str bytes)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (unsigned char)bytes.ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void
put(struct buf *zip, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_add_byte(zip, (char)(value >> 8 * i & 0xff));
}

/* What the header of a member and its entry in the directory have in common. */
static void
put_member(struct buf *zip, struct str name, struct str bytes)
{
	put(zip, 20, 2);
	put(zip, 0, 4);
	put(zip, 0, 4); /* no flags, stored, no time */
	put(zip, checksum(bytes), 4);
	put(zip, (uint32_t)bytes.len, 4);
	put(zip, (uint32_t)bytes.len, 4);
	put(zip, (uint32_t)name.len, 2);
	put(zip, 0, 2);
}

static struct str
wrapped(struct buf *zip, struct str document)
{
	struct str name = STR("word/document.xml");
	size_t directory, end;

	put(zip, 0x04034b50, 4);
	put_member(zip, name, document);
	buf_add(zip, name);
	buf_add(zip, document);
	directory = zip->len;
	put(zip, 0x02014b50, 4);
	put(zip, 20, 2);
	put_member(zip, name, document);
	for (int i = 0; i < 7; i++) /* no comment, first disk, no attributes, at the start */
		put(zip, 0, 2);
	buf_add(zip, name);
	end = zip->len;
	put(zip, 0x06054b50, 4);
	put(zip, 0, 4);
	put(zip, 1, 2);
	put(zip, 1, 2);
	put(zip, (uint32_t)(end - directory), 4);
	put(zip, (uint32_t)directory, 4);
	put(zip, 0, 2);
	return buf_str(zip);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_n((const char *)data, size);
	struct buf zip;

	buf_init(&zip, NULL, MIB(64));
	fuzz_parse(DOC_DOCX, "a.docx", str_starts(bytes, STR("PK")) ? bytes : wrapped(&zip, bytes));
	buf_fini(&zip);
	return 0;
}
