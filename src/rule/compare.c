#include "compare.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 400 /* of a number in a text; a longer one is not taken as a number */

/* e-7 and E+7, as far as it matters: 2^60 is beyond the digits of any text. */
static bool read_exponent(const char *text, size_t len, int64_t *exponent)
{
	size_t at = 1;
	bool negative = len > 1 && text[1] == '-';

	*exponent = 0;
	if (len == 0 || (text[0] != 'e' && text[0] != 'E'))
		return false;
	at += negative || (len > 1 && text[1] == '+');
	if (at == len || number_digits(text + at, len - at) != len - at)
		return false;
	for (; at < len && *exponent < INT64_C(1) << 56; at++)
		*exponent = *exponent * 10 + (text[at] - '0');
	if (negative)
		*exponent = -*exponent;
	return true;
}

/* Cuts zeros off both ends of the digits, of which `whole` are before the point. */
static void cut_zeros(struct decimal *d, size_t whole)
{
	d->point += (int64_t)whole;
	for (; d->len > 0 && (*d->digits == '0' || *d->digits == '.'); d->digits++, d->len--)
		d->point -= *d->digits == '0';
	while (d->len > 0 && (d->digits[d->len - 1] == '0' || d->digits[d->len - 1] == '.'))
		d->len--;
	if (d->len == 0) { /* -0 is 0 */
		d->negative = false;
		d->point = 0;
	}
}

bool decimal_read(const char *text, size_t len, bool exponent, struct decimal *out)
{
	size_t whole, part;

	*out = (struct decimal){.negative = len > 0 && text[0] == '-'};
	text += out->negative;
	len -= out->negative;
	whole = out->len = number_digits(text, len);
	out->digits = text;
	if (whole == 0)
		return false;
	if (whole < len && text[whole] == '.') {
		part = number_digits(text + whole + 1, len - whole - 1);
		out->len += 1 + part;
		if (part == 0)
			return false;
	}
	if (out->len < len &&
		!(exponent && read_exponent(text + out->len, len - out->len, &out->point)))
		return false;
	cut_zeros(out, whole);
	return true;
}

/* The digits of two numbers whose points are at the same place. */
static int compare_digits(const struct decimal *a, const struct decimal *b)
{
	size_t i = 0, k = 0;

	for (;;) {
		i += i < a->len && a->digits[i] == '.';
		k += k < b->len && b->digits[k] == '.';
		if (i == a->len || k == b->len)
			return (i < a->len) - (k < b->len);
		if (a->digits[i] != b->digits[k])
			return a->digits[i] < b->digits[k] ? -1 : 1;
		i++;
		k++;
	}
}

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
	if (a->len == 0 || b->len == 0)
		return (a->len > 0) - (b->len > 0);
	if (a->point != b->point)
		return a->point < b->point ? -1 : 1;
	return compare_digits(a, b);
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -compare_sizes(a, b) : compare_sizes(a, b);
}

/* A text is taken as a number up to so many digits, and without an exponent: 12e4 may be an id. */
static bool read_text_as_number(const char *text, size_t len, struct decimal *out)
{
	return len <= DIGITS_MAX && decimal_read(text, len, false, out);
}

bool operand_set(struct operand *o, const struct condition_operand *from)
{
	*o = (struct operand){.text = strdup(from->text), .plain = from->plain};
	if (from->written != NULL)
		o->written = strdup(from->written);
	if (o->text == NULL || (from->written != NULL && o->written == NULL))
		return false;
	o->len = strlen(o->text);
	o->is_decimal = read_text_as_number(o->text, o->len, &o->decimal);
	o->is_time = clock_parse(o->text, o->len, &o->time);
	return true;
}

void operand_free(struct operand *o)
{
	free(o->text);
	free(o->written);
}

static bool order_number(const json_t *value, const struct operand *o, int *order)
{
	char room[JSON_NUMBER];
	const char *text = json_number_text(value, room);
	struct decimal decimal;

	if (!o->is_decimal || !decimal_read(text, strlen(text), true, &decimal))
		return false;
	*order = decimal_compare(&decimal, &o->decimal);
	return true;
}

static bool order_text(const char *text, size_t len, const struct operand *o, int *order)
{
	struct decimal decimal;
	int64_t time;

	if (o->is_decimal && read_text_as_number(text, len, &decimal)) {
		*order = decimal_compare(&decimal, &o->decimal);
		return true;
	}
	if (o->is_time && clock_parse(text, len, &time)) {
		*order = time < o->time ? -1 : time > o->time;
		return true;
	}
	return false;
}

bool compare_order(const json_t *value, const struct operand *o, int *order)
{
	if (json_is_number(value))
		return order_number(value, o, order);
	if (json_is_string(value))
		return order_text(json_string_value(value), json_string_length(value), o, order);
	return false;
}

static bool says(const struct operand *o, const char *word)
{
	return o->plain && strcmp(o->text, word) == 0;
}

/* null without quotes, which is not a text. */
static bool is_null(const struct operand *o)
{
	return says(o, "null") || says(o, "~");
}

bool compare_equal(const json_t *value, const struct operand *o)
{
	int order;

	if (json_is_null(value))
		return is_null(o);
	if (json_is_boolean(value))
		return says(o, json_is_true(value) ? "true" : "false");
	if (compare_order(value, o, &order))
		return order == 0;
	return json_is_string(value) && !is_null(o) && json_string_length(value) == o->len &&
	       memcmp(json_string_value(value), o->text, o->len) == 0;
}
