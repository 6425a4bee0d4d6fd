/* Actions as the config has them: run, email, forward, and what is derived from
 * on_failure, digest and silence; the mail server; conf_explain. */
#include "base/buf.h"
#include "conf/conf.h"
#include "conf/explain.h"
#include "made_up.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SOURCE                                                                                     \
	"sources:\n"                                                                               \
	"  - {name: shop, path: /in, scheme: fedapay, secrets: [{env: TEST_SECRET}]}\n"
#define MAIL         "email: {server: 'smtp://mail.example.com', from: shop@example.com}\n"
#define HOOK(action) "hooks:\n  - {name: ship, source: shop, on: a.b, " action "}\n"

static char scratch[] = "/tmp/hookd-actions-XXXXXX";

/* In the scratch directory, where relative files are. */
static struct conf *parse(const char *text, struct buf *errors)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s/hookd.yaml", scratch);
	return conf_parse(file, text, strlen(text), errors);
}

/* A config without errors and warnings, but for types and paths that are made up. */
static struct conf *good(const char *text)
{
	struct buf errors = {0};
	struct conf *conf = parse(text, &errors);

	if (!all_made_up(&errors))
		print_error("%s", errors.data);
	assert_non_null(conf);
	assert_true(all_made_up(&errors));
	buf_free(&errors);
	return conf;
}

static void scratch_file(const char *name, const char *bytes)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	assert_int_equal(close(fd), 0);
}

static void assert_text(const struct template *t, const char *text)
{
	assert_non_null(t);
	assert_string_equal(template_text(t), text);
}

static void test_no_action_but_run(void **state)
{
	struct conf *conf = good(SOURCE HOOK("run: [/bin/true, \"{{entity.id}}\", x]"));
	const struct conf_hook *h = &conf->hooks[0];

	(void)state;
	assert_true(conf_action_is_set(&h->own));
	assert_false(conf_action_is_set(&h->own_failure));
	assert_false(conf_action_is_set(&conf->on_failure));
	assert_ptr_equal(h->action, &h->own);
	assert_string_equal(h->own.program, "/bin/true");
	assert_int_equal(h->own.run.count, 2);
	assert_text(h->own.run.list[0], "{{entity.id}}");
	assert_false(template_is_constant(h->own.run.list[0]));
	assert_false(h->own.allow_dash);
	assert_int_equal(h->own.email.to.count, 0);
	assert_null(h->own.forward.url);
	assert_null(h->when);
	assert_int_equal(h->order, CONF_ORDER_NONE);
	assert_false(h->skip_stale);
	assert_null(h->on_failure);
	assert_int_equal(conf->derived_count, 0);
	assert_int_equal(conf->all_count, 1);
	assert_ptr_equal(conf->all[0], h);
	assert_null(conf->digest_hook);
	assert_null(conf->silence_hook);
	assert_string_equal(conf->own.name, CONF_OWN_SOURCE);
	assert_null(conf_source_by_name(conf, CONF_OWN_SOURCE));
	assert_null(conf->email.url);
	assert_null(conf->timezone);
	conf_unref(conf);
}

static void test_every_key_of_an_email(void **state)
{
	struct conf *conf;
	const struct conf_email *e;

	(void)state;
	scratch_file("body.txt", "\xef\xbb\xbf{{entity.id}}\n");
	conf = good(MAIL SOURCE HOOK(
		"email: {to: '{{a}}', cc: [b@example.com, '{{c}}'], bcc: 'd@example.com, "
		"e@example.com', reply_to: f@example.com, from: 'X <{{g}}@example.com>', "
		"subject: 'Hé {{h}}', body_file: body.txt, html: '<p>{{i}}', attach_payload: "
		"true}"));
	e = &conf->hooks[0].own.email;
	assert_int_equal(e->to.count, 1);
	assert_text(e->to.list[0], "{{a}}");
	assert_int_equal(e->cc.count, 2);
	assert_text(e->cc.list[1], "{{c}}");
	assert_int_equal(e->bcc.count, 1);
	assert_text(e->reply_to.list[0], "f@example.com");
	assert_text(e->from, "X <{{g}}@example.com>");
	assert_text(e->subject, "Hé {{h}}");
	assert_text(e->body, "{{entity.id}}\n"); /* without the byte order mark */
	assert_text(e->html, "<p>{{i}}");
	assert_true(e->attach_payload);
	assert_null(conf->hooks[0].own.program);
	conf_unref(conf);
}

