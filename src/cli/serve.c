/*
 * serve.c - `corbel serve`: the parts of the program, started from the ground up and stopped from the top down.
 *
 * `steps` is the whole story. A step that fails stops what stands already, in reverse order, and the process ends with an error: there is no half-started server.
 * The main thread starts and stops, and waits for signals in between; what must run on a loop is sent there. SIGTERM and SIGINT stop gracefully, a second one ends
 * at once; SIGHUP reads the configuration again.
 */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/access.h"
#include "access/shared_secret.h"
#include "answer/shadow.h"
#include "api/api.h"
#include "api/openai_responses_background.h"
#include "base/clock.h"
#include "base/fault.h"
#include "cache/cache.h"
#include "cli/datadir.h"
#include "cli/schemas.h"
#include "cli/serve_settings.h"
#include "cli/settings.h"
#include "cli/term.h"
#include "conf/models.h"
#include "conf/secrets.h"
#include "conf/watch.h"
#include "crypto/tls.h"
#include "gateway/state.h"
#include "hook/hook.h"
#include "infer/embed.h"
#include "infer/tokenizers.h"
#include "knowledge/knowledge.h"
#include "money/budget.h"
#include "money/money.h"
#include "rt/fiber.h"
#include "telemetry/retention.h"
#include "telemetry/seal.h"

enum { START_ARENA_MAX = 64 * 1024 * 1024 };

struct server {
	struct app app;
	struct arena *arena; /* as long as the process serves */
	struct conf *conf;   /* the one it was started with */
	struct conf_spec conf_spec;
	struct datadir dir;
	struct secrets *secrets;
	bool file_only;      /* start without the store's entries if they are refused */
	struct tls_server *tls;
	struct retention *retention;
	struct sealer *sealer;
	struct hooks *hooks;
	struct str first_key; /* made by this start, to be shown once */
};

struct step {
	const char *name;
	const struct err *(*start)(struct server *server);
	void (*stop)(struct server *server);
	bool on_loop; /* both run as a fiber of loop 0, and may park */
};

static const struct err *
data_start(struct server *server)
{
	const struct err *err = datadir_open(server->arena, serve_data_dir(server->conf), &server->dir);

	if (err)
		return err;
	server->app.data_dir = server->dir.path;
	return NULL;
}

static void
data_stop(struct server *server)
{
	datadir_close(&server->dir);
}

static const struct err *
runtime_begin(struct server *server)
{
	server->app.runtime = runtime_new(serve_loops(server->conf));
	runtime_start(server->app.runtime);
	return NULL;
}

static void
runtime_end(struct server *server)
{
	runtime_stop(server->app.runtime);
	runtime_free(server->app.runtime);
}

static const struct err *
store_start(struct server *server)
{
	struct store_spec spec;

	serve_store_spec(server->conf, server->arena, server->dir.path, &spec);
	spec.schemas = store_schemas;
	return store_open(&spec, server->app.runtime, server->arena, &server->app.store);
}

/* Notices may come until the store is closed, so what listens to them is freed after it. */
static void
store_stop(struct server *server)
{
	store_close(server->app.store);
	if (server->app.knowledge)
		knowledge_close(server->app.knowledge);
	cache_free(server->app.cache);
	money_free(server->app.money);
	access_free(server->app.access);
	conf_watch_free(server->app.watch);
	secrets_free(server->secrets);
	hooks_free(server->hooks);
}

static MAY_PARK const struct err *
access_start(struct server *server)
{
	struct access_spec spec = { .store = server->app.store, .admin_key = serve_admin_key(server->conf), .data_dir = server->dir.path };
	const struct err *err = shared_secret_get(server->app.store, server->arena, STR("link"), server->app.link_secret);

	return err ? err : access_open(&spec, server->arena, &server->app.access, &server->first_key);
}

static MAY_PARK void
access_end(struct server *server)
{
	access_stop(server->app.access);
}

static MAY_PARK const struct err *
money_start(struct server *server)
{
	return money_open(server->app.store, server->arena, &server->app.money);
}

static MAY_PARK void
money_end(struct server *server)
{
	money_stop(server->app.money);
}

static void
configuration_changed(void *arg)
{
	struct server *server = arg;
	struct conf *conf = conf_watch_get(server->app.watch);
	struct arena *scratch = arena_new(MIB(1));
	const struct err *err = server->tls ? tls_server_reload(scratch, server->tls) : NULL;

	log_set_level(serve_log_level(conf));
	hooks_changed(server->hooks);
	if (err)
		log_error("the certificate could not be loaded again", LOG_ERR("error", err));
	arena_free(scratch);
	conf_unref(conf);
}

