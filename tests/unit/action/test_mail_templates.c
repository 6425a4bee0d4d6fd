/* The templates in conf/mail: with a complete event, with an almost empty one, and with a
 * hostile one. */
#include "mail/fixture.h"
#include "rule/template.h"

#include <jansson.h>
#include <stdio.h>

static const char *const languages[] = {"fr", "en"};
static const char *const events[] = {"approved", "declined", "refunded", "transferred"};
static const char *const kinds[] = {"customer.txt", "customer.html", "shop.txt"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* One of the templates, rendered. */
struct rendered {
	char name[64];
	bool french, html, customer;
	const char *event;
	struct buf text;
};

static bool is_kind(const char *kind, const char *part)
{
	return strstr(kind, part) != NULL;
}

static char *read_whole(const char *name, size_t *len)
{
	FILE *file = fopen(name, "r");
	char *text = malloc(TEMPLATE_MAX);

	if (file == NULL)
		fail_msg("%s is missing", name);
	assert_non_null(text);
	*len = fread(text, 1, TEMPLATE_MAX, file);
	(void)fclose(file);
	return text;
}

static void render(struct rendered *r, const json_t *document)
{
	struct fault fault;
	char why[TEMPLATE_WHY] = "", *text;
	struct template *t;
	size_t len;

	text = read_whole(r->name, &len);
	t = template_parse(text, len, r->html ? TEMPLATE_HTML : TEMPLATE_TEXT, &fault);
	free(text);
	if (t == NULL)
		fail_msg("%s: byte %zu: %s", r->name, fault.at, fault.what);
	if (template_render(t, document, TEMPLATE_EMPTY, &r->text, why) != TEMPLATE_OK)
		fail_msg("%s: %s", r->name, why);
	template_free(t);
}

/* Renders each of them and passes it to `check`. */
static void each(const json_t *document, void (*check)(const struct rendered *))
{
	size_t count = COUNT(languages) * COUNT(events) * COUNT(kinds);

	for (size_t i = 0; i < count; i++) {
		const char *language = languages[i % COUNT(languages)];
		const char *kind = kinds[i / COUNT(languages) % COUNT(kinds)];
		struct rendered r = {.event = events[i / COUNT(languages) / COUNT(kinds)],
			.french = strcmp(language, "fr") == 0,
			.html = is_kind(kind, ".html"),
			.customer = is_kind(kind, "customer")};

		(void)snprintf(
			r.name, sizeof(r.name), "conf/mail/%s/%s.%s", language, r.event, kind);
		render(&r, document);
		check(&r);
		buf_free(&r.text);
	}
}

static bool has(const struct rendered *r, const char *what)
{
	return strstr(r->text.data, what) != NULL;
}

static void check_has(const struct rendered *r, const char *what)
{
	if (!has(r, what))
		fail_msg("%s: expected \"%s\" in:\n%s", r->name, what, r->text.data);
}

static void check_has_not(const struct rendered *r, const char *what)
{
	if (has(r, what))
		fail_msg("%s: \"%s\" in:\n%s", r->name, what, r->text.data);
}

/* ---- a complete event ---- */

static json_t *whole_event(void)
{
	json_error_t error;
	json_t *event = json_loads(
		"{\"name\": \"transaction.approved\", \"hookd\": {\"event\": 4711, \"type\": "
		"\"transaction.approved\"}, \"entity\": {\"reference\": \"trx_ZIU_1719787792938\", "
		"\"amount\": 5000, \"description\": \"Commande 1042\", \"mode\": \"mtn_open\", "
		"\"fees\": 90, \"amount_transferred\": 4910, "
		"\"approved_at\": \"2026-06-30T22:50:28.841Z\", "
		"\"declined_at\": \"2026-06-30T22:50:28.841Z\", "
		"\"refunded_at\": \"2026-06-30T22:50:28.841Z\", "
		"\"transferred_at\": \"2026-06-30T22:50:28.841Z\", "
		"\"last_error_code\": \"INSUFFICIENT_FUNDS\", \"currency\": {\"iso\": \"XOF\"}, "
		"\"customer\": {\"firstname\": \"Awa\", \"lastname\": \"Dossou\", \"full_name\": "
		"\"Awa Dossou\", \"email\": \"awa@example.com\"}, "
		"\"payment_method\": {\"number\": \"22997000000\"}}}",
		0, &error);

	assert_non_null(event);
	return event;
}

static void check_whole(const struct rendered *r)
{
	const char *date = r->french ? "30/06/2026 23:50" : "2026-06-30 23:50";
	static const char *const missing[] = {
		"non précis", "not given", "inconnu", "unknown", "sans description", "votre achat"};

	check_has(r, "5 000 FCFA");
	check_has(r, "trx_ZIU_1719787792938");
	check_has(r, "Commande 1042");
	check_has(r, date);
	if (r->customer) {
		check_has(r, r->french ? "Bonjour Awa," : "Hello Awa,");
		check_has_not(r, "Dossou"); /* nothing about the customer that it does not need */
		check_has_not(r, "22997000000");
	} else {
		check_has(r, "Awa Dossou");
		check_has(r, "awa@example.com");
		check_has(r, "mtn_open");
		check_has(r, "22997000000");
		check_has(r, "4711");
	}
	if (!r->customer && strcmp(r->event, "transferred") == 0) {
		check_has(r, "90 FCFA");
		check_has(r, "4 910 FCFA");
	}
	if (!r->customer && strcmp(r->event, "declined") == 0)
		check_has(r, "INSUFFICIENT_FUNDS");
	for (size_t i = 0; i < COUNT(missing); i++)
		check_has_not(r, missing[i]);
}

static void a_complete_event_is_reported(void **state)
{
	(void)state;
	json_t *event = whole_event();

	each(event, check_whole);
	json_decref(event);
}

/* ---- an almost empty event ---- */

/* Each value has a default: no line or cell ends after its colon. */
static void check_nothing_empty(const struct rendered *r)
{
	check_has_not(r, ": \n");
	check_has_not(r, "> </");
	check_has_not(r, "\"></td>");
	check_has_not(r, "<strong></strong>");
	check_has_not(r, " ,");
	check_has_not(r, "{{");
	check_has_not(r, "null");
	if (r->customer)
		check_has(r, r->french ? "Bonjour à vous," : "Hello there,");
}

static void what_is_missing_has_a_default(void **state)
{
	(void)state;
	static const char *const texts[] = {"{}", "{\"name\": \"transaction.approved\"}",
		"{\"entity\": null}", "{\"entity\": {\"customer\": null, \"amount\": null}}",
		"{\"entity\": {\"amount\": \"\", \"description\": \"  \", \"customer\": null}}",
		"{\"entity\": {\"customer\": {\"firstname\": \" \", \"full_name\": \"\"}}}"};

	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *event = json_loads(texts[i], 0, NULL);

		assert_non_null(event);
		each(event, check_nothing_empty);
		json_decref(event);
	}
}

