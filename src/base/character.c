#include "base/character.h"

#include <locale.h>
#include <pthread.h>
#include <wchar.h>

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static locale_t utf8; /* constant once loaded; 0: there is none */

unsigned character_code(const unsigned char *p, size_t n)
{
	unsigned code = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));

	for (size_t i = 1; i < n; i++)
		code = code << 6 | (p[i] & 0x3fU);
	return code;
}

bool character_is_control(unsigned code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

bool character_reorders(unsigned code)
{
	return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

bool character_is_invisible(unsigned code)
{
	static const struct {
		unsigned first, last;
	} ranges[] = {
		{0xad, 0xad},       /* soft hyphen */
		{0x61c, 0x61c},     /* Arabic letter mark */
		{0x180e, 0x180e},   /* Mongolian vowel separator */
		{0x200b, 0x200f},   /* blank without width, joiners, marks of direction */
		{0x202a, 0x202e},   /* embeddings, overrides */
		{0x2060, 0x206f},   /* word joiner, invisible operators, isolates */
		{0xfeff, 0xfeff},   /* byte order mark */
		{0xfff9, 0xfffb},   /* interlinear annotation */
		{0xe0000, 0xe007f}, /* tags */
	};

	if (code < ranges[0].first)
		return false;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

static void load_locale(void)
{
	utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

void character_load(void)
{
	(void)pthread_once(&loaded, load_locale);
}

size_t character_width(unsigned code)
{
	locale_t before;
	int width;

	if (code < 0x300) /* the first mark */
		return 1;
	character_load();
	if (utf8 == (locale_t)0)
		return 1;
	before = uselocale(utf8);
	width = wcwidth((wchar_t)code);
	(void)uselocale(before);
	return width < 0 ? 1 : (size_t)width; /* -1: unknown to the C library */
}

bool shown_as_it_is(struct shown_text *s, const unsigned char *p, size_t n)
{
	unsigned code = n > 0 ? character_code(p, n) : 0;
	bool mark;

	if (character_is_control(code) || character_is_invisible(code)) {
		*s = (struct shown_text){0};
		return false;
	}
	mark = character_width(code) == 0;
	if (mark && s->begun && s->marks < SHOWN_MARKS) {
		s->marks++;
		return true;
	}
	if (!mark)
		*s = (struct shown_text){.begun = true};
	return !mark;
}
