#include "errors.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_BYTES   60 /* of a value, in a message */
#define GUESS_LETTERS  32 /* longer words are not compared */
#define GUESS_DISTANCE 3  /* edits; words that differ by more are unrelated */

void conf_errors_take(struct conf_errors *errors, struct conf_place at, enum conf_severity severity,
	struct buf *text)
{
	struct conf_error *list;
	struct buf safe = {0};
	char *taken;

	/* one line, safe for a terminal, whatever the file contains */
	buf_add_escaped(&safe, text->data != NULL ? text->data : "", text->len, '\0');
	taken = buf_ok(text) ? buf_take(&safe) : NULL;
	buf_free(&safe);
	buf_free(text);
	if (taken == NULL) {
		errors->no_memory = true;
		return;
	}
	if (errors->count == errors->capacity) {
		size_t capacity = errors->capacity != 0 ? errors->capacity * 2 : 16;

		list = reallocarray(errors->list, capacity, sizeof(*list));
		if (list == NULL) {
			free(taken);
			errors->no_memory = true;
			return;
		}
		errors->list = list;
		errors->capacity = capacity;
	}
	errors->list[errors->count] =
		(struct conf_error){.at = at, .order = errors->count, .text = taken};
	errors->count++;
	if (severity == CONF_WARNING)
		errors->warnings++;
}

void conf_errors_add(struct conf_errors *errors, struct conf_place at, const char *format, ...)
{
	struct buf text = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	conf_errors_take(errors, at, CONF_ERROR, &text);
}

bool conf_errors_fatal(const struct conf_errors *errors)
{
	return errors->no_memory || errors->count > errors->warnings;
}

static int by_place(const void *va, const void *vb)
{
	const struct conf_error *a = va, *b = vb;

	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void conf_errors_write(struct conf_errors *errors, const char *file, struct buf *out)
{
	if (errors->count > 0)
		qsort(errors->list, errors->count, sizeof(*errors->list), by_place);
	for (size_t i = 0; i < errors->count; i++) {
		const struct conf_error *e = &errors->list[i];

		if (e->at.line == 0)
			buf_printf(out, "%s: %s\n", file, e->text);
		else
			buf_printf(out, "%s:%u:%u: %s\n", file, e->at.line, e->at.column, e->text);
	}
	if (errors->no_memory)
		buf_printf(out, "%s: out of memory\n", file);
}

void conf_errors_free(struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->list[i].text);
	free(errors->list);
	*errors = (struct conf_errors){0};
}

const char *conf_quote(const char *text, char out[CONF_QUOTED])
{
	struct buf b = {0};
	size_t len = strlen(text), shown = len;

	if (len > QUOTED_BYTES) {
		shown = QUOTED_BYTES;
		while (shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80)
			shown--;
	}
	buf_add_escaped(&b, text, shown, '"');
	snprintf(out, CONF_QUOTED, "\"%s%s\"", b.data != NULL ? b.data : "",
		shown < len ? "..." : "");
	buf_free(&b);
	return out;
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static int lower(char c)
{
	return tolower((unsigned char)c);
}

/* Edits (insert, delete, change, swap of neighbours) from a to b, upper and
 * lower case alike. Both have at most GUESS_LETTERS letters. */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][GUESS_LETTERS + 1];
	size_t rows = strlen(a), columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= rows; i++) {
		size_t *now = row[i % 3];
		const size_t *above = row[(i - 1) % 3], *above2 = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			now[j] = least(above[j] + 1, now[j - 1] + 1,
				above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1])));
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1]) && above2[j - 2] + 1 < now[j])
				now[j] = above2[j - 2] + 1;
		}
	}
	return row[rows % 3][columns];
}

void conf_guess_try(struct conf_guess *guess, const char *candidate)
{
	size_t len = strlen(guess->word), d;

	if (len == 0 || len > GUESS_LETTERS || strlen(candidate) > GUESS_LETTERS)
		return;
	d = distance(guess->word, candidate);
	/* at most one edit for every two letters, otherwise all short words would look alike */
	if (d > GUESS_DISTANCE || d > (len + 1) / 2)
		return;
	if (guess->best == NULL || d < guess->distance) {
		guess->best = candidate;
		guess->distance = d;
	}
}

const char *conf_guess_text(const struct conf_guess *guess, char out[CONF_GUESS])
{
	char quoted[CONF_QUOTED];

	out[0] = '\0';
	if (guess->best != NULL)
		snprintf(out, CONF_GUESS, " (did you mean %s?)", conf_quote(guess->best, quoted));
	return out;
}
