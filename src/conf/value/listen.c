/* conf/value/listen.c - the key "listen": the addresses and Unix sockets to accept
 * connections on. */
#include "conf/read.h"

#include <stdlib.h>
#include <string.h>

static bool parse_host(const char *host, size_t len, struct net_address *address)
{
	if (len == 1 && host[0] == '*') {
		*address = (struct net_address){.family = AF_INET6};
		return true;
	}
	if (len == strlen("localhost") && strncmp(host, "localhost", len) == 0)
		return net_parse("127.0.0.1", strlen("127.0.0.1"), address);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']')
		return memchr(host, ':', len) != NULL && net_parse(host + 1, len - 2, address);
	/* without brackets the end of an IPv6 address is ambiguous */
	return memchr(host, ':', len) == NULL && net_parse(host, len, address);
}

static bool is_port(const char *text)
{
	uint16_t port;

	return net_parse_port(text, strlen(text), &port);
}

static bool read_address(const struct conf_value *v, const char *text, struct conf_listen *listen)
{
	const char *colon = strrchr(text, ':');
	char quoted[CONF_QUOTED];

	if (is_port(text)) {
		conf_refuse(v,
			"%s has no address before its port: expected one such as "
			"127.0.0.1:8080 (this machine only) or *:8080 (all its addresses)",
			conf_value_quote(v, quoted));
		return false;
	}
	if (colon == NULL || strchr(colon, ']') != NULL) {
		conf_refuse(v, "%s has no port: expected one after a colon, as in 127.0.0.1:8080",
			conf_value_quote(v, quoted));
		return false;
	}
	if (!parse_host(text, (size_t)(colon - text), &listen->address)) {
		conf_refuse(v,
			"%s has no numeric address before its port: expected one such as "
			"127.0.0.1:8080, [::1]:8080, localhost:8080 or *:8080",
			conf_value_quote(v, quoted));
		return false;
	}
	/* port 0 lets the system choose one */
	if (!net_parse_port(colon + 1, strlen(colon + 1), &listen->port)) {
		conf_refuse(v, "%s: port must be 0 to 65535", conf_value_quote(v, quoted));
		return false;
	}
	return true;
}

static bool same_listen(const struct conf_listen *a, const struct conf_listen *b)
{
	if (a->unix_path != NULL || b->unix_path != NULL)
		return a->unix_path != NULL && b->unix_path != NULL &&
		       strcmp(a->unix_path, b->unix_path) == 0;
	return a->port == b->port && a->address.family == b->address.family &&
	       memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes)) == 0;
}

bool conf_read_listener(const struct conf_value *v)
{
	struct conf_listen *listen = v->target;
	const char *text = conf_value_some_text(v);
	bool local = text != NULL && strncmp(text, "unix:", 5) == 0;

	if (text == NULL)
		return false;
	if (local)
		listen->unix_path = conf_unix_path(v, text + 5);
	if (local ? listen->unix_path == NULL : !read_address(v, text, listen))
		return false;
	listen->text = strdup(text);
	if (listen->text == NULL)
		v->reader->errors.no_memory = true;
	return listen->text != NULL;
}

static bool is_listed_once(const struct conf_value *item, const struct conf_listen *list, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (list[k].text == NULL || !same_listen(&list[k], &list[i]))
			continue;
		conf_refuse(item, "the same address as listen[%zu]: expected each once", k + 1);
		return false;
	}
	return true;
}

bool conf_listen_store(const struct conf_value *v, struct conf_listen *list, size_t count)
{
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);

		if (list[i].text == NULL || !is_listed_once(&item, list, i))
			good = false;
	}
	if (good) {
		conf_list_store(v, list, count);
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		free(list[i].text);
		free(list[i].unix_path);
	}
	free(list);
	return false;
}
