/* conf/read.h - what the readers of a config's parts share: where they are in the file,
 * how they report errors, where they store what they read. The way of a value: conf/yaml/yaml.c
 * (tree) -> conf/read.c (sections, by the table of keys) -> conf/value/scalar.c, conf/value/list.c,
 * conf/value/template.c and others (values, by type) -> conf/check/check.c (what must hold between
 * them) -> conf/derive.c (hooks that follow from it). Private to conf. */
#ifndef HOOKD_CONF_READ_H
#define HOOKD_CONF_READ_H

#include "base/attributes.h"
#include "base/fault.h"
#include "base/number.h"
#include "conf/conf.h"
#include "conf/yaml/errors.h"
#include "conf/yaml/yaml.h"
#include "keys.h"

#include <stdbool.h>
#include <stddef.h>

struct conf_known; /* conf/check/known.h */

struct conf_reader {
	struct conf *conf;
	const char *directory;        /* the config file's, absolute */
	const struct conf_node *root; /* of the file; NULL: not YAML */
	struct conf_errors errors;
	struct conf_known *known; /* of senders' events, once it is needed */
};

#define CONF_SECTION 32

/* The section being read: to find its keys, and for messages. */
struct conf_scope {
	char section[CONF_SECTION]; /* of the rows in the table: "limits", "action.email" */
	char path[CONF_SECTION];    /* for messages: "limits", "on_failure.email"; "": the top, or a
				       list's entry itself */
	char entry[CONF_QUOTED + 32]; /* `hooks[2] "ship"`; "": not in a list */
};

/* A value that is being read, and where it is stored. */
struct conf_value {
	struct conf_reader *reader;
	const struct conf_scope *scope;
	const struct conf_key *key;
	struct conf_node *node;
	size_t item;      /* from 1, in a list; 0: the value as a whole */
	const char *name; /* in a mapping of names; NULL: the value as a whole */
	void *target;
};

/* The scope of a list's i-th item (from 0), whose node is `item`. */
struct conf_scope conf_scope_item(const char *list, size_t i, const struct conf_node *item);

/* The scope of a section within another: the rows are `rows`' (NULL: those of the
 * section's own name). */
struct conf_scope conf_scope_inner(
	const struct conf_scope *scope, const char *name, const char *rows);

/* Adds an error about a key of a section (NULL: the section itself). */
void conf_complain(struct conf_reader *r, const struct conf_scope *scope, const char *key,
	struct conf_place at, const char *format, ...) PRINTF(5, 6);

/* The same for a warning. */
void conf_caution(struct conf_reader *r, const struct conf_scope *scope, const char *key,
	struct conf_place at, const char *format, ...) PRINTF(5, 6);

/* About a value, at its place; or at another. */
void conf_refuse(const struct conf_value *v, const char *format, ...) PRINTF(2, 3);
void conf_refuse_at(const struct conf_value *v, struct conf_place at, const char *format, ...)
	PRINTF(3, 4);
void conf_warn(const struct conf_value *v, const char *format, ...) PRINTF(2, 3);
void conf_warn_at(const struct conf_value *v, struct conf_place at, const char *format, ...)
	PRINTF(3, 4);

/* Reports that the value is of the wrong kind, and what was expected. */
void conf_refuse_kind(const struct conf_value *v);

/* Reports a fault in the text of a scalar: at its place if the file has exactly that text,
 * otherwise as "byte N" of the value. */
void conf_refuse_fault(const struct conf_value *v, const struct fault *fault);

/* "a list", "nothing": for "…, found %s". */
const char *conf_node_found(const struct conf_node *node);

/* What a number's key counts: CONF_COUNT, CONF_SIZE or CONF_DURATION. */
enum conf_type conf_amount_type(const struct conf_key *key);

/* The units an amount of that type may have, largest first, a NULL suffix last. */
const struct number_unit *conf_units(enum conf_type type);

#define CONF_EXPECTED 320

/* "a duration (…) from 100ms to 1d": what a key's value has to be. */
const char *conf_expected(const struct conf_key *key, char out[CONF_EXPECTED]);

/* A scalar's text with ${NAME} replaced; borrowed from the node. NULL: reported. */
const char *conf_value_text(const struct conf_value *v) WARN_UNUSED;

/* The same for a scalar that must not be empty. */
const char *conf_value_some_text(const struct conf_value *v) WARN_UNUSED;

/* Did conf_value_text replace something in it? If so, no message may contain it. */
bool conf_value_has_environment(const struct conf_value *v);

