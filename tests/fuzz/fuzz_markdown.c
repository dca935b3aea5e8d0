/*
 * fuzz_markdown.c - Markdown files, from bytes to chunks.
 */
#include "parse_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_parse(DOC_MARKDOWN, "a.md", str_n((const char *)data, size));
	return 0;
}
