/* http/handler.c - what a handler asks of a request (include/http/server.h). */
#include "request.h"

#include <stdatomic.h>
#include <string.h>

void *http_own(const struct http_request *r)
{
	return (void *)(uintptr_t)r->own;
}

void http_require_single(struct http_request *r, const char *const *names)
{
	r->head.single = names;
}

const char *http_method(const struct http_request *r)
{
	return r->method;
}

const char *http_path(const struct http_request *r)
{
	return r->path;
}

const char *http_query(const struct http_request *r)
{
	return r->query;
}

const char *http_header(const struct http_request *r, const char *name, size_t *len)
{
	const char *value = NULL;
	size_t n = 0;

	if (MHD_lookup_connection_value_n(
		    r->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &n) != MHD_YES)
		return NULL;
	value = hygiene_trim(value, &n);
	*len = n;
	return value;
}

const char *http_body(const struct http_request *r, size_t *len)
{
	*len = r->body.bytes.len;
	return r->body.bytes.data != NULL ? r->body.bytes.data : "";
}

const struct net_address *http_client(const struct http_request *r)
{
	return &r->client;
}

void http_trust(struct http_request *r)
{
	atomic_store(&r->connection->proven, true);
}

struct http_turn *http_turn(struct http_request *r)
{
	return &r->connection->loop->turn;
}
