/*
 * fuzz_date.c - a header's value as an HTTP date: what is one lies between the years 0 and 9999, and reads the same with blanks around it.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(MIB(1));
	struct str text = str_n((const char *)data, size < 4096 ? size : 4096);
	struct str wide = str_find_byte(text, '\0', 0) == SIZE_MAX ? arena_printf(arena, "  %" STR_F " ", STR_A(text)) : str_n(NULL, 0); /* a zero would end it */
	int64_t at = 0, again = 0;
	bool date = http_date_parse(text, &at);

	if (date && (at / USEC_PER_SEC < INT64_C(-62200000000) || at / USEC_PER_SEC > INT64_C(253402400000)))
		abort();
	if (wide.ptr && (http_date_parse(wide, &again) != date || again != at))
		abort();
	arena_free(arena);
	return 0;
}
