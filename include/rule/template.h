/* rule/template.h - {{path | filter: argument | …}} in a text of the config, parsed
 * once at load. A language of our own, as small as possible:
 *
 *   text      = { literal | "{{" path { "|" filter } "}}" }
 *   filter    = name [ ":" argument ]
 *   argument  = "quoted text" ('…' too; \" \' \\ \n escapes) or a bare word or number
 *   "{{{{" is a literal "{{"
 *
 *   default: text    when the value is missing, null or ""
 *   json             as JSON: objects and lists too
 *   html             & < > " ' escaped     url   percent-encoded (RFC 3986 unreserved stay)
 *   upper lower      Unicode simple case mapping of Latin letters, else ASCII
 *   trim             white space at both ends
 *   line             one line, trimmed: a blank for line breaks and other controls, nothing
 *                    for characters that reorder the text after them
 *   truncate: N      at most N characters; a cut one ends in "…"
 *   money            see base/money.h; the currency is the argument, else the
 *                    `currency.iso` or text `currency` beside the value
 *   date: format     strftime(3) of an RFC 3339 time or unix seconds, in the
 *                    process's time zone; without format "%Y-%m-%d %H:%M"
 *   raw              only in HTML, URLs and bodies: neither escaped, encoded, made one line
 *                    nor refused
 *
 * A value is written: texts as they are, integers and reals in shortest decimal
 * form, true/false; null is missing; an object or list only by `json`.
 * A struct template is constant; any thread. */
#ifndef HOOKD_TEMPLATE_H
#define HOOKD_TEMPLATE_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct template;
struct path; /* rule/path.h */

/* What a template's text is, and so what becomes of a value in it. */
enum template_kind {
	TEMPLATE_TEXT,      /* as it is */
	TEMPLATE_BODY,      /* the text of a mail: a value is one line there, as by `line` */
	TEMPLATE_HTML,      /* escaped; refused where that is not enough */
	TEMPLATE_URL,       /* percent-encoded behind host and port; no value empties a segment */
	TEMPLATE_ADDRESSES, /* without control characters; rendered, a line for each address that
			     * the template separates by commas: a comma of the event's is none */
};

#define TEMPLATE_MAX ((size_t)1 << 20) /* bytes of a template's text */

/* Returns new; or NULL with *fault filled (also when out of memory). */
struct template *template_parse(
	const char *text, size_t len, enum template_kind kind, struct fault *fault) WARN_UNUSED;

/* A value of that path keeps its lines: a text that hookd has made. Before the template is used. */
void template_keep_lines(struct template *t, const char *path);

enum template_missing {
	TEMPLATE_EMPTY,  /* a missing path without default is an empty text … */
	TEMPLATE_REFUSE, /* … or makes rendering fail */
};

enum template_result {
	TEMPLATE_OK,
	TEMPLATE_FAULT,     /* this event can never be rendered: `why` says why */
	TEMPLATE_NO_MEMORY, /* also for a result of more than TEMPLATE_OUTPUT bytes */
};

#define TEMPLATE_OUTPUT ((size_t)16 << 20)
#define TEMPLATE_WHY    256

/* Appends the rendered text to out. On failure out has a part of it, and why says what is wrong:
 * "entity.email is missing", "entity.amount is not an amount of money: …". */
enum template_result template_render(const struct template *t, const json_t *document,
	enum template_missing missing, struct buf *out, char why[TEMPLATE_WHY]) WARN_UNUSED;

/* What was parsed. */
const char *template_text(const struct template *t);

/* As the config has it. */
const char *template_written(const struct template *t);

/* Sets the text that the config has for it, where a ${NAME} is not yet replaced. False: out of
 * memory. */
bool template_set_written(struct template *t, const char *written) WARN_UNUSED;

/* The template to render for people: what the environment has may be secret. The ${NAME} of the
 * text that was set are in its literal text; without one it is t itself. Where the environment made
 * an expression, "…" is all there is of it. Borrowed from t. */
const struct template *template_shown(const struct template *t);

/* Is it only literal text, without any {{}}? */
bool template_is_constant(const struct template *t);

/* Has it any text of the config's own, outside of {{}} or as a filter's argument? */
bool template_has_fixed_text(const struct template *t);

/* The path of the i-th {{}} (from 0), borrowed; NULL: there are no more. *replaced: `default` is
 * among its filters. */
const struct path *template_path(const struct template *t, size_t i, bool *replaced);

/* The literal text before the first {{}}; len bytes, NUL-terminated. */
const char *template_prefix(const struct template *t, size_t *len);

void template_free(struct template *t); /* NULL is allowed */

#endif
