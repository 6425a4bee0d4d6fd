#include "keys.h"

#include "conf/conf.h"

#include <stddef.h>

#define AT(type, member) offsetof(struct type, member)
#define SECOND           1000LL
#define MINUTE           (60 * SECOND)
#define HOUR             (60 * MINUTE)
#define DAY              (24 * HOUR)
#define KIB              1024LL
#define MIB              (1024 * KIB)
#define TIB              (1024LL * 1024 * MIB)

/* conf_list_store relies on this. */
#define ARRAY(type, items, count)                                                                  \
	_Static_assert(AT(type, count) == AT(type, items) + sizeof(void *),                        \
		"the count follows its array")
ARRAY(conf, listen, listen_count);
ARRAY(conf, trusted_proxies, trusted_proxy_count);
ARRAY(conf, sources, source_count);
ARRAY(conf, hooks, hook_count);
ARRAY(conf_source, secrets, secret_count);
ARRAY(conf_source, allow, allow_count);
ARRAY(conf_api, types, type_count);
ARRAY(conf_silence, sources, source_count);
ARRAY(conf_hook, on, on_count);
ARRAY(conf_action, env, env_count);
ARRAY(conf_action, give_up_on, give_up_count);
ARRAY(conf_action, retry_on, retry_count);
ARRAY(conf_templates, list, count);
ARRAY(conf_forward, headers, header_count);
ARRAY(conf_forward, drop, drop_count);

/* A choice is written as an int. */
_Static_assert(sizeof(enum log_level) == sizeof(int) && sizeof(enum log_format) == sizeof(int) &&
		       sizeof(enum conf_mail_tls) == sizeof(int) &&
		       sizeof(enum conf_order) == sizeof(int) &&
		       sizeof(enum conf_once) == sizeof(int) &&
		       sizeof(enum conf_digest_when) == sizeof(int),
	"an enum is an int");

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const mail_tls[] = {"starttls", "implicit", "none", NULL};
static const char *const orders[] = {"none", "entity", NULL};
static const char *const digest_whens[] = {"always", "dead", NULL};
static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};

