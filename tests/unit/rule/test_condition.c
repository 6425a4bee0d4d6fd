/* Conditions: what holds, what is refused, what the reasons say, long texts. */
#include "rule/condition.h"

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/made_up.h"
#include "event/document.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* What is under test begins in line 8, column 11. */
#define BEFORE                                                                                     \
	"sources:\n"                                                                               \
	"  - {name: shop, path: /in, scheme: fedapay, secrets: [{env: TEST_SECRET}]}\n"            \
	"hooks:\n"                                                                                 \
	"  - name: ship\n"                                                                         \
	"    source: shop\n"                                                                       \
	"    on: '*'\n"                                                                            \
	"    run: [/bin/true]\n"                                                                   \
	"    when: "

static struct conf *load(const char *when, struct buf *errors)
{
	struct buf text = {0};
	struct conf *conf;

	buf_printf(&text, BEFORE "%s\n", when);
	assert_true(buf_ok(&text));
	conf = conf_parse("/tmp/hookd.yaml", text.data, text.len, errors);
	buf_free(&text);
	return conf;
}

static struct conf *load_good(const char *when)
{
	struct buf errors = {0};
	struct conf *conf = load(when, &errors);

	if (conf == NULL || !all_made_up(&errors))
		fail_msg("%s: %s", when, errors.len > 0 ? errors.data : "not loaded");
	assert_non_null(conf->hooks[0].when);
	buf_free(&errors);
	return conf;
}

/* NULL when the body is not JSON. */
static json_t *document(const char *body)
{
	json_t *root, *entity;

	assert_true(document_parse(body, strlen(body), &root));
	assert_true(document_entity(root, &entity));
	return root;
}

