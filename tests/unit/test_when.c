/* `when` of a hook, from the config's text to its verdict over an event. */
#include "buf.h"
#include "conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char event[] =
	"{\"name\": \"transaction.approved\", \"count\": 3, \"big\": 9007199254740993,"
	" \"max\": 9223372036854775807, \"min\": -9223372036854775808, \"half\": 0.5,"
	" \"tenth\": 0.1, \"neg\": -2, \"zero\": 0, \"yes\": true, \"no\": false, \"nil\": null,"
	" \"nulltext\": \"null\", \"truetext\": \"true\", \"dec\": \"0.018\","
	" \"whole\": \"5000.00\", \"sci\": \"1e3\", \"text\": \"mtn_open\", \"none\": \"\","
	" \"space\": \" \", \"list\": [], \"object\": {},"
	" \"items\": [{\"sku\": \"A-1\", \"n\": 2}, {\"sku\": \"B-2\"}],"
	" \"at\": \"2026-06-30T22:50:29.001Z\", \"odd key\": \"x\", \"a.b\": \"dotted\","
	" \"accents\": \"\u00e9t\u00e9\", \"lines\": \"one\\ntwo\", \"nul\": \"a\\u0000b\","
	" \"entity\": {\"amount\": 5000, \"customer\": {\"email\": \"awa@example.com\"}}}";

