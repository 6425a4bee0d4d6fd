/* The signature check: headers, times, secrets. */
#include "sender/sender.h"
#include "verify/verify.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Made by the official SDK, npm fedapay 1.2.5: Webhook.generateTestHeaderString. */
#define SECRET "wh_sandbox_test"
#define T      1700000000
#define BODY   "{\"id\":1,\"name\":\"transaction.approved\",\"a\":\"caf\\u00e9 \\/ x\"}"
#define MAC    "4c1bd57abe46d508387773e61c60a1c49f67516357645793b61ff6f044dfe800"
#define EMPTY  "61d05bae997d88f55a65c295bdd56ab276dd1451af52886bf9e141f22dd4d8d1"
#define WRONG  "0000000000000000000000000000000000000000000000000000000000000000"
#define HEADER "t=1700000000,s=" MAC

static struct secret *secrets[3];

struct header {
	const char *name, *value; /* NULL value: the request has no such header */
	size_t len;
};

static const char *header_of(void *context, const char *name, size_t *len)
{
	const struct header *header = context;

	if (header->value == NULL || strcmp(name, header->name) != 0)
		return NULL;
	*len = header->len;
	return header->value;
}

static struct header signed_by(const char *value)
{
	return (struct header){"X-FEDAPAY-SIGNATURE", value, value != NULL ? strlen(value) : 0};
}

static const struct verify_scheme *scheme(void)
{
	return &sender_find("fedapay")->proof;
}

static struct verify_request request_of(struct header *header, int64_t now, int64_t tolerance)
{
	return (struct verify_request){
		.header = header_of,
		.context = header,
		.secrets = secrets,
		.secret_count = 3,
		.tolerance = tolerance * 1000,
		.now = now * 1000,
	};
}

static enum verify_result check_at(
	const char *header, int64_t now, int64_t tolerance, struct verify_detail *detail)
{
	struct header given = signed_by(header);
	struct verify_request r = request_of(&given, now, tolerance);

	r.body = BODY;
	r.body_len = strlen(BODY);
	return verify_signature(scheme(), &r, detail);
}

/* By the head alone. */
static enum verify_result check_head(
	const char *header, int64_t now, int64_t tolerance, struct verify_detail *detail)
{
	struct header given = signed_by(header);
	struct verify_request r = request_of(&given, now, tolerance);

	return verify_head(scheme(), &r, detail);
}

static enum verify_result check(const char *header)
{
	struct verify_detail detail;

	return check_at(header, T, 300, &detail);
}

static void headers_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		enum verify_result result;
	} rows[] = {
		{NULL, VERIFY_NO_HEADER},
		{HEADER, VERIFY_OK},
		{"s=" MAC ",t=1700000000", VERIFY_OK},
		{"t=1700000000,s=" WRONG ",s=" MAC, VERIFY_OK},
		{"t=1700000000,s=short,s=" MAC, VERIFY_OK},
		{"t=1700000000,v1=" WRONG ",s=" MAC ",x=y=z,,", VERIFY_OK},
		{"", VERIFY_MALFORMED},
		{",,,", VERIFY_MALFORMED},
		{"s=" MAC, VERIFY_MALFORMED},
		{"t=,s=" MAC, VERIFY_MALFORMED},
		{"t=abc,s=" MAC, VERIFY_MALFORMED},
		{"t=-1700000000,s=" MAC, VERIFY_MALFORMED},
		{"t=+1700000000,s=" MAC, VERIFY_MALFORMED},
		{"t= 1700000000,s=" MAC, VERIFY_MALFORMED},
		{"t=1700000000.0,s=" MAC, VERIFY_MALFORMED},
		{"t=1700000000000000000000,s=" MAC, VERIFY_MALFORMED},
		{"t=1700000000,t=1700000000,s=" MAC, VERIFY_MALFORMED},
		{"T=1700000000,s=" MAC, VERIFY_MALFORMED},
		{"t=1700000000", VERIFY_NO_SCHEME},
		{"t=1700000000,v1=" MAC, VERIFY_NO_SCHEME},
		{"t=1700000000,S=" MAC, VERIFY_NO_SCHEME},
		{"t=1700000000,s=", VERIFY_NO_MATCH},
		{"t=1700000000,s=" WRONG, VERIFY_NO_MATCH},
		{"t=1700000000,s=" EMPTY, VERIFY_NO_MATCH},
		{"t=1700000000,s=" MAC "0", VERIFY_NO_MATCH},
		{"t=1700000000,s= " MAC, VERIFY_NO_MATCH},
		{"t=01700000000,s=" MAC,
			VERIFY_NO_MATCH}, /* the digits are signed as they are in the header */
		{"t=1700000001,s=" MAC, VERIFY_NO_MATCH},
		{"t=1700000000,s=4C1BD57ABE46D508387773E61C60A1C49F67516357645793B61FF6F044DFE800",
			VERIFY_NO_MATCH},
		{"t=1700000000,s=4c1bd57abe46d508387773e61c60a1c49f67516357645793b61ff6f044dfe8",
			VERIFY_NO_MATCH},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (check(rows[i].header) != rows[i].result)
			print_error("row %zu: %s\n", i, rows[i].header);
		assert_int_equal(check(rows[i].header), rows[i].result);
	}
}