static const struct {
	const char *when, *body;
	bool holds;
	const char *why; /* part of the reason, NULL: any */
} rows[] = {
	/* equal: texts */
	{"{a: x}", "{\"a\":\"x\"}", true, NULL},
	{"{a: x}", "{\"a\":\"y\"}", false, "a is \"y\": expected \"x\""},
	{"{a: x}", "{\"a\":\"X\"}", false, NULL},
	{"{a: x}", "{\"a\":\"x \"}", false, NULL},
	{"{a: x}", "{\"a\":\"\"}", false, "a is \"\": expected \"x\""},
	{"{a: ''}", "{\"a\":\"\"}", true, NULL},
	{"{a: ''}", "{\"a\":\" \"}", false, NULL},
	{"{a: ''}", "{\"a\":null}", false, "a is null: expected \"\""},
	{"{a: ''}", "{}", false, "a is missing"},
	{"{a: \"\"}", "{\"a\":\"\"}", true, NULL},
	{"{a: été}", "{\"a\":\"\\u00e9t\\u00e9\"}", true, NULL},
	{"{a: été}", "{\"a\":\"e\\u0301te\\u0301\"}", false, NULL},
	{"{a: {eq: x}}", "{\"a\":\"x\"}", true, NULL},
	{"{a: x}", "{\"a\":\"x\\u0000\"}", false, "a is \"x\\x00\""},
	{"{a: ''}", "{\"a\":\"\\u0000\"}", false, NULL},
	{"{a: x}", "{\"a\":\"\\u001b[31m\\n\"}", false, "a is \"\\x1b[31m\\n\""},
	{"{a: x}", "{\"a\":\"\\u202e\"}", false, "a is \"\\xe2\\x80\\xae\""},
	{"{a: x}", "{\"a\":\"say \\\"hi\\\"\"}", false, "a is \"say \\\"hi\\\"\""},
	{"{a: x}", "{\"a\":{\"x\":1}}", false, "a is an object"},
	{"{a: x}", "{\"a\":[\"x\"]}", false, "a is a list"},
	{"{a: x}", "{\"a\":{}}", false, "a is an empty object"},
	{"{a: x}", "{\"a\":[]}", false, "a is an empty list"},
	{"\n      a: |\n        x", "{\"a\":\"x\\n\"}", true, NULL},
	/* equal: true, false, null */
	{"{a: true}", "{\"a\":true}", true, NULL},
	{"{a: false}", "{\"a\":false}", true, NULL},
	{"{a: true}", "{\"a\":false}", false, "a is false: expected true"},
	{"{a: 'true'}", "{\"a\":true}", false, "a is true: expected \"true\""},
	{"{a: 'true'}", "{\"a\":\"true\"}", true, NULL},
	{"{a: true}", "{\"a\":1}", false, NULL},
	{"{a: 1}", "{\"a\":true}", false, "a is true: expected 1"},
	{"{a: yes}", "{\"a\":true}", false, NULL},
	{"{a: yes}", "{\"a\":\"yes\"}", true, NULL},
	{"{a: null}", "{\"a\":null}", true, NULL},
	{"{a: ~}", "{\"a\":null}", true, NULL},
	{"{a: null}", "{}", false, "a is missing: expected null"},
	{"{a: null}", "{\"a\":\"null\"}", false, "a is \"null\": expected null"},
	{"{a: ~}", "{\"a\":\"~\"}", false, NULL},
	{"{a: 'null'}", "{\"a\":\"null\"}", true, NULL},
	{"{a: 'null'}", "{\"a\":null}", false, "a is null: expected \"null\""},
	{"{a: \"~\"}", "{\"a\":\"~\"}", true, NULL},
	{"{a: null}", "{\"a\":0}", false, NULL},
	{"{a: null}", "{\"a\":\"\"}", false, NULL},
	{"{a: null}", "{\"a\":false}", false, NULL},
	{"{a: {ne: null}}", "{\"a\":null}", false, "a is null: expected not null"},
	{"{a: {ne: null}}", "{\"a\":\"null\"}", true, NULL},
	{"{a: {ne: 'null'}}", "{\"a\":null}", true, NULL},
	{"{a: {ne: null}}", "{}", false, "a is missing"},
	{"{a: [x, null]}", "{\"a\":null}", true, NULL},
	{"{a: {not_in: [x, ~]}}", "{\"a\":null}", false, NULL},
	/* numbers: integers, exactly */
	{"{a: 100}", "{\"a\":100}", true, NULL},
	{"{a: '100'}", "{\"a\":100}", true, NULL},
	{"{a: 100}", "{\"a\":\"100\"}", true, NULL},
	{"{a: 100}", "{\"a\":\"0100.00\"}", true, NULL},
	{"{a: 100}", "{\"a\":100.0}", true, NULL},
	{"{a: 100}", "{\"a\":1e2}", true, NULL},
	{"{a: 100.00}", "{\"a\":100}", true, NULL},
	{"{a: 1e2}", "{\"a\":100}", false, "a is 100: expected \"1e2\""},
	{"{a: 1e2}", "{\"a\":\"1e2\"}", true, NULL},
	{"{a: 0x64}", "{\"a\":100}", false, NULL},
	{"{a: 1_000}", "{\"a\":1000}", false, NULL},
	{"{a: ' 100'}", "{\"a\":100}", false, NULL},
	{"{a: 100}", "{\"a\":\" 100\"}", false, NULL},
	{"{a: 9007199254740993}", "{\"a\":9007199254740993}", true, NULL},
	{"{a: 9007199254740993}", "{\"a\":9007199254740992}", false,
		"a is 9007199254740992: expected 9007199254740993"},
	{"{a: {gt: 9007199254740992}}", "{\"a\":9007199254740993}", true, NULL},
	{"{a: {lt: 9007199254740993}}", "{\"a\":\"9007199254740992\"}", true, NULL},
	{"{a: 9223372036854775807}", "{\"a\":9223372036854775807}", true, NULL},
	{"{a: 9223372036854775806}", "{\"a\":9223372036854775807}", false, NULL},
	{"{a: -9223372036854775808}", "{\"a\":-9223372036854775808}", true, NULL},
	{"{a: {gt: -9223372036854775808}}", "{\"a\":-9223372036854775807}", true, NULL},
	{"{a: {gt: 9223372036854775808}}", "{\"a\":9223372036854775807}", false, NULL},
	{"{a: {lt: 99999999999999999999}}", "{\"a\":9223372036854775807}", true, NULL},
	{"{a: {gt: 99999999999999999999}}", "{\"a\":\"100000000000000000000\"}", true, NULL},
	{"{a: 100000000000000000001}", "{\"a\":\"100000000000000000000\"}", false, NULL},
	{"{a: {gte: 18446744073709551616}}", "{\"a\":18446744073709551616}", true, NULL},
	{"{a: {gt: 18446744073709551616}}", "{\"a\":18446744073709551616}", false, NULL},
	{"{a: 12345678901234567890}", "{\"a\":12345678901234567890}", true, NULL},
	{"{a: 12345678901234567890}", "{\"a\":12345678901234567891}", false,
		"a is 12345678901234567891: expected 12345678901234567890"},
	{"{a: {lt: 12345678901234567891}}", "{\"a\":12345678901234567890}", true, NULL},
	{"{a: {gt: 0.1}}", "{\"a\":0.10000000000000000001}", true, NULL},
	{"{a: 12345678901234567890}", "{\"a\":1234567890123456789e1}", true, NULL},
	{"{a: 12345678901234567890}", "{\"a\":12345678901.23456789E+9}", true, NULL},
	{"{a: 12345678901234567890}", "{\"a\":0.0001234567890123456789e23}", true, NULL},
	{"{a: {gt: 5}}", "{\"a\":1e400}", true, NULL},
	{"{a: {lt: 5}}", "{\"a\":-1e400}", true, NULL},
	{"{a: {gt: 0}}", "{\"a\":1e-400}", true, NULL},
	{"{a: 0}", "{\"a\":0e400}", true, NULL},
	{"{a: {gt: 5}}", "{\"a\":1e99999999999999999999999}", true, NULL},
	{"{a: {lt: 0.001}}", "{\"a\":9e-99999999999999999999999}", true, NULL},
	{"{a: {glob: '1.10'}}", "{\"a\":1.10}", true, NULL},
	{"{a: {matches: '^12345678901234567890$'}}", "{\"a\":12345678901234567890}", true, NULL},
	{"{a: {gt: 5}, b: 7}", "{\"a\":18446744073709551616,\"b\":7}", true, NULL},
	{"{a: 0}", "{\"a\":0}", true, NULL},
	{"{a: 0}", "{\"a\":-0}", true, NULL},
	{"{a: -0}", "{\"a\":0}", true, NULL},
	{"{a: -0.00}", "{\"a\":0.0}", true, NULL},
	{"{a: 0}", "{\"a\":-0.0}", true, NULL},
	{"{a: 0}", "{\"a\":\"-0\"}", true, NULL},
	{"{a: 0}", "{\"a\":\"\"}", false, NULL},
	{"{a: {lt: 0}}", "{\"a\":-1}", true, NULL},
	{"{a: {gt: -2}}", "{\"a\":-1}", true, NULL},
	{"{a: {gt: -2}}", "{\"a\":-10}", false, "a is -10: expected more than -2"},
	{"{a: {lt: -1.5}}", "{\"a\":-1}", false, NULL},
	{"{a: {lt: -1}}", "{\"a\":\"-1.5\"}", true, NULL},
	{"{a: '+5'}", "{\"a\":5}", false, NULL},
	{"{a: '22961000000'}", "{\"a\":\"+22961000000\"}", false, NULL},
	{"{a: '+22961000000'}", "{\"a\":\"+22961000000\"}", true, NULL},
	/* numbers: decimals */
	{"{a: 0.018}", "{\"a\":\"0.018\"}", true, NULL},
	{"{a: 0.018}", "{\"a\":\"0.0180\"}", true, NULL},
	{"{a: 0.0180}", "{\"a\":0.018}", true, NULL},
	{"{a: '0.018'}", "{\"a\":0.018}", true, NULL},
	{"{a: 0.018}", "{\"a\":\".018\"}", false, "a is \".018\": expected 0.018"},
	{"{a: .0180}", "{\"a\":0.018}", false, "expected \".0180\""},
	{"{a: 0.018}", "{\"a\":\"0.018.\"}", false, NULL},
	{"{a: 5}", "{\"a\":\"5.\"}", false, NULL},
	{"{a: 0.018}", "{\"a\":\"0.0180000000000000000001\"}", false, NULL},
	{"{a: {gt: 0.018}}", "{\"a\":\"0.0180000000000000000001\"}", true, NULL},
	{"{a: {lt: 0.1}}", "{\"a\":\"0.09999999999999999999999999\"}", true, NULL},
	{"{a: 0.3}", "{\"a\":0.30000000000000004}", false, NULL},
	{"{a: {lt: 10.25}}", "{\"a\":\"10.3\"}", false, NULL},
	{"{a: {lt: 10.3}}", "{\"a\":\"10.25\"}", true, NULL},
	{"{a: {lt: 9}}", "{\"a\":\"10\"}", false, "a is \"10\": expected less than 9"},
	/* order */
	{"{a: {gte: 100}}", "{\"a\":100}", true, NULL},
	{"{a: {gte: 100}}", "{\"a\":99}", false, "a is 99: expected at least 100"},
	{"{a: {gt: 100}}", "{\"a\":100}", false, "expected more than 100"},
	{"{a: {lte: 100}}", "{\"a\":100}", true, NULL},
	{"{a: {lte: 100}}", "{\"a\":100.5}", false, "a is 100.5: expected at most 100"},
	{"{a: {lt: 100}}", "{\"a\":99.99}", true, NULL},
	{"{a: {gte: 100, lt: 200}}", "{\"a\":150}", true, NULL},
	{"{a: {gte: 100, lt: 200}}", "{\"a\":200}", false, "expected less than 200"},
	{"{a: {gt: 1}}", "{\"a\":\"x\"}", false, "a is \"x\""},
	{"{a: {lt: 1}}", "{\"a\":null}", false, "a is null"},
	{"{a: {lt: 1}}", "{\"a\":false}", false, "a is false"},
	{"{a: {lt: 1}}", "{\"a\":\"\"}", false, NULL},
	{"{a: {gte: 0}}", "{\"a\":{}}", false, NULL},
	{"{a: {gte: 0}}", "{\"a\":[1]}", false, NULL},
	{"{a: {gt: 1}}", "{}", false, "a is missing: expected more than 1"},
	{"{a: {lt: 1}}", "{}", false, NULL},
	{"{a: {lt: 1}}", "{\"a\":1e-300}", true, NULL},
	{"{a: {gt: 1}}", "{\"a\":1e300}", true, NULL},
	{"{a: {gt: 1}}", "{\"a\":\"1e300\"}", false, NULL},
	{"{a: {gt: 1}}", "{\"a\":\"2\\u0000\"}", false, NULL},
	/* times */
	{"{a: 2026-06-30T22:50:29Z}", "{\"a\":\"2026-06-30T22:50:29Z\"}", true, NULL},
	{"{a: 2026-06-30T22:50:29Z}", "{\"a\":\"2026-06-30T23:50:29+01:00\"}", true, NULL},
	{"{a: 2026-06-30T22:50:29Z}", "{\"a\":\"2026-06-30T22:50:29.000Z\"}", true, NULL},
	{"{a: 2026-06-30T22:50:29Z}", "{\"a\":\"2026-06-30T22:50:29.001Z\"}", false, NULL},
	{"{a: '2026-06-30T22:50:29.5Z'}", "{\"a\":\"2026-06-30t17:20:29.500-05:30\"}", true, NULL},
	{"{a: {gt: 2026-06-30T22:50:29Z}}", "{\"a\":\"2026-06-30T22:50:29.001Z\"}", true, NULL},
	{"{a: {gt: 2026-06-30T22:50:29Z}}", "{\"a\":\"2026-06-30T22:50:30+00:01\"}", false,
		"a is \"2026-06-30T22:50:30+00:01\": expected more than 2026-06-30T22:50:29Z"},
	{"{a: {lt: 2026-03-01T00:00:00Z}}", "{\"a\":\"2026-02-29T00:00:00Z\"}", false, NULL},
	{"{a: {lte: 2028-02-29T00:00:00Z}}", "{\"a\":\"2028-02-28T23:59:59Z\"}", true, NULL},
	{"{a: {gte: 2026-01-01T00:00:00Z}}", "{\"a\":\"2025-12-31T23:59:59-00:01\"}", true, NULL},
	{"{a: {gte: 2026-01-01T00:00:00Z}}", "{\"a\":\"2026-06-30\"}", false, NULL},
	{"{a: {gte: 2026-01-01T00:00:00Z}}", "{\"a\":1782859829}", false, NULL},
	{"{a: {gte: 100}}", "{\"a\":\"2026-06-30T22:50:29Z\"}", false, NULL},
	{"{a: [2026-06-30T22:50:29Z]}", "{\"a\":\"2026-06-30T22:50:29+00:00\"}", true, NULL},
	/* not equal */
	{"{a: {ne: x}}", "{\"a\":\"y\"}", true, NULL},
	{"{a: {ne: x}}", "{\"a\":\"x\"}", false, "a is \"x\": expected not \"x\""},
	{"{a: {ne: x}}", "{}", false, "a is missing: expected not \"x\""},
	{"{a: {ne: x}}", "{\"a\":{}}", true, NULL},
	{"{a: {ne: 100}}", "{\"a\":\"100.0\"}", false, NULL},
	{"{a: {ne: true}}", "{\"a\":false}", true, NULL},
	/* lists */
	{"{a: [x, y]}", "{\"a\":\"y\"}", true, NULL},
	{"{a: [x, y]}", "{\"a\":\"z\"}", false, "a is \"z\": expected one of \"x\", \"y\""},
	{"{a: [1, 'true', true]}", "{\"a\":true}", true, NULL},
	{"{a: [1, 'true']}", "{\"a\":true}", false, "expected one of 1, \"true\""},
	{"{a: {in: [1, 2]}}", "{\"a\":2.0}", true, NULL},
	{"{a: {in: x}}", "{\"a\":\"x\"}", true, NULL},
	{"{a: {in: [x]}}", "{\"a\":[\"x\"]}", false, NULL},
	{"{a: [x]}", "{}", false, "a is missing"},
	{"{a: {not_in: [x, y]}}", "{\"a\":\"z\"}", true, NULL},
	{"{a: {not_in: [x, y]}}", "{\"a\":\"x\"}", false, "expected none of \"x\", \"y\""},
	{"{a: {not_in: [x, y]}}", "{}", false, "a is missing"},
	{"{a: {not_in: [x, y]}}", "{\"a\":[]}", true, NULL},
	/* globs */
	{"{a: {glob: mtn_*}}", "{\"a\":\"mtn_open\"}", true, NULL},
	{"{a: {glob: mtn_*}}", "{\"a\":\"xmtn_open\"}", false, "expected like \"mtn_*\""},
	{"{a: {glob: '*'}}", "{\"a\":\"\"}", true, NULL},
	{"{a: {glob: '?'}}", "{\"a\":\"\"}", false, NULL},
	{"{a: {glob: '*.pdf'}}", "{\"a\":\"/.a/b.pdf\"}", true, NULL},
	{"{a: {glob: '[a-c]?'}}", "{\"a\":\"bz\"}", true, NULL},
	{"{a: {glob: '[!a-c]'}}", "{\"a\":\"b\"}", false, NULL},
	{"{a: {glob: '\\*'}}", "{\"a\":\"*\"}", true, NULL},
	{"{a: {glob: '\\*'}}", "{\"a\":\"x\"}", false, NULL},
	{"{a: {glob: '1*'}}", "{\"a\":100}", true, NULL},
	{"{a: {glob: 't*'}}", "{\"a\":true}", true, NULL},
	{"{a: {glob: '0.50'}}", "{\"a\":0.50}", true, NULL},
	{"{a: {glob: '*'}}", "{\"a\":null}", false, "a is null"},
	{"{a: {glob: '*'}}", "{\"a\":{}}", false, NULL},
	{"{a: {glob: '*'}}", "{\"a\":[\"x\"]}", false, NULL},
	{"{a: {glob: '*'}}", "{}", false, "a is missing"},
	{"{a: {glob: paid}}", "{\"a\":\"paid\\u0000not\"}", false, "a is \"paid\\x00not\""},
	{"{a: {glob: ''}}", "{\"a\":\"\\u0000\"}", false, NULL},
	{"{a: {glob: ''}}", "{\"a\":\"\"}", true, NULL},
	/* regular expressions */
	{"{a: {matches: '^[a-z]+@example[.]com$'}}", "{\"a\":\"x@example.com\"}", true, NULL},
	{"{a: {matches: 'b'}}", "{\"a\":\"abc\"}", true, NULL},
	{"{a: {matches: '^b'}}", "{\"a\":\"abc\"}", false, "expected a match of \"^b\""},
	{"{a: {matches: '^(0229)?01[0-9]{8}$'}}", "{\"a\":\"0161000000\"}", true, NULL},
	{"{a: {matches: '^x$'}}", "{\"a\":\"y\\nx\"}", false, NULL},
	{"{a: {matches: '^([a-z]+[.]?)*(c|(d*e)?)?$'}}", "{\"a\":\"a.bc.\"}", true, NULL},
	{"{a: {matches: '^((a*b)+){2}$'}}", "{\"a\":\"aabb\"}", true, NULL},
	{"{a: {matches: 'x.y'}}", "{\"a\":\"x\\ny\"}", true, NULL},
	{"{a: {matches: X}}", "{\"a\":\"x\"}", false, NULL},
	{"{a: {matches: '[[:digit:]]'}}", "{\"a\":\"a1\"}", true, NULL},
	{"{a: {matches: '[]x+{]'}}", "{\"a\":\"{\"}", true, NULL},
	{"{a: {matches: 'a\\+'}}", "{\"a\":\"a+\"}", true, NULL},
	{"{a: {matches: '^$'}}", "{\"a\":\"\"}", true, NULL},
	{"{a: {matches: '^$'}}", "{\"a\":\"\\u0000\"}", false, NULL},
	{"{a: {matches: '^paid$'}}", "{\"a\":\"paid\\u0000\"}", false, "a is \"paid\\x00\""},
	{"{a: {matches: 'not$'}}", "{\"a\":\"paid\\u0000not\"}", true, NULL},
	{"{a: {matches: '^1'}}", "{\"a\":100}", true, NULL},
	{"{a: {matches: '^-?[0-9]+$'}}", "{\"a\":-9223372036854775808}", true, NULL},
	{"{a: {matches: '^true$'}}", "{\"a\":true}", true, NULL},
	{"{a: {matches: '.*'}}", "{\"a\":null}", false, NULL},
	{"{a: {matches: '.*'}}", "{\"a\":[]}", false, NULL},
	{"{a: {matches: '.*'}}", "{}", false, NULL},
	{"{a: {matches: é}}", "{\"a\":\"caf\\u00e9\"}", true, NULL},
	{"{a: {matches: '^.$'}}", "{\"a\":\"\\u00e9\"}", true, NULL},
	{"{a: {matches: '^caf[éè]$'}}", "{\"a\":\"caf\\u00e9\"}", true, NULL},
	{"{a: {matches: '(?i)^CAFÉ$'}}", "{\"a\":\"caf\\u00e9\"}", true, NULL},
	{"{a: {matches: '^\\d{3}(?!x)'}}", "{\"a\":\"123y\"}", true, NULL},
	{"{a: {matches: '^(a*b?)*c$'}}", "{\"a\":\"abac\"}", true, NULL},
	{"{a: {matches: '^[a-z]{1,2000}$'}}", "{\"a\":\"abac\"}", true, NULL},
	/* exists, empty */
	{"{a: {exists: true}}", "{\"a\":null}", true, NULL},
	{"{a: {exists: true}}", "{}", false, "a is missing: expected present"},
	{"{a: {exists: false}}", "{}", true, NULL},
	{"{a: {exists: false}}", "{\"a\":null}", false, "a is null: expected missing"},
	{"{a: {exists: true, ne: null}}", "{\"a\":null}", false, "expected not null"},
	{"{a: {empty: true}}", "{}", true, NULL},
	{"{a: {empty: true}}", "{\"a\":null}", true, NULL},
	{"{a: {empty: true}}", "{\"a\":\"\"}", true, NULL},
	{"{a: {empty: true}}", "{\"a\":[]}", true, NULL},
	{"{a: {empty: true}}", "{\"a\":{}}", true, NULL},
	{"{a: {empty: true}}", "{\"a\":0}", false, "a is 0: expected empty"},
	{"{a: {empty: true}}", "{\"a\":false}", false, NULL},
	{"{a: {empty: true}}", "{\"a\":\" \"}", false, NULL},
	{"{a: {empty: true}}", "{\"a\":\"\\u0000\"}", false, NULL},
	{"{a: {empty: true}}", "{\"a\":[null]}", false, "a is a list"},
	{"{a: {empty: false}}", "{\"a\":{\"b\":null}}", true, NULL},
	{"{a: {empty: false}}", "{}", false, "a is missing: expected not empty"},
	/* paths */
	{"{entity.amount: 5}", "{\"entity\":{\"amount\":5}}", true, NULL},
	{"{entity.amount: 5}", "{\"entity\":\"{\\\"amount\\\":5}\"}", true, NULL},
	{"{entity.amount: 5}", "{\"entity\":\"amount\"}", false, "entity.amount is missing"},
	{"{entity.amount: 5}", "{\"entity\":null}", false, "entity.amount is missing"},
	{"{entity.amount: 5}", "{\"entity.amount\":5}", false, NULL},
	{"{'\"entity.amount\"': 5}", "{\"entity.amount\":5}", true, NULL},
	{"{items.0.sku: x}", "{\"items\":[{\"sku\":\"x\"}]}", true, NULL},
	{"{items.1.sku: x}", "{\"items\":[{\"sku\":\"x\"}]}", false, "items.1.sku is missing"},
	{"{items.00.sku: x}", "{\"items\":[{\"sku\":\"x\"}]}", false, NULL},
	{"{items.-1.sku: x}", "{\"items\":[{\"sku\":\"x\"}]}", false, NULL},
	{"{items.0: x}", "{\"items\":{\"0\":\"x\"}}", true, NULL},
	{"{items.sku: x}", "{\"items\":[{\"sku\":\"x\"}]}", false, NULL},
	{"{a.length: 1}", "{\"a\":\"x\"}", false, "a.length is missing"},
	{"{'a.\"b c\"': 1}", "{\"a\":{\"b c\":1}}", true, NULL},
	{"{'a.\"b.c\"': 1}", "{\"a\":{\"b\":{\"c\":1}}}", false, "a.\"b.c\" is missing"},
	{"{'\"all\"': 1}", "{\"all\":1}", true, NULL},
	{"{'\"\"': 1}", "{\"\":1}", true, NULL},
	{"{\"\\\"a\\nb\\tc\\\"\": 1}", "{\"a\\nb\\tc\":2}", false,
		"\"a\\nb\\tc\" is 2: expected 1"},
	{"{été: 1}", "{\"\\u00e9t\\u00e9\":1}", true, NULL},
	{"{a: 1}", "{\"a\":1,\"a\":2}", false, "a is 2"},
	{"{a: 1}", "[{\"a\":1}]", false, "a is missing"},
	{"{0.a: 1}", "[{\"a\":1}]", true, NULL},
	{"{a: {exists: false}}", "not JSON", true, NULL},
	{"{a: x}", "{\"a\":\"\xff\"}", false, "a is missing"},
	/* joins */
	{"{a: 1, b: 2}", "{\"a\":1,\"b\":2}", true, NULL},
	{"{a: 1, b: 2}", "{\"a\":1,\"b\":3}", false, "b is 3: expected 2"},
	{"{a: 1, b: 2}", "{\"a\":0,\"b\":3}", false, "a is 0: expected 1"},
	{"{any: [{a: 1}, {b: 2}]}", "{\"a\":0,\"b\":2}", true, NULL},
	{"{any: [{a: 1}, {b: 2}]}", "{\"a\":0,\"b\":3}", false,
		"a is 0: expected 1; and b is 3: expected 2"},
	{"{any: [{a: 1, b: 2}, {c: 3}]}", "{\"a\":1,\"c\":4}", false,
		"b is missing: expected 2; and c is 4: expected 3"},
	{"{any: [{a: 1}]}", "{\"a\":1}", true, NULL},
	{"{all: [{a: 1}, {a: {lt: 2}}]}", "{\"a\":1}", true, NULL},
	{"{all: [{a: 1}, {b: 2}]}", "{\"a\":1}", false, "b is missing"},
	{"{not: {a: 1}}", "{\"a\":2}", true, NULL},
	{"{not: {a: 1}}", "{}", true, NULL},
	{"{not: {a: 1}}", "{\"a\":1}", false, "expected not (a is 1)"},
	{"{not: {a: 1, b: 2}}", "{\"a\":1}", true, NULL},
	{"{not: {a: 1, b: 2}}", "{\"a\":1,\"b\":2}", false, "expected not (a is 1 and b is 2)"},
	{"{not: {any: [{a: 1}, {b: 2}]}}", "{\"b\":2}", false, "expected not (a is 1 or b is 2)"},
	{"{not: {not: {a: 1}}}", "{\"a\":1}", true, NULL},
	{"{not: {not: {a: 1}}}", "{\"a\":2}", false, "expected not (not (a is 1))"},
	{"{not: {a: {ne: x}}}", "{}", true, NULL},
	{"{c: 3, any: [{a: 1}, {all: [{b: 2}, {not: {d: 4}}]}]}", "{\"b\":2,\"c\":3}", true, NULL},
	{"{c: 3, any: [{a: 1}, {all: [{b: 2}, {not: {d: 4}}]}]}", "{\"b\":2,\"c\":3,\"d\":4}",
		false, "a is missing: expected 1; and expected not (d is 4)"},
	{"{not: {not: {not: {not: {not: {not: {not: {not: {a: 1}}}}}}}}}", "{\"a\":1}", true, NULL},
};

