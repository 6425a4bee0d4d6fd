/* The diagnosis of a signature that does not match. */
#include "base/secret.h"
#include "hookctl/diagnose/diagnose.h"
#include "hookctl/diagnose/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SECRET "wh_sandbox_c0ffee"

#define BODY "{\"name\":\"a\\/b\",\"who\":\"S\\u00e8nami\"}"

struct
try {
	const char *signed_body;
	const char *body;
	const char *sender_secret;
	const char *secret;
	const char *says; /* NULL: nothing explains it */
};

static const char *header_of(void *context, const char *name, size_t *len)
{
	const char *header = context;

	(void)name;
	*len = strlen(header);
	return header;
}

static bool diagnose(char *header, const struct try *t, struct buf *out)
{
	const struct sender *sender = sender_find("fedapay");
	struct secret *secret = secret_new(t->secret, strlen(t->secret));
	struct verify_request r = {.header = header_of,
		.context = header,
		.body = t->body,
		.body_len = strlen(t->body),
		.secrets = &secret,
		.secret_count = 1};
	struct verify_detail detail;
	bool found;

	assert_non_null(secret);
	assert_int_not_equal(verify_signature(&sender->proof, &r, &detail), VERIFY_OK);
	found = diagnose_mismatch(sender, &r, out);
	if (!found)
		diagnose_hint(sender, &r, out);
	secret_free(secret);
	assert_true(buf_ok(out));
	return found;
}

static void sign(const struct try *t, int64_t seconds, char header[VERIFY_HEADER_MAX])
{
	struct secret *secret = secret_new(t->sender_secret, strlen(t->sender_secret));

	assert_non_null(secret);
	verify_sign(&sender_find("fedapay")->proof, secret, seconds, t->signed_body,
		strlen(t->signed_body), header);
	secret_free(secret);
}

static void likely_accidents_are_named(void **state)
{
	static const struct try tries[] = {
		{BODY, BODY "\n", SECRET, SECRET, "line ends and other white space"},
		{BODY, BODY "\r\n", SECRET, SECRET, "line ends and other white space"},
		{BODY, "  " BODY " ", SECRET, SECRET, "line ends and other white space"},
		{BODY "\n", BODY, SECRET, SECRET, "a line end is added to the body"},
		{BODY, "{\"name\":\"a/b\",\"who\":\"S\xc3\xa8nami\"}", SECRET, SECRET,
			"JSON as the sender writes it"},
		{BODY, "{\n  \"name\": \"a/b\",\n  \"who\": \"S\xc3\xa8nami\"\n}\n", SECRET, SECRET,
			"JSON as the sender writes it"},
		{"{\"a\":\"b/c\"}", "{\"a\": \"b/c\"}", SECRET, SECRET, "JSON as the sender"},
		{"{\"a\":\"\xc3\xa8\"}", "{\"a\":\"\\u00e8\"}", SECRET, SECRET,
			"JSON as the sender"},
		{BODY, BODY, SECRET, SECRET " ", "quotes at the ends of the secret"},
		{BODY, BODY, SECRET, "\n" SECRET "\r\n", "quotes at the ends of the secret"},
		{BODY, BODY, SECRET, "\"" SECRET "\"", "quotes at the ends of the secret"},
		/* one change at a time */
		{BODY, BODY "\n", SECRET, SECRET " ", NULL},
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
		/* Neither the secret nor a signature is shown. */
		assert_null(strstr(out.data, "c0ffee"));
		assert_null(strstr(out.data, strchr(header, 's') + 2));
		buf_free(&out);
	}
}

