/*
 * bound.h - what a call may use at most beside the tokens that it says: for what is reserved before it.
 */
#pragma once

#include "gateway/call.h"
#include "telemetry/usage.h"

/* Searches that are assumed where nothing bounds them: of a tool that the provider runs, and of Perplexity's deep research. */
enum { BOUND_SEARCHES = 10, BOUND_RESEARCH = 60 };

/*
 * Searches in the web that the call may cause at a model of this kind of provider. A tool's `max_uses` and a response's `max_tool_calls` bound them, BOUND_SEARCHES does where neither is said. `web_search_options`
 * ask for one an answer; Perplexity makes one for every answer, and up to BOUND_RESEARCH for deep research.
 */
int64_t bound_web_searches(const struct call *call, struct str provider_kind, struct str model);

/* The tier that the call asks for: what it says as service_tier, or Anthropic's fast mode. */
enum usage_tier bound_tier(const struct call *call);

/* Whether the call asks the provider's cache to keep something for an hour. */
bool bound_keeps_an_hour(const struct call *call);

/* Whether the provider's model is Perplexity's deep research, which is billed by its queries. */
bool bound_is_research(struct str model);