static void does_it_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf *conf = load_good(rows[i].when);
		json_t *root = document(rows[i].body);
		struct buf why = {0};
		bool holds = condition_holds(conf->hooks[0].when, root, &why);

		if (holds != rows[i].holds)
			fail_msg("%s of %s: %s", rows[i].when, rows[i].body,
				holds ? "holds" : why.data);
		if (holds != (why.len == 0))
			fail_msg("%s of %s: a reason %s", rows[i].when, rows[i].body,
				holds ? why.data : "is missing");
		if (rows[i].why != NULL && strstr(why.data, rows[i].why) == NULL)
			fail_msg("%s of %s: %s", rows[i].when, rows[i].body, why.data);
		/* without asking why */
		assert_int_equal(condition_holds(conf->hooks[0].when, root, NULL), holds);
		buf_free(&why);
		json_decref(root);
		conf_unref(conf);
	}
}

/* ---- bad conditions ---- */

#define WANTS_MAPPING                                                                              \
	"expected a mapping of paths to tests such as {entity.amount: {gte: 100}}, found "
#define WANTS_NUMBER                                                                               \
	" is neither a number nor a time: expected one such as 100, 0.018 or "                     \
	"2026-06-30T22:50:29Z"
#define WANTS_LIST "expected a list of conditions such as [{entity.mode: moov}], found "
#define TO_ITSELF  " refers to itself, which can take long: expected an expression that does not"
#define NO_REGEX   " is not a regular expression: "

