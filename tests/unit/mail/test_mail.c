#include "fixture.h"

#include <stdio.h>

static void check_mail(struct fixture *f, const char *expected)
{
	write_mail(f);
	assert_string_equal(f->out.data, expected);
	assert_int_equal(f->out.len, strlen(expected));
	finish(f);
}

/* A header field of the plain mail of start(), with one field changed. */
static void check_has(struct fixture *f, const char *lines)
{
	write_mail(f);
	if (strstr(f->out.data, lines) == NULL)
		fail_msg("expected\n%s\nin\n%s", lines, f->out.data);
}

/* The body of a mail with that text. */
static void check_body(const char *text, size_t len, const char *encoding, const char *body)
{
	struct fixture f;
	struct buf expected = {0};

	start(&f);
	f.mail.text = text;
	f.mail.text_len = len;
	write_mail(&f);
	buf_printf(&expected, "\r\nContent-Transfer-Encoding: %s\r\n\r\n%s", encoding, body);
	assert_string_equal(strstr(f.out.data, "\r\nContent-Transfer-Encoding:"), expected.data);
	buf_free(&expected);
	finish(&f);
}

/* ---- whole messages ---- */

#define HEAD                                                                                       \
	"Date: Tue, 30 Jun 2026 23:50:28 +0100\r\n"                                                \
	"From: Ma Boutique <no-reply@example.com>\r\n"                                             \
	"To: awa@example.org\r\n"                                                                  \
	"Message-ID: <922057078b5b36729bec9761c2a6fa8e@example.com>\r\n"                           \
	"Subject: Hello\r\n"                                                                       \
	"Auto-Submitted: auto-generated\r\n"                                                       \
	"MIME-Version: 1.0\r\n"

static void a_text_alone(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	set_text(&f, "Bonjour Awa,\n\nMerci.\n");
	check_mail(&f, HEAD "Content-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 7bit\r\n"
			    "\r\n"
			    "Bonjour Awa,\r\n"
			    "\r\n"
			    "Merci.\r\n");
}

static void html_alone(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	f.mail.text = NULL;
	set_html(&f, "<p>Reçu = <b>payé</b></p>");
	check_mail(&f, HEAD "Content-Type: text/html; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: quoted-printable\r\n"
			    "\r\n"
			    "<p>Re=C3=A7u =3D <b>pay=C3=A9</b></p>\r\n");
}

static void text_and_html(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	set_text(&f, "Merci.");
	set_html(&f, "<p>Merci.</p>\n");
	check_mail(&f, HEAD "Content-Type: multipart/alternative;\r\n"
			    " boundary=\"=_292bac63f41b4652080c81d3fee217e1\"\r\n"
			    "\r\n"
			    "--=_292bac63f41b4652080c81d3fee217e1\r\n"
			    "Content-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 7bit\r\n"
			    "\r\n"
			    "Merci.\r\n"
			    "\r\n"
			    "--=_292bac63f41b4652080c81d3fee217e1\r\n"
			    "Content-Type: text/html; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 7bit\r\n"
			    "\r\n"
			    "<p>Merci.</p>\r\n"
			    "\r\n"
			    "--=_292bac63f41b4652080c81d3fee217e1--\r\n");
}

static void text_and_a_file(void **state)
{
	(void)state;
	struct fixture f;
	static const char json[] =
		"{\"name\":\"transaction.approved\",\"entity\":{\"amount\":5000,\"n\":\"\xff\n\"}}";

	start(&f);
	set_file(&f, json, strlen(json));
	check_mail(&f, HEAD
		"Content-Type: multipart/mixed;\r\n"
		" boundary=\"=_7fb9100b864f94a0e7b09364957341f3\"\r\n"
		"\r\n"
		"--=_7fb9100b864f94a0e7b09364957341f3\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"Hi.\r\n"
		"\r\n"
		"--=_7fb9100b864f94a0e7b09364957341f3\r\n"
		"Content-Type: application/json\r\n"
		"Content-Disposition: attachment;\r\n"
		" filename=\"event-42.json\"\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"\r\n"
		"eyJuYW1lIjoidHJhbnNhY3Rpb24uYXBwcm92ZWQiLCJlbnRpdHkiOnsiYW1vdW50Ijo1MDAwLCJu\r\n"
		"Ijoi/woifX0=\r\n"
		"\r\n"
		"--=_7fb9100b864f94a0e7b09364957341f3--\r\n");
}