/* HTML templates escape, text templates do not. */
static void test_kinds_of_templates(void **state)
{
	struct conf *conf;
	const struct conf_email *e;
	json_t *document = json_pack("{s:s}", "a", "<&>");
	struct buf text = {0};
	char why[TEMPLATE_WHY];

	(void)state;
	scratch_file("page.html", "<p>{{a}}");
	conf = good(MAIL SOURCE HOOK("email: {to: a@example.com, subject: '{{a}}', body: '{{a}}', "
				     "html_file: page.html}"));
	e = &conf->hooks[0].own.email;
	assert_int_equal(
		template_render(e->body, document, TEMPLATE_EMPTY, &text, why), TEMPLATE_OK);
	assert_string_equal(text.data, "<&>");
	buf_clear(&text);
	assert_int_equal(
		template_render(e->html, document, TEMPLATE_EMPTY, &text, why), TEMPLATE_OK);
	assert_string_equal(text.data, "<p>&lt;&amp;&gt;");
	buf_free(&text);
	json_decref(document);
	conf_unref(conf);
}

static void test_every_key_of_a_forward(void **state)
{
	struct conf *conf;
	const struct conf_forward *f;

	(void)state;
	scratch_file("token", "abc.DEF-123\n");
	scratch_file("whsec", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
	scratch_file("x.pem", "x");
	conf = good(SOURCE HOOK(
		"forward: {url: 'https://erp.example.com:8443/in/{{entity.id}}', method: PATCH, "
		"headers: {X-Order: '{{entity.reference}}', Content-Type: text/plain, X-Empty: }, "
		"secret: {file: whsec}, bearer: {file: token}, ca: x.pem, certificate: x.pem, "
		"key: x.pem}, output: 1KiB"));
	f = &conf->hooks[0].own.forward;
	assert_text(f->url, "https://erp.example.com:8443/in/{{entity.id}}");
	assert_true(f->url_fixed);
	assert_string_equal(f->method, "PATCH");
	assert_int_equal(f->header_count, 3);
	assert_string_equal(f->headers[0].name, "X-Order");
	assert_text(f->headers[0].value, "{{entity.reference}}");
	assert_text(f->headers[2].value, "");
	assert_true(secret_starts_with(f->secret, "whsec_"));
	assert_int_equal(secret_len(f->bearer), strlen("abc.DEF-123"));
	assert_true(f->verify_tls);
	assert_non_null(strstr(f->ca, "/x.pem"));
	assert_non_null(f->certificate);
	assert_non_null(f->key);
	conf_unref(conf);

	conf = good(SOURCE HOOK("forward: {url: 'http://127.0.0.1:1/'}"));
	f = &conf->hooks[0].own.forward;
	assert_string_equal(f->method, "POST");
	assert_int_equal(f->header_count, 0);
	assert_null(f->secret);
	assert_null(f->bearer);
	assert_true(f->verify_tls);
	assert_null(f->ca);
	conf_unref(conf);
}

/* Where an event may choose the host, only public addresses are allowed. */
static void test_fixed_urls(void **state)
{
	static const struct {
		const char *url;
		int fixed; /* -1: refused */
	} urls[] = {{"https://erp.example.com", 1}, {"HTTPS://erp.example.com/x", 1},
		{"http://[2001:db8::1]:8080/", 1}, {"https://erp.example.com/{{a}}", 1},
		{"https://erp.example.com?{{a}}", 1}, {"https://erp.example.com:80/{{a}}", 1},
		{"https://{{a}}/", 0}, {"{{a}}", 0}, {"http{{a}}", 0}, {"https:/{{a}}", 0},
		{"https://erp.example.com{{a}}", 0}, {"https://erp.example.com:{{a}}/", 0},
		{"https://x{{a}}.example.com/", 0}, {"https://erp.example.com{{a}}/x@y", 0},
		{"https://erp.example.com:99999/", -1}, {"https://erp.example.com:9 9/", -1},
		{"https://[::g]/", -1}, {"https://[::1/", -1}, {"https://a@b/{{c}}", -1},
		{"https:///{{a}}", -1}, {"https://?{{a}}", -1}, {"file:///etc/passwd", -1},
		{"gopher://{{a}}", -1}, {"https://x.example.com/#{{a}}", -1},
		{"https://x.example.com\\\\{{a}}", -1}, {"//x.example.com/", -1}};
	struct buf errors = {0};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text), SOURCE HOOK("forward: {url: \"%s\"}"), urls[i].url);
		conf = parse(text, &errors);
		if ((conf != NULL ? (int)conf->hooks[0].own.forward.url_fixed : -1) !=
			urls[i].fixed)
			fail_msg("%s", urls[i].url);
		conf_unref(conf);
	}
	buf_free(&errors);
}

