/* conf/check/codes.c - the keys "retry_on" and "give_up_on" of an action: what their codes are
 * depends on the action's kind. */
#include "check.h"

#include "base/number.h"

#include <string.h>

/* What codes an action of a kind can fail with. */
struct codes {
	const char *what;
	int min, max;
};

static const struct codes exit_codes = {"an exit code", 1, 255};
static const struct codes statuses = {"an HTTP status of a failure", 300, 599};

static const char *const keys[] = {"retry_on", "give_up_on"};

static bool read_code(const struct conf_value *v, int *code)
{
	const char *text = conf_value_text(v);
	int64_t number = 0;

	if (text == NULL || !number_read(text, strlen(text), 999, &number))
		return false;
	*code = (int)number;
	return true;
}

/* Is it in one of the lists before the i-th item of the k-th? */
static const char *find_before(const struct conf_section *section, size_t k, size_t i, int code)
{
	for (size_t list = 0; list <= k; list++) {
		const struct conf_node *node = conf_node_get(section->node, keys[list]);
		size_t count = node == NULL ? 0 : list == k ? i : node->count;
		for (size_t at = 0; at < count; at++) {
			const struct conf_value v = conf_section_value(section, keys[list], at);
			int other;
			if (read_code(&v, &other) && other == code)
				return keys[list];
		}
	}
	return NULL;
}

/* Warns of one that changes nothing: what an action does by itself. */
static void warn_of_default(
	const struct conf_value *v, const struct conf_action *action, size_t k, int code)
{
	const struct conf_action plain = {.program = action->program};
	bool gives_up = conf_action_gives_up(&plain, code);

	if (gives_up == (k == 1))
		conf_warn(v, "has no effect: after %s a delivery is %s anyway", v->node->text,
			gives_up ? "given up" : "tried again");
}

static void check_code(const struct conf_section *section, const struct conf_action *action,
	const struct codes *codes, size_t k, size_t i)
{
	const struct conf_value v = conf_section_value(section, keys[k], i);
	char quoted[CONF_QUOTED];
	const char *before;
	int code;

	if (!read_code(&v, &code) || code < codes->min || code > codes->max) {
		conf_refuse(&v, "%s is not %s: expected a number from %d to %d",
			conf_value_quote(&v, quoted), codes->what, codes->min, codes->max);
		return;
	}
	before = find_before(section, k, i, code);
	if (before == keys[k])
		conf_warn(&v, "%d is listed twice", code);
	else if (before != NULL)
		conf_refuse(&v, "%d is in \"%s\", too: expected it in one of them", code, before);
	else
		warn_of_default(&v, action, k, code);
}

void conf_check_codes(
	const struct conf_section *section, const struct conf_action *action, bool forward)
{
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		const struct conf_node *node = conf_node_get(section->node, keys[k]);
		if (node == NULL || node->kind != CONF_NODE_LIST)
			continue;
		for (size_t i = 0; i < node->count; i++)
			if (node->entries[i].value->kind == CONF_NODE_SCALAR)
				check_code(
					section, action, forward ? &statuses : &exit_codes, k, i);
	}
}
