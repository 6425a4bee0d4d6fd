/* action/email.c - sends a mail by SMTP. */
#include "base/clock.h"
#include "draft.h"
#include "kind.h"
#include "transfer/mailer.h"
#include "transfer/transfer.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* s to wait for the server's next reply once it has rejected something. Usually that is the
 * reply to our QUIT, and libcurl waits for it before it reports the rejection. */
#define AFTER_REJECTION 2L

struct email {
	struct action action; /* first: the holder knows only this */
	struct mailer *mailer;
	struct mailing *mailing;
	bool interrupted; /* by hookd's stop */
};

static struct email *email_of(struct action *a)
{
	return (struct email *)(void *)a;
}

static size_t read_message(char *to, size_t one, size_t room, void *arg)
{
	struct mailing *g = arg;
	size_t left = g->message.len - g->sent;
	size_t n = one * room < left ? one * room : left;

	memcpy(to, g->message.data + g->sent, n);
	g->sent += n;
	return n;
}

/* The code of the line that ends a reply: "250 text", not "250-text". 0: another line. */
static int reply_code(const char *line, size_t len)
{
	int code = 0;

	if (len < 3 || (len > 3 && line[3] != ' ' && line[3] != '\r' && line[3] != '\n'))
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (line[i] < '0' || line[i] > '9')
			return 0;
		code = code * 10 + (line[i] - '0');
	}
	return code;
}

/* Is it a line of an EHLO's reply that announces SMTPUTF8? */
static bool announces_utf8(const char *line, size_t len)
{
	static const char keyword[] = "SMTPUTF8";
	size_t n = strlen(keyword);

	return len >= 4 + n && memcmp(line, "250", 3) == 0 &&
	       strncasecmp(line + 4, keyword, n) == 0 &&
	       (len == 4 + n || strchr(" \r\n", line[4 + n]) != NULL);
}

/* Called when greeting, TLS and login are over, before MAIL. Without SMTPUTF8 libcurl would send
 * the address all the same. */
static int check_utf8(void *arg, char *address, char *local, int port, int local_port)
{
	struct mailing *g = arg;

	(void)address;
	(void)local;
	(void)port;
	(void)local_port;
	g->lacks_utf8 = g->utf8 && !g->has_utf8;
	return g->lacks_utf8 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t note_reply(char *line, size_t one, size_t len, void *arg)
{
	struct mailing *g = arg;
	int code = reply_code(line, len);
	size_t n = len;

	(void)one;
	g->has_utf8 = code != 220 && (g->has_utf8 || announces_utf8(line, len));
	/* the reply to QUIT does not replace a rejection before it */
	if (code == 0 || (code == 221 && g->code >= 400))
		return len;
	if (code >= 400)
		(void)curl_easy_setopt(g->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, AFTER_REJECTION);
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
		n--;
	(void)snprintf(g->reply, sizeof(g->reply), "%.*s", (int)n, line);
	g->code = code;
	return len;
}

static bool set_recipients(struct mailing *g, const struct mail_draft *draft)
{
	const char *mailbox;

	for (size_t i = 0; (mailbox = mail_draft_recipient(draft, i)) != NULL; i++) {
		struct curl_slist *more = curl_slist_append(g->recipients, mailbox);

		if (more == NULL)
			return false;
		g->recipients = more;
	}
	return true;
}

/* libcurl keeps a copy, in ordinary memory, as long as the connection. */
static bool set_password(CURL *easy, const struct conf_mail_server *server)
{
	size_t len = secret_len(server->password);
	char *text = sodium_malloc(len + 1);
	bool good;

	if (text == NULL)
		return false;
	memcpy(text, secret_bytes(server->password), len);
	text[len] = '\0';
	good = curl_easy_setopt(easy, CURLOPT_USERNAME, server->username) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PASSWORD, text) == CURLE_OK;
	sodium_free(text);
	return good;
}

