/* Addresses, ranges, ports, clients behind proxies, public and internal addresses. */
#include "base/net.h"

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
		{"203.0.113.1", "198.51.100.1", "203.0.113.1"}, /* not from a trusted proxy */
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

/* First and last of each range, and what is just outside on either side. */
static void what_is_internal(void **state)
{
	static const struct {
		const char *before, *first, *last,
			*after; /* before and after are public, or NULL */
	} rows[] = {
		{NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
		{"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
		{"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
		{"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
		{"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
		{"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
		{"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
		{"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
		{"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
		{"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
		{"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
		{"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
		{"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL},
		{NULL, "240.0.0.0", "255.255.255.255", NULL},
		/* mapped: the same, by IPv4's rules */
		{"::ffff:9.255.255.255", "::ffff:10.0.0.0", "::ffff:10.255.255.255",
			"::ffff:11.0.0.0"},
		{"::ffff:126.255.255.255", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8000:0"},
		{"::ffff:a9fd:ffff", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:a9ff:0"},
		/* 6to4 and NAT64: what they carry counts */
		{"2002:9ff:ffff::1", "2002:a00::", "2002:aff:ffff:ffff:ffff:ffff:ffff:ffff",
			"2002:b00::"},
		{"2002:7eff:ffff::", "2002:7f00:1::1", "2002:7fff:ffff::", "2002:8000::"},
		{"2002:c0a7:ffff::", "2002:c0a8::", "2002:c0a8:ffff::", "2002:c0a9::"},
		{"64:ff9b::9.255.255.255", "64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255",
			"64:ff9b::11.0.0.0"},
		{"64:ff9b::a9fd:ffff", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:ffff",
			"64:ff9b::169.255.0.0"},
		{NULL, "64:ff9b:0:0:0:1::", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", NULL},
		{NULL, "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", NULL},
		{NULL, "64:ff9b:1::8.8.8.8", "64:ff9b:1:a00:0:100::", NULL},
		/* this host, and obsolete forms of IPv4 */
		{NULL, "::", "::1", NULL},
		{NULL, "::7f00:1", "::8.8.8.8", NULL},
		{NULL, "::ffff:0:10.0.0.1", "::ffff:0:8.8.8.8", NULL},
		/* outside 2000::/3 nothing is public */
		{NULL, "100::", "100::ffff:ffff:ffff:ffff", NULL},
		{NULL, "200::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"},
		{"3ffe:ffff::", "4000::", "fbff:ffff::", NULL},
		{NULL, "5f00::", "5f00:ffff::1", NULL},
		{NULL, "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
		{NULL, "fd00:ec2::254", "fe00::", NULL},
		{NULL, "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
		{NULL, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
		{NULL, "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
		{NULL, "ff02::1", "ff0e::1", NULL},
		/* within it */
		{"2000:ffff:ffff::", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
		{NULL, "2001:2::", "2001:2:0:ffff::", NULL},
		{NULL, "2001:10::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
		{"2001:db7:ffff::", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
			"2001:db9::"},
		{"3ffe:ffff:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"},
		{"2606:4700::1111", "unix", "unix", "8.8.8.8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const texts[] = {
			rows[i].before, rows[i].first, rows[i].last, rows[i].after};

		for (size_t k = 0; k < 4; k++) {
			struct net_address a;

			if (texts[k] == NULL)
				continue;
			a = address(texts[k]);
			if (net_is_internal(&a) != (k == 1 || k == 2))
				fail_msg("%s is %s", texts[k],
					k == 1 || k == 2 ? "not internal" : "internal");
		}
	}
}

/* As the kernel and the resolver give them. */
static void a_mapped_address_of_a_socket(void **state)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct net_address a;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:169.254.169.254", &sin6.sin6_addr), 1);
	net_from_sockaddr((const struct sockaddr *)&sin6, &a);
	assert_int_equal(a.family, AF_INET);
	assert_true(net_is_internal(&a));
	assert_int_equal(inet_pton(AF_INET6, "::ffff:8.8.8.8", &sin6.sin6_addr), 1);
	net_from_sockaddr((const struct sockaddr *)&sin6, &a);
	assert_false(net_is_internal(&a));
	assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &sin.sin_addr), 1);
	net_from_sockaddr((const struct sockaddr *)&sin, &a);
	assert_true(net_is_internal(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(ranges),
		cmocka_unit_test(the_client_behind_proxies),
		cmocka_unit_test(the_walk_is_bounded),
		cmocka_unit_test(what_is_internal),
		cmocka_unit_test(a_mapped_address_of_a_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
