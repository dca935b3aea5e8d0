/*
 * type.h - what kind of file a document is, from its name and its first bytes.
 */
#pragma once

#include "base/str.h"

enum doc_type {
	DOC_UNSUPPORTED, /* binary, and nothing we know */
	DOC_TEXT,
	DOC_MARKDOWN,
	DOC_HTML,
	DOC_PDF,
	DOC_DOCX,
	DOC_CSV,
	DOC_JSON,
	DOC_JSONL,
	DOC_CODE,
	DOC_TYPES
};

/*
 * The content decides where it is unmistakable (a PDF called .txt is a PDF), then the name's extension, then whether the bytes are text at all.
 * An empty file is text.
 */
enum doc_type doc_type_of(struct str path, struct str bytes);

/* "markdown": for `corbel parse --type`. DOC_UNSUPPORTED when there is no such type. */
const char *doc_type_name(enum doc_type type);
enum doc_type doc_type_by_name(struct str name);

/* "text/markdown". */
const char *doc_content_type(enum doc_type type);

/* The language of a source file by its extension ("c", "python"), or an empty view. */
struct str doc_language(struct str path);