static const struct {
	const char *when;
	const char *error; /* after FILE: */
} bad[] = {
	{"", "8:10: WHEN " WANTS_MAPPING "nothing"},
	{"{}", "8:11: WHEN " WANTS_MAPPING "an empty one"},
	{"[]", "8:11: WHEN " WANTS_MAPPING "an empty list"},
	{"[{a: 1}]", "8:11: WHEN " WANTS_MAPPING "a list"},
	{"a", "8:11: WHEN " WANTS_MAPPING "a single value"},
	{"''", "8:11: WHEN " WANTS_MAPPING "an empty text"},
	{"{a: }", "8:15: WHEN expected a value to compare with, found nothing (write null to "
		  "compare with "
		  "null)"},
	{"{a: []}", "8:15: WHEN a: expected at least one value, found an empty list"},
	{"{a: {}}", "8:15: WHEN a: expected an operator such as {gte: 100}, found none"},
	{"{a: {in: []}}", "8:20: WHEN a: expected at least one value, found an empty list"},
	{"{a: {not_in: []}}", "8:24: WHEN a: expected at least one value, found an empty list"},
	{"{a: [x, [y]]}", "8:19: WHEN expected a single value to compare with, found a list"},
	{"{a: [x, {y: z}]}", "8:19: WHEN expected a single value to compare with, found a mapping"},
	{"{a: {eq: [x]}}", "8:20: WHEN a: eq: expected a single value, found a list"},
	{"{a: {gt: {b: 1}}}",
		"8:20: WHEN expected a single value to compare with, found a mapping"},
	{"{a: {gt: ''}}", "8:20: WHEN a: gt: \"\"" WANTS_NUMBER},
	{"{a: {gt: x}}", "8:20: WHEN a: gt: \"x\"" WANTS_NUMBER},
	{"{a: {gte: 1e3}}", "8:21: WHEN a: gte: \"1e3\"" WANTS_NUMBER},
	{"{a: {lt: .018}}", "8:20: WHEN a: lt: \".018\"" WANTS_NUMBER},
	{"{a: {lt: +5}}", "8:20: WHEN a: lt: \"+5\"" WANTS_NUMBER},
	{"{a: {lte: 5.}}", "8:21: WHEN a: lte: \"5.\"" WANTS_NUMBER},
	{"{a: {lte: 1 000}}", "8:21: WHEN a: lte: \"1 000\"" WANTS_NUMBER},
	{"{a: {gt: null}}", "8:20: WHEN a: gt: \"null\"" WANTS_NUMBER},
	{"{a: {gt: true}}", "8:20: WHEN a: gt: \"true\"" WANTS_NUMBER},
	{"{a: {gt: 2026-06-31T00:00:00Z}}",
		"8:20: WHEN a: gt: \"2026-06-31T00:00:00Z\"" WANTS_NUMBER},
	{"{a: {gt: 2026-06-30}}", "8:20: WHEN a: gt: \"2026-06-30\"" WANTS_NUMBER},
	{"{a: {exists: yes}}", "8:24: WHEN a: exists: \"yes\" expected true or false"},
	{"{a: {exists: 'true'}}", "8:24: WHEN a: exists: \"true\" expected true or false"},
	{"{a: {empty: 1}}", "8:23: WHEN a: empty: \"1\" expected true or false"},
	{"{a: {empty: True}}", "8:23: WHEN a: empty: \"True\" expected true or false"},
	{"{a: {matches: '('}}", "8:25: WHEN a: matches: \"(\"" NO_REGEX},
	{"{a: {matches: 'a)'}}", "8:25: WHEN a: matches: \"a)\"" NO_REGEX},
	{"{a: {matches: '[a'}}", "8:25: WHEN a: matches: \"[a\"" NO_REGEX},
	{"{a: {matches: '*a'}}", "8:25: WHEN a: matches: \"*a\"" NO_REGEX},
	{"{a: {matches: 'a+{2}'}}", "8:25: WHEN a: matches: \"a+{2}\"" NO_REGEX},
	{"{a: {matches: '[b-a]'}}", "8:25: WHEN a: matches: \"[b-a]\"" NO_REGEX},
	{"{a: {matches: '(a)\\1'}}", "8:25: WHEN a: matches: \"(a)\\\\1\"" NO_REGEX},
	{"{a: {matches: '(?<x>a)'}}", "8:25: WHEN a: matches: \"(?<x>a)\" names a group: expected "
				      "one without a name"},
	{"{a: {matches: 'a(?R)?'}}", "8:25: WHEN a: matches: \"a(?R)?\"" TO_ITSELF},
	{"{a: {matches: 'a\\g<0>?'}}", "8:25: WHEN a: matches: \"a\\\\g<0>?\"" TO_ITSELF},
	{"{a: {matches: '((((a{1000}){1000}){1000}){1000})'}}",
		"8:25: WHEN a: matches: \"((((a{1000}){1000}){1000}){1000})\"" NO_REGEX},
	{"{a: {matches: 'a{,3}'}}",
		"8:25: WHEN a: matches: \"a{,3}\" has {,n}, which is not PCRE: expected {0,n}"},
	{"{a: {matches: 'a++'}}", "8:25: WHEN a: matches: \"a++\" has a + after a repetition, "
				  "which repeats it in POSIX and makes it possessive in PCRE: "
				  "expected a (group), or no +"},
	{"{a: {matches: 'a+?'}}", "8:25: WHEN a: matches: \"a+?\" has a ? after a repetition, "
				  "which makes it optional in POSIX and lazy in PCRE: expected a "
				  "(group), or no ?"},
	{"{a: {matches: '[\\d.]'}}", "8:25: WHEN a: matches: \"[\\\\d.]\" has a backslash in "
				     "brackets, which is itself in POSIX and an escape in PCRE: "
				     "expected \\\\ for a backslash, or a class such as [:digit:]"},
	{"{a: {matches: '\\<a'}}", "8:25: WHEN a: matches: \"\\\\<a\" has \\< or \\>, which is not "
				   "PCRE: expected \\b"},
	{"{a: {matches: '\\`a'}}", "8:25: WHEN a: matches: \"\\\\`a\" has \\` or \\', which is not "
				   "PCRE: expected ^ or $"},
	{"{a: {matches: '\\X+'}}",
		"8:25: WHEN a: matches: \"\\\\X+\" has \\X, which can take long: "
		"expected . or \\PM\\pM*"},
	{"{a: {matches: '(*UCP)a'}}",
		"8:25: WHEN a: matches: \"(*UCP)a\" has (*, an instruction to "
		"PCRE: expected an expression without"},
	{"{a: {matches: '(?<=a{40})b'}}",
		"8:25: WHEN a: matches: \"(?<=a{40})b\" looks back 40 characters, which can take "
		"long: expected at most 32"},
	{"{a: {regexp: x}}",
		"8:16: WHEN a: unknown operator \"regexp\": expected eq, ne, gt, gte, lt, lte, in, "
		"not_in, glob, matches, exists or empty"},
	{"{a: {match: x}}",
		"8:16: WHEN a: unknown operator \"match\": expected eq, ne, gt, gte, lt, lte, in, "
		"not_in, glob, matches, exists or empty (did you mean \"matches\"?)"},
	{"{a: 1, a: 2}", "8:18: WHEN duplicate key \"a\": it is already in line 8"},
	{"{any: {a: 1}}", "8:17: WHEN any: " WANTS_LIST "a mapping"},
	{"{all: []}", "8:17: WHEN all: " WANTS_LIST "an empty list"},
	{"{any: [a]}", "8:18: WHEN " WANTS_MAPPING "a single value"},
	{"{any: [{}]}", "8:18: WHEN " WANTS_MAPPING "an empty one"},
	{"{not: a}", "8:17: WHEN " WANTS_MAPPING "a single value"},
	{"{not: {}}", "8:17: WHEN " WANTS_MAPPING "an empty one"},
	{"{not: {not: {not: {not: {not: {not: {not: {not: {not: {a: 1}}}}}}}}}}",
		"8:65: WHEN is nested too deep: expected at most 8 levels"},
	{"{a..b: 1}", "8:12: WHEN \"a..b\" has an empty step: expected a path such as "
		      "entity.customer.email"},
	{"{a b: 1}", "8:12: WHEN \"a b\" has a character that is not allowed in a step: expected "
		     "letters, digits, "
		     "_ - $ @ : / or a \"quoted step\""},
	{"{'\"a': 1}", "8:12: WHEN \"\\\"a\" has an unclosed \""},
	{"{a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q: 1}",
		"8:12: WHEN \"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q\" has more than 16 steps"},
	{"\n      a: 1\n      b: {gt: x}", "10:15: WHEN b: gt: \"x\"" WANTS_NUMBER},
};

