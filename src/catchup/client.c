#include "client.h"

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "pace.h"
#include "transfer/transfer.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AUTHORIZATION "Authorization: Bearer "

struct client {
	const char *base_url;
	int stop;
	char *authorization;          /* a header line in locked memory */
	struct curl_slist headers[3]; /* its line is the last; a GET has no content, so no type */
	struct transfers *transfers;
	struct pace pace;
};

/* A request under way. */
struct exchange {
	struct client_answer *answer;
	struct pace *pace;
	bool too_large;
	int64_t asked; /* ms that the API asks to wait; 0: it does not */
};

/* libcurl only reads the list, so one of its lines may be in locked memory. */
static bool make_headers(struct client *c, const struct secret *key)
{
	static char type[] = "Content-Type: application/json",
		    accept[] = "Accept: application/json";
	size_t len = strlen(AUTHORIZATION);

	c->authorization = sodium_malloc(len + secret_len(key) + 1);
	if (c->authorization == NULL)
		return false;
	memcpy(c->authorization, AUTHORIZATION, len);
	memcpy(c->authorization + len, secret_bytes(key), secret_len(key));
	c->authorization[len + secret_len(key)] = '\0';
	c->headers[0] = (struct curl_slist){type, &c->headers[1]};
	c->headers[1] = (struct curl_slist){accept, &c->headers[2]};
	c->headers[2] = (struct curl_slist){c->authorization, NULL};
	return true;
}

struct client *client_new(const char *base_url, const struct secret *key, int stop)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->base_url = base_url;
		c->stop = stop;
		c->transfers = transfers_new();
	}
	if (c != NULL && c->transfers != NULL && make_headers(c, key))
		return c;
	log_error("out of memory: the API is not asked");
	client_free(c);
	return NULL;
}

void client_free(struct client *c)
{
	if (c == NULL)
		return;
	sodium_free(c->authorization);
	transfers_free(c->transfers);
	free(c);
}

int64_t client_wait(const struct client *c)
{
	return pace_wait(&c->pace, clock_steady());
}

/* ---- the answer ---- */

/* A header line whose name has "ratelimit" in it. */
static void take_limit(struct client_answer *answer, const char *line, size_t len)
{
	size_t name = 0, used = strlen(answer->limits);

	while (name < len && line[name] != ':')
		name++;
	for (size_t i = 0; i + 9 <= name; i++) {
		if (strncasecmp(line + i, "ratelimit", 9) != 0)
			continue;
		while (len > 0 && (unsigned char)line[len - 1] <= ' ')
			len--;
		(void)snprintf(answer->limits + used, sizeof(answer->limits) - used, "%s%.*s",
			used > 0 ? "; " : "", (int)len, line);
		return;
	}
}

/* Returns 0, which ends the transfer, once it is too large. */
static size_t take_body(char *bytes, size_t one, size_t len, void *arg)
{
	struct exchange *x = arg;

	(void)one;
	x->too_large = x->answer->body.len + len > CLIENT_BODY_MAX;
	if (x->too_large)
		return 0;
	buf_add(&x->answer->body, bytes, len);
	return buf_ok(&x->answer->body) ? len : 0;
}

