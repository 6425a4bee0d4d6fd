/* conf/value/expect.c - describes what a key's value must be, for messages. */
#include "base/duration.h"
#include "conf/read.h"

#include <stdio.h>
#include <string.h>

static const struct number_unit sizes[] = {{"TiB", 1LL << 40}, {"GiB", 1LL << 30},
	{"MiB", 1LL << 20}, {"KiB", 1LL << 10}, {"", 1}, {"B", 1}, {NULL, 0}};
static const struct number_unit counts[] = {{"", 1}, {NULL, 0}};

/* The unit of a limit depends on what it limits. */
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

const struct number_unit *conf_units(enum conf_type type)
{
	switch (type) {
	case CONF_DURATION:
		return duration_units;
	case CONF_SIZE:
		return sizes;
	default:
		return counts;
	}
}

static void add_range(struct buf *out, const struct conf_key *key)
{
	const struct number_unit *units = conf_units(conf_amount_type(key));

	buf_add_text(out, " from ");
	number_add_unit(out, units, key->min);
	buf_add_text(out, " to ");
	number_add_unit(out, units, key->max);
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
	for (size_t i = 0; sender_at(i) != NULL; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", sender_at(i)->name);
	buf_add_char(out, ')');
}

static void add_amount_expected(struct buf *out, const struct conf_key *key)
{
	if (conf_amount_type(key) == CONF_DURATION)
		buf_add_text(out, "a duration (500ms, 10s, 5m, 2h, 90d)");
	else if (conf_amount_type(key) == CONF_SIZE)
		buf_add_text(out, "a size (512, 64KiB, 1MiB, 2GiB)");
	else
		buf_add_text(out, "a number");
	add_range(out, key);
}

static const char name_words[] =
	"a name of up to 64 letters, digits, '.', '_' and '-', a letter or "
	"digit first";
static const char glob_words[] =
	"an event type such as transaction.approved or transaction.*, or a "
	"list of them";
static const char address_words[] = "an address such as shop@example.com or "
				    "\"{{entity.customer.email}}\", or a list of them";

/* For the types whose text does not depend on the key. */
static const char *const words[] = {
	[CONF_NAME] = name_words,
	[CONF_TEXT] = "a text",
	[CONF_PATH] = "a path",
	[CONF_BOOL] = "true or false",
	[CONF_TIME_OF_DAY] = "a time from 00:00 to 23:59",
	[CONF_TIMEZONE] = "UTC or a zone of /usr/share/zoneinfo such as Africa/Porto-Novo",
	[CONF_USER] = "the name of a user of this system",
	[CONF_REF] = "the name of a source",
	[CONF_REFS] = "the name of a source, or a list of them",
	[CONF_NETS] = "a list of addresses and ranges such as [10.0.0.0/8, ::1]",
	[CONF_SECRET] = "the place of a secret: {credential: NAME}, {file: PATH} or {env: NAME}",
	[CONF_GLOBS] = glob_words,
	[CONF_MEMBERS] = "a path into the event such as account, or a list of them",
	[CONF_RUN] = "a list such as [/usr/local/bin/program, argument]",
	[CONF_COMMAND] = "a program such as /usr/sbin/sendmail, or a list of it and its arguments",
	[CONF_CODES] = "a list of exit codes such as [2, 64], or of HTTP statuses such as [404]",
	[CONF_TEMPLATE] = "a text such as \"Payment {{entity.reference}}\"",
	[CONF_URL] = "a URL such as https://erp.example.com/payments/{{entity.id}}",
	[CONF_ADDRESS] = address_words,
	[CONF_ADDRESSES] = address_words,
	[CONF_BODY] = "a text such as \"Payment {{entity.reference}}\"",
	[CONF_BODY_FILE] = "the path of a text file",
	[CONF_HTML] = "a text such as \"<p>Payment {{entity.reference}}</p>\"",
	[CONF_HTML_FILE] = "the path of an HTML file",
	[CONF_ENV] = "a mapping of names to values such as {SHOP: cotonou}",
	[CONF_HEADERS] = "a mapping of names to values such as {X-Shop: cotonou}",
	[CONF_MAIL_SERVER] = "smtp://HOST[:PORT], smtps://HOST[:PORT] or unix:/PATH",
	[CONF_HOSTNAME] = "a host name such as shop.example.com",
	[CONF_MAILBOX] = "one mail address such as \"My Shop <shop@example.com>\"",
	[CONF_WHEN] = "a mapping of paths to tests such as {entity.amount: {gte: 100}}",
};

#define KEYS_SHOWN 4

/* "a mapping with attempts, first or max" */
static void add_mapping(struct buf *out, const struct conf_key *key)
{
	char section[64];
	size_t shown = 0, count = 0;

	snprintf(section, sizeof(section), "%s%s%s", key->section,
		key->section[0] != '\0' ? "." : "", key->name);
	if (key->rows != NULL)
		snprintf(section, sizeof(section), "%s", key->rows);
	for (size_t i = 0; i < conf_key_count; i++)
		count += strcmp(conf_keys[i].section, section) == 0 &&
			 conf_keys[i].type != CONF_ACTION;
	buf_add_text(out, "a mapping with keys such as ");
	for (size_t i = 0; i < conf_key_count && shown < KEYS_SHOWN; i++) {
		if (strcmp(conf_keys[i].section, section) != 0 || conf_keys[i].type == CONF_ACTION)
			continue;
		shown++;
		buf_printf(out, "%s\"%s\"",
			shown == 1                              ? ""
			: shown == KEYS_SHOWN || shown == count ? " and "
								: ", ",
			conf_keys[i].name);
	}
}

static void add_expected(struct buf *out, const struct conf_key *key)
{
	switch (key->type) {
	case CONF_COUNT:
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_RLIMIT:
		add_amount_expected(out, key);
		break;
	case CONF_CHOICE:
	case CONF_WORD:
		add_choices(out, key->words);
		break;
	case CONF_SCHEME:
		add_schemes(out);
		break;
	case CONF_URL_PATH:
		buf_printf(out, "a URL's path such as %s", sender_default()->path);
		break;
	case CONF_LISTEN:
		buf_printf(out,
			"an address such as 127.0.0.1:8080, [::1]:8080 or "
			"unix:/run/hookd/http.sock, "
			"or a list of up to %lld",
			key->max);
		break;
	case CONF_LISTENER:
		buf_add_text(out, "an address such as 127.0.0.1:8080, [::1]:8080 or "
				  "unix:/run/hookd/http.sock");
		break;
	case CONF_SECRETS:
		buf_printf(out,
			"a list of 1 to %lld secrets, each {credential: NAME}, {file: PATH} or "
			"{env: NAME}",
			key->max);
		break;
	case CONF_LIST:
		buf_printf(out, "a list of %s%lld mappings, each of which begins with \"- \"",
			key->min > 0 ? "1 to " : "up to ", key->max);
		break;
	case CONF_MAPPING:
		add_mapping(out, key);
		break;
	default:
		buf_add_text(out, words[key->type]);
		break;
	}
}

const char *conf_expected(const struct conf_key *key, char out[CONF_EXPECTED])
{
	struct buf b = {0};

	if (key->expected != NULL)
		buf_add_text(&b, key->expected);
	else
		add_expected(&b, key);
	snprintf(out, CONF_EXPECTED, "%s", b.data != NULL ? b.data : "something else");
	buf_free(&b);
	return out;
}