/* ---- a hostile event ---- */

static void check_tame(const struct rendered *r)
{
	if (r->html) {
		check_has_not(r, "<script");
		check_has_not(r, "<img");
		check_has(r, "&lt;script&gt;");
		check_has(r, "&lt;img");
	}
	/* long text is cut after 200 characters of up to four bytes */
	assert_in_range(r->text.len, 1, 8000);
}

static void html_is_escaped_and_long_texts_are_cut(void **state)
{
	(void)state;
	json_t *event = whole_event();
	json_t *entity = json_object_get(event, "entity");
	json_t *customer = json_object_get(entity, "customer");
	struct buf text = {0};

	buf_add_text(&text, "<script>alert(1)</script>{{entity.amount}}");
	for (int i = 0; i < 100000; i++)
		buf_add_text(&text, "😀");
	assert_int_equal(json_object_set_new(entity, "description", json_string(text.data)), 0);
	assert_int_equal(
		json_object_set_new(customer, "firstname", json_string("<img src=x:y>")), 0);
	assert_int_equal(json_object_set_new(customer, "full_name", json_string(text.data)), 0);
	each(event, check_tame);
	buf_free(&text);
	json_decref(event);
}

/* ---- as mails ---- */

static void check_mail(const struct rendered *r)
{
	struct fixture f;

	start(&f);
	if (r->html)
		set_html(&f, r->text.data);
	else
		set_text(&f, r->text.data);
	write_mail(&f);
	finish(&f);
	check_has_not(r, "\r");
	check_has_not(r, "\t");
	assert_int_equal(r->text.data[r->text.len - 1], '\n');
	if (!r->html)
		return;
	/* opening it fetches nothing */
	check_has_not(r, "http:");
	check_has_not(r, "https:");
	check_has_not(r, "src=");
	check_has_not(r, "url(");
	check_has_not(r, "<link");
	check_has_not(r, "<img");
	check_has(r, r->french ? "<html lang=\"fr\">" : "<html lang=\"en\">");
}

static void each_makes_a_mail_that_fetches_nothing(void **state)
{
	(void)state;
	json_t *event = whole_event();

	each(event, check_mail);
	json_decref(event);
}

/* ---- an event whose texts have line breaks ---- */

static size_t lines_before;

static size_t count_lines(const struct rendered *r)
{
	size_t lines = 0;

	for (const char *p = r->text.data; *p != '\0'; p++)
		lines += *p == '\n';
	return lines;
}

/* Each text has as many lines as with a payer who writes none. */
static void check_lines(const struct rendered *r)
{
	check_has(r, "trx Montant : 1 FCFA");
	check_has_not(r, "\u2028");
	check_has_not(r, "\u202e");
	check_has_not(r, "\r");
	lines_before -= count_lines(r);
}

static void add_lines(const struct rendered *r)
{
	lines_before += count_lines(r);
}

static void set_texts(json_t *event, const char *text)
{
	static const char *const members[] = {
		"reference", "description", "mode", "last_error_code"};
	json_t *entity = json_object_get(event, "entity");

	for (size_t i = 0; i < COUNT(members); i++)
		json_object_set_new(entity, members[i], json_string(text));
	for (const char *const *m = (const char *const[]){"firstname", "full_name", "email", NULL};
		*m != NULL; m++)
		json_object_set_new(json_object_get(entity, "customer"), *m, json_string(text));
	json_object_set_new(json_object_get(entity, "payment_method"), "number", json_string(text));
}

static void a_payer_adds_no_lines(void **state)
{
	json_t *event = whole_event();

	(void)state;
	each(event, add_lines);
	set_texts(event, "\r\ntrx\n\n\v\fMontant\u2028: 1\u2029\xc2\x85"
			 "FCFA\u202e\n");
	each(event, check_lines);
	assert_int_equal(lines_before, 0);
	json_decref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_payer_adds_no_lines),
		cmocka_unit_test(a_complete_event_is_reported),
		cmocka_unit_test(what_is_missing_has_a_default),
		cmocka_unit_test(html_is_escaped_and_long_texts_are_cut),
		cmocka_unit_test(each_makes_a_mail_that_fetches_nothing),
	};
	setenv("TZ", "WAT-1", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
