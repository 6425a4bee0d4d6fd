/* rule/html_place.h - follows HTML as browsers read it, to know where a value would be. Private to
 * rule. */
#ifndef HOOKD_RULE_HTML_PLACE_H
#define HOOKD_RULE_HTML_PLACE_H

#include "url_place.h"

#include <stdbool.h>
#include <stddef.h>

#define HTML_NAME 16 /* longer names are cut: none that matters is */

/* Zero-initialised at the start of a document. */
struct html_reader {
	enum {
		HTML_TEXT,
		HTML_OPEN,    /* after < */
		HTML_DECLARE, /* after <! */
		HTML_COMMENT,
		HTML_NAME_OF_TAG,
		HTML_TAG,   /* within a tag, outside values */
		HTML_VALUE, /* after = */
		HTML_UNQUOTED,
		HTML_DOUBLE,
		HTML_SINGLE,
		HTML_RAW, /* in script or style: up to its end tag */
	} state;
	char tag[HTML_NAME], attribute[HTML_NAME];
	bool closing;          /* of an end tag */
	bool named;            /* the attribute's name is complete */
	char begin[HTML_NAME]; /* of the attribute's value; cut */
	struct url_reader url; /* what the value is, as a link */
	char last;             /* character of a quoted value */
	unsigned matched;      /* dashes of a comment's end; bytes of a raw text's end tag */
};

void html_read(struct html_reader *h, const char *text, size_t len);

enum html_place {
	HTML_PLACE_TEXT,    /* text, or within quotes: escaping keeps a value there */
	HTML_PLACE_LINK,    /* behind scheme and host of a link within quotes */
	HTML_PLACE_MAILTO,  /* behind mailto: or tel: */
	HTML_PLACE_REFUSED, /* no escaping would keep it there */
};

/* Where the value is that comes next; it is part of what is read. *why: if it is refused, why, and
 * what is expected. */
enum html_place html_value(struct html_reader *h, const char **why);

#endif
