/* rule/filter.h - the filters of {{path | filter: argument}}: a table of names, what
 * each takes, and what it does to a value. Private to rule. */
#ifndef HOOKD_TEMPLATE_FILTER_H
#define HOOKD_TEMPLATE_FILTER_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/fault.h"
#include "place.h"
#include "rule/path.h"
#include "rule/template.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A value between two filters: what the path found, or, once a filter has made a text of
 * it, that text. */
struct template_value {
	const struct path *path;
	const json_t *root; /* the document */
	const json_t *json; /* what the path found; NULL: nothing, or it is a text now */
	struct buf text;    /* valid when is_text */
	bool is_text;
	enum place_form form;
};

struct template_filter;

/* The filter of that name; NULL: there is none. */
const struct template_filter *template_filter_find(const char *name, size_t len);

/* All names, ", " between them. */
void template_filter_names(struct buf *out);

/* Does the filter accept the argument (NULL: none)? False: fault->what is set. */
bool template_filter_check(const struct template_filter *f, enum template_kind kind,
	const char *argument, size_t len, struct fault *fault) WARN_UNUSED;

/* How the filter leaves any value that was left as `before`. */
enum place_form template_filter_form(const struct template_filter *f, enum place_form before);

enum template_result template_filter_apply(const struct template_filter *f,
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY]);

/* Converts the value to v->text, unless it is text already. Scalars only. */
enum template_result template_value_to_text(struct template_value *v, char why[TEMPLATE_WHY]);

/* Is the value missing, null, or an empty text? */
bool template_value_is_empty(const struct template_value *v);

#endif
