/* sender/write.c - writes JSON as senders do. */
#include "base/json.h"
#include "sender/sender.h"

#include <stdlib.h>
#include <string.h>

bool sender_write(const json_t *json, size_t flags, bool html_safe, struct buf *out)
{
	char *text = json_text(json, flags);

	if (text == NULL)
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		if (html_safe && strchr("&<>", *c) != NULL)
			buf_printf(out, "\\u%04x", (unsigned)*c);
		else
			buf_add_char(out, *c);
	}
	free(text);
	return buf_ok(out);
}
