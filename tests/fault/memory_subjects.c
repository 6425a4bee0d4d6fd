/* memory_subjects.c - hookd's parsers, each with the result of an input as text. */
#include "conf/conf.h"
#include "conf/explain.h"
#include "event/document.h"
#include "event/event.h"
#include "event/payment.h"
#include "mail/mail.h"
#include "memory.h"
#include "rule/condition.h"
#include "rule/path.h"
#include "rule/template.h"

#include <stdlib.h>
#include <string.h>

/* The next of the fields that NULs separate, as a copy. */
static char *field(const char **at, const char *end)
{
	const char *nul = memchr(*at, '\0', (size_t)(end - *at));
	size_t len = (size_t)((nul != NULL ? nul : end) - *at);
	char *text = strndup(*at, len);

	if (text == NULL)
		abort();
	*at = nul != NULL ? nul + 1 : end;
	return text;
}

static const char *or_none(const char *text)
{
	return text != NULL ? text : "none";
}

static bool run_event(const char *bytes, size_t len, struct buf *text)
{
	const json_t *document;
	struct event ev;

	if (!event_parse(&ev, &sender_default()->shape, bytes, len))
		return false;
	buf_printf(text, "%s\n%s\n%s\n%s\n%s\n%lld\n%s\n", or_none(ev.provider_event_id),
		or_none(ev.type), or_none(ev.entity_kind), or_none(ev.entity_id),
		ev.idempotency_key, (long long)ev.occurred_at, or_none(ev.quarantined));
	bool known = event_document(&ev, &document);
	if (known && document != NULL)
		buf_printf(text, "%zu\n", json_object_size(document));
	event_free(&ev);
	return known && buf_ok(text);
}

static bool run_payment(const char *bytes, size_t len, struct buf *text)
{
	struct payment p;
	bool read = payment_read(&p, &sender_default()->shape, bytes, len);

	if (read)
		buf_printf(text, "%s\n%s\n%s\n%s\n%s\n%s\n", or_none(p.reference),
			or_none(p.amount), or_none(p.fees), or_none(p.currency),
			or_none(p.customer), or_none(p.mode));
	payment_free(&p);
	return read && buf_ok(text);
}

/* When out of memory a config is refused with its own message. */
static bool run_conf(const char *bytes, size_t len, struct buf *text)
{
	struct buf errors = {0};
	struct conf *conf = conf_parse("/hookd.yaml", bytes, len, &errors);
	bool known = conf != NULL;

	if (conf != NULL) {
		conf_explain(conf, text);
	} else {
		if (errors.len == 0 && !errors.failed)
			abort(); /* a refusal has a reason */
		if (errors.data != NULL)
			buf_add(text, errors.data, errors.len);
		known = memory_failed() == 0;
	}
	conf_unref(conf);
	buf_free(&errors);
	return known && buf_ok(text);
}

static bool render(const struct template *t, const json_t *document, struct buf *text)
{
	char why[TEMPLATE_WHY] = "";
	enum template_result result = template_render(t, document, TEMPLATE_REFUSE, text, why);

	if (result == TEMPLATE_NO_MEMORY)
		return false;
	buf_printf(text, "\n%d %s\n", (int)result, why);
	return buf_ok(text);
}

static bool run_template(const char *bytes, size_t len, struct buf *text)
{
	const char *at = bytes, *end = bytes + len;
	char *source = field(&at, end);
	struct fault fault = {0};
	struct template *t = template_parse(source, strlen(source), TEMPLATE_HTML, &fault);
	json_t *document = NULL;
	bool known = t != NULL || memory_failed() == 0;

	if (t == NULL)
		buf_add_text(text, fault.what);
	else
		known = document_parse(at, (size_t)(end - at), &document) &&
			render(t, document, text);
	json_decref(document);
	template_free(t);
	free(source);
	return known && buf_ok(text);
}

static bool holds(const struct condition *c, const json_t *document, struct buf *text)
{
	struct buf why = {0};
	bool good = condition_holds(c, document, &why);
	bool known = buf_ok(&why);

	buf_printf(text, "%d %s\n", good, why.data != NULL ? why.data : "");
	buf_free(&why);
	return known && buf_ok(text);
}

static bool try_condition(const char *where, const struct condition_operand *operand,
	const json_t *document, struct buf *text)
{
	for (int op = CONDITION_EQ; op <= CONDITION_EMPTY; op++) {
		struct fault fault;
		char what[200] = "";
		struct path *path = path_parse(where, strlen(where), &fault);
		struct condition *c =
			path != NULL ? condition_test(path, (enum condition_op)op, operand, 1, what)
				     : NULL;
		if (c == NULL && memory_failed() > 0)
			return false;
		bool known = c == NULL || holds(c, document, text);
		condition_free(c);
		if (!known)
			return false;
	}
	return true;
}

static bool run_condition(const char *bytes, size_t len, struct buf *text)
{
	const char *at = bytes, *end = bytes + len;
	char *where = field(&at, end), *quotes = field(&at, end), *word = field(&at, end);
	struct condition_operand operand = {.text = word, .plain = quotes[0] != '\''};
	json_t *document = NULL, *entity;
	bool known = document_parse(at, (size_t)(end - at), &document) &&
		     (document == NULL || document_entity(document, &entity)) &&
		     try_condition(where, &operand, document, text);

	json_decref(document);
	free(where);
	free(quotes);
	free(word);
	return known && buf_ok(text);
}

static bool run_mail(const char *bytes, size_t len, struct buf *text)
{
	const char *at = bytes, *end = bytes + len;
	char *addresses = field(&at, end), *subject = field(&at, end), *body = field(&at, end),
	     *html = field(&at, end);
	struct mail_part file = {.type = "application/json",
		.name = "event-1.json",
		.bytes = at,
		.len = (size_t)(end - at)};
	struct mail m = {.message_key = "1/x",
		.attachment = file.len > 0 ? &file : NULL,
		.subject = subject,
		.subject_len = strlen(subject),
		.text = body,
		.text_len = strlen(body),
		.html = html[0] != '\0' ? html : NULL,
		.html_len = strlen(html)};
	char why[MAIL_WHY] = "";
	bool good = mail_addresses_add(&m.to, addresses, strlen(addresses), why);

	if (good) {
		m.from = m.to.count > 0 ? m.to.list[0]
					: (struct mail_address){NULL, (char[]){"a@b.c"}};
		good = mail_write(&m, text, why);
	}
	bool known = good || memory_failed() == 0;
	if (!good)
		buf_add_text(text, why);
	mail_addresses_free(&m.to);
	free(addresses);
	free(subject);
	free(body);
	free(html);
	return known && buf_ok(text);
}

const struct subject subjects[] = {
	{"event", "event", run_event},
	{"payment", "event", run_payment},
	{"config", "conf", run_conf},
	{"template", "template", run_template},
	{"condition", "condition", run_condition},
	{"mail", "mail", run_mail},
	{NULL, NULL, NULL},
};
