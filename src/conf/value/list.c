/* conf/value/list.c - lists, and those of addresses, event types, exit codes and statuses. */
#include "conf/read.h"

#include <stdlib.h>
#include <string.h>

#define GLOB_MAX 128 /* bytes */

struct conf_value conf_value_item(const struct conf_value *v, size_t index)
{
	struct conf_value item = *v;

	if (v->node->kind == CONF_NODE_LIST) {
		item.node = v->node->entries[index].value;
		item.item = index + 1;
	}
	return item;
}

bool conf_list_open(const struct conf_value *v, bool one, size_t size, void **items, size_t *count)
{
	const struct conf_node *node = v->node;
	bool single = one && node->kind == CONF_NODE_SCALAR && !conf_node_is_nothing(node);

	*items = NULL;
	*count = single ? 1 : node->count;
	if (!single && node->kind != CONF_NODE_LIST) {
		conf_refuse_kind(v);
		return false;
	}
	if (*count < (size_t)v->key->min) {
		conf_refuse_kind(v);
		return false;
	}
	if (*count > (size_t)v->key->max) {
		conf_refuse(v, "has %zu items: expected at most %lld", *count, v->key->max);
		return false;
	}
	/* one more: some arrays end with NULL */
	*items = calloc(*count + 1, size);
	if (*items == NULL) {
		v->reader->errors.no_memory = true;
		return false;
	}
	return true;
}

void conf_list_store(const struct conf_value *v, void *items, size_t count)
{
	char *target = v->target;

	memcpy(target, &items, sizeof(items));
	memcpy(target + sizeof(items), &count, sizeof(count));
}

bool conf_read_nets(const struct conf_value *v)
{
	struct net_range *ranges;
	void *items;
	size_t count;
	bool good = true;

	if (!conf_list_open(v, false, sizeof(*ranges), &items, &count))
		return false;
	ranges = items;
	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);
		const char *text = conf_value_text(&item), *expected = NULL;
		char quoted[CONF_QUOTED];

		if (text != NULL)
			expected = net_parse_range(text, &ranges[i]);
		if (expected != NULL)
			conf_refuse(&item, "%s: expected %s", conf_value_quote(&item, quoted),
				expected);
		good = good && text != NULL && expected == NULL;
	}
	if (good && count > 0)
		conf_list_store(v, ranges, count);
	else
		free(ranges);
	return good;
}

/* fnmatch(3) accepts every pattern, and matches nothing with a malformed one. */
static const char *glob_fault(const char *glob)
{
	if (glob[0] == '\0')
		return "is empty";
	if (strlen(glob) > GLOB_MAX)
		return "is longer than 128 bytes";
	for (size_t i = 0; glob[i] != '\0'; i++) {
		if (glob[i] == ',' || (unsigned char)glob[i] <= ' ')
			return "has a comma, white space or a control character in it, which no "
			       "event type has";
		if (glob[i] == '\\') {
			if (glob[++i] == '\0')
				return "ends in a backslash";
		} else if (glob[i] == '[') {
			size_t first = i + 1;

			if (glob[first] == '!' || glob[first] == '^')
				first++;
			/* a ] directly after the [ is a character of the set */
			if (glob[first] == '\0' || strchr(glob + first + 1, ']') == NULL)
				return "has a [ without a ]";
			i = (size_t)(strchr(glob + first + 1, ']') - glob);
		}
	}
	return NULL;
}

bool conf_read_globs(const struct conf_value *v)
{
	char **globs;
	void *items;
	size_t count;
	bool good = true;

	if (!conf_list_open(v, true, sizeof(*globs), &items, &count))
		return false;
	globs = items;
	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);
		const char *text = conf_value_text(&item), *fault = NULL;
		char quoted[CONF_QUOTED], expected[CONF_EXPECTED];

		if (text != NULL)
			fault = glob_fault(text);
		if (fault != NULL)
			conf_refuse(&item, "%s %s: expected %s", conf_value_quote(&item, quoted),
				fault, conf_expected(v->key, expected));
		if (text == NULL || fault != NULL) {
			good = false;
			text = "";
		}
		conf_note_written(&item, &globs[i]);
		globs[i] = strdup(text);
		if (globs[i] == NULL) {
			v->reader->errors.no_memory = true;
			good = false;
			break;
		}
		for (size_t k = 0; k < i; k++)
			if (text[0] != '\0' && strcmp(globs[k], text) == 0) {
				conf_warn(&item, "%s is listed twice",
					conf_value_quote(&item, quoted));
				break;
			}
	}
	if (good)
		conf_list_store(v, globs, count);
	else
		conf_free_texts(globs);
	return good;
}

/* What its numbers may be depends on the action: conf/check/codes.c refuses others. */
bool conf_read_codes(const struct conf_value *v)
{
	int *codes;
	void *items;
	size_t count;
	bool good = true;

	if (!conf_list_open(v, false, sizeof(*codes), &items, &count))
		return false;
	codes = items;
	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);
		const char *text = conf_value_text(&item);
		int64_t code = 0;

		good = good && text != NULL;
		if (text != NULL && number_read(text, strlen(text), 999, &code))
			codes[i] = (int)code;
	}
	if (good && count > 0)
		conf_list_store(v, codes, count);
	else
		free(codes);
	return good;
}
