#include "base/money.h"

#include "base/number.h"

#include <string.h>
#include <strings.h>

/* ISO 4217 (list one, as of 2026): the alphabetic codes by their minor unit. */
static const char *const codes[] = {
	[0] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	[2] = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP "
	      "BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB "
	      "EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
	      "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
	      "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD "
	      "RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
	      "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
	[3] = "BHD IQD JOD KWD LYD OMR TND",
	[4] = "CLF UYW",
};

int money_exponent(const char *currency, size_t len)
{
	if (len != 3)
		return -1;
	for (int i = 0; i < (int)(sizeof(codes) / sizeof(codes[0])); i++)
		for (const char *at = codes[i]; at != NULL && *at != '\0';
			at += at[3] != '\0' ? 4 : 3)
			if (strncasecmp(at, currency, 3) == 0)
				return i;
	return -1;
}

enum {
	WHOLE_MAX = 30,    /* digits of an amount before its point */
	PLAIN_MAX = 100,   /* digits of one that is written with an exponent */
	EXPONENT_MAX = 40, /* up and down */
};

/* A number, taken apart. */
struct amount {
	bool negative, has_point;
	const char *whole; /* digits, at least one */
	size_t whole_len;
	const char *part; /* digits after the point */
	size_t part_len;
	char plain[PLAIN_MAX]; /* what the two point to, if it has an exponent */
};

/* Digits[.digits]: returns where they end; NULL: it is not that. */
static const char *read_digits(struct amount *a, const char *text, const char *end)
{
	a->whole = text;
	a->whole_len = number_digits(text, (size_t)(end - text));
	text += a->whole_len;
	if (a->whole_len == 0 || text == end || *text != '.')
		return a->whole_len > 0 ? text : NULL;
	a->has_point = true;
	a->part = text + 1;
	a->part_len = number_digits(a->part, (size_t)(end - a->part));
	return a->part_len > 0 ? a->part + a->part_len : NULL;
}

/* From the e to the end. */
static bool read_exponent(const char *text, const char *end, int *exponent)
{
	bool negative = end - text > 1 && text[1] == '-';
	int64_t n;

	if (*text != 'e' && *text != 'E')
		return false;
	text += negative || (end - text > 1 && text[1] == '+') ? 2 : 1;
	if (!number_read(text, (size_t)(end - text), EXPONENT_MAX, &n))
		return false;
	*exponent = negative ? -(int)n : (int)n;
	return true;
}

/* As it is without an exponent: 1.25e3 is 1250, which has no point; 125e-1 is 12.5. */
static bool move_point(struct amount *a, int exponent)
{
	if (a->whole_len > PLAIN_MAX || a->part_len > PLAIN_MAX)
		return false;
	int digits = (int)(a->whole_len + a->part_len), decimals = (int)a->part_len - exponent;
	int before = decimals < digits ? 0 : decimals - digits + 1;
	int all = before + digits + (decimals < 0 ? -decimals : 0);

	if (all > PLAIN_MAX)
		return false;
	memset(a->plain, '0', (size_t)all);
	memcpy(a->plain + before, a->whole, a->whole_len);
	if (a->part_len > 0)
		memcpy(a->plain + before + a->whole_len, a->part, a->part_len);
	a->has_point = decimals > 0;
	a->part_len = a->has_point ? (size_t)decimals : 0;
	a->whole = a->plain;
	a->whole_len = (size_t)all - a->part_len;
	a->part = a->plain + a->whole_len;
	return true;
}

static bool is_zero(const struct amount *a)
{
	for (size_t i = 0; i < a->whole_len; i++)
		if (a->whole[i] != '0')
			return false;
	for (size_t i = 0; i < a->part_len; i++)
		if (a->part[i] != '0')
			return false;
	return true;
}

static void cut_leading_zeros(struct amount *a)
{
	while (a->whole_len > 1 && *a->whole == '0') {
		a->whole++;
		a->whole_len--;
	}
}

