#include "conf_read.h"

#include <stdio.h>
#include <string.h>

static const struct conf_unit durations[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct conf_unit sizes[] = {{"TiB", 1LL << 40}, {"GiB", 1LL << 30}, {"MiB", 1LL << 20},
	{"KiB", 1LL << 10}, {"", 1}, {"B", 1}, {NULL, 0}};
static const struct conf_unit counts[] = {{"", 1}, {NULL, 0}};

const char *const conf_levels[] = {"error", "warn", "info", "debug", NULL};
const char *const conf_formats[] = {"text", "json", NULL};

/* What a limit is counted in depends on what it limits. */
enum conf_type conf_amount_type(const struct conf_key *key)
{
	if (key->type != CONF_RLIMIT)
		return key->type;
	if (key->offset == RLIMIT_CPU)
		return CONF_DURATION;
	if (key->offset == RLIMIT_AS || key->offset == RLIMIT_FSIZE)
		return CONF_SIZE;
	return CONF_COUNT;
}

const struct conf_unit *conf_units(enum conf_type type)
{
	switch (type) {
	case CONF_DURATION:
		return durations;
	case CONF_SIZE:
		return sizes;
	default:
		return counts;
	}
}

/* n in the largest unit that divides it: 90d, 1MiB, 1500. */
static void add_amount(struct buf *out, const struct conf_key *key, long long n)
{
	const struct conf_unit *unit = conf_units(conf_amount_type(key));

	if (n == 0) {
		buf_add_char(out, '0');
		return;
	}
	while (n % unit->factor != 0)
		unit++;
	buf_printf(out, "%lld%s", n / unit->factor, unit->suffix);
}

static void add_range(struct buf *out, const struct conf_key *key)
{
	buf_add_text(out, " from ");
	add_amount(out, key, key->min);
	buf_add_text(out, " to ");
	add_amount(out, key, key->max);
	if (key->zero != NULL)
		buf_printf(out, ", or 0 (%s)", key->zero);
}

static void add_choices(struct buf *out, const char *const *choices)
{
	buf_add_text(out, choices[0]);
	for (size_t i = 1; choices[i] != NULL; i++)
		buf_printf(out, "%s%s", choices[i + 1] != NULL ? ", " : " or ", choices[i]);
}

static void add_schemes(struct buf *out)
{
	buf_add_text(out, "a scheme (");
	for (size_t i = 0; verify_scheme_name(i) != NULL; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", verify_scheme_name(i));
	buf_add_char(out, ')');
}

static void add_expected(struct buf *out, const struct conf_key *key)
{
	switch (key->type) {
	case CONF_NAME:
		buf_add_text(out, "a name of up to 64 letters, digits, '.', '_' and '-', "
				  "a letter or digit first");
		break;
	case CONF_PATH:
		buf_add_text(out, "a path");
		break;
	case CONF_URL_PATH:
		buf_add_text(out, "a URL's path such as /webhooks/fedapay");
		break;
	case CONF_COUNT:
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_RLIMIT:
		if (conf_amount_type(key) == CONF_DURATION)
			buf_add_text(out, "a duration (500ms, 10s, 5m, 2h, 90d)");
		else if (conf_amount_type(key) == CONF_SIZE)
			buf_add_text(out, "a size (512, 64KiB, 1MiB, 2GiB)");
		else
			buf_add_text(out, "a number");
		add_range(out, key);
		break;
	case CONF_LEVEL:
		add_choices(out, conf_levels);
		break;
	case CONF_FORMAT:
		add_choices(out, conf_formats);
		break;
	case CONF_SCHEME:
		add_schemes(out);
		break;
	case CONF_USER:
		buf_add_text(out, "the name of a user of this system");
		break;
	case CONF_REF:
		buf_add_text(out, "the name of a source");
		break;
	case CONF_LISTEN:
		buf_printf(out,
			"an address such as 127.0.0.1:8080, [::1]:8080 or "
			"unix:/run/hookd/http.sock, "
			"or a list of up to %lld",
			key->max);
		break;
	case CONF_NETS:
		buf_add_text(out, "a list of addresses and ranges such as [10.0.0.0/8, ::1]");
		break;
	case CONF_SECRETS:
		buf_printf(out,
			"a list of 1 to %lld secrets, each {credential: NAME}, {file: PATH} or "
			"{env: NAME}",
			key->max);
		break;
	case CONF_GLOBS:
		buf_add_text(out, "an event type such as transaction.approved or transaction.*, "
				  "or a list of them");
		break;
	case CONF_ARGV:
		buf_add_text(out, "a list such as [/usr/local/bin/program, argument]");
		break;
	case CONF_ENV:
		buf_add_text(out, "a mapping of names to values such as {SHOP: cotonou}");
		break;
	case CONF_CODES:
		buf_add_text(out, "a list of exit codes from 1 to 255 such as [2, 64]");
		break;
	case CONF_MAPPING:
		buf_add_text(out, "a mapping");
		break;
	case CONF_LIST:
		buf_printf(out, "a list of %s%lld mappings", key->min > 0 ? "1 to " : "up to ",
			key->max);
		break;
	}
}

const char *conf_expected(const struct conf_key *key, char out[CONF_EXPECTED])
{
	struct buf b = {0};

	add_expected(&b, key);
	snprintf(out, CONF_EXPECTED, "%s", b.data != NULL ? b.data : "something else");
	buf_free(&b);
	return out;
}
