#include "conf_keys.h"

#include "conf.h"

#include <stddef.h>

#define AT(type, member) offsetof(struct type, member)
#define SECOND           1000LL
#define MINUTE           (60 * SECOND)
#define HOUR             (60 * MINUTE)
#define DAY              (24 * HOUR)
#define KIB              1024LL
#define MIB              (1024 * KIB)
#define TIB              (1024LL * 1024 * MIB)

/* What conf_list_store counts on. */
#define ARRAY(type, items, count)                                                                  \
	_Static_assert(AT(type, count) == AT(type, items) + sizeof(void *),                        \
		"the count stands behind its array")
ARRAY(conf, listen, listen_count);
ARRAY(conf, trusted_proxies, trusted_proxy_count);
ARRAY(conf, sources, source_count);
ARRAY(conf, hooks, hook_count);
ARRAY(conf_source, secrets, secret_count);
ARRAY(conf_source, allow, allow_count);
ARRAY(conf_hook, on, on_count);
ARRAY(conf_hook, give_up_on, give_up_count);

/* Sources stand before the hooks that refer to them, and a hook's user before
 * what depends on it: keys are read in this order, whatever the file's. */
/* clang-format off */
const struct conf_key conf_keys[] = {
	{"", "listen", CONF_LISTEN, AT(conf, listen),
		.min = 1, .max = 16, .fallback = "127.0.0.1:8080", .reload = CONF_RESTART},
	{"", "tls", CONF_MAPPING, AT(conf, tls), .fallback = NULL},
	{"tls", "certificate", CONF_PATH, AT(conf_tls, certificate), .required = true},
	{"tls", "key", CONF_PATH, AT(conf_tls, key), .required = true},
	{"", "trusted_proxies", CONF_NETS, AT(conf, trusted_proxies), .max = 1000, .fallback = ""},

	{"", "limits", CONF_MAPPING, AT(conf, limits), .fallback = NULL},
	{"limits", "body", CONF_SIZE, AT(conf_limits, body),
		.min = KIB, .max = 64 * MIB, .fallback = "1MiB"},
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
		.min = HOUR, .max = 36500 * DAY, .zero = "for ever", .fallback = "90d"},

	{"", "log", CONF_MAPPING, 0, .fallback = NULL},
	{"log", "level", CONF_LEVEL, AT(conf, log_level), .fallback = "info"},
	{"log", "format", CONF_FORMAT, AT(conf, log_format), .fallback = "text"},

	{"", "sources", CONF_LIST, AT(conf, sources),
		.min = 1, .max = 1000, .size = sizeof(struct conf_source), .required = true},
	{"sources[]", "name", CONF_NAME, AT(conf_source, name), .required = true},
	{"sources[]", "path", CONF_URL_PATH, AT(conf_source, path), .required = true},
	{"sources[]", "scheme", CONF_SCHEME, AT(conf_source, scheme), .required = true},
	{"sources[]", "secrets", CONF_SECRETS, AT(conf_source, secrets),
		.min = 1, .max = 16, .required = true},
	{"sources[]", "tolerance", CONF_DURATION, AT(conf_source, tolerance),
		.max = DAY, .fallback = "5m"},
	{"sources[]", "allow", CONF_NETS, AT(conf_source, allow), .max = 1000, .fallback = ""},

	{"", "hooks", CONF_LIST, AT(conf, hooks),
		.max = 10000, .size = sizeof(struct conf_hook), .fallback = ""},
	{"hooks[]", "name", CONF_NAME, AT(conf_hook, name), .required = true},
	{"hooks[]", "source", CONF_REF, AT(conf_hook, source), .required = true},
	{"hooks[]", "on", CONF_GLOBS, AT(conf_hook, on), .min = 1, .max = 64, .required = true},
	/* not `required`: it is one kind of action, and conf_check asks for an action */
	{"hooks[]", "run", CONF_ARGV, AT(conf_hook, run), .min = 1, .max = 256},
	{"hooks[]", "timeout", CONF_DURATION, AT(conf_hook, timeout),
		.min = 100, .max = DAY, .fallback = "30s"},
	{"hooks[]", "kill_after", CONF_DURATION, AT(conf_hook, kill_after),
		.max = 10 * MINUTE, .fallback = "5s"},
	{"hooks[]", "retry", CONF_MAPPING, AT(conf_hook, retry), .fallback = NULL},
	{"hooks[].retry", "attempts", CONF_COUNT, AT(retry_policy, attempts),
		.min = 1, .max = 1000, .fallback = "12"},
	{"hooks[].retry", "first", CONF_DURATION, AT(retry_policy, first),
		.min = 10, .max = DAY, .fallback = "10s"},
	{"hooks[].retry", "max", CONF_DURATION, AT(retry_policy, max),
		.min = 10, .max = DAY, .fallback = "1h"},
	{"hooks[]", "concurrency", CONF_COUNT, AT(conf_hook, concurrency),
		.min = 1, .max = 1000, .fallback = "4"},
	{"hooks[]", "user", CONF_USER, AT(conf_hook, user), .fallback = NULL},
	{"hooks[]", "env", CONF_ENV, AT(conf_hook, env), .max = 1000},
	{"hooks[]", "directory", CONF_PATH, AT(conf_hook, directory), .fallback = "/"},
	{"hooks[]", "rlimits", CONF_MAPPING, 0, .fallback = NULL},
	{"hooks[].rlimits", "cpu", CONF_RLIMIT, RLIMIT_CPU, .min = SECOND, .max = 365 * DAY},
	{"hooks[].rlimits", "memory", CONF_RLIMIT, RLIMIT_AS, .min = MIB, .max = TIB},
	{"hooks[].rlimits", "files", CONF_RLIMIT, RLIMIT_NOFILE, .min = 8, .max = 1000000},
	{"hooks[].rlimits", "processes", CONF_RLIMIT, RLIMIT_NPROC, .min = 1, .max = 1000000},
	{"hooks[].rlimits", "file_size", CONF_RLIMIT, RLIMIT_FSIZE, .max = TIB},
	{"hooks[]", "give_up_on", CONF_CODES, AT(conf_hook, give_up_on),
		.max = 255, .fallback = ""},
	{"hooks[]", "output", CONF_SIZE, AT(conf_hook, output),
		.max = 16 * MIB, .fallback = "64KiB"},
};
/* clang-format on */

const size_t conf_key_count = sizeof(conf_keys) / sizeof(conf_keys[0]);