static void bad_conditions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct buf errors = {0}, expected = {0};
		struct conf *conf = load(bad[i].when, &errors);
		const char *when = strstr(bad[i].error, "WHEN");

		assert_null(conf);
		buf_printf(&expected, "/tmp/hookd.yaml:%.*shooks[1] \"ship\": when:%s",
			(int)(when - bad[i].error), bad[i].error, when + strlen("WHEN"));
		/* the rest of the message depends on the version of PCRE2 */
		if (strstr(bad[i].error, NO_REGEX) == NULL)
			buf_add_char(&expected, '\n');
		if (strncmp(errors.data, expected.data, expected.len) != 0)
			fail_msg("%s:\n%sexpected:\n%s", bad[i].when, errors.data, expected.data);
		buf_free(&errors);
		buf_free(&expected);
	}
}

static void all_errors_of_one_condition_are_reported(void **state)
{
	struct buf errors = {0};

	(void)state;
	assert_null(load(
		"{a: {gt: x, exists: maybe}, b..c: 1, any: [{d: {matches: '('}}, e]}", &errors));
	assert_non_null(strstr(errors.data, ":8:20: "));
	assert_non_null(strstr(errors.data, ":8:31: "));
	assert_non_null(strstr(errors.data, ":8:39: "));
	assert_non_null(strstr(errors.data, "d: matches: "));
	assert_non_null(strstr(errors.data, "found a single value"));
	buf_free(&errors);
}