static bool set_server(CURL *easy, const struct conf_mail_server *server)
{
	/* Required, not optional: otherwise anyone between us and the server could get the
	 * password. */
	if (server->tls == CONF_MAIL_STARTTLS &&
		curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) != CURLE_OK)
		return false;
	if (server->socket != NULL &&
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, server->socket) != CURLE_OK)
		return false;
	if (server->ca != NULL && curl_easy_setopt(easy, CURLOPT_CAINFO, server->ca) != CURLE_OK)
		return false;
	return server->username == NULL || set_password(easy, server);
}

/* The hook's timeout ends an attempt; no limit of libcurl's may do so earlier. */
static bool set_timeouts(CURL *easy, int64_t timeout)
{
	const long s = (long)(timeout / 1000) + 1;

	return curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, s) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, s) == CURLE_OK;
}

static bool is_ascii(const struct mail *m)
{
	const struct mail_addresses *lists[] = {&m->to, &m->cc, &m->bcc};
	bool ascii = mail_address_is_ascii(&m->from);

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		for (size_t i = 0; i < lists[k]->count; i++)
			ascii = ascii && mail_address_is_ascii(&lists[k]->list[i]);
	return ascii;
}

/* On a connection of its own: an older one was greeted for another mail. */
static bool set_utf8(struct mailing *g, const struct mail *m)
{
	CURL *easy = g->easy;

	g->utf8 = !is_ascii(m);
	return !g->utf8 ||
	       (curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, check_utf8) == CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_PREREQDATA, g) == CURLE_OK);
}

/* Takes the draft's message. */
static bool set_message(struct mailing *g, struct mail_draft *draft)
{
	CURL *easy = g->easy;

	g->message = draft->message;
	draft->message = (struct buf){0};
	return set_recipients(g, draft) && set_utf8(g, &draft->mail) &&
	       curl_easy_setopt(easy, CURLOPT_MAIL_FROM, draft->mail.from.mailbox) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, g->recipients) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)g->message.len) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_message) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_READDATA, g) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, note_reply) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, g) == CURLE_OK;
}

static enum action_step start_mailing(struct email *e, struct mail_draft *draft)
{
	struct action *a = &e->action;
	const int64_t timeout = a->hook->action->timeout;

	e->mailing = mailing_open(e->mailer, a, a->conf->number);
	if (e->mailing == NULL ||
		!mailing_set_server(e->mailing, a->conf->email.url, a->conf->email.hostname) ||
		!set_server(e->mailing->easy, &a->conf->email) ||
		!set_timeouts(e->mailing->easy, timeout) || !set_message(e->mailing, draft)) {
		action_outcome(a, ATTEMPT_TEMPFAIL, "out of memory or threads");
		return ACTION_FINISHED;
	}
	mailing_start(e->mailing);
	a->deadline = clock_steady() + timeout;
	return ACTION_GOES_ON;
}

static enum action_step start_email(struct email *e)
{
	struct action *a = &e->action;
	struct mail_draft draft;
	char why[MAIL_DRAFT_WHY];
	enum action_step step = ACTION_FINISHED;
	enum attempt_result result = mail_draft_make(&draft, a->conf, a->hook, a->job, false, why);

	if (result == ATTEMPT_OK)
		step = start_mailing(e, &draft);
	else
		action_outcome(a, result, "%s", why);
	mail_draft_free(&draft);
	return step;
}

static struct action *email_start(const struct action_place *place, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job, enum action_step *step)
{
	struct email *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	action_init(&e->action, &action_email, conf, hook, job);
	e->mailer = place->mailer;
	*step = start_email(e);
	return &e->action;
}

/* Replies about us, whichever command they answer: a command of ours came too early (503, before
 * AUTH), our name is not a full one (504, of EHLO or later), a login or TLS is missing (530, 538),
 * our way to log in is too weak (534), our password is wrong (535). RFC 5321, 4954, 3207. */
static bool is_about_us(int code)
{
	static const int codes[] = {503, 504, 530, 534, 535, 538};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (code == codes[i])
			return true;
	return false;
}

/* A 5xx for this mail is permanent. One for us (our password, our TLS, our address) is due
 * to the configuration, which a person can correct before the next attempt. */
