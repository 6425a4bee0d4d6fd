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
#include "rule/path.h"
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
	bool proxy_protocol; /* each connection begins with a header of that protocol */
};

struct conf_tls {
	char *certificate; /* PEM chain; NULL: plain HTTP */
	char *key;
};

struct conf_limits {
	size_t body;          /* bytes */
	size_t bodies;        /* bytes that all unfinished requests' bodies may hold */
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

struct conf_hook;

/* How a source's events are read back from its sender's API. */
struct conf_api {
	struct secret *key; /* NULL: they are not */
	char *url;          /* without a slash at its end; never NULL if there is a key */
	int64_t every;      /* ms from one sweep to the next */
	int64_t grace;      /* ms that an event has to come by the webhook */
	int64_t overlap;    /* ms that a sweep goes back behind the last one */
	int64_t act_within; /* ms: hooks do not run for older events */
	char *public_url;   /* at which the sender reaches the source; NULL: not known */
	bool reenable;      /* enable the webhook again if its sender has disabled it */
	char **types;       /* globs of types that are filled in besides those that hooks want */
	size_t type_count;
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
	struct conf_api api;
	int64_t store_id;               /* set by the daemon before the conf is shared */
	const struct conf_hook **hooks; /* its own, of the file's */
	size_t hook_count;
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
	char *hostname;         /* to greet the server by; NULL: the machine's */
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
	struct path **drop;    /* of the event: what is left out */
	size_t drop_count;
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
	int *give_up_on; /* exit codes or HTTP statuses: see conf_action_gives_up */
	size_t give_up_count;
	int *retry_on;
	size_t retry_count;
	bool allow_dash;    /* arguments may begin with a - that came from the event */
	int64_t timeout;    /* ms */
	int64_t kill_after; /* ms between SIGTERM and SIGKILL */
	size_t output;      /* bytes of output kept with an attempt */
	unsigned concurrency;
	struct conf_retry retry;
	bool hold; /* while its target is down, deliveries wait without using up attempts */
};

/* Does the action do anything? */
bool conf_action_is_set(const struct conf_action *action);

/* Does a failure with that exit code of its program, or that status of its forward, mean that
 * another attempt would not help? retry_on and give_up_on say so, or else: after the exit codes 65
 * and 100 it would not, nor after a status of 3xx or 4xx, except those by which the server means
 * its own state or our configuration: 401, 403, 404, 408, 409, 421, 423, 425 and 429. */
bool conf_action_gives_up(const struct conf_action *action, int code);

struct conf_hook;

/* Is the sender's API to be asked before the hook acts on an event of that type and origin? Then
 * *states are those in which it acts; none: those that mean what the event reports. */
bool conf_confirms(const struct conf_hook *hook, const char *type, const char *origin,
	const char *const **states, size_t *count);

enum conf_order { CONF_ORDER_NONE, CONF_ORDER_ENTITY };

enum conf_once { CONF_ONCE_NONE, CONF_ONCE_ENTITY }; /* with it order is ENTITY */

/* A rule of the config; or one derived from it, which is never matched with events:
 * "NAME/on_failure", "hookd/digest", "hookd/silence", "hookd/alert". */
struct conf_hook {
	char *name;
	const struct conf_source *source;
	char **on; /* globs */
	size_t on_count;
	struct condition *when; /* NULL: always */
	enum conf_order order;
	bool skip_stale;
	enum conf_once once;
	char **confirm; /* "true", "false", or states; none: as conf_confirms says */
	size_t confirm_count;
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

/* An alert about a source all of whose requests are refused, or a hook that is held. */
struct conf_alert {
	struct conf_action action; /* may be empty: no alert */
};

struct conf_silence {
	struct conf_action action;          /* may be empty: no alert */
	int64_t after;                      /* ms without an event */
	const struct conf_source **sources; /* NULL and 0: all */
	size_t source_count;
};

/* A value with a ${NAME} in it. */
struct conf_written {
	const void *member; /* of the config; in an array, the element */
	char *text;         /* as the file has it */
};

struct conf {
	_Atomic unsigned references;
	uint64_t number; /* no other config of this process has it */
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
	struct conf_alert alert;
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
	const struct conf_hook *alert_hook;   /* of derived; NULL: no alert */
	char **secret_files; /* the files of secrets and private keys that were read, and the
				directory of systemd's credentials, if any. Absolute paths */
	size_t secret_file_count;
	char **files; /* the others that the config names: templates, certificates, CAs */
	size_t file_count;
	struct conf_written *written; /* see conf_written */
	size_t written_count;
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

/* What the file has for a member of the config (or an element of an array of it), if a ${NAME} is
 * in it; else NULL. What people are shown: the environment's value may be secret. Templates keep it
 * themselves (template_written). Any thread. */
const char *conf_written(const struct conf *conf, const void *member);

/* The same; the member's value if no ${NAME} is in it. */
const char *conf_shown(const struct conf *conf, const void *member, const char *value);

const struct conf_source *conf_source_by_name(const struct conf *conf, const char *name);
/* What the bodies of a source look like, also of one that the config no longer has. */
const struct event_shape *conf_shape_of(const struct conf *conf, const char *source);
const struct conf_source *conf_source_by_path(const struct conf *conf, const char *path);
/* One of the file's hooks. */
const struct conf_hook *conf_hook_by_name(const struct conf *conf, const char *name);

/* One of all. */
const struct conf_hook *conf_hook_by_store_id(const struct conf *conf, int64_t id);

/* Appends the dotted names of the keys that differ between `now` and `next` and that a
 * running daemon cannot change without a restart (as their row says), joined by ", ". */
void conf_restart_keys(const struct conf *now, const struct conf *next, struct buf *out);

#endif
