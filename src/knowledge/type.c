/*
 * type.c - telling files apart. See type.h.
 *
 * Only what a parser needs to know is told apart: all source code is one type. Extensions are compared without regard to case.
 */
#include "knowledge/type.h"

static const struct {
	const char *name, *content_type;
} types[DOC_TYPES] = {
	[DOC_UNSUPPORTED] = { "unsupported", "application/octet-stream" },
	[DOC_TEXT] = { "text", "text/plain" },
	[DOC_MARKDOWN] = { "markdown", "text/markdown" },
	[DOC_HTML] = { "html", "text/html" },
	[DOC_PDF] = { "pdf", "application/pdf" },
	[DOC_DOCX] = { "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	[DOC_CSV] = { "csv", "text/csv" },
	[DOC_JSON] = { "json", "application/json" },
	[DOC_JSONL] = { "jsonl", "application/jsonl" },
	[DOC_CODE] = { "code", "text/plain" },
};

static const struct extension {
	const char *name;
	enum doc_type type;
	const char *language; /* of DOC_CODE */
} extensions[] = {
	{ "md", DOC_MARKDOWN, NULL }, { "markdown", DOC_MARKDOWN, NULL }, { "mdown", DOC_MARKDOWN, NULL }, { "mdx", DOC_MARKDOWN, NULL },
	{ "html", DOC_HTML, NULL }, { "htm", DOC_HTML, NULL }, { "xhtml", DOC_HTML, NULL },
	{ "pdf", DOC_PDF, NULL }, { "docx", DOC_DOCX, NULL },
	{ "csv", DOC_CSV, NULL }, { "tsv", DOC_CSV, NULL },
	{ "json", DOC_JSON, NULL }, { "ipynb", DOC_JSON, NULL }, { "jsonl", DOC_JSONL, NULL }, { "ndjson", DOC_JSONL, NULL },
	{ "txt", DOC_TEXT, NULL }, { "text", DOC_TEXT, NULL }, { "rst", DOC_TEXT, NULL }, { "log", DOC_TEXT, NULL }, { "adoc", DOC_TEXT, NULL },
	{ "c", DOC_CODE, "c" }, { "h", DOC_CODE, "c" }, { "cc", DOC_CODE, "cpp" }, { "cpp", DOC_CODE, "cpp" }, { "cxx", DOC_CODE, "cpp" },
	{ "hh", DOC_CODE, "cpp" }, { "hpp", DOC_CODE, "cpp" }, { "cs", DOC_CODE, "csharp" }, { "go", DOC_CODE, "go" },
	{ "java", DOC_CODE, "java" }, { "js", DOC_CODE, "javascript" }, { "jsx", DOC_CODE, "javascript" }, { "mjs", DOC_CODE, "javascript" },
	{ "ts", DOC_CODE, "typescript" }, { "tsx", DOC_CODE, "typescript" }, { "kt", DOC_CODE, "kotlin" }, { "lua", DOC_CODE, "lua" },
	{ "php", DOC_CODE, "php" }, { "pl", DOC_CODE, "perl" }, { "pm", DOC_CODE, "perl" }, { "proto", DOC_CODE, "protobuf" },
	{ "py", DOC_CODE, "python" }, { "r", DOC_CODE, "r" }, { "rb", DOC_CODE, "ruby" }, { "rs", DOC_CODE, "rust" }, { "scala", DOC_CODE, "scala" },
	{ "sh", DOC_CODE, "sh" }, { "bash", DOC_CODE, "sh" }, { "sql", DOC_CODE, "sql" }, { "swift", DOC_CODE, "swift" }, { "tex", DOC_CODE, "tex" },
	{ "css", DOC_CODE, "css" }, { "scss", DOC_CODE, "css" }, { "xml", DOC_CODE, "xml" }, { "yaml", DOC_CODE, "yaml" }, { "yml", DOC_CODE, "yaml" },
	{ "toml", DOC_CODE, "toml" }, { "ini", DOC_CODE, "ini" }, { "conf", DOC_CODE, "ini" }, { "zig", DOC_CODE, "zig" },
};

static struct str
extension_of(struct str path)
{
	for (size_t i = path.len; i > 0; i--) {
		if (path.ptr[i - 1] == '/')
			break;
		if (path.ptr[i - 1] == '.')
			return str_slice(path, i, path.len);
	}
	return STR_EMPTY;
}

static const struct extension *
extension_find(struct str path)
{
	struct str name = extension_of(path);

	for (size_t i = 0; i < COUNT(extensions); i++)
		if (str_eq_ci(name, str_of(extensions[i].name)))
			return &extensions[i];
	return NULL;
}

static bool
starts_ci(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq_ci(str_slice(s, 0, prefix.len), prefix);
}

/* Text has no zero bytes, unless it is UTF-16 with a byte order mark; and few other control characters. */
static bool
is_text(struct str bytes)
{
	struct str head = str_slice(bytes, 0, KIB(64));
	size_t controls = 0;

	if (str_starts(head, STR("\xff\xfe")) || str_starts(head, STR("\xfe\xff")))
		return true;
	for (size_t i = 0; i < head.len; i++) {
		unsigned char c = (unsigned char)head.ptr[i];

		if (c == 0)
			return false;
		controls += c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b;
	}
	return controls * 50 <= head.len;
}

enum doc_type
doc_type_of(struct str path, struct str bytes)
{
	const struct extension *extension = extension_find(path);
	struct str head = str_trim(str_slice(bytes, 0, 1024));

	/* Readers find a PDF's header anywhere in the first KiB; an Office file is a zip that holds word/. */
	if (str_find(head, STR("%PDF-"), 0) != SIZE_MAX)
		return DOC_PDF;
	if (str_starts(bytes, STR("PK\x03\x04")))
		return str_find(bytes, STR("word/"), 0) != SIZE_MAX ? DOC_DOCX : DOC_UNSUPPORTED;
	if (!is_text(bytes))
		return DOC_UNSUPPORTED;
	if (extension && extension->type != DOC_PDF && extension->type != DOC_DOCX)
		return extension->type;
	if (starts_ci(head, STR("<!doctype html")) || starts_ci(head, STR("<html")))
		return DOC_HTML;
	return DOC_TEXT;
}

const char *
doc_type_name(enum doc_type type)
{
	return types[type].name;
}

enum doc_type
doc_type_by_name(struct str name)
{
	for (int i = DOC_UNSUPPORTED + 1; i < DOC_TYPES; i++)
		if (str_eq_c(name, types[i].name))
			return (enum doc_type)i;
	return DOC_UNSUPPORTED;
}

const char *
doc_content_type(enum doc_type type)
{
	return types[type].content_type;
}

struct str
doc_language(struct str path)
{
	const struct extension *extension = extension_find(path);

	return extension && extension->language ? str_of(extension->language) : STR_EMPTY;
}