static bool is_permanent(const struct mailing *g)
{
	if (is_about_us(g->code))
		return false;
	switch (g->result) {
	case CURLE_LOGIN_DENIED:
	case CURLE_USE_SSL_FAILED:
	case CURLE_REMOTE_ACCESS_DENIED: /* of EHLO and HELO */
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
		return false;
	case CURLE_WEIRD_SERVER_REPLY:
		/* of the greeting, or of the message */
		return g->code >= 500 && g->sent > 0;
	default:
		return g->code >= 500;
	}
}

static enum attempt_target target_of(const struct mailing *g)
{
	if (g->result == CURLE_OK)
		return TARGET_WELL;
	if (g->code >= 400 && g->code <= 499)
		return TARGET_UNWELL;
	/* A greeting of 5xx is a refusal of us. */
	if (g->code >= 500 && (g->result != CURLE_WEIRD_SERVER_REPLY || g->sent > 0))
		return TARGET_WELL;
	return g->sent > 0 ? TARGET_UNWELL : TARGET_UNREACHABLE;
}

static void email_ended(struct action *a)
{
	const struct mailing *g = email_of(a)->mailing;

	a->deadline = INT64_MAX;
	if (g->lacks_utf8) {
		action_outcome(a, ATTEMPT_PERMFAIL,
			"an address is not ASCII, and the server has no SMTPUTF8 for it");
		a->outcome.target = TARGET_WELL;
		return;
	}
	a->outcome.status = g->code;
	a->outcome.target = target_of(g);
	if (g->result == CURLE_OK)
		a->outcome.result = ATTEMPT_OK;
	else
		action_outcome(a, is_permanent(g) ? ATTEMPT_PERMFAIL : ATTEMPT_TEMPFAIL, "%s%s%s",
			g->error[0] != '\0' ? g->error : curl_easy_strerror(g->result),
			g->code >= 400 ? ": " : "", g->code >= 400 ? g->reply : "");
}

static void close_mailing(struct action *a)
{
	struct email *e = email_of(a);

	mailing_close(e->mailer, e->mailing);
	e->mailing = NULL;
}

static enum action_step email_expired(struct action *a)
{
	struct email *e = email_of(a);

	if (mailing_is_over(e->mailer, e->mailing)) {
		email_ended(a);
		return ACTION_FINISHED;
	}
	a->deadline = INT64_MAX;
	if (e->interrupted) {
		action_interrupted(a);
	} else {
		action_timed_out(a);
		a->outcome.target = TARGET_UNWELL;
	}
	/* Otherwise its end would be reported for an action that has ended and only waits until the
	 * store has its result. */
	close_mailing(a);
	return ACTION_FINISHED;
}

/* Called when hookd's grace has ended. */
static void email_interrupt(struct action *a)
{
	email_of(a)->interrupted = true;
	a->deadline = clock_steady();
}

static void email_free(struct action *a)
{
	close_mailing(a);
	action_release(a);
	free(email_of(a));
}

static bool email_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, struct buf *out)
{
	const char *server = conf_written(conf, &conf->email);
	struct mail_draft draft;
	struct buf text = {0};
	char why[MAIL_DRAFT_WHY];
	bool good = mail_draft_preview(&draft, conf, hook, job, why);

	if (server == NULL)
		server = conf->email.socket != NULL ? conf->email.socket : conf->email.url;
	if (good) {
		buf_printf(&text, "  by %s\n", server);
		mail_draft_show(&draft, &text);
		mail_draft_add(&draft, &text, out);
	} else {
		buf_add_text(out, "  cannot be sent: ");
		buf_add_escaped(out, why, strlen(why), '\0');
		buf_add_char(out, '\n');
	}
	buf_free(&text);
	mail_draft_free(&draft);
	return good;
}

const struct action_kind action_email = {
	.name = "email",
	.start = email_start,
	.preview = email_preview,
	.ended = email_ended,
	.expired = email_expired,
	.interrupt = email_interrupt,
	.kill = close_mailing,
	.free = email_free,
};