/* The value of a header line of that name, cut to what fits. False: another line. */
static bool header_value(const char *line, size_t len, const char *name, char out[64])
{
	size_t skip = strlen(name);

	if (len <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
		return false;
	for (skip++; skip < len && (line[skip] == ' ' || line[skip] == '\t'); skip++)
		;
	while (len > skip && (unsigned char)line[len - 1] <= ' ')
		len--;
	(void)snprintf(out, 64, "%.*s", (int)(len - skip), line + skip);
	return true;
}

static size_t take_header(char *line, size_t one, size_t len, void *arg)
{
	struct exchange *x = arg;
	char value[64];

	(void)one;
	if (header_value(line, len, "Date", value))
		x->answer->date = answer_date(value);
	else if (header_value(line, len, "Retry-After", value))
		x->asked = answer_retry_after(value, clock_wall(), PACE_ASKED_MAX);
	else
		take_limit(x->answer, line, len);
	return len;
}

static enum client_result result_of(int status, bool asked)
{
	if (status >= 200 && status <= 299)
		return CLIENT_OK;
	if (status == 429 || (status == 503 && asked))
		return CLIENT_BUSY;
	if (status == 401 || status == 403)
		return CLIENT_DENIED;
	if (status == 404)
		return CLIENT_MISSING;
	return status == 408 || status >= 500 || status < 200 ? CLIENT_FAILED : CLIENT_REJECTED;
}

static void judge_status(struct exchange *x, int status)
{
	struct client_answer *answer = x->answer;
	struct buf said = {0};

	answer->status = status;
	answer->result = result_of(status, x->asked > 0);
	if (answer->result == CLIENT_BUSY)
		pace_busy(x->pace, clock_steady(), x->asked);
	else
		pace_answered(x->pace);
	if (answer->result == CLIENT_OK)
		return;
	answer_error_text(
		answer->body.data != NULL ? answer->body.data : "", answer->body.len, &said);
	(void)snprintf(answer->why, sizeof(answer->why), "answered %d%s%s%s", status,
		status >= 300 && status <= 399 ? ": redirects are not followed" : "",
		said.len > 0 ? ": " : "", said.len > 0 ? said.data : "");
	buf_free(&said);
}

static void judge(struct exchange *x, const struct transfer *tr)
{
	long status = 0;

	(void)curl_easy_getinfo(tr->easy, CURLINFO_RESPONSE_CODE, &status);
	if (tr->result == CURLE_OK && status >= 200 && status <= 999) {
		judge_status(x, (int)status);
		return;
	}
	x->answer->result = CLIENT_FAILED;
	if (x->too_large)
		(void)snprintf(x->answer->why, sizeof(x->answer->why),
			"the answer is larger than %d MiB", CLIENT_BODY_MAX / 1024 / 1024);
	else
		(void)snprintf(x->answer->why, sizeof(x->answer->why), "%s",
			tr->error[0] != '\0' ? tr->error : curl_easy_strerror(tr->result));
}

/* ---- the request ---- */

static bool set_question(struct client *c, CURL *easy, const char *json)
{
	if (json == NULL)
		return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, &c->headers[1]) == CURLE_OK;
	return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, &c->headers[0]) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, json) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT") == CURLE_OK;
}

static bool set_options(CURL *easy, const char *url, struct exchange *x)
{
	return transfer_set_url(easy, TRANSFER_HTTP, url) &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, "hookd/" HOOKD_VERSION) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CLIENT_CONNECT_MAX) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)CLIENT_ANSWER_MAX) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, x) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, x) == CURLE_OK;
}

/* Waits for the end of the only transfer. False: stopped. */
static bool wait_for_end(struct client *c)
{
	struct pollfd fds[] = {
		{.fd = transfers_fd(c->transfers), .events = POLLIN},
		{.fd = c->stop, .events = POLLIN},
	};

	do {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents != 0)
			return false;
		transfers_step(c->transfers);
	} while (transfers_ended(c->transfers) == NULL);
	return true;
}

/* The only transfer, to its end. api: with the key. */
static void exchange(
	struct client *c, struct exchange *x, const char *url, const char *json, bool api)
{
	struct transfer tr = {0};

	if (transfer_open(c->transfers, &tr, c) && set_options(tr.easy, url, x) &&
		(!api || set_question(c, tr.easy, json)) && transfer_start(&tr)) {
		if (wait_for_end(c))
			judge(x, &tr);
		else
			x->answer->result = CLIENT_STOPPED;
	}
	transfer_close(&tr);
}

static void begin_answer(struct client_answer *answer)
{
	*answer = (struct client_answer){.result = CLIENT_FAILED};
	(void)snprintf(answer->why, sizeof(answer->why), "out of memory");
}

static void ask(struct client *c, const char *path, const char *json, struct client_answer *answer)
{
	struct exchange x = {.answer = answer, .pace = &c->pace};
	struct buf url = {0};

	begin_answer(answer);
	buf_printf(&url, "%s%s", c->base_url, path);
	pace_take(&c->pace, clock_steady());
	if (buf_ok(&url))
		exchange(c, &x, url.data, json, true);
	buf_free(&url);
}

void client_get(struct client *c, const char *path, struct client_answer *answer)
{
	ask(c, path, NULL, answer);
}

void client_put(struct client *c, const char *path, const char *json, struct client_answer *answer)
{
	ask(c, path, json, answer);
}

void client_probe(struct client *c, const char *url, struct client_answer *answer)
{
	struct pace none = {0};
	struct exchange x = {.answer = answer, .pace = &none};

	begin_answer(answer);
	exchange(c, &x, url, NULL, false);
}
