#include "yaml.h"

#include "build.h"
#include "lines.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ANCHORS_MAX 1000

struct anchor {
	char *name;
	const struct conf_node *node; /* NULL until it is complete */
};

struct parse {
	yaml_parser_t yaml;
	struct conf_lines lines;
	struct conf_errors *errors;
	struct anchor *anchors;
	size_t anchor_count;
	struct conf_build build;
};

static struct conf_node *parse_node(struct parse *p, const yaml_event_t *event, unsigned depth);

static struct conf_place place(yaml_mark_t mark)
{
	return (struct conf_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static bool line_has_tab(struct parse *p, unsigned line)
{
	size_t rest;
	const char *at = conf_lines_go(&p->lines, line, &rest), *end = at + rest;

	while (at < end && *at == ' ')
		at++;
	return at < end && *at == '\t';
}

/* [::1] in a list: YAML reads it as a mapping. */
static bool line_has_bare_address(struct parse *p, unsigned line)
{
	size_t rest;
	const char *at = conf_lines_go(&p->lines, line, &rest), *end = at + rest;

	for (; end - at >= 3 && *at != '\n'; at++)
		if (strchr("[, ", at[0]) != NULL && at[1] == ':' && at[2] == ':')
			return true;
	return false;
}

/* What a person has usually done where libyaml reports that. */
static const char *usual_cause(const char *problem, const char *context)
{
	if (strstr(problem, "expected '-' indicator") != NULL ||
		strstr(problem, "expected <block end>") != NULL ||
		strstr(problem, "did not find expected key") != NULL)
		return " (expected the same indentation as the line that it belongs with)";
	if (strstr(problem, "alphabetic or numeric") != NULL)
		return " (expected \"*\": a value that begins with * or & needs quotes)";
	if (strstr(problem, "mapping values are not allowed") != NULL)
		return " (expected a blank behind the colon of a key, and quotes around a value "
		       "with a colon in it)";
	if (strstr(problem, "could not find expected ':'") != NULL)
		return " (expected \"key: value\")";
	if (strstr(problem, "cannot start any token") != NULL)
		return " (a value that begins so needs quotes)";
	if (strstr(context, "quoted scalar") != NULL)
		return " (expected a quote at the end of the value)";
	return "";
}

static void add_syntax_error(struct parse *p)
{
	const yaml_parser_t *y = &p->yaml;
	const char *problem = y->problem != NULL ? y->problem : "cannot be read";
	struct buf text = {0};
	struct conf_place at;

	if (y->error == YAML_MEMORY_ERROR) {
		p->errors->no_memory = true;
		return;
	}
	if (y->error == YAML_READER_ERROR) {
		at = conf_lines_place(&p->lines, y->problem_offset);
		buf_printf(&text, "not YAML: %s", problem);
		if (y->problem_value >= 0)
			buf_printf(&text, " (0x%02x)", (unsigned)y->problem_value);
		conf_errors_take(p->errors, at, CONF_ERROR, &text);
		return;
	}
	at = place(y->problem_mark);
	buf_printf(&text, "not YAML: %s", problem);
	if (y->context != NULL && place(y->context_mark).line != at.line)
		buf_printf(&text, " %s that begins in line %u", y->context,
			place(y->context_mark).line);
	if (line_has_tab(p, at.line))
		buf_add_text(&text, " (a tab: expected spaces)");
	else if (line_has_bare_address(p, at.line))
		buf_add_text(&text, " (expected \"::1\": an address that begins with a colon "
				    "needs quotes)");
	else
		buf_add_text(&text, usual_cause(problem, y->context != NULL ? y->context : ""));
	conf_errors_take(p->errors, at, CONF_ERROR, &text);
}

static bool next_event(struct parse *p, yaml_event_t *event)
{
	if (yaml_parser_parse(&p->yaml, event))
		return true;
	add_syntax_error(p);
	return false;
}

/* A value's type follows from its key, not from the file. */
static void refuse_tag(struct parse *p, const yaml_char_t *tag, struct conf_place at)
{
	if (tag != NULL)
		conf_errors_add(p->errors, at, "unexpected tag: expected the value alone");
}

/* Copies a scalar's text, which must not have a NUL. */
static char *copy_text(struct parse *p, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	char *copy = strndup(text, len);

	if (copy == NULL)
		p->errors->no_memory = true;
	else if (strlen(copy) != len)
		conf_errors_add(
			p->errors, place(event->start_mark), "unexpected NUL byte: expected text");
	return copy;
}

static struct conf_place text_place(struct parse *p, const yaml_event_t *event, const char *text)
{
	const struct conf_place from = place(event->start_mark), to = place(event->end_mark);
	const yaml_scalar_style_t style = event->data.scalar.style;
	const unsigned quote = style != YAML_PLAIN_SCALAR_STYLE;

	if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
		return (struct conf_place){0}; /* start_mark is that of the anchor or tag */
	if (style == YAML_LITERAL_SCALAR_STYLE)
		return conf_lines_block(&p->lines, from.line, text);
	/* every escape is longer than the text it represents */
	if (style == YAML_FOLDED_SCALAR_STYLE || from.line != to.line ||
		to.column - from.column != conf_characters(text) + 2 * (size_t)quote)
		return (struct conf_place){0};
	return (struct conf_place){from.line, from.column + quote};
}

static struct conf_node *parse_scalar(struct parse *p, const yaml_event_t *event, unsigned depth)
{
	struct conf_node *node =
		conf_build_node(&p->build, CONF_NODE_SCALAR, place(event->start_mark), depth);

	if (node == NULL)
		return NULL;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = copy_text(p, event);
	if (node->text == NULL) {
		conf_node_free(node);
		return NULL;
	}
	node->text_at = text_place(p, event, node->text);
	return node;
}

static int by_key(const void *va, const void *vb)
{
	const struct conf_entry *a = *(struct conf_entry *const *)va;
	const struct conf_entry *b = *(struct conf_entry *const *)vb;
	int order = strcmp(a->key, b->key);

	return order != 0 ? order : a < b ? -1 : a > b;
}

static bool mark_duplicates(struct parse *p, struct conf_node *node)
{
	struct conf_entry **sorted;

	if (node->count < 2)
		return true;
	sorted = calloc(node->count, sizeof(struct conf_entry *));
	if (sorted == NULL) {
		p->errors->no_memory = true;
		return false;
	}
	for (size_t i = 0; i < node->count; i++)
		sorted[i] = &node->entries[i];
	qsort(sorted, node->count, sizeof(struct conf_entry *), by_key);
	for (size_t i = 1; i < node->count; i++)
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			sorted[i]->first_line = sorted[i - 1]->first_line != 0
							? sorted[i - 1]->first_line
							: sorted[i - 1]->at.line;
	free(sorted);
	return true;
}

static bool parse_key(struct parse *p, const yaml_event_t *event, struct conf_entry *entry)
{
	if (event->type != YAML_SCALAR_EVENT) {
		conf_errors_add(p->errors, entry->at, "unexpected kind of key: expected a word%s",
			event->type == YAML_MAPPING_START_EVENT
				? " (a value that begins with {{ needs quotes)"
				: "");
		return false;
	}
	refuse_tag(p, event->data.scalar.tag, entry->at);
	entry->key = copy_text(p, event);
	return entry->key != NULL;
}

/* Reads the item, or the pair of a mapping, that `event` opens. */
static bool parse_entry(
	struct parse *p, struct conf_node *node, const yaml_event_t *event, unsigned depth)
{
	struct conf_entry entry = {.at = place(event->start_mark)};
	yaml_event_t value;

	if (node->kind == CONF_NODE_LIST) {
		entry.value = parse_node(p, event, depth);
	} else if (parse_key(p, event, &entry) && next_event(p, &value)) {
		entry.value = parse_node(p, &value, depth);
		yaml_event_delete(&value);
	}
	if (entry.value != NULL)
		return conf_build_append(&p->build, node, entry);
	free(entry.key);
	return false;
}

/* A list or mapping up to its end. */
static struct conf_node *parse_entries(
	struct parse *p, enum conf_node_kind kind, struct conf_place at, unsigned depth)
{
	const yaml_event_type_t end =
		kind == CONF_NODE_LIST ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT;
	struct conf_node *node = conf_build_node(&p->build, kind, at, depth);
	yaml_event_t event;
	bool more = true, good = node != NULL;

	while (good && more) {
		good = next_event(p, &event);
		if (!good)
			break;
		more = event.type != end;
		if (more)
			good = parse_entry(p, node, &event, depth + 1);
		yaml_event_delete(&event);
	}
	if (good && (kind == CONF_NODE_LIST || mark_duplicates(p, node)))
		return node;
	conf_node_free(node);
	return NULL;
}

static struct conf_node *parse_alias(struct parse *p, const yaml_event_t *event, unsigned depth)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct conf_place at = place(event->start_mark);

	/* from the end: the last of several anchors of one name counts */
	for (size_t i = p->anchor_count; i-- > 0;) {
		if (strcmp(p->anchors[i].name, name) != 0)
			continue;
		if (p->anchors[i].node != NULL)
			return conf_build_copy(&p->build, p->anchors[i].node, at, depth);
		conf_errors_add(p->errors, at,
			"an alias inside its own anchor: expected an alias of something before it");
		return NULL;
	}
	conf_errors_add(p->errors, at,
		"an alias without its anchor: expected an anchor of that name before it");
	return NULL;
}

static bool add_anchor(struct parse *p, const yaml_char_t *name, struct conf_place at)
{
	struct anchor *anchors;

	if (p->anchor_count == ANCHORS_MAX) {
		conf_errors_add(
			p->errors, at, "too many anchors: expected at most %d", ANCHORS_MAX);
		return false;
	}
	anchors = reallocarray(p->anchors, p->anchor_count + 1, sizeof(*p->anchors));
	if (anchors != NULL) {
		p->anchors = anchors;
		anchors[p->anchor_count] = (struct anchor){strdup((const char *)name), NULL};
		if (anchors[p->anchor_count].name != NULL) {
			p->anchor_count++;
			return true;
		}
	}
	p->errors->no_memory = true;
	return false;
}

/* The node that `event` opens, with its contents; NULL: reported. */
static struct conf_node *parse_node(struct parse *p, const yaml_event_t *event, unsigned depth)
{
	const struct conf_place at = place(event->start_mark);
	const yaml_char_t *anchor, *tag;
	struct conf_node *node;
	size_t slot = p->anchor_count;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		return parse_alias(p, event, depth);
	}
	refuse_tag(p, tag, at);
	if (anchor != NULL && !add_anchor(p, anchor, at))
		return NULL;
	if (event->type == YAML_SCALAR_EVENT)
		node = parse_scalar(p, event, depth);
	else
		node = parse_entries(p,
			event->type == YAML_MAPPING_START_EVENT ? CONF_NODE_MAPPING
								: CONF_NODE_LIST,
			at, depth);
	if (anchor != NULL)
		p->anchors[slot].node = node;
	return node;
}

