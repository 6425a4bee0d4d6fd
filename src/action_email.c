/* action_email.c - sends a mail by SMTP. */
#include "action_transfer.h"
#include "mail_draft.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX 256 /* bytes of a server's reply kept */

/* s for the server's next word once it has refused something. What follows mostly is
 * our QUIT, for whose answer libcurl waits without letting anybody else go on. */
#define AFTER_REFUSAL 2L

struct email {
	struct action_transfer transfer; /* first */
	struct mail_draft draft;
	size_t sent; /* bytes of the message that libcurl has taken */
	struct curl_slist *recipients;
	char reply[REPLY_MAX]; /* the server's last refusal, or its last word */
	int code;
};

static struct email *email_of(struct action *a)
{
	return (struct email *)(void *)a;
}

static size_t give_message(char *to, size_t one, size_t room, void *arg)
{
	struct email *e = arg;
	size_t left = e->draft.message.len - e->sent;
	size_t n = one * room < left ? one * room : left;

	memcpy(to, e->draft.message.data + e->sent, n);
	e->sent += n;
	return n;
}

/* "250 text" ends a reply, "250-text" does not; 0: no reply's line. */
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

static size_t see_reply(char *line, size_t one, size_t len, void *arg)
{
	struct email *e = arg;
	int code = reply_code(line, len);
	size_t n = len;

	(void)one;
	/* a refusal is not forgotten over the good-bye that follows it */
	if (code == 0 || (code == 221 && e->code >= 400))
		return len;
	(void)curl_easy_setopt(e->transfer.transfer.easy, CURLOPT_FTP_RESPONSE_TIMEOUT,
		code >= 400 ? AFTER_REFUSAL : 0L);
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
		n--;
	(void)snprintf(e->reply, sizeof(e->reply), "%.*s", (int)n, line);
	e->code = code;
	return len;
}

static bool set_recipients(struct email *e)
{
	const char *mailbox;

	for (size_t i = 0; (mailbox = mail_draft_recipient(&e->draft, i)) != NULL; i++) {
		struct curl_slist *more = curl_slist_append(e->recipients, mailbox);

		if (more == NULL)
			return false;
		e->recipients = more;
	}
	return true;
}

/* libcurl keeps a copy of its own, in plain memory, as long as the connection. */
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

static bool set_server(struct email *e, const struct conf_mail_server *server)
{
	CURL *easy = e->transfer.transfer.easy;

	if (!transfer_to(&e->transfer.transfer, TRANSFER_SMTP, server->url))
		return false;
	/* Required, not asked for: else who stands in between could have the password. */
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

static bool set_message(struct email *e)
{
	CURL *easy = e->transfer.transfer.easy;

	return set_recipients(e) &&
	       curl_easy_setopt(easy, CURLOPT_MAIL_FROM, e->draft.mail.from.mailbox) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, e->recipients) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)e->draft.message.len) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_message) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_READDATA, e) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, see_reply) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, e) == CURLE_OK;
}

static enum action_step begin(struct email *e, const struct action_place *place)
{
	struct action *a = &e->transfer.action;
	char why[MAIL_DRAFT_WHY];
	enum attempt_result result = mail_draft_make(&e->draft, a->conf, a->hook, a->job, why);

	if (result != ATTEMPT_OK) {
		action_outcome(a, result, "%s", why);
		return ACTION_FINISHED;
	}
	if (!transfer_open(place->transfers, &e->transfer.transfer, a) ||
		!set_server(e, &a->conf->email) || !set_message(e))
		return action_transfer_no_memory(&e->transfer);
	return action_transfer_begin(&e->transfer);
}

static struct action *email_start(const struct action_place *place, struct conf *conf,
	const struct conf_hook *hook, struct store_job *job, enum action_step *step)
{
	struct email *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	action_init(&e->transfer.action, &action_email, conf, hook, job);
	*step = begin(e, place);
	return &e->transfer.action;
}

/* A 5xx for this mail is for ever. One for us - our password, our TLS, our address -
 * is a matter of the configuration, which a person can mend meanwhile. */
static bool is_permanent(const struct email *e)
{
	switch (e->transfer.transfer.result) {
	case CURLE_LOGIN_DENIED:
	case CURLE_USE_SSL_FAILED:
	case CURLE_REMOTE_ACCESS_DENIED: /* of EHLO and HELO */
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
		return false;
	case CURLE_WEIRD_SERVER_REPLY:
		/* of the greeting, or of the message */
		return e->code >= 500 && e->sent > 0;
	default:
		return e->code >= 500;
	}
}

static enum action_step email_ended(struct action *a)
{
	struct email *e = email_of(a);

	a->deadline = INT64_MAX;
	a->outcome.status = e->code;
	if (e->transfer.transfer.result == CURLE_OK)
		a->outcome.result = ATTEMPT_OK;
	else
		action_outcome(a, is_permanent(e) ? ATTEMPT_PERMFAIL : ATTEMPT_TEMPFAIL, "%s%s%s",
			action_transfer_error(&e->transfer), e->code >= 400 ? ": " : "",
			e->code >= 400 ? e->reply : "");
	return ACTION_FINISHED;
}

static enum action_step email_expired(struct action *a)
{
	struct email *e = email_of(a);

	a->outcome.status = e->code;
	action_transfer_expire(&e->transfer);
	transfer_close(&e->transfer.transfer);
	return ACTION_FINISHED;
}

static void email_free(struct action *a)
{
	struct email *e = email_of(a);

	transfer_close(&e->transfer.transfer);
	curl_slist_free_all(e->recipients);
	mail_draft_free(&e->draft);
	action_release(a);
	free(e);
}

static bool email_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct store_job *job, struct buf *out)
{
	struct mail_draft draft;
	char why[MAIL_DRAFT_WHY];
	bool good = mail_draft_make(&draft, conf, hook, job, why) == ATTEMPT_OK;

	if (good) {
		buf_printf(out, "  by %s\n",
			conf->email.socket != NULL ? conf->email.socket : conf->email.url);
		mail_draft_show(&draft, out);
	} else {
		buf_add_text(out, "  cannot be sent: ");
		buf_add_escaped(out, why, strlen(why), '\0');
		buf_add_char(out, '\n');
	}
	mail_draft_free(&draft);
	return good;
}

const struct action_kind action_email = {
	.name = "email",
	.start = email_start,
	.preview = email_preview,
	.ended = email_ended,
	.expired = email_expired,
	.interrupt = action_transfer_interrupt,
	.kill = action_transfer_kill,
	.free = email_free,
};
