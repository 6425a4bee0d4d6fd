/* action/forward.c - posts the event, unchanged but for what `drop` leaves out, to another HTTP
 * server. */
#include "base/clock.h"
#include "base/number.h"
#include "kind.h"
#include "request.h"
#include "transfer/transfer.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	READ_AT_LEAST = 65536,         /* bytes of a response, kept or not; then it is cut off */
	RETRY_AFTER_MAX = 24 * 60 * 60 /* s */
};

struct forward {
	struct action action; /* first: the holder knows only this */
	struct transfer transfer;
	bool interrupted; /* by hookd's stop */
	struct curl_slist *headers;
	struct buf body;     /* what is sent, unless it is the event */
	struct buf response; /* the first bytes of the response */
	size_t response_seen;
};

static struct forward *forward_of(struct action *a)
{
	return (struct forward *)(void *)a;
}

/* Returns 0, which ends the transfer, once the response is longer than needed. */
static size_t take_response(char *bytes, size_t one, size_t len, void *arg)
{
	struct forward *f = arg;
	size_t cap = f->action.hook->action->output;
	size_t room = cap > f->response.len ? cap - f->response.len : 0;

	(void)one;
	buf_add(&f->response, bytes, len < room ? len : room);
	f->response_seen += len;
	return f->response_seen > cap && f->response_seen > READ_AT_LEAST ? 0 : len;
}

static bool set_headers(struct forward *f, const struct forward_request *r)
{
	/* do not wait for a "100 Continue", which many servers never send */
	f->headers = curl_slist_append(NULL, "Expect:");
	for (size_t i = 0; f->headers != NULL && i < r->count; i++) {
		struct curl_slist *more = curl_slist_append(f->headers, r->headers[i]);

		if (more == NULL)
			return false;
	}
	return f->headers != NULL;
}

static bool set_tls(CURL *easy, const struct conf_forward *does)
{
	CURLcode rc = CURLE_OK;

	if (!does->verify_tls) {
		rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		if (rc == CURLE_OK)
			rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (rc == CURLE_OK && does->ca != NULL)
		rc = curl_easy_setopt(easy, CURLOPT_CAINFO, does->ca);
	if (rc == CURLE_OK && does->certificate != NULL)
		rc = curl_easy_setopt(easy, CURLOPT_SSLCERT, does->certificate);
	if (rc == CURLE_OK && does->key != NULL)
		rc = curl_easy_setopt(easy, CURLOPT_SSLKEY, does->key);
	return rc == CURLE_OK;
}

static bool set_options(struct forward *f, const struct forward_request *r)
{
	const struct conf_forward *does = &f->action.hook->action->forward;
	CURL *easy = f->transfer.easy;
	size_t len;
	const void *body = forward_request_body(r, f->action.job, &len);

	f->transfer.public_only = !does->url_fixed;
	return transfer_set_url(easy, TRANSFER_HTTP, r->url) && set_headers(f, r) &&
	       set_tls(easy, does) &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, "hookd/" HOOKD_VERSION) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, does->method) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_response) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, f) == CURLE_OK;
}

static enum action_step end_without_memory(struct forward *f)
{
	action_outcome(&f->action, ATTEMPT_TEMPFAIL, "out of memory");
	return ACTION_FINISHED;
}

static enum action_step start_transfer(struct forward *f)
{
	if (!transfer_start(&f->transfer))
		return end_without_memory(f);
	f->action.deadline = clock_steady() + f->action.hook->action->timeout;
	return ACTION_GOES_ON;
}

static enum action_step start_forward(struct forward *f, const struct action_place *place)
{
	struct action *a = &f->action;
	struct forward_request r;
	char why[FORWARD_WHY];
	enum attempt_result result =
		forward_request_make(&r, a->hook, a->job, clock_wall() / 1000, false, why);
	enum action_step step = ACTION_FINISHED;

	if (result != ATTEMPT_OK)
		action_outcome(a, result, "%s", why);
	else if (!transfer_open(place->transfers, &f->transfer, a) || !set_options(f, &r))
		step = end_without_memory(f);
	else
		step = start_transfer(f);
	f->body = r.body; /* libcurl reads it from there */
	r.body = (struct buf){0};
	forward_request_free(&r);
	return step;
}

static struct action *forward_start(const struct action_place *place, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job, enum action_step *step)
{
	struct forward *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	action_init(&f->action, &action_forward, conf, hook, job);
	*step = start_forward(f, place);
	return &f->action;
}

/* Is the server itself not well? */
static bool is_unwell(int status)
{
	return status == 429 || status >= 500;
}

#if LIBCURL_VERSION_NUM >= 0x075400
/* Seconds from a Retry-After: a number of them, or a date. */
static int64_t read_retry_after(const char *value)
{
	size_t len = strlen(value);
	int64_t seconds;
	time_t date;

	if (len > 0 && number_digits(value, len) == len)
		return number_read(value, len, RETRY_AFTER_MAX, &seconds) ? seconds
									  : RETRY_AFTER_MAX;
	date = curl_getdate(value, NULL);
	if (date < 0)
		return 0;
	seconds = date - clock_wall() / 1000;
	return seconds < RETRY_AFTER_MAX ? seconds : RETRY_AFTER_MAX;
}

/* Seconds that the response asks us to wait; 0 or less: it does not ask. Not by
 * CURLINFO_RETRY_AFTER, which newer versions cut to six hours. */