static void test_mail_servers(void **state)
{
	static const struct {
		const char *keys, *url;
		enum conf_mail_tls tls;
	} servers[] = {
		{"server: 'smtp://mail.example.com'", "smtp://mail.example.com:587",
			CONF_MAIL_STARTTLS},
		{"server: 'smtp://mail.example.com:25', tls: starttls",
			"smtp://mail.example.com:25", CONF_MAIL_STARTTLS},
		{"server: 'smtps://mail.example.com'", "smtps://mail.example.com:465",
			CONF_MAIL_IMPLICIT},
		{"server: 'smtps://10.0.0.1:1', tls: implicit", "smtps://10.0.0.1:1",
			CONF_MAIL_IMPLICIT},
		{"server: 'smtp://[::1]', tls: none", "smtp://[::1]:587", CONF_MAIL_PLAIN},
		{"server: 'smtp://127.0.0.2', tls: none, username: a, password: {env: "
		 "TEST_SECRET}",
			"smtp://127.0.0.2:587", CONF_MAIL_PLAIN},
		{"server: 'smtp://localhost:25', tls: none, username: a, password: {env: "
		 "TEST_SECRET}",
			"smtp://localhost:25", CONF_MAIL_PLAIN},
		{"server: 'unix:/run/smtp.sock'", "smtp://localhost", CONF_MAIL_PLAIN},
		{"server: 'unix:/run/smtp.sock', tls: none, username: a, password: {env: "
		 "TEST_SECRET}",
			"smtp://localhost", CONF_MAIL_PLAIN},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text), "email: {%s, from: a@example.com}\n%s",
			servers[i].keys, SOURCE HOOK("run: [/bin/true]"));
		conf = good(text);
		assert_string_equal(conf->email.url, servers[i].url);
		assert_int_equal(conf->email.tls, servers[i].tls);
		assert_int_equal(
			conf->email.socket != NULL, strstr(servers[i].keys, "unix:") != NULL);
		assert_int_equal(
			conf->email.username != NULL, strstr(servers[i].keys, "username") != NULL);
		assert_int_equal(conf->email.password != NULL, conf->email.username != NULL);
		assert_null(conf->email.command);
		assert_string_equal(conf->email.from.mailbox, "a@example.com");
		conf_unref(conf);
	}
}

static void test_sendmail(void **state)
{
	struct conf *conf =
		good("email: {sendmail: [/bin/true, -i, '{{x}}'], "
		     "from: 'My Shop <a@example.com>'}\n" SOURCE HOOK("run: [/bin/true]"));

	(void)state;
	assert_null(conf->email.url);
	assert_string_equal(conf->email.command[0], "/bin/true");
	assert_string_equal(conf->email.command[1], "-i");
	assert_string_equal(conf->email.command[2], "{{x}}"); /* not a template */
	assert_null(conf->email.command[3]);
	assert_string_equal(conf->email.from.name, "My Shop");
	assert_string_equal(conf->email.from.mailbox, "a@example.com");
	conf_unref(conf);
	conf = good("email: {sendmail: /bin/true, from: a@example.com}\n" SOURCE HOOK(
		"run: [/bin/true]"));
	assert_string_equal(conf->email.command[0], "/bin/true");
	assert_null(conf->email.command[1]);
	conf_unref(conf);
}

static void test_every_key_of_a_failure_action(void **state)
{
	struct conf *conf = good(SOURCE HOOK(
		"run: [/bin/true], timeout: 2s, on_failure: {run: [/bin/false, '{{x}}'], timeout: "
		"1s, env: {A: '{{b}}', PATH: /x}, directory: /tmp, rlimits: {cpu: 1s}, "
		"give_up_on: [3], kill_after: 0, output: 1, concurrency: 2, allow_dash: true, "
		"retry: {attempts: 3, first: 1s, max: 2s}}"));
	const struct conf_action *a = &conf->hooks[0].own_failure;

	(void)state;
	assert_int_equal(conf->hooks[0].own.timeout, 2000);
	assert_string_equal(a->program, "/bin/false");
	assert_int_equal(a->timeout, 1000);
	assert_int_equal(a->env_count, 2);
	assert_text(a->env[0].value, "{{b}}");
	assert_non_null(strstr(a->base_env[0], "LANG="));
	assert_non_null(strstr(a->base_env[1], "HOME="));
	assert_null(a->base_env[2]);
	assert_string_equal(a->directory, "/tmp");
	assert_int_equal(a->rlimit_count, 1);
	assert_int_equal(a->give_up_count, 1);
	assert_int_equal(a->kill_after, 0);
	assert_int_equal(a->output, 1);
	assert_int_equal(a->concurrency, 2);
	assert_true(a->allow_dash);
	assert_int_equal(a->retry.attempts, 3);
	conf_unref(conf);
}

