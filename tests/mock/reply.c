/*
 * reply.c - see reply.h. Read `reply_next`: head, pieces, end. A piece goes through the same steps wherever it comes from: what the plan
 * does to it, content coding, transfer framing.
 */
#include "reply.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE_PIECES = 8, FILL_BYTES = 64 * 1024, ARGS_FRAGMENT_BYTES = 12, STORED_BLOCK_MAX = 65535 };

void
reply_clear(struct reply *reply, uint64_t serial, bool keep_alive)
{
	struct reply kept = { .plan = reply->plan, .ask = reply->ask, .answer = reply->answer, .body = reply->body, .args = reply->args,
			      .piece = reply->piece };

	plan_clear(&kept.plan);
	bytes_clear(&kept.body, 4096);
	bytes_clear(&kept.args, 4096);
	bytes_clear(&kept.piece, 4096);
	*reply = kept;
	reply->wire = &wire_openai;
	reply->serial = serial;
	reply->created = time(NULL);
	reply->keep_alive = keep_alive;
	reply->status = 200;
	reply->content_type = "application/json";
}

void
reply_free(struct reply *reply)
{
	plan_free(&reply->plan);
	ask_free(&reply->ask);
	answer_free(&reply->answer);
	bytes_free(&reply->body);
	bytes_free(&reply->args);
	bytes_free(&reply->piece);
}

void
reply_id(const struct reply *reply, const char *prefix, size_t len, struct bytes *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint64_t state = reply->serial * 2 + 1;
	char *to;

	bytes_fmt(out, "%s", prefix);
	to = bytes_reserve(out, len);
	for (size_t i = 0; i < len; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		to[i] = digits[(state >> 33) % (sizeof(digits) - 1)];
	}
	out->len += len;
}

long
reply_prompt_tokens(const struct reply *reply)
{
	return reply->plan.prompt_tokens != PLAN_OFF ? reply->plan.prompt_tokens : reply->ask.prompt_words;
}

long
reply_completion_tokens(const struct reply *reply)
{
	long fragments = (long)((reply->args.len + ARGS_FRAGMENT_BYTES - 1) / ARGS_FRAGMENT_BYTES);

	return reply->plan.completion_tokens != PLAN_OFF ? reply->plan.completion_tokens : reply->tokens_before + reply->answer.index + fragments;
}

bool
reply_calls_tool(const struct reply *reply)
{
	return reply->plan.tool_calls > 0 || reply->ask.tool_forced;
}

struct str
reply_tool_name(const struct reply *reply)
{
	return reply->ask.tool.len > 0 ? bytes_view(&reply->ask.tool) : STR("mock_tool");
}

void
reply_args_start(struct reply *reply)
{
	reply->args.len = 0;
	reply->args_at = 0;
	if (reply->plan.args.ptr) {
		bytes_add(&reply->args, reply->plan.args);
		return;
	}
	if (reply->ask.tool_custom) {
		bytes_add(&reply->args, bytes_view(&reply->ask.message));
		return;
	}
	bytes_add(&reply->args, STR("{\"input\":\""));
	bytes_json(&reply->args, bytes_view(&reply->ask.message));
	bytes_add(&reply->args, STR("\"}"));
}

bool
reply_args_next(struct reply *reply, struct str *out)
{
	size_t start = reply->args_at, end = start + ARGS_FRAGMENT_BYTES;

	if (start >= reply->args.len)
		return false;
	if (end > reply->args.len)
		end = reply->args.len;
	/* Not inside a character. */
	while (end < reply->args.len && ((unsigned char)reply->args.ptr[end] & 0xc0) == 0x80)
		end++;
	*out = (struct str){ reply->args.ptr + start, end - start };
	reply->args_at = end;
	return true;
}