static bool read_amount(const char *text, size_t len, struct amount *a)
{
	const char *end = text + len, *rest;
	int exponent;

	*a = (struct amount){.negative = len > 0 && text[0] == '-'};
	rest = read_digits(a, text + a->negative, end);
	if (rest == NULL)
		return false;
	if (rest < end && (!read_exponent(rest, end, &exponent) || !move_point(a, exponent)))
		return false;
	cut_leading_zeros(a);
	a->negative = a->negative && !is_zero(a);
	return a->whole_len <= WHOLE_MAX;
}

/* How it is written: for people, or for programs. */
struct style {
	const char *group; /* between groups of three digits */
	char point;
};

static const struct style for_people = {" ", ','}, plain = {"", '.'};

/* Digits in groups of three. */
static void add_groups(struct buf *out, const char *text, size_t len, const struct style *style)
{
	if (len == 0)
		buf_add_char(out, '0');
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_add_text(out, style->group);
		buf_add_char(out, text[i]);
	}
}

/* `exponent` decimals: those that are there, then zeros. */
static void add_decimals(
	struct buf *out, const char *text, size_t len, size_t exponent, const struct style *style)
{
	if (exponent == 0)
		return;
	buf_add_char(out, style->point);
	for (size_t i = 0; i < exponent; i++)
		buf_add_char(out, i < len ? text[i] : '0');
}

/* A whole number of minor units: its last digits are the decimals. */
static void add_minor(
	struct buf *out, const struct amount *a, size_t exponent, const struct style *style)
{
	size_t main = a->whole_len > exponent ? a->whole_len - exponent : 0;

	add_groups(out, a->whole, main, style);
	if (exponent == 0)
		return;
	buf_add_char(out, style->point);
	for (size_t i = a->whole_len; i < exponent; i++)
		buf_add_char(out, '0');
	buf_add(out, a->whole + main, a->whole_len - main);
}

/* The currency's exponent; -1: not an amount, or not one of this currency. */
static int read_money(struct amount *a, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len)
{
	int exponent = money_exponent(currency, currency_len);

	if (exponent < 0 || !read_amount(amount, amount_len, a))
		return -1;
	for (size_t i = (size_t)exponent; i < a->part_len; i++)
		if (a->part[i] != '0')
			return -1;
	return exponent;
}

/* False: out is unchanged. */
static bool add_amount(struct buf *out, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len, const struct style *style)
{
	struct amount a;
	int exponent = read_money(&a, amount, amount_len, currency, currency_len);

	if (exponent < 0)
		return false;
	if (a.negative)
		buf_add_char(out, '-');
	if (a.has_point) {
		add_groups(out, a.whole, a.whole_len, style);
		add_decimals(out, a.part, a.part_len, (size_t)exponent, style);
	} else {
		add_minor(out, &a, (size_t)exponent, style);
	}
	return true;
}

static void add_currency(struct buf *out, const char *currency)
{
	if (strncasecmp(currency, "XOF", 3) == 0 || strncasecmp(currency, "XAF", 3) == 0) {
		buf_add_text(out, " FCFA");
		return;
	}
	buf_add_char(out, ' ');
	for (size_t i = 0; i < 3; i++)
		buf_add_char(out, (char)(currency[i] & ~0x20)); /* letters: upper case */
}

bool money_format(struct buf *out, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len)
{
	if (!add_amount(out, amount, amount_len, currency, currency_len, &for_people))
		return false;
	add_currency(out, currency);
	return true;
}

bool money_decimal(struct buf *out, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len)
{
	return add_amount(out, amount, amount_len, currency, currency_len, &plain);
}

bool money_minor(int64_t *out, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len)
{
	struct amount a;
	int exponent = read_money(&a, amount, amount_len, currency, currency_len);
	char digits[WHOLE_MAX + 8];
	size_t len;

	if (exponent < 0)
		return false;
	len = a.whole_len;
	memcpy(digits, a.whole, len);
	for (size_t i = 0; a.has_point && i < (size_t)exponent; i++)
		digits[len++] = i < a.part_len ? a.part[i] : '0';
	if (!number_read(digits, len, INT64_MAX - 1, out))
		return false;
	*out = a.negative ? -*out : *out;
	return true;
}
