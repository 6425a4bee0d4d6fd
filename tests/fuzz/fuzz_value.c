/* The small parsers of texts that people and senders write: a byte chooses one, the text
 * follows. A value that is written and read again must be the same. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/letter_case.h"
#include "base/money.h"
#include "base/net.h"
#include "conf/match.h"
#include "event/lifecycle.h"
#include "hookctl/filter.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "reporter/schedule.h"
#include "sender/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void try_time(const char *text, size_t len)
{
	char again[CLOCK_TEXT];
	int64_t ms, same;

	if (!clock_parse(text, len, &ms))
		return;
	clock_format(ms, again);
	if (!clock_parse(again, strlen(again), &same) || same != ms)
		abort();
}

/* Any moment can be written, and sorts by time. */
static void try_moment(const char *text, size_t len)
{
	char stamp[CLOCK_TEXT], local[CTL_TIME], span[CTL_SPAN];
	unsigned minutes = len > 8 ? (unsigned char)text[8] * 6 % 1440 : 0;
	int64_t ms = 0;

	memcpy(&ms, text, len < sizeof(ms) ? len : sizeof(ms));
	clock_format(ms, stamp);
	clock_local(ms, stamp);
	ctl_time_format(ms, local);
	ctl_span_format(ms < 0 ? 0 : ms, span);
	ms %= INT64_C(253402300800000); /* until the year 9999 */
	if (schedule_last(ms, minutes) > ms || schedule_next(ms, minutes) <= ms ||
		schedule_next(ms, minutes) - schedule_last(ms, minutes) > 26 * INT64_C(3600000))
		abort();
}

static void try_words(char *text)
{
	const char *kind, *id;
	int64_t n;

	if (ctl_number("--limit", text, -5, 1000, &n) && (n < -5 || n > 1000))
		abort();
	if (ctl_duration("--since", text, &n) && n < 0)
		abort();
	if (ctl_moment("--since", text, &n) && n > clock_wall() && strchr(text, '-') == NULL)
		abort();
	ctl_entity_split(text, &kind, &id);
	if (id == NULL || (kind != NULL && strchr(kind, ':') != NULL))
		abort();
}

/* "AMOUNT CURRENCY" */
static void try_money(const char *text, size_t len)
{
	const char *space = memchr(text, ' ', len);
	size_t n = space != NULL ? (size_t)(space - text) : len;
	const char *currency = text + n + (space != NULL);
	size_t currency_len = (size_t)(text + len - currency);
	struct buf people = {0}, plain = {0}, again = {0};
	bool good = money_format(&people, text, n, currency, currency_len);

	if (money_decimal(&plain, text, n, currency, currency_len) != good ||
		good != (people.len > 0) || good != (plain.len > 0))
		abort();
	/* With a point it is in the main unit; a whole number is in the minor one. */
	if (good && strchr(plain.data, '.') != NULL &&
		(!money_decimal(&again, plain.data, plain.len, currency, currency_len) ||
			strcmp(again.data, plain.data) != 0))
		abort();
	buf_free(&people);
	buf_free(&plain);
	buf_free(&again);
}

static void try_net(const char *text)
{
	struct net_range range;
	struct net_address again;
	char out[NET_TEXT];

	if (net_parse_range(text, &range) != NULL)
		return;
	net_format(&range.address, out);
	if (!net_parse(out, strlen(out), &again) ||
		memcmp(&again, &range.address, sizeof(again)) != 0 ||
		!net_within(&again, &range, 1))
		abort();
	(void)net_is_internal(&range.address);
}

/* A glob, a space, a type. */
static void try_glob(char *text)
{
	const struct lifecycle_state *states = sender_default()->states;
	char *type = strchr(text, ' ');

	if (type == NULL || strlen(text) > 100)
		return;
	*type++ = '\0';
	(void)match_type(text, type);
	(void)lifecycle_before(states, type);
	if ((lifecycle_rank(states, type) >= 0) != (lifecycle_state(states, type) != NULL))
		abort();
}

/* Upper case twice is upper case, and nothing grows. */
static void try_case(const char *text, size_t len)
{
	for (int up = 0; up <= 1; up++) {
		struct buf once = {0}, twice = {0};

		letter_case(&once, text, len, up != 0);
		letter_case(&twice, once.data != NULL ? once.data : "", once.len, up != 0);
		if (once.len != len || twice.len != len ||
			(len > 0 && memcmp(once.data, twice.data, len) != 0))
			abort();
		buf_free(&once);
		buf_free(&twice);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static bool ready;
	char *text;
	size_t len;

	if (size == 0 || size > 4096)
		return 0;
	if (!ready) {
		/* Messages about bad arguments are not checked. */
		stderr = fopen("/dev/null", "we");
		ready = stderr != NULL && setenv("TZ", "Europe/Paris", 1) == 0;
		if (!ready)
			abort();
		tzset();
	}
	text = strndup((const char *)data + 1, size - 1);
	if (text == NULL)
		abort();
	len = strlen(text);
	switch (data[0] % 8) {
	case 0:
		try_time((const char *)data + 1, size - 1);
		break;
	case 1:
		try_moment((const char *)data + 1, size - 1);
		break;
	case 2:
		try_words(text);
		break;
	case 3:
		try_money(text, len);
		break;
	case 4:
		try_net(text);
		break;
	case 5:
		try_glob(text);
		break;
	case 6:
		try_case(text, len);
		break;
	default:
		(void)money_exponent((const char *)data + 1, size - 1);
		break;
	}
	free(text);
	return 0;
}
