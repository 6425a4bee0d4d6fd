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

/* A duration, as the file has it where a ${NAME} is in it. */
static void add_duration(struct buf *out, const struct conf *conf, const int64_t *ms)
{
	const char *written = conf_written(conf, ms);

	if (written != NULL)
		buf_add_text(out, written);
	else
		add_time(out, *ms);
}

/* The same for a number. */
static void add_number(struct buf *out, const struct conf *conf, const unsigned *n)
{
	const char *written = conf_written(conf, n);

	if (written != NULL)
		buf_add_text(out, written);
	else
		buf_printf(out, "%u", *n);
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
		add_escaped(out, template_written(list->list[i]));
	}
}

static void add_names(
	struct buf *out, const char *before, const struct conf_pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : before, pairs[i].name);
}

static void add_codes(struct buf *out, const char *before, const int *codes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%d", i > 0 ? ", " : before, codes[i]);
}

static void add_run(struct buf *out, const struct conf *conf, const struct conf_action *action)
{
	const char *user = conf_written(conf, &action->user);

	buf_add_text(out, "run ");
	add_word(out, conf_shown(conf, &action->program, action->program));
	for (size_t i = 0; i < action->run.count; i++) {
		buf_add_char(out, ' ');
		add_word(out, template_written(action->run.list[i]));
	}
	add_names(out, ", with ", action->env, action->env_count);
	if (action->user.name != NULL)
		buf_printf(out, ", as user %s", user != NULL ? user : action->user.name);
	if (strcmp(action->directory, "/") != 0) {
		buf_add_text(out, ", in ");
		add_word(out, conf_shown(conf, &action->directory, action->directory));
	}
	if (action->rlimit_count > 0)
		buf_add_text(out, ", with limits");
	add_codes(out, ", giving up after exit ", action->give_up_on, action->give_up_count);
	add_codes(out, ", trying again after exit ", action->retry_on, action->retry_count);
}

static void add_email(struct buf *out, const struct conf_email *email)
{
	add_list(out, "send an e-mail to ", &email->to);
	add_list(out, ", cc ", &email->cc);
	add_list(out, ", bcc ", &email->bcc);
	if (email->from != NULL) {
		buf_add_text(out, ", from ");
		add_escaped(out, template_written(email->from));
	}
	buf_add_text(out, ", ");
	add_quoted(out, template_written(email->subject));
	if (email->html != NULL)
		buf_add_text(out, email->body != NULL ? ", as text and HTML" : ", as HTML");
	if (email->attach_payload)
		buf_add_text(out, ", with the payload attached");
}

/* The query may contain a token from the environment. */
static void add_url(struct buf *out, const struct template *url)
{
	const char *text = template_written(url);
	size_t query = strcspn(text, "?");

	buf_add_escaped(out, text, query, '\0');
	if (text[query] != '\0')
		buf_add_text(out, "?…");
}

static void add_forward(struct buf *out, const struct conf *conf, const struct conf_action *action)
{
	const struct conf_forward *forward = &action->forward;

	buf_printf(
		out, "forward it by %s to ", conf_shown(conf, &forward->method, forward->method));
	add_url(out, forward->url);
	for (size_t i = 0; i < forward->drop_count; i++) {
		const char *written = conf_written(conf, &forward->drop[i]);

		buf_printf(out, "%s%s", i == 0 ? ", without " : ", ",
			written != NULL ? written : path_text(forward->drop[i]));
	}
	if (forward->secret != NULL)
		buf_add_text(out, ", signed");
	if (forward->bearer != NULL)
		buf_add_text(out, ", with a bearer token");
	if (forward->certificate != NULL)
		buf_add_text(out, ", with a client certificate");
	add_names(out, ", with ", forward->headers, forward->header_count);
	if (!forward->verify_tls)
		buf_add_text(out, ", without checking its certificate (verify_tls is false)");
	add_codes(out, ", giving up after ", action->give_up_on, action->give_up_count);
	add_codes(out, ", trying again after ", action->retry_on, action->retry_count);
}

static void add_kind(struct buf *out, const struct conf *conf, const struct conf_action *action)
{
	if (action->program != NULL)
		add_run(out, conf, action);
	else if (action->email.to.count > 0)
		add_email(out, &action->email);
	else
		add_forward(out, conf, action);
}

