/*
 * documents.c - GET /documents/{version_id}: the page that a citation leads to, a passage among its neighbours.
 *
 * It opens for who holds the signature of a link (see links.h), which stands for one passage of one version, or a key that may read knowledge. The page is whole in itself: no
 * script, nothing loaded, every text of strangers escaped. With `Accept: application/json` the same comes as JSON.
 */
#include "api/links.h"
#include "base/random.h"
#include "knowledge/knowledge.h"

enum { NEIGHBOURS = 2, COUNT_MAX = 50, NONCE_BYTES = 16 };

struct view {
	struct str version_id;
	unsigned from, count;     /* the passages that are meant */
	struct passage *passages; /* with their neighbours */
	size_t shown;
	const struct passage *first; /* of those that are meant */
};

/* --- who may see what --- */

static const struct err *
parse_view(struct api_request *request, struct view *view, int64_t *tenant)
{
	int64_t from, count;
	bool by_link = false;
	const struct err *err = api_query_int(request, "from", 0, 0, INT32_MAX, &from);

	view->version_id = request->params[0];
	if (!err)
		by_link = link_check(request, view->version_id, from, tenant);
	if (!err && !by_link)
		err = api_authenticate(request, SCOPE_KNOWLEDGE_READ);
	if (!err && !by_link)
		*tenant = request->identity->tenant;
	if (!err)
		err = api_query_int(request, "count", 1, 1, by_link ? 1 : COUNT_MAX, &count);
	if (err)
		return err;
	view->from = (unsigned)from;
	view->count = (unsigned)count;
	return NULL;
}

static bool
is_meant(const struct view *view, const struct passage *passage)
{
	return passage->ordinal >= view->from && passage->ordinal - view->from < view->count;
}

static MAY_PARK const struct err *
load_view(struct api_request *request, struct view *view, int64_t tenant)
{
	unsigned before = view->from < NEIGHBOURS ? view->from : NEIGHBOURS;
	const struct err *err = passage_get(request->app->knowledge, request->arena, tenant, view->version_id, view->from - before,
		before + view->count + NEIGHBOURS, &view->passages, &view->shown);

	if (err)
		return err;
	for (size_t i = 0; i < view->shown && !view->first; i++)
		if (is_meant(view, &view->passages[i]))
			view->first = &view->passages[i];
	return view->first ? NULL
			   : err_param(request->arena, ERR_NOT_FOUND, "from", "not_found", "this version of the document has no passage %u",
				     view->from);
}

/* --- JSON --- */

static MAY_PARK const struct err *
answer_as_json(struct api_request *request, const struct view *view)
{
	const struct passage *first = view->first;
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, MIB(4));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("document.passages"));
	json_set_string(&json, "document_id", first->document_id);
	json_set_string(&json, "version_id", first->version_id);
	json_set_int(&json, "version", first->version);
	json_set_bool(&json, "current", first->current);
	json_set_string(&json, "path", first->path);
	json_set_string(&json, "title", first->title);
	json_set_int(&json, "passages", first->chunks);
	json_set_array(&json, "data");
	for (size_t i = 0; i < view->shown; i++) {
		const struct passage *passage = &view->passages[i];

		json_begin_object(&json);
		json_set_int(&json, "passage", passage->ordinal);
		json_set_bool(&json, "cited", is_meant(view, passage));
		json_set_string(&json, "heading_path", passage->heading_path);
		json_set_string(&json, "anchor", passage->anchor);
		json_set_int(&json, "page", passage->page);
		json_set_string(&json, "text", passage->text);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

/* --- HTML --- */

static const char style[] =
	":root{color-scheme:light dark;--ink:#1c1c1a;--quiet:#66645f;--paper:#fdfcfa;--rule:#e3e0da;--mark:#fff4cc;--edge:#c99a00}"
	"@media(prefers-color-scheme:dark){"
	":root{--ink:#e9e7e2;--quiet:#a09d96;--paper:#191917;--rule:#35342f;--mark:#38300f;--edge:#d8ae2b}}"
	"body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}"
	"main{max-width:46rem;margin:0 auto;padding:1.5rem 1rem 4rem}"
	"h1{font-size:1.4rem;line-height:1.25;margin:0 0 .4rem;overflow-wrap:anywhere}"
	"h2{font-size:.85rem;font-weight:600;color:var(--quiet);margin:0 0 .4rem;overflow-wrap:anywhere}"
	"p,ul{margin:0}ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem;color:var(--quiet);font-size:.9rem}"
	"li{overflow-wrap:anywhere}header{border-bottom:1px solid var(--rule);padding-bottom:1rem;margin-bottom:1rem}"
	".note{margin-top:.6rem;padding:.4rem .7rem;border-left:3px solid var(--edge);background:var(--mark)}"
	"section{padding:.7rem .9rem;margin:.3rem 0;border-left:3px solid transparent;scroll-margin-top:20vh}"
	"section.cited{background:var(--mark);border-left-color:var(--edge)}"
	".text{white-space:pre-wrap;overflow-wrap:anywhere}";

static void
add_text(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '&')
			buf_add(out, STR("&amp;"));
		else if (c == '<')
			buf_add(out, STR("&lt;"));
		else if (c == '>')
			buf_add(out, STR("&gt;"));
		else if (c == '"')
			buf_add(out, STR("&quot;"));
		else if (c == '\'')
			buf_add(out, STR("&#39;"));
		else
			buf_add_byte(out, c);
	}
}

