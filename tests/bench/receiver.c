/* receiver MODE CONFIG - what hookd is compared with, built from hookd's own parts:
 *
 *   bare     libmicrohttpd alone: reads the request, answers 200
 *   ceiling  hookd's listener with hygiene, verification and parsing; stores nothing
 *   handed   the same, and each event goes to another thread, as to the store's writer,
 *            which returns it at once
 *   insert   as ceiling, with a transaction for each event, in the handler
 *
 * The linker replaces functions that the listener calls by those named __wrap_… here (see
 * the Makefile). Except in `handed`, a request is answered in the call that brings its last
 * byte, without suspending the connection. */
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "http/loop.h"
#include "listener/batch.h"
#include "listener/listener.h"
#include "listener/request.h"
#include "store/private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER "{\"status\":\"stored\",\"event\":1042}\n"

enum MHD_Result __real_request_handle(void *listener, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request);
enum MHD_Result __wrap_request_handle(void *listener, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request);
void __real_MHD_suspend_connection(struct MHD_Connection *mhd);
void __wrap_MHD_suspend_connection(struct MHD_Connection *mhd);
void __real_loop_resume(struct loop *loop, struct resumption *r);
void __wrap_loop_resume(struct loop *loop, struct resumption *r);
void __wrap_batch_add(struct http_turn *turn, struct store_op *op);
void __real_sandbox_listener_thread(void);
void __wrap_sandbox_listener_thread(void);

/* Set when the operation was completed during the handler's call. */
static _Thread_local bool completed;

/* The queue of `handed`. */
static bool handing;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next two */
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static struct store_op *queue;

static bool inserting;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER; /* guards the store's connection */

/* ---- replacements ---- */

void __wrap_MHD_suspend_connection(struct MHD_Connection *mhd)
{
	if (handing)
		__real_MHD_suspend_connection(mhd);
}

void __wrap_loop_resume(struct loop *loop, struct resumption *r)
{
	if (handing)
		__real_loop_resume(loop, r);
	else
		completed = true;
}

static void complete(struct store_op *op)
{
	op->result = STORE_OK;
	((struct store_put *)op)->event_id = 1042;
	op->done(op);
}

static void *run_writer(void *arg)
{
	(void)arg;
	for (;;) {
		(void)pthread_mutex_lock(&queue_lock);
		while (queue == NULL)
			(void)pthread_cond_wait(&queued, &queue_lock);
		struct store_op *op = queue;
		queue = NULL;
		(void)pthread_mutex_unlock(&queue_lock);
		while (op != NULL) {
			struct store_op *next = op->next;
			complete(op);
			op = next;
		}
	}
	return NULL;
}

static void enqueue(struct store_op *op)
{
	(void)pthread_mutex_lock(&queue_lock);
	op->next = queue;
	queue = op;
	(void)pthread_mutex_unlock(&queue_lock);
	(void)pthread_cond_signal(&queued);
}

/* The store's own operation, in the calling thread, with a commit of its own. The store gets
 * no other operation, so its writer's thread sleeps. */
static void insert(struct store *st, struct store_op *op)
{
	struct store_delta delta = {0};

	(void)pthread_mutex_lock(&writing);
	struct store_group group = {
		.first = op, .backlog = st->backlog, .waiting = st->counts.waiting};
	op->next = NULL;
	store_op_start(op);
	if (st->engine->write(st->db, &group, &delta) == STORE_COMMITTED)
		st->counts.waiting += delta.waiting;
	else
		store_op_undo(op);
	(void)pthread_mutex_unlock(&writing);
}

void __wrap_batch_add(struct http_turn *turn, struct store_op *op)
{
	struct store *st = ((struct request *)op)->listener->store;

	(void)turn;
	if (handing) {
		enqueue(op);
	} else if (st != NULL) {
		insert(st, op);
		op->done(op);
	} else {
		complete(op);
	}
}

enum MHD_Result __wrap_request_handle(void *listener, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request)
{
	enum MHD_Result result;

	completed = false;
	result = __real_request_handle(listener, mhd, url, method, version, data, size, request);
	/* As libmicrohttpd does after a connection was resumed. */
	if (result == MHD_YES && completed)
		result = __real_request_handle(
			listener, mhd, url, method, version, data, size, request);
	return result;
}

