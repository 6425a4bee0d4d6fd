#include "place.h"

#include "base/character.h"
#include "base/utf8.h"

#include <string.h>

#define UNKNOWN 0xfffd /* for a byte that is no character */

static bool is_among(char c, const char *list)
{
	return c != '\0' && strchr(list, c) != NULL;
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* ---- where a {{}} is ---- */

bool address_read(struct address_reader *a, char c)
{
	bool separates = c == ',' && !a->quoted;

	if (a->escaped) {
		a->escaped = false;
	} else if (c == '"') {
		a->quoted = !a->quoted;
	} else {
		a->escaped = c == '\\' && a->quoted;
	}
	a->after = !separates && (a->after || c != ' ');
	return separates;
}

void place_literal(struct place_reader *r, const char *text, size_t len)
{
	if (r->kind == TEMPLATE_HTML)
		html_read(&r->html, text, len);
	for (size_t i = 0; r->kind == TEMPLATE_URL && i < len; i++)
		url_read(&r->url, text[i]);
	for (size_t i = 0; r->kind == TEMPLATE_ADDRESSES && i < len; i++)
		(void)address_read(&r->address, text[i]);
}

static const char *in_html(struct place_reader *r, enum place_form form, enum place *place)
{
	const char *why = NULL;

	switch (html_value(&r->html, &why)) {
	case HTML_PLACE_TEXT:
		*place = PLACE_HTML;
		return NULL;
	case HTML_PLACE_LINK:
		*place = PLACE_HTML_LINK;
		break;
	case HTML_PLACE_MAILTO:
		*place = PLACE_HTML_MAILTO;
		break;
	case HTML_PLACE_REFUSED:
		*place = PLACE_HTML;
		return form == PLACE_RAW ? NULL : why;
	}
	return form == PLACE_AS_HTML
		       ? "is in a link, where html is not enough: expected the filter url, or none"
		       : NULL;
}

static enum place in_url(struct place_reader *r)
{
	static const enum place places[] = {
		[URL_START] = PLACE_URL_START,
		[URL_HOST] = PLACE_URL_HOST,
		[URL_PATH] = PLACE_URL_PATH,
		[URL_QUERY] = PLACE_URL_QUERY,
	};

	url_value(&r->url);
	return places[r->url.part];
}

/* A name is all that is between a comma and the <mailbox>. */
static enum place in_address(struct place_reader *r, const char *next, size_t len)
{
	bool first = !r->address.after;

	r->address.after = true;
	if (r->address.quoted)
		return PLACE_QUOTED;
	while (len > 0 && *next == ' ') {
		next++;
		len--;
	}
	return first && len > 0 && *next == '<' ? PLACE_NAME : PLACE_ADDRESS;
}

const char *place_value(struct place_reader *r, enum place_form form, const char *next, size_t len,
	enum place *place)
{
	*place = r->kind == TEMPLATE_BODY ? PLACE_LINE : PLACE_TEXT;
	if (r->kind == TEMPLATE_HTML)
		return in_html(r, form, place);
	if (r->kind == TEMPLATE_ADDRESSES)
		*place = in_address(r, next, len);
	if (r->kind == TEMPLATE_URL)
		*place = in_url(r);
	return NULL;
}

/* ---- what becomes of a value ---- */

void place_escape_html(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '&':
			buf_add_text(out, "&amp;");
			break;
		case '<':
			buf_add_text(out, "&lt;");
			break;
		case '>':
			buf_add_text(out, "&gt;");
			break;
		case '"':
			buf_add_text(out, "&quot;");
			break;
		case '\'':
			buf_add_text(out, "&#39;");
			break;
		default:
			buf_add_char(out, text[i]);
		}
	}
}

/* `also`: further characters that stay as they are. */
static void encode(struct buf *out, const char *text, size_t len, const char *also)
{
	for (size_t i = 0; i < len; i++) {
		if (is_letter_or_digit(text[i]) || is_among(text[i], "-._~") ||
			is_among(text[i], also))
			buf_add_char(out, text[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)text[i]);
	}
}

