/*
 * provider.c - the list of providers, and what their files share.
 */
#include "gateway/provider.h"

static const struct provider *const providers[] = { &provider_openai, &provider_anthropic, &provider_extractive };

const struct provider *
provider_find(struct str kind)
{
	for (size_t i = 0; i < COUNT(providers); i++)
		if (str_eq_c(kind, providers[i]->kind))
			return providers[i];
	return NULL;
}

struct str
provider_url(struct arena *arena, struct str base_url, const char *path)
{
	size_t query = str_find_byte(base_url, '?', 0);
	struct str base = str_slice(base_url, 0, query);

	while (base.len && base.ptr[base.len - 1] == '/')
		base.len--;
	return arena_printf(arena, "%" STR_F "%s%" STR_F, STR_A(base), path, STR_A(str_slice(base_url, query, base_url.len)));
}
