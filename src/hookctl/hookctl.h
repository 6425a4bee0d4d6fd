/* hookctl/hookctl.h - what hookctl's commands share: their table row, their exit codes, one
 * way to read options, and the inputs that more than one takes (the config, a
 * secret, a body). One thread. Every failure is said on stderr by the function
 * that finds it, with what was expected; its caller only passes on the code. */
#ifndef HOOKD_CTL_H
#define HOOKD_CTL_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/secret.h"
#include "conf/conf.h"
#include "store/read.h"
#include "verify/verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* the answer is no: refused, does not match, not found */
	CTL_USAGE = 2,  /* the words of the command are wrong */
	CTL_DOWN = 2,   /* status: hookd does not run, or there is no store */
	CTL_CONFIG = 78 /* the config cannot be used */
};

struct ctl {
	const char *config; /* --config, or the default */
};

struct ctl_option {
	char key;             /* what ctl_next_option returns; 'C' and 'h' are taken */
	const char *name;     /* without the dashes; NULL ends the table */
	const char *argument; /* as in the synopsis; NULL: it takes none */
	const char *summary;
};

struct ctl_command {
	const char *name;
	const char *arguments; /* as in the synopsis */
	const char *summary;   /* one line */
	const struct ctl_option *options;
	int (*run)(struct ctl *ctl, int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct ctl_command ctl_status, ctl_send, ctl_sign, ctl_verify, ctl_test, ctl_events,
	ctl_deliveries, ctl_transactions, ctl_customers, ctl_payouts, ctl_show, ctl_replay,
	ctl_cancel, ctl_pause, ctl_resume, ctl_backup, ctl_check, ctl_quarantine, ctl_prune,
	ctl_vacuum, ctl_export, ctl_import, ctl_stats, ctl_completion;

/* All of them in the order of the list that --help prints; NULL ends it. */
extern const struct ctl_command *const ctl_commands[];

/* "hookctl: …" on stderr. */
void ctl_say(const char *format, ...) PRINTF(1, 2);

/* That the event's payload is not what came in. */
void ctl_say_damaged(int64_t event);

/* The key of the command's next option (its argument in optarg); CTL_OPERANDS
 * when only operands are left, from argv[optind] on; CTL_STOP when the command
 * is over: --help was answered or a word was wrong, and *status says which. Else
 * *status is CTL_USAGE. --config and --help are dealt with here. */
enum { CTL_OPERANDS = -1, CTL_STOP = -2 };
int ctl_next_option(
	struct ctl *ctl, const struct ctl_command *command, int argc, char **argv, int *status);

/* Is there exactly this number of operands? `expected` names them. */
bool ctl_operands(
	const struct ctl_command *command, int argc, int wanted, const char *expected) WARN_UNUSED;

/* A decimal number within min..max for `what`. */
bool ctl_number(
	const char *what, const char *text, int64_t min, int64_t max, int64_t *out) WARN_UNUSED;

/* A duration as in the config: 500ms, 10s, 5m, 2h, 90d, a bare 0. Milliseconds. */
bool ctl_duration(const char *what, const char *text, int64_t *ms) WARN_UNUSED;

/* A moment: RFC 3339, or how long ago, as a duration. Unix ms. */
bool ctl_moment(const char *what, const char *text, int64_t *ms) WARN_UNUSED;

#define CTL_SPAN 32

/* Seconds for people, two units at most: "12 min 3 s". */
void ctl_span(int64_t seconds, char out[CTL_SPAN]);

#define CTL_TIME 40

/* A stored time in the local zone: "2026-06-30 22:50:29 +0000". */
void ctl_time(int64_t ms, char out[CTL_TIME]);

/* Loads the config; its errors go to stderr. NULL: return CTL_CONFIG. */
struct conf *ctl_conf(const struct ctl *ctl) WARN_UNUSED;

/* The source of that name, or for NULL the only one. NULL: return CTL_USAGE. */
const struct conf_source *ctl_source(const struct conf *conf, const char *name) WARN_UNUSED;

/* "credential:NAME", "file:PATH" or "env:NAME". NULL with the reason said. */
struct secret *ctl_secret(const char *text) WARN_UNUSED;

/* The scheme of that name; NULL with the reason said. */
const struct verify_scheme *ctl_scheme(const char *name) WARN_UNUSED;

#define CTL_SECRETS_MAX 16

/* What to sign or verify with: --secret-from words, or a source of the config. */
struct ctl_keys {
	const struct verify_scheme *scheme;
	struct secret *const *secrets; /* at least one */
	size_t count;
	const struct conf_source *source; /* NULL when the secrets were named */
	struct conf *conf;                /* NULL when no config was needed */
	struct secret *named[CTL_SECRETS_MAX];
};

/* Fills *keys: from the `count` words of --secret-from if there are any, else
 * from the config's source `source` (NULL: the only one). `scheme` is NULL or
 * --scheme's. CTL_OK, or the code to exit with; ctl_keys_free either way. */
int ctl_keys_load(const struct ctl *ctl, struct ctl_keys *keys, const char *const *words,
	size_t count, const char *source, const char *scheme) WARN_UNUSED;
void ctl_keys_free(struct ctl_keys *keys);

#define CTL_FILE_MAX ((size_t)16 * 1024 * 1024)

/* A whole file of at most CTL_FILE_MAX bytes, or standard input for "-", into
 * out. False with the reason said. */
bool ctl_read_file(const char *path, struct buf *out) WARN_UNUSED;

/* The store at `path`, or the config's when path is NULL. On NULL the reason was
 * said and *status is set. *name is the path taken, to be freed. */
struct store_reader *ctl_store(
	const struct ctl *ctl, const char *path, char **name, int *status) WARN_UNUSED;

/* An event's row as members of a JSON object, without the braces. */
void ctl_event_json(struct buf *out, const struct store_event_row *row);

/* `"key":"text"`, or null for NULL, with a comma before it when `comma`. */
void ctl_json_text(struct buf *out, bool comma, const char *key, const char *text);

/* `,"key":"2026-06-30T22:50:29.001Z"`, or null for 0. */
void ctl_json_time(struct buf *out, const char *key, int64_t ms);

/* What an attempt printed, escaped, each line behind `before`. */
void ctl_add_output(struct buf *out, const char *before, const char *text, size_t len);

/* Shows how far something has come: `done` of `all`, counted in `unit` ("" or " pages"),
 * since `began` (clock_steady). Nothing where nobody looks. */
void ctl_progress(int64_t done, int64_t all, const char *unit, int64_t began);

/* May standard output be coloured? A terminal, and NO_COLOR unset or empty. */
bool ctl_colour(void);

/* Writes the buffer to stdout and empties it. False, said, when that failed or
 * the buffer had no memory. */
bool ctl_put(struct buf *b) WARN_UNUSED;

#endif
