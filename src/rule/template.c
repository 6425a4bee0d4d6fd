#include "rule/template.h"

#include "parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *text;
	size_t len;
	size_t at;
	enum template_kind kind;
	struct fault *fault;
	struct template *template;
	struct buf literal; /* literal text since the last expression */
	struct place_reader reader;
};

static bool set_fault(struct parser *p, size_t at, const char *format, ...) PRINTF(3, 4);

static bool set_fault(struct parser *p, size_t at, const char *format, ...)
{
	va_list args;

	p->fault->at = at;
	va_start(args, format);
	(void)vsnprintf(p->fault->what, sizeof(p->fault->what), format, args);
	va_end(args);
	return false;
}

static bool no_memory(struct parser *p)
{
	return set_fault(p, p->at, "out of memory");
}

static bool here(const struct parser *p, const char *mark)
{
	size_t len = strlen(mark);

	return p->len - p->at >= len && memcmp(p->text + p->at, mark, len) == 0;
}

static void skip_space(struct parser *p)
{
	while (p->at < p->len && strchr(" \t\r\n", p->text[p->at]) != NULL &&
		p->text[p->at] != '\0')
		p->at++;
}

static struct part *add_part(struct parser *p)
{
	struct template *t = p->template;
	struct part *parts = reallocarray(t->parts, t->count + 1, sizeof(*parts));

	if (parts == NULL) {
		(void)no_memory(p);
		return NULL;
	}
	t->parts = parts;
	parts[t->count] = (struct part){0};
	return &parts[t->count++];
}

static bool end_literal(struct parser *p)
{
	struct part *part;
	size_t len = p->literal.len;

	place_literal(&p->reader, p->literal.data, len);
	if (len == 0 && buf_ok(&p->literal))
		return true;
	part = add_part(p);
	if (part == NULL)
		return false;
	part->len = len;
	part->literal = buf_take(&p->literal);
	return part->literal != NULL || no_memory(p);
}

/* The path, up to white space, | or }}: quoted steps may hold all of these. */
static bool parse_path(struct parser *p, struct part *part)
{
	size_t first = p->at;
	bool quoted = false;

	while (p->at < p->len) {
		char c = p->text[p->at];

		if (quoted && c == '\\' && p->at + 1 < p->len)
			p->at++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted &&
			 (c == '|' || c == '}' || c == ' ' || c == '\t' || c == '\r' || c == '\n'))
			break;
		p->at++;
	}
	part->path = path_parse(p->text + first, p->at - first, p->fault);
	if (part->path == NULL)
		p->fault->at += first;
	return part->path != NULL;
}

/* A quoted argument, its quote at p->at. */
static bool parse_quoted(struct parser *p, struct buf *out)
{
	size_t first = p->at;
	char quote = p->text[p->at++];

	for (; p->at < p->len && p->text[p->at] != quote; p->at++) {
		char c = p->text[p->at];

		if (c == '\\') {
			p->at++;
			if (p->at == p->len || strchr("\"'\\n", p->text[p->at]) == NULL ||
				p->text[p->at] == '\0')
				return set_fault(p, p->at - 1,
					"has a \\ before something other than \" ' \\ or n");
			c = p->text[p->at] == 'n' ? '\n' : p->text[p->at];
		}
		buf_add_char(out, c);
	}
	if (p->at == p->len)
		return set_fault(p, first, "has an unclosed %c", quote);
	p->at++;
	return true;
}

