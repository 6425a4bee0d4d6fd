/* conf/value/mailbox.c - the section "email" at the top: the mail server and the sender
 * of mail. */
#include "conf/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX 253 /* bytes of a DNS name */

static const char smtp[] = "smtp://", smtps[] = "smtps://";

/* The length of the host that a text begins with; 0: none. */
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

/* Reads what follows the host. False: it is something other than a port. */
static bool parse_port(const char *text, uint16_t *port)
{
	if (text[0] == '\0')
		return true;
	return text[0] == ':' && net_parse_port(text + 1, strlen(text + 1), port) && *port > 0;
}

static bool read_socket(
	const struct conf_value *v, const char *path, struct conf_mail_server *server)
{
	server->socket = conf_unix_path(v, path);
	if (server->socket == NULL)
		return false;
	server->url = strdup("smtp://localhost");
	if (server->url == NULL)
		v->reader->errors.no_memory = true;
	return server->url != NULL;
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
	/* it may contain a password: not repeated in the message */
	if (strchr(text, '@') != NULL) {
		conf_refuse(v, "has a user before its host: expected the keys \"username\" and "
			       "\"password\" instead");
		return false;
	}
	if (!implicit && strncmp(text, smtp, strlen(smtp)) != 0)
		return conf_value_refuse(v, "is not a mail server");
	host = text + (implicit ? strlen(smtps) : strlen(smtp));
	len = host_length(host);
	port = implicit ? 465 : 587;
	if (len == 0)
		return conf_value_refuse(v, "has no host's name or address");
	if (!parse_port(host + len, &port))
		return conf_value_refuse(v, "has something other than a port after its host");
	if (asprintf(&server->url, "%s%.*s:%u", implicit ? smtps : smtp, (int)len, host, port) < 0)
		server->url = NULL;
	if (server->url == NULL)
		v->reader->errors.no_memory = true;
	return server->url != NULL;
}

bool conf_read_hostname(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);
	char *copy;

	if (text == NULL)
		return false;
	/* an address in brackets is for the server, not for a name */
	if (text[0] == '[' || strchr(text, '_') != NULL || host_length(text) != strlen(text))
		return conf_value_refuse(v, "is not a host name");
	copy = strdup(text);
	if (copy == NULL)
		v->reader->errors.no_memory = true;
	*(char **)v->target = copy;
	return copy != NULL;
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
		good = conf_value_refuse(v, "is not exactly one address");
	if (good) {
		*(struct mail_address *)v->target = read.list[0];
		read.list[0] = (struct mail_address){0};
	}
	mail_addresses_free(&read);
	return good;
}