static void add_retry(struct buf *out, const struct conf *conf, const struct conf_action *action)
{
	const struct conf_retry *retry = &action->retry;

	if (retry->attempts == 1) {
		buf_add_text(out, "one attempt of at most ");
		add_duration(out, conf, &action->timeout);
	} else {
		buf_add_text(out, "up to ");
		add_number(out, conf, &retry->attempts);
		buf_add_text(out, " attempts of at most ");
		add_duration(out, conf, &action->timeout);
		buf_add_text(out, ", ");
		add_duration(out, conf, &retry->first);
		buf_add_text(out, " to ");
		add_duration(out, conf, &retry->max);
		buf_add_text(out, " apart");
	}
	buf_add_text(out, ", at most ");
	add_number(out, conf, &action->concurrency);
	buf_add_text(out, " at once");
	if (!action->hold)
		buf_add_text(out, ", also while its server is down (hold is false)");
}

static void explain_action(const struct conf *conf, const struct conf_action *action,
	const char *before, size_t indent, struct buf *out)
{
	struct sentence s = {.indent = indent};

	buf_add_text(&s.text, before);
	add_kind(&s.text, conf, action);
	end_sentence(&s, out);
	s.indent = indent + 4;
	add_retry(&s.text, conf, action);
	end_sentence(&s, out);
}

static void explain_hook(const struct conf *conf, const struct conf_hook *hook, struct buf *out)
{
	struct sentence s = {0};

	buf_printf(&s.text, "%s: for ", conf_shown(conf, &hook->name, hook->name));
	for (size_t i = 0; i < hook->on_count; i++) {
		buf_add_text(&s.text, i == 0 ? "" : i + 1 < hook->on_count ? ", " : " or ");
		add_escaped(&s.text, conf_shown(conf, &hook->on[i], hook->on[i]));
	}
	buf_printf(&s.text, " from %s", conf_shown(conf, &hook->source->name, hook->source->name));
	if (hook->when != NULL) {
		buf_add_text(&s.text, ", when ");
		condition_explain(hook->when, &s.text);
	}
	if (hook->order == CONF_ORDER_ENTITY)
		buf_add_text(&s.text, ", in order for each entity");
	if (hook->confirm_count > 0 && strcmp(hook->confirm[0], "false") != 0)
		buf_add_text(&s.text, ", confirmed by the sender's API");
	if (hook->once == CONF_ONCE_ENTITY)
		buf_add_text(&s.text, ", once on each entity");
	if (hook->skip_stale)
		buf_add_text(&s.text, ", without events that a later state has overtaken");
	buf_add_char(&s.text, ':');
	end_sentence(&s, out);
	explain_action(conf, hook->action, "", 4, out);
	if (hook->on_failure != NULL)
		explain_action(conf, hook->on_failure->action, "given up: ", 4, out);
}

static void explain_digest(
	const struct conf *conf, const struct conf_digest *digest, struct buf *out)
{
	const char *at = conf_written(conf, &digest->at);
	struct sentence s = {0};

	buf_add_text(&s.text, "digest: each day at ");
	if (at != NULL)
		buf_add_text(&s.text, at);
	else
		buf_printf(&s.text, "%02u:%02u", digest->at / 60, digest->at % 60);
	if (digest->when == CONF_DIGEST_DEAD)
		buf_add_text(&s.text, ", when a delivery has died since the last");
	buf_add_char(&s.text, ':');
	end_sentence(&s, out);
	explain_action(conf, &digest->action, "", 4, out);
}

static void explain_silence(
	const struct conf *conf, const struct conf_silence *silence, struct buf *out)
{
	struct sentence s = {0};

	buf_add_text(&s.text, "silence: when ");
	for (size_t i = 0; i < silence->source_count; i++)
		buf_printf(&s.text, "%s%s",
			i == 0                          ? ""
			: i + 1 < silence->source_count ? ", "
							: " or ",
			conf_shown(conf, &silence->sources[i]->name, silence->sources[i]->name));
	buf_printf(&s.text, "%s, usually busy at that time, has sent nothing for ",
		silence->source_count == 0 ? "a source" : "");
	add_duration(&s.text, conf, &silence->after);
	buf_add_char(&s.text, ':');
	end_sentence(&s, out);
	explain_action(conf, &silence->action, "", 4, out);
}

static void explain_alert(const struct conf *conf, const struct conf_alert *alert, struct buf *out)
{
	struct sentence s = {0};

	buf_add_text(&s.text, "alert: when every request of a source is refused for 5 minutes, or "
			      "a hook is held because its target is down, and when that is over:");
	end_sentence(&s, out);
	explain_action(conf, &alert->action, "", 4, out);
}

