/*
 * fuzz_pages.c - the text of PDF pages, as pdftotext gives it, from bytes to chunks.
 */
#include "parse_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_parse(DOC_PDF, "a.pdf", str_n((const char *)data, size));
	return 0;
}
