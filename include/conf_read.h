/* conf_read.h - what the readers of a config's parts share: where they are in
 * the file, how they complain, where they put what they read. The way of a
 * value: conf_yaml.c (tree) -> conf_read.c (sections, by the table of keys) ->
 * conf_value.c, conf_list.c, conf_secrets.c, conf_user.c (values, by type) ->
 * conf_check.c (what must hold between them). Private to conf*.c. */
#ifndef HOOKD_CONF_READ_H
#define HOOKD_CONF_READ_H

#include "attributes.h"
#include "conf.h"
#include "conf_errors.h"
#include "conf_keys.h"
#include "conf_yaml.h"

#include <stdbool.h>
#include <stddef.h>

struct conf_reader {
	struct conf *conf;
	const char *directory; /* the config file's, absolute */
	struct conf_errors errors;
};

#define CONF_SECTION 32

/* The section being read: for messages, and to find its keys. */
struct conf_scope {
	char section[CONF_SECTION];   /* as in the table: "hooks[].retry" */
	char entry[CONF_QUOTED + 32]; /* `hooks[2] "ship"`; "": not in a list */
};

/* One value to be read, and where to. */
struct conf_value {
	struct conf_reader *reader;
	const struct conf_scope *scope;
	const struct conf_key *key;
	struct conf_node *node;
	size_t item; /* from 1, in a list; 0: the value as a whole */
	void *target;
};

/* The scope of a list's i-th item (from 0), read or to be read from `item`. */
struct conf_scope conf_scope_item(const char *list, size_t i, const struct conf_node *item);

/* Adds an error or warning about a key of a section (NULL: the section itself). */
void conf_complain(struct conf_reader *r, const struct conf_scope *scope, const char *key,
	struct conf_place at, const char *format, ...) PRINTF(5, 6);
void conf_refuse(const struct conf_value *v, const char *format, ...) PRINTF(2, 3);
void conf_warn(const struct conf_value *v, const char *format, ...) PRINTF(2, 3);

/* Complains that the value is of the wrong kind and says what was expected. */
void conf_refuse_kind(const struct conf_value *v);

/* What a number's key counts: CONF_COUNT, CONF_SIZE or CONF_DURATION. */
enum conf_type conf_amount_type(const struct conf_key *key);

struct conf_unit {
	const char *suffix;
	long long factor;
};

/* The units an amount of that type may have, largest first, a NULL suffix last. */
const struct conf_unit *conf_units(enum conf_type type);

extern const char *const conf_levels[];  /* in enum log_level's order, NULL last */
extern const char *const conf_formats[]; /* in enum log_format's */

#define CONF_EXPECTED 320

/* "a duration (…) from 100ms to 1d": what a key's value has to be. */
const char *conf_expected(const struct conf_key *key, char out[CONF_EXPECTED]);

/* A scalar's text with ${NAME} replaced; borrowed from the node. NULL:
 * complained about. */
const char *conf_value_text(const struct conf_value *v) WARN_UNUSED;

/* A scalar in quotes, as it stands in the file: what the environment puts into
 * it may be a secret. */
const char *conf_value_quote(const struct conf_value *v, char out[CONF_QUOTED]);

/* An item of the list that v is, to be read on its own. */
struct conf_value conf_value_item(const struct conf_value *v, size_t index);

/* Checks that v is a list of key->min to key->max items (one scalar counts as a
 * list of one if `one` says so) and allocates them, zeroed. *count is their
 * number, 0 also for an empty list. False: complained about. */
bool conf_list_open(
	const struct conf_value *v, bool one, size_t size, void **items, size_t *count) WARN_UNUSED;

/* Puts an array and its count into the target. */
void conf_list_store(const struct conf_value *v, void *items, size_t count);

/* text as a path from the config file's directory. Returns new; NULL: complained. */
char *conf_path(const struct conf_value *v, const char *text) WARN_UNUSED;

/* Readers of a value, by type. False: complained about, nothing is stored. */
typedef bool conf_value_reader(const struct conf_value *v);

conf_value_reader conf_read_name, conf_read_path, conf_read_url_path, conf_read_count,
	conf_read_size, conf_read_duration, conf_read_level, conf_read_format, conf_read_scheme,
	conf_read_user, conf_read_listen, conf_read_nets, conf_read_secrets, conf_read_globs,
	conf_read_argv, conf_read_env, conf_read_codes, conf_read_ref, conf_read_rlimit;

/* [A-Za-z_][A-Za-z0-9_]*, len bytes. */
bool conf_is_env_name(const char *name, size_t len);

/* Reads the whole tree into r->conf by the table of keys. */
void conf_read(struct conf_reader *r, struct conf_node *root);

/* Completes a hook's environment: PATH, LANG and HOME before its own entries. */
bool conf_complete_env(struct conf_hook *hook) WARN_UNUSED;

/* What must hold between values. root may be NULL. */
void conf_check(struct conf_reader *r, const struct conf_node *root);

/* Frees a NULL-terminated array and its texts; NULL is allowed. */
void conf_free_texts(char **texts);

#endif
