/*
 * schemas.c - all tables of the program in one list. A room that gets its first table is added here, and nowhere else.
 */
#include "cli/schemas.h"

#include "access/access_sql.h"
#include "answer/answer_sql.h"
#include "cache/cache_sql.h"
#include "conf/configuration_sql.h"
#include "hook/hook_sql.h"
#include "knowledge/knowledge_sql.h"
#include "knowledge/search_sql.h"
#include "money/money_sql.h"
#include "telemetry/telemetry_sql.h"

const struct store_schema *const store_schemas[] = {
	&configuration_schema,
	&hook_schema,
	&access_schema,
	&telemetry_schema,
	&money_schema,
	&knowledge_schema,
	&search_schema,
	&cache_schema,
	&answer_schema,
	NULL,
};