/* A directive that cuts a whole body into pieces: it says where in the body something happens. */
static bool
plan_cuts_body(const struct plan *plan)
{
	return plan->stall_at >= 0 || plan->close_at >= 0 || plan->reset_at >= 0 || plan->end_at >= 0 || plan->truncate_at >= 0 ||
	       plan->garbage_at >= 0 || plan->pace_ms > 0;
}

static void
reply_choose_framing(struct reply *reply)
{
	const struct plan *plan = &reply->plan;
	bool open_ended = reply->stream || reply->fill_left > 0 || plan->gzip || plan->bytewise || plan->end_at >= 0 ||
			  plan->truncate_at >= 0 || plan->garbage_at >= 0 || plan->chunked;

	if (plan->http10)
		reply->framing = FRAMING_CLOSE;
	else if (open_ended && !plan->length_over && !plan->length_under)
		reply->framing = FRAMING_CHUNKED;
	else
		reply->framing = FRAMING_LENGTH;
	if (plan->http10 || plan->connection_close || plan->length_over || plan->length_under)
		reply->keep_alive = false;
}

void
reply_error(struct reply *reply, int status, const char *message, const char *param, const char *code)
{
	reply->status = status;
	reply->stream = false;
	reply->body.len = 0;
	reply->fill_left = 0;
	reply->wire->error(reply, status, message, param, code, &reply->body);
	reply_choose_framing(reply);
}

void
reply_json(struct reply *reply)
{
	reply_choose_framing(reply);
}

void
reply_answer(struct reply *reply)
{
	const struct plan *plan = &reply->plan;

	answer_start(&reply->answer, &reply->ask, plan);
	reply->stream = reply->ask.stream;
	if (reply->stream) {
		reply->content_type = reply->wire->dialect == DIALECT_OPENAI ? "text/event-stream; charset=utf-8" :
				      reply->wire->stream_type		     ? reply->wire->stream_type :
									       "text/event-stream";
	} else {
		bool fills = reply->answer.filler > 0 && !reply_calls_tool(reply);

		if (fills)
			reply->answer.words = 0;
		reply->wire->whole(reply, &reply->body);
		if (fills)
			reply->fill_left = plan->endless ? INT64_MAX : (int64_t)plan->huge_mb << 20;
	}
	reply_choose_framing(reply);
}

static void
reply_head(struct reply *reply, struct bytes *out)
{
	const struct plan *plan = &reply->plan;
	char date[64];
	struct tm tm;

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&reply->created, &tm));
	bytes_fmt(out, "HTTP/1.%d %d %s\r\ndate: %s\r\ncontent-type: ", !plan->http10, reply->status, http_reason(reply->status), date);
	bytes_add(out, plan->content_type.ptr ? plan->content_type : (struct str){ reply->content_type, strlen(reply->content_type) });
	bytes_fmt(out, "\r\n%s: ", reply->wire->request_id_header);
	reply_id(reply, "req_", 24, out);
	bytes_add(out, STR("\r\n"));
	reply->wire->headers(reply, out);
	if (plan->retry_after_s != PLAN_OFF && !reply->wire->no_retry_after && plan->retry_date) {
		time_t then = reply->created + plan->retry_after_s;

		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
		bytes_fmt(out, "retry-after: %s\r\n", date);
	} else if (plan->retry_after_s != PLAN_OFF && !reply->wire->no_retry_after) {
		bytes_fmt(out, "retry-after: %ld\r\n", plan->retry_after_s);
	}
	for (long i = 0; i < plan->headers; i++)
		bytes_fmt(out, "x-mock-header-%ld: value %ld\r\n", i, i);
	if (plan->gzip)
		bytes_add(out, STR("content-encoding: gzip\r\n"));
	if (reply->framing == FRAMING_CHUNKED)
		bytes_add(out, STR("transfer-encoding: chunked\r\n"));
	if (reply->framing == FRAMING_LENGTH)
		bytes_fmt(out, "content-length: %ld\r\n", (long)reply->body.len + plan->length_over - plan->length_under);
	bytes_fmt(out, "connection: %s\r\n\r\n", reply->keep_alive ? "keep-alive" : "close");
	reply->head_given = true;
}

