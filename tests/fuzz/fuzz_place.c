/* A value in each place that it may go to: what comes out is read back by a parser of that format,
 * which finds the value in its place and nothing else, or the value is refused with a reason. The
 * first byte chooses the place, the others are the value. */
#include "action/arguments.h"
#include "action/draft.h"
#include "action/request.h"
#include "base/utf8.h"
#include "hookctl/csv.h"
#include "rule/template.h"

#include <curl/curl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char config[] =
	"email: {server: \"smtp://mail.example.com\", from: shop@example.com}\n"
	"sources: [{name: s, path: /in, scheme: fedapay, secrets: [{env: FUZZ_SECRET}]}]\n"
	"hooks:\n"
	"  - {name: script, source: s, on: '*', run: [/bin/sh, '{{x}}', 'a{{x}}b', c],"
	" env: {SHOP: '{{x}}'}}\n"
	"  - {name: dash, source: s, on: '*', allow_dash: true, run: [/bin/sh, '{\"a\":{{x | "
	"json}}}',"
	" '{{x}}', c]}\n"
	"  - {name: to, source: s, on: '*', email: {to: '{{x}}, b@example.com', subject: c, body: "
	"d}}\n"
	"  - {name: name, source: s, on: '*', email: {to: '{{x}} <a@example.com>, b@example.com',"
	" cc: '\"c, {{x}}\" <c@example.com>', subject: c, body: d}}\n"
	"  - {name: text, source: s, on: '*', email: {to: a@example.com, subject: '{{x}}',"
	" body: \"b\\n{{x | raw}}\\ne {{x}}.\"}}\n"
	"  - {name: url, source: s, on: '*', forward: {url:"
	" 'http://h.example/a/{{x}}/b?c={{x}}&d=e', headers: {X-Note: '{{x}}', X-Two: "
	"'a{{x}}b'}}}\n"
	"  - {name: host, source: s, on: '*', forward: {url: 'http://{{x}}/in/{{y}}?z'}}\n";

enum { SCRIPT, DASH, TO, NAME, TEXT, URL, HOST, HOOKS, HTML = HOOKS, CSV, TERMINAL, PLACES };

static struct {
	struct conf *conf;
	const char *value; /* UTF-8, perhaps with NULs */
	size_t len;
	struct delivery_job job;
} fuzz;

static void expect_in_line(bool good, int line)
{
	if (good)
		return;
	(void)fprintf(stderr, "fuzz_place.c:%d: not as expected\n", line);
	abort();
}

#define expect(good) expect_in_line(good, __LINE__)

static bool same(const char *text, size_t len, const char *other, size_t other_len)
{
	return len == other_len && (len == 0 || memcmp(text, other, len) == 0);
}

static bool is_value(const char *text, size_t len)
{
	return same(text, len, fuzz.value, fuzz.len);
}

/* Is the text `before`, the value, `after`? */
static bool is_around(const char *before, const char *text, size_t len, const char *after)
{
	size_t b = strlen(before), a = strlen(after);

	return len >= b + a && memcmp(text, before, b) == 0 &&
	       memcmp(text + len - a, after, a) == 0 && is_value(text + b, len - b - a);
}

static const struct conf_hook *hook_of(int place)
{
	return &fuzz.conf->hooks[place];
}

/* ---- a script ---- */