static bool parse_argument(struct parser *p, struct step *step)
{
	struct buf out = {0};
	size_t first;
	bool good = true;

	skip_space(p);
	first = p->at;
	if (p->at < p->len && (p->text[p->at] == '"' || p->text[p->at] == '\'')) {
		good = parse_quoted(p, &out);
	} else {
		while (p->at < p->len && strchr("|}{\"' \t\r\n", p->text[p->at]) == NULL)
			buf_add_char(&out, p->text[p->at++]);
		if (p->at == first)
			good = set_fault(p, first,
				"has no argument after the colon: expected \"quoted text\", a "
				"word or a number");
	}
	step->len = out.len;
	if (good && out.len == 0)
		buf_add_text(&out, ""); /* "" is an argument, too */
	step->argument = good ? buf_take(&out) : NULL;
	if (good && step->argument == NULL)
		step->argument = strdup("");
	buf_free(&out);
	return step->argument != NULL || (good ? no_memory(p) : false);
}

static bool parse_filter(struct parser *p, struct part *part)
{
	size_t first;
	struct step *step;

	skip_space(p);
	first = p->at;
	while (p->at < p->len &&
		((p->text[p->at] >= 'a' && p->text[p->at] <= 'z') || p->text[p->at] == '_'))
		p->at++;
	if (part->step_count == STEPS_MAX)
		return set_fault(p, first, "has more than %d filters", STEPS_MAX);
	step = &part->steps[part->step_count];
	step->filter = template_filter_find(p->text + first, p->at - first);
	if (step->filter == NULL) {
		struct buf names = {0};

		template_filter_names(&names);
		if (p->at > first)
			(void)set_fault(p, first, "unknown filter \"%.*s\": expected one of %s",
				(int)(p->at - first < 30 ? p->at - first : 30), p->text + first,
				names.data != NULL ? names.data : "the filters");
		else
			(void)set_fault(p, first, "has no filter after the |: expected one of %s",
				names.data != NULL ? names.data : "the filters");
		buf_free(&names);
		return false;
	}
	part->step_count++;
	skip_space(p);
	if (p->at < p->len && p->text[p->at] == ':') {
		p->at++;
		if (!parse_argument(p, step))
			return false;
	}
	if (template_filter_check(step->filter, p->kind, step->argument, step->len, p->fault))
		return true;
	p->fault->at = first;
	return false;
}

/* The filters, and the }}. `first` is where the {{ is. */
static bool parse_filters(struct parser *p, struct part *part, size_t first)
{
	for (;;) {
		skip_space(p);
		if (p->at == p->len)
			return set_fault(p, first, "has a {{ without a }}");
		if (here(p, "}}")) {
			p->at += 2;
			return true;
		}
		if (p->text[p->at] != '|')
			return set_fault(p, p->at, "expected | and a filter, or }}");
		p->at++;
		if (!parse_filter(p, part))
			return false;
	}
}

static bool find_place(struct parser *p, struct part *part, size_t first)
{
	enum place_form form = PLACE_PLAIN;
	const char *fault;

	for (size_t i = 0; i < part->step_count; i++)
		form = template_filter_form(part->steps[i].filter, form);
	fault = place_value(&p->reader, form, p->text + p->at, p->len - p->at, &part->place);
	return fault == NULL || set_fault(p, first, "{{%.60s}} %s", path_text(part->path), fault);
}

/* What is between {{ and }}; p->at is after the {{. */
static bool parse_expression(struct parser *p)
{
	size_t first = p->at - 2;
	struct part *part = add_part(p);

	if (part == NULL)
		return false;
	skip_space(p);
	if (p->at == p->len)
		return set_fault(p, first, "has a {{ without a }}");
	return parse_path(p, part) && parse_filters(p, part, first) && find_place(p, part, first);
}

static bool parse_text(struct parser *p)
{
	while (p->at < p->len) {
		if (here(p, "{{{{")) {
			buf_add_text(&p->literal, "{{");
			p->at += 4;
		} else if (here(p, "{{")) {
			p->at += 2;
			if (!end_literal(p) || !parse_expression(p))
				return false;
		} else {
			const char *rest = p->text + p->at;
			const char *next = memchr(rest + 1, '{', p->len - p->at - 1);
			size_t n = next != NULL ? (size_t)(next - rest) : p->len - p->at;

			buf_add(&p->literal, rest, n);
			p->at += n;
		}
	}
	return end_literal(p);
}