static const struct {
	const char *when;
	bool holds;
	const char *why; /* a part of the reason; NULL: whatever */
} rows[] = {
	/* equal: numbers as numbers */
	{"{count: 3}", true, NULL},
	{"{count: \"3\"}", true, NULL},
	{"{count: 3.0}", true, NULL},
	{"{count: 03}", true, NULL},
	{"{count: 4}", false, "count is 3: expected 4"},
	{"{count: -3}", false, NULL},
	{"{count: three}", false, NULL},
	{"{count: [1, 2, 3]}", true, NULL},
	{"{count: [1, 2]}", false, "count is 3"},
	{"{big: 9007199254740993}", true, NULL},
	{"{big: 9007199254740992}", false, NULL},
	{"{big: {gt: 9007199254740992}}", true, NULL},
	{"{big: {lt: 9007199254740993}}", false, NULL},
	{"{max: 9223372036854775807}", true, NULL},
	{"{max: {gt: 9223372036854775806}}", true, NULL},
	{"{max: {lt: 9223372036854775808}}", true, NULL},
	{"{max: {lt: 99999999999999999999999999}}", true, NULL},
	{"{min: -9223372036854775808}", true, NULL},
	{"{min: {lt: -9223372036854775807}}", true, NULL},
	{"{min: {gt: -9223372036854775809}}", true, NULL},
	{"{half: 0.5}", true, NULL},
	{"{half: 0.50}", true, NULL},
	{"{half: {gte: 0.5, lte: 0.5}}", true, NULL},
	{"{half: {gt: 0.5}}", false, NULL},
	{"{tenth: 0.1}", true, NULL},
	{"{neg: {lt: 0}}", true, NULL},
	{"{neg: {gt: -3, lt: -1}}", true, NULL},
	{"{neg: {gt: -2}}", false, NULL},
	{"{zero: 0}", true, NULL},
	{"{zero: -0}", true, NULL},
	{"{zero: {empty: true}}", false, NULL},
	/* decimal texts, exactly */
	{"{dec: 0.018}", true, NULL},
	{"{dec: \"0.018\"}", true, NULL},
	{"{dec: 0.0180}", true, NULL},
	{"{dec: {gt: 0.0179999999999999999999}}", true, NULL},
	{"{dec: {lt: 0.018}}", false, NULL},
	{"{whole: 5000}", true, NULL},
	{"{whole: {gte: 5000, lt: 5000.01}}", true, NULL},
	{"{sci: 1000}", false, NULL},
	{"{sci: 1e3}", true, NULL}, /* as a text */
	{"{sci: {gt: 5}}", false, NULL},
	/* texts */
	{"{text: mtn_open}", true, NULL},
	{"{text: MTN_OPEN}", false, "text is \"mtn_open\""},
	{"{text: [moov, mtn_open]}", true, NULL},
	{"{text: {eq: mtn_open}}", true, NULL},
	{"{text: {ne: moov}}", true, NULL},
	{"{text: {ne: mtn_open}}", false, NULL},
	{"{text: {in: [a, mtn_open]}}", true, NULL},
	{"{text: {in: [a, b]}}", false, NULL},
	{"{text: {not_in: [a, b]}}", true, NULL},
	{"{text: {not_in: [a, mtn_open]}}", false, NULL},
	{"{text: {gt: 5}}", false, NULL},
	{"{text: {lt: \"2026-06-30T22:50:29Z\"}}", false, NULL},
	{"{none: \"\"}", true, NULL},
	{"{accents: \xc3\xa9t\xc3\xa9}", true, NULL},
	{"{nul: a}", false, NULL},
	/* true, false, null */
	{"{yes: true}", true, NULL},
	{"{yes: \"true\"}", false, NULL},
	{"{yes: false}", false, NULL},
	{"{no: false}", true, NULL},
	{"{no: 0}", false, NULL},
	{"{truetext: \"true\"}", true, NULL},
	{"{truetext: true}", true, NULL},
	{"{nil: null}", true, NULL},
	{"{nil: ~}", true, NULL},
	{"{nil: \"null\"}", false, NULL},
	{"{nil: {ne: x}}", true, NULL},
	{"{nil: {lt: 1}}", false, NULL},
	{"{nulltext: null}", false, NULL},
	{"{nulltext: \"null\"}", true, NULL},
	/* what is missing */
	{"{missing: x}", false, "missing is missing"},
	{"{missing: null}", false, NULL},
	{"{missing: {ne: x}}", false, NULL},
	{"{missing: {not_in: [x]}}", false, NULL},
	{"{missing: {lt: 5}}", false, NULL},
	{"{missing: {glob: \"*\"}}", false, NULL},
	{"{missing: {matches: \"\"}}", false, NULL},
	{"{not: {missing: x}}", true, NULL},
	{"{entity.amount.currency: {exists: true}}", false, NULL},
	/* exists, empty */
	{"{missing: {exists: false}}", true, NULL},
	{"{missing: {exists: true}}", false, NULL},
	{"{nil: {exists: true}}", true, NULL},
	{"{nil: {empty: true}}", true, NULL},
	{"{missing: {empty: true}}", true, NULL},
	{"{missing: {empty: false}}", false, NULL},
	{"{none: {exists: true, empty: true}}", true, NULL},
	{"{space: {empty: true}}", false, NULL},
	{"{list: {empty: true}}", true, NULL},
	{"{object: {empty: true}}", true, NULL},
	{"{items: {empty: false}}", true, NULL},
	{"{no: {empty: true}}", false, NULL},
	/* times as times */
	{"{at: \"2026-06-30T22:50:29.001Z\"}", true, NULL},
	{"{at: \"2026-06-30T23:50:29.001+01:00\"}", true, NULL},
	{"{at: \"2026-06-30T22:50:29Z\"}", false, NULL},
	{"{at: {gt: \"2026-06-30T22:50:29Z\", lt: \"2026-06-30T22:50:30Z\"}}", true, NULL},
	{"{at: {gte: \"2026-07-01T00:50:29+02:00\"}}", true, NULL},
	{"{at: {lt: \"2026-06-30T22:50:29.001Z\"}}", false, NULL},
	{"{at: {gt: 5}}", false, NULL},
	/* globs and expressions */
	{"{text: {glob: \"mtn_*\"}}", true, NULL},
	{"{text: {glob: mtn}}", false, NULL},
	{"{text: {glob: \"mtn?[n-p]pen\"}}", true, NULL},
	{"{text: {glob: \"*\"}}", true, NULL},
	{"{object: {glob: \"*\"}}", false, NULL},
	{"{text: {matches: \"^mtn_(open|closed)$\"}}", true, NULL},
	{"{text: {matches: n_o}}", true, NULL},
	{"{text: {matches: \"^n_o\"}}", false, NULL},
	{"{text: {matches: \"[[:upper:]]\"}}", false, NULL},
	{"{lines: {matches: \"^one.two$\"}}", true, NULL},
	{"{entity.customer.email: {matches: \"@example\\\\.(com|org)$\"}}", true, NULL},
	/* paths */
	{"{entity.amount: 5000}", true, NULL},
	{"{items.0.sku: A-1}", true, NULL},
	{"{items.1.sku: B-2}", true, NULL},
	{"{items.0.n: {gte: 2}}", true, NULL},
	{"{items.2.sku: {exists: true}}", false, NULL},
	{"{items.-1.sku: {exists: true}}", false, NULL},
	{"{items.sku: {exists: true}}", false, NULL},
	{"{items.99999999999999999999: {exists: true}}", false, NULL},
	{"{'\"odd key\"': x}", true, NULL},
	{"{'\"a.b\"': dotted}", true, NULL},
	{"{a.b: dotted}", false, NULL},
	{"{text.0: {exists: true}}", false, NULL},
	{"{object: x}", false, NULL},
	{"{list: {ne: x}}", true, NULL},
	/* together */
	{"{count: 3, text: mtn_open}", true, NULL},
	{"{count: 3, text: moov}", false, "text is"},
	{"{any: [{count: 4}, {text: mtn_open}]}", true, NULL},
	{"{any: [{count: 4}, {text: moov}]}", false, NULL},
	{"{all: [{count: 3}, {text: mtn_open}]}", true, NULL},
	{"{all: [{count: 3}, {text: moov}]}", false, NULL},
	{"{not: {count: 4}}", true, NULL},
	{"{not: {count: 3}}", false, NULL},
	{"{not: {count: 3, text: moov}}", true, NULL},
	{"{not: {not: {count: 3}}}", true, NULL},
	{"{count: 3, any: [{text: moov}, {yes: true}]}", true, NULL},
	{"{count: 3, not: {yes: true}}", false, NULL},
	{"{any: [{all: [{count: 3}, {no: true}]}, {not: {any: [{yes: false}, {zero: 1}]}}]}", true,
		NULL},
};

