/*
 * fuzz_html.c - HTML pages, from bytes to chunks.
 */
#include "parse_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 64 * 1024) /* gumbo takes quadratic time for some pages; the child is killed then */
		return 0;
	fuzz_parse(DOC_HTML, "a.html", str_n((const char *)data, size));
	return 0;
}
