#include "draft.h"

#include "event/document.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drafting {
	struct mail_draft *draft;
	const json_t *document;
	char *why; /* MAIL_DRAFT_WHY bytes */
};

static enum attempt_result no_memory(const struct drafting *g)
{
	(void)snprintf(g->why, MAIL_DRAFT_WHY, "out of memory");
	return ATTEMPT_TEMPFAIL;
}

static enum attempt_result fail_for_good(
	const struct drafting *g, const char *what, const char *fault)
{
	(void)snprintf(g->why, MAIL_DRAFT_WHY, "email.%s: %s", what, fault);
	return ATTEMPT_PERMFAIL;
}

static enum attempt_result render_template(const struct drafting *g, const char *what,
	const struct template *t, enum template_missing missing, struct buf *out)
{
	char fault[TEMPLATE_WHY];

	switch (template_render(
		g->draft->shown ? template_shown(t) : t, g->document, missing, out, fault)) {
	case TEMPLATE_OK:
		return buf_ok(out) ? ATTEMPT_OK : no_memory(g);
	case TEMPLATE_FAULT:
		return fail_for_good(g, what, fault);
	case TEMPLATE_NO_MEMORY:
		break;
	}
	return no_memory(g);
}

#define STAND_IN "as-written-%zu@hookd.invalid"

/* What the config has is no address before the environment is in it: another is in its place, until
 * the draft is shown. */
static enum attempt_result add_stand_in(
	const struct drafting *g, const char *text, size_t len, struct mail_addresses *to)
{
	struct mail_draft *d = g->draft;
	char **larger = reallocarray(d->written, d->written_count + 1, sizeof(*larger));
	char stand_in[64], fault[MAIL_WHY];

	if (larger == NULL)
		return no_memory(g);
	d->written = larger;
	larger[d->written_count] = strndup(text, len);
	if (larger[d->written_count] == NULL)
		return no_memory(g);
	(void)snprintf(stand_in, sizeof(stand_in), STAND_IN, d->written_count++);
	return mail_addresses_add(to, stand_in, strlen(stand_in), fault) ? ATTEMPT_OK
									 : no_memory(g);
}

/* Adds what the template has between two of its commas. */
static enum attempt_result add_place(const struct drafting *g, const char *what,
	const struct template *t, const char *text, size_t len, struct mail_addresses *to)
{
	bool environment = template_shown(t) != t;
	char fault[MAIL_WHY];
	size_t before = to->count;

	if (!mail_addresses_add(to, text, len, fault)) {
		if (environment && g->draft->shown)
			return add_stand_in(g, text, len, to);
		return fail_for_good(g, what,
			environment ? "is not an address, with the environment's value" : fault);
	}
	/* A payer may enter an address, but must not make the shop send mail to several. */
	if (to->count - before > 1)
		return fail_for_good(
			g, what, "the event has more than one address where one is expected");
	return ATTEMPT_OK;
}

static enum attempt_result add_addresses(const struct drafting *g, const char *what,
	const struct template *t, enum template_missing missing, struct mail_addresses *to)
{
	struct buf text = {0};
	enum attempt_result result = render_template(g, what, t, missing, &text);
	const char *at = text.data != NULL ? text.data : "", *end = at + text.len;

	while (result == ATTEMPT_OK && at < end) {
		const char *comma = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((comma != NULL ? comma : end) - at);

		result = add_place(g, what, t, at, len, to);
		at += len + 1;
	}
	buf_free(&text);
	return result;
}

static enum attempt_result add_all(const struct drafting *g, const char *what,
	const struct conf_templates *list, enum template_missing missing, struct mail_addresses *to)
{
	enum attempt_result result = ATTEMPT_OK;

	for (size_t i = 0; i < list->count && result == ATTEMPT_OK; i++)
		result = add_addresses(g, what, list->list[i], missing, to);
	return result;
}

static enum attempt_result set_recipients(const struct drafting *g, const struct conf_email *does)
{
	struct mail *m = &g->draft->mail;
	enum attempt_result result = add_all(g, "to", &does->to, TEMPLATE_REFUSE, &m->to);

