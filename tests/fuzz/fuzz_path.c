#include "path.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Takes what stands before the first NUL off the input. */
static const char *field(const char **at, const char *end, size_t *len)
{
	const char *text = *at, *nul = memchr(text, '\0', (size_t)(end - text));

	*len = (size_t)((nul != NULL ? nul : end) - text);
	*at = nul != NULL ? nul + 1 : end;
	return text;
}

/* A path, a NUL, and JSON to look in. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size, *text;
	struct fault fault = {0};
	struct path *path, *again;
	json_t *root;
	size_t len;

	if (size == 0)
		return 0;
	text = field(&at, end, &len);
	path = path_parse(text, len, &fault);
	if (path == NULL) {
		if (fault.at > len || fault.what[0] == '\0')
			abort();
		return 0;
	}
	if (path_count(path) == 0 || path_count(path) > PATH_STEPS ||
		strlen(path_text(path)) != len || memcmp(path_text(path), text, len) != 0)
		abort();
	again = path_parse(path_text(path), len, &fault);
	if (again == NULL || path_count(again) != path_count(path))
		abort();
	root = json_loadb(at, (size_t)(end - at), JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (root != NULL && path_find(path, root) != path_find(again, root))
		abort();
	json_decref(root);
	path_free(again);
	path_free(path);
	return 0;
}