/* A thread that writes the store opens files. */
void __wrap_sandbox_listener_thread(void)
{
	if (!inserting)
		__real_sandbox_listener_thread();
}

/* ---- bare ---- */

static enum MHD_Result answer_bare(void *response, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request)
{
	static char seen;

	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (*request == NULL) {
		*request = &seen;
		return MHD_YES;
	}
	if (*size > 0) {
		*size = 0;
		return MHD_YES;
	}
	return MHD_queue_response(mhd, MHD_HTTP_OK, response);
}

/* With libmicrohttpd's own threads; hookd drives it from http/loop.c. */
static bool start_bare(const struct conf *conf)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(conf->listen[0].port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(ANSWER) - 1, (void *)(uintptr_t)ANSWER, MHD_RESPMEM_PERSISTENT);

	if (response == NULL ||
		MHD_add_response_header(response, "Content-Type", "application/json") != MHD_YES)
		return false;
	return MHD_start_daemon(MHD_USE_POLL | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
		       answer_bare, response, MHD_OPTION_SOCK_ADDR, &address,
		       MHD_OPTION_THREAD_POOL_SIZE, (unsigned)(cores < 2 ? 2 : cores),
		       MHD_OPTION_CONNECTION_LIMIT, conf->limits.connections,
		       MHD_OPTION_END) != NULL;
}

/* ---- the listener ---- */

static bool name_id(struct store *st, enum store_name_kind kind, const char *name, int64_t *id)
{
	struct store_name n = {kind, name, id};
	struct store_names names = {.op.kind = STORE_OP_NAMES, .list = &n, .count = 1};

	return store_wait(st, &names.op) == STORE_OK;
}

static bool name_all(struct store *st, struct conf *conf)
{
	bool ok = true;

	for (size_t i = 0; i < conf->source_count && ok; i++)
		ok = name_id(
			st, STORE_NAME_SOURCE, conf->sources[i].name, &conf->sources[i].store_id);
	for (size_t i = 0; i < conf->hook_count && ok; i++)
		ok = name_id(st, STORE_NAME_HOOK, conf->hooks[i].name, &conf->hooks[i].store_id);
	return ok;
}

static bool start_listener(struct conf *conf, bool storing)
{
	struct store_options options = {
		.path = conf->store.path,
		.migrate = true,
		.backlog = conf->limits.backlog,
	};
	struct store *st = NULL;

	inserting = storing;
	if (storing) {
		st = store_open(&options);
		if (st == NULL || !name_all(st, conf))
			return false;
	}
	return listener_start(conf, st, NULL, 0) != NULL;
}

static bool start_handing(void)
{
	pthread_t thread;

	handing = true;
	return pthread_create(&thread, NULL, run_writer, NULL) == 0;
}

static struct conf *load(const char *file)
{
	struct buf errors = {0};
	struct conf *conf = conf_load(file, &errors);

	if (conf == NULL)
		fprintf(stderr, "%s", errors.data);
	buf_free(&errors);
	return conf;
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signal;
	bool ok = false;

	if (argc != 3 || sodium_init() < 0) {
		fputs("usage: receiver bare|ceiling|handed|insert CONFIG\n", stderr);
		return 2;
	}
	struct conf *conf = load(argv[2]);
	if (conf == NULL)
		return EXIT_FAILURE;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	log_setup(conf->log_level, conf->log_format);
	if (strcmp(argv[1], "bare") == 0)
		ok = start_bare(conf);
	else if (strcmp(argv[1], "handed") == 0)
		ok = start_handing() && start_listener(conf, false);
	else if (strcmp(argv[1], "ceiling") == 0 || strcmp(argv[1], "insert") == 0)
		ok = start_listener(conf, strcmp(argv[1], "insert") == 0);
	if (!ok) {
		fprintf(stderr, "receiver: cannot start as %s\n", argv[1]);
		return EXIT_FAILURE;
	}
	do
		(void)sigwait(&set, &signal);
	while (signal == SIGPIPE);
	_exit(EXIT_SUCCESS); /* without a cleanup */
}
