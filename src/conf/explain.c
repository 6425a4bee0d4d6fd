#include "conf/explain.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS 80

/* A sentence being built; broken into lines when it is complete. */
struct sentence {
	struct buf text;
	size_t indent; /* of its first line; the next ones have 4 more */
};

static size_t width(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static void add_blanks(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_add_char(out, ' ');
}

/* Appends the sentence, broken at spaces, and empties it. */
static void end_sentence(struct sentence *s, struct buf *out)
{
	size_t column = s->indent;

	add_blanks(out, s->indent);
	for (const char *word = s->text.data; word != NULL && *word != '\0';) {
		size_t len = strcspn(word, " "), wide = width(word, len);

		if (word != s->text.data && column + 1 + wide > COLUMNS) {
			buf_add_char(out, '\n');
			add_blanks(out, s->indent + 4);
			column = s->indent + 4;
		} else if (word != s->text.data) {
			buf_add_char(out, ' ');
			column++;
		}
		buf_add(out, word, len);
		column += wide;
		word += len;
		word += *word == ' ';
	}
	buf_add_char(out, '\n');
	if (!buf_ok(&s->text))
		out->failed = true;
	buf_free(&s->text);
}

static void add_time(struct buf *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
	size_t i = 0;

	while (ms % units[i].ms != 0)
		i++;
	buf_printf(out, "%lld %s", (long long)(ms / units[i].ms), ms == 0 ? "s" : units[i].unit);
}

static void add_escaped(struct buf *out, const char *text)
{
	buf_add_escaped(out, text, strlen(text), '\0');
}

static void add_quoted(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	buf_add_escaped(out, text, strlen(text), '"');
	buf_add_char(out, '"');
}

static void add_word(struct buf *out, const char *text)
{
	if (text[0] == '\0' || strpbrk(text, " \"'\t\n") != NULL)
		add_quoted(out, text);
	else
		add_escaped(out, text);
}

static void add_list(struct buf *out, const char *before, const struct conf_templates *list)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_add_text(out, i > 0 ? ", " : before);
		add_escaped(out, template_text(list->list[i]));
	}
}

static void add_names(
	struct buf *out, const char *before, const struct conf_pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : before, pairs[i].name);
}

static void add_run(struct buf *out, const struct conf_action *action)
{
	buf_add_text(out, "run ");
	add_word(out, action->program);
	for (size_t i = 0; i < action->run.count; i++) {
		buf_add_char(out, ' ');
		add_word(out, template_text(action->run.list[i]));
	}
	add_names(out, ", with ", action->env, action->env_count);
	if (action->user.name != NULL)
		buf_printf(out, ", as user %s", action->user.name);
	if (strcmp(action->directory, "/") != 0) {
		buf_add_text(out, ", in ");
		add_word(out, action->directory);
	}
	if (action->rlimit_count > 0)
		buf_add_text(out, ", with limits");
	for (size_t i = 0; i < action->give_up_count; i++)
		buf_printf(out, "%s%d", i > 0 ? ", " : ", giving up after exit ",
			action->give_up_on[i]);
}

static void add_email(struct buf *out, const struct conf_email *email)
{
	add_list(out, "send an e-mail to ", &email->to);
	add_list(out, ", cc ", &email->cc);
	add_list(out, ", bcc ", &email->bcc);
	if (email->from != NULL) {
		buf_add_text(out, ", from ");
		add_escaped(out, template_text(email->from));
	}
	buf_add_text(out, ", ");
	add_quoted(out, template_text(email->subject));
	if (email->html != NULL)
		buf_add_text(out, email->body != NULL ? ", as text and HTML" : ", as HTML");
	if (email->attach_payload)
		buf_add_text(out, ", with the payload attached");
}

/* The query may contain a token from the environment. */
static void add_url(struct buf *out, const struct template *url)
{
	const char *text = template_text(url);
	size_t query = strcspn(text, "?");

	buf_add_escaped(out, text, query, '\0');
	if (text[query] != '\0')
		buf_add_text(out, "?…");
}

static void add_forward(struct buf *out, const struct conf_forward *forward)
{
	buf_printf(out, "forward it by %s to ", forward->method);
	add_url(out, forward->url);
	if (forward->secret != NULL)
		buf_add_text(out, ", signed");
	if (forward->bearer != NULL)
		buf_add_text(out, ", with a bearer token");
	if (forward->certificate != NULL)
		buf_add_text(out, ", with a client certificate");
	add_names(out, ", with ", forward->headers, forward->header_count);
	if (!forward->verify_tls)
		buf_add_text(out, ", without checking its certificate (verify_tls is false)");
}

static void add_kind(struct buf *out, const struct conf_action *action)
{
	if (action->program != NULL)
		add_run(out, action);
	else if (action->email.to.count > 0)
		add_email(out, &action->email);
	else
		add_forward(out, &action->forward);
}

static void add_retry(struct buf *out, const struct conf_action *action)
{
	const struct conf_retry *retry = &action->retry;

	if (retry->attempts == 1) {
		buf_add_text(out, "one attempt of at most ");
		add_time(out, action->timeout);
	} else {
		buf_printf(out, "up to %u attempts of at most ", retry->attempts);
		add_time(out, action->timeout);
		buf_add_text(out, ", ");
		add_time(out, retry->first);
		buf_add_text(out, " to ");
		add_time(out, retry->max);
		buf_add_text(out, " apart");
	}
	buf_printf(out, ", at most %u at once", action->concurrency);
}

