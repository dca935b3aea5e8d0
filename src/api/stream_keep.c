/*
 * stream_keep.c - see stream_keep.h.
 *
 * The dialect's encoder writes its stream as ever; the exchange's keeper (net/sse.h) takes the events in front of the client. Around what the dialect itself keeps of an answer stands a keep of ours, so that
 * the end of the stream is in the commit of the record: what a client can take up again has an end exactly if the answer has its record.
 */
#include "api/stream_keep.h"

#include "base/log.h"

enum { LAST_MAX = 256 * 1024 * 1024 };

struct stream_keep {
	struct answer_keep keep;
	struct sink sink;
	struct answer_keep *inner; /* the dialect's own, or NULL */
	struct encoder *encoder;
	struct durable *durable;
	struct answer *answer;
	bool ending;               /* all before the end is in its feed */
	bool stored;               /* its end was written in a transaction; committed, if that was */
};

/* The first event has the answer's id. In front of the end, what the encoder has put together by then is said: the end is numbered behind what was. */
static MAY_PARK const struct err *
pass_event(struct sink *sink, const struct event *event)
{
	struct stream_keep *keep = (struct stream_keep *)((char *)sink - offsetof(struct stream_keep, sink));
	const struct err *err = event->last && !keep->ending ? sink_flush(&keep->encoder->sink) : NULL;

	keep->ending = keep->ending || event->last;
	if (!err)
		err = sink_send(&keep->encoder->sink, event);
	if (event->type == EVENT_START)
		durable_alias(keep->durable, keep->encoder->id);
	return err;
}

static MAY_PARK const struct err *
pass_flush(struct sink *sink)
{
	return sink_flush(&((struct stream_keep *)((char *)sink - offsetof(struct stream_keep, sink)))->encoder->sink);
}

static MAY_PARK const struct err *
keep_gather(struct answer_keep *base, const struct err *err)
{
	struct stream_keep *keep = (struct stream_keep *)base;
	struct buf *last = arena_alloc(keep->answer->arena, sizeof(*last));
	const struct err *lacking, *cut = durable_cut(keep->durable);

	if (err && cut) /* its client has left, and it could not go on without */
		err = cut;
	if (err) /* in the middle: what was put together before it is said first */
		(void)sink_flush(&keep->encoder->sink);
	if (keep->inner)
		keep->inner->local_only = base->local_only;
	lacking = keep->inner ? keep->inner->gather(keep->inner, err) : NULL;
	if (durable_left(keep->durable))
		span_bool(keep->answer->root, "corbel.client_left", true);
	if (lacking)
		return lacking;
	if (!last || !buf_init_held(last, keep->answer->arena, LAST_MAX))
		return &err_no_memory;
	if (cut && keep->encoder->kind != DURABLE_RESPONSE)
		err = cut;
	lacking = keep->encoder->last(keep->encoder, err, last);
	if (!lacking)
		lacking = durable_seal(keep->durable, keep->answer->arena, buf_str(last));
	buf_fini(last); /* it may be large, and has its numbers by now */
	return lacking;
}

static MAY_PARK const struct err *
keep_store_in(struct tx *tx, void *arg)
{
	struct stream_keep *keep = arg;
	const struct err *err = keep->inner && keep->inner->store_in ? keep->inner->store_in(tx, keep->inner) : NULL;

	if (!err)
		err = durable_store_in(tx, keep->durable);
	keep->stored = !err;
	return err;
}

static bool
goes_on(const struct api_request *request, const struct answer *answer, const struct encoder *encoder)
{
	const struct conf_model *model = conf_model(request->conf, answer->call->model);

	return encoder->kind != DURABLE_NONE && answer->call->stream && model && model->on_disconnect == CONF_DISCONNECT_CONTINUE;
}

MAY_PARK const struct err *
stream_keep_begin(struct api_request *request, struct answer *answer, struct encoder *encoder, struct stream_keep **out)
{
	struct durables *durables = request->app->durables;
	struct durable_spec spec = { .kind = encoder->kind,
		.tenant = answer->tenant,
		.id = encoder->kind == DURABLE_RESPONSE ? encoder->response_id : request->request_id,
		.alias = encoder->stream_alias.len ? encoder->stream_alias : STR_EMPTY,
		.key_id = answer->key_id,
		.http = request->http };
	struct response_kept response;
	struct stream_keep *keep;
	const struct err *err = NULL;

	if (!goes_on(request, answer, encoder))
		return NULL;
	keep = arena_zalloc(answer->arena, sizeof(*keep));
	if (!keep)
		return &err_no_memory;
	if (encoder->begin) {
		err = encoder->begin(encoder, durables_owner(durables), &response);
		spec.response = &response;
	}
	if (!err)
		err = durable_open(durables, answer->arena, &spec, &keep->durable);
	if (err)
		return err;
	http_answer_header(request->http, STR("x-corbel-stream"), spec.id);
	keep->keep = (struct answer_keep){ keep_gather, keep_store_in };
	keep->sink = (struct sink){ pass_event, pass_flush };
	keep->inner = answer->keep;
	keep->encoder = encoder;
	keep->answer = answer;
	answer->keep = &keep->keep;
	answer->going_on = spec.id;
	answer->out = &keep->sink;
	*out = keep;
	return NULL;
}

void
stream_keep_settled(struct stream_keep *keep)
{
	if (keep)
		durable_finish(keep->durable, keep->stored && keep->answer->committed);
}

const struct err *
stream_keep_end(struct stream_keep *keep, const struct err *err)
{
	bool left;

	if (!keep)
		return err;
	left = durable_left(keep->durable);
	durable_close(keep->durable);
	if (err && left) /* nobody is there to be told */
		log_info("a stream failed after its client had left", LOG_STR("request_id", keep->answer->request_id), LOG_ERR("error", err));
	return left ? NULL : err;
}
