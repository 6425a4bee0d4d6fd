#include "net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct net_address address(const char *text)
{
	struct net_address a;

	if (strcmp(text, "unix") == 0)
		return (struct net_address){.family = AF_UNIX};
	assert_true(net_parse(text, strlen(text), &a));
	return a;
}

static void addresses(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4 ",
		" 1.2.3.4", "1.2.3.4:80", "[::1]", "::1%lo", "fe80::1%1", "localhost", "01.2.3.4x"};
	static const char *const same[][2] = {{"192.0.2.7", "192.0.2.7"}, {"::1", "::1"},
		{"::ffff:192.0.2.7", "192.0.2.7"}, {"2001:DB8:0:0::1", "2001:db8::1"}};
	struct net_address a;
	char text[NET_TEXT];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(net_parse(bad[i], strlen(bad[i]), &a));
	assert_false(net_parse("1.2.3.4\0x", 9, &a));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		a = address(same[i][0]);
		net_format(&a, text);
		assert_string_equal(text, same[i][1]);
	}
	a = address("unix");
	net_format(&a, text);
	assert_string_equal(text, "unix");
}

static void ranges(void **state)
{
	(void)state;
	static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.1/8",
		"10.0.0.0/-1", "::1/129", "2001:db8::1/64", "/8", "", "10.0.0.0/8/8",
		"10.0.0.0/ 8"};
	static const struct {
		const char *range, *address;
		bool within;
	} rows[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "203.0.113.9", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.8", false},
		{"192.0.2.0/25", "192.0.2.127", true},
		{"192.0.2.0/25", "192.0.2.128", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"192.0.2.7", "::ffff:192.0.2.7", true},
		{"0.0.0.0/0", "unix", false},
	};
	struct net_range r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(net_parse_range(bad[i], &r));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct net_address a = address(rows[i].address);

		assert_null(net_parse_range(rows[i].range, &r));
		assert_int_equal(net_within(&a, &r, 1), rows[i].within);
	}
}

static void the_client_behind_proxies(void **state)
{
	(void)state;
	static const struct {
		const char *peer, *list, *client;
	} rows[] = {
		{"203.0.113.1", "", "203.0.113.1"},
		{"203.0.113.1", "198.51.100.1", "203.0.113.1"}, /* not from a proxy of ours */
		{"10.0.0.1", "", "10.0.0.1"},
		{"10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1", "6.6.6.6,198.51.100.1 ,\t10.0.0.2", "198.51.100.1"},
		{"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"10.0.0.1", "198.51.100.1, rubbish", "10.0.0.1"},
		{"10.0.0.1", "198.51.100.1, rubbish, 10.0.0.2", "10.0.0.2"},
		{"10.0.0.1", "198.51.100.1,,10.0.0.2", "10.0.0.2"},
		{"10.0.0.1", "198.51.100.1,", "10.0.0.1"},
		{"10.0.0.1", "2001:db8::7", "2001:db8::7"},
		{"10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"unix", "198.51.100.1", "198.51.100.1"},
		{"unix", "", "unix"},
	};
	struct net_range trusted;

	assert_null(net_parse_range("10.0.0.0/8", &trusted));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct net_address peer = address(rows[i].peer);
		struct net_address client =
			net_client(&peer, rows[i].list, strlen(rows[i].list), &trusted, 1);
		char text[NET_TEXT];

		net_format(&client, text);
		assert_string_equal(text, rows[i].client);
	}
}

static void the_walk_is_bounded(void **state)
{
	(void)state;
	struct net_range trusted;
	struct net_address peer = address("10.0.0.1");
	char list[8192] = "198.51.100.1", text[NET_TEXT];

	assert_null(net_parse_range("10.0.0.0/8", &trusted));
	for (int i = 0; i < 100; i++)
		strncat(list, ",10.0.0.9", sizeof(list) - strlen(list) - 1);
	struct net_address client = net_client(&peer, list, strlen(list), &trusted, 1);
	net_format(&client, text);
	assert_string_equal(text, "10.0.0.9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(ranges),
		cmocka_unit_test(the_client_behind_proxies),
		cmocka_unit_test(the_walk_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
