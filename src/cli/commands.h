/*
 * commands.h - the commands, each in the file that bears its name.
 */
#pragma once

#include "cli/cli.h"

extern const struct command serve_command, check_command, import_litellm_command, version_command, parse_command, help_command;
extern const struct command key_create_command, key_ls_command, key_show_command, key_update_command, key_revoke_command, backup_command;
extern const struct command model_ls_command, model_show_command, model_set_command, model_rm_command;
extern const struct command provider_ls_command, provider_show_command, provider_set_command, provider_rm_command, provider_test_command;
extern const struct command config_apply_command, config_versions_command, config_rollback_command, config_export_command, config_secrets_command, config_reseal_command;
extern const struct command team_create_command, team_ls_command, team_show_command, team_update_command, team_close_command;
extern const struct command tenant_create_command, tenant_ls_command, tenant_show_command, tenant_update_command, tenant_close_command;
extern const struct command ask_command, ingest_command, trace_ls_command, trace_show_command;
extern const struct command collection_ls_command, collection_show_command, collection_update_command, collection_rm_command;
extern const struct command document_ls_command, document_show_command, document_rm_command;
extern const struct command budget_create_command, budget_ls_command, budget_show_command, budget_update_command, budget_close_command;
extern const struct command cache_stats_command, cache_clear_command;
extern const struct command webhook_ls_command, webhook_messages_command, webhook_replay_command;
extern const struct command usage_report_command, usage_reprice_command, usage_correct_command, price_import_command, price_ls_command, verify_command;
