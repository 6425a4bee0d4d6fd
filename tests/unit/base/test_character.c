/* What characters do to a text that people read, and how wide they are. */
#include "base/character.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned code_of(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	return character_code(p, utf8_sequence(p, strlen(text)));
}

static void code_points(void **state)
{
	(void)state;
	assert_int_equal(code_of("a"), 'a');
	assert_int_equal(code_of("é"), 0xe9);
	assert_int_equal(code_of("€"), 0x20ac);
	assert_int_equal(code_of("💰"), 0x1f4b0);
	assert_int_equal(code_of("\xf4\x8f\xbf\xbf"), 0x10ffff);
}

static void what_acts_and_what_hides(void **state)
{
	static const unsigned controls[] = {
		0, '\n', 0x0b, 0x0c, 0x1b, 0x7f, 0x85, 0x9b, 0x2028, 0x2029};
	static const unsigned reorder[] = {0x202a, 0x202c, 0x202e, 0x2066, 0x2069};
	static const unsigned invisible[] = {0xad, 0x61c, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e,
		0x200f, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0xfeff, 0xfffa, 0xe0001, 0xe007f};
	static const unsigned plain[] = {' ', '~', 0xa0, 0xe9, 0x301, 0x2027, 0x202f, 0x2010,
		0x3042, 0xfffd, 0x1f600, 0xe0100};

	(void)state;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		assert_true(character_is_control(controls[i]));
	for (size_t i = 0; i < sizeof(reorder) / sizeof(reorder[0]); i++)
		assert_true(character_reorders(reorder[i]) && !character_is_control(reorder[i]));
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++)
		assert_true(character_is_invisible(invisible[i]));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_false(character_is_control(plain[i]) || character_is_invisible(plain[i]) ||
			     character_reorders(plain[i]));
}

static void widths(void **state)
{
	(void)state;
	assert_int_equal(character_width('a'), 1);
	assert_int_equal(character_width(0xe9), 1);
	assert_int_equal(character_width(0x301), 0);
	assert_int_equal(character_width(0x20dd), 0);
	assert_int_equal(character_width(0x65e5), 2);
	assert_int_equal(character_width(0xff37), 2);
	assert_int_equal(character_width(0x1f600), 2);
	assert_int_equal(character_width(0x10ffff), 1); /* unknown */
}

static void marks_belong_to_a_character(void **state)
{
	static const unsigned char mark[] = "\xcc\x81", a[] = "a", esc[] = "\x1b", bad[] = "\xff";
	struct shown_text s = {0};

	(void)state;
	assert_false(shown_as_it_is(&s, mark, 2));
	assert_true(shown_as_it_is(&s, a, 1));
	for (int i = 0; i < SHOWN_MARKS; i++)
		assert_true(shown_as_it_is(&s, mark, 2));
	assert_false(shown_as_it_is(&s, mark, 2));
	assert_true(shown_as_it_is(&s, a, 1));
	assert_true(shown_as_it_is(&s, mark, 2));
	assert_false(shown_as_it_is(&s, esc, 1));
	assert_false(shown_as_it_is(&s, mark, 2));
	assert_true(shown_as_it_is(&s, a, 1));
	assert_false(shown_as_it_is(&s, bad, 0));
	assert_false(shown_as_it_is(&s, mark, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_points),
		cmocka_unit_test(what_acts_and_what_hides),
		cmocka_unit_test(widths),
		cmocka_unit_test(marks_belong_to_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