/* A whole body's next piece: all of it, or an eighth where the plan cuts; filler goes in at `fill_at`. */
static bool
whole_next(struct reply *reply, struct bytes *out)
{
	size_t at = reply->body_at, end = reply->body.len;

	if (at == end)
		return false;
	if (reply->fill_left > 0 && at == reply->fill_at) {
		size_t fill = reply->fill_left < FILL_BYTES ? (size_t)reply->fill_left : FILL_BYTES;

		filler_add(out, fill);
		reply->fill_left -= reply->plan.endless ? 0 : (int64_t)fill;
		return true;
	}
	if (reply->fill_left > 0)
		end = reply->fill_at;
	else if (plan_cuts_body(&reply->plan) && end - at > end / WHOLE_PIECES)
		end = at + (end + WHOLE_PIECES - 1) / WHOLE_PIECES;
	if (end > reply->body.len)
		end = reply->body.len;
	bytes_add(out, (struct str){ reply->body.ptr + at, end - at });
	reply->body_at = end;
	return true;
}

/* Ends every line with CRLF, as SSE allows. Events hold newlines only as line ends. */
static void
lines_crlf(struct bytes *piece)
{
	struct bytes lines = { 0 };

	for (size_t i = 0; i < piece->len; i++) {
		if (piece->ptr[i] == '\n')
			bytes_add(&lines, STR("\r"));
		bytes_add(&lines, (struct str){ piece->ptr + i, 1 });
	}
	bytes_free(piece);
	*piece = lines;
}

/* The next piece as the plan wants it. */
static bool
piece_next(struct reply *reply, struct bytes *out)
{
	const struct plan *plan = &reply->plan;

	if (reply->stream && plan->comments)
		bytes_add(out, STR(": keep-alive\n\n"));
	if (reply->stream && plan->error_at == reply->pieces) {
		reply->wire->error_event(reply, out);
		reply->plan.end_at = reply->pieces + 1;
		return true;
	}

	size_t before = out->len;

	if (reply->stream ? !reply->wire->event(reply, out) : !whole_next(reply, out))
		return false;
	if (plan->garbage_at == reply->pieces) {
		out->len = before;
		bytes_add(out, reply->stream ? STR("data: {\"id\": <!DOCTYPE html>\x01\n\n") : STR("<!DOCTYPE html>\x01{{"));
	}
	if (plan->truncate_at == reply->pieces) {
		out->len = before + (out->len - before) / 2;
		reply->plan.end_at = reply->pieces + 1;
	}
	if (reply->stream && plan->crlf)
		lines_crlf(out);
	return true;
}

