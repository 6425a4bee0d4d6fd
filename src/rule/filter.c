#include "filter.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/letter_case.h"
#include "base/money.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DATE_FORMAT     "%Y-%m-%d %H:%M"
#define DATE_FORMAT_MAX 100
#define DATE_MAX        1024 /* bytes a date may become */
#define TRUNCATE_MAX    10000
#define SECONDS_MAX     INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define SHOWN           40                    /* bytes of a value in a message */

struct template_filter {
	const char *name;
	enum { NO_ARGUMENT, MAY_HAVE, MUST_HAVE } argument;
	bool escaped_only; /* only where a value is escaped or encoded */
	/* Further checks of an argument; NULL: any is valid. */
	bool (*check)(const char *argument, size_t len, struct fault *fault);
	enum template_result (*apply)(
		struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY]);
};

static enum template_result cannot_render(const struct template_value *v, char why[TEMPLATE_WHY],
	const char *format, ...) PRINTF(3, 4);

static enum template_result cannot_render(
	const struct template_value *v, char why[TEMPLATE_WHY], const char *format, ...)
{
	va_list args;
	int n = snprintf(why, TEMPLATE_WHY, "%.120s ", path_text(v->path));

	va_start(args, format);
	if (n > 0 && n < TEMPLATE_WHY)
		(void)vsnprintf(why + n, TEMPLATE_WHY - (size_t)n, format, args);
	va_end(args);
	return TEMPLATE_FAULT;
}

/* The current text, quoted, escaped and cut. */
static const char *shown(const struct template_value *v, char out[4 * SHOWN + 8])
{
	struct buf b = {0};
	size_t len = v->text.len < SHOWN ? v->text.len : SHOWN;

	while (len > 0 && len < v->text.len && ((unsigned char)v->text.data[len] & 0xc0) == 0x80)
		len--;
	buf_add_char(&b, '"');
	if (len > 0)
		buf_add_escaped(&b, v->text.data, len, '"');
	buf_add_text(&b, len < v->text.len ? "…\"" : "\"");
	(void)snprintf(out, 4 * SHOWN + 8, "%s", b.data != NULL ? b.data : "");
	buf_free(&b);
	return out;
}

enum template_result template_value_to_text(struct template_value *v, char why[TEMPLATE_WHY])
{
	char room[JSON_NUMBER];

	if (v->is_text || v->json == NULL || json_is_null(v->json))
		return TEMPLATE_OK;
	switch (json_typeof(v->json)) {
	case JSON_STRING:
		buf_add(&v->text, json_string_value(v->json), json_string_length(v->json));
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		buf_add_text(&v->text, json_number_text(v->json, room));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_add_text(&v->text, json_is_true(v->json) ? "true" : "false");
		break;
	default:
		return cannot_render(v, why, "is %s: expected a text or number, or the filter json",
			json_is_object(v->json) ? "an object" : "a list");
	}
	v->is_text = true;
	return buf_ok(&v->text) ? TEMPLATE_OK : TEMPLATE_NO_MEMORY;
}

bool template_value_is_empty(const struct template_value *v)
{
	if (v->is_text)
		return v->text.len == 0;
	return v->json == NULL || json_is_null(v->json) ||
	       (json_is_string(v->json) && json_string_length(v->json) == 0);
}

/* Replaces the value's text by `text`, which it takes. */
static enum template_result become(struct template_value *v, struct buf *text)
{
	buf_free(&v->text);
	v->text = *text;
	v->is_text = true;
	v->form = PLACE_PLAIN;
	*text = (struct buf){0};
	return buf_ok(&v->text) ? TEMPLATE_OK : TEMPLATE_NO_MEMORY;
}

/* ---- each filter; all but default and json skip a missing value ---- */

static enum template_result apply_default(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	struct buf text = {0};

	(void)why;
	if (!template_value_is_empty(v))
		return TEMPLATE_OK;
	buf_add(&text, argument, len);
	enum template_result result = become(v, &text);
	v->form = PLACE_OWN;
	return result;
}

static enum template_result apply_json(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	struct buf text = {0};

	(void)argument;
	(void)len;
	(void)why;
	if (v->is_text) {
		buf_add_json(&text, v->text.data, v->text.len);
		return become(v, &text);
	}
	if (v->json == NULL)
		return TEMPLATE_OK;
	json_write(&text, v->json, JSON_COMPACT);
	return become(v, &text);
}

static enum template_result apply_html(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	struct buf text = {0};

	(void)argument;
	(void)len;
	(void)why;
	place_escape_html(&text, v->text.data, v->text.len);
	enum template_result result = become(v, &text);
	v->form = PLACE_AS_HTML;
	return result;
}

