#include "curl_command.h"

#include <string.h>

/* Linux's MAX_ARG_STRLEN is 128 KiB. The quoting does not count: the shell removes it. */
#define ARGUMENT_MAX (128 * 1024 - 1)

bool curl_command_fits(const void *body, size_t len)
{
	return len < ARGUMENT_MAX && (len == 0 || memchr(body, '\0', len) == NULL);
}

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			   "_-+=:,./@%",
			    text[i]) == NULL ||
			text[i] == '\0')
			return false;
	return len > 0;
}

/* Within single quotes a shell takes everything literally except the single quote. */
void curl_command_quote(struct buf *out, const char *text, size_t len)
{
	if (is_plain(text, len)) {
		buf_add(out, text, len);
		return;
	}
	buf_add_char(out, '\'');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'')
			buf_add_text(out, "'\\''");
		else
			buf_add_char(out, text[i]);
	}
	buf_add_char(out, '\'');
}

static void add_option(struct buf *out, const char *option, const char *value)
{
	buf_printf(out, " \\\n  %s ", option);
	curl_command_quote(out, value, strlen(value));
}

static void add_body(const struct curl_command *c, struct buf *out)
{
	struct buf at = {0};

	if (c->file != NULL) {
		buf_printf(&at, "@%s", c->file);
		buf_add_text(out, " \\\n  --data-binary ");
		curl_command_quote(out, at.data != NULL ? at.data : "", at.len);
		out->failed = out->failed || at.failed;
		buf_free(&at);
		return;
	}
	/* With --data-binary a leading @ would make curl read a file of that name. */
	if (c->body_len > 0 && *(const char *)c->body == '@')
		buf_add_text(out, " \\\n  --data-raw ");
	else
		buf_add_text(out, " \\\n  --data-binary ");
	curl_command_quote(out, c->body, c->body_len);
}

void curl_command_write(const struct curl_command *c, struct buf *out)
{
	buf_add_text(out, "curl -sS -i ");
	curl_command_quote(out, c->url, strlen(c->url));
	if (c->unix_path != NULL)
		add_option(out, "--unix-socket", c->unix_path);
	if (c->insecure)
		buf_add_text(out, " \\\n  --insecure");
	if (c->proxy_protocol)
		buf_add_text(out, " \\\n  --haproxy-protocol");
	if (c->no_proxy)
		add_option(out, "--noproxy", "*");
	for (const char *const *h = c->headers; *h != NULL; h++)
		add_option(out, "-H", *h);
	add_body(c, out);
	buf_add_char(out, '\n');
}