static uint32_t
crc32_add(uint32_t crc, struct str data)
{
	crc = ~crc;
	for (size_t i = 0; i < data.len; i++) {
		crc ^= (unsigned char)data.ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void
little_endian_add(struct bytes *out, uint32_t value, int count)
{
	for (int i = 0; i < count; i++, value >>= 8) {
		char byte = (char)value;

		bytes_add(out, (struct str){ &byte, 1 });
	}
}

/* gzip without a compressor: stored blocks are as valid as others. The last one is empty and carries the final bit. */
static void
gzip_wrap(struct reply *reply, struct bytes *piece, bool first, bool last)
{
	struct bytes wrapped = { 0 };
	struct str rest = bytes_view(piece);

	if (first)
		bytes_add(&wrapped, STR("\x1f\x8b\x08\0\0\0\0\0\0\xff"));
	reply->crc = crc32_add(reply->crc, rest);
	reply->plain_len += (uint32_t)rest.len;
	while (rest.len > 0 || last) {
		size_t len = rest.len < STORED_BLOCK_MAX ? rest.len : STORED_BLOCK_MAX;

		little_endian_add(&wrapped, rest.len == 0, 1);
		little_endian_add(&wrapped, (uint32_t)len | (uint32_t)(~len & 0xffff) << 16, 4);
		bytes_add(&wrapped, (struct str){ rest.ptr, len });
		if (rest.len == 0)
			break;
		rest = (struct str){ rest.ptr + len, rest.len - len };
	}
	if (last) {
		little_endian_add(&wrapped, reply->crc, 4);
		little_endian_add(&wrapped, reply->plain_len, 4);
	}
	bytes_free(piece);
	*piece = wrapped;
}

static void
frame_add(const struct reply *reply, struct str piece, struct bytes *out)
{
	if (piece.len == 0)
		return;
	if (reply->framing != FRAMING_CHUNKED) {
		bytes_add(out, piece);
		return;
	}

	size_t step = reply->plan.bytewise ? 1 : piece.len;

	for (size_t i = 0; i < piece.len; i += step) {
		bytes_fmt(out, "%zx\r\n", step);
		bytes_add(out, (struct str){ piece.ptr + i, step });
		bytes_add(out, STR("\r\n"));
	}
}

static enum reply_turn
reply_end(struct reply *reply, struct bytes *out)
{
	reply->piece.len = 0;
	if (reply->plan.gzip) {
		gzip_wrap(reply, &reply->piece, reply->pieces == 0, true);
		frame_add(reply, bytes_view(&reply->piece), out);
	}
	if (reply->framing == FRAMING_CHUNKED)
		bytes_add(out, STR("0\r\n\r\n"));
	return REPLY_DONE;
}

/* The end that the plan has for this place, or REPLY_SEND for none. */
static enum reply_turn
plan_breaks(const struct plan *plan, long place)
{
	if (plan->stall_at == place)
		return REPLY_STALL;
	if (plan->reset_at == place)
		return REPLY_RESET;
	return plan->close_at == place ? REPLY_CLOSE : REPLY_SEND;
}

/* True if a wait of `ms` is still to be waited; each place waits once. */
static bool
reply_waits(struct reply *reply, long ms, long *wait_ms)
{
	reply->waited = !reply->waited && ms > 0;
	*wait_ms = ms;
	return reply->waited;
}

static enum reply_turn
canned_next(struct reply *reply, struct bytes *out)
{
	bytes_add(out, reply->canned[reply->pieces++]);
	return (size_t)reply->pieces < reply->canned_count ? REPLY_SEND : REPLY_DONE;
}

enum reply_turn
reply_next(struct reply *reply, struct bytes *out, long *wait_ms)
{
	const struct plan *plan = &reply->plan;
	enum reply_turn turn;

	if (reply->canned)
		return canned_next(reply, out);
	if (!reply->head_given) {
		if (reply_waits(reply, plan->slow_headers_ms, wait_ms))
			return REPLY_WAIT;
		turn = plan_breaks(plan, PLAN_HEAD);
		if (turn != REPLY_SEND)
			return turn;
		reply_head(reply, out);
	} else if (reply_waits(reply, plan->pace_ms, wait_ms)) {
		return REPLY_WAIT;
	}
	turn = plan_breaks(plan, reply->pieces);
	if (turn != REPLY_SEND)
		return turn;
	reply->piece.len = 0;
	if (plan->end_at == reply->pieces || !piece_next(reply, &reply->piece))
		return reply_end(reply, out);
	if (plan->gzip)
		gzip_wrap(reply, &reply->piece, reply->pieces == 0, false);
	reply->pieces++;
	frame_add(reply, bytes_view(&reply->piece), out);
	/* The end goes out with the last piece, if nothing is to happen between them. */
	if ((reply->stream ? reply->over : reply->body_at == reply->body.len) && plan_breaks(plan, reply->pieces) == REPLY_SEND)
		return reply_end(reply, out);
	return REPLY_SEND;
}
