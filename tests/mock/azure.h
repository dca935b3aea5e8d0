/*
 * azure.h - the paths and pieces of Azure OpenAI.
 */
#ifndef MOCK_AZURE_H
#define MOCK_AZURE_H

#include "reply.h"

/* What the filter says of an answer's choice, with a comma behind it; what it says of the prompt. */
extern const struct str azure_results;
extern const struct str azure_prompt_results;

/* True for the path of a deployment's endpoint, such as "/chat/completions". */
bool azure_path(struct str path, const char *endpoint, struct str *deployment);

#endif