static enum template_result apply_raw(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	(void)argument;
	(void)len;
	(void)why;
	v->form = PLACE_RAW;
	return TEMPLATE_OK;
}

static enum template_result apply_url(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	struct buf text = {0};

	(void)argument;
	(void)len;
	/* a receiver removes a "." segment, and a ".." together with the segment before it */
	if (v->text.len > 0 && v->text.len <= 2 && memcmp(v->text.data, "..", v->text.len) == 0)
		return cannot_render(
			v, why, "is \"%s\", which would change the path of a URL", v->text.data);
	place_encode_url(&text, v->text.data, v->text.len);
	enum template_result result = become(v, &text);
	v->form = PLACE_AS_URL;
	return result;
}

static enum template_result change(struct template_value *v, bool up)
{
	struct buf text = {0};

	letter_case(&text, v->text.data, v->text.len, up);
	return become(v, &text);
}

static enum template_result apply_upper(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	(void)argument;
	(void)len;
	(void)why;
	return change(v, true);
}

static enum template_result apply_lower(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	(void)argument;
	(void)len;
	(void)why;
	return change(v, false);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum template_result apply_trim(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	size_t first = 0, end = v->text.len;
	struct buf text = {0};

	(void)argument;
	(void)len;
	(void)why;
	while (first < end && is_space(v->text.data[first]))
		first++;
	while (end > first && is_space(v->text.data[end - 1]))
		end--;
	if (end > first)
		buf_add(&text, v->text.data + first, end - first);
	return become(v, &text);
}

static enum template_result apply_line(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	struct buf text = {0};

	(void)argument;
	(void)len;
	(void)why;
	if (v->text.len > 0)
		place_make_line(&text, v->text.data, v->text.len);
	return become(v, &text);
}

static bool check_truncate(const char *argument, size_t len, struct fault *fault)
{
	int64_t n;

	if (number_read(argument, len, TRUNCATE_MAX, &n) && n >= 1)
		return true;
	(void)snprintf(fault->what, sizeof(fault->what),
		"truncate: expected a number of characters from 1 to %d", TRUNCATE_MAX);
	return false;
}

/* The "…" counts: the result has at most N characters. */
static enum template_result apply_truncate(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	size_t characters = 0, cut = 0;
	struct buf text = {0};
	int64_t max = 0;

	(void)why;
	if (!number_read(argument, len, TRUNCATE_MAX, &max))
		return TEMPLATE_OK; /* cannot happen: check_truncate has read it */
	for (size_t i = 0; i < v->text.len; i++) {
		if (((unsigned char)v->text.data[i] & 0xc0) == 0x80)
			continue;
		if (++characters == (size_t)max)
			cut = i;
	}
	if (characters <= (size_t)max)
		return TEMPLATE_OK;
	buf_add(&text, v->text.data, cut);
	buf_add_text(&text, "…");
	return become(v, &text);
}

static bool check_money(const char *argument, size_t len, struct fault *fault)
{
	if (argument == NULL || money_exponent(argument, len) >= 0)
		return true;
	(void)snprintf(fault->what, sizeof(fault->what),
		"money: expected a currency of ISO 4217 such as XOF");
	return false;
}

/* `currency.iso`, or `currency`, in the object that the value is a member of. */
static const json_t *currency_beside(const struct template_value *v)
{
	const json_t *at = v->root, *currency;

	for (size_t i = 0; i + 1 < path_count(v->path); i++)
		at = json_object_get(at, path_step(v->path, i));
	currency = json_object_get(at, "currency");
	return json_is_object(currency) ? json_object_get(currency, "iso") : currency;
}

static enum template_result apply_money(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	const json_t *beside = argument == NULL ? currency_beside(v) : NULL;
	char quoted[4 * SHOWN + 8];
	struct buf text = {0};

	if (json_is_string(beside)) {
		argument = json_string_value(beside);
		len = json_string_length(beside);
	}
	if (argument == NULL || money_exponent(argument, len) < 0)
		return cannot_render(v, why,
			"is in no known currency: expected `currency.iso` beside it, or "
			"money: \"XOF\"");
	if (!money_format(
		    &text, v->text.data != NULL ? v->text.data : "", v->text.len, argument, len)) {
		buf_free(&text);
		return cannot_render(v, why, "is not an amount of money: %s", shown(v, quoted));
	}
	return become(v, &text);
}

static bool check_date(const char *argument, size_t len, struct fault *fault)
{
	size_t i;

	if (argument == NULL)
		return true;
	for (i = 0; i < len; i++)
		if (argument[i] == '%' && (++i == len || strchr("EO", argument[i]) != NULL))
			break;
	if (len > 0 && len <= DATE_FORMAT_MAX && i == len)
		return true;
	(void)snprintf(fault->what, sizeof(fault->what),
		"date: expected a format of strftime(3) such as \"%%d/%%m/%%Y\", at most %d "
		"bytes, without a %% at its end",
		DATE_FORMAT_MAX);
	return false;
}

static bool read_time(const struct template_value *v, time_t *seconds)
{
	const char *text = v->text.data != NULL ? v->text.data : "";
	int64_t ms, n;

	if (clock_parse(text, v->text.len, &ms)) {
		*seconds = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
		return true;
	}
	if (!number_read(text, v->text.len, SECONDS_MAX, &n))
		return false;
	*seconds = (time_t)n;
	return true;
}

static enum template_result apply_date(
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	char quoted[4 * SHOWN + 8], format[DATE_FORMAT_MAX + 2], date[DATE_MAX];
	struct buf text = {0};
	struct tm when;
	time_t seconds;

	if (!read_time(v, &seconds) || localtime_r(&seconds, &when) == NULL)
		return cannot_render(v, why, "is not a time: %s", shown(v, quoted));
	/* One more character, to distinguish an empty result from one that is too long. */
	(void)snprintf(format, sizeof(format), "%.*s.",
		(int)(argument != NULL ? len : strlen(DATE_FORMAT)),
		argument != NULL ? argument : DATE_FORMAT);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the config's, checked at load */
	len = strftime(date, sizeof(date), format, &when);
#pragma GCC diagnostic pop
	if (len == 0)
		return cannot_render(v, why, "becomes a date that is too long");
	buf_add(&text, date, len - 1);
	return become(v, &text);
}

static const struct template_filter filters[] = {
	{"default", MUST_HAVE, false, NULL, apply_default},
	{"json", NO_ARGUMENT, false, NULL, apply_json},
	{"html", NO_ARGUMENT, false, NULL, apply_html},
	{"url", NO_ARGUMENT, false, NULL, apply_url},
	{"upper", NO_ARGUMENT, false, NULL, apply_upper},
	{"lower", NO_ARGUMENT, false, NULL, apply_lower},
	{"trim", NO_ARGUMENT, false, NULL, apply_trim},
	{"line", NO_ARGUMENT, false, NULL, apply_line},
	{"truncate", MUST_HAVE, false, check_truncate, apply_truncate},
	{"money", MAY_HAVE, false, check_money, apply_money},
	{"date", MAY_HAVE, false, check_date, apply_date},
	{"raw", NO_ARGUMENT, true, NULL, apply_raw},
};

#define FILTERS (sizeof(filters) / sizeof(filters[0]))

const struct template_filter *template_filter_find(const char *name, size_t len)
{
	for (size_t i = 0; i < FILTERS; i++)
		if (strlen(filters[i].name) == len && memcmp(filters[i].name, name, len) == 0)
			return &filters[i];
	return NULL;
}

void template_filter_names(struct buf *out)
{
	for (size_t i = 0; i < FILTERS; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", filters[i].name);
}

bool template_filter_check(const struct template_filter *f, enum template_kind kind,
	const char *argument, size_t len, struct fault *fault)
{
	const char *wrong = NULL;

	if (f->escaped_only && kind != TEMPLATE_HTML && kind != TEMPLATE_URL &&
		kind != TEMPLATE_BODY)
		wrong = "only has a meaning in HTML, URLs and the text of a mail";
	else if (argument == NULL && f->argument == MUST_HAVE)
		wrong = "needs an argument: expected a colon and a \"text\" or number after it";
	else if (argument != NULL && f->argument == NO_ARGUMENT)
		wrong = "takes no argument: expected no colon after it";
	if (wrong != NULL) {
		(void)snprintf(fault->what, sizeof(fault->what), "%s %s", f->name, wrong);
		return false;
	}
	return f->check == NULL || f->check(argument, len, fault);
}

enum place_form template_filter_form(const struct template_filter *f, enum place_form before)
{
	if (f->apply == apply_default)
		return before;
	return f->apply == apply_html  ? PLACE_AS_HTML
	       : f->apply == apply_url ? PLACE_AS_URL
	       : f->apply == apply_raw ? PLACE_RAW
				       : PLACE_PLAIN;
}

enum template_result template_filter_apply(const struct template_filter *f,
	struct template_value *v, const char *argument, size_t len, char why[TEMPLATE_WHY])
{
	enum template_result result;

	if (f->apply == apply_default || f->apply == apply_json)
		return f->apply(v, argument, len, why);
	result = template_value_to_text(v, why);
	if (result != TEMPLATE_OK || !v->is_text)
		return result;
	/* an empty text is neither an amount nor a time, but that is not an error */
	if (v->text.len == 0 && (f->apply == apply_money || f->apply == apply_date))
		return TEMPLATE_OK;
	return f->apply(v, argument, len, why);
}
