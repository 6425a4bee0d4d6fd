/* conf/conf.h - the configuration: one YAML file, read whole, checked whole, then
 * constant. A reload makes a new struct conf; work that started under the old one holds
 * a reference to it. Only conf/yaml knows YAML; conf/keys.c holds the one table of keys. */
#ifndef HOOKD_CONF_H
#define HOOKD_CONF_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/net.h"
#include "base/secret.h"
#include "mail/mail.h"
#include "process/child.h"
#include "rule/condition.h"
#include "rule/template.h"
#include "sender/sender.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CONF_DEFAULT_FILE "/etc/hookd/hookd.yaml"
#define CONF_OWN_SOURCE   "hookd" /* whose events are digests and alerts */

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
	int64_t grace;        /* ms that running actions have to end when hookd stops */
};

struct conf_store {
	char *path;
	int64_t retention; /* ms; 0: keep forever */
};

struct conf_source {
	char *name;
	char *path; /* URL path, begins with / */
	const struct sender *sender;
	struct secret **secrets;
	size_t secret_count;
	int64_t tolerance; /* ms; 0: no time check */
	struct net_range *allow;
	size_t allow_count; /* 0: everyone */
	int64_t store_id;   /* set by the daemon before the conf is shared */
};

#define CONF_RLIMITS 5

struct conf_pair {
	char *name; /* of a variable or header field */
	struct template *value;
};

enum conf_mail_tls { CONF_MAIL_TLS_AUTO, CONF_MAIL_STARTTLS, CONF_MAIL_IMPLICIT, CONF_MAIL_PLAIN };

/* The section `email` at the top: how mail is sent. */
struct conf_mail_server {
	char *url;    /* smtp://host:port or smtps://host:port as libcurl takes it; NULL: none */
	char *socket; /* of a Unix socket to speak SMTP on (url is smtp://localhost); NULL: none */
	char **command;         /* argv of sendmail(8), NULL at the end; NULL: none */
	enum conf_mail_tls tls; /* never AUTO once checked */
	char *ca;               /* PEM file instead of the system's; NULL: the system's */
	char *username;         /* NULL: no AUTH */
	struct secret *password;
	struct mail_address from;
};

struct conf_templates {
	struct template **list;
	size_t count;
};

/* The mail an action sends. */
struct conf_email {
	struct conf_templates to, cc, bcc, reply_to; /* each renders to one or more addresses */
	struct template *from;                       /* NULL: the server's */
	struct template *subject;
	struct template *body; /* text; NULL: none */
	struct template *html; /* NULL: none */
	bool attach_payload;
};

struct conf_forward {
	struct template *url; /* NULL: this action forwards nothing */
	bool url_fixed;       /* scheme, host and port are literal in the config */
	const char *method;   /* POST, PUT or PATCH */
	struct conf_pair *headers;
	size_t header_count;
	struct secret *secret; /* Standard Webhooks signature; NULL: none */
	struct secret *bearer; /* NULL: none */
	bool verify_tls;
	char *ca;          /* PEM file; NULL: the system's */
	char *certificate; /* client certificate, PEM; NULL: none */
	char *key;
};

struct conf_retry {
	unsigned attempts; /* attempts in all, the first included; at least 1 */
	int64_t first;     /* ms: the longest wait after the first failure */
	int64_t max;       /* ms: the longest wait at all */
};

/* What a hook does for an event: exactly one of run, email and forward. */
struct conf_action {
	char *program;             /* absolute path; NULL: this action runs none */
	struct conf_templates run; /* its arguments, from argv[1] on */
	struct conf_email email;   /* to.count 0: this action sends none */
	struct conf_forward forward;
	struct conf_pair *env; /* of the script, besides PATH, LANG, HOME and HOOKD_… */
	size_t env_count;
	char **base_env; /* those of PATH, LANG and HOME that env does not set; NULL at the end */
	char *directory; /* working directory, absolute */
	struct child_user user;
	struct child_rlimit rlimits[CONF_RLIMITS];
	size_t rlimit_count;
	int *give_up_on; /* exit codes that mean PERMFAIL, besides 65 and 100 */
	size_t give_up_count;
	bool allow_dash;    /* arguments may begin with a - that came from the event */
	int64_t timeout;    /* ms */
	int64_t kill_after; /* ms between SIGTERM and SIGKILL */
	size_t output;      /* bytes of output kept with an attempt */
	unsigned concurrency;
	struct conf_retry retry;
};

