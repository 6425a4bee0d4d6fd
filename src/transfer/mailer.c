#include "transfer/mailer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "hostname.h"
#include "transfer/transfer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IDLE_MAX = 60000, /* ms that a thread waits for its next mail */
	OPEN_MAX = 8,     /* sockets of one thread: one in use, one kept, some being tried */
};

enum state {
	IDLE,  /* waits for a mail */
	TAKEN, /* the holder is setting up its handle */
	BUSY,  /* sends */
	LEAVING,
	GONE, /* to be joined */
};

struct mailer_thread {
	struct mailer *mailer;
	struct mailer_thread *next;
	pthread_t thread;
	pthread_cond_t wake;
	CURL *easy; /* the holder's while TAKEN, else the thread's */
	enum state state;
	int64_t idle_since; /* steady ms */
	struct mailing *mailing;
	uint64_t config;     /* of its connection: another one's may want TLS, or another user */
	bool outdated;       /* there is a newer config: it must end */
	atomic_bool aborted; /* nobody waits for the mailing any longer */
	int open[OPEN_MAX];  /* sockets */
	size_t open_count;
};

struct mailer {
	int fd; /* eventfd: something has ended */
	pthread_mutex_t lock;
	/* Guards all that follows, and everything in the threads' structs but `easy`. */
	struct mailer_thread *threads;
	struct mailing *ended;
	bool quit;
};

static void free_mailing(struct mailing *g)
{
	curl_slist_free_all(g->recipients);
	buf_free(&g->message);
	free(g->server);
	free(g->hostname);
	free(g);
}

/* ---- in the threads */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct mailer_thread *t = arg;
	int fd = CURL_SOCKET_BAD;

	(void)purpose;
	pthread_mutex_lock(&t->mailer->lock);
	if (!t->aborted && !t->mailer->quit && t->open_count < OPEN_MAX)
		fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd >= 0)
		t->open[t->open_count++] = fd;
	pthread_mutex_unlock(&t->mailer->lock);
	return fd;
}

/* Under the lock, so that abort_mail never shuts down a descriptor that was closed and is
 * now something else. */
static int close_socket(void *arg, curl_socket_t fd)
{
	struct mailer_thread *t = arg;
	int rc;

	pthread_mutex_lock(&t->mailer->lock);
	for (size_t i = 0; i < t->open_count; i++)
		if (t->open[i] == fd) {
			t->open[i] = t->open[--t->open_count];
			break;
		}
	rc = close(fd);
	pthread_mutex_unlock(&t->mailer->lock);
	return rc;
}

static int stop_if_aborted(
	void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	const struct mailer_thread *t = arg;

	(void)down_all, (void)down, (void)up_all, (void)up;
	return t->aborted ? 1 : 0;
}

/* libcurl greets the server with the path of the URL; without one, by the machine's short name. */
static bool set_url(CURL *easy, const struct mailing *g)
{
	char name[HOSTNAME_ROOM] = "";
	char *url = NULL;
	bool good;

	if (g->hostname == NULL)
		hostname_find(name);
	if (asprintf(&url, "%s/%s", g->server, g->hostname != NULL ? g->hostname : name) < 0)
		return false;
	good = transfer_set_url(easy, TRANSFER_SMTP, url);
	free(url);
	return good;
}

static void send_mail(struct mailer_thread *t)
{
	struct mailer *m = t->mailer;
	struct mailing *g = t->mailing;
	const uint64_t one = 1;
	ssize_t n;

	pthread_mutex_unlock(&m->lock);
	g->result = set_url(t->easy, g) ? curl_easy_perform(t->easy) : CURLE_OUT_OF_MEMORY;
	curl_easy_reset(t->easy); /* also drops the password; keeps the connection */
	pthread_mutex_lock(&m->lock);
	t->mailing = NULL;
	t->state = IDLE;
	t->idle_since = clock_steady();
	if (t->aborted) {
		free_mailing(g);
		return;
	}
	g->thread = NULL;
	g->easy = NULL;
	g->next = m->ended;
	m->ended = g;
	n = write(m->fd, &one, sizeof(one));
	(void)n;
}

