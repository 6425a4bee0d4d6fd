#include "url_place.h"

#include <strings.h>

static void read_start(struct url_reader *u, char c)
{
	if (c == ':') {
		u->mark = 1;
	} else if (c == '/' && u->mark == 1) {
		u->mark = 2;
	} else if (c == '/' && u->mark == 2) {
		u->part = URL_HOST;
	} else {
		u->part = c == '/' || u->mark == 2 ? URL_PATH : URL_START;
		u->mark = 0;
	}
}

void url_read(struct url_reader *u, char c)
{
	if (c == '?' || c == '#')
		u->part = URL_QUERY;
	else if (u->part == URL_START)
		read_start(u, c);
	else if (u->part == URL_HOST && c == '/')
		u->part = URL_PATH;
}

void url_value(struct url_reader *u)
{
	if (u->mark == 2 && u->part == URL_START)
		u->part = URL_PATH;
	u->mark = 0;
}

bool url_segment_is_empty(const char *segment, size_t len)
{
	size_t dots = 0;

	while (len > 0) {
		size_t n = len >= 3 && strncasecmp(segment, "%2e", 3) == 0 ? 3 : 1;

		if (n == 1 && *segment != '.')
			return false;
		dots++;
		segment += n;
		len -= n;
	}
	return dots <= 2;
}