static void test_derived_hooks(void **state)
{
	struct conf *conf = good(MAIL SOURCE
		"hooks:\n"
		"  - {name: one, source: shop, on: a, run: [/bin/true]}\n"
		"  - {name: two, source: shop, on: a, run: [/bin/true], on_failure: {run: "
		"[/bin/false], timeout: 5s}}\n"
		"on_failure: {run: [/bin/echo]}\n"
		"digest: {email: {to: owner@example.com}}\n"
		"silence: {run: [/bin/true], sources: shop}\n");
	const struct conf_hook *one = &conf->hooks[0], *two = &conf->hooks[1];

	(void)state;
	assert_int_equal(conf->derived_count, 4);
	assert_string_equal(one->on_failure->name, "one/on_failure");
	assert_ptr_equal(one->on_failure->action, &conf->on_failure);
	assert_ptr_equal(one->on_failure->source, &conf->sources[0]);
	assert_null(one->on_failure->on_failure);
	assert_int_equal(one->on_failure->on_count, 0);
	assert_false(conf_action_is_set(&one->on_failure->own));
	assert_string_equal(two->on_failure->name, "two/on_failure");
	assert_ptr_equal(two->on_failure->action, &two->own_failure);
	assert_int_equal(two->on_failure->action->timeout, 5000);
	assert_string_equal(conf->digest_hook->name, "hookd/digest");
	assert_ptr_equal(conf->digest_hook->action, &conf->digest.action);
	assert_ptr_equal(conf->digest_hook->source, &conf->own);
	assert_null(conf->digest_hook->on_failure);
	assert_string_equal(conf->silence_hook->name, "hookd/silence");
	assert_ptr_equal(conf->silence_hook->action, &conf->silence.action);
	assert_non_null(conf->on_failure.base_env);
	assert_non_null(conf->silence.action.base_env);

	assert_int_equal(conf->all_count, 6);
	for (size_t i = 0; i < conf->all_count; i++)
		conf->all[i]->store_id = (int64_t)i + 10;
	for (size_t i = 0; i < conf->all_count; i++)
		assert_ptr_equal(conf_hook_by_store_id(conf, (int64_t)i + 10), conf->all[i]);
	assert_ptr_equal(conf->all[0], one);
	assert_ptr_equal(conf->all[5], conf->silence_hook);
	assert_null(conf_hook_by_name(conf, "one/on_failure"));
	conf_unref(conf);
}

static void test_digest_and_silence(void **state)
{
	struct conf *conf = good(
		MAIL SOURCE HOOK("run: [/bin/true]") "digest: {email: {to: owner@example.com}}\n"
						     "silence: {email: {to: a@example.com, "
						     "subject: Quiet, html: '<p>{{text}}'}}\n");

	(void)state;
	assert_int_equal(conf->digest.at, 8 * 60);
	assert_int_equal(conf->digest.when, CONF_DIGEST_ALWAYS);
	assert_text(conf->digest.action.email.subject, "{{subject}}");
	assert_text(conf->digest.action.email.body, "{{text}}");
	assert_int_equal(conf->silence.after, 6 * 3600 * 1000);
	assert_int_equal(conf->silence.source_count, 0);
	assert_text(conf->silence.action.email.subject, "Quiet");
	assert_null(conf->silence.action.email.body);
	conf_unref(conf);

	conf = good(SOURCE HOOK("run: [/bin/true]") //
		"digest: {at: 23:59, when: dead, run: [/bin/true]}\n"
		"silence: {after: 30d, sources: [shop], run: [/bin/true]}\n"
		"timezone: UTC\n");
	assert_int_equal(conf->digest.at, 23 * 60 + 59);
	assert_int_equal(conf->digest.when, CONF_DIGEST_DEAD);
	assert_int_equal(conf->silence.after, 30LL * 86400000);
	assert_int_equal(conf->silence.source_count, 1);
	assert_ptr_equal(conf->silence.sources[0], &conf->sources[0]);
	assert_string_equal(conf->timezone, "UTC");
	conf_unref(conf);
}

