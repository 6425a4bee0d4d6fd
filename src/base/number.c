#include "base/number.h"

#include <inttypes.h>
#include <string.h>

size_t number_digits(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

/* The digits' number, or INT64_MAX when it is greater. */
static int64_t value_of(const char *digits, size_t len)
{
	int64_t value = 0;

	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digits[i] - '0', &value))
			return INT64_MAX;
	return value;
}

bool number_read(const char *text, size_t len, int64_t max, int64_t *n)
{
	int64_t value;

	if (len == 0 || number_digits(text, len) != len)
		return false;
	value = value_of(text, len);
	if (value > max)
		return false;
	*n = value;
	return true;
}

bool number_read_unit(const char *text, const struct number_unit *units, int64_t *n)
{
	size_t digits = number_digits(text, strlen(text));

	if (digits == 0)
		return false;
	*n = value_of(text, digits);
	for (; units->suffix != NULL; units++) {
		if (strcmp(text + digits, units->suffix) != 0)
			continue;
		if (__builtin_mul_overflow(*n, units->factor, n))
			*n = INT64_MAX;
		return true;
	}
	return *n == 0 && text[digits] == '\0';
}

void number_add_unit(struct buf *out, const struct number_unit *units, int64_t n)
{
	if (n == 0) {
		buf_add_char(out, '0');
		return;
	}
	while (n % units->factor != 0)
		units++;
	buf_printf(out, "%" PRId64 "%s", n / units->factor, units->suffix);
}
