#include "condition.h"

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

static char *copy(const char *text, size_t len)
{
	char *s = strndup(text, len);

	if (s == NULL)
		abort();
	return s;
}

/* An op in the first byte; a path, two operands and JSON to judge, NULs between. The
 * operands of `matches` are the config's, whose author may be slow as he likes: here
 * it is one of a few. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const expressions[] = {"^(a+)+$", "(x|y)*z", "[[:alpha:]]+@.*", "b?"};
	const char *at = (const char *)data, *end = at + size, *text;
	struct condition_operand operands[2];
	struct condition *c, *whole, *parts[2];
	struct buf why = {0}, words = {0};
	struct fault fault;
	struct path *path;
	char what[200] = "";
	enum condition_op op;
	json_t *document;
	bool holds;
	size_t len;

	if (size == 0)
		return 0;
	op = (enum condition_op)(data[0] % (CONDITION_EMPTY + 1));
	at++;
	text = field(&at, end, &len);
	path = path_parse(text, len, &fault);
	if (path == NULL)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		text = field(&at, end, &len);
		operands[i].plain = data[0] >= 0x80;
		operands[i].text = op == CONDITION_MATCHES ? copy(expressions[len % 4],
								     strlen(expressions[len % 4]))
							   : copy(text, len);
	}
	c = condition_test(
		path, op, operands, op == CONDITION_IN || op == CONDITION_NOT_IN ? 2 : 1, what);
	free(operands[0].text);
	free(operands[1].text);
	if (c == NULL) {
		if (what[0] == '\0')
			abort();
		return 0;
	}
	parts[0] = c;
	whole = condition_join(CONDITION_NOT, parts, 1);
	if (whole == NULL)
		abort();
	document = json_loadb(at, (size_t)(end - at), JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (document != NULL) {
		holds = condition_holds(c, document, &why);
		if (holds == condition_holds(whole, document, NULL) || holds != (why.len == 0))
			abort();
		for (size_t i = 0; i < why.len; i++)
			if ((unsigned char)why.data[i] < ' ' || why.data[i] == 0x7f)
				abort();
	}
	condition_explain(whole, &words);
	json_decref(document);
	buf_free(&why);
	buf_free(&words);
	condition_free(whole);
	return 0;
}
