#include "mail/mail.h"

#include "body.h"
#include "header.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID_HEX        32
#define FILE_NAME_MAX 200
#define FILE_TYPE_MAX 100
#define DATE_TEXT     64

/* ---- what is refused ---- */

static bool refuse_field(const char *field, const char *what, char why[MAIL_WHY])
{
	(void)snprintf(why, MAIL_WHY, "%s: %s", field, what);
	return false;
}

static bool check_address(const char *field, const struct mail_address *a, char why[MAIL_WHY])
{
	const char *text = a->mailbox, *fault = mail_mailbox_fault(text, strlen(text));
	char quoted[MAIL_QUOTED];

	if (fault == NULL && a->name != NULL && mail_has_control(a->name, strlen(a->name))) {
		text = a->name;
		fault = "has a control character";
	}
	if (fault == NULL)
		return true;
	mail_quote(text, strlen(text), quoted);
	(void)snprintf(why, MAIL_WHY, "%s: %s %s", field, quoted, fault);
	return false;
}

static bool check_list(const char *field, const struct mail_addresses *list, char why[MAIL_WHY])
{
	for (size_t i = 0; i < list->count; i++)
		if (!check_address(field, &list->list[i], why))
			return false;
	return true;
}

/* The envelope, which has none of these, decides whether a server is asked for SMTPUTF8. */
static bool check_reply_to(const struct mail *m, char why[MAIL_WHY])
{
	for (size_t i = 0; i < m->reply_to.count; i++)
		if (!mail_address_is_ascii(&m->reply_to.list[i]))
			return refuse_field("reply_to", MAIL_REPLY_TO_FAULT, why);
	return true;
}

static bool check_addresses(const struct mail *m, char why[MAIL_WHY])
{
	size_t count = m->to.count + m->cc.count + m->bcc.count;

	if (!check_address("from", &m->from, why) || !check_list("reply_to", &m->reply_to, why) ||
		!check_reply_to(m, why) || !check_list("to", &m->to, why) ||
		!check_list("cc", &m->cc, why) || !check_list("bcc", &m->bcc, why))
		return false;
	if (count == 0)
		return refuse_field("to, cc, bcc", "expected at least one address", why);
	if (count <= MAIL_ADDRESSES)
		return true;
	(void)snprintf(why, MAIL_WHY, "to, cc, bcc: %zu addresses: expected at most %d", count,
		MAIL_ADDRESSES);
	return false;
}

static bool check_subject(const struct mail *m, char why[MAIL_WHY])
{
	char quoted[MAIL_QUOTED];

	if (!mail_has_control(m->subject, m->subject_len))
		return true;
	mail_quote(m->subject, m->subject_len, quoted);
	(void)snprintf(why, MAIL_WHY, "subject: %s has a control character", quoted);
	return false;
}

/* token "/" token of RFC 2045 */
static bool good_type(const char *type)
{
	const char *slash = strchr(type, '/');

	for (const char *p = type; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' ||
			(p != slash && strchr("()<>@,;:\\\"/[]?=", *p) != NULL))
			return false;
	return slash != NULL && slash > type && slash[1] != '\0' && strlen(type) <= FILE_TYPE_MAX;
}

static bool good_file_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return name[0] != '\0' && strlen(name) <= FILE_NAME_MAX;
}

static bool check_attachment(const struct mail_part *part, char why[MAIL_WHY])
{
	if (part != NULL && !good_type(part->type))
		return refuse_field(
			"attachment", "has a bad type: expected one such as application/json", why);
	if (part != NULL && !good_file_name(part->name))
		return refuse_field("attachment",
			"has a bad file name: expected 1 to 200 printable ASCII characters", why);
	return true;
}

/* ---- what is written ---- */

/* Not by strftime, which writes the names of the process's locale. */
static bool format_date(int64_t ms, char out[DATE_TEXT])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0 ? 1 : 0));
	struct tm t;
	long east;

	if (localtime_r(&seconds, &t) == NULL || t.tm_year < 0 || t.tm_year > 9999 - 1900)
		return false;
	east = labs(t.tm_gmtoff) / 60;
	(void)snprintf(out, DATE_TEXT, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld",
		days[t.tm_wday], t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min,
		t.tm_sec, t.tm_gmtoff < 0 ? '-' : '+', east / 60, east % 60);
	return true;
}