/* ---- long texts ---- */

#define LONG ((size_t)1024 * 1024)

/* {"a": text}, `last` its last character. */
static json_t *document_long(size_t len, char c, char last)
{
	char *text = malloc(len);
	json_t *root;

	assert_non_null(text);
	memset(text, c, len);
	text[len - 1] = last;
	root = json_pack("{s:s%}", "a", text, len);
	assert_non_null(root);
	free(text);
	return root;
}

static void assert_holds(const char *when, const json_t *root, bool holds)
{
	struct conf *conf = load_good(when);

	if (condition_holds(conf->hooks[0].when, root, NULL) != holds)
		fail_msg("%s: %s", when, holds ? "does not hold" : "holds");
	conf_unref(conf);
}

static void a_regex_looks_at_the_first_bytes_of_a_text(void **state)
{
	json_t *whole = document_long(CONDITION_SUBJECT, 'a', 'b');
	json_t *cut = document_long(CONDITION_SUBJECT + 1, 'a', 'b');

	(void)state;
	assert_holds("{a: {matches: '^a+b$'}}", whole, true);
	assert_holds("{a: {matches: 'b'}}", cut, false);
	assert_holds("{a: {matches: '^a+'}}", cut, true);
	assert_holds("{a: {matches: '^a+$'}}", cut, false); /* it goes on */
	assert_holds("{a: {matches: '^a+b?$'}}", cut, false);
	assert_holds("{a: {matches: '^(a|b)*$'}}", cut, false);
	json_decref(whole);
	json_decref(cut);
}