static void explain_action(
	const struct conf_action *action, const char *before, size_t indent, struct buf *out)
{
	struct sentence s = {.indent = indent};

	buf_add_text(&s.text, before);
	add_kind(&s.text, action);
	end_sentence(&s, out);
	s.indent = indent + 4;
	add_retry(&s.text, action);
	end_sentence(&s, out);
}

static void explain_hook(const struct conf_hook *hook, struct buf *out)
{
	struct sentence s = {0};

	buf_printf(&s.text, "%s: for ", hook->name);
	for (size_t i = 0; i < hook->on_count; i++) {
		buf_add_text(&s.text, i == 0 ? "" : i + 1 < hook->on_count ? ", " : " or ");
		add_escaped(&s.text, hook->on[i]);
	}
	buf_printf(&s.text, " from %s", hook->source->name);
	if (hook->when != NULL) {
		buf_add_text(&s.text, ", when ");
		condition_explain(hook->when, &s.text);
	}
	if (hook->order == CONF_ORDER_ENTITY)
		buf_add_text(&s.text, ", in order for each entity");
	if (hook->skip_stale)
		buf_add_text(&s.text, ", without events that a later state has overtaken");
	buf_add_char(&s.text, ':');
	end_sentence(&s, out);
	explain_action(hook->action, "", 4, out);
	if (hook->on_failure != NULL)
		explain_action(hook->on_failure->action, "given up: ", 4, out);
}

static void explain_digest(const struct conf_digest *digest, struct buf *out)
{
	struct sentence s = {0};

	buf_printf(&s.text, "digest: each day at %02u:%02u%s:", digest->at / 60, digest->at % 60,
		digest->when == CONF_DIGEST_DEAD ? ", when a delivery has died since the last"
						 : "");
	end_sentence(&s, out);
	explain_action(&digest->action, "", 4, out);
}

static void explain_silence(const struct conf_silence *silence, struct buf *out)
{
	struct sentence s = {0};

	buf_add_text(&s.text, "silence: when ");
	for (size_t i = 0; i < silence->source_count; i++)
		buf_printf(&s.text, "%s%s",
			i == 0                          ? ""
			: i + 1 < silence->source_count ? ", "
							: " or ",
			silence->sources[i]->name);
	buf_printf(&s.text, "%s, usually busy at that time, has sent nothing for ",
		silence->source_count == 0 ? "a source" : "");
	add_time(&s.text, silence->after);
	buf_add_char(&s.text, ':');
	end_sentence(&s, out);
	explain_action(&silence->action, "", 4, out);
}

static void explain_source(const struct conf_source *source, struct buf *out)
{
	struct sentence s = {0};

	buf_printf(&s.text, "source %s: on ", source->name);
	add_escaped(&s.text, source->path);
	buf_printf(&s.text, ", scheme %s, %zu secret%s", source->sender->name, source->secret_count,
		source->secret_count == 1 ? "" : "s");
	if (source->tolerance == 0) {
		buf_add_text(&s.text, ", however old");
	} else {
		buf_add_text(&s.text, ", at most ");
		add_time(&s.text, source->tolerance);
		buf_add_text(&s.text, " old");
	}
	if (source->allow_count > 0)
		buf_printf(&s.text, ", from %zu range%s of addresses only", source->allow_count,
			source->allow_count == 1 ? "" : "s");
	end_sentence(&s, out);
}

static void explain_mail(const struct conf_mail_server *server, struct buf *out)
{
	static const char *const tls[] = {
		[CONF_MAIL_TLS_AUTO] = "",
		[CONF_MAIL_STARTTLS] = ", encrypted (STARTTLS)",
		[CONF_MAIL_IMPLICIT] = ", encrypted (TLS)",
		[CONF_MAIL_PLAIN] = ", not encrypted",
	};
	struct sentence s = {0};

	buf_add_text(&s.text, "mail is sent by ");
	for (size_t i = 0; server->command != NULL && server->command[i] != NULL; i++) {
		buf_add_text(&s.text, i > 0 ? " " : "");
		add_word(&s.text, server->command[i]);
	}
	if (server->socket != NULL)
		buf_add_text(&s.text, "the socket ");
	if (server->socket != NULL)
		add_escaped(&s.text, server->socket);
	else if (server->url != NULL)
		buf_printf(&s.text, "%s%s", server->url, tls[server->tls]);
	if (server->username != NULL && server->url != NULL) {
		buf_add_text(&s.text, ", as ");
		add_word(&s.text, server->username);
	}
	buf_add_text(&s.text, ", from ");
	if (server->from.name != NULL) {
		add_escaped(&s.text, server->from.name);
		buf_printf(&s.text, " <%s>", server->from.mailbox);
	} else {
		buf_add_text(&s.text, server->from.mailbox);
	}
	end_sentence(&s, out);
}

void conf_explain(const struct conf *conf, struct buf *out)
{
	for (size_t i = 0; i < conf->source_count; i++)
		explain_source(&conf->sources[i], out);
	for (size_t i = 0; i < conf->hook_count; i++)
		explain_hook(&conf->hooks[i], out);
	if (conf->digest_hook != NULL)
		explain_digest(&conf->digest, out);
	if (conf->silence_hook != NULL)
		explain_silence(&conf->silence, out);
	if (conf->email.from.mailbox != NULL)
		explain_mail(&conf->email, out);
}
