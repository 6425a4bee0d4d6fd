#include "base/clock.h"
#include "base/secret.h"
#include "event/event.h"
#include "hookctl/curl_command.h"
#include "hookctl/diagnose/diagnose.h"
#include "hookctl/sample.h"
#include "verify/verify.h"

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

#define NOW    INT64_C(1782859829001)
#define SECRET "wh_sandbox_c0ffee"

static json_t *make(const char *type)
{
	struct sample s = {.type = type, .amount = 12345, .now = NOW};
	struct buf b = {0};
	json_t *json;

	assert_true(sample_event(&s, &b));
	for (size_t i = 0; i < b.len; i++)
		assert_true(b.data[i] >= ' ' && b.data[i] <= '~');
	json = json_loadb(b.data, b.len, 0, NULL);
	assert_non_null(json);
	buf_free(&b);
	return json;
}

static const char *text_of(json_t *event, const char *key)
{
	return json_string_value(json_object_get(json_object_get(event, "entity"), key));
}

static void statuses_follow_the_type(void **state)
{
	static const struct {
		const char *type, *status, *stamp;
	} rows[] = {
		{"transaction.created", "pending", "created_at"},
		{"transaction.approved", "approved", "approved_at"},
		{"transaction.declined", "declined", "declined_at"},
		{"transaction.canceled", "canceled", "canceled_at"},
		{"transaction.transferred", "transferred", "transferred_at"},
		{"transaction.refunded", "refunded", "refunded_at"},
		{"transaction.expired", "expired", "updated_at"},
		{"transaction.deleted", "pending", "deleted_at"},
		{"payout.sent", "sent", "sent_at"},
		{"payout.created", "pending", "created_at"},
		{"invoice.paid", "approved", "approved_at"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *event = make(rows[i].type);

		assert_string_equal(
			json_string_value(json_object_get(event, "name")), rows[i].type);
		assert_string_equal(text_of(event, "status"), rows[i].status);
		assert_non_null(text_of(event, rows[i].stamp));
		assert_int_equal(json_integer_value(json_object_get(
					 json_object_get(event, "entity"), "amount")),
			12345);
		json_decref(event);
	}
}

/* No time of an event lies after the event, nor before the thing was made. */
static void times_are_in_order(void **state)
{
	static const char *const types[] = {"transaction.created", "transaction.approved",
		"transaction.transferred", "payout.failed", "customer.updated", "customer.deleted"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		json_t *event = make(types[i]), *value;
		const char *created = text_of(event, "created_at"), *key;
		int64_t from, ms;

		assert_true(clock_parse(created, strlen(created), &from));
		json_object_foreach(json_object_get(event, "entity"), key, value)
		{
			size_t len = strlen(key);

			if (len < 3 || strcmp(key + len - 3, "_at") != 0 || json_is_null(value))
				continue;
			assert_true(clock_parse(
				json_string_value(value), json_string_length(value), &ms));
			assert_true(ms >= from && ms <= NOW);
		}
		json_decref(event);
	}
}

static void hookd_reads_what_is_made(void **state)
{
	struct sample s = {.type = "transaction.approved", .amount = 1, .now = NOW};
	struct event one, two;
	struct buf a = {0}, b = {0};

	(void)state;
	assert_true(sample_event(&s, &a));
	assert_true(sample_event(&s, &b));
	assert_true(event_parse(&one, a.data, a.len));
	assert_true(event_parse(&two, b.data, b.len));
	assert_null(one.quarantined);
	assert_string_equal(one.type, "transaction.approved");
	assert_string_equal(one.entity_kind, "transaction");
	assert_int_equal(one.occurred_at, NOW);
	assert_string_not_equal(one.idempotency_key, two.idempotency_key);
	assert_string_not_equal(one.entity_id, two.entity_id);
	event_free(&one);
	event_free(&two);
	buf_free(&a);
	buf_free(&b);
}

static void only_customers_have_no_amount(void **state)
{
	json_t *event = make("customer.created");

	(void)state;
	assert_false(sample_has_amount("customer.created"));
	assert_true(sample_has_amount("payout.sent"));
	assert_true(sample_has_amount("customers"));
	assert_null(json_object_get(json_object_get(event, "entity"), "amount"));
	assert_non_null(text_of(event, "email"));
	json_decref(event);
}

/* What a shell makes of one word. */
static void assert_word(const char *text, size_t len)
{
	struct buf command = {0};
	char got[512];
	FILE *shell;
	size_t n;

	buf_add_text(&command, "printf %s ");
	curl_command_quote(&command, text, len);
	assert_true(buf_ok(&command));
	shell = popen(command.data, "r");
	assert_non_null(shell);
	n = fread(got, 1, sizeof(got), shell);
	assert_int_equal(pclose(shell), 0);
	assert_int_equal(n, len);
	assert_memory_equal(got, text, len);
	buf_free(&command);
}

static void words_reach_the_command_unchanged(void **state)
{
	static const char *const words[] = {"plain", "it's", "''", "a b", "$HOME `id` $(id)",
		"back\\slash\\", "line\nbreak\n", "tail \t\r\n", "\"q\" !x * ? [a] ~ # ; & | < >",
		"\xc3\xa9\xff\x01", "{\"a\":\"N'Guessan\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_word(words[i], strlen(words[i]));
	assert_word("", 0);
}

/* Runs the command with a curl that prints its arguments, NUL behind each. */
static size_t run_curl(const struct curl_command *c, char *got, size_t room)
{
	struct buf command = {0};
	FILE *shell;
	size_t n;

	buf_add_text(&command, "curl() { printf '%s\\0' \"$@\"; }\n");
	curl_command_write(c, &command);
	assert_true(buf_ok(&command));
	shell = popen(command.data, "r");
	assert_non_null(shell);
	n = fread(got, 1, room, shell);
	assert_int_equal(pclose(shell), 0);
	buf_free(&command);
	return n;
}

static void curl_gets_all_arguments(void **state)
{
	const char *const headers[] = {"Content-Type: application/json", "X-S: t=1,s=a'b", NULL};
	struct curl_command c = {.url = "http://localhost/a?b=c&d",
		.unix_path = "/run/h d/s",
		.headers = headers,
		.insecure = true,
		.no_proxy = true,
		.body = "@body'\n",
		.body_len = 7};
	static const char want[] = "-sS\0-i\0http://localhost/a?b=c&d\0--unix-socket\0/run/h d/s\0"
				   "--insecure\0--noproxy\0*\0-H\0Content-Type: application/json\0"
				   "-H\0X-S: t=1,s=a'b\0--data-raw\0@body'\n";
	char got[1024];

	(void)state;
	assert_int_equal(run_curl(&c, got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void a_file_is_named_not_copied(void **state)
{
	const char *const headers[] = {NULL};
	struct curl_command c = {.url = "http://h/", .headers = headers, .file = "my body.json"};
	static const char want[] = "-sS\0-i\0http://h/\0--data-binary\0@my body.json";
	char got[256];

	(void)state;
	assert_int_equal(run_curl(&c, got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void not_every_body_is_an_argument(void **state)
{
	char *large = calloc(1, 200000);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', 200000);
	assert_true(curl_command_fits("", 0));
	assert_true(curl_command_fits("abc", 3));
	assert_false(curl_command_fits("a\0c", 3));
	assert_false(curl_command_fits(large, 200000));
	free(large);
}

#define BODY "{\"name\":\"a\\/b\",\"who\":\"S\\u00e8nami\"}"

struct
try {
	const char *signed_body;
	const char *body;
	const char *sender_secret;
	const char *secret;
	const char *says; /* NULL: nothing explains it */
};

static bool diagnose(const char *header, const struct try *t, struct buf *out)
{
	const struct verify_scheme *scheme = verify_scheme_find("fedapay");
	struct secret *secret = secret_new(t->secret, strlen(t->secret));
	struct verify_request r = {.header = header,
		.header_len = strlen(header),
		.body = t->body,
		.body_len = strlen(t->body),
		.secrets = &secret,
		.secret_count = 1};
	struct verify_detail detail;
	bool found;

	assert_non_null(secret);
	assert_int_not_equal(verify_signature(scheme, &r, &detail), VERIFY_OK);
	found = diagnose_mismatch(scheme, &r, out);
	if (!found)
		diagnose_hint(&r, out);
	secret_free(secret);
	assert_true(buf_ok(out));
	return found;
}

static void sign(const struct try *t, int64_t seconds, char header[VERIFY_HEADER_MAX])
{
	struct secret *secret = secret_new(t->sender_secret, strlen(t->sender_secret));

	assert_non_null(secret);
	verify_sign(verify_scheme_find("fedapay"), secret, seconds, t->signed_body,
		strlen(t->signed_body), header);
	secret_free(secret);
}

static void likely_accidents_are_named(void **state)
{
	static const struct try tries[] = {
		{BODY, BODY "\n", SECRET, SECRET, "last line end is taken off"},
		{BODY, BODY "\r\n", SECRET, SECRET, "last line end is taken off"},
		{BODY "\n", BODY, SECRET, SECRET, "a newline is put at the end of the body"},
		{BODY, "  " BODY " ", SECRET, SECRET, "white space at the body's ends"},
		{"a\nb\n", "a\r\nb\r\n", SECRET, SECRET, "CRLF line ends are made LF"},
		{"a\r\nb\r\n", "a\nb\n", SECRET, SECRET, "LF line ends are made CRLF"},
		{BODY, "\xef\xbb\xbf" BODY, SECRET, SECRET, "byte order mark is taken off"},
		{BODY, "{\"name\":\"a/b\",\"who\":\"S\xc3\xa8nami\"}", SECRET, SECRET,
			"compact JSON with / and accents escaped"},
		{BODY, "{\n  \"name\": \"a/b\",\n  \"who\": \"S\xc3\xa8nami\"\n}\n", SECRET, SECRET,
			"compact JSON with / and accents escaped"},
		{"{\"a\":\"b/c\"}", "{\"a\": \"b/c\"}", SECRET, SECRET, "compact JSON"},
		{"{\"a\": [1, 2]}", "{\"a\":[1,2]}", SECRET, SECRET, "spaces after , and :"},
		{"", BODY, SECRET, SECRET, "the body is empty"},
		{BODY, BODY, SECRET "\n", SECRET, "a newline is put behind the secret"},
		{BODY, BODY, SECRET, SECRET " ", "white space at the secret's ends"},
		{BODY, BODY, SECRET, "\"" SECRET "\"", "quotes at the secret's ends"},
		{BODY, BODY, "'" SECRET "'", SECRET, "single quotes are put around"},
		{BODY, BODY, "hello", "68656c6c6f", "decoded from hex"},
		{BODY, BODY, "hello", "wh_live_68656c6c6f", "decoded from hex"},
		{BODY, BODY, "hello!", "aGVsbG8h", "decoded from base64"},
		{BODY, BODY, "c0ffee", SECRET, "the secret's prefix"},
		{BODY, BODY "\n", SECRET "\n", SECRET,
			"taken off the body and a newline is put behind the secret"},
		{BODY, BODY, "wh_live_1", SECRET, NULL},
		{BODY, "{\"name\":\"x\"}", SECRET, SECRET, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		char header[VERIFY_HEADER_MAX];
		struct buf out = {0};
		bool found;

		sign(&tries[i], 1782859829, header);
		found = diagnose(header, &tries[i], &out);
		if (found != (tries[i].says != NULL) ||
			(found && strstr(out.data, tries[i].says) == NULL))
			fail_msg("row %zu: %s", i, out.data != NULL ? out.data : "");
		/* Neither secret nor any signature is told. */
		assert_null(strstr(out.data, "c0ffee"));
		assert_null(strstr(out.data, "68656c"));
		assert_null(strstr(out.data, strchr(header, 's') + 2));
		buf_free(&out);
	}
}

static void live_and_sandbox_are_told_apart(void **state)
{
	const struct try t = {BODY, BODY, "wh_live_1", SECRET, NULL};
	const struct try other = {BODY, BODY, SECRET, "sk_live_1", NULL};
	char header[VERIFY_HEADER_MAX];
	struct buf out = {0};

	(void)state;
	sign(&t, 1, header);
	assert_false(diagnose(header, &t, &out));
	assert_non_null(strstr(out.data, "begins with wh_sandbox_: an event from FedaPay's live "
					 "mode is signed with another, wh_live_"));
	buf_clear(&out);
	sign(&other, 1, header);
	assert_false(diagnose(header, &other, &out));
	assert_non_null(strstr(out.data, "neither wh_sandbox_ nor wh_live_"));
	buf_free(&out);
}

static void headers_are_looked_into(void **state)
{
	const struct try t = {BODY, BODY, SECRET, SECRET, NULL};
	char good[VERIFY_HEADER_MAX], bad[VERIFY_HEADER_MAX + 16];
	struct buf out = {0};
	const char *hex;

	(void)state;
	sign(&t, 1782859829, good);
	hex = strstr(good, "s=") + 2;
	snprintf(bad, sizeof(bad), "t=1782859829123,s=%s", hex);
	assert_true(diagnose(bad, &t, &out));
	assert_non_null(strstr(out.data, "t is divided by 1000"));
	buf_clear(&out);
	snprintf(bad, sizeof(bad), "t=1782859829, s=%s", hex);
	assert_true(diagnose(bad, &t, &out));
	assert_non_null(strstr(out.data, "white space and quotes are taken out"));
	buf_clear(&out);
	snprintf(bad, sizeof(bad), "%s", good);
	for (char *p = strstr(bad, "s=") + 2; *p != '\0'; p++)
		if (*p >= 'a')
			*p = (char)(*p - 'a' + 'A');
	assert_true(diagnose(bad, &t, &out));
	assert_non_null(strstr(out.data, "lower case"));
	buf_free(&out);
}

static void a_signature_over_the_body_alone_is_known(void **state)
{
	const struct try t = {BODY, BODY, SECRET, SECRET, NULL};
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state st;
	char hex[2 * sizeof(mac) + 1], header[VERIFY_HEADER_MAX];
	struct buf out = {0};

	(void)state;
	crypto_auth_hmacsha256_init(&st, (const unsigned char *)SECRET, strlen(SECRET));
	crypto_auth_hmacsha256_update(&st, (const unsigned char *)BODY, strlen(BODY));
	crypto_auth_hmacsha256_final(&st, mac);
	sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
	snprintf(header, sizeof(header), "t=5,s=%s", hex);
	assert_true(diagnose(header, &t, &out));
	assert_non_null(strstr(out.data, "over the body alone"));
	buf_free(&out);
}

static void header_parts_are_counted(void **state)
{
	struct diagnose_header h;
	static const char line[] = "t=12,s=00,v1=x,s=";

	(void)state;
	diagnose_header(line, sizeof(line) - 1, &h);
	assert_true(h.t_number);
	assert_int_equal(h.signatures, 2);
	assert_int_equal(h.unreadable, 2);
	assert_false(h.spaces);
	diagnose_header("t=, s=", 6, &h);
	assert_false(h.t_number);
	assert_true(h.spaces);
	assert_int_equal(h.signatures, 0);
	diagnose_header("", 0, &h);
	assert_null(h.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_follow_the_type),
		cmocka_unit_test(times_are_in_order),
		cmocka_unit_test(hookd_reads_what_is_made),
		cmocka_unit_test(only_customers_have_no_amount),
		cmocka_unit_test(words_reach_the_command_unchanged),
		cmocka_unit_test(curl_gets_all_arguments),
		cmocka_unit_test(a_file_is_named_not_copied),
		cmocka_unit_test(not_every_body_is_an_argument),
		cmocka_unit_test(likely_accidents_are_named),
		cmocka_unit_test(live_and_sandbox_are_told_apart),
		cmocka_unit_test(headers_are_looked_into),
		cmocka_unit_test(a_signature_over_the_body_alone_is_known),
		cmocka_unit_test(header_parts_are_counted),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