static struct conf *load(const char *when)
{
	char path[] = "/tmp/hookd-when-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	struct buf errors = {0};
	struct conf *conf;

	assert_non_null(file);
	fprintf(file,
		"sources: [{name: s, path: /in, scheme: fedapay, secrets: [{env: TEST_WHEN}]}]\n"
		"hooks: [{name: h, source: s, on: \"*\", run: [/bin/true], when: %s}]\n",
		when);
	fclose(file);
	conf = conf_load(path, &errors);
	unlink(path);
	if (conf == NULL || errors.len > 0)
		fail_msg("%s: %s", when, errors.data);
	buf_free(&errors);
	return conf;
}

static bool verdict(const char *when, const json_t *document, struct buf *why)
{
	struct conf *conf = load(when);
	bool holds = condition_holds(conf->all[0]->when, document, why);

	assert_int_equal(condition_holds(conf->all[0]->when, document, NULL), holds);
	conf_unref(conf);
	return holds;
}

static void test_the_table(void **state)
{
	json_t *document = json_loads(event, JSON_ALLOW_NUL, NULL);
	size_t wrong = 0;

	(void)state;
	assert_non_null(document);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf why = {0};
		bool holds = verdict(rows[i].when, document, &why);
		const char *said = why.data != NULL ? why.data : "";

		if (holds != rows[i].holds || (!holds && *said == '\0') ||
			(rows[i].why != NULL && strstr(said, rows[i].why) == NULL)) {
			print_error("%s %s: \"%s\"\n", rows[i].when,
				holds ? "holds" : "does not hold", said);
			wrong++;
		}
		buf_free(&why);
	}
	assert_int_equal(wrong, 0);
	json_decref(document);
}

/* An event cannot make an expression slow: only the first CONDITION_SUBJECT bytes of
 * its texts are looked at. */
static void test_notorious_expressions(void **state)
{
	static const struct {
		const char *when;
		bool holds;
	} notorious[] = {
		{"{x: {matches: \"^(a+)+$\"}}", true}, {"{x: {matches: \"^(a+)+b\"}}", false},
		{"{x: {matches: \"(a|aa)+b\"}}", false}, {"{x: {matches: \"(a|a?)+b\"}}", false},
		{"{x: {matches: \"(x+x+)+y\"}}", false},
		{"{x: {matches: \"^(([a-z])+.)+[A-Z]([a-z])+$\"}}", false},
		{"{x: {matches: \"(.*a){12}b\"}}", false},
		{"{x: {matches: \"b$\"}}", false}, /* beyond what is looked at */
	};
	const size_t len = (size_t)1 << 20;
	char *text = malloc(len);
	json_t *document;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	text[len - 1] = 'b';
	document = json_pack("{s:s%}", "x", text, len);
	assert_non_null(document);
	for (size_t i = 0; i < sizeof(notorious) / sizeof(notorious[0]); i++)
		if (verdict(notorious[i].when, document, NULL) != notorious[i].holds)
			fail_msg("%s", notorious[i].when);
	json_decref(document);
	free(text);
}

static void test_what_a_reason_quotes_is_escaped_and_cut(void **state)
{
	struct buf why = {0};
	char text[5001];
	json_t *document;

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	memcpy(text, "a\n\x1b[31m\t\"", 8);
	text[sizeof(text) - 1] = '\0';
	document = json_pack("{s:s}", "x", text);
	assert_false(verdict("{x: z}", document, &why));
	assert_in_range(why.len, 10, 400);
	for (size_t i = 0; i < why.len; i++)
		assert_in_range((unsigned char)why.data[i], 0x20, 0xfe);
	assert_non_null(strstr(why.data, "a\\n"));
	buf_free(&why);
	json_decref(document);
}

static void test_in_words(void **state)
{
	struct conf *conf = load("{entity.amount: {gte: 100}, entity.mode: [mtn_open, moov],"
				 " not: {any: [{a: 1}, {b: {exists: false}}]}}");
	struct buf out = {0};

	(void)state;
	condition_explain(conf->all[0]->when, &out);
	assert_non_null(out.data);
	assert_non_null(strstr(out.data, "entity.amount is at least 100"));
	assert_non_null(strstr(out.data, "one of \"mtn_open\", \"moov\""));
	assert_non_null(strstr(out.data, "not"));
	assert_null(strchr(out.data, '\n'));
	buf_free(&out);
	conf_unref(conf);
}

static int set_secret(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	return setenv("TEST_WHEN", "wh_sandbox_0123456789abcdef0123456789abcdef", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_notorious_expressions),
		cmocka_unit_test(test_what_a_reason_quotes_is_escaped_and_cut),
		cmocka_unit_test(test_in_words),
	};
	return cmocka_run_group_tests(tests, set_secret, NULL);
}
