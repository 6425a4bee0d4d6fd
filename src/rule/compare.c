#include "compare.h"

#include "base/clock.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 400 /* of a number in a text; a longer one is not taken as a number */

bool decimal_read(const char *text, size_t len, struct decimal *out)
{
	size_t whole;

	*out = (struct decimal){.negative = len > 0 && text[0] == '-'};
	if (len > DIGITS_MAX)
		return false;
	if (out->negative) {
		text++;
		len--;
	}
	whole = number_digits(text, len);
	if (whole == 0)
		return false;
	out->whole = text;
	out->whole_len = whole;
	out->part = text + whole;
	if (whole < len) {
		out->part = text + whole + 1;
		out->part_len = number_digits(out->part, len - whole - 1);
		if (text[whole] != '.' || out->part_len == 0 || whole + 1 + out->part_len != len)
			return false;
	}
	while (out->whole_len > 0 && *out->whole == '0') {
		out->whole++;
		out->whole_len--;
	}
	while (out->part_len > 0 && out->part[out->part_len - 1] == '0')
		out->part_len--;
	if (out->whole_len == 0 && out->part_len == 0)
		out->negative = false; /* -0 is 0 */
	return true;
}

static int sign(int n)
{
	return n < 0 ? -1 : n > 0;
}

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
	size_t common = a->part_len < b->part_len ? a->part_len : b->part_len;
	int order;

	if (a->whole_len != b->whole_len)
		return a->whole_len < b->whole_len ? -1 : 1;
	order = sign(memcmp(a->whole, b->whole, a->whole_len));
	if (order == 0)
		order = sign(memcmp(a->part, b->part, common));
	if (order == 0 && a->part_len != b->part_len)
		order = a->part_len < b->part_len ? -1 : 1;
	return order;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -compare_sizes(a, b) : compare_sizes(a, b);
}

bool operand_set(struct operand *o, const struct condition_operand *from)
{
	*o = (struct operand){.text = strdup(from->text), .plain = from->plain};
	if (o->text == NULL)
		return false;
	o->len = strlen(o->text);
	o->is_decimal = decimal_read(o->text, o->len, &o->decimal);
	o->is_time = clock_parse(o->text, o->len, &o->time);
	return true;
}

static bool order_integer(json_int_t value, const struct operand *o, int *order)
{
	struct decimal decimal;
	char text[32];
	int n = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, value);

	if (!o->is_decimal || n < 0 || !decimal_read(text, (size_t)n, &decimal))
		return false;
	*order = decimal_compare(&decimal, &o->decimal);
	return true;
}

static bool order_real(double value, const struct operand *o, int *order)
{
	double other = o->is_decimal ? strtod(o->text, NULL) : 0;

	*order = value < other ? -1 : value > other;
	return o->is_decimal;
}

static bool order_text(const char *text, size_t len, const struct operand *o, int *order)
{
	struct decimal decimal;
	int64_t time;

	if (o->is_decimal && decimal_read(text, len, &decimal)) {
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
	if (json_is_integer(value))
		return order_integer(json_integer_value(value), o, order);
	if (json_is_real(value))
		return order_real(json_real_value(value), o, order);
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