static void time_is_held_to_the_tolerance_both_ways(void **state)
{
	(void)state;
	struct verify_detail d;

	assert_int_equal(check_at(HEADER, T + 300, 300, &d), VERIFY_OK);
	assert_int_equal(check_at(HEADER, T + 301, 300, &d), VERIFY_TOO_OLD);
	assert_int_equal(d.off_by, 301);
	assert_int_equal(d.signed_at, T);
	assert_int_equal(check_at(HEADER, T - 300, 300, &d), VERIFY_OK);
	assert_int_equal(check_at(HEADER, T - 301, 300, &d), VERIFY_TOO_NEW);
	assert_int_equal(d.off_by, 301);
	assert_int_equal(check_at(HEADER, 1, 0, &d), VERIFY_OK);
	assert_int_equal(check_at(HEADER, 2 * (int64_t)T, 0, &d), VERIFY_OK);
	/* A wrong signature is reported rather than a wrong time. */
	assert_int_equal(check_at("t=1,s=" WRONG, T, 300, &d), VERIFY_NO_MATCH);
}

/* What no body could make authentic is found without one, with the reason that the whole would
 * get; everything else passes. */
static void heads_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		enum verify_result result;
	} rows[] = {
		{NULL, VERIFY_NO_HEADER},
		{"", VERIFY_MALFORMED},
		{"s=" MAC, VERIFY_MALFORMED},
		{"t=abc,s=" MAC, VERIFY_MALFORMED},
		{"t=1700000000,t=1700000000,s=" MAC, VERIFY_MALFORMED},
		{"t=1700000000", VERIFY_NO_SCHEME},
		{"t=1700000000,v1=" MAC, VERIFY_NO_SCHEME},
		{"t=1700000000,s=", VERIFY_NO_MATCH},
		{"t=1700000000,s=" MAC "0", VERIFY_NO_MATCH},
		{"t=1,s=short", VERIFY_NO_MATCH},
		{"t=1700000000,s=" WRONG, VERIFY_OK},
		{"t=1700000000,s=short,s=" WRONG, VERIFY_OK},
		{HEADER, VERIFY_OK},
	};
	struct verify_detail d, whole;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(check_head(rows[i].header, T, 300, &d), rows[i].result);
		if (rows[i].result != VERIFY_OK)
			assert_int_equal(check_at(rows[i].header, T, 300, &whole), rows[i].result);
	}
	assert_int_equal(check_head(HEADER, T + 300, 300, &d), VERIFY_OK);
	assert_int_equal(check_head(HEADER, T + 301, 300, &d), VERIFY_TOO_OLD);
	assert_int_equal(d.off_by, 301);
	assert_int_equal(d.signed_at, T);
	assert_int_equal(check_head(HEADER, T - 301, 300, &d), VERIFY_TOO_NEW);
	assert_int_equal(d.off_by, 301);
	assert_int_equal(check_head("t=1,s=" WRONG, T, 300, &d), VERIFY_TOO_OLD);
	assert_int_equal(check_head("t=1,s=" WRONG, T, 0, &d), VERIFY_OK);
}