static void text_html_and_an_empty_file(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	set_text(&f, "");
	set_html(&f, "");
	set_file(&f, NULL, 0);
	check_mail(&f, HEAD "Content-Type: multipart/mixed;\r\n"
			    " boundary=\"=_7fb9100b864f94a0e7b09364957341f3\"\r\n"
			    "\r\n"
			    "--=_7fb9100b864f94a0e7b09364957341f3\r\n"
			    "Content-Type: multipart/alternative;\r\n"
			    " boundary=\"=_292bac63f41b4652080c81d3fee217e1\"\r\n"
			    "\r\n"
			    "--=_292bac63f41b4652080c81d3fee217e1\r\n"
			    "Content-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 7bit\r\n"
			    "\r\n"
			    "\r\n"
			    "--=_292bac63f41b4652080c81d3fee217e1\r\n"
			    "Content-Type: text/html; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 7bit\r\n"
			    "\r\n"
			    "\r\n"
			    "--=_292bac63f41b4652080c81d3fee217e1--\r\n"
			    "\r\n"
			    "--=_7fb9100b864f94a0e7b09364957341f3\r\n"
			    "Content-Type: application/json\r\n"
			    "Content-Disposition: attachment;\r\n"
			    " filename=\"event-42.json\"\r\n"
			    "Content-Transfer-Encoding: base64\r\n"
			    "\r\n"
			    "\r\n"
			    "--=_7fb9100b864f94a0e7b09364957341f3--\r\n");
}

static void an_empty_text(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	set_text(&f, "");
	check_mail(&f, HEAD "Content-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 7bit\r\n"
			    "\r\n");
}

/* ---- addresses and their names ---- */

static void every_list_has_its_field_but_bcc(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	add_addresses(&f.mail.to, "\"Dossou, Awa\" <b@example.org>, \"quote \\\" me\" <c@d.e>");
	add_addresses(&f.mail.cc, "J. R. <jr@example.org>");
	add_addresses(&f.mail.bcc, "Secret <hidden@example.org>");
	add_addresses(&f.mail.reply_to, "Zoé <zoe@example.org>, x@y.z");
	check_mail(&f, "Date: Tue, 30 Jun 2026 23:50:28 +0100\r\n"
		       "From: Ma Boutique <no-reply@example.com>\r\n"
		       "Reply-To: =?UTF-8?Q?Zo=C3=A9?= <zoe@example.org>, x@y.z\r\n"
		       "To: awa@example.org, \"Dossou, Awa\" <b@example.org>, \"quote \\\" me\" "
		       "<c@d.e>\r\n"
		       "Cc: \"J. R.\" <jr@example.org>\r\n"
		       "Message-ID: <922057078b5b36729bec9761c2a6fa8e@example.com>\r\n"
		       "Subject: Hello\r\n"
		       "Auto-Submitted: auto-generated\r\n"
		       "MIME-Version: 1.0\r\n"
		       "Content-Type: text/plain; charset=utf-8\r\n"
		       "Content-Transfer-Encoding: 7bit\r\n"
		       "\r\n"
		       "Hi.\r\n");
}

static void bcc_alone_is_undisclosed(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	mail_addresses_free(&f.mail.to);
	add_addresses(&f.mail.bcc, "hidden@example.org");
	check_has(&f, ">\r\nTo: undisclosed-recipients:;\r\nMessage-ID:");
	assert_null(strstr(f.out.data, "hidden"));
	add_addresses(&f.mail.cc, "seen@example.org");
	check_has(&f, ">\r\nCc: seen@example.org\r\nMessage-ID:");
	assert_null(strstr(f.out.data, "To:"));
	finish(&f);
}

