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
 *   truncate: N      at most N characters; a cut one ends in "…"
 *   money            see base/money.h; the currency is the argument, else the
 *                    `currency.iso` or text `currency` beside the value
 *   date: format     strftime(3) of an RFC 3339 time or unix seconds, in the
 *                    process's time zone; without format "%Y-%m-%d %H:%M"
 *   raw              only in HTML: not escaped
 *
 * A value is written: texts as they are, integers and reals in shortest decimal
 * form, true/false; null as nothing; an object or list only by `json`.
 * In an HTML template a value without `html` or `raw` is escaped at its end.
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

enum template_kind { TEMPLATE_TEXT, TEMPLATE_HTML };

#define TEMPLATE_MAX ((size_t)1 << 20) /* bytes of a template's text */

/* Returns new; or NULL with *fault filled (also when out of memory). */
struct template *template_parse(
	const char *text, size_t len, enum template_kind kind, struct fault *fault) WARN_UNUSED;

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

/* As it was written. */
const char *template_text(const struct template *t);

/* Is it only literal text, without any {{}}? */
bool template_is_constant(const struct template *t);

/* The literal text before the first {{}}; len bytes, NUL-terminated. */
const char *template_prefix(const struct template *t, size_t *len);

/* The number of commas in its literal text outside double quotes: in a list of addresses, the
 * separators that the config wrote. */
size_t template_commas(const struct template *t);

void template_free(struct template *t); /* NULL is allowed */

#endif
