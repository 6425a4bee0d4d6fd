/* rule/url_place.h - follows a URL's text, to know which part of it comes next. Private to rule. */
#ifndef HOOKD_RULE_URL_PLACE_H
#define HOOKD_RULE_URL_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised at a URL's start. */
struct url_reader {
	enum url_part {
		URL_START, /* up to "://": nothing is fixed */
		URL_HOST,  /* and port */
		URL_PATH,
		URL_QUERY, /* and fragment */
	} part;
	unsigned mark; /* bytes of "://" that were last */
};

void url_read(struct url_reader *u, char c);

/* A value comes next. */
void url_value(struct url_reader *u);

/* Does a receiver take the segment of a path for none: "", ".", "..", dots also as %2E? */
bool url_segment_is_empty(const char *segment, size_t len);

#endif