/* Reads up to the first document's content, and that content. *nothing: there is no
 * document. */
static struct conf_node *parse_document(struct parse *p, bool *nothing)
{
	struct conf_node *root = NULL;
	yaml_event_t event;
	bool before = true;

	while (before) {
		if (!next_event(p, &event))
			return NULL;
		*nothing = event.type == YAML_STREAM_END_EVENT;
		before = event.type == YAML_STREAM_START_EVENT ||
			 event.type == YAML_DOCUMENT_START_EVENT;
		if (!before && !*nothing)
			root = parse_node(p, &event, 1);
		yaml_event_delete(&event);
	}
	return root;
}

static bool parse_end(struct parse *p)
{
	yaml_event_t event;
	bool more = true;

	while (more) {
		if (!next_event(p, &event))
			return false;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			conf_errors_add(p->errors, place(event.start_mark),
				"a second document: expected one");
		more = event.type == YAML_DOCUMENT_END_EVENT;
		yaml_event_delete(&event);
	}
	return true;
}

struct conf_node *conf_yaml_parse(const void *bytes, size_t len, struct conf_errors *errors)
{
	struct parse p = {.lines = {.bytes = bytes, .len = len},
		.errors = errors,
		.build = {.errors = errors}};
	struct conf_node *root;
	bool nothing = false;

	if (!yaml_parser_initialize(&p.yaml)) {
		errors->no_memory = true;
		return NULL;
	}
	yaml_parser_set_input_string(&p.yaml, bytes, len);
	root = parse_document(&p, &nothing);
	if (nothing)
		conf_errors_add(errors, (struct conf_place){1, 1},
			"is empty: expected at least one source");
	if (root != NULL && !parse_end(&p)) {
		conf_node_free(root);
		root = NULL;
	}
	for (size_t i = 0; i < p.anchor_count; i++)
		free(p.anchors[i].name);
	free(p.anchors);
	yaml_parser_delete(&p.yaml);
	return root;
}
