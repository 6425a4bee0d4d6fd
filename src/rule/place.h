/* rule/place.h - where in its surroundings a {{}} is, and what that makes of a value: it is escaped
 * for that place, or refused. The one rule for all kinds of templates; hookd.yaml(5), Places, has
 * the table. Private to rule. */
#ifndef HOOKD_RULE_PLACE_H
#define HOOKD_RULE_PLACE_H

#include "base/attributes.h"
#include "base/buf.h"
#include "html_place.h"
#include "rule/template.h"
#include "url_place.h"

#include <stdbool.h>
#include <stddef.h>

enum place {
	PLACE_TEXT,        /* as it is */
	PLACE_LINE,        /* one line of a text */
	PLACE_HTML,        /* text, or within a quoted attribute */
	PLACE_HTML_LINK,   /* behind scheme and host of a link in HTML */
	PLACE_HTML_MAILTO, /* behind mailto: or tel: */
	PLACE_URL_START,   /* the event chooses the URL, or its scheme */
	PLACE_URL_HOST,    /* within host and port */
	PLACE_URL_PATH,
	PLACE_URL_QUERY,
	PLACE_ADDRESS, /* all of an address, or a part of its mailbox */
	PLACE_NAME,    /* all of the name before <mailbox> */
	PLACE_QUOTED,  /* within the config's double quotes in an address */
};

/* How the filters leave a value. */
enum place_form {
	PLACE_PLAIN,
	PLACE_AS_HTML, /* escaped by `html` … */
	PLACE_AS_URL,  /* … or by `url`, and unchanged since */
	PLACE_RAW,     /* the config says that it is not to be escaped */
	PLACE_OWN,     /* a text of the config's own */
};

/* A list of addresses, as it is read. */
struct address_reader {
	bool quoted, escaped; /* within double quotes; after a \ there */
	bool after;           /* is there text since the last comma? */
};

/* Is c a comma between two addresses? */
bool address_read(struct address_reader *a, char c);

/* Follows a template's text. Zero-initialised but for the kind. */
struct place_reader {
	enum template_kind kind;
	union {
		struct html_reader html;
		struct url_reader url;
		struct address_reader address;
	};
};

/* Literal text of the config. */
void place_literal(struct place_reader *r, const char *text, size_t len);

/* A {{}} whose filters leave it as `form`, before the text `next`. NULL: *place is where it is.
 * Else why it may not be there. */
const char *place_value(struct place_reader *r, enum place_form form, const char *next, size_t len,
	enum place *place);

/* Appends a value as that place needs it. NULL; or what is wrong with the value there, and out is
 * as before. */
const char *place_add(struct buf *out, enum place place, enum place_form form, const char *text,
	size_t len) WARN_UNUSED;

void place_escape_html(struct buf *out, const char *text, size_t len);
void place_make_line(struct buf *out, const char *text, size_t len);
void place_encode_url(struct buf *out, const char *text, size_t len);

#endif
