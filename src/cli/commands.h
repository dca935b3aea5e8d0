/*
 * commands.h - the commands, each in the file that bears its name.
 */
#pragma once

#include "cli/cli.h"

extern const struct command serve_command, check_command, version_command, parse_command, help_command;
extern const struct command key_create_command, key_ls_command, key_revoke_command, backup_command;
extern const struct command ask_command, ingest_command, trace_ls_command, trace_show_command;
extern const struct command collection_ls_command, collection_show_command, collection_rm_command;
extern const struct command document_ls_command, document_show_command, document_rm_command;
