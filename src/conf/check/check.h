/* conf/check/check.h - what the checks share, once the whole config is read: a section
 * with its place in the file. Private to conf. */
#ifndef HOOKD_CONF_CHECK_H
#define HOOKD_CONF_CHECK_H

#include "base/attributes.h"
#include "conf/read.h"

#include <stdbool.h>

struct conf_section {
	struct conf_reader *reader;
	const struct conf_node *node; /* NULL: not in the file */
	struct conf_scope scope;
};

/* The section `name` of another section. */
struct conf_section conf_section_inner(const struct conf_section *section, const char *name);

/* Does the section have that key? */
bool conf_section_has(const struct conf_section *section, const char *key);

/* The place of a key's value, or of the section when the key is not in it. */
struct conf_place conf_section_place(const struct conf_section *section, const char *key);

/* As conf_complain and conf_caution, at the key's place. */
void conf_section_complain(
	const struct conf_section *section, const char *key, const char *format, ...) PRINTF(3, 4);
void conf_section_caution(
	const struct conf_section *section, const char *key, const char *format, ...) PRINTF(3, 4);

/* The template at a key, or the i-th (from 0) of a list of them, as a value to report
 * errors about; the list itself if it is shorter. Its node is not NULL if the file has the key. */
struct conf_value conf_section_value(const struct conf_section *section, const char *key, size_t i);

/* Checks that the file at a key can be read, and if it is a secret, that other users cannot read
 * it. path may be NULL: none. */
void conf_check_file(
	const struct conf_section *section, const char *key, const char *path, bool secret);

/* Checks the other files that an action, and the top, name; once all secrets are known. */
void conf_check_action_files(const struct conf_section *action);
void conf_check_top_files(const struct conf_section *top);

/* Checks that a template's text is one line, without control characters. False: reported. */
bool conf_check_one_line(const struct conf_value *v, const struct template *t);

/* Checks the section email at the top. */
void conf_check_mail_server(struct conf_reader *r);

enum conf_action_of {
	CONF_OF_HOOK,
	CONF_OF_FAILURE,
	CONF_OF_DIGEST,
	CONF_OF_SILENCE,
	CONF_OF_ALERT
};

/* Checks an action; that of a digest or an alert gets its default texts. */
void conf_check_action(
	const struct conf_section *section, struct conf_action *action, enum conf_action_of of);
void conf_check_email(
	const struct conf_section *section, struct conf_email *email, enum conf_action_of of);
/* retry_on and give_up_on, of an action that forwards, or that runs a program. */
void conf_check_codes(
	const struct conf_section *section, const struct conf_action *action, bool forward);
void conf_check_forward(const struct conf_section *section, struct conf_forward *forward);

/* Warns of what means nothing in a hook: types, paths and values that no event has. */
void conf_check_meaning(const struct conf_section *section, const struct conf_hook *hook);
/* … in the section "api" of a source. */
void conf_check_api_types(const struct conf_section *api, const struct conf_source *s);
/* The same of the on_failure at the top, which is for the events of all sources. */
void conf_check_failure_meaning(
	const struct conf_section *section, const struct conf_action *action);

/* Checks what is said of the API of a source, whose section is `source`, and fills in its URL. */
void conf_check_api(const struct conf_section *source, struct conf_source *s);

/* Checks everything that must hold between values. */
void conf_check(struct conf_reader *r);

#endif
