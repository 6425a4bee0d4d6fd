#include "transfer/transfer.h"

#include "base/log.h"
#include "own.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	CONNECTIONS_KEPT = 256, /* idle ones, for the next transfer to the same server */
	AT_ONCE = 16,           /* descriptors handled in one step */
};

#define IDLE_MAX 60L /* s after which an idle connection is no longer used */

/* libcurl asks for sockets to be watched and for a timer. Both are in one epoll, whose
 * descriptor the holder polls. */
struct transfers {
	CURLM *multi;
	int epoll;
	int timer;
};

bool transfer_global_init(bool lazily)
{
#ifdef CURL_VERSION_THREADSAFE
	if (lazily && (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_THREADSAFE))
		return true;
#endif
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void transfer_global_free(void)
{
	curl_global_cleanup();
}

/* May the event's choice of a host lead there? If not, *refused is the address, unless that is not
 * known. */
static bool is_public(const struct net_address *to, struct net_address *refused)
{
	enum own_answer own = net_is_internal(to) ? OWN_ADDRESS : own_address(to);

	if (own == OWN_ADDRESS)
		*refused = *to;
	return own == OWN_NOT;
}

/* libcurl itself would not set close-on-exec, and would connect to any address. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *tr = arg;
	struct net_address to;

	(void)purpose;
	net_from_sockaddr(&address->addr, &to);
	if (tr->public_only && !is_public(&to, &tr->refused))
		return CURL_SOCKET_BAD; /* and libcurl tries the host's next address */
	tr->tried = true;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct transfers *t = arg;
	struct epoll_event event = {.data.fd = fd};

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* it may already be closed */
		(void)epoll_ctl(t->epoll, EPOLL_CTL_DEL, fd, NULL);
		(void)curl_multi_assign(t->multi, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		event.events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		event.events |= EPOLLOUT;
	if (known != NULL && epoll_ctl(t->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EEXIST) {
		log_error("cannot watch a connection", log_int("errno", errno));
		return -1;
	}
	(void)curl_multi_assign(t->multi, fd, t); /* any value but NULL */
	return 0;
}

static int timer_changed(CURLM *multi, long ms, void *arg)
{
	struct transfers *t = arg;
	struct itimerspec spec = {0};

	(void)multi;
	if (ms >= 0) {
		spec.it_value.tv_sec = ms / 1000;
		spec.it_value.tv_nsec = ms > 0 ? ms % 1000 * 1000000 : 1; /* 0 is off */
	}
	return timerfd_settime(t->timer, 0, &spec, NULL);
}

/* At the first transfer: libcurl loads OpenSSL with it, which takes 2 MB. */
static bool open_multi(struct transfers *t)
{
	if (t->multi != NULL)
		return true;
	t->multi = curl_multi_init();
	if (t->multi == NULL)
		return false;
	(void)curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	(void)curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
	(void)curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	(void)curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
	(void)curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	/* One request at a time on a connection: with HTTP/2, one failure could end several. */
	(void)curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return true;
}

struct transfers *transfers_new(void)
{
	struct transfers *t = calloc(1, sizeof(*t));
	struct epoll_event event = {.events = EPOLLIN};

	if (t == NULL) {
		log_error("out of memory: cannot set up transfers");
		return NULL;
	}
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	event.data.fd = t->timer;
	if (t->epoll < 0 || t->timer < 0 ||
		epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->timer, &event) != 0) {
		log_error("cannot set up transfers", log_int("errno", errno));
		transfers_free(t);
		return NULL;
	}
	return t;
}

void transfers_free(struct transfers *t)
{
	if (t == NULL)
		return;
	if (t->multi != NULL)
		(void)curl_multi_cleanup(t->multi);
	if (t->timer >= 0)
		close(t->timer);
	if (t->epoll >= 0)
		close(t->epoll);
	free(t);
}

int transfers_fd(const struct transfers *t)
{
	return t->epoll;
}

static void handle_event(struct transfers *t, const struct epoll_event *event)
{
	uint64_t count;
	ssize_t n;
	int what = 0, running;

	if (event->data.fd == t->timer) {
		n = read(t->timer, &count, sizeof(count));
		(void)n;
		(void)curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		return;
	}
	if ((event->events & (EPOLLIN | EPOLLHUP)) != 0)
		what |= CURL_CSELECT_IN;
	if ((event->events & EPOLLOUT) != 0)
		what |= CURL_CSELECT_OUT;
	if ((event->events & EPOLLERR) != 0)
		what |= CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(t->multi, event->data.fd, what, &running);
}

void transfers_step(struct transfers *t)
{
	struct epoll_event events[AT_ONCE];
	int n = epoll_wait(t->epoll, events, AT_ONCE, 0);

	for (int i = 0; i < n; i++)
		handle_event(t, &events[i]);
}

struct transfer *transfers_ended(struct transfers *t)
{
	struct transfer *tr = NULL;
	CURLMsg *message;
	int left;

	while (tr == NULL && (message = curl_multi_info_read(t->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&tr);
		tr->result = message->data.result;
	}
	if (tr != NULL) {
		if (tr->tried)
			tr->refused = (struct net_address){0};
		(void)curl_multi_remove_handle(t->multi, tr->easy);
		tr->under_way = false;
	}
	return tr;
}

bool transfer_set_common(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	/* else an aborted transfer waits until the resolver has given up */
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_MAX) == CURLE_OK &&
	       /* http_proxy and similar variables would send payments to a host that the config
		* does not name */
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
}

bool transfer_set_url(CURL *easy, enum transfer_protocol protocol, const char *url)
{
	CURLcode rc;

#if LIBCURL_VERSION_NUM >= 0x075500
	rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
		protocol == TRANSFER_HTTP ? "http,https" : "smtp,smtps");
#else
	rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
		(long)(protocol == TRANSFER_HTTP ? CURLPROTO_HTTP | CURLPROTO_HTTPS
						 : CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
	return rc == CURLE_OK && curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

bool transfer_open(struct transfers *t, struct transfer *tr, void *owner)
{
	*tr = (struct transfer){.easy = curl_easy_init(), .owner = owner, .transfers = t};
	if (tr->easy == NULL || !open_multi(t))
		return false;
	return transfer_set_common(tr->easy) &&
	       curl_easy_setopt(tr->easy, CURLOPT_PRIVATE, (char *)tr) == CURLE_OK &&
	       curl_easy_setopt(tr->easy, CURLOPT_ERRORBUFFER, tr->error) == CURLE_OK &&
	       curl_easy_setopt(tr->easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(tr->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	       curl_easy_setopt(tr->easy, CURLOPT_OPENSOCKETDATA, tr) == CURLE_OK;
}

bool transfer_start(struct transfer *tr)
{
	if (tr->public_only) {
		(void)curl_easy_setopt(tr->easy, CURLOPT_FRESH_CONNECT, 1L);
		(void)curl_easy_setopt(tr->easy, CURLOPT_FORBID_REUSE, 1L);
	}
	tr->under_way = curl_multi_add_handle(tr->transfers->multi, tr->easy) == CURLM_OK;
	return tr->under_way;
}

void transfer_close(struct transfer *tr)
{
	if (tr->under_way)
		(void)curl_multi_remove_handle(tr->transfers->multi, tr->easy);
	tr->under_way = false;
	curl_easy_cleanup(tr->easy);
	tr->easy = NULL;
}
