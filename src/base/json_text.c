#include "base/json_text.h"

#include <ctype.h>

char *json_text(const json_t *json, size_t flags)
{
	char *text = json_dumps(json, flags);

	/* A backslash that is itself escaped starts no \u: step over the pair. */
	for (char *p = text; p != NULL && *p != '\0'; p++) {
		if (*p != '\\')
			continue;
		p++;
		for (int i = 1; *p == 'u' && i <= 4; i++)
			p[i] = (char)tolower((unsigned char)p[i]);
	}
	return text;
}