static void test_empty_digest_is_none(void **state)
{
	struct conf *conf = good(
		SOURCE HOOK("run: [/bin/true], on_failure: ") "digest:\nsilence:\non_failure:\n");

	(void)state;
	assert_int_equal(conf->derived_count, 0);
	assert_null(conf->digest_hook);
	conf_unref(conf);
}

static void test_order(void **state)
{
	struct conf *conf = good(SOURCE HOOK("run: [/bin/true], order: entity, skip_stale: true"));

	(void)state;
	assert_int_equal(conf->hooks[0].order, CONF_ORDER_ENTITY);
	assert_true(conf->hooks[0].skip_stale);
	conf_unref(conf);
}

static void test_conditions(void **state)
{
	struct conf *conf = good(SOURCE HOOK(
		"run: [/bin/true], when: {a: null, any: [{b: [1, x]}, {not: {c: ~}}]}"));
	json_t *document = json_pack("{s:n,s:i}", "a", "b", 1);

	(void)state;
	assert_true(condition_holds(conf->hooks[0].when, document, NULL));
	assert_int_equal(json_object_set_new(document, "a", json_string("x")), 0);
	assert_false(condition_holds(conf->hooks[0].when, document, NULL));
	json_decref(document);
	conf_unref(conf);
}

static void test_zones_of_the_system(void **state)
{
	struct conf *conf;

	(void)state;
	if (access("/usr/share/zoneinfo/Africa/Porto-Novo", R_OK) < 0)
		skip();
	conf = good("timezone: Africa/Porto-Novo\n" SOURCE HOOK("run: [/bin/true]"));
	assert_string_equal(conf->timezone, "Africa/Porto-Novo");
	conf_unref(conf);
}

static void test_environment_in_templates(void **state)
{
	struct conf *conf = good(SOURCE HOOK(
		"run: [/bin/true, '${TEST_PATH}', '$${TEST_PATH}'], env: {A: '{{${TEST_PATH}}}'}"));

	(void)state;
	/* its value is part of the template, as if it were in the file */
	assert_text(conf->hooks[0].own.run.list[0], "entity.id");
	assert_text(conf->hooks[0].own.run.list[1], "${TEST_PATH}");
	assert_text(conf->hooks[0].own.env[0].value, "{{entity.id}}");
	conf_unref(conf);
}

/* A template of the largest size is accepted, one byte more is not. */
static void test_large_template_files(void **state)
{
	const size_t max = (size_t)1 << 20;
	const char *text =
		MAIL SOURCE HOOK("email: {to: a@example.com, subject: x, body_file: large.txt}");
	char *bytes = malloc(max + 2);
	struct buf errors = {0};
	struct conf *conf;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'a', max + 1);
	bytes[max] = '\0';
	scratch_file("large.txt", bytes);
	conf = good(text);
	assert_int_equal(strlen(template_text(conf->hooks[0].own.email.body)), max);
	conf_unref(conf);
	bytes[max] = 'a';
	bytes[max + 1] = '\0';
	scratch_file("large.txt", bytes);
	assert_null(parse(text, &errors));
	assert_non_null(strstr(errors.data, "large.txt: larger than 1MiB"));
	buf_free(&errors);
	free(bytes);
}

static void assert_explained(const char *text, const char *expected)
{
	struct conf *conf = good(text);
	struct buf out = {0};

	conf_explain(conf, &out);
	assert_true(buf_ok(&out));
	assert_string_equal(out.data, expected);
	assert_null(strstr(out.data, "first secret"));
	buf_free(&out);
	conf_unref(conf);
}

