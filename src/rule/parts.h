/* rule/parts.h - a template, once it is parsed. Private to rule. */
#ifndef HOOKD_RULE_PARTS_H
#define HOOKD_RULE_PARTS_H

#include "filter.h"
#include "place.h"
#include "rule/path.h"
#include "rule/template.h"

#include <stdbool.h>
#include <stddef.h>

#define STEPS_MAX 8 /* filters of one {{}} */

struct step {
	const struct template_filter *filter;
	char *argument; /* NULL: none */
	size_t len;
};

/* A literal text, or an expression. */
struct part {
	char *literal; /* NULL: an expression */
	size_t len;
	enum place place;
	struct path *path;
	struct step steps[STEPS_MAX];
	size_t step_count;
};

struct template
{
	char *text;
	char *written;          /* NULL: text */
	struct template *shown; /* NULL: itself */
	enum template_kind kind;
	struct part *parts;
	size_t count;
};

#endif