static MAY_PARK const struct err *
watch_start(struct server *server)
{
	struct secrets_spec spec = { .given = serve_master_key(server->conf), .previous = serve_previous_master_key(server->conf), .data_dir = server->dir.path, .alone = store_engine_of(server->app.store) == STORE_SQLITE };
	const struct err *err = secrets_open(&spec, server->arena, &server->secrets);

	if (err)
		return err;
	server->app.watch = conf_watch_new(&server->conf_spec, conf_ref(server->conf));
	conf_watch_listen(server->app.watch, configuration_changed, server);
	err = conf_watch_keep(server->app.watch, server->app.store, server->secrets, server->file_only, server->arena);
	return err ? err : conf_watch_start(server->app.watch);
}

static MAY_PARK void
watch_stop(struct server *server)
{
	conf_watch_stop(server->app.watch);
}

static MAY_PARK const struct err *
hooks_start(struct server *server)
{
	return hooks_open(server->app.store, server->app.watch, server->arena, &server->hooks);
}

static MAY_PARK void
hooks_end(struct server *server)
{
	hooks_stop(server->hooks);
}

/* Without a model the server serves words alone and says so; that is no reason not to start. */
static const struct err *
embedder_start(struct server *server)
{
	struct conf *in_force = conf_watch_get(server->app.watch);
	const struct conf_embeddings *conf = conf_embeddings(in_force);
	const struct err *err;

	if (conf->provider) {
		struct embed_remote_spec spec = {
			.base_url = conf->provider->base_url,
			.api_key = conf->provider->api_key,
			.model = conf->model,
			.dimensions = (unsigned)conf->dimensions,
			.batch_max = (unsigned)conf->batch_max,
			.proxy = conf->provider->proxy,
			.http2 = conf->provider->http2,
			.hosted = conf->provider->hosted,
		};

		err = embedder_open_remote(&spec, server->arena, &server->app.embedder);
	} else {
		struct embed_local_spec spec = {
			.model_dir = conf->model_dir,
			.runtime_lib = conf->runtime_lib,
			.threads = (unsigned)conf->threads,
			.batch_max = (unsigned)conf->batch_max,
		};

		err = embedder_open_local(&spec, server->arena, &server->app.embedder);
	}
	conf_unref(in_force);
	if (!err)
		return NULL;
	server->app.embedder = NULL;
	server->app.embedder_missing = err->message;
	log_warn("no embedding model: search is by words alone", LOG_ERR("error", err));
	return NULL;
}

static void
embedder_stop(struct server *server)
{
	if (server->app.embedder)
		embedder_close(server->app.embedder);
}

/* Vocabularies are read when something is to be counted; a missing one is said in /readyz and makes counts estimates. */
static const struct err *
tokenizers_start(struct server *server)
{
	server->app.tokenizers = tokenizers_new(STR_EMPTY);
	return NULL;
}

static void
tokenizers_stop(struct server *server)
{
	tokenizers_free(server->app.tokenizers);
}

static MAY_PARK const struct err *
knowledge_begin(struct server *server)
{
	struct knowledge_spec spec = { .store = server->app.store, .embedder = server->app.embedder, .watch = server->app.watch, .access = server->app.access };
	const struct err *err = knowledge_open(&spec, server->arena, &server->app.knowledge);

	return err ? err : knowledge_start(server->app.knowledge);
}

static MAY_PARK void
knowledge_end(struct server *server)
{
	knowledge_stop(server->app.knowledge);
}

static const struct err *
gateway_begin(struct server *server)
{
	struct answer_services services = { .store = server->app.store, .tokenizers = server->app.tokenizers };

	services.gateway = server->app.gateway = gateway_new();
	server->app.shadows = shadows_new(server->app.runtime, &services);
	return NULL;
}

static MAY_PARK void
gateway_end(struct server *server)
{
	shadows_stop(server->app.shadows);
	shadows_free(server->app.shadows);
	gateway_free(server->app.gateway);
}

static const struct err *
cache_begin(struct server *server)
{
	return cache_start(server->app.store, server->app.embedder, server->app.watch, &server->app.cache);
}

static MAY_PARK void
cache_end(struct server *server)
{
	cache_stop(server->app.cache);
}

static const struct err *
retention_begin(struct server *server)
{
	return retention_start(server->app.store, server->app.watch, budget_fold, &server->retention);
}