static void names_are_encoded_where_necessary(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"Boutique d'Awa <a@b.c>", "Boutique d'Awa <a@b.c>"},
		{"\"\" <a@b.c>", "a@b.c"},
		{"\"a  b\" <a@b.c>", "\"a  b\" <a@b.c>"},
		{"\"a\\\\b\" <a@b.c>", "\"a\\\\b\" <a@b.c>"},
		{"\"ceo@bank.example\" <a@b.c>", "\"ceo@bank.example\" <a@b.c>"},
		{"Élodie Houngbédji <a@b.c>", "=?UTF-8?Q?=C3=89lodie_Houngb=C3=A9dji?= <a@b.c>"},
		{"=?utf-8?Q?=0D=0A?= <a@b.c>",
			"=?UTF-8?Q?=3D=3Futf-8=3FQ=3F=3D0D=3D0A=3F=3D?= <a@b.c>"},
		{"日本語 <a@b.c>", "=?UTF-8?B?5pel5pys6Kqe?= <a@b.c>"},
		{"\xff <a@b.c>", "=?UTF-8?B?77+9?= <a@b.c>"},
		{"A name of seventy-one characters takes up so much room that it is folde <a@b.c>",
			"=?UTF-8?Q?A_name_of_seventy-one_characters_takes_up_so_much_room_tha?="
			"\r\n =?UTF-8?Q?t_it_is_folde?= <a@b.c>"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		struct buf line = {0};

		start(&f);
		set_from(&f, rows[i][0]);
		buf_printf(&line, "\r\nFrom: %s\r\n", rows[i][1]);
		check_has(&f, line.data);
		buf_free(&line);
		finish(&f);
	}
}

static void many_addresses_are_folded(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	add_addresses(&f.mail.to,
		"abcdefghijklmnopqrstuvwxyz@abcdefghijklmno.example.org, x@y.z, "
		"abcdefghijklmnopqrstuvwxyz@abcdefghijklmnopq.example.org, "
		"abcdefghijklmnopqrstuvwxyz@abcdefghijklmnopqr.example.org, a@b.c");
	check_has(&f, "To: awa@example.org, "
		      "abcdefghijklmnopqrstuvwxyz@abcdefghijklmno.example.org,\r\n"
		      " x@y.z, abcdefghijklmnopqrstuvwxyz@abcdefghijklmnopq.example.org,\r\n"
		      " abcdefghijklmnopqrstuvwxyz@abcdefghijklmnopqr.example.org, a@b.c\r\n");
	finish(&f);
}

/* ---- the subject ---- */

static void subjects_are_folded_and_encoded(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"Payment trx_1 received", "Payment trx_1 received"},
		{"A subject of plain ASCII words, long enough to be folded more than once, for it "
		 "goes on   and on, up to the 76th column: and then it is over",
			"A subject of plain ASCII words, long enough to be folded more than\r\n"
			" once, for it goes on   and on, up to the 76th column: and then it is "
			"over"},
		{"Paiement reçu", "=?UTF-8?Q?Paiement_re=C3=A7u?="},
		{"Paiement trx_1 reçu : la commande n° 1042 est confirmée, à bientôt chez nous",
			"=?UTF-8?Q?Paiement_trx=5F1_re=C3=A7u_=3A_la_commande_n=C2=B0_1042?=\r\n"
			" =?UTF-8?Q?_est_confirm=C3=A9e=2C_=C3=A0_bient=C3=B4t_chez_nous?="},
		{"お支払いを受け取りました。ご注文は確認済みです。",
			"=?UTF-8?B?44GK5pSv5omV44GE44KS5Y+X44GR5Y+W44KK44G+44GX44Gf44CC?=\r\n"
			" =?UTF-8?B?44GU5rOo5paH44Gv56K66KqN5riI44G/44Gn44GZ44CC?="},
		{" space at the start", "=?UTF-8?Q?_space_at_the_start?="},
		{"space at the end ", "=?UTF-8?Q?space_at_the_end_?="},
		{"=?utf-8?B?DQpCY2M6IGFAYi5j?=",
			"=?UTF-8?Q?=3D=3Futf-8=3FB=3FDQpCY2M6IGFAYi5j=3F=3D?="},
		{"=?", "=?UTF-8?B?PT8=?="},
		{"1 + 1 = 2?", "1 + 1 = 2?"},
		{"a\xff\xc3z", "=?UTF-8?B?Ye+/ve+/vXo=?="},
		{"word-of-67-characters-is-the-longest-that-goes-behind-the-fields-na",
			"word-of-67-characters-is-the-longest-that-goes-behind-the-fields-na"},
		{"word-of-67-characters-is-the-longest-that-goes-behind-the-fields-nam",
			"=?UTF-8?Q?word-of-67-characters-is-the-longest-that-goes-behind-t?=\r\n"
			" =?UTF-8?Q?he-fields-nam?="},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		struct buf line = {0};

		start(&f);
		set_subject(&f, rows[i][0]);
		buf_printf(&line, "\r\nSubject: %s\r\nAuto-Submitted:", rows[i][1]);
		check_has(&f, line.data);
		buf_free(&line);
		finish(&f);
	}
}