/* Does the action do anything? */
bool conf_action_is_set(const struct conf_action *action);

enum conf_order { CONF_ORDER_NONE, CONF_ORDER_ENTITY };

/* A rule of the config; or one derived from it, which is never matched with events:
 * "NAME/on_failure", "hookd/digest", "hookd/silence". */
struct conf_hook {
	char *name;
	const struct conf_source *source;
	char **on; /* globs */
	size_t on_count;
	struct condition *when; /* NULL: always */
	enum conf_order order;
	bool skip_stale;
	struct conf_action own;         /* from the file; empty in derived hooks */
	struct conf_action own_failure; /* its on_failure from the file; may be empty */
	const struct conf_action
		*action; /* own, or that of the hook or section it is derived from */
	const struct conf_hook
		*on_failure; /* the derived hook for a delivery that is given up; NULL: none */
	int64_t store_id;    /* set by the daemon before the conf is shared */
};

enum conf_digest_when { CONF_DIGEST_ALWAYS, CONF_DIGEST_DEAD };

struct conf_digest {
	struct conf_action action; /* may be empty: no digest */
	unsigned at;               /* minutes after midnight in the config's time zone */
	enum conf_digest_when when;
};

struct conf_silence {
	struct conf_action action;          /* may be empty: no alert */
	int64_t after;                      /* ms without an event */
	const struct conf_source **sources; /* NULL and 0: all */
	size_t source_count;
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
	char *timezone; /* NULL: the system's */
	enum log_level log_level;
	enum log_format log_format;
	struct conf_mail_server email;
	struct conf_action on_failure; /* default for hooks without their own; may be empty */
	struct conf_digest digest;
	struct conf_silence silence;
	struct conf_source *sources;
	size_t source_count;
	struct conf_source own;  /* "hookd", the source of digests and alerts */
	struct conf_hook *hooks; /* as in the file */
	size_t hook_count;
	struct conf_hook *derived;
	size_t derived_count;
	struct conf_hook **all; /* the file's hooks, then the derived ones */
	size_t all_count;
	const struct conf_hook *digest_hook;  /* of derived; NULL: no digest */
	const struct conf_hook *silence_hook; /* of derived; NULL: no alert */
	char **secret_files; /* the files of secrets and private keys that were read, and the
				directory of systemd's credentials, if any. Absolute paths */
	size_t secret_file_count;
};

/* Reads and checks `file`. Returns new, with one reference; or NULL, with every error
 * found in `errors`, a line each: "FILE:LINE:COLUMN: what, and what was expected\n", in
 * the order of the file. No message contains the value of a secret's key or the value of
 * a ${NAME}. A message about the file as a whole has no line and column. Warnings
 * ("FILE:LINE:COLUMN: warning: …\n") are put in `errors` too, also on success. Not
 * thread-safe against setenv(3). */
struct conf *conf_load(const char *file, struct buf *errors) WARN_UNUSED;

/* The same for a text in memory; `file` is its name in messages, and its relative paths are
 * relative to the directory of `file`. */
struct conf *conf_parse(
	const char *file, const void *bytes, size_t len, struct buf *errors) WARN_UNUSED;

/* Reads only the store's path, even if the rest of the file has errors: the store must be readable
 * when a script or secret is missing. Returns new, to free; NULL when the path cannot be read
 * either. `errors` as for conf_load. */
char *conf_store_path(const char *file, struct buf *errors) WARN_UNUSED;

struct conf *conf_ref(struct conf *conf); /* any thread */
void conf_unref(struct conf *conf);       /* any thread; NULL is allowed */

const struct conf_source *conf_source_by_name(const struct conf *conf, const char *name);
const struct conf_source *conf_source_by_path(const struct conf *conf, const char *path);
/* One of the file's hooks. */
const struct conf_hook *conf_hook_by_name(const struct conf *conf, const char *name);

/* One of all. */
const struct conf_hook *conf_hook_by_store_id(const struct conf *conf, int64_t id);

/* Appends the dotted names of the keys that differ between `now` and `next` and that a
 * running daemon cannot change without a restart (as their row says), joined by ", ". */
void conf_restart_keys(const struct conf *now, const struct conf *next, struct buf *out);

#endif