/* A scalar in quotes, as written in the file: what the environment puts into it may be a
 * secret. */
const char *conf_value_quote(const struct conf_value *v, char out[CONF_QUOTED]);

/* Reports the value in quotes, what is wrong, what its key expects. Returns false. */
bool conf_value_refuse(const struct conf_value *v, const char *what);

/* An item of the list that v is, to be read on its own. */
struct conf_value conf_value_item(const struct conf_value *v, size_t index);

/* Checks that v is a list of key->min to key->max items (one scalar counts as a list of
 * one if `one` says so) and allocates them, zeroed. *count is their number, 0 for an
 * empty list. False: reported. */
bool conf_list_open(
	const struct conf_value *v, bool one, size_t size, void **items, size_t *count) WARN_UNUSED;

/* Stores an array and its count in the target. */
void conf_list_store(const struct conf_value *v, void *items, size_t count);

/* Stores what conf_read_listener has made of v's items, each address once; takes the list.
 * False: reported, also by an item without a text. */
bool conf_listen_store(const struct conf_value *v, struct conf_listen *list, size_t count);

/* text as a path relative to the config file's directory. Returns new; NULL: reported. */
char *conf_path(const struct conf_value *v, const char *text) WARN_UNUSED;

/* Copies path, the text after "unix:". Returns new; NULL: reported. */
char *conf_unix_path(const struct conf_value *v, const char *path) WARN_UNUSED;

/* Readers of a value, by type. False: reported, nothing is stored. */
typedef bool conf_value_reader(const struct conf_value *v);

conf_value_reader conf_read_name, conf_read_text, conf_read_path, conf_read_url_path,
	conf_read_bool, conf_read_count, conf_read_size, conf_read_duration, conf_read_time_of_day,
	conf_read_timezone, conf_read_choice, conf_read_word, conf_read_scheme, conf_read_user,
	conf_read_listener, conf_read_nets, conf_read_secret, conf_read_secrets, conf_read_globs,
	conf_read_members, conf_read_run, conf_read_command, conf_read_codes, conf_read_ref,
	conf_read_refs, conf_read_rlimit, conf_read_template, conf_read_url, conf_read_address,
	conf_read_addresses, conf_read_body, conf_read_body_file, conf_read_html,
	conf_read_html_file, conf_read_env, conf_read_headers, conf_read_mail_server,
	conf_read_hostname, conf_read_mailbox, conf_read_when;

/* The text of a scalar, which may be empty, as a template: *out is new. False: reported. */
bool conf_parse_template(
	const struct conf_value *v, enum template_kind kind, struct template **out) WARN_UNUSED;

/* Warns of several tests of one path, which `condition` joins, that no value passes together. */
void conf_warn_of_never(const struct conf_value *v, const struct conf_entry *entry,
	const struct condition *condition);

/* [A-Za-z_][A-Za-z0-9_]*, len bytes. */
bool conf_is_env_name(const char *name, size_t len);

/* A token of RFC 9110 (5.6.2), len bytes. */
bool conf_is_token(const char *name, size_t len);

/* The row of a section's key; NULL: it has none. */
const struct conf_key *conf_key_find(const char *section, const char *name);

/* Reads the whole tree into r->conf by the table of keys. */
void conf_read(struct conf_reader *r, struct conf_node *root);

/* PATH, LANG and HOME of a program run as `user`, except those that env sets; NULL at
 * the end. Returns new; NULL: out of memory. */
char **conf_base_env(
	const struct child_user *user, const struct conf_pair *env, size_t env_count) WARN_UNUSED;

/* Adds the derived hooks and everything else that follows from the file. r->conf has no
 * errors. */
void conf_derive(struct conf_reader *r);

/* Records that the config names that file, not for a secret. */
void conf_note_file(struct conf_reader *r, const char *path);

/* Records that the file, or every file of the directory, is a secret. */
void conf_note_secret_file(struct conf_reader *r, const char *path);

/* Keeps what the file has for the member, if a ${NAME} is in it. */
void conf_note_written(const struct conf_value *v, const void *member);
void conf_free_written(struct conf *conf);

/* Frees a NULL-terminated array and its texts; NULL is allowed. */
void conf_free_texts(char **texts);
void conf_free_paths(struct path **paths, size_t count);
void conf_free_templates(struct conf_templates *templates);
void conf_free_pairs(struct conf_pair *pairs, size_t count);
void conf_free_action(struct conf_action *action);
void conf_free_mail_server(struct conf_mail_server *server);
void conf_free(struct conf *conf);

#endif
