/* conf/yaml/errors.h - the errors and warnings of a config file: collected while it is read,
 * reported in the order of the file. Private to conf. One thread. */
#ifndef HOOKD_CONF_ERRORS_H
#define HOOKD_CONF_ERRORS_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct conf_place {
	unsigned line; /* from 1; 0: the file as a whole */
	unsigned column;
};

struct conf_error {
	struct conf_place at;
	size_t order; /* of being found: decides between errors at the same place */
	char *text;
};

struct conf_errors {
	struct conf_error *list;
	size_t count;
	size_t capacity;
	size_t warnings; /* how many of them are warnings */
	bool no_memory;  /* an allocation failed: what was read is incomplete */
};

enum conf_severity { CONF_ERROR, CONF_WARNING };

void conf_errors_add(struct conf_errors *errors, struct conf_place at, const char *format, ...)
	PRINTF(3, 4);

/* Takes the contents of `text`, which is empty afterwards; control characters in it are
 * written as \n, \xNN. */
void conf_errors_take(struct conf_errors *errors, struct conf_place at, enum conf_severity severity,
	struct buf *text);

/* Is there an error, not only warnings? */
bool conf_errors_fatal(const struct conf_errors *errors) WARN_UNUSED;

/* "FILE:LINE:COLUMN: TEXT\n" each, sorted. */
void conf_errors_write(struct conf_errors *errors, const char *file, struct buf *out);
void conf_errors_free(struct conf_errors *errors);

#define CONF_QUOTED 544

/* Text from the file in quotes, escaped, and cut when it is long. */
const char *conf_quote(const char *text, char out[CONF_QUOTED]);

/* The candidate that `word` was probably meant to be. */
struct conf_guess {
	const char *word;
	const char *best; /* NULL: none is close */
	size_t distance;
};

void conf_guess_try(struct conf_guess *guess, const char *candidate);

#define CONF_GUESS 128

/* ` (did you mean "best"?)`, or "" . */
const char *conf_guess_text(const struct conf_guess *guess, char out[CONF_GUESS]);

#endif