static int64_t asked_wait(CURL *easy)
{
	struct curl_header *header;

	if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return 0;
	return read_retry_after(header->value);
}
#else
static int64_t asked_wait(CURL *easy)
{
	curl_off_t seconds = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
	return seconds < RETRY_AFTER_MAX ? seconds : RETRY_AFTER_MAX;
}
#endif

/* What the attempt says of the server, if that is the same for all events. */
static void note_target(struct forward *f, enum attempt_target target)
{
	bool fixed = f->action.hook->action->forward.url_fixed;

	f->action.outcome.target = fixed && !f->interrupted ? target : TARGET_UNKNOWN;
}

static void judge_status(struct forward *f, int status)
{
	struct action *a = &f->action;
	int64_t wait;

	a->outcome.status = status;
	note_target(f, is_unwell(status) ? TARGET_UNWELL : TARGET_WELL);
	if (status >= 200 && status <= 299) {
		a->outcome.result = ATTEMPT_OK;
	} else if (!conf_action_gives_up(a->hook->action, status)) {
		action_outcome(a, ATTEMPT_TEMPFAIL, "answered %d", status);
		wait = asked_wait(f->transfer.easy);
		if (wait > 0)
			a->outcome.retry_after = wait * 1000;
	} else {
		action_outcome(a, ATTEMPT_PERMFAIL, "answered %d%s", status,
			status >= 300 && status <= 399 ? ": redirects are not followed" : "");
	}
}

/* Once the status has arrived it decides, whatever happens to the rest of the response: the server
 * has accepted the event, or has not. False: no status has arrived. */
static bool judge_response(struct forward *f)
{
	CURL *easy = f->transfer.easy;
	long status = 0, sent = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	if (status < 200 || status > 999) {
		note_target(f, sent > 0 ? TARGET_UNWELL : TARGET_UNREACHABLE);
		return false;
	}
	judge_status(f, (int)status);
	return true;
}

static void keep_response(struct forward *f)
{
	struct attempt_outcome *out = &f->action.outcome;

	out->output_len = f->response.len;
	out->output = f->response.len > 0 ? buf_take(&f->response) : NULL;
	if (out->output == NULL)
		out->output_len = 0;
}

static void forward_ended(struct action *a)
{
	struct forward *f = forward_of(a);
	const struct transfer *tr = &f->transfer;
	char address[NET_TEXT];

	a->deadline = INT64_MAX;
	if (tr->refused.family != 0) {
		net_format(&tr->refused, address);
		action_outcome(a, ATTEMPT_PERMFAIL,
			"forward.url: the event names a host at %s: an event may only choose "
			"public addresses of other machines",
			address);
	} else if (!judge_response(f)) {
		action_outcome(a, ATTEMPT_TEMPFAIL, "%s",
			tr->error[0] != '\0' ? tr->error : curl_easy_strerror(tr->result));
	}
	keep_response(f);
}

static enum action_step forward_expired(struct action *a)
{
	struct forward *f = forward_of(a);

	a->deadline = INT64_MAX;
	if (f->interrupted)
		action_interrupted(a);
	else
		action_timed_out(a);
	(void)judge_response(f);
	keep_response(f);
	transfer_close(&f->transfer);
	return ACTION_FINISHED;
}

/* Called when hookd's grace has ended. The server may have acted on what it has received: that is
 * what the idempotency key is for. */
static void forward_interrupt(struct action *a)
{
	forward_of(a)->interrupted = true;
	a->deadline = clock_steady();
}

static void forward_kill(struct action *a)
{
	transfer_close(&forward_of(a)->transfer);
}

static void forward_free(struct action *a)
{
	struct forward *f = forward_of(a);

	transfer_close(&f->transfer);
	for (struct curl_slist *h = f->headers; h != NULL; h = h->next)
		sodium_memzero(h->data, strlen(h->data)); /* one has the bearer token */
	curl_slist_free_all(f->headers);
	buf_free(&f->body);
	buf_free(&f->response);
	action_release(a);
	free(f);
}

static bool forward_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, struct buf *out)
{
	struct forward_request r;
	char why[FORWARD_WHY];
	size_t len;
	bool good =
		forward_request_make(&r, hook, job, clock_wall() / 1000, false, why) == ATTEMPT_OK;

	if (good) {
		forward_request_free(&r);
		good = forward_request_make(&r, hook, job, clock_wall() / 1000, true, why) ==
		       ATTEMPT_OK;
	}
	if (good) {
		buf_printf(out, "  %s ",
			conf_shown(
				conf, &hook->action->forward.method, hook->action->forward.method));
		buf_add_escaped(out, r.url, strlen(r.url), '\0');
		buf_add_char(out, '\n');
		for (size_t i = 0; i < r.count; i++) {
			buf_add_text(out, "  ");
			buf_add_escaped(out, r.headers[i], strlen(r.headers[i]), '\0');
			buf_add_char(out, '\n');
		}
		(void)forward_request_body(&r, job, &len);
		buf_printf(out, "  User-Agent: hookd/" HOOKD_VERSION "\n  the event's %zu bytes\n",
			len);
	} else {
		buf_add_text(out, "  cannot be forwarded: ");
		buf_add_escaped(out, why, strlen(why), '\0');
		buf_add_char(out, '\n');
	}
	forward_request_free(&r);
	return good;
}

const struct action_kind action_forward = {
	.name = "forward",
	.start = forward_start,
	.preview = forward_preview,
	.ended = forward_ended,
	.expired = forward_expired,
	.interrupt = forward_interrupt,
	.kill = forward_kill,
	.free = forward_free,
};