static MAY_PARK void
retention_end(struct server *server)
{
	retention_stop(server->retention);
}

static MAY_PARK const struct err *
sealer_begin(struct server *server)
{
	return sealer_start(server->app.store, server->arena, seal_after_us(server->conf), &server->sealer);
}

static MAY_PARK void
sealer_end(struct server *server)
{
	sealer_stop(server->sealer);
}

static const struct err *
durables_begin(struct server *server)
{
	return durables_start(server->app.store, &durable_bounds_default, &server->app.stopping, &server->app.durables);
}

static MAY_PARK void
durables_end(struct server *server)
{
	durables_stop(server->app.durables);
}

static const struct err *
background_begin(struct server *server)
{
	return background_start(&server->app, &server->app.background);
}

static MAY_PARK void
background_end(struct server *server)
{
	background_stop(server->app.background);
}

static const struct err *
http_start(struct server *server)
{
	struct http_server_spec spec = {
		.listen = serve_listen(server->conf), .handler = api_handle, .arg = &server->app, .server_name = STR("corbel")
	};
	struct str cert = serve_tls_cert(server->conf), key = serve_tls_key(server->conf);
	const struct err *err = api_open(&server->app, server->arena);

	if (err)
		return err;
	if ((cert.len == 0) != (key.len == 0))
		return err_new(server->arena, ERR_INVALID, "server.tls_cert and server.tls_key belong together");
	if (cert.len > 0)
		err = tls_server_new(server->arena, arena_cstr(server->arena, cert), arena_cstr(server->arena, key), &server->tls);
	if (err)
		return err;
	serve_http_limits(server->conf, &spec.limits);
	spec.tls = server->tls;
	return http_server_start(server->app.runtime, &spec, server->arena, &server->app.server);
}

static MAY_PARK void
http_stop(struct server *server)
{
	struct conf *conf = conf_watch_get(server->app.watch);

	atomic_store(&server->app.stopping, true);
	http_server_stop(server->app.server, serve_grace_us(conf));
	conf_unref(conf);
	tls_server_free(server->tls);
}

static const struct step steps[] = {
	{ "data directory", data_start, data_stop, false },
	{ "runtime", runtime_begin, runtime_end, false },
	{ "store", store_start, store_stop, false },
	{ "configuration", watch_start, watch_stop, true },
	{ "ledger", sealer_begin, sealer_end, true }, /* before anything writes to it */
	{ "embeddings", embedder_start, embedder_stop, false },
	{ "tokenizers", tokenizers_start, tokenizers_stop, false },
	{ "webhooks", hooks_start, hooks_end, true },
	{ "keys", access_start, access_end, true },
	{ "budgets", money_start, money_end, true },
	{ "knowledge", knowledge_begin, knowledge_end, true },
	{ "gateway", gateway_begin, gateway_end, true },
	{ "cache", cache_begin, cache_end, true },
	{ "retention", retention_begin, retention_end, true },
	{ "streams that go on", durables_begin, durables_end, true },
	{ "background responses", background_begin, background_end, true },
	{ "http", http_start, http_stop, true },
};

/* One step sent to loop 0. */
struct sent {
	struct server *server;
	const struct step *step;
	bool starting;
	const struct err *err;
	sem_t done;
};

static MAY_PARK void
sent_fiber(void *arg)
{
	struct sent *sent = arg;

	if (sent->starting)
		sent->err = sent->step->start(sent->server);
	else
		sent->step->stop(sent->server);
	sem_post(&sent->done);
}

static void
sent_arrive(void *arg)
{
	struct sent *sent = arg;
	const struct err *err = fiber_go_stack("serve", FIBER_STACK_LARGE, NULL, sent_fiber, sent);

	if (!err)
		return;
	sent->err = err;
	sem_post(&sent->done);
}

static const struct err *
on_loop(struct server *server, const struct step *step, bool starting)
{
	struct sent sent = { .server = server, .step = step, .starting = starting };

	sem_init(&sent.done, 0, 0);
	loop_post(runtime_loop(server->app.runtime, 0), sent_arrive, &sent);
	while (sem_wait(&sent.done) != 0 && errno == EINTR)
		;
	sem_destroy(&sent.done);
	return sent.err;
}

static void
stop_all(struct server *server, size_t count)
{
	while (count-- > 0) {
		if (steps[count].stop && steps[count].on_loop)
			(void)on_loop(server, &steps[count], false);
		else if (steps[count].stop)
			steps[count].stop(server);
	}
}