	if (result == ATTEMPT_OK && m->to.count == 0)
		return fail_for_good(g, "to", "is empty: there is no recipient");
	if (result == ATTEMPT_OK)
		result = add_all(g, "cc", &does->cc, TEMPLATE_EMPTY, &m->cc);
	if (result == ATTEMPT_OK)
		result = add_all(g, "bcc", &does->bcc, TEMPLATE_EMPTY, &m->bcc);
	if (result == ATTEMPT_OK)
		result = add_all(g, "reply_to", &does->reply_to, TEMPLATE_EMPTY, &m->reply_to);
	if (result == ATTEMPT_OK && m->to.count + m->cc.count + m->bcc.count > MAIL_ADDRESSES)
		return fail_for_good(
			g, "to", "has too many addresses: at most 100 with cc and bcc");
	return result;
}

/* The sender of the section email. */
static enum attempt_result set_own_from(const struct drafting *g, const struct conf *conf)
{
	const struct mail_address *from = &conf->email.from;
	const char *written = g->draft->shown ? conf_written(conf, from) : NULL;
	struct mail_address *to = &g->draft->mail.from;
	struct mail_addresses own = {0};
	enum attempt_result result;

	if (written != NULL) {
		result = add_stand_in(g, written, strlen(written), &own);
		if (result == ATTEMPT_OK)
			*to = own.list[0];
		free(own.list);
		return result;
	}
	to->name = from->name != NULL ? strdup(from->name) : NULL;
	to->mailbox = strdup(from->mailbox);
	return to->mailbox != NULL && (from->name == NULL || to->name != NULL) ? ATTEMPT_OK
									       : no_memory(g);
}

static enum attempt_result set_from(
	const struct drafting *g, const struct conf *conf, const struct conf_email *does)
{
	struct mail *m = &g->draft->mail;
	struct mail_addresses own = {0};
	enum attempt_result result;

	if (does->from == NULL)
		return set_own_from(g, conf);
	result = add_addresses(g, "from", does->from, TEMPLATE_REFUSE, &own);
	if (result == ATTEMPT_OK && own.count != 1)
		result = fail_for_good(g, "from", "is not one address");
	if (result == ATTEMPT_OK) {
		m->from = own.list[0];
		own.list[0] = (struct mail_address){0};
	}
	mail_addresses_free(&own);
	return result;
}

static enum attempt_result set_texts(const struct drafting *g, const struct conf_email *does)
{
	struct mail_draft *d = g->draft;
	struct mail *m = &d->mail;
	enum attempt_result result =
		render_template(g, "subject", does->subject, TEMPLATE_EMPTY, &d->subject);

	if (result == ATTEMPT_OK && does->body != NULL)
		result = render_template(g, "body", does->body, TEMPLATE_EMPTY, &d->text);
	if (result == ATTEMPT_OK && does->html != NULL)
		result = render_template(g, "html", does->html, TEMPLATE_EMPTY, &d->html);
	if (result != ATTEMPT_OK)
		return result;
	m->subject = d->subject.data != NULL ? d->subject.data : "";
	m->subject_len = d->subject.len;
	if (does->body != NULL)
		m->text = d->text.data != NULL ? d->text.data : "";
	m->text_len = d->text.len;
	if (does->html != NULL)
		m->html = d->html.data != NULL ? d->html.data : "";
	m->html_len = d->html.len;
	return ATTEMPT_OK;
}

static enum attempt_result write_message(
	const struct drafting *g, const struct conf_email *does, const struct delivery_job *job)
{
	struct mail_draft *d = g->draft;
	char fault[MAIL_WHY];

	if (does->attach_payload) {
		(void)snprintf(d->attachment_name, sizeof(d->attachment_name),
			"event-%" PRId64 ".json", job->event);
		d->attachment = (struct mail_part){
			.type = "application/json",
			.name = d->attachment_name,
			.bytes = job->payload,
			.len = job->payload_len,
		};
		d->mail.attachment = &d->attachment;
	}
	d->mail.message_key = job->idempotency_key;
	d->mail.date = job->started_at;
	if (mail_write(&d->mail, &d->message, fault))
		return buf_ok(&d->message) ? ATTEMPT_OK : no_memory(g);
	(void)snprintf(g->why, MAIL_DRAFT_WHY, "email: %s", fault);
	return ATTEMPT_PERMFAIL;
}

enum attempt_result mail_draft_make(struct mail_draft *d, const struct conf *conf,
	const struct conf_hook *hook, const struct delivery_job *job, bool shown,
	char why[MAIL_DRAFT_WHY])
{
	const struct conf_email *does = &hook->action->email;
	json_t *document = document_of_job(job, hook->name);
	const struct drafting g = {.draft = d, .document = document, .why = why};
	enum attempt_result result;

	*d = (struct mail_draft){.shown = shown};
	if (document == NULL)
		return no_memory(&g);
	result = set_recipients(&g, does);
	if (result == ATTEMPT_OK)
		result = set_from(&g, conf, does);
	if (result == ATTEMPT_OK)
		result = set_texts(&g, does);
	if (result == ATTEMPT_OK)
		result = write_message(&g, does, job);
	json_decref(document);
	return result;
}

