/*
 * openai_files.c - the Files of the OpenAI API: upload, list, read, delete.
 *
 * Protocol: OpenAI's API reference, "Files". Bytes pass through in pieces, both ways: a file of any allowed size needs a few MiB of memory. A file is `processed` at once, since
 * what becomes of it in a vector store is said there.
 */
#include "access/limit.h"
#include "api/openai_shapes.h"
#include "base/clock.h"
#include "net/multipart.h"

enum { FIELD_BYTES_MAX = 256, PAGE_MAX = 1000 };
#define EXPIRES_SECONDS_MIN 3600
#define EXPIRES_SECONDS_MAX 2592000

static const char *const purposes[] = { "assistants", "batch", "fine-tune", "vision", "user_data", "evals" };

static void
put_file(struct json_out *out, const struct file *file)
{
	json_begin_object(out);
	json_set_string(out, "id", file->id);
	json_set_string(out, "object", STR("file"));
	json_set_int(out, "bytes", file->bytes);
	json_set_int(out, "created_at", file->created_us / USEC_PER_SEC);
	if (file->expires_us)
		json_set_int(out, "expires_at", file->expires_us / USEC_PER_SEC);
	else
		json_set_null(out, "expires_at");
	json_set_string(out, "filename", file->filename);
	json_set_string(out, "purpose", file->purpose);
	json_set_string(out, "status", STR("processed"));
	json_set_null(out, "status_details");
	json_end_object(out);
}

static MAY_PARK const struct err *
answer_file(struct api_request *request, const struct file *file)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(64));
	json_out_init(&json, &body);
	put_file(&json, file);
	return api_answer_json(request, 200, &json);
}

/* --- the form of an upload --- */

enum { FIELD_OTHER = -1, FIELD_PURPOSE, FIELD_ANCHOR, FIELD_SECONDS, FIELD_FILE, FIELDS = FIELD_FILE };

static const char *const field_names[] = { [FIELD_PURPOSE] = "purpose",
	[FIELD_ANCHOR] = "expires_after[anchor]",
	[FIELD_SECONDS] = "expires_after[seconds]",
	[FIELD_FILE] = "file" };

struct form {
	struct api_request *request;
	struct multipart multipart;
	struct upload *upload; /* NULL until the file's part comes */
	struct str filename;
	struct buf fields[FIELDS];
	bool seen[FIELDS];
	int field; /* of the part at hand */
};

static MAY_PARK const struct err *
begin_part(struct form *form, const struct multipart_event *event)
{
	struct api_request *request = form->request;
	const char *name;

	form->field = FIELD_OTHER;
	for (int i = 0; i < (int)COUNT(field_names); i++)
		if (str_eq_c(event->name, field_names[i]))
			form->field = i;
	if (form->field == FIELD_OTHER)
		return NULL;
	name = field_names[form->field];
	if (form->field == FIELD_FILE ? form->upload != NULL : form->seen[form->field])
		return err_param(request->arena, ERR_INVALID, name, NULL, "%s: given twice", name);
	if (form->field != FIELD_FILE) {
		form->seen[form->field] = true;
		return NULL;
	}
	if (!event->filename.len)
		return err_param(request->arena, ERR_INVALID, "file", NULL, "file: expected a file with a name");
	form->filename = event->filename;
	return upload_open(request->app->knowledge, request->arena, request->identity->tenant, FILE_BYTES_MAX, &form->upload);
}

static MAY_PARK const struct err *
take_data(struct form *form, struct str data)
{
	if (form->field == FIELD_FILE)
		return upload_write(form->upload, data);
	if (form->field == FIELD_OTHER)
		return NULL;
	buf_add(&form->fields[form->field], data);
	if (!form->fields[form->field].failed)
		return NULL;
	return err_param(form->request->arena, ERR_INVALID, field_names[form->field], NULL, "%s: too long", field_names[form->field]);
}

