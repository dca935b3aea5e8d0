/*
 * models.h - the lists of the configuration: providers, the models that clients name, and where embeddings come from.
 *
 * All of it lies in the snapshot it came from and lives as long as a reference to that is held. Names are unique, references are resolved.
 */
#pragma once

#include "base/str.h"
#include "conf/caching.h"
#include "conf/routing.h"

struct arena;
struct conf;

struct conf_header {
	struct str name, value;
};

/* A service account's key: what signs the assertion that a token is had for. */
struct conf_google {
	struct str email, private_key, private_key_id, token_url; /* private_key: PEM */
};

/* Endpoints that some providers have, below base_url, beside the chat of their kind. */
enum conf_api {
	CONF_API_EMBEDDINGS = 1,  /* OpenAI's POST /embeddings, or what the kind has in its place */
	CONF_API_COMPLETIONS = 2, /* OpenAI's POST /completions, the legacy one */
	CONF_API_MODERATIONS = 4, /* OpenAI's POST /moderations */
	CONF_API_RERANK = 8,      /* POST /rerank as Jina has it; Cohere's own where the kind is cohere */
	CONF_API_RESPONSES = 16,  /* OpenAI's POST /responses */
	CONF_API_ALL = 31
};

/* A server that answers model calls. */
struct conf_provider {
	struct str name;
	unsigned kind;               /* conf_provider_kind gives its name */
	struct str base_url;         /* http:// or https://, without a slash at its end */
	struct str api_key;          /* may be empty */
	struct conf_header *headers; /* sent with each call */
	size_t header_count;
	int64_t connect_timeout_us, headers_timeout_us, idle_timeout_us; /* as in net/http_client.h */
	struct str proxy;                                                /* may be empty */
	bool http2;
	unsigned apis;               /* CONF_API_…: what it serves beside chat */
	bool apis_given, public;     /* public: base_url is that of the kind's own service */

	/* Of some kinds alone (conf/kinds.h); empty elsewhere. */
	struct str api_version, tenant_id, client_id, client_secret, authority_url; /* azure */
	struct str project, location, credentials;                                  /* vertex; what credentials hold is in `google` */
	struct conf_google google;
	struct str region, access_key_id, secret_access_key, session_token;         /* bedrock */
	bool hosted;                 /* on machines of others: what is local_only never goes there */
	bool breaker_given;
	struct conf_queue queue;
	struct conf_breaker breaker;
	uint64_t hash;               /* of its name and base_url */
};

/* US dollars for a million tokens. */
enum { CONF_PRICES = 12 };
struct conf_price {
	bool given;
	double input, cached_input, cache_write, output;
	double search; /* for a thousand search units */
	double audio_input, audio_output, image_input, image_output, cached_audio; /* as their wholes, where the file does not say */
	double web_search; /* for a thousand searches in the web */
	double cache_write_1h; /* as cache_write, where the file does not say */
	/*
	 * "config:[input,cached_input,cache_write,output]", with search where there is one, and with all of them but the last in the order above where the file says one of the rest, and with the last where it says that: what the ledger keeps, so that an amount can be
	 * proved when the file has changed.
	 */
	struct str version;
};

/* Its prices in the order of the version's text. */
void conf_price_parts(struct conf_price *price, double *out[CONF_PRICES]);

struct conf_target {
	const struct conf_provider *provider;
	struct str model; /* its name at the provider */
	int64_t weight;   /* share of the calls, beside the other targets' */
	int64_t concurrency; /* calls at once; 0: no limit of its own */
	unsigned fallback_on; /* CONF_ON_…: tried for these causes alone; 0: an ordinary target */
	uint64_t hash;    /* of the provider's name and the model's name there */
	struct conf_price price;
};

enum conf_search_mode { CONF_SEARCH_AUTO, CONF_SEARCH_RRF, CONF_SEARCH_CONVEX, CONF_SEARCH_WORDS, CONF_SEARCH_VECTORS };

/* What a model answers from. */
struct conf_knowledge {
	bool given;
	struct str collection; /* its name */
	int64_t top_k;
	int64_t max_context_tokens;
	enum conf_search_mode mode;
	double vector_weight;    /* CONF_SEARCH_CONVEX */
	double score_min;        /* 0..1 */
	bool local_only;         /* what was found never reaches a hosted provider; it binds the collection for all (knowledge.h, collection_local_only) */
	struct str instructions; /* in place of the built-in ones; may be empty */
};

enum conf_capture { CONF_CAPTURE_NONE, CONF_CAPTURE_USAGE, CONF_CAPTURE_FULL };
enum conf_disconnect { CONF_DISCONNECT_CANCEL, CONF_DISCONNECT_CONTINUE };
enum conf_model_type { CONF_MODEL_CHAT, CONF_MODEL_EMBEDDINGS, CONF_MODEL_RERANK, CONF_MODEL_MODERATIONS };

/* A name that clients put into "model". */
struct conf_model {
	struct str name;
	enum conf_model_type type;
	struct conf_target *targets; /* none: a chat model answers with the built-in extractive model */
	size_t target_count;
	struct conf_knowledge knowledge;
	enum conf_capture capture;
	enum conf_disconnect on_disconnect;
	struct conf_route route;
	struct conf_cache cache;
};

/* How texts become vectors. */
struct conf_embeddings {
	const struct conf_provider *provider; /* NULL: the model in this process */
	struct str model;                     /* its name at the provider */
	int64_t dimensions;                   /* at the provider; 0: asked for at the first call */
	struct str model_dir, runtime_lib;    /* in this process; empty: the usual places */
	int64_t threads, batch_max;           /* 0: as infer/embed.h says */
};

/* In the order of the file. */
const struct conf_provider *conf_providers(const struct conf *conf, size_t *count);
const struct conf_model *conf_models(const struct conf *conf, size_t *count);
const struct conf_embeddings *conf_embeddings(const struct conf *conf);

/* "openai", "gemini"…: what gateway/provider.h finds the provider's code by. */
struct str conf_provider_kind(const struct conf_provider *provider);

bool conf_provider_has(const struct conf_provider *provider, enum conf_api api);

/* "embeddings", "completions"…: the name of the lowest of these endpoints. */
const char *conf_api_name(unsigned apis);

/* By its name, or NULL. */
const struct conf_model *conf_model(const struct conf *conf, struct str name);

struct conf_reached {
	const struct conf_model *model;
	struct conf_reached *next;
};

/*
 * The models that a call may come to from this one, by fallbacks and the arms of splits, at most so many steps away: itself first, the nearer ones before the farther, each once, however
 * they go round. NULL when the arena is full.
 */
const struct conf_reached *conf_reach(const struct conf *conf, struct arena *arena, const struct conf_model *from, unsigned steps);
