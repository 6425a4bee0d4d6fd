/* hookctl/curl_command.h - a request as a curl command for a POSIX shell, which sends the same
 * bytes when pasted. Pure; any thread. */
#ifndef HOOKD_CURL_COMMAND_H
#define HOOKD_CURL_COMMAND_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct curl_command {
	const char *url;
	const char *unix_path;      /* NULL: TCP */
	const char *const *headers; /* "Name: value", NULL at the end */
	bool insecure;
	bool no_proxy;
	bool proxy_protocol; /* begins with a header of that protocol */
	const char *file;    /* has the body; NULL: it is the bytes below */
	const void *body;
	size_t body_len;
};

/* Can these bytes be an argument? They must have no NUL and be within Linux's limit. */
bool curl_command_fits(const void *body, size_t len);

/* Appends the command and a newline. The body must fit (curl_command_fits), or file be set. */
void curl_command_write(const struct curl_command *c, struct buf *out);

/* Appends one word for the shell, in single quotes if it needs them. */
void curl_command_quote(struct buf *out, const char *text, size_t len);

#endif