static MAY_PARK const struct err *
read_piece(struct form *form, struct str piece)
{
	struct multipart_event event = { .kind = MULTIPART_PART };
	const struct err *err = multipart_feed(&form->multipart, piece);

	while (!err && event.kind != MULTIPART_MORE && event.kind != MULTIPART_DONE) {
		err = multipart_next(&form->multipart, &event);
		if (!err && event.kind == MULTIPART_PART)
			err = begin_part(form, &event);
		else if (!err && event.kind == MULTIPART_DATA)
			err = take_data(form, event.data);
	}
	return err;
}

static MAY_PARK const struct err *
read_form(struct form *form)
{
	struct http_exchange *http = form->request->http;
	struct str piece = STR(" ");
	const struct err *err =
		multipart_init(&form->multipart, form->request->arena, http_header_get(&http->headers, STR("content-type")));

	for (int i = 0; i < FIELDS; i++)
		buf_init(&form->fields[i], form->request->arena, FIELD_BYTES_MAX);
	while (!err && piece.len) {
		err = http_body_read(http, &piece);
		if (!err && piece.len)
			err = read_piece(form, piece);
	}
	return err ? err : multipart_end(&form->multipart);
}

static const struct err *
parse_expiry(struct form *form, int64_t *expires_us)
{
	struct arena *arena = form->request->arena;
	int64_t seconds;

	*expires_us = 0;
	if (!form->seen[FIELD_ANCHOR] && !form->seen[FIELD_SECONDS])
		return NULL;
	if (!str_eq_c(buf_str(&form->fields[FIELD_ANCHOR]), "created_at"))
		return err_param(arena, ERR_INVALID, field_names[FIELD_ANCHOR], NULL, "expires_after[anchor]: must be created_at");
	if (!str_to_i64(buf_str(&form->fields[FIELD_SECONDS]), &seconds) || seconds < EXPIRES_SECONDS_MIN || seconds > EXPIRES_SECONDS_MAX)
		return err_param(arena, ERR_INVALID, field_names[FIELD_SECONDS], NULL, "expires_after[seconds]: must be from %d to %d",
			EXPIRES_SECONDS_MIN, EXPIRES_SECONDS_MAX);
	*expires_us = clock_wall_us() + seconds * USEC_PER_SEC;
	return NULL;
}

static const struct err *
parse_form(struct form *form, struct file *out)
{
	struct api_request *request = form->request;
	struct str purpose = buf_str(&form->fields[FIELD_PURPOSE]);
	bool known = false;

	for (size_t i = 0; i < COUNT(purposes); i++)
		known |= str_eq_c(purpose, purposes[i]);
	if (!known)
		return err_param(request->arena, ERR_INVALID, "purpose", NULL,
			"purpose: must be assistants, batch, fine-tune, vision, user_data or evals");
	if (!form->upload)
		return err_param(request->arena, ERR_INVALID, "file", NULL, "file: the form has no file");
	*out = (struct file){ .filename = form->filename, .purpose = purpose, .local_only = limit_local_only(request->identity) };
	return parse_expiry(form, &out->expires_us);
}

static MAY_PARK const struct err *
files_create(struct api_request *request)
{
	struct form *form = arena_zalloc(request->arena, sizeof(*form));
	struct file wanted, file;
	const struct err *err;

	if (!form)
		return &err_no_memory;
	form->request = request;
	form->field = FIELD_OTHER;
	err = read_form(form);
	if (!err)
		err = parse_form(form, &wanted);
	if (!err)
		err = openai_name_check(request, wanted.filename, "file");
	if (err)
		return err;
	upload_end(form->upload);
	err = file_create(request->app->knowledge, request->arena, request->identity->tenant, &wanted, form->upload, &file);
	return err ? err : answer_file(request, &file);
}

/* --- the others --- */

