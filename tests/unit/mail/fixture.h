/* mail/fixture.h - a mail under construction, for the tests of mail/mail.c. */
#ifndef HOOKD_TEST_MAIL_FIXTURE_H
#define HOOKD_TEST_MAIL_FIXTURE_H

#include "mail/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A mail and what it owns. */
struct fixture {
	struct mail mail;
	struct mail_addresses from;
	struct mail_part file;
	struct buf out;
	char why[MAIL_WHY];
};

static inline void add_addresses(struct mail_addresses *list, const char *text)
{
	char why[MAIL_WHY];

	if (!mail_addresses_add(list, text, strlen(text), why))
		fail_msg("%s", why);
}

static inline void set_from(struct fixture *f, const char *text)
{
	mail_addresses_free(&f->from);
	add_addresses(&f->from, text);
	f->mail.from = f->from.list[0];
}

static inline void set_subject(struct fixture *f, const char *subject)
{
	f->mail.subject = subject;
	f->mail.subject_len = strlen(subject);
}

static inline void set_text(struct fixture *f, const char *text)
{
	f->mail.text = text;
	f->mail.text_len = strlen(text);
}

static inline void set_html(struct fixture *f, const char *html)
{
	f->mail.html = html;
	f->mail.html_len = strlen(html);
}

static inline void set_file(struct fixture *f, const void *bytes, size_t len)
{
	f->file = (struct mail_part){"application/json", "event-42.json", bytes, len};
	f->mail.attachment = &f->file;
}

static inline void start(struct fixture *f)
{
	*f = (struct fixture){0};
	set_from(f, "Ma Boutique <no-reply@example.com>");
	add_addresses(&f->mail.to, "awa@example.org");
	set_subject(f, "Hello");
	set_text(f, "Hi.\n");
	f->mail.message_key = "42/confirm";
	f->mail.date = 1782859828841;
}

static inline void finish(struct fixture *f)
{
	mail_addresses_free(&f->from);
	mail_addresses_free(&f->mail.to);
	mail_addresses_free(&f->mail.cc);
	mail_addresses_free(&f->mail.bcc);
	mail_addresses_free(&f->mail.reply_to);
	buf_free(&f->out);
}

static inline void write_mail(struct fixture *f)
{
	buf_clear(&f->out);
	if (!mail_write(&f->mail, &f->out, f->why))
		fail_msg("%s", f->why);
}

#endif