static void
add_header(struct buf *out, const struct passage *first)
{
	struct str title = first->title.len ? first->title : first->path;

	buf_add(out, STR("<header><h1>"));
	add_text(out, title);
	buf_add(out, STR("</h1><ul><li>"));
	add_text(out, first->path);
	if (first->page)
		buf_printf(out, "</li><li>page %u", first->page);
	buf_printf(out, "</li><li>passage %u of %u</li><li>version %u%s</li></ul>", first->ordinal + 1, first->chunks, first->version,
		first->current ? ", the current one" : "");
	if (!first->current)
		buf_add(out, STR("<p class=\"note\">This version is not the current one: the document has been replaced since, or is being "
				 "replaced.</p>"));
	buf_add(out, STR("</header>"));
}

/* Links end in #cited: a browser opens the page there. */
static void
add_passage(struct buf *out, const struct view *view, size_t i)
{
	const struct passage *passage = &view->passages[i];

	buf_printf(out, "<section%s%s>", passage == view->first ? " id=\"cited\"" : "",
		is_meant(view, passage) ? " class=\"cited\" aria-label=\"cited passage\"" : "");
	if (passage->heading_path.len && (i == 0 || !str_eq(passage->heading_path, view->passages[i - 1].heading_path))) {
		buf_add(out, STR("<h2>"));
		add_text(out, passage->heading_path);
		buf_add(out, STR("</h2>"));
	}
	buf_add(out, STR("<div class=\"text\">"));
	add_text(out, passage->text);
	buf_add(out, STR("</div></section>"));
}

static MAY_PARK const struct err *
answer_as_html(struct api_request *request, const struct view *view)
{
	const struct passage *first = view->first;
	unsigned char random[NONCE_BYTES];
	char nonce[2 * NONCE_BYTES + 1] = "";
	struct str policy;
	struct buf out;

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), nonce);
	policy = arena_printf(request->arena,
		"default-src 'none'; style-src 'nonce-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", nonce);
	if (!policy.ptr || !http_answer_header(request->http, STR("content-security-policy"), policy))
		return &err_no_memory;
	buf_init(&out, request->arena, MIB(4));
	buf_add(&out, STR("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
			  "content=\"width=device-width, initial-scale=1\">"
			  "<meta name=\"robots\" content=\"noindex\"><title>"));
	add_text(&out, first->title.len ? first->title : first->path);
	buf_printf(&out, "</title><style nonce=\"%s\">%s</style></head><body><main>", nonce, style);
	add_header(&out, first);
	for (size_t i = 0; i < view->shown; i++)
		add_passage(&out, view, i);
	buf_add(&out, STR("</main></body></html>\n"));
	return buf_err(&out) ? buf_err(&out) : http_answer(request->http, 200, STR("text/html; charset=utf-8"), buf_str(&out));
}

static bool
wants_json(struct api_request *request)
{
	struct str accept = http_header_get(&request->http->headers, STR("accept"));
	struct str head = accept.ptr ? str_trim(str_slice(accept, 0, str_find_byte(accept, ',', 0))) : STR_EMPTY;

	return str_eq_ci(str_trim(str_slice(head, 0, str_find_byte(head, ';', 0))), STR("application/json"));
}

static MAY_PARK const struct err *
documents_show(struct api_request *request)
{
	struct view view = { 0 };
	int64_t tenant;
	const struct err *err;

	http_answer_header(request->http, STR("x-content-type-options"), STR("nosniff"));
	http_answer_header(request->http, STR("referrer-policy"), STR("no-referrer"));
	http_answer_header(request->http, STR("cache-control"), STR("private, no-cache"));
	http_answer_header(request->http, STR("vary"), STR("accept, authorization"));
	err = parse_view(request, &view, &tenant);
	if (!err)
		err = load_view(request, &view, tenant);
	if (err)
		return err;
	return wants_json(request) ? answer_as_json(request, &view) : answer_as_html(request, &view);
}

static const struct route routes[] = {
	{ .method = HTTP_GET,
		.path = "/documents/{version_id}",
		.name = "documents.show",
		.scope = SCOPE_NONE,
		.errors = &openai_errors,
		.handler = documents_show,
		.query = "from count sig tenant",
		.types = "text/html",
		.summary = "The page a citation leads to: a passage among its neighbours" },
};
const struct route_table document_routes = { routes, COUNT(routes) };