static void a_blank_subject_has_no_field(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	set_subject(&f, "");
	check_has(&f, ">\r\nAuto-Submitted:");
	set_subject(&f, "   ");
	check_has(&f, ">\r\nAuto-Submitted:");
	f.mail.subject = NULL;
	f.mail.subject_len = 0;
	check_has(&f, ">\r\nAuto-Submitted:");
	finish(&f);
}

/* ---- bodies ---- */

#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static void line_ends_become_crlf(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"a", "a\r\n"},
		{"a\n", "a\r\n"},
		{"a\r\n", "a\r\n"},
		{"a\r", "a\r\n"},
		{"a\rb\nc\r\nd", "a\r\nb\r\nc\r\nd\r\n"},
		{"a\r\r\nb\n\rc", "a\r\n\r\nb\r\n\r\nc\r\n"},
		{"\n", "\r\n"},
		{"\r", "\r\n"},
		{"\n\n\r\r", "\r\n\r\n\r\n\r\n"},
		{"tab\tand trailing space ", "tab\tand trailing space \r\n"},
		{"..\n.a\n", "..\r\n.a\r\n"},
		{" From me\nFrom:", " From me\r\nFrom:\r\n"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_body(rows[i][0], strlen(rows[i][0]), "7bit", rows[i][1]);
}

static void text_is_quoted_where_necessary(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"é", "=C3=A9\r\n"},
		{"é\r\rb\n", "=C3=A9\r\n\r\nb\r\n"},
		{"a=b é", "a=3Db =C3=A9\r\n"},
		{"é \né\t\n\t \n", "=C3=A9=20\r\n=C3=A9=09\r\n\t=20\r\n"},
		{"\x1b[2J", "=1B[2J\r\n"},
		{"\x7f", "=7F\r\n"},
		{"caf\xe9 \xc0\x8a", "caf=EF=BF=BD =EF=BF=BD=EF=BF=BD\r\n"},
		/* what would end a message, or start one */
		{".", "=2E\r\n"},
		{"a\r.\rb", "a\r\n=2E\r\nb\r\n"},
		{"a\n.\n.b\n", "a\r\n=2E\r\n=2Eb\r\n"},
		{"From me", "=46rom me\r\n"},
		{"é\nFrom me\nFromage", "=C3=A9\r\n=46rom me\r\nFromage\r\n"},
		/* 76 columns; 75 and a soft line end */
		{"é" FIFTY TEN TEN, "=C3=A9" FIFTY TEN TEN "\r\n"},
		{"é" FIFTY TEN TEN "0", "=C3=A9" FIFTY TEN "012345678=\r\n90\r\n"},
		{FIFTY TEN TEN "0123é", FIFTY TEN TEN "0123=\r\n=C3=A9\r\n"},
		{FIFTY TEN TEN "012é", FIFTY TEN TEN "012=\r\n=C3=A9\r\n"},
		{FIFTY TEN TEN "01é", FIFTY TEN TEN "01=C3=\r\n=A9\r\n"},
		{FIFTY TEN TEN "0é", FIFTY TEN TEN "0=C3=\r\n=A9\r\n"},
		{FIFTY TEN TEN "é", FIFTY TEN TEN "=C3=A9\r\n"},
		/* a soft line end puts nothing risky at the start of a line */
		{FIFTY TEN TEN "01234.\né", FIFTY TEN TEN "01234.\r\n=C3=A9\r\n"},
		{FIFTY TEN TEN "012345.\né", FIFTY TEN TEN "01234=\r\n5.\r\n=C3=A9\r\n"},
		{FIFTY TEN TEN "01234..\né", FIFTY TEN TEN "01234=\r\n=2E.\r\n=C3=A9\r\n"},
		{FIFTY TEN TEN "01234From me\né",
			FIFTY TEN TEN "01234=\r\n=46rom me\r\n=C3=A9\r\n"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_body(rows[i][0], strlen(rows[i][0]), "quoted-printable", rows[i][1]);
	check_body("a\0b", 3, "quoted-printable", "a=EF=BF=BDb\r\n");
}

