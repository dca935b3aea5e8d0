/*
 * reference.c - docs/configuration.md out of the rows. See reference.h. A test compares the file in the tree with what this writes.
 */
#include "conf/reference.h"

#include "conf/reader.h"

static const char introduction[] =
	"# Configuration\n"
	"\n"
	"<!-- Made by `corbel check --reference` from the rows in the source. Do not edit by hand. -->\n"
	"\n"
	"corbel starts without any configuration: it then listens on 127.0.0.1:8321, keeps its data in ./corbel-data and answers from "
	"documents with the built-in extractive\n"
	"model. What is here changes that. The file is YAML, named by `-c FILE` (else `CORBEL_CONFIG`, else `corbel.yaml` in the working "
	"directory, if it is there):\n"
	"\n"
	"```yaml\n"
	"server: {listen: \"127.0.0.1:8321\"}\n"
	"providers:\n"
	"  - {name: main, kind: openai, base_url: \"http://127.0.0.1:9100/v1\", api_key: \"${OPENAI_API_KEY}\"}\n"
	"models:\n"
	"  - {name: gpt-x, targets: [{provider: main, model: gpt-x}]}\n"
	"  - {name: docs, targets: [{provider: main, model: gpt-x}], knowledge: {collection: manual, top_k: 8}}\n"
	"```\n"
	"\n"
	"- A flag of the command line overrides the environment, which overrides the file, which overrides the default.\n"
	"- `${NAME}` in a value is taken from the environment and must be set there; `${NAME:-otherwise}` may be missing or empty; `$${` "
	"is a literal `${`.\n"
	"- `corbel check -c FILE` tells every mistake with its line. Unknown keys are mistakes.\n"
	"- An alias (`*name`) stands for what its anchor (`&name`) names, and `<<: *name` takes over the keys that a map has not itself; both count as if they were written out. Tags are not supported.\n"
	"- The file is read again when it changes and on SIGHUP. One with a mistake is refused whole, and the running configuration stays. "
	"What is marked *restart* changes at the next\n"
	"  start only.\n"
	"- Durations are written `250ms`, `60s`, `5m`, `1h`, `30d`; sizes `65536`, `64KiB`, `8MiB`, `1GiB`.\n";

static void
cell_text(struct buf *out, const struct setting *row)
{
	if (row->type == SETTING_CHOICE) {
		for (size_t i = 0; row->choices[i]; i++)
			buf_printf(out, "%s`%s`", i ? ", " : "", row->choices[i]);
		return;
	}
	buf_printf(out, "%s", value_type_name(row->type));
	if (row->type == SETTING_STRING || (!row->min && !row->max))
		return;
	if (row->min)
		buf_printf(out, ", from %s", row->min);
	if (row->max)
		buf_printf(out, "%s to %s", row->min ? "" : ", up", row->max);
}

static void
default_text(struct buf *out, const struct setting *row)
{
	if (!row->initial)
		buf_printf(out, "*must be given*");
	else if (row->initial[0])
		buf_printf(out, "`%s`", row->initial);
	else
		buf_printf(out, "*empty*");
}

static void
settings_write(struct buf *out, const struct setting_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct setting *row = &table->rows[i];

		buf_printf(out, "| `%s` | ", row->name);
		cell_text(out, row);
		buf_printf(out, " | ");
		default_text(out, row);
		buf_printf(out, " | %s%s%s%s%s |\n", row->help, row->env ? " Environment: `" : "", row->env ? row->env : "",
			row->env ? "`." : "", row->reloadable ? "" : " *Restart.*");
	}
}

static void
fields_write(struct buf *out, const struct field_table *table)
{
	buf_printf(out, "\n## %s\n\n%s\n\n| field | value | default | |\n|---|---|---|---|\n", table->title, table->help);
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		buf_printf(out, "| `%s` | ", field->row.name);
		if (field->read)
			buf_printf(out, "%s | ", field->shape);
		else
			cell_text(out, &field->row);
		if (!field->read) {
			buf_printf(out, " | ");
			default_text(out, &field->row);
		}
		buf_printf(out, " | %s |\n", field->row.help);
	}
}

void
reference_write(struct buf *out, const struct setting_table *const *tables)
{
	buf_add(out, str_of(introduction));
	buf_printf(out, "\n## Settings\n\nA dot stands for a level: `server.listen` is the key `listen` in the map `server`.\n\n| setting "
			"| value | default | |\n|---|---|---|---|\n");
	for (size_t i = 0; tables[i]; i++)
		settings_write(out, tables[i]);
	for (size_t i = 0; field_tables[i]; i++)
		fields_write(out, field_tables[i]);
}