static const struct err *
start_all(struct server *server)
{
	for (size_t i = 0; i < COUNT(steps); i++) {
		const struct err *err = steps[i].on_loop ? on_loop(server, &steps[i], true) : steps[i].start(server);

		if (!err)
			continue;
		stop_all(server, i);
		return err;
	}
	return NULL;
}

/* http://HOST:PORT as a client can use it: "any address" is this machine. */
static struct str
own_url(struct server *server, bool for_clients)
{
	struct str address = http_server_address(server->app.server);
	const char *scheme = server->tls ? "https" : "http";

	if (for_clients && str_starts(address, STR("0.0.0.0:")))
		return arena_printf(server->arena, "%s://127.0.0.1%" STR_F, scheme, STR_A(str_slice(address, 7, address.len)));
	if (for_clients && str_starts(address, STR("[::]:")))
		return arena_printf(server->arena, "%s://[::1]%" STR_F, scheme, STR_A(str_slice(address, 4, address.len)));
	return arena_printf(server->arena, "%s://%" STR_F, scheme, STR_A(address));
}

static void
announce(struct server *server)
{
	const struct err *err = datadir_tell(&server->dir, server->arena, own_url(server, true));

	if (err)
		log_warn("clients on this machine will not find the server by its data directory", LOG_ERR("error", err));
	if (server->first_key.len > 0)
		fprintf(stderr, "admin key (shown once; kept in %" STR_F "/admin.key): %" STR_F "\n", STR_A(server->dir.path),
			STR_A(server->first_key));
	printf("corbel ready on %" STR_F "\n", STR_A(own_url(server, false)));
	fflush(stdout);
}

static void
reload(void *arg)
{
	conf_watch_reload(((struct server *)arg)->app.watch);
}

static void
wait_for_stop(struct server *server, const sigset_t *signals)
{
	for (;;) {
		int number = 0;

		if (sigwait(signals, &number) != 0)
			continue;
		if (number != SIGHUP) {
			log_info("stopping", LOG_STR("signal", str_of(sigabbrev_np(number))));
			return;
		}
		loop_post(runtime_loop(server->app.runtime, 0), reload, server);
	}
}

/* Places where a test wants something to fail; see base/fault.h. */
static bool
faults_arm(void)
{
	const char *faults = getenv("CORBEL_FAULT");

	if (!faults || fault_arm_text(str_of(faults)))
		return true;
	term_error("CORBEL_FAULT: expected name=n, name=kill or name=kill:n, with the names of fault points");
	return false;
}

static int
serve_run(struct args *args)
{
	struct server server = { .arena = arena_new(START_ARENA_MAX), .conf_spec = settings_spec(args), .app.started_us = clock_wall_us(), .file_only = args_has(args, "file-only") };
	const struct err *err;
	sigset_t signals;

	server.conf = faults_arm() ? settings_load(&server.conf_spec) : NULL;
	if (!server.conf) {
		arena_free(server.arena);
		return EXIT_FAILED;
	}
	log_set_level(serve_log_level(server.conf));
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before the first thread, which inherits it */
	err = start_all(&server);
	if (err) {
		term_fail(err);
	} else {
		announce(&server);
		wait_for_stop(&server, &signals);
		pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* a second signal ends at once */
		stop_all(&server, COUNT(steps));
	}
	conf_unref(server.conf);
	arena_free(server.arena);
	return err ? EXIT_FAILED : EXIT_DONE;
}

static const struct option options[] = {
	{ "config", 'c', "FILE", "The configuration file. Else CORBEL_CONFIG, else ./corbel.yaml if it is there." },
	{ "data", 0, "DIR", "The data directory. Else CORBEL_DATA, else what the file says, else ./corbel-data." },
	{ "listen", 0, "HOST:PORT",
		"Where to listen; port 0 picks a free one. Else CORBEL_LISTEN, else what the file says, else 127.0.0.1:8321." },
	{ "file-only", 0, NULL, "Start on the file alone when the providers and models that are kept in the database do not go with it, so that they can be mended." },
	{ NULL, 0, NULL, NULL },
};

const struct command serve_command = {
	.name = "serve",
	.arguments = "",
	.summary = "Run the server",
	.options = options,
	.run = serve_run,
	.help = "Serves until it gets SIGTERM or SIGINT; answers in flight may then finish (server.grace). SIGHUP reads the configuration "
		"again, as does any change of the file. "
		"Prints \"corbel ready on http://HOST:PORT\" when it serves. The first start makes an admin key, prints it once and keeps "
		"it in the data directory as admin.key. "
		"The log is JSON, on standard error.",
};