static void long_lines_are_broken(void **state)
{
	(void)state;
	char line[992];

	memset(line, 'x', sizeof(line));
	line[990] = '\0';
	struct buf expected = {0};
	buf_printf(&expected, "%s\r\n", line);
	check_body(line, 990, "7bit", expected.data);

	line[990] = 'x';
	buf_clear(&expected);
	for (int i = 0; i < 13; i++)
		buf_printf(&expected, "%.75s=\r\n", line);
	buf_printf(&expected, "%.16s\r\n", line);
	check_body(line, 991, "quoted-printable", expected.data);
	buf_free(&expected);
}

static void a_boundary_occurs_in_no_part(void **state)
{
	(void)state;
	struct fixture f;
	char text[100], first[64];
	const char *at;

	start(&f);
	set_html(&f, "x");
	write_mail(&f);
	at = strstr(f.out.data, "boundary=\"");
	assert_non_null(at);
	(void)snprintf(first, sizeof(first), "%.34s", at + strlen("boundary=\""));
	assert_memory_equal(first, "=_", 2);
	(void)snprintf(text, sizeof(text), "a\n--%s--\nb", first);
	set_text(&f, text);
	write_mail(&f);
	at = strstr(f.out.data, "boundary=\"");
	assert_non_null(at);
	assert_memory_not_equal(at + strlen("boundary=\""), first, 34);
	/* only in the text */
	at = strstr(f.out.data, first);
	assert_non_null(at);
	assert_null(strstr(at + 1, first));
	finish(&f);
}

/* ---- Date and Message-ID ---- */