static size_t count_of(char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

static void check_script(const struct script_arguments *a, size_t env)
{
	expect(count_of(a->argv) == 4 && strcmp(a->argv[3], "c") == 0);
	expect(is_around("", a->argv[1], strlen(a->argv[1]), "") && a->argv[1][0] != '-');
	expect(is_around("a", a->argv[2], strlen(a->argv[2]), "b"));
	expect(is_around("SHOP=", a->env[env], strlen(a->env[env]), ""));
	while (a->env[++env] != NULL)
		expect(strncmp(a->env[env], "HOOKD_", 6) == 0);
}

/* JSON within an argument, and an argument that may begin with a dash. */
static void check_json(const struct script_arguments *a)
{
	json_t *root = json_loads(a->argv[1], JSON_ALLOW_NUL, NULL), *value;

	expect(json_object_size(root) == 1);
	value = json_object_get(root, "a");
	expect(json_is_string(value) &&
		is_value(json_string_value(value), json_string_length(value)));
	json_decref(root);
	expect(count_of(a->argv) == 4 && is_around("", a->argv[2], strlen(a->argv[2]), ""));
}

static void try_script(int place)
{
	const struct conf_hook *hook = hook_of(place);
	struct script_arguments a;
	char why[SCRIPT_ARGUMENTS_WHY] = "";

	if (script_arguments_make(&a, fuzz.conf, hook, &fuzz.job, false, why) != ATTEMPT_OK)
		expect(why[0] != '\0');
	else if (place == SCRIPT)
		check_script(&a, count_of(hook->action->base_env));
	else
		check_json(&a);
	script_arguments_free(&a);
}

/* ---- a mail ---- */

/* Takes the field's value out of the head of a message, unfolded; there is one at most. Is there?
 */
static bool read_field(const struct buf *message, const char *name, struct buf *out)
{
	const char *end = memmem(message->data, message->len, "\r\n\r\n", 4), *at = message->data;
	size_t found = 0;

	expect(end != NULL);
	for (const char *next; at < end; at = next) {
		next = memmem(at, (size_t)(end + 2 - at), "\r\n", 2);
		bool here = strncasecmp(at, name, strlen(name)) == 0 && at[strlen(name)] == ':';

		found += here;
		at += here ? strlen(name) + 1 : 0;
		at += here && *at == ' ';
		while (here) {
			buf_add(out, at, (size_t)(next - at));
			at = next + 2;
			if (next == end || *at != ' ')
				break;
			next = memmem(at, (size_t)(end + 2 - at), "\r\n", 2);
		}
		next += 2;
	}
	expect(found <= 1 && buf_ok(out));
	return found == 1;
}

static unsigned hex(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

static void decode_quoted(struct buf *out, const char *text, size_t len, bool header)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '=' && i + 2 < len && text[i + 1] == '\r') {
			i += 2;
		} else if (text[i] == '=') {
			expect(i + 2 < len);
			buf_add_char(out, (char)(hex(text[i + 1]) << 4 | hex(text[i + 2])));
			i += 2;
		} else {
			buf_add_char(out, header && text[i] == '_' ? ' ' : text[i]);
		}
	}
}

static void decode_base64(struct buf *out, const char *text, size_t len)
{
	unsigned char *bytes = malloc(len + 1);
	size_t n = 0;

	expect(bytes != NULL && sodium_base642bin(bytes, len + 1, text, len, "\r\n", &n, NULL,
					sodium_base64_VARIANT_ORIGINAL) == 0);
	buf_add(out, (char *)bytes, n);
	free(bytes);
}

/* RFC 2047: white space between two encoded words is none. */
static void decode_words(const char *text, struct buf *out)
{
	bool encoded = false;

	while (*text != '\0') {
		size_t space = strspn(text, " "), len = strcspn(text + space, " ");
		const char *word = text + space;
		bool now = len > 12 && strncmp(word, "=?UTF-8?", 8) == 0;

		if (!(now && encoded))
			buf_add(out, text, space);
		if (now && word[8] == 'B')
			decode_base64(out, word + 10, len - 12);
		else if (now)
			decode_quoted(out, word + 10, len - 12, true);
		else
			buf_add(out, word, len);
		encoded = now;
		text = word + len;
	}
}

/* The body, of a message with one part; line ends become LF. */
static void read_body(const struct buf *message, struct buf *out)
{
	const char *at = (const char *)memmem(message->data, message->len, "\r\n\r\n", 4) + 4;
	size_t len = message->len - (size_t)(at - message->data);
	struct buf encoding = {0}, text = {0};

	expect(read_field(message, "Content-Transfer-Encoding", &encoding));
	if (strcmp(encoding.data, "base64") == 0)
		decode_base64(&text, at, len);
	else if (strcmp(encoding.data, "quoted-printable") == 0)
		decode_quoted(&text, at, len, false);
	else
		buf_add(&text, at, len);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != '\r' || i + 1 == text.len || text.data[i + 1] != '\n')
			buf_add_char(out, text.data[i]);
	buf_free(&encoding);
	buf_free(&text);
}

