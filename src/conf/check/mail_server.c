/* conf/check/mail_server.c - the section "email" at the top: TLS, and which keys go together. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char smtps[] = "smtps://";

static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t len = (size_t)(strrchr(host, ':') - host); /* of HOST:PORT */

	return (len == strlen("localhost") && strncasecmp(host, "localhost", len) == 0) ||
	       strncmp(host, "[::1]", len) == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len);
}

/* Sets the server's TLS mode when it is not given, and checks it. */
static void check_tls(const struct conf_section *section, struct conf_mail_server *server)
{
	bool is_implicit = strncmp(server->url, smtps, strlen(smtps)) == 0;
	enum conf_mail_tls usual = server->socket != NULL ? CONF_MAIL_PLAIN
				   : is_implicit          ? CONF_MAIL_IMPLICIT
							  : CONF_MAIL_STARTTLS;

	if (server->tls == CONF_MAIL_TLS_AUTO)
		server->tls = usual;
	if (server->socket != NULL && server->tls != CONF_MAIL_PLAIN)
		conf_section_complain(section, "tls", "expected none: the server is a Unix socket");
	else if (is_implicit && server->tls != CONF_MAIL_IMPLICIT)
		conf_section_complain(
			section, "tls", "expected implicit for smtps://; for another use smtp://");
	else if (server->socket == NULL && !is_implicit && server->tls == CONF_MAIL_IMPLICIT)
		conf_section_complain(section, "tls",
			"expected starttls or none for smtp://; for implicit use smtps://");
	else if (server->tls != CONF_MAIL_PLAIN)
		return;
	else if (server->socket != NULL || is_loopback(server->url))
		;
	else if (server->username != NULL)
		conf_section_complain(section, "tls",
			"expected starttls: without TLS the password would go over the network "
			"unencrypted");
	else
		conf_section_caution(section, "tls",
			"mail goes over the network unencrypted: expected starttls");
	if (server->ca != NULL && server->tls == CONF_MAIL_PLAIN)
		conf_section_caution(section, "ca", "has no effect without TLS");
}

static void check_sendmail(const struct conf_section *section)
{
	static const char *const keys[] = {"tls", "ca", "username", "password"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (conf_section_has(section, keys[i]))
			conf_section_caution(section, keys[i], "has no effect with \"sendmail\"");
}

void conf_check_mail_server(struct conf_reader *r)
{
	struct conf_mail_server *server = &r->conf->email;
	const struct conf_section top = {.reader = r, .node = r->root};
	const struct conf_section section = conf_section_inner(&top, "email");
	bool by_server = conf_section_has(&section, "server");
	bool by_sendmail = conf_section_has(&section, "sendmail");

	if (section.node == NULL)
		return;
	if (by_server && by_sendmail)
		conf_section_complain(
			&section, "sendmail", "beside \"server\": expected only one of them");
	else if (!by_server && !by_sendmail &&
		 (section.node->kind == CONF_NODE_MAPPING || conf_node_is_nothing(section.node)))
		conf_section_complain(&section, NULL,
			"\"server\" and \"sendmail\" are missing: expected one of them");
	if (conf_section_has(&section, "username") && !conf_section_has(&section, "password"))
		conf_section_complain(
			&section, "username", "has no \"password\" with it: expected both");
	if (conf_section_has(&section, "password") && !conf_section_has(&section, "username"))
		conf_section_complain(
			&section, "password", "has no \"username\" with it: expected both");
	conf_check_file(&section, "ca", server->ca, false);
	if (server->url != NULL)
		check_tls(&section, server);
	else if (by_sendmail && !by_server)
		check_sendmail(&section);
}
