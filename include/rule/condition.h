/* rule/condition.h - a hook's `when`: tests of paths, joined by all, any and not.
 *
 *   eq ne gt gte lt lte   numbers as numbers (integers and decimal texts exactly,
 *                         JSON reals as doubles), else RFC 3339 times as times;
 *                         eq and ne also texts, true, false and null
 *   in not_in             eq to one of a list, or to none
 *   glob                  fnmatch(3) without flags, the whole text; one with a NUL,
 *                         or longer than CONDITION_SUBJECT, never matches
 *   matches               PCRE, somewhere in the first CONDITION_SUBJECT bytes of the
 *                         text; $ does not match where a longer text is cut; a match that
 *                         takes too many steps fails (see src/rule/regex.h)
 *   exists: true|false    does the path exist (also with null)
 *   empty: true|false     missing, null, "", [] or {}
 *
 * A missing path makes every comparison false, ne and not_in too. Evaluation
 * never fails. A struct condition is constant; any thread. */
#ifndef HOOKD_CONDITION_H
#define HOOKD_CONDITION_H

#include "base/attributes.h"
#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CONDITION_SUBJECT 4096 /* bytes of a text that a pattern is compared with */
#define CONDITION_PATTERN 256  /* bytes of a pattern: of matches and of glob */
#define CONDITION_DEPTH   8    /* levels of all, any and not */

struct condition;
struct path; /* rule/path.h */

/* An operand as written in the config. */
struct condition_operand {
	char *text;
	const char *written; /* to be shown instead of text, which has what the environment has in
			      * it; NULL: text */
	bool plain;          /* not quoted: true, false, null and ~ are YAML's */
};

enum condition_op {
	CONDITION_EQ,
	CONDITION_NE,
	CONDITION_GT,
	CONDITION_GTE,
	CONDITION_LT,
	CONDITION_LTE,
	CONDITION_IN,
	CONDITION_NOT_IN,
	CONDITION_GLOB,
	CONDITION_MATCHES,
	CONDITION_EXISTS, /* operand "true" or "false" */
	CONDITION_EMPTY,
};

/* "eq", …: by enum condition_op, NULL last. */
extern const char *const condition_ops[];

/* A test. Takes path; copies the operands (one, but for in and not_in). Returns new;
 * NULL with `what` filled (an invalid expression or operand, out of memory) and path
 * freed. */
struct condition *condition_test(struct path *path, enum condition_op op,
	const struct condition_operand *operands, size_t count, char what[200]) WARN_UNUSED;

enum condition_join { CONDITION_ALL, CONDITION_ANY, CONDITION_NOT /* of all */ };

/* Takes the parts (and frees them on failure), not the array. NULL: out of memory. */
struct condition *condition_join(
	enum condition_join join, struct condition **parts, size_t count) WARN_UNUSED;

/* Does it hold for the document? If not, appends the first reason to *why (NULL: not
 * needed), such as `entity.amount is 50: expected gte 100`; what comes from the event is
 * quoted, escaped and cut. Out of memory: why->failed is set and the result is
 * meaningless. */
bool condition_holds(const struct condition *c, const json_t *document, struct buf *why);

/* The same without the reason. Out of memory: *no_memory is set. */
bool condition_decides(const struct condition *c, const json_t *document, bool *no_memory);

/* In words, one line: `entity.amount is at least 100 and entity.mode is one of
 * "mtn_open", "moov"`. */
void condition_explain(const struct condition *c, struct buf *out);

void condition_free(struct condition *c); /* NULL is allowed */

#endif