static void the_secret_may_be_another_one(void **state)
{
	static const struct {
		const char *secret, *hint;
	} rows[] = {
		{SECRET, "the secret begins with wh_sandbox_: an event from FedaPay's live mode is "
			 "signed with another, wh_live_…, secret\n"},
		{"wh_live_2",
			"the secret begins with wh_live_: an event from FedaPay's sandbox mode"},
		{"sk_live_1", "the secret begins with sk_: it is an API key"},
		{"c0ffee", "the secret begins with neither wh_sandbox_ nor wh_live_, as"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct try t = {BODY, BODY, "wh_live_1", rows[i].secret, NULL};
		char header[VERIFY_HEADER_MAX];
		struct buf out = {0};

		sign(&t, 1, header);
		assert_false(diagnose(header, &t, &out));
		assert_non_null(strstr(out.data, "most likely the secret is another endpoint's"));
		if (strstr(out.data, rows[i].hint) == NULL)
			fail_msg("%s", out.data);
		buf_free(&out);
	}
}

static void the_secret_that_matches_is_named(void **state)
{
	const struct try t = {BODY, BODY, SECRET, SECRET, NULL};
	struct secret *secrets[] = {secret_new("wh_live_1", 9), secret_new(SECRET, strlen(SECRET))};
	char header[VERIFY_HEADER_MAX];
	struct verify_request r = {.header = header_of,
		.context = header,
		.body = BODY "\n",
		.body_len = strlen(BODY) + 1,
		.secrets = secrets,
		.secret_count = 2};
	struct buf out = {0};

	(void)state;
	sign(&t, 1, header);
	assert_true(diagnose_mismatch(sender_find("fedapay"), &r, &out));
	assert_non_null(strstr(out.data, ", with secret 2: "));
	buf_free(&out);
	secret_free(secrets[0]);
	secret_free(secrets[1]);
}

static void accidents_of_the_header_are_named(void **state)
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
	assert_non_null(strstr(out.data, "the time in the header is divided by 1000"));
	buf_clear(&out);
	snprintf(bad, sizeof(bad), "t=1782859829, s=%s", hex);
	assert_true(diagnose(bad, &t, &out));
	assert_non_null(strstr(out.data, "white space and quotes are removed from the header"));
	buf_free(&out);
}

/* The HMAC of what people sign instead of TIME.BODY. */
static void mac_of(const char *what, unsigned char mac[crypto_auth_hmacsha256_BYTES])
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, (const unsigned char *)SECRET, strlen(SECRET));
	crypto_auth_hmacsha256_update(&st, (const unsigned char *)what, strlen(what));
	crypto_auth_hmacsha256_final(&st, mac);
}

static void other_senders_ways_are_known(void **state)
{
	static const struct {
		const char *signs, *header, *says;
	} rows[] = {
		{"1782859829." BODY, "t=1782859829,v1=%s", "tagged as the sender's"},
		{"1782859829." BODY, "t=1782859829,sha256=%s", "tagged as the sender's"},
		{"1782859829." BODY, "t=1782859829,%s", "tagged as the sender's"},
		{"1782859829." BODY, "t=1782859829,s=%s", NULL},
		{BODY, "sha256=%s", "over the body alone"},
		{BODY, "%s", "over the body alone"},
		{BODY, "t=5,v1=%s", "over the body alone"},
		{"1782859829" BODY, "t=1782859829,s=%s", "without the dot"},
		{"1782859829" BODY, "t=1782859829,v1=%s", "without the dot"},
	};
	const struct try t = {BODY, BODY, SECRET, SECRET, NULL};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char mac[crypto_auth_hmacsha256_BYTES];
		char hex[2 * sizeof(mac) + 1], header[VERIFY_HEADER_MAX];
		struct buf out = {0}, tagged = {0};
		bool upper = i % 2 == 1;
		const char *says = rows[i / 2].says;

		if (says == NULL && !upper)
			continue; /* it is right */
		if (says == NULL)
			says = "in lower case";
		mac_of(rows[i / 2].signs, mac);
		sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
		for (char *c = hex; upper && *c != '\0'; c++)
			*c = (char)toupper((unsigned char)*c);
		buf_printf(
			&tagged, "%.*s", (int)strcspn(rows[i / 2].header, "%"), rows[i / 2].header);
		snprintf(header, sizeof(header), "%s%s", tagged.data != NULL ? tagged.data : "",
			hex);
		assert_true(diagnose(header, &t, &out));
		if (strstr(out.data, says) == NULL)
			fail_msg("%s: %s", header, out.data);
		buf_free(&tagged);
		buf_free(&out);
	}
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
	const struct verify_scheme *scheme = &sender_find("fedapay")->proof;
	struct diagnose_header h;
	static const char line[] = "t=12,s=00,v1=x,s=";

	(void)state;
	diagnose_header(scheme, line, sizeof(line) - 1, &h);
	assert_true(h.t_number);
	assert_int_equal(h.signatures, 2);
	assert_int_equal(h.unreadable, 2);
	assert_false(h.spaces);
	diagnose_header(scheme, "t=, s=", 6, &h);
	assert_false(h.t_number);
	assert_true(h.spaces);
	assert_int_equal(h.signatures, 0);
	diagnose_header(scheme, "", 0, &h);
	assert_null(h.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(likely_accidents_are_named),
		cmocka_unit_test(the_secret_may_be_another_one),
		cmocka_unit_test(the_secret_that_matches_is_named),
		cmocka_unit_test(accidents_of_the_header_are_named),
		cmocka_unit_test(other_senders_ways_are_known),
		cmocka_unit_test(a_signature_over_the_body_alone_is_known),
		cmocka_unit_test(header_parts_are_counted),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
