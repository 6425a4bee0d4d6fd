#include "lines.h"

#include <stdbool.h>
#include <string.h>

static bool is_first_byte(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t conf_characters(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += is_first_byte(*text);
	return n;
}

const char *conf_lines_go(struct conf_lines *lines, unsigned line, size_t *rest)
{
	const char *end = lines->bytes + lines->len, *next;

	if (lines->line == NULL || line < lines->number) {
		lines->line = lines->bytes;
		lines->number = 1;
	}
	for (; lines->number < line && lines->line < end; lines->number++) {
		next = memchr(lines->line, '\n', (size_t)(end - lines->line));
		lines->line = next != NULL ? next + 1 : end;
	}
	*rest = (size_t)(end - lines->line);
	return lines->line;
}

struct conf_place conf_lines_place(const struct conf_lines *lines, size_t offset)
{
	struct conf_place at = {1, 1};

	for (size_t i = 0; i < offset && i < lines->len; i++) {
		if (lines->bytes[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if (is_first_byte(lines->bytes[i])) {
			at.column++;
		}
	}
	return at;
}

struct conf_place conf_lines_block(struct conf_lines *lines, unsigned sign, const char *text)
{
	size_t blank = strspn(text, "\n"), len = strcspn(text + blank, "\n");
	size_t spaces = strspn(text + blank, " "), rest, indent = 0;
	const char *line = conf_lines_go(lines, sign + 1 + (unsigned)blank, &rest);

	while (indent < rest && line[indent] == ' ')
		indent++;
	/* some of these spaces may belong to the text */
	if (indent < spaces)
		return (struct conf_place){0};
	indent -= spaces;
	if (len == 0 || len > rest - indent || memcmp(line + indent, text + blank, len) != 0)
		return (struct conf_place){0};
	return (struct conf_place){sign + 1, (unsigned)indent + 1};
}