static void a_glob_looks_at_the_whole_text_or_declines(void **state)
{
	struct conf *conf = load_good("{a: {glob: '*'}}");
	json_t *whole = document_long(CONDITION_SUBJECT, 'a', 'b');
	json_t *longer = document_long(CONDITION_SUBJECT + 1, 'a', 'b');
	struct buf why = {0};

	(void)state;
	assert_holds("{a: {glob: 'a*b'}}", whole, true);
	assert_holds("{a: {glob: 'a*a'}}", whole, false);
	assert_holds("{a: {glob: '*a*a*a*a*a*a*a*a*c'}}", whole, false);
	assert_holds("{a: {glob: '*aaaaaaaaaaaaaaaab'}}", whole, true);
	assert_holds("{a: {glob: 'a*b'}}", longer, false);
	assert_false(condition_holds(conf->hooks[0].when, longer, &why));
	assert_non_null(strstr(why.data, "…\" (too long for a pattern): expected like \"*\""));
	buf_free(&why);
	json_decref(whole);
	json_decref(longer);
	conf_unref(conf);
}

static void eq_looks_at_the_whole_text(void **state)
{
	json_t *root = document_long(LONG, 'a', 'b');

	(void)state;
	assert_holds("{a: aaaaaaaaaaaaaaaaa}", root, false);
	assert_holds("{a: {gt: 1}}", root, false);
	assert_holds("{a: {empty: false}}", root, true);
	json_decref(root);
}

