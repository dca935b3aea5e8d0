/*
 * decoder.c - see decoder.h.
 */
#include "gateway/decoder.h"

const struct err *
decoder_read(struct decoder *decoder, size_t state_size, struct str text, const struct json **out)
{
	if (!decoder->frame) {
		decoder->state = arena_zalloc(decoder->arena, state_size);
		decoder->frame = decoder->state ? arena_new_below(decoder->arena, DECODER_FRAME_MAX) : NULL;
	}
	if (!decoder->frame)
		return &err_no_memory;
	arena_reset(decoder->frame);
	if (json_parse(decoder->frame, text, out))
		*out = NULL;
	return NULL;
}

const struct err *
decoder_read_frame(struct decoder *decoder, size_t state_size, struct str data, const struct json **out)
{
	const struct err *err = decoder_read(decoder, state_size, data, out);

	return err || json_is(*out, JSON_OBJECT) ? err : err_new(decoder->arena, ERR_UPSTREAM, "the provider sent a frame that is not a JSON object");
}

MAY_PARK const struct err *
decoder_emit_usage(struct decoder *decoder)
{
	return decoder->usage.known ? decoder_emit(decoder, (struct event){ .type = EVENT_USAGE, .usage = &decoder->usage }) : NULL;
}

bool
decoder_was_read(const struct decoder *decoder, const struct err *err)
{
	bool left = err && (err->kind == ERR_CANCELLED || err->kind == ERR_TIMEOUT);

	return decoder->accepted || decoder->started || !err || (left && decoder->asked);
}

struct str
decoder_json_text(struct decoder *decoder, const struct json *value)
{
	struct json_out json;
	struct buf text;

	buf_init(&text, decoder->frame, DECODER_FRAME_MAX);
	json_out_init(&json, &text);
	json_put(&json, value);
	return text.failed ? (struct str){ NULL, 0 } : buf_str(&text);
}