/* False: the thread must end. */
static bool await_mail(struct mailer_thread *t)
{
	while (t->state != BUSY && !t->mailer->quit && !t->outdated) {
		if (t->state == TAKEN)
			pthread_cond_wait(&t->wake, &t->mailer->lock);
		else if (!thread_wait_until(&t->wake, &t->mailer->lock, t->idle_since + IDLE_MAX))
			return false;
	}
	return t->state == BUSY;
}

static void *run_mailer_thread(void *arg)
{
	struct mailer_thread *t = arg;

	pthread_mutex_lock(&t->mailer->lock);
	while (await_mail(t))
		send_mail(t);
	t->state = LEAVING;
	pthread_mutex_unlock(&t->mailer->lock);
	curl_easy_cleanup(t->easy); /* sends QUIT */
	pthread_mutex_lock(&t->mailer->lock);
	t->state = GONE;
	pthread_mutex_unlock(&t->mailer->lock);
	return NULL;
}

/* ---- in the holder's thread */

struct mailer *mailer_new(void)
{
	struct mailer *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		log_error("out of memory: cannot set up mails");
		return NULL;
	}
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0) {
		log_error("cannot set up mails", log_int("errno", errno));
		free(m);
		return NULL;
	}
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void free_thread(struct mailer_thread *t)
{
	pthread_cond_destroy(&t->wake);
	free(t);
}

/* In state TAKEN, not yet in the mailer's list. */
static struct mailer_thread *new_thread(struct mailer *m, uint64_t config)
{
	struct mailer_thread *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	*t = (struct mailer_thread){
		.mailer = m, .state = TAKEN, .easy = curl_easy_init(), .config = config};
	t->idle_since = clock_steady();
	thread_condition_init(&t->wake);
	if (t->easy == NULL || !thread_start(&t->thread, "mailer", run_mailer_thread, t)) {
		curl_easy_cleanup(t->easy);
		free_thread(t);
		return NULL;
	}
	return t;
}

/* Ends the idle threads of other configs. */
static void end_outdated(struct mailer *m, uint64_t config)
{
	for (struct mailer_thread *t = m->threads; t != NULL; t = t->next)
		if (t->state == IDLE && t->config != config) {
			t->outdated = true;
			pthread_cond_signal(&t->wake);
		}
}

/* The thread that became idle last, so that the others reach IDLE_MAX. */
static struct mailer_thread *take_idle(struct mailer *m)
{
	struct mailer_thread *best = NULL;

	for (struct mailer_thread *t = m->threads; t != NULL; t = t->next)
		if (t->state == IDLE && !t->outdated &&
			(best == NULL || t->idle_since > best->idle_since))
			best = t;
	if (best != NULL)
		best->state = TAKEN;
	return best;
}

static void join_gone(struct mailer *m)
{
	struct mailer_thread **link = &m->threads;

	while (*link != NULL) {
		struct mailer_thread *t = *link;

		if (t->state != GONE) {
			link = &t->next;
			continue;
		}
		*link = t->next;
		pthread_join(t->thread, NULL); /* it does not take the lock again */
		free_thread(t);
	}
}

static struct mailer_thread *take_thread(struct mailer *m, uint64_t config)
{
	struct mailer_thread *t;

	pthread_mutex_lock(&m->lock);
	join_gone(m);
	end_outdated(m, config);
	t = take_idle(m);
	if (t == NULL && (t = new_thread(m, config)) != NULL) {
		t->next = m->threads;
		m->threads = t;
	}
	pthread_mutex_unlock(&m->lock);
	return t;
}