static void the_date_has_the_process_s_time_zone(void **state)
{
	(void)state;
	static const struct {
		const char *zone;
		int64_t ms;
		const char *date;
	} rows[] = {
		{"UTC0", 0, "Thu, 01 Jan 1970 00:00:00 +0000"},
		{"UTC0", -1, "Wed, 31 Dec 1969 23:59:59 +0000"},
		{"UTC0", 999, "Thu, 01 Jan 1970 00:00:00 +0000"},
		{"IST-5:30", 1782859828841, "Wed, 01 Jul 2026 04:20:28 +0530"},
		{"NST3:30", 1782859828841, "Tue, 30 Jun 2026 19:20:28 -0330"},
		{"UTC0", 253402300799000, "Fri, 31 Dec 9999 23:59:59 +0000"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		struct buf line = {0};

		setenv("TZ", rows[i].zone, 1);
		tzset();
		start(&f);
		f.mail.date = rows[i].ms;
		buf_printf(&line, "Date: %s\r\nFrom:", rows[i].date);
		check_has(&f, line.data);
		assert_memory_equal(f.out.data, line.data, line.len);
		buf_free(&line);
		finish(&f);
	}
	setenv("TZ", "WAT-1", 1);
	tzset();
}

static void the_message_id_is_made_from_the_key(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	f.mail.message_key = "abc"; /* whose SHA-256 is well known */
	set_from(&f, "\"a@b\"@shop.example.net");
	check_has(&f, "\r\nMessage-ID: <ba7816bf8f01cfea414140de5dae2223@shop.example.net>\r\n");
	finish(&f);
}

static void the_same_mail_gives_the_same_bytes(void **state)
{
	(void)state;
	struct fixture f;
	struct buf again = {0};

	start(&f);
	set_html(&f, "<p>é</p>");
	set_file(&f, "{}", 2);
	write_mail(&f);
	buf_add_text(&again, "before ");
	assert_true(mail_write(&f.mail, &again, f.why));
	assert_int_equal(again.len, f.out.len + 7);
	assert_memory_equal(again.data + 7, f.out.data, f.out.len);
	buf_free(&again);
	finish(&f);
}

/* ---- what is refused ---- */

static void check_refused(struct fixture *f, const char *why)
{
	f->why[0] = '\0';
	buf_add_text(&f->out, "kept");
	assert_false(mail_write(&f->mail, &f->out, f->why));
	assert_string_equal(f->why, why);
	assert_string_equal(f->out.data, "kept");
	finish(f);
}

static const char *const controls[][2] = {{"\r\n", "\\r\\n"}, {"\r", "\\r"}, {"\n", "\\n"},
	{"\t", "\\t"}, {"\x01", "\\x01"}, {"\x1b", "\\x1b"}, {"\x7f", "\\x7f"},
	{"\xc2\x80", "\\xc2\\x80"}, {"\xc2\x85", "\\xc2\\x85"}, {"\xc2\x9f", "\\xc2\\x9f"},
	{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"}, {"\xe2\x80\xa9", "\\xe2\\x80\\xa9"}};

/* As if an action built an address itself. */
static void check_control(const char *control, const char *shown)
{
	static const char *const fields[] = {"from", "to", "cc", "bcc", "reply_to"};
	char text[100], why[MAIL_WHY];
	struct fixture f;

	for (size_t i = 0; i < 2 * sizeof(fields) / sizeof(fields[0]); i++) {
		bool in_name = i % 2 == 0;
		struct mail_address bad = {0};

		start(&f);
		(void)snprintf(text, sizeof(text), in_name ? "A%sBcc: x@y.z" : "a%s@b.c", control);
		bad.name = in_name ? text : NULL;
		bad.mailbox = (char[]){"a@b.c"};
		if (!in_name)
			bad.mailbox = text;
		struct mail_addresses list = {.list = &bad, .count = 1};
		const char *field = fields[i / 2];
		struct mail m = f.mail;

		if (strcmp(field, "from") == 0)
			m.from = bad;
		else if (strcmp(field, "to") == 0)
			m.to = list;
		else if (strcmp(field, "cc") == 0)
			m.cc = list;
		else if (strcmp(field, "bcc") == 0)
			m.bcc = list;
		else
			m.reply_to = list;
		assert_false(mail_write(&m, &f.out, f.why));
		assert_int_equal(f.out.len, 0);
		(void)snprintf(why, sizeof(why), "%s: \"", field);
		assert_memory_equal(f.why, why, strlen(why));
		if (in_name)
			assert_non_null(strstr(f.why, shown));
		finish(&f);
	}
	start(&f);
	(void)snprintf(text, sizeof(text), "Paid%sBcc: x@y.z", control);
	(void)snprintf(
		why, sizeof(why), "subject: \"Paid%sBcc: x@y.z\" has a control character", shown);
	set_subject(&f, text);
	check_refused(&f, why);
}

static void control_characters_are_refused_in_every_field(void **state)
{
	(void)state;
	struct fixture f;

	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		check_control(controls[i][0], controls[i][1]);
	start(&f);
	f.mail.subject = "a\0b";
	f.mail.subject_len = 3;
	check_refused(&f, "subject: \"a\\x00b\" has a control character");
}

static void bad_addresses_are_refused(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	f.mail.from = (struct mail_address){NULL, (char[]){"-f@example.com"}};
	check_refused(&f, "from: \"-f@example.com\" starts with \"-\"");
	start(&f);
	f.mail.from = (struct mail_address){NULL, (char[]){""}};
	check_refused(&f, "from: \"\" has no @: expected an address such as name@example.com");
	start(&f);
	f.mail.from = (struct mail_address){NULL, (char[]){"a@b>, c"}};
	check_refused(&f,
		"from: \"a@b>, c\" has a bad domain: expected letters, digits, hyphens and dots");
	start(&f);
	mail_addresses_free(&f.mail.to);
	check_refused(&f, "to, cc, bcc: expected at least one address");
	start(&f);
	for (int i = 0; i < 40; i++) {
		add_addresses(&f.mail.to, "a@b.c");
		add_addresses(&f.mail.cc, "a@b.c");
		add_addresses(&f.mail.bcc, "a@b.c");
	}
	check_refused(&f, "to, cc, bcc: 121 addresses: expected at most 100");
}

static void bad_files_are_refused(void **state)
{
	(void)state;
	static const char *const types[] = {"", "json", "/json", "text/", "a/b\r\nX: y", "a/b/c",
		"text/plain; charset=utf-8", "text/pl\xc3\xa9"};
	static const char *const names[] = {"", "a\r\nb", "a\tb", "é.json", "a\x7f"};
	struct fixture f;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		start(&f);
		set_file(&f, "{}", 2);
		f.file.type = types[i];
		check_refused(
			&f, "attachment: has a bad type: expected one such as application/json");
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		start(&f);
		set_file(&f, "{}", 2);
		f.file.name = names[i];
		check_refused(&f, "attachment: has a bad file name: expected 1 to 200 printable "
				  "ASCII characters");
	}
	start(&f);
	set_file(&f, "{}", 2);
	f.file.name = "a \"b\\.json";
	check_has(&f, ";\r\n filename=\"a \\\"b\\\\.json\"\r\n");
	finish(&f);
}

static void bad_dates_are_refused(void **state)
{
	(void)state;
	struct fixture f;

	start(&f);
	f.mail.date = INT64_MAX;
	check_refused(&f, "date: expected one from 1900 to 9999");
	start(&f);
	f.mail.date = INT64_MIN;
	check_refused(&f, "date: expected one from 1900 to 9999");
	start(&f);
	f.mail.date = 253402300800000;
	check_refused(&f, "date: expected one from 1900 to 9999");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_alone),
		cmocka_unit_test(html_alone),
		cmocka_unit_test(text_and_html),
		cmocka_unit_test(text_and_a_file),
		cmocka_unit_test(text_html_and_an_empty_file),
		cmocka_unit_test(an_empty_text),
		cmocka_unit_test(every_list_has_its_field_but_bcc),
		cmocka_unit_test(bcc_alone_is_undisclosed),
		cmocka_unit_test(names_are_encoded_where_necessary),
		cmocka_unit_test(many_addresses_are_folded),
		cmocka_unit_test(subjects_are_folded_and_encoded),
		cmocka_unit_test(a_blank_subject_has_no_field),
		cmocka_unit_test(line_ends_become_crlf),
		cmocka_unit_test(text_is_quoted_where_necessary),
		cmocka_unit_test(long_lines_are_broken),
		cmocka_unit_test(a_boundary_occurs_in_no_part),
		cmocka_unit_test(the_date_has_the_process_s_time_zone),
		cmocka_unit_test(the_message_id_is_made_from_the_key),
		cmocka_unit_test(the_same_mail_gives_the_same_bytes),
		cmocka_unit_test(control_characters_are_refused_in_every_field),
		cmocka_unit_test(bad_addresses_are_refused),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(bad_dates_are_refused),
	};
	setenv("TZ", "WAT-1", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