static void check_text(const struct mail_draft *d)
{
	struct buf field = {0}, subject = {0}, body = {0}, expected = {0};

	if (read_field(&d->message, "Subject", &field)) {
		decode_words(field.data, &subject);
		expect(is_value(subject.data, subject.len));
	} else { /* a blank one is left out */
		expect(strspn(fuzz.value, " ") == fuzz.len);
	}
	read_body(&d->message, &body);
	buf_add_text(&expected, "b\n");
	for (size_t i = 0; i < fuzz.len; i++) {
		if (fuzz.value[i] == '\r')
			i += i + 1 < fuzz.len && fuzz.value[i + 1] == '\n';
		if (fuzz.value[i] == '\0')
			buf_add_text(&expected, UTF8_REPLACEMENT);
		else
			buf_add_char(&expected, fuzz.value[i] == '\r' ? '\n' : fuzz.value[i]);
	}
	buf_add_text(&expected, "\ne ");
	/* then the value as one line */
	expect(body.len >= expected.len + 2 &&
		same(body.data, expected.len, expected.data, expected.len));
	expect(memchr(body.data + expected.len, '\n', body.len - expected.len) ==
		body.data + body.len - 1);
	expect(body.data[body.len - 2] == '.');
	buf_free(&field);
	buf_free(&subject);
	buf_free(&body);
	buf_free(&expected);
}

/* Does the value have that mailbox? Its domain may have become ASCII (IDNA). */
static bool is_named(const char *mailbox)
{
	const char *at = strrchr(mailbox, '@');
	bool converted = at != NULL && strstr(at, "xn--") != NULL;

	expect(at != NULL);
	for (const char *p = at; *p != '\0'; p++)
		expect((unsigned char)*p < 0x80);
	return memmem(fuzz.value, fuzz.len, mailbox,
		       converted ? (size_t)(at + 1 - mailbox) : strlen(mailbox)) != NULL;
}

/* Nobody but those of the config, and whom the value names alone. */
static void check_recipients(const struct mail_draft *d, int place)
{
	size_t n = 0;

	while (mail_draft_recipient(d, n) != NULL)
		n++;
	expect(strcmp(mail_draft_recipient(d, n - (place == NAME ? 2 : 1)), "b@example.com") == 0);
	if (place == TO) {
		expect(n <= 2);
		expect(n == 1 || is_named(d->mail.to.list[0].mailbox));
		return;
	}
	expect(n == 3 && strcmp(mail_draft_recipient(d, 0), "a@example.com") == 0);
	expect(strcmp(mail_draft_recipient(d, 2), "c@example.com") == 0);
}

/* Commas between quotes apart, the field has as many addresses as the envelope. */
static void check_to(const struct mail_draft *d)
{
	struct buf field = {0};
	size_t addresses = 1;
	bool quoted = false;

	expect(read_field(&d->message, "To", &field));
	for (size_t i = 0; i < field.len; i++) {
		if (field.data[i] == '\\' && quoted)
			i++;
		else if (field.data[i] == '"')
			quoted = !quoted;
		else
			addresses += field.data[i] == ',' && !quoted;
	}
	expect(!quoted && addresses == d->mail.to.count);
	buf_free(&field);
}

static void try_mail(int place)
{
	struct mail_draft d;
	char why[MAIL_DRAFT_WHY] = "";

	if (mail_draft_make(&d, fuzz.conf, hook_of(place), &fuzz.job, false, why) != ATTEMPT_OK) {
		expect(why[0] != '\0');
	} else if (place == TEXT) {
		check_text(&d);
	} else {
		check_recipients(&d, place);
		check_to(&d);
	}
	mail_draft_free(&d);
}

/* ---- a request ---- */

static char *part_of(const char *url, CURLUPart part)
{
	CURLU *parts = curl_url();
	char *text = NULL;

	expect(curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK);
	if (curl_url_get(parts, part, &text, 0) != CURLUE_OK)
		text = NULL;
	curl_url_cleanup(parts);
	return text;
}

static void expect_part(const char *url, CURLUPart part, const char *expected)
{
	char *text = part_of(url, part);

	expect(expected == NULL ? text == NULL : text != NULL && strcmp(text, expected) == 0);
	curl_free(text);
}

/* Is the text, percent-decoded, the value? */
static bool is_encoded_value(const char *text, size_t len)
{
	char *decoded;
	int n;
	bool good;

	if (len == 0)
		return fuzz.len == 0;
	if (memchr(text, '/', len) != NULL || memchr(text, '&', len) != NULL)
		return false;
	decoded = curl_easy_unescape(NULL, text, (int)len, &n);
	expect(decoded != NULL);
	good = is_value(decoded, (size_t)n);
	curl_free(decoded);
	return good;
}