static void secrets_are_tried_in_order(void **state)
{
	(void)state;
	struct verify_detail d;
	struct secret *right = secrets[0];
	struct secret *wrong = secret_new("another", 7);

	for (size_t i = 0; i < 3; i++) {
		secrets[0] = secrets[1] = secrets[2] = wrong;
		assert_int_equal(check(HEADER), VERIFY_NO_MATCH);
		secrets[i] = right;
		assert_int_equal(check_at(HEADER, T, 300, &d), VERIFY_OK);
		assert_int_equal(d.secret, i);
	}
	secrets[0] = secrets[1] = secrets[2] = right;
	secret_free(wrong);
}

static void only_so_many_signatures_are_compared(void **state)
{
	(void)state;
	char header[4096] = "t=1700000000";

	for (int i = 0; i < 20; i++)
		strncat(header, ",s=" WRONG, sizeof(header) - strlen(header) - 1);
	strncat(header, ",s=" MAC, sizeof(header) - strlen(header) - 1);
	assert_int_equal(check(header), VERIFY_NO_MATCH);
}

static void bodies_are_bytes(void **state)
{
	(void)state;
	struct secret *k = secret_new("k", 1);
	struct verify_detail d;
	/* node: createHmac('sha256', 'k').update('1700000000.a\0b') */
	struct header header = signed_by("t=1700000000,s="
					 "583adf9d2536470d15404a5d2314df02"
					 "359b9530b8af8a6a597891f2120d191d");
	struct verify_request r = {
		.header = header_of,
		.context = &header,
		.body = "a\0b",
		.body_len = 3,
		.secrets = &k,
		.secret_count = 1,
	};
	assert_int_equal(verify_signature(scheme(), &r, &d), VERIFY_OK);
	r.body_len = 1;
	assert_int_equal(verify_signature(scheme(), &r, &d), VERIFY_NO_MATCH);
	header = signed_by("t=1700000000,s=" EMPTY);
	r = (struct verify_request){
		.header = header_of, .context = &header, .secrets = secrets, .secret_count = 1};
	assert_int_equal(verify_signature(scheme(), &r, &d), VERIFY_OK);
	secret_free(k);
}

static void signing_makes_what_the_sdk_makes(void **state)
{
	(void)state;
	char header[VERIFY_HEADER_MAX];

	verify_sign(scheme(), secrets[0], T, BODY, strlen(BODY), header);
	assert_string_equal(header, HEADER);
	verify_sign(scheme(), secrets[0], INT64_MAX, BODY, strlen(BODY), header);
	assert_int_equal(strncmp(header, "t=9223372036854775807,s=", 24), 0);
}

static void a_nul_in_the_header_is_a_byte_of_it(void **state)
{
	(void)state;
	static const char value[] = HEADER "\0,s=" WRONG;
	static const char in_time[] = "t=17\00000000,s=" MAC;
	struct header header = {"X-FEDAPAY-SIGNATURE", value, sizeof(value) - 1};
	struct verify_request r = {
		.header = header_of,
		.context = &header,
		.body = BODY,
		.body_len = strlen(BODY),
		.secrets = secrets,
		.secret_count = 1,
	};
	struct verify_detail d;

	assert_int_equal(verify_signature(scheme(), &r, &d), VERIFY_NO_MATCH);
	header = (struct header){"X-FEDAPAY-SIGNATURE", in_time, sizeof(in_time) - 1};
	assert_int_equal(verify_signature(scheme(), &r, &d), VERIFY_MALFORMED);
}

static int set_up(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	secrets[0] = secrets[1] = secrets[2] = secret_new(SECRET, strlen(SECRET));
	return secrets[0] != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	secret_free(secrets[0]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(heads_are_judged),
		cmocka_unit_test(time_is_held_to_the_tolerance_both_ways),
		cmocka_unit_test(secrets_are_tried_in_order),
		cmocka_unit_test(only_so_many_signatures_are_compared),
		cmocka_unit_test(bodies_are_bytes),
		cmocka_unit_test(signing_makes_what_the_sdk_makes),
		cmocka_unit_test(a_nul_in_the_header_is_a_byte_of_it),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
