/*
 * local_only.c - what is never to reach a hosted provider: collections, and what the embedding model may read of them. See knowledge.h.
 *
 * A collection is bound by its own mark, by that of a model which answers from it while that configuration is in force, and, where it is embedded in the background, by its tenant's present
 * policy. Nothing of this is remembered with a version: it is asked before each batch of texts, so that a mark that comes later holds from then on.
 */
#include "access/access.h"
#include "conf/watch.h"
#include "gateway/route.h"
#include "infer/embed.h"
#include "knowledge/inside.h"

bool
knowledge_may_embed(const struct knowledge *k, const struct conf *conf, bool local_only)
{
	/* A reload of the configuration changes what it says of the provider, and not the model that is open. */
	return !local_only || !k->embedder || (!embedder_hosted(k->embedder) && route_allowed(conf ? conf_embeddings(conf)->provider : NULL, true));
}

bool
collection_local_only(const struct conf *conf, const struct collection *collection)
{
	size_t count = 0;
	const struct conf_model *models = conf ? conf_models(conf, &count) : NULL;
	bool marked = collection->local_only;

	for (size_t i = 0; i < count && !marked; i++) {
		const struct conf_knowledge *knowledge = &models[i].knowledge;

		marked = knowledge->local_only && (str_eq(knowledge->collection, collection->name) || str_eq(knowledge->collection, collection->id));
	}
	return marked;
}

static MAY_PARK const struct err *
is_marked(struct knowledge *k, struct arena *arena, const struct conf *conf, int64_t tenant, int64_t row, bool *out)
{
	struct collection collection;
	struct rows rows;
	const struct err *err = store_query(k->store, arena, &stmt_collection_mark, PARAMS(V_INT(row)), &rows);

	if (err || rows.count == 0) {
		*out = true; /* it is gone, and nobody wants its vectors */
		return err;
	}
	collection = (struct collection){ .row = row, .id = rows_text(&rows, 0, 1), .name = rows_text(&rows, 0, 2), .local_only = rows_int(&rows, 0, 3) != 0 };
	*out = collection_local_only(conf, &collection);
	return *out || !k->access ? NULL : tenant_local_only(k->access, arena, tenant, out);
}

MAY_PARK const struct err *
embedding_forbidden(struct knowledge *k, struct arena *arena, int64_t tenant, int64_t collection, bool *out)
{
	struct conf *conf = k->watch ? conf_watch_get(k->watch) : NULL;
	const struct err *err = NULL;

	*out = false;
	if (!knowledge_may_embed(k, conf, true))
		err = is_marked(k, arena, conf, tenant, collection, out);
	if (conf)
		conf_unref(conf);
	return err;
}

static MAY_PARK const struct err *
look_again_tx(struct tx *tx, void *arg)
{
	const int64_t *tenant = arg;
	const struct err *err = tx_exec(tx, &stmt_version_look_again, PARAMS(V_INT(*tenant), V_INT(0)), NULL);

	return err ? err : work_notify(tx);
}

MAY_PARK const struct err *
knowledge_look_again(struct knowledge *k, struct arena *arena, int64_t tenant)
{
	return store_tx(k->store, arena, look_again_tx, &tenant);
}
