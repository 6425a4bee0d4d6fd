/* One test of a condition against a document. */
#include "base/buf.h"
#include "event/document.h"
#include "rule/condition.h"
#include "rule/path.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The next of the fields that NULs are between, as a new text. */
static char *field(const char **at, const char *end)
{
	const char *start = *at;
	const char *nul = start < end ? memchr(start, '\0', (size_t)(end - start)) : NULL;
	size_t len = (size_t)((nul != NULL ? nul : end) - start);
	char *text = len > 0 ? strndup(start, len) : strdup("");

	if (text == NULL)
		abort();
	*at = nul != NULL ? nul + 1 : end;
	return text;
}

/* What goes to logs and terminals. */
static void check_shown(const struct buf *text)
{
	if (!buf_ok(text) || text->len == 0)
		abort();
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->data[i] < ' ' || text->data[i] == 0x7f)
			abort();
}

/* The condition of one test; NULL: it is refused. */
static struct condition *make(
	const char *where, enum condition_op op, const struct condition_operand *operand)
{
	struct fault fault;
	struct path *path = path_parse(where, strlen(where), &fault);
	struct condition *c;
	char what[200] = "";

	if (path == NULL)
		return NULL;
	c = condition_test(path, op, operand, 1, what);
	if (c == NULL && what[0] == '\0')
		abort();
	return c;
}

/* Does it hold? There is a reason if and only if it does not, and `not` of it is the opposite. */
static bool holds(struct condition *c, const json_t *document)
{
	struct buf why = {0}, words = {0};
	bool good = condition_holds(c, document, &why);
	struct condition *opposite;

	if (good != (why.len == 0) || condition_holds(c, document, NULL) != good)
		abort();
	if (!good)
		check_shown(&why);
	condition_explain(c, &words);
	check_shown(&words);
	opposite = condition_join(CONDITION_NOT, &c, 1);
	if (opposite == NULL || condition_holds(opposite, document, NULL) == good)
		abort();
	condition_free(opposite);
	buf_free(&why);
	buf_free(&words);
	return good;
}

/* The results of the operators must agree. */
static void check(
	const char *where, const struct condition_operand *operand, const json_t *document)
{
	bool said[CONDITION_EMPTY + 1] = {false}, made[CONDITION_EMPTY + 1] = {false};

	for (int op = CONDITION_EQ; op <= CONDITION_EMPTY; op++) {
		struct condition *c = make(where, (enum condition_op)op, operand);

		if (c == NULL)
			continue;
		made[op] = true;
		said[op] = holds(c, document);
	}
	if (said[CONDITION_EQ] != said[CONDITION_IN] ||
		said[CONDITION_NE] != said[CONDITION_NOT_IN])
		abort();
	if (said[CONDITION_EQ] && (said[CONDITION_NE] || said[CONDITION_GT] || said[CONDITION_LT]))
		abort();
	if (made[CONDITION_GT] &&
		(said[CONDITION_GT] != (said[CONDITION_GTE] && !said[CONDITION_EQ]) ||
			said[CONDITION_LT] != (said[CONDITION_LTE] && !said[CONDITION_EQ])))
		abort();
	if (said[CONDITION_GT] && said[CONDITION_LT])
		abort();
}

/* Path, "'" for an operand in quotes, operand, JSON, with NULs between. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	char *where = field(&at, end), *quotes = field(&at, end), *text = field(&at, end);
	struct condition_operand operand = {.text = text, .plain = quotes[0] != '\''};
	json_t *document = NULL, *entity;

	if (!document_parse(at, (size_t)(end - at), &document))
		abort();
	if (document != NULL && !document_entity(document, &entity))
		abort();
	check(where, &operand, document);
	json_decref(document);
	free(where);
	free(quotes);
	free(text);
	return 0;
}