/* Expressions that take exponential time by backtracking. */
static void notorious_expressions_end(void **state)
{
	static const struct {
		const char *when;
		bool holds;
	} hard[] = {
		{"{a: {matches: '(a+)+b'}}", false},
		{"{a: {matches: '(a+)+$'}}", false},
		{"{a: {matches: '^(a+)+$'}}", false},
		{"{a: {matches: '(x+x+)+y'}}", false},
		{"{a: {matches: '(a+a+)+y'}}", false},
		{"{a: {matches: '(a|aa)+$'}}", false},
		{"{a: {matches: '(a|a)*b'}}", false},
		{"{a: {matches: '(aa*)*b'}}", false},
		{"{a: {matches: '((((aa*)+)+)+)+b'}}", false},
		{"{a: {matches: '(((((a*)?)?)?)?)?b'}}", false},
		{"{a: {matches: '(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)b'}}", false},
		{"{a: {matches: 'a{1,200}'}}", true},
		{"{a: {matches: 'a{1,200}b'}}", false},
		{"{a: {matches: '(a{1,200})*b'}}", false},
		{"{a: {matches: '((a{1,30}){1,30})b'}}", false},
		{"{a: {matches: '(aa?){200}b'}}", false},
		{"{a: {matches: '(((((((a+)+)+)+)+)+)+)+b'}}", false},
	};
	json_t *root = document_long(LONG, 'a', 'a');

	(void)state;
	for (size_t i = 0; i < COUNT(hard); i++)
		assert_holds(hard[i].when, root, hard[i].holds);
	json_decref(root);
}

static void a_long_text_is_cut_in_the_reason(void **state)
{
	struct conf *conf = load_good("{a: x}");
	json_t *root = document_long(LONG, 'a', 'a');
	struct buf why = {0};

	(void)state;
	assert_false(condition_holds(conf->hooks[0].when, root, &why));
	assert_in_range(why.len, 60, 120);
	assert_non_null(strstr(why.data, "aaa…\": expected \"x\""));
	buf_free(&why);
	conf_unref(conf);
	conf = load_good("{a: {matches: '^(a+)+$'}}");
	assert_false(condition_holds(conf->hooks[0].when, root, &why));
	assert_non_null(
		strstr(why.data, "…\" (too many steps to match): expected a match of \"^(a+)+$\""));
	buf_free(&why);
	json_decref(root);
	conf_unref(conf);
}

static void a_number_of_many_digits(void **state)
{
	json_t *root = document_long(400, '9', '9');
	json_t *more = document_long(LONG, '9', '9');

	(void)state;
	assert_holds("{a: {gt: 99999999999999999999}}", root, true);
	assert_holds("{a: {gt: 99999999999999999999}}", more, false); /* a text to us */
	json_decref(root);
	json_decref(more);
}

/* What the environment puts in is compared, and shown in no message. */
static void values_from_the_environment(void **state)
{
	struct buf errors = {0};
	json_t *root = json_pack("{s:s, s:i}", "a", "from outside", "n", 8081);

	(void)state;
	setenv("TEST_VALUE", "from outside", 1);
	setenv("TEST_PORT", "8081", 1);
	assert_holds("{a: \"${TEST_VALUE}\"}", root, true);
	assert_holds("{n: {gte: \"${TEST_PORT}\"}}", root, true);
	assert_holds("{a: \"$${TEST_VALUE}\"}", root, false);
	assert_null(load("{a: {gt: \"${TEST_VALUE}\"}}", &errors));
	assert_null(strstr(errors.data, "outside"));
	assert_non_null(strstr(errors.data, "${TEST_VALUE}"));
	buf_free(&errors);
	json_decref(root);
}

static void in_words(void **state)
{
	static const struct {
		const char *when, *words;
	} said[] = {
		{"{a: x}", "a is \"x\""},
		{"{a: '1'}", "a is 1"},
		{"{a: ~}", "a is ~"},
		{"{a: '~'}", "a is \"~\""},
		{"{a: {gte: 100, lt: 200}}", "a is at least 100 and a is less than 200"},
		{"{a: [x, 1, true, 'true']}", "a is one of \"x\", 1, true, \"true\""},
		{"{a: {not_in: [x]}}", "a is none of \"x\""},
		{"{a: {glob: 'x*'}, b: {matches: '^y'}}",
			"a is like \"x*\" and b is a match of \"^y\""},
		{"{a: {exists: true}, b: {empty: false}}", "a is present and b is not empty"},
		{"{a: 1, any: [{b: 2}, {c: 3, d: 4}]}",
			"a is 1 and (b is 2 or (c is 3 and d is 4))"},
		{"{not: {a: 1}}", "not (a is 1)"},
		{"{a: \"x\\ny\\e[0m\"}", "a is \"x\\ny\\x1b[0m\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		struct conf *conf = load_good(said[i].when);
		struct buf words = {0};

		condition_explain(conf->hooks[0].when, &words);
		assert_string_equal(words.data, said[i].words);
		buf_free(&words);
		conf_unref(conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_it_hold),
		cmocka_unit_test(bad_conditions),
		cmocka_unit_test(all_errors_of_one_condition_are_reported),
		cmocka_unit_test(a_regex_looks_at_the_first_bytes_of_a_text),
		cmocka_unit_test(a_glob_looks_at_the_whole_text_or_declines),
		cmocka_unit_test(eq_looks_at_the_whole_text),
		cmocka_unit_test(notorious_expressions_end),
		cmocka_unit_test(a_long_text_is_cut_in_the_reason),
		cmocka_unit_test(a_number_of_many_digits),
		cmocka_unit_test(values_from_the_environment),
		cmocka_unit_test(in_words),
	};

	if (sodium_init() < 0)
		return 1;
	setenv("TEST_SECRET", "a secret of the tests", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