bool mail_draft_preview(struct mail_draft *d, const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, char why[MAIL_DRAFT_WHY])
{
	if (mail_draft_make(d, conf, hook, job, false, why) != ATTEMPT_OK)
		return false;
	mail_draft_free(d);
	return mail_draft_make(d, conf, hook, job, true, why) == ATTEMPT_OK;
}

const char *mail_draft_recipient(const struct mail_draft *d, size_t i)
{
	const struct mail_addresses *lists[] = {&d->mail.to, &d->mail.cc, &d->mail.bcc};

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
		if (i < lists[k]->count)
			return lists[k]->list[i].mailbox;
		i -= lists[k]->count;
	}
	return NULL;
}

static void show_lines(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (len > 0 && text < end) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		const char *stop = next != NULL ? next : end;

		buf_add_text(out, "  | ");
		buf_add_escaped(
			out, text, (size_t)(stop - text) - (stop > text && stop[-1] == '\r'), '\0');
		buf_add_char(out, '\n');
		text = next != NULL ? next + 1 : end;
	}
}

static void show_part(struct buf *out, const char *name, const struct buf *text)
{
	if (text->len == 0)
		return;
	buf_printf(out, "  %s\n", name);
	show_lines(out, text->data, text->len);
}

static void show_field(struct buf *out, const char *name, const char *text, size_t len)
{
	buf_printf(out, "  %-9s", name);
	buf_add_escaped(out, text, len, '\0');
	buf_add_char(out, '\n');
}

void mail_draft_show(const struct mail_draft *d, struct buf *out)
{
	static const char encoded[] = "Content-Transfer-Encoding: base64\r\n\r\n";
	const char *cut = d->mail.attachment != NULL ? memmem(d->message.data, d->message.len,
							       encoded, strlen(encoded))
						     : NULL;
	const char *recipient;

	show_field(out, "from", d->mail.from.mailbox, strlen(d->mail.from.mailbox));
	for (size_t i = 0; (recipient = mail_draft_recipient(d, i)) != NULL; i++)
		show_field(out, "to", recipient, strlen(recipient));
	show_field(out, "subject", d->mail.subject, d->mail.subject_len);
	show_part(out, "text", &d->text);
	show_part(out, "html", &d->html);
	buf_add_text(out, "  as it goes out\n");
	show_lines(out, d->message.data,
		cut != NULL ? (size_t)(cut - d->message.data) + strlen(encoded) : d->message.len);
	if (cut != NULL)
		buf_printf(out, "  | … (%zu bytes of %s)\n", d->attachment.len, d->attachment.name);
}

/* The number of the stand-in that a text begins with; d->written_count: none. */
static size_t stand_in_at(const struct mail_draft *d, const char *text, size_t *len)
{
	size_t i;

	for (i = 0; i < d->written_count; i++) {
		char stand_in[64];

		*len = (size_t)snprintf(stand_in, sizeof(stand_in), STAND_IN, i);
		if (strncmp(text, stand_in, *len) == 0)
			break;
	}
	return i;
}

void mail_draft_add(const struct mail_draft *d, const struct buf *text, struct buf *out)
{
	size_t len;

	for (size_t at = 0; at < text->len; at++) {
		size_t i = stand_in_at(d, text->data + at, &len);

		if (i < d->written_count) {
			buf_add_escaped(out, d->written[i], strlen(d->written[i]), '\0');
			at += len - 1;
		} else {
			buf_add_char(out, text->data[at]);
		}
	}
	out->failed = out->failed || text->failed;
}

void mail_draft_free(struct mail_draft *d)
{
	struct mail *m = &d->mail;

	for (size_t i = 0; i < d->written_count; i++)
		free(d->written[i]);
	free(d->written);

	free(m->from.name);
	free(m->from.mailbox);
	mail_addresses_free(&m->to);
	mail_addresses_free(&m->cc);
	mail_addresses_free(&m->bcc);
	mail_addresses_free(&m->reply_to);
	buf_free(&d->subject);
	buf_free(&d->text);
	buf_free(&d->html);
	buf_free(&d->message);
}