/* A field of one token, which cannot be folded. */
static void add_field(struct buf *out, const char *name, const char *value)
{
	struct mail_header h;

	mail_header_start(&h, out, name);
	mail_header_token(&h, value, strlen(value));
	mail_header_end(&h);
}

static void add_address(struct mail_header *h, const struct mail_address *a, bool more)
{
	bool named = a->name != NULL && a->name[0] != '\0';
	struct buf token = {0};

	if (named)
		mail_header_name(h, a->name, strlen(a->name));
	buf_printf(&token, named ? "<%s>" : "%s", a->mailbox);
	if (more)
		buf_add_char(&token, ',');
	if (buf_ok(&token))
		mail_header_token(h, token.data, token.len);
	else
		h->out->failed = true;
	buf_free(&token);
}

static void add_list(struct buf *out, const char *name, const struct mail_addresses *list)
{
	struct mail_header h;

	if (list->count == 0)
		return;
	mail_header_start(&h, out, name);
	for (size_t i = 0; i < list->count; i++)
		add_address(&h, &list->list[i], i + 1 < list->count);
	mail_header_end(&h);
}

static void add_message_id(struct buf *out, const struct mail *m)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[ID_HEX + 1];
	struct buf id = {0};

	crypto_hash_sha256(hash, (const unsigned char *)m->message_key, strlen(m->message_key));
	sodium_bin2hex(hex, sizeof(hex), hash, ID_HEX / 2);
	buf_printf(&id, "<%s%s>", hex, strrchr(m->from.mailbox, '@'));
	if (buf_ok(&id))
		add_field(out, "Message-ID", id.data);
	else
		out->failed = true;
	buf_free(&id);
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ')
			return false;
	return true;
}

static void add_subject(struct buf *out, const struct mail *m)
{
	struct mail_header h;

	if (is_blank(m->subject, m->subject_len))
		return;
	mail_header_start(&h, out, "Subject");
	mail_header_text(&h, m->subject, m->subject_len);
	mail_header_end(&h);
}

static void add_head(struct buf *out, const struct mail *m, const char *date)
{
	const struct mail_addresses from = {.list = (struct mail_address[]){m->from}, .count = 1};

	add_field(out, "Date", date);
	add_list(out, "From", &from);
	add_list(out, "Reply-To", &m->reply_to);
	add_list(out, "To", &m->to);
	add_list(out, "Cc", &m->cc);
	if (m->to.count + m->cc.count == 0)
		add_field(out, "To", "undisclosed-recipients:;");
	add_message_id(out, m);
	add_subject(out, m);
	add_field(out, "Auto-Submitted", "auto-generated");
	add_field(out, "MIME-Version", "1.0");
}

/* Text, HTML or both, as one entity. */
static void add_content(struct buf *out, const struct mail *m)
{
	struct buf both[2] = {{0}};

	if (m->html == NULL) {
		mail_body_text(out, "plain", m->text, m->text_len);
	} else if (m->text == NULL) {
		mail_body_text(out, "html", m->html, m->html_len);
	} else {
		mail_body_text(&both[0], "plain", m->text, m->text_len);
		mail_body_text(&both[1], "html", m->html, m->html_len);
		mail_body_multipart(out, "alternative", m->message_key, both, 2);
	}
	buf_free(&both[0]);
	buf_free(&both[1]);
}

static void add_body(struct buf *out, const struct mail *m)
{
	struct buf parts[2] = {{0}};

	if (m->attachment == NULL) {
		add_content(out, m);
		return;
	}
	add_content(&parts[0], m);
	mail_body_file(&parts[1], m->attachment);
	mail_body_multipart(out, "mixed", m->message_key, parts, 2);
	buf_free(&parts[0]);
	buf_free(&parts[1]);
}

bool mail_write(const struct mail *m, struct buf *out, char why[MAIL_WHY])
{
	struct buf message = {0};
	char date[DATE_TEXT];
	bool good;

	assert(m->text != NULL || m->html != NULL);
	if (!check_addresses(m, why) || !check_subject(m, why) ||
		!check_attachment(m->attachment, why))
		return false;
	if (!format_date(m->date, date))
		return refuse_field("date", "expected one from 1900 to 9999", why);
	add_head(&message, m, date);
	add_body(&message, m);
	good = buf_ok(&message);
	if (good)
		buf_add(out, message.data, message.len);
	buf_free(&message);
	if (good && buf_ok(out))
		return true;
	(void)snprintf(why, MAIL_WHY, "out of memory");
	return false;
}