static void explain_api(const struct conf_api *api, struct buf *out)
{
	struct sentence s = {.indent = 4};

	buf_add_text(&s.text, "what its webhook did not bring within ");
	add_time(&s.text, api->grace);
	buf_add_text(&s.text, " is read back from ");
	add_escaped(&s.text, api->url);
	buf_add_text(&s.text, " every ");
	add_time(&s.text, api->every);
	for (size_t i = 0; i < api->type_count; i++) {
		buf_add_text(&s.text, i == 0 ? ", also " : ", ");
		add_escaped(&s.text, api->types[i]);
	}
	if (api->reenable)
		buf_add_text(&s.text, "; a webhook that its sender has disabled is enabled again");
	buf_add_text(&s.text, "; hooks run for what is at most ");
	add_time(&s.text, api->act_within);
	buf_add_text(&s.text, " old");
	end_sentence(&s, out);
}

static void explain_source(
	const struct conf *conf, const struct conf_source *source, struct buf *out)
{
	struct sentence s = {0};

	buf_printf(&s.text, "source %s: on ", conf_shown(conf, &source->name, source->name));
	add_escaped(&s.text, conf_shown(conf, &source->path, source->path));
	buf_printf(&s.text, ", scheme %s, %zu secret%s", source->sender->name, source->secret_count,
		source->secret_count == 1 ? "" : "s");
	if (source->tolerance == 0) {
		buf_add_text(&s.text, ", however old");
	} else {
		buf_add_text(&s.text, ", at most ");
		add_duration(&s.text, conf, &source->tolerance);
		buf_add_text(&s.text, " old");
	}
	if (source->allow_count > 0)
		buf_printf(&s.text, ", from %zu range%s of addresses only", source->allow_count,
			source->allow_count == 1 ? "" : "s");
	end_sentence(&s, out);
	if (source->api.key != NULL)
		explain_api(&source->api, out);
}

static void explain_mail(
	const struct conf *conf, const struct conf_mail_server *server, struct buf *out)
{
	const char *written = conf_written(conf, server), *from = conf_written(conf, &server->from);
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
		add_word(&s.text, conf_shown(conf, &server->command[i], server->command[i]));
	}
	if (server->socket != NULL)
		buf_add_text(&s.text, "the socket ");
	if (written != NULL)
		buf_printf(
			&s.text, "%s%s", written, server->socket != NULL ? "" : tls[server->tls]);
	else if (server->socket != NULL)
		add_escaped(&s.text, server->socket);
	else if (server->url != NULL)
		buf_printf(&s.text, "%s%s", server->url, tls[server->tls]);
	if (server->username != NULL && server->url != NULL) {
		buf_add_text(&s.text, ", as ");
		add_word(&s.text, conf_shown(conf, &server->username, server->username));
	}
	buf_add_text(&s.text, ", from ");
	if (from != NULL) {
		add_escaped(&s.text, from);
	} else if (server->from.name != NULL) {
		add_escaped(&s.text, server->from.name);
		buf_printf(&s.text, " <%s>", server->from.mailbox);
	} else {
		buf_add_text(&s.text, server->from.mailbox);
	}
	end_sentence(&s, out);
}

static void explain_listen(const struct conf_listen *listen, struct buf *out)
{
	struct sentence s = {0};

	if (!listen->proxy_protocol)
		return;
	buf_add_text(&s.text, "listen ");
	add_escaped(&s.text, listen->text);
	buf_printf(&s.text,
		": %seach connection begins with a PROXY protocol header, which says who the "
		"client is",
		listen->unix_path == NULL ? "only trusted_proxies may connect, and " : "");
	end_sentence(&s, out);
}

void conf_explain(const struct conf *conf, struct buf *out)
{
	for (size_t i = 0; i < conf->listen_count; i++)
		explain_listen(&conf->listen[i], out);
	for (size_t i = 0; i < conf->source_count; i++)
		explain_source(conf, &conf->sources[i], out);
	for (size_t i = 0; i < conf->hook_count; i++)
		explain_hook(conf, &conf->hooks[i], out);
	if (conf->digest_hook != NULL)
		explain_digest(conf, &conf->digest, out);
	if (conf->silence_hook != NULL)
		explain_silence(conf, &conf->silence, out);
	if (conf->alert_hook != NULL)
		explain_alert(conf, &conf->alert, out);
	if (conf->email.from.mailbox != NULL)
		explain_mail(conf, &conf->email, out);
}
