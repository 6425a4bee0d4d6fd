/* A template rendered from a document. */
#include "rule/template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Takes what is before the first NUL off the input. */
static const char *field(const char **at, const char *end, size_t *len)
{
	const char *text = *at, *nul = memchr(text, '\0', (size_t)(end - text));

	*len = (size_t)((nul != NULL ? nul : end) - text);
	*at = nul != NULL ? nul + 1 : end;
	return text;
}

static void render(const struct template *t, const json_t *document, enum template_missing missing)
{
	struct buf out = {0};
	char why[TEMPLATE_WHY] = "";
	enum template_result result = template_render(t, document, missing, &out, why);

	if (result == TEMPLATE_FAULT && why[0] == '\0')
		abort();
	if (template_is_constant(t) && result != TEMPLATE_OK)
		abort();
	buf_free(&out);
}

static void try(const char *text, size_t len, enum template_kind kind, const json_t *document)
{
	struct fault fault = {0};
	struct template *t = template_parse(text, len, kind, &fault);
	size_t prefix;

	if (t == NULL) {
		if (fault.at > len || fault.what[0] == '\0')
			abort();
		return;
	}
	if (strlen(template_text(t)) != len || strlen(template_prefix(t, &prefix)) != prefix)
		abort();
	render(t, document, TEMPLATE_EMPTY);
	render(t, document, TEMPLATE_REFUSE);
	template_free(t);
}

/* A template, a NUL, and JSON to fill it from. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size, *text;
	json_t *document;
	size_t len;

	if (size == 0)
		return 0;
	text = field(&at, end, &len);
	document = json_loadb(at, (size_t)(end - at), JSON_ALLOW_NUL, NULL);
	try(text, len, TEMPLATE_TEXT, document);
	try(text, len, TEMPLATE_BODY, document);
	try(text, len, TEMPLATE_HTML, document);
	try(text, len, TEMPLATE_URL, document);
	try(text, len, TEMPLATE_ADDRESSES, document);
	json_decref(document);
	return 0;
}
