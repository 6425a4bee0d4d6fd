#include "html_place.h"

#include <string.h>
#include <strings.h>

enum { NO_COMMENT = 3 }; /* more dashes than begin one */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void add_to(char name[HTML_NAME], char c)
{
	size_t len = strlen(name);

	if (len + 1 < HTML_NAME) {
		name[len] = c;
		name[len + 1] = '\0';
	}
}

/* Elements whose content has no tags but their own end. */
static bool is_raw(const char *tag)
{
	static const char *const raw[] = {"script", "style", "title", "textarea", "xmp", "iframe",
		"noembed", "noframes", "plaintext"};

	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
		if (strcasecmp(tag, raw[i]) == 0)
			return true;
	return false;
}

static void end_tag(struct html_reader *h)
{
	h->state = !h->closing && is_raw(h->tag) ? HTML_RAW : HTML_TEXT;
	h->matched = 0;
}

static void begin_attributes(struct html_reader *h)
{
	h->state = HTML_TAG;
	h->attribute[0] = '\0';
	h->named = false;
}

static void begin_value(struct html_reader *h)
{
	h->state = HTML_VALUE;
	h->begin[0] = '\0';
	h->url = (struct url_reader){0};
}

/* Only <!-- begins a comment that ends at -->. */
static void begin_declaration(struct html_reader *h, char c)
{
	h->state = c == '>' ? HTML_TEXT : HTML_DECLARE;
	h->matched = c == '!' ? 0 : NO_COMMENT;
}

static void read_open(struct html_reader *h, char c)
{
	if (is_letter(c)) {
		h->tag[0] = '\0';
		add_to(h->tag, c);
		h->state = HTML_NAME_OF_TAG;
	} else if (h->closing) {
		begin_declaration(h, c == '!' ? '?' : c);
	} else if (c == '!' || c == '?') {
		begin_declaration(h, c);
	} else if (c == '/') {
		h->closing = true;
	} else {
		h->state = c == '<' ? HTML_OPEN : HTML_TEXT;
	}
}

static void read_declaration(struct html_reader *h, char c)
{
	if (c == '>')
		h->state = HTML_TEXT;
	else if (c == '-' && ++h->matched == 2)
		h->state = HTML_COMMENT;
	else if (c != '-')
		h->matched = NO_COMMENT;
}

static void read_comment(struct html_reader *h, char c)
{
	if (c == '>' && h->matched >= 2)
		h->state = HTML_TEXT;
	else if (c == '-')
		h->matched++;
	else if (c != '!' || h->matched < 2)
		h->matched = 0;
}

static void read_tag_name(struct html_reader *h, char c)
{
	if (c == '>')
		end_tag(h);
	else if (is_space(c) || c == '/')
		begin_attributes(h);
	else
		add_to(h->tag, c);
}

static void read_tag(struct html_reader *h, char c)
{
	if (c == '>') {
		end_tag(h);
	} else if (c == '=' && h->attribute[0] != '\0') {
		begin_value(h);
	} else if (c == '/') {
		begin_attributes(h);
	} else if (is_space(c)) {
		h->named = h->attribute[0] != '\0';
	} else {
		if (h->named)
			h->attribute[0] = '\0';
		h->named = false;
		add_to(h->attribute, c);
	}
}

static void read_value(struct html_reader *h, char c)
{
	if (c == '"')
		h->state = HTML_DOUBLE;
	else if (c == '\'')
		h->state = HTML_SINGLE;
	else if (c == '>')
		end_tag(h);
	else if (!is_space(c))
		h->state = HTML_UNQUOTED;
}

static void read_quoted(struct html_reader *h, char c, char quote)
{
	if (c == quote) {
		begin_attributes(h);
	} else {
		add_to(h->begin, c);
		/* of &#47; the # is no fragment's */
		url_read(&h->url, c == '#' && h->last == '&' ? 'x' : c);
	}
	h->last = c;
}

static void read_unquoted(struct html_reader *h, char c)
{
	if (c == '>')
		end_tag(h);
	else if (is_space(c))
		begin_attributes(h);
}

/* Up to "</" and the element's name. */
static void read_raw(struct html_reader *h, char c)
{
	size_t name = strlen(h->tag), at = h->matched;
	char expected = at == 0 ? '<' : at == 1 ? '/' : h->tag[at - 2]; /* NUL at its end */

	if (at == name + 2 && (c == '>' || is_space(c) || c == '/')) {
		h->closing = true;
		read_tag_name(h, c);
	} else if (at < name + 2 && strncasecmp(&c, &expected, 1) == 0) {
		h->matched++;
	} else {
		h->matched = c == '<';
	}
}