static void check_url(const char *url)
{
	char *path = part_of(url, CURLUPART_PATH), *query = part_of(url, CURLUPART_QUERY);
	size_t len = strlen(path);

	expect_part(url, CURLUPART_HOST, "h.example");
	expect_part(url, CURLUPART_FRAGMENT, NULL);
	expect(len > 5 && strncmp(path, "/a/", 3) == 0 && strcmp(path + len - 2, "/b") == 0);
	expect(is_encoded_value(path + 3, len - 5));
	len = query != NULL ? strlen(query) : 0;
	expect(len >= 6 && strncmp(query, "c=", 2) == 0 && strcmp(query + len - 4, "&d=e") == 0);
	expect(is_encoded_value(query + 2, len - 6));
	curl_free(path);
	curl_free(query);
}

/* The value is host and port, and no more. */
static void check_host(const char *url)
{
	expect_part(url, CURLUPART_PATH, "/in/why");
	expect_part(url, CURLUPART_QUERY, "z");
	expect_part(url, CURLUPART_FRAGMENT, NULL);
	expect_part(url, CURLUPART_USER, NULL);
	expect(is_around("http://", url, strlen(url), "/in/why?z"));
}

/* The line of a header, once. RFC 9110: blanks around a value are no part of it. */
static void check_header(
	const struct forward_request *r, const char *name, const char *before, const char *after)
{
	struct buf value = {0};
	const char *text = "", *from, *end;
	size_t len = strlen(name), found = 0;

	for (size_t i = 0; i < r->count; i++)
		if (strncmp(r->headers[i], name, len) == 0) {
			text = r->headers[i] + len;
			found++;
		}
	expect(found == 1 && (*text == ':' || strcmp(text, ";") == 0));
	expect(text[strcspn(text, "\r\n")] == '\0');
	buf_printf(&value, "%s", before);
	buf_add(&value, fuzz.value, fuzz.len);
	buf_add_text(&value, after);
	buf_add_char(&value, '\0');
	from = value.data;
	end = value.data + value.len - 1;
	for (; *from == ' '; from++)
		;
	for (; end > from && end[-1] == ' '; end--)
		;
	text += 1 + strspn(text + 1, " ");
	expect(same(text, strlen(text), from, (size_t)(end - from)));
	buf_free(&value);
}

static void try_request(int place)
{
	struct forward_request r;
	char why[FORWARD_WHY] = "";

	if (forward_request_make(&r, hook_of(place), &fuzz.job, 0, false, why) != ATTEMPT_OK) {
		expect(why[0] != '\0');
	} else if (place == HOST) {
		check_host(r.url);
	} else {
		check_url(r.url);
		check_header(&r, "X-Note", "", "");
		check_header(&r, "X-Two", "a", "b");
	}
	forward_request_free(&r);
}

/* ---- HTML ---- */

/* Character references mean characters; nothing that ends a text or a quoted attribute is there. */
static void decode_html(const char *text, size_t len, struct buf *out)
{
	static const struct {
		const char *name, *text;
	} references[] = {
		{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}};

	for (size_t i = 0; i < len; i++) {
		size_t k = 0;

		expect(text[i] != '<' && text[i] != '>' && text[i] != '"' && text[i] != '\'');
		if (text[i] != '&') {
			buf_add_char(out, text[i]);
			continue;
		}
		while (strncmp(text + i, references[k].name, strlen(references[k].name)) != 0)
			expect(++k < sizeof(references) / sizeof(references[0]));
		buf_add_text(out, references[k].text);
		i += strlen(references[k].name) - 1;
	}
}

static void check_html(const struct buf *out, const char *before, const char *after, bool link)
{
	size_t b = strlen(before), a = strlen(after);
	struct buf value = {0};

	expect(out->len >= a + b && memcmp(out->data, before, b) == 0 &&
		memcmp(out->data + out->len - a, after, a) == 0);
	decode_html(out->data + b, out->len - a - b, &value);
	expect(link ? is_encoded_value(value.data, value.len) : is_value(value.data, value.len));
	buf_free(&value);
}