/* A run of blanks and controls becomes one blank if a control is in it, and nothing at either end.
 */
void place_make_line(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t begin = out->len, blanks = 0;
	bool control = false;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_sequence(p + i, len - i);
		unsigned code = n > 0 ? character_code(p + i, n) : UNKNOWN;

		n = n > 0 ? n : 1;
		if (code == ' ' || character_is_control(code)) {
			control = control || code != ' ';
			blanks++;
		} else if (!character_reorders(code)) {
			if (blanks > 0 && out->len > begin)
				buf_printf(out, "%*s", control ? 1 : (int)blanks, "");
			blanks = 0;
			control = false;
			buf_add(out, text + i, n);
		}
	}
}

void place_encode_url(struct buf *out, const char *text, size_t len)
{
	encode(out, text, len, "");
}

/* Within double quotes. */
static void add_quoted(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, text[i]);
	}
}

static void add_name(struct buf *out, const char *text, size_t len)
{
	if (len == 0)
		return;
	buf_add_char(out, '"');
	add_quoted(out, text, len);
	buf_add_char(out, '"');
}

static const char *host_fault(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x80 && !is_letter_or_digit(text[i]) &&
			!is_among(text[i], "-._:[]"))
			return "has a character that no host or port has";
	return NULL;
}

static const char *control_fault(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return "has a control character, such as a line break";
	return NULL;
}

/* A name that looks like an address is one to some mail programs. */
static const char *name_fault(const char *text, size_t len)
{
	if (len > 0 && (memchr(text, '<', len) != NULL || memchr(text, '>', len) != NULL))
		return "has a < or >, which only an address may have";
	return control_fault(text, len);
}

static const char *fault_of(enum place place, enum place_form form, const char *text, size_t len)
{
	switch (place) {
	case PLACE_HTML_LINK:
		if (form != PLACE_RAW && len > 0 && url_segment_is_empty(text, len))
			return "is . or .., which would change the path of a link";
		return NULL;
	case PLACE_URL_HOST:
		return host_fault(text, len);
	case PLACE_ADDRESS:
		return control_fault(text, len);
	case PLACE_NAME:
	case PLACE_QUOTED:
		return name_fault(text, len);
	default:
		return NULL;
	}
}

static void add_html(struct buf *out, enum place_form form, const char *text, size_t len)
{
	if (form == PLACE_AS_HTML || form == PLACE_RAW)
		buf_add(out, text, len);
	else
		place_escape_html(out, text, len);
}

static void add_line(struct buf *out, enum place_form form, const char *text, size_t len)
{
	if (form == PLACE_OWN || form == PLACE_RAW)
		buf_add(out, text, len);
	else
		place_make_line(out, text, len);
}

static void add_encoded(
	struct buf *out, enum place_form form, const char *text, size_t len, const char *also)
{
	if (form == PLACE_AS_URL || form == PLACE_RAW)
		buf_add(out, text, len);
	else
		encode(out, text, len, also);
}

const char *place_add(
	struct buf *out, enum place place, enum place_form form, const char *text, size_t len)
{
	const char *fault = fault_of(place, form, text, len);

	if (fault != NULL || len == 0)
		return fault;
	switch (place) {
	case PLACE_HTML:
		add_html(out, form, text, len);
		break;
	case PLACE_HTML_LINK:
	case PLACE_URL_PATH:
	case PLACE_URL_QUERY:
		add_encoded(out, form, text, len, "");
		break;
	case PLACE_HTML_MAILTO:
		add_encoded(out, form, text, len, "@+");
		break;
	case PLACE_LINE:
		add_line(out, form, text, len);
		break;
	case PLACE_NAME:
		add_name(out, text, len);
		break;
	case PLACE_QUOTED:
		add_quoted(out, text, len);
		break;
	case PLACE_TEXT:
	case PLACE_URL_START:
	case PLACE_URL_HOST:
	case PLACE_ADDRESS:
		buf_add(out, text, len);
		break;
	}
	return NULL;
}
