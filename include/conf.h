/* conf.h - the configuration: one YAML file, read whole, checked whole, then
 * constant. A reload makes a new struct conf; whoever still works under the old
 * one holds a reference to it. Only conf*.c knows YAML; conf_keys.c holds the
 * one table of keys. */
#ifndef HOOKD_CONF_H
#define HOOKD_CONF_H

#include "attributes.h"
#include "buf.h"
#include "log.h"
#include "net.h"
#include "retry.h"
#include "secret.h"
#include "verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CONF_DEFAULT_FILE "/etc/hookd/hookd.yaml"

struct conf_listen {
	char *text;      /* as written: 127.0.0.1:8080, [::1]:8080, unix:/run/hookd/http.sock */
	char *unix_path; /* NULL for TCP */
	struct net_address address;
	uint16_t port;
};

struct conf_tls {
	char *certificate; /* PEM chain; NULL: plain HTTP */
	char *key;
};

struct conf_limits {
	size_t body;          /* bytes */
	unsigned connections; /* open at once, all listeners together */
	unsigned per_ip;      /* open at once per client address (IPv6: per /64) */
	int64_t request_time; /* ms from a request's start to its end */
	unsigned backlog;     /* deliveries that wait; more give 503 */
	unsigned concurrency; /* actions that run at once, all hooks together */
	int64_t grace;        /* ms that running actions get when hookd stops */
};

struct conf_store {
	char *path;
	int64_t retention; /* ms; 0: for ever */
};

struct conf_source {
	char *name;
	char *path; /* URL path, begins with / */
	const struct verify_scheme *scheme;
	struct secret **secrets;
	size_t secret_count;
	int64_t tolerance; /* ms; 0: no time check */
	struct net_range *allow;
	size_t allow_count; /* 0: everyone */
	int64_t store_id;   /* set by the daemon before the conf is shared */
};

struct conf_user {
	char *name; /* NULL: as hookd itself */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
};

struct conf_rlimit {
	int resource; /* RLIMIT_… */
	rlim_t value;
};

#define CONF_RLIMITS 5

struct conf_hook {
	char *name;
	const struct conf_source *source;
	char **on; /* globs */
	size_t on_count;
	char **run;      /* argv, NULL at the end; run[0] is an absolute path */
	char **env;      /* the script's whole environment but for HOOKD_…, NULL at the end */
	char *directory; /* working directory, absolute */
	struct conf_user user;
	struct conf_rlimit rlimits[CONF_RLIMITS];
	size_t rlimit_count;
	int *give_up_on; /* exit codes that mean PERMFAIL, besides 65 and 100 */
	size_t give_up_count;
	int64_t timeout;    /* ms */
	int64_t kill_after; /* ms between SIGTERM and SIGKILL */
	size_t output;      /* bytes of output kept with an attempt */
	unsigned concurrency;
	struct retry_policy retry;
	int64_t store_id; /* set by the daemon before the conf is shared */
};

struct conf {
	_Atomic unsigned references;
	char *file;
	struct conf_listen *listen;
	size_t listen_count;
	struct conf_tls tls;
	struct net_range *trusted_proxies;
	size_t trusted_proxy_count;
	struct conf_limits limits;
	struct conf_store store;
	enum log_level log_level;
	enum log_format log_format;
	struct conf_source *sources;
	size_t source_count;
	struct conf_hook *hooks;
	size_t hook_count;
};

/* Reads and checks `file`. Returns new, with one reference; or NULL, with every
 * error found in `errors`, a line each: "FILE:LINE:COLUMN: what, and what was
 * expected\n", in the order of the file. A value never shows up in a message
 * where a secret belongs, nor what ${NAME} stands for. What concerns the file as
 * a whole has no line and column. Warnings ("FILE:LINE:COLUMN: warning: …\n") are put
 * in `errors` too, also on success. Not thread-safe against setenv(3). */
struct conf *conf_load(const char *file, struct buf *errors) WARN_UNUSED;

/* The same for a text in memory; `file` is what messages call it, and what its
 * relative paths are relative to. */
struct conf *conf_parse(
	const char *file, const void *bytes, size_t len, struct buf *errors) WARN_UNUSED;

/* The store's path alone, whatever else is wrong with the file: to look into the
 * store when a script or secret is missing must be possible. Returns new, to
 * free; NULL when not even that can be read. `errors` as for conf_load. */
char *conf_store_path(const char *file, struct buf *errors) WARN_UNUSED;

struct conf *conf_ref(struct conf *conf); /* any thread */
void conf_unref(struct conf *conf);       /* any thread; NULL is allowed */

const struct conf_source *conf_source_by_name(const struct conf *conf, const char *name);
const struct conf_source *conf_source_by_path(const struct conf *conf, const char *path);
const struct conf_hook *conf_hook_by_store_id(const struct conf *conf, int64_t id);

/* What of `next` a running daemon cannot take over from `now` without a restart
 * (the keys whose row says so): their dotted names, joined by ", ", or "" . */
void conf_restart_keys(const struct conf *now, const struct conf *next, struct buf *out);

#endif