static void test_explanation(void **state)
{
	(void)state;
	assert_explained(
		"email: {server: 'smtp://mail.example.com', username: shop, password: {env: "
		"TEST_SECRET}, from: 'Ma Boutique <no-reply@example.com>'}\n" SOURCE "hooks:\n"
		"  - name: confirm\n"
		"    source: shop\n"
		"    on: transaction.approved\n"
		"    when: {entity.amount: {gte: 100}}\n"
		"    email: {to: '{{entity.customer.email}}', subject: 'Paiement "
		"{{entity.reference}} reçu', body: x, attach_payload: true}\n"
		"    on_failure:\n"
		"      run: [/bin/echo, 'a b', '{{failure.reason}}']\n"
		"      retry: {attempts: 1}\n"
		"  - name: tell-erp\n"
		"    source: shop\n"
		"    on: [a, b, 'c.*']\n"
		"    order: entity\n"
		"    skip_stale: true\n"
		"    forward: {url: 'https://erp.example.com/in?token=x', secret: {env: "
		"TEST_SECRET}, headers: {X-A: b}}\n"
		"    timeout: 90s\n"
		"digest: {when: dead, email: {to: owner@example.com}}\n"
		"silence: {after: 90m, sources: [shop], email: {to: owner@example.com}}\n",
		"source shop: on /in, scheme fedapay, 1 secret, at most 5 min old\n"
		"confirm: for transaction.approved from shop, when entity.amount is at least 100:\n"
		"    send an e-mail to {{entity.customer.email}}, \"Paiement {{entity.reference}}\n"
		"        reçu\", with the payload attached\n"
		"        up to 58 attempts of at most 30 s, 10 s to 2 h apart, at most 4 at once\n"
		"    given up: run /bin/echo \"a b\" {{failure.reason}}\n"
		"        one attempt of at most 30 s, at most 4 at once\n"
		"tell-erp: for a, b or c.* from shop, in order for each entity, without events\n"
		"    that a later state has overtaken:\n"
		"    forward it by POST to https://erp.example.com/in?…, signed, with X-A\n"
		"        up to 58 attempts of at most 90 s, 10 s to 2 h apart, at most 4 at once\n"
		"digest: each day at 08:00, when a delivery has died since the last:\n"
		"    send an e-mail to owner@example.com, \"{{subject}}\"\n"
		"        up to 58 attempts of at most 30 s, 10 s to 2 h apart, at most 4 at once\n"
		"silence: when shop, usually busy at that time, has sent nothing for 90 min:\n"
		"    send an e-mail to owner@example.com, \"{{subject}}\"\n"
		"        up to 58 attempts of at most 30 s, 10 s to 2 h apart, at most 4 at once\n"
		"mail is sent by smtp://mail.example.com:587, encrypted (STARTTLS), as shop, from\n"
		"    Ma Boutique <no-reply@example.com>\n");
}

static void test_explanation_of_other_ways(void **state)
{
	(void)state;
	assert_explained("email: {sendmail: [/bin/true, -i], from: a@example.com}\n"
			 "sources:\n"
			 "  - {name: shop, path: /in, scheme: fedapay, tolerance: 0, secrets: "
			 "[{env: TEST_SECRET}, {env: TEST_OTHER}], allow: [127.0.0.1]}\n"
			 "hooks:\n"
			 "  - {name: a, source: shop, on: x, run: [/bin/true], env: {SHOP: "
			 "cotonou}, directory: /tmp, give_up_on: [3, 4], rlimits: {cpu: 1s}}\n",
		"source shop: on /in, scheme fedapay, 2 secrets, however old, from 1 range of\n"
		"    addresses only\n"
		"a: for x from shop:\n"
		"    run /bin/true, with SHOP, in /tmp, with limits, giving up after exit 3, 4\n"
		"        up to 58 attempts of at most 30 s, 10 s to 2 h apart, at most 4 at once\n"
		"mail is sent by /bin/true -i, from a@example.com\n");
}

static int set_up(void **state)
{
	(void)state;
	setenv("TEST_SECRET", "the first secret", 1);
	setenv("TEST_OTHER", "the other secret", 1);
	setenv("TEST_PATH", "entity.id", 1);
	return mkdtemp(scratch) != NULL && sodium_init() >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[PATH_MAX];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_action_but_run),
		cmocka_unit_test(test_every_key_of_an_email),
		cmocka_unit_test(test_kinds_of_templates),
		cmocka_unit_test(test_every_key_of_a_forward),
		cmocka_unit_test(test_fixed_urls),
		cmocka_unit_test(test_mail_servers),
		cmocka_unit_test(test_sendmail),
		cmocka_unit_test(test_every_key_of_a_failure_action),
		cmocka_unit_test(test_derived_hooks),
		cmocka_unit_test(test_digest_and_silence),
		cmocka_unit_test(test_empty_digest_is_none),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_zones_of_the_system),
		cmocka_unit_test(test_environment_in_templates),
		cmocka_unit_test(test_large_template_files),
		cmocka_unit_test(test_explanation),
		cmocka_unit_test(test_explanation_of_other_ways),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