static MAY_PARK const struct err *
files_list(struct api_request *request)
{
	struct str purpose = api_query(request, "purpose");
	struct page_spec page;
	struct json_out json;
	struct file *files;
	struct buf body;
	size_t count;
	bool more;
	const struct err *err = openai_page_parse(request, PAGE_MAX, PAGE_MAX, &page);

	if (!err)
		err = file_list(request->app->knowledge, request->arena, request->identity->tenant, purpose.ptr ? purpose : STR_EMPTY,
			&page, &files, &count, &more);
	if (err)
		return err;
	buf_init(&body, request->arena, MIB(4));
	json_out_init(&json, &body);
	openai_list_begin(&json);
	for (size_t i = 0; i < count; i++)
		put_file(&json, &files[i]);
	openai_list_end(&json, count ? files[0].id : STR_EMPTY, count ? files[count - 1].id : STR_EMPTY, more);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
files_get(struct api_request *request)
{
	struct file file;
	const struct err *err = file_get(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], &file);

	return err ? err : answer_file(request, &file);
}

static MAY_PARK const struct err *
files_delete(struct api_request *request)
{
	const struct err *err = file_delete(request->app->knowledge, request->arena, request->identity->tenant, request->params[0]);

	return err ? err : openai_answer_deleted(request, request->params[0], "file");
}

static MAY_PARK const struct err *
write_pieces(struct api_request *request, const struct file *file, struct arena *scratch)
{
	const struct err *err = NULL;
	int64_t sent = 0;
	struct str piece;

	for (unsigned i = 0; !err && sent < file->bytes; i++) {
		arena_reset(scratch);
		err = file_piece(request->app->knowledge, scratch, file, i, &piece);
		if (!err && piece.len == 0)
			err = err_new(request->arena, ERR_INTERNAL, "the file's bytes are not all there");
		else if (!err)
			err = http_answer_write(request->http, piece);
		sent += (int64_t)piece.len;
	}
	return err_copy(request->arena, err);
}

/* Never shown by a browser as a page of this server: strangers' bytes. */
static MAY_PARK const struct err *
files_content(struct api_request *request)
{
	struct arena *scratch;
	struct file file;
	const struct err *err = file_get(request->app->knowledge, request->arena, request->identity->tenant, request->params[0], &file);

	if (err)
		return err;
	http_answer_header(request->http, STR("x-content-type-options"), STR("nosniff"));
	http_answer_header(request->http, STR("content-disposition"), STR("attachment"));
	err = http_answer_begin(request->http, 200, STR("application/octet-stream"));
	if (err)
		return err;
	scratch = arena_new(MIB(8));
	err = write_pieces(request, &file, scratch);
	arena_free(scratch);
	return err ? err : http_answer_end(request->http, STR_EMPTY);
}

static const struct route routes[] = {
	{ .method = HTTP_POST,
		.path = "/v1/files",
		.name = "files.create",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.body = BODY_STREAM,
		.body_bytes_max = FILE_BYTES_MAX,
		.handler = files_create,
		.asks = "FileUpload",
		.answer = "File",
		.summary = "Upload a file (multipart/form-data: file, purpose)" },
	{ .method = HTTP_GET,
		.path = "/v1/files",
		.name = "files.list",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.query = "limit order after before purpose",
		.handler = files_list,
		.answer = "FileList",
		.summary = "List the files" },
	{ .method = HTTP_GET,
		.path = "/v1/files/{id}",
		.name = "files.get",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.handler = files_get,
		.answer = "File",
		.summary = "Show a file" },
	{ .method = HTTP_DELETE,
		.path = "/v1/files/{id}",
		.name = "files.delete",
		.scope = SCOPE_KNOWLEDGE_WRITE,
		.errors = &openai_errors,
		.handler = files_delete,
		.answer = "Deleted",
		.summary = "Delete a file, and what was made of it in vector stores" },
	{ .method = HTTP_GET,
		.path = "/v1/files/{id}/content",
		.name = "files.content",
		.scope = SCOPE_KNOWLEDGE_READ,
		.errors = &openai_errors,
		.types = "application/octet-stream",
		.handler = files_content,
		.summary = "The bytes of a file" },
};
const struct route_table openai_files_routes = { routes, COUNT(routes) };