static bool set_options(struct mailer_thread *t, struct mailing *g)
{
	return transfer_set_common(t->easy) &&
	       curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, g->error) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, t) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_XFERINFOFUNCTION, stop_if_aborted) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_XFERINFODATA, t) == CURLE_OK;
}

/* Frees a mailing that was not started; its thread waits for another. */
static void release_unstarted(struct mailing *g)
{
	struct mailer_thread *t = g->thread;

	curl_easy_reset(t->easy);
	pthread_mutex_lock(&t->mailer->lock);
	t->state = IDLE;
	t->idle_since = clock_steady();
	pthread_mutex_unlock(&t->mailer->lock);
	free_mailing(g);
}

struct mailing *mailing_open(struct mailer *m, void *owner, uint64_t config)
{
	struct mailing *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->owner = owner;
	g->thread = take_thread(m, config);
	if (g->thread == NULL) {
		free(g);
		return NULL;
	}
	g->easy = g->thread->easy;
	g->thread->aborted = false;
	if (!set_options(g->thread, g)) {
		release_unstarted(g);
		return NULL;
	}
	return g;
}

bool mailing_set_server(struct mailing *g, const char *url, const char *hostname)
{
	g->server = strdup(url);
	g->hostname = hostname != NULL ? strdup(hostname) : NULL;
	return g->server != NULL && (hostname == NULL || g->hostname != NULL);
}

void mailing_start(struct mailing *g)
{
	struct mailer_thread *t = g->thread;

	pthread_mutex_lock(&t->mailer->lock);
	t->mailing = g;
	t->state = BUSY;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->mailer->lock);
}

static bool take_from_ended(struct mailer *m, const struct mailing *g)
{
	struct mailing **link = &m->ended;

	while (*link != NULL && *link != g)
		link = &(*link)->next;
	if (*link == NULL)
		return false;
	*link = g->next;
	return true;
}

bool mailing_is_over(struct mailer *m, struct mailing *g)
{
	bool over;

	pthread_mutex_lock(&m->lock);
	over = take_from_ended(m, g);
	pthread_mutex_unlock(&m->lock);
	return over;
}

/* Shuts the sockets down, so that libcurl stops waiting for them. */
static void abort_mail(struct mailer_thread *t)
{
	t->aborted = true;
	for (size_t i = 0; i < t->open_count; i++)
		(void)shutdown(t->open[i], SHUT_RDWR);
}

void mailing_close(struct mailer *m, struct mailing *g)
{
	bool busy;

	if (g == NULL)
		return;
	pthread_mutex_lock(&m->lock);
	(void)take_from_ended(m, g);
	busy = g->thread != NULL && g->thread->state == BUSY;
	if (busy)
		abort_mail(g->thread); /* its thread frees the mailing */
	pthread_mutex_unlock(&m->lock);
	if (busy)
		return;
	if (g->thread != NULL)
		release_unstarted(g);
	else
		free_mailing(g);
}

struct mailing *mailer_ended(struct mailer *m)
{
	struct mailing *g;
	uint64_t count;
	ssize_t n = read(m->fd, &count, sizeof(count));

	(void)n;
	pthread_mutex_lock(&m->lock);
	g = m->ended;
	if (g != NULL)
		m->ended = g->next;
	pthread_mutex_unlock(&m->lock);
	return g;
}

int mailer_fd(const struct mailer *m)
{
	return m->fd;
}

void mailer_free(struct mailer *m)
{
	struct mailer_thread *next;

	if (m == NULL)
		return;
	pthread_mutex_lock(&m->lock);
	m->quit = true;
	for (struct mailer_thread *t = m->threads; t != NULL; t = t->next) {
		abort_mail(t);
		pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&m->lock);
	for (struct mailer_thread *t = m->threads; t != NULL; t = next) {
		next = t->next;
		pthread_join(t->thread, NULL);
		free_thread(t);
	}
	pthread_mutex_destroy(&m->lock);
	close(m->fd);
	free(m);
}
