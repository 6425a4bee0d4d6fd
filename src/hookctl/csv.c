#include "csv.h"

#include "base/character.h"
#include "base/utf8.h"

#include <string.h>

/* The length of the control character that the text begins with; 0: it is none. */
static size_t control_len(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t n = utf8_sequence(c, strnlen(text, 4));

	return n > 0 && character_is_control(character_code(c, n)) ? n : 0;
}

void csv_add_text(struct buf *out, const char *text)
{
	bool begins = true;

	buf_add_char(out, '"');
	while (*text != '\0') {
		size_t control = control_len(text);

		if (begins && strchr("=+-@", *text) != NULL)
			buf_add_char(out, '\'');
		if (*text == '"')
			buf_add_char(out, '"');
		begins = control > 0 || *text == ';' || *text == ',' || (begins && *text == '"');
		buf_add_char(out, control > 0 ? ' ' : *text);
		text += control > 0 ? control : 1;
	}
	buf_add_char(out, '"');
}
