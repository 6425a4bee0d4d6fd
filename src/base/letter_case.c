#include "base/letter_case.h"

/* All but ASCII have two bytes in UTF-8, in either case. */
static unsigned change_case(unsigned c, bool up)
{
	if (c < 0x80)
		return up ? (c >= 'a' && c <= 'z' ? c - 32 : c)
			  : (c >= 'A' && c <= 'Z' ? c + 32 : c);
	if (up && c >= 0xe0 && c <= 0xfe && c != 0xf7)
		return c - 32;
	if (!up && c >= 0xc0 && c <= 0xde && c != 0xd7)
		return c + 32;
	if (up && c == 0xff)
		return 0x178;
	if (!up && c == 0x178)
		return 0xff;
	/* pairs whose capital has an even number, then an odd one */
	if ((c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
		return up ? (c & ~1U) : (c | 1U);
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
		return up ? ((c & 1U) != 0 ? c : c - 1) : ((c & 1U) != 0 ? c + 1 : c);
	return c;
}

void letter_case(struct buf *out, const char *text, size_t len, bool up)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x80) {
			buf_add_char(out, (char)change_case(p[i], up));
		} else if (p[i] >= 0xc2 && p[i] <= 0xdf && i + 1 < len &&
			   (p[i + 1] & 0xc0) == 0x80) {
			unsigned c = change_case((p[i] & 0x1fU) << 6 | (p[i + 1] & 0x3fU), up);

			buf_add_char(out, (char)(0xc0 | c >> 6));
			buf_add_char(out, (char)(0x80 | (c & 0x3fU)));
			i++;
		} else {
			buf_add_char(out, text[i]);
		}
	}
}
