/*
 * commands.c - the list of commands in the order of help, and the small ones that need no file of their own.
 */
#include "cli/commands.h"

#include <stdio.h>

#include "knowledge/parser.h"

static int
version_run(struct args *args)
{
	(void)args;
	puts("corbel " CORBEL_VERSION);
	return EXIT_DONE;
}

const struct command version_command = {
	.name = "version",
	.arguments = "",
	.summary = "Print the version",
	.help = "Prints the name and the version of this program.",
	.run = version_run,
};

static int
help_run(struct args *args)
{
	struct buf out;

	if (!args_has(args, "reference"))
		return cli_help(args->list, args->count);
	buf_init(&out, NULL, MIB(1));
	cli_reference(&out);
	fwrite(out.ptr, 1, out.len, stdout);
	buf_fini(&out);
	return EXIT_DONE;
}

static const struct option help_options[] = {
	{ "reference", 0, NULL, "Print the page of all commands instead (docs/cli.md)." },
	{ NULL, 0, NULL, NULL },
};

const struct command help_command = {
	.name = "help",
	.arguments = "[COMMAND...]",
	.summary = "Tell about a command",
	.help = "Without a command, lists them all.",
	.options = help_options,
	.args_max = 2,
	.run = help_run,
};

const struct command parse_command = {
	.name = "parse",
	.arguments = "",
	.summary = "Parse a document",
	.help = "The server's own child process, which reads strangers' files.",
	.hidden = true,
	.raw = parse_main,
};

const struct command *const commands[] = {
	&serve_command,
	&check_command,
	&import_litellm_command,
	&ask_command,
	&ingest_command,
	&collection_ls_command,
	&collection_show_command,
	&collection_update_command,
	&collection_rm_command,
	&document_ls_command,
	&document_show_command,
	&document_rm_command,
	&trace_ls_command,
	&trace_show_command,
	&model_ls_command,
	&model_show_command,
	&model_set_command,
	&model_rm_command,
	&provider_ls_command,
	&provider_show_command,
	&provider_set_command,
	&provider_rm_command,
	&provider_test_command,
	&config_apply_command,
	&config_versions_command,
	&config_rollback_command,
	&config_export_command,
	&config_secrets_command,
	&config_reseal_command,
	&key_create_command,
	&key_ls_command,
	&key_show_command,
	&key_update_command,
	&key_revoke_command,
	&team_create_command,
	&team_ls_command,
	&team_show_command,
	&team_update_command,
	&team_close_command,
	&tenant_create_command,
	&tenant_ls_command,
	&tenant_show_command,
	&tenant_update_command,
	&tenant_close_command,
	&budget_create_command,
	&budget_ls_command,
	&budget_show_command,
	&budget_update_command,
	&budget_close_command,
	&cache_stats_command,
	&cache_clear_command,
	&usage_report_command,
	&usage_reprice_command,
	&usage_correct_command,
	&webhook_ls_command,
	&webhook_messages_command,
	&webhook_replay_command,
	&price_import_command,
	&price_ls_command,
	&verify_command,
	&backup_command,
	&version_command,
	&help_command,
	&parse_command,
	NULL,
};