static void read_character(struct html_reader *h, char c)
{
	switch (h->state) {
	case HTML_TEXT:
		h->closing = false;
		if (c == '<')
			h->state = HTML_OPEN;
		break;
	case HTML_OPEN:
		read_open(h, c);
		break;
	case HTML_DECLARE:
		read_declaration(h, c);
		break;
	case HTML_COMMENT:
		read_comment(h, c);
		break;
	case HTML_NAME_OF_TAG:
		read_tag_name(h, c);
		break;
	case HTML_TAG:
		read_tag(h, c);
		break;
	case HTML_VALUE:
		read_value(h, c);
		break;
	case HTML_UNQUOTED:
		read_unquoted(h, c);
		break;
	case HTML_DOUBLE:
		read_quoted(h, c, '"');
		break;
	case HTML_SINGLE:
		read_quoted(h, c, '\'');
		break;
	case HTML_RAW:
		read_raw(h, c);
		break;
	}
}

void html_read(struct html_reader *h, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		read_character(h, text[i]);
}

static bool is_among(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcasecmp(name, *list) == 0)
			return true;
	return false;
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Within an attribute that is a link. */
static enum html_place in_link(const struct html_reader *h, const char **why)
{
	const char *begin = h->begin;
	bool behind = h->url.part == URL_PATH || h->url.part == URL_QUERY;

	if (begins_with(begin, "mailto:") || begins_with(begin, "tel:"))
		return HTML_PLACE_MAILTO;
	if (behind && (begins_with(begin, "http://") || begins_with(begin, "https://")))
		return HTML_PLACE_LINK;
	/* relative: "//", "/\" and "/&#47;" begin a host */
	if (begin[0] == '?' || begin[0] == '#' ||
		(begin[0] == '/' && (begin[1] == '\0' || is_letter(begin[1]))))
		return HTML_PLACE_LINK;
	*why = "may choose where a link leads: expected its scheme and host before the {{, as in "
	       "href=\"https://shop.example/{{entity.id}}\"";
	return HTML_PLACE_REFUSED;
}

/* Within the quotes of an attribute. */
static enum html_place in_attribute(const struct html_reader *h, const char **why)
{
	static const char *const links[] = {"href", "src", "action", "formaction", "background",
		"poster", "cite", "data", "longdesc", "xlink:href", "manifest", "codebase",
		"classid", "archive", "profile", "usemap", "lowsrc", "dynsrc", NULL};
	static const char *const code[] = {
		"style", "srcdoc", "srcset", "imagesrcset", "http-equiv", "ping", NULL};
	bool animated = is_among(h->tag, (const char *const[]){"animate", "set", "meta", NULL});

	if (begins_with(h->attribute, "on") || is_among(h->attribute, code) || animated) {
		*why = "is in an attribute that is a program, a style or a list of links, where "
		       "escaping does not keep a value in its place: expected it in the text or in "
		       "another attribute";
		return HTML_PLACE_REFUSED;
	}
	return is_among(h->attribute, links) ? in_link(h, why) : HTML_PLACE_TEXT;
}

static enum html_place in_raw(const struct html_reader *h, const char **why)
{
	/* character references mean characters there */
	if (strcasecmp(h->tag, "title") == 0 || strcasecmp(h->tag, "textarea") == 0)
		return HTML_PLACE_TEXT;
	*why = "is in a script, a style or the like, where escaping does not keep a value in its "
	       "place: expected it in the text or in a quoted attribute";
	return HTML_PLACE_REFUSED;
}

static enum html_place in_state(const struct html_reader *h, const char **why)
{
	switch (h->state) {
	case HTML_TEXT:
		return HTML_PLACE_TEXT;
	case HTML_DOUBLE:
	case HTML_SINGLE:
		return in_attribute(h, why);
	case HTML_RAW:
		return in_raw(h, why);
	case HTML_VALUE:
	case HTML_UNQUOTED:
		*why = "is in an attribute without quotes: expected \" before and behind its value";
		return HTML_PLACE_REFUSED;
	case HTML_DECLARE:
	case HTML_COMMENT:
		*why = "is in a comment: expected it in the text or in a quoted attribute";
		return HTML_PLACE_REFUSED;
	case HTML_OPEN:
	case HTML_NAME_OF_TAG:
	case HTML_TAG:
		break;
	}
	*why = "is in a tag, outside the value of an attribute: expected it in the text or in a "
	       "quoted attribute";
	return HTML_PLACE_REFUSED;
}

enum html_place html_value(struct html_reader *h, const char **why)
{
	enum html_place place = in_state(h, why);

	add_to(h->begin, 'x');
	url_value(&h->url);
	if (h->state == HTML_VALUE)
		h->state = HTML_UNQUOTED;
	if (h->state == HTML_OPEN)
		h->state = HTML_TEXT;
	h->matched = 0;
	return place;
}
