#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define HOST_MAX 253 /* bytes of a DNS name */

static const char smtp[] = "smtp://", smtps[] = "smtps://";

/* The length of the host that a text begins with; 0: it is none. */
static size_t host_length(const char *text)
{
	size_t len = 0;

	if (text[0] == '[') {
		struct net_address address;
		const char *end = strchr(text, ']');

		len = end != NULL ? (size_t)(end - text) + 1 : 0;
		return len > 2 && memchr(text, ':', len) != NULL &&
				       net_parse(text + 1, len - 2, &address)
			       ? len
			       : 0;
	}
	len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");
	return len > HOST_MAX || text[0] == '.' || text[0] == '-' ? 0 : len;
}

/* What stands behind the host. False: something else than a port. */
static bool parse_port(const char *text, uint16_t *port)
{
	if (text[0] == '\0')
		return true;
	return text[0] == ':' && net_parse_port(text + 1, strlen(text + 1), port) && *port > 0;
}

static bool read_socket(
	const struct conf_value *v, const char *path, struct conf_mail_server *server)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	char quoted[CONF_QUOTED];

	if (path[0] != '/' || strlen(path) > max) {
		conf_refuse(v, "%s: expected an absolute path of at most %zu bytes behind unix:",
			conf_value_quote(v, quoted), max);
		return false;
	}
	server->socket = strdup(path);
	server->url = strdup("smtp://localhost");
	if (server->socket == NULL || server->url == NULL)
		v->reader->errors.no_memory = true;
	return true;
}

bool conf_read_mail_server(const struct conf_value *v)
{
	struct conf_mail_server *server = v->target;
	const char *text = conf_value_some_text(v), *host;
	bool implicit;
	uint16_t port;
	size_t len;

	if (text == NULL)
		return false;
	if (strncmp(text, "unix:", 5) == 0)
		return read_socket(v, text + 5, server);
	implicit = strncmp(text, smtps, strlen(smtps)) == 0;
	/* what stands before it may be a password: it is not repeated */
	if (strchr(text, '@') != NULL) {
		conf_refuse(v, "has a user before its host: expected the keys \"username\" and "
			       "\"password\" instead");
		return false;
	}
	if (!implicit && strncmp(text, smtp, strlen(smtp)) != 0)
		return conf_value_refuse(v, "is no mail server");
	host = text + (implicit ? strlen(smtps) : strlen(smtp));
	len = host_length(host);
	port = implicit ? 465 : 587;
	if (len == 0)
		return conf_value_refuse(v, "has no host's name or address");
	if (!parse_port(host + len, &port))
		return conf_value_refuse(v, "has something else than a port behind its host");
	if (asprintf(&server->url, "%s%.*s:%u", implicit ? smtps : smtp, (int)len, host, port) < 0)
		server->url = NULL;
	if (server->url == NULL)
		v->reader->errors.no_memory = true;
	return server->url != NULL;
}

bool conf_read_mailbox(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);
	struct mail_addresses read = {0};
	char why[MAIL_WHY] = "";
	bool good;

	if (text == NULL)
		return false;
	good = mail_addresses_add(&read, text, strlen(text), why);
	if (!good && !conf_value_has_environment(v))
		conf_refuse(v, "%s", why);
	else if (!good || read.count != 1)
		good = conf_value_refuse(v, "is not one address");
	if (good) {
		*(struct mail_address *)v->target = read.list[0];
		read.list[0] = (struct mail_address){0};
	}
	mail_addresses_free(&read);
	return good;
}

static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t len = host_length(host);

	return (len == strlen("localhost") && strncasecmp(host, "localhost", len) == 0) ||
	       strncmp(host, "[::1]", len) == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len);
}

/* What TLS a server has, and that it may be so. */
static void check_tls(const struct conf_section *section, struct conf_mail_server *server)
{
	bool is_implicit = strncmp(server->url, smtps, strlen(smtps)) == 0;
	enum conf_mail_tls usual = server->socket != NULL ? CONF_MAIL_PLAIN
				   : is_implicit          ? CONF_MAIL_IMPLICIT
							  : CONF_MAIL_STARTTLS;

	if (server->tls == CONF_MAIL_TLS_AUTO)
		server->tls = usual;
	if (server->socket != NULL && server->tls != CONF_MAIL_PLAIN)
		conf_section_complain(
			section, "tls", "expected none, the server is a Unix socket's");
	else if (is_implicit && server->tls != CONF_MAIL_IMPLICIT)
		conf_section_complain(section, "tls",
			"expected implicit, which smtps:// is; for another, the server is smtp://");
	else if (server->socket == NULL && !is_implicit && server->tls == CONF_MAIL_IMPLICIT)
		conf_section_complain(section, "tls",
			"expected starttls or none; for implicit, the server is smtps://");
	else if (server->tls != CONF_MAIL_PLAIN)
		return;
	else if (server->socket != NULL || is_loopback(server->url))
		;
	else if (server->username != NULL)
		conf_section_complain(section, "tls",
			"expected starttls: without TLS the password would go over the network for "
			"all to read");
	else
		conf_section_caution(section, "tls",
			"mail goes over the network for all to read: expected starttls");
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

void conf_free_mail_server(struct conf_mail_server *server)
{
	free(server->url);
	free(server->socket);
	conf_free_texts(server->command);
	free(server->ca);
	free(server->username);
	secret_free(server->password);
	free(server->from.name);
	free(server->from.mailbox);
}