/* Keys are read in this order, not in that of the file: sources come before what refers to them. */
/* clang-format off */
const struct conf_key conf_keys[] = {
	{"", "listen", CONF_LISTEN, AT(conf, listen),
		.min = 1, .max = 16, .fallback = "127.0.0.1:8080", .reload = CONF_RESTART},
	{"listen[]", "address", CONF_LISTENER, 0, .required = true},
	{"listen[]", "proxy_protocol", CONF_BOOL, AT(conf_listen, proxy_protocol),
		.fallback = "false"},
	{"", "tls", CONF_MAPPING, AT(conf, tls), .fallback = NULL},
	{"tls", "certificate", CONF_PATH, AT(conf_tls, certificate), .required = true},
	{"tls", "key", CONF_PATH, AT(conf_tls, key), .required = true},
	{"", "trusted_proxies", CONF_NETS, AT(conf, trusted_proxies), .max = 1000, .fallback = ""},

	{"", "limits", CONF_MAPPING, AT(conf, limits), .fallback = NULL},
	{"limits", "body", CONF_SIZE, AT(conf_limits, body),
		.min = KIB, .max = 64 * MIB, .fallback = "1MiB"},
	{"limits", "bodies", CONF_SIZE, AT(conf_limits, bodies),
		.min = 2 * KIB, .max = 2048 * MIB, .fallback = "64MiB"},
	{"limits", "connections", CONF_COUNT, AT(conf_limits, connections),
		.min = 1, .max = 100000, .fallback = "1000"},
	{"limits", "per_ip", CONF_COUNT, AT(conf_limits, per_ip),
		.min = 1, .max = 100000, .fallback = "100"},
	{"limits", "request_time", CONF_DURATION, AT(conf_limits, request_time),
		.min = 100, .max = 10 * MINUTE, .fallback = "10s"},
	{"limits", "backlog", CONF_COUNT, AT(conf_limits, backlog),
		.min = 1, .max = 100000000, .fallback = "100000"},
	{"limits", "concurrency", CONF_COUNT, AT(conf_limits, concurrency),
		.min = 1, .max = 1000, .fallback = "16"},
	{"limits", "grace", CONF_DURATION, AT(conf_limits, grace),
		.max = 10 * MINUTE, .fallback = "20s"},

	{"", "store", CONF_MAPPING, AT(conf, store), .fallback = NULL},
	{"store", "path", CONF_PATH, AT(conf_store, path),
		.fallback = "/var/lib/hookd/hookd.db", .reload = CONF_RESTART},
	{"store", "retention", CONF_DURATION, AT(conf_store, retention),
		.min = HOUR, .max = 36500 * DAY, .zero = "forever", .fallback = "90d"},

	{"", "timezone", CONF_TIMEZONE, AT(conf, timezone), .reload = CONF_RESTART},
	{"", "log", CONF_MAPPING, 0, .fallback = NULL},
	{"log", "level", CONF_CHOICE, AT(conf, log_level), .fallback = "info", .words = levels},
	{"log", "format", CONF_CHOICE, AT(conf, log_format), .fallback = "text", .words = formats},

	{"", "email", CONF_MAPPING, AT(conf, email), .fallback = NULL},
	{"email", "server", CONF_MAIL_SERVER, 0, .fallback = NULL},
	{"email", "sendmail", CONF_COMMAND, AT(conf_mail_server, command), .min = 1, .max = 64},
	{"email", "tls", CONF_CHOICE, AT(conf_mail_server, tls),
		.min = CONF_MAIL_STARTTLS, .words = mail_tls},
	{"email", "ca", CONF_PATH, AT(conf_mail_server, ca), .fallback = NULL},
	{"email", "hostname", CONF_HOSTNAME, AT(conf_mail_server, hostname), .fallback = NULL},
	{"email", "username", CONF_TEXT, AT(conf_mail_server, username), .fallback = NULL},
	{"email", "password", CONF_SECRET, AT(conf_mail_server, password), .fallback = NULL},
	{"email", "from", CONF_MAILBOX, AT(conf_mail_server, from), .required = true},

	{"", "sources", CONF_LIST, AT(conf, sources),
		.min = 1, .max = 1000, .size = sizeof(struct conf_source), .required = true},
	{"sources[]", "name", CONF_NAME, AT(conf_source, name), .required = true},
	{"sources[]", "path", CONF_URL_PATH, AT(conf_source, path), .required = true},
	{"sources[]", "scheme", CONF_SCHEME, AT(conf_source, sender), .required = true},
	{"sources[]", "secrets", CONF_SECRETS, AT(conf_source, secrets),
		.min = 1, .max = 16, .required = true},
	{"sources[]", "tolerance", CONF_DURATION, AT(conf_source, tolerance),
		.max = DAY, .fallback = "5m"},
	{"sources[]", "allow", CONF_NETS, AT(conf_source, allow), .max = 1000, .fallback = ""},

	{"sources[]", "api", CONF_MAPPING, AT(conf_source, api), .fallback = NULL},
	{"sources[].api", "key", CONF_SECRET, AT(conf_api, key), .required = true},
	{"sources[].api", "url", CONF_TEXT, AT(conf_api, url), .fallback = NULL},
	{"sources[].api", "every", CONF_DURATION, AT(conf_api, every),
		.min = 10 * SECOND, .max = DAY, .fallback = "10m"},
	{"sources[].api", "grace", CONF_DURATION, AT(conf_api, grace),
		.max = DAY, .fallback = "5m"},
	{"sources[].api", "overlap", CONF_DURATION, AT(conf_api, overlap),
		.min = MINUTE, .max = 7 * DAY, .fallback = "30m"},
	{"sources[].api", "act_within", CONF_DURATION, AT(conf_api, act_within),
		.min = MINUTE, .max = 365 * DAY, .fallback = "7d"},
	{"sources[].api", "public_url", CONF_TEXT, AT(conf_api, public_url), .fallback = NULL},
	{"sources[].api", "reenable", CONF_BOOL, AT(conf_api, reenable), .fallback = "false"},
	{"sources[].api", "types", CONF_GLOBS, AT(conf_api, types), .min = 1, .max = 64},

	{"", "on_failure", CONF_MAPPING, AT(conf, on_failure), .rows = "action"},
	{"", "digest", CONF_MAPPING, AT(conf, digest), .fallback = NULL},
	{"digest", "at", CONF_TIME_OF_DAY, AT(conf_digest, at), .fallback = "08:00"},
	{"digest", "when", CONF_CHOICE, AT(conf_digest, when),
		.fallback = "always", .words = digest_whens},
	{"digest", "", CONF_ACTION, AT(conf_digest, action), .rows = "action"},
	{"", "silence", CONF_MAPPING, AT(conf, silence), .fallback = NULL},
	{"silence", "after", CONF_DURATION, AT(conf_silence, after),
		.min = 10 * MINUTE, .max = 30 * DAY, .fallback = "6h"},
	{"silence", "sources", CONF_REFS, AT(conf_silence, sources), .min = 1, .max = 1000},
	{"silence", "", CONF_ACTION, AT(conf_silence, action), .rows = "action"},
	{"", "alert", CONF_MAPPING, AT(conf, alert.action), .rows = "action"},

	{"", "hooks", CONF_LIST, AT(conf, hooks),
		.max = 10000, .size = sizeof(struct conf_hook), .fallback = ""},
	{"hooks[]", "name", CONF_NAME, AT(conf_hook, name), .required = true},
	{"hooks[]", "source", CONF_REF, AT(conf_hook, source), .required = true},
	{"hooks[]", "on", CONF_GLOBS, AT(conf_hook, on), .min = 1, .max = 64, .required = true},
	{"hooks[]", "when", CONF_WHEN, AT(conf_hook, when), .fallback = NULL},
	{"hooks[]", "order", CONF_CHOICE, AT(conf_hook, order),
		.fallback = "none", .words = orders},
	{"hooks[]", "once", CONF_CHOICE, AT(conf_hook, once), .fallback = "none", .words = orders},
	{"hooks[]", "confirm", CONF_GLOBS, AT(conf_hook, confirm), .min = 1, .max = 16},
	{"hooks[]", "skip_stale", CONF_BOOL, AT(conf_hook, skip_stale), .fallback = "false"},
	{"hooks[]", "on_failure", CONF_MAPPING, AT(conf_hook, own_failure), .rows = "action"},
	{"hooks[]", "", CONF_ACTION, AT(conf_hook, own), .rows = "action"},

	/* none of run, email and forward is `required`: conf_check asks for one of them */
	{"action", "run", CONF_RUN, 0, .min = 1, .max = 256},
	{"action", "allow_dash", CONF_BOOL, AT(conf_action, allow_dash), .fallback = "false"},
	{"action", "user", CONF_USER, AT(conf_action, user), .fallback = NULL},
	{"action", "env", CONF_ENV, AT(conf_action, env), .max = 1000},
	{"action", "directory", CONF_PATH, AT(conf_action, directory), .fallback = "/"},
	{"action", "rlimits", CONF_MAPPING, 0, .fallback = NULL},
	{"action.rlimits", "cpu", CONF_RLIMIT, RLIMIT_CPU, .min = SECOND, .max = 365 * DAY},
	{"action.rlimits", "memory", CONF_RLIMIT, RLIMIT_AS, .min = MIB, .max = TIB},
	{"action.rlimits", "files", CONF_RLIMIT, RLIMIT_NOFILE, .min = 8, .max = 1000000},
	{"action.rlimits", "processes", CONF_RLIMIT, RLIMIT_NPROC, .min = 1, .max = 1000000},
	{"action.rlimits", "file_size", CONF_RLIMIT, RLIMIT_FSIZE, .max = TIB},
	{"action", "give_up_on", CONF_CODES, AT(conf_action, give_up_on),
		.max = 300, .fallback = ""},
	{"action", "retry_on", CONF_CODES, AT(conf_action, retry_on), .max = 300, .fallback = ""},
	{"action", "kill_after", CONF_DURATION, AT(conf_action, kill_after),
		.max = 10 * MINUTE, .fallback = "5s"},

	{"action", "email", CONF_MAPPING, AT(conf_action, email), .fallback = NULL},
	{"action.email", "to", CONF_ADDRESSES, AT(conf_email, to),
		.min = 1, .max = MAIL_ADDRESSES, .required = true},
	{"action.email", "cc", CONF_ADDRESSES, AT(conf_email, cc), .min = 1, .max = MAIL_ADDRESSES},
	{"action.email", "bcc", CONF_ADDRESSES, AT(conf_email, bcc),
		.min = 1, .max = MAIL_ADDRESSES},
	{"action.email", "reply_to", CONF_ADDRESSES, AT(conf_email, reply_to),
		.min = 1, .max = MAIL_ADDRESSES},
	{"action.email", "from", CONF_ADDRESS, AT(conf_email, from), .min = 1,
		.expected = "an address such as \"My Shop <shop@example.com>\""},
	{"action.email", "subject", CONF_TEMPLATE, AT(conf_email, subject), .min = 1},
	{"action.email", "body", CONF_BODY, AT(conf_email, body), .fallback = NULL},
	{"action.email", "body_file", CONF_BODY_FILE, AT(conf_email, body), .fallback = NULL},
	{"action.email", "html", CONF_HTML, AT(conf_email, html), .fallback = NULL},
	{"action.email", "html_file", CONF_HTML_FILE, AT(conf_email, html), .fallback = NULL},
	{"action.email", "attach_payload", CONF_BOOL, AT(conf_email, attach_payload),
		.fallback = "false"},

	{"action", "forward", CONF_MAPPING, AT(conf_action, forward), .fallback = NULL},
	{"action.forward", "url", CONF_URL, AT(conf_forward, url), .min = 1, .required = true,
		.expected = "an address such as https://erp.example.com/in"},
	{"action.forward", "method", CONF_WORD, AT(conf_forward, method),
		.fallback = "POST", .words = methods},
	{"action.forward", "headers", CONF_HEADERS, AT(conf_forward, headers), .max = 100},
	{"action.forward", "drop", CONF_MEMBERS, AT(conf_forward, drop), .max = 64},
	{"action.forward", "secret", CONF_SECRET, AT(conf_forward, secret), .fallback = NULL},
	{"action.forward", "bearer", CONF_SECRET, AT(conf_forward, bearer), .fallback = NULL},
	{"action.forward", "verify_tls", CONF_BOOL, AT(conf_forward, verify_tls),
		.fallback = "true"},
	{"action.forward", "ca", CONF_PATH, AT(conf_forward, ca), .fallback = NULL},
	{"action.forward", "certificate", CONF_PATH, AT(conf_forward, certificate), .fallback = NULL},
	{"action.forward", "key", CONF_PATH, AT(conf_forward, key), .fallback = NULL},

	{"action", "timeout", CONF_DURATION, AT(conf_action, timeout),
		.min = 100, .max = DAY, .fallback = "30s"},
	{"action", "output", CONF_SIZE, AT(conf_action, output),
		.max = 16 * MIB, .fallback = "64KiB"},
	{"action", "concurrency", CONF_COUNT, AT(conf_action, concurrency),
		.min = 1, .max = 1000, .fallback = "4"},
	{"action", "retry", CONF_MAPPING, AT(conf_action, retry), .fallback = NULL},
	{"action.retry", "attempts", CONF_COUNT, AT(conf_retry, attempts),
		.min = 1, .max = 1000, .fallback = "58"},
	{"action.retry", "first", CONF_DURATION, AT(conf_retry, first),
		.min = 10, .max = DAY, .fallback = "10s"},
	{"action.retry", "max", CONF_DURATION, AT(conf_retry, max),
		.min = 10, .max = DAY, .fallback = "2h"},
	{"action", "hold", CONF_BOOL, AT(conf_action, hold), .fallback = "true"},
};
/* clang-format on */

const size_t conf_key_count = sizeof(conf_keys) / sizeof(conf_keys[0]);