static void try_html(const json_t *document)
{
	static const struct {
		const char *before, *after;
		bool link;
	} rows[] = {{"<p>", "</p>", false}, {"<p title=\"", "\">", false},
		{"<p title='", "'>", false}, {"<title>", "</title>", false},
		{"<a href=\"https://shop.example/a/", "/b\">", true},
		{"<a href='/a?b=", "'>", true}, {"<a href=\"mailto:", "?subject=a\">", true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf text = {0}, out = {0};
		struct fault fault;
		struct template *t;
		char why[TEMPLATE_WHY] = "";

		buf_printf(&text, "%s{{x}}%s", rows[i].before, rows[i].after);
		t = template_parse(text.data, text.len, TEMPLATE_HTML, &fault);
		expect(t != NULL);
		if (template_render(t, document, TEMPLATE_EMPTY, &out, why) != TEMPLATE_OK)
			expect(why[0] != '\0');
		else
			check_html(&out, rows[i].before, rows[i].after, rows[i].link);
		template_free(t);
		buf_free(&text);
		buf_free(&out);
	}
}

/* ---- what hookctl prints ---- */

static bool is_formula(char c)
{
	return c != '\0' && strchr("=+-@", c) != NULL;
}

/* One field in quotes; but for apostrophes before formulas and blanks for control characters it is
 * the value. No formula begins it, nor any part of it. */
static void try_csv(void)
{
	struct buf out = {0}, field = {0};
	size_t at = 0;
	bool begins = true;

	if (memchr(fuzz.value, '\0', fuzz.len) != NULL)
		return;
	csv_add_text(&out, fuzz.value);
	expect(out.len >= 2 && out.data[0] == '"' && out.data[out.len - 1] == '"');
	for (size_t i = 1; i + 1 < out.len; i++) {
		expect(out.data[i] != '"' || out.data[++i] == '"');
		expect(i + 1 < out.len && (unsigned char)out.data[i] >= ' ');
		buf_add_char(&field, out.data[i]);
	}
	for (size_t i = 0; i < field.len; i++) {
		char c = field.data[i];

		expect(!(begins && is_formula(c)));
		begins = c == ';' || c == ',' || (begins && c == '"');
		if (c == '\'' && i + 1 < field.len && is_formula(field.data[i + 1]) &&
			fuzz.value[at] != '\'')
			continue;
		if (fuzz.value[at] == c)
			at++;
		else
			for (expect(c == ' '), at++;
				((unsigned char)fuzz.value[at] & 0xc0) == 0x80;)
				at++;
	}
	expect(at == fuzz.len);
	buf_free(&out);
	buf_free(&field);
}

/* One line without control characters. */
static void try_terminal(void)
{
	struct buf out = {0};

	buf_add_escaped(&out, fuzz.value, fuzz.len, '"');
	for (size_t i = 0; i < out.len; i++) {
		unsigned char c = (unsigned char)out.data[i];

		expect(c >= ' ' && c != 0x7f && (c != '"' || (i > 0 && out.data[i - 1] == '\\')));
		expect(c != 0xc2 || (unsigned char)out.data[i + 1] >= 0xa0);
	}
	buf_free(&out);
}

/* ---- */

static void start(void)
{
	static char source[] = "s", type[] = "a.b", origin[] = "webhook", key[] = "s/1/h";
	struct buf errors = {0};

	if (setenv("FUZZ_SECRET", "wh_sandbox_fuzz", 1) != 0 || sodium_init() < 0)
		abort();
	fuzz.conf = conf_parse("/fuzz/hookd.yaml", config, strlen(config), &errors);
	if (fuzz.conf == NULL || fuzz.conf->hook_count != HOOKS) {
		(void)fprintf(stderr, "%s", errors.data);
		abort();
	}
	buf_free(&errors);
	fuzz.job = (struct delivery_job){.event = 1, .delivery = 1, .attempt = 1};
	fuzz.job.source = source;
	fuzz.job.type = type;
	fuzz.job.origin = origin;
	fuzz.job.idempotency_key = key;
}

static void try(int place, const json_t *document)
{
	if (place == SCRIPT || place == DASH)
		try_script(place);
	else if (place == URL || place == HOST)
		try_request(place);
	else if (place < HOOKS)
		try_mail(place);
	else if (place == HTML)
		try_html(document);
	else if (place == CSV)
		try_csv();
	else
		try_terminal();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct buf payload = {0};
	json_t *document, *value;

	if (size == 0 || size > 8192)
		return 0;
	if (fuzz.conf == NULL)
		start();
	buf_add_text(&payload, "{\"name\":\"a.b\",\"y\":\"why\",\"x\":");
	buf_add_json(&payload, (const char *)data + 1, size - 1);
	buf_add_char(&payload, '}');
	document = json_loadb(payload.data, payload.len, JSON_ALLOW_NUL, NULL);
	value = json_object_get(document, "x");
	expect(value != NULL);
	fuzz.value = json_string_value(value);
	fuzz.len = json_string_length(value);
	fuzz.job.payload = payload.data;
	fuzz.job.payload_len = payload.len;
	try(data[0] % PLACES, document);
	json_decref(document);
	buf_free(&payload);
	return 0;
}
