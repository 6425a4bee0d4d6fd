/* hookctl/curl_command.h - a request as a curl command for a POSIX shell: what is
 * pasted sends the same bytes. Pure; any thread. */
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
	const char *file; /* the body is this file's; NULL: the bytes below */
	const void *body;
	size_t body_len;
};

/* Can these bytes be an argument at all? No NUL, and within Linux's limit. */
bool curl_command_fits(const void *body, size_t len);

/* Writes the command, ending in a newline. The body fits, or file is set. */
void curl_command_write(const struct curl_command *c, struct buf *out);

/* One word for the shell: in single quotes when it has need of them. */
void curl_command_quote(struct buf *out, const char *text, size_t len);

#endif