struct template *template_parse(
	const char *text, size_t len, enum template_kind kind, struct fault *fault)
{
	struct parser p = {
		.text = text, .len = len, .kind = kind, .fault = fault, .reader = {.kind = kind}};
	const char *nul = memchr(text, '\0', len);
	bool good = false;

	p.template = calloc(1, sizeof(*p.template));
	if (p.template != NULL)
		p.template->text = strndup(text, len);
	if (p.template == NULL || p.template->text == NULL) {
		(void)no_memory(&p);
	} else if (len > TEMPLATE_MAX) {
		(void)set_fault(&p, TEMPLATE_MAX, "is longer than %zu bytes", TEMPLATE_MAX);
	} else if (nul != NULL) {
		(void)set_fault(&p, (size_t)(nul - text), "has a NUL byte");
	} else {
		p.template->kind = kind;
		good = parse_text(&p);
	}
	buf_free(&p.literal);
	if (good)
		return p.template;
	template_free(p.template);
	return NULL;
}

void template_keep_lines(struct template *t, const char *path)
{
	for (size_t i = 0; i < t->count; i++) {
		struct part *part = &t->parts[i];

		if (part->place == PLACE_LINE && part->literal == NULL &&
			strcmp(path_text(part->path), path) == 0)
			part->place = PLACE_TEXT;
	}
	if (t->shown != NULL)
		template_keep_lines(t->shown, path);
}

const char *template_text(const struct template *t)
{
	return t->text;
}

const char *template_written(const struct template *t)
{
	return t->written != NULL ? t->written : t->text;
}

/* With ${ for each $${. */
static char *without_escapes(const char *written)
{
	struct buf text = {0};

	for (; *written != '\0'; written++)
		if (strncmp(written, "$${", 3) != 0)
			buf_add_char(&text, *written);
	return text.len > 0 ? buf_take(&text) : strdup("");
}

bool template_set_written(struct template *t, const char *written)
{
	char *text = without_escapes(written);
	struct fault fault;

	t->written = strdup(written);
	if (text != NULL)
		t->shown = template_parse(text, strlen(text), t->kind, &fault);
	if (text != NULL && t->shown == NULL)
		t->shown = template_parse("…", strlen("…"), TEMPLATE_TEXT, &fault);
	free(text);
	return t->written != NULL && t->shown != NULL;
}

const struct template *template_shown(const struct template *t)
{
	return t->shown != NULL ? t->shown : t;
}

const struct path *template_path(const struct template *t, size_t i, bool *replaced)
{
	const struct part *part = t->parts, *end = t->parts + t->count;

	while (part < end && (part->literal != NULL || i-- > 0))
		part++;
	*replaced = false;
	if (part == end)
		return NULL;
	for (size_t k = 0; k < part->step_count; k++)
		*replaced =
			*replaced || part->steps[k].filter == template_filter_find("default", 7);
	return part->path;
}

bool template_is_constant(const struct template *t)
{
	return t->count == 0 || (t->count == 1 && t->parts[0].literal != NULL);
}

bool template_has_fixed_text(const struct template *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct part *part = &t->parts[i];

		if (part->literal != NULL)
			return true;
		for (size_t k = 0; k < part->step_count; k++)
			if (part->steps[k].argument != NULL)
				return true;
	}
	return false;
}

const char *template_prefix(const struct template *t, size_t *len)
{
	bool literal = t->count > 0 && t->parts[0].literal != NULL;

	*len = literal ? t->parts[0].len : 0;
	return literal ? t->parts[0].literal : "";
}

void template_free(struct template *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count; i++) {
		struct part *part = &t->parts[i];

		free(part->literal);
		path_free(part->path);
		for (size_t k = 0; k < part->step_count; k++)
			free(part->steps[k].argument);
	}
	free(t->parts);
	template_free(t->shown);
	free(t->written);
	free(t->text);
	free(t);
}
