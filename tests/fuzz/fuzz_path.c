/* A path, and what it finds in a document. */
#include "base/buf.h"
#include "rule/path.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_fault(const struct fault *fault, size_t len)
{
	if (fault->at > len || fault->what[0] == '\0' || strchr(fault->what, '\n') != NULL)
		abort();
}

/* The same steps with every one in quotes are the same path, if that is not too long. */
static void check_quoted(const struct path *p, const json_t *root)
{
	struct buf text = {0};
	struct fault fault;
	struct path *again;

	for (size_t i = 0; i < path_count(p); i++) {
		buf_add_text(&text, i > 0 ? ".\"" : "\"");
		for (const char *c = path_step(p, i); *c != '\0'; c++) {
			if (*c == '"' || *c == '\\')
				buf_add_char(&text, '\\');
			buf_add_char(&text, *c);
		}
		buf_add_char(&text, '"');
	}
	again = path_parse(text.data, text.len, &fault);
	if ((again == NULL) != (text.len > PATH_TEXT))
		abort();
	if (again != NULL) {
		if (path_count(again) != path_count(p) ||
			path_find(again, root) != path_find(p, root))
			abort();
		for (size_t i = 0; i < path_count(p); i++)
			if (strcmp(path_step(again, i), path_step(p, i)) != 0)
				abort();
	}
	path_free(again);
	buf_free(&text);
}

/* A path, a NUL, a JSON text. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *text = (const char *)data;
	const char *nul = size > 0 ? memchr(text, '\0', size) : NULL;
	size_t len = nul != NULL ? (size_t)(nul - text) : size;
	struct fault fault = {0};
	struct path *p = path_parse(text, len, &fault);
	json_t *root;

	if (p == NULL) {
		check_fault(&fault, len);
		return 0;
	}
	root = nul != NULL
		       ? json_loadb(nul + 1, size - len - 1, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
		       : NULL;
	if (path_count(p) == 0 || path_count(p) > PATH_STEPS || strlen(path_text(p)) != len ||
		memcmp(path_text(p), text, len) != 0)
		abort();
	check_quoted(p, root);
	json_decref(root);
	path_free(p);
	return 0;
}
