/* conf/value/pairs.c - mappings of names to templates: variables of the environment, header fields.
 */
#include "conf/read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool conf_is_token(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c >= 0x80 || !(isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c))))
			return false;
	}
	return len > 0;
}

/* What is wrong with a name; NULL: nothing. */
typedef const char *name_fault(const char *name);

static const char *variable_fault(const char *name)
{
	if (!conf_is_env_name(name, strlen(name)))
		return " is not a variable name: expected letters, digits and _, not starting with "
		       "a digit";
	if (strncmp(name, "HOOKD_", 6) == 0)
		return ": expected a name that does not begin with HOOKD_, those are hookd's own";
	return NULL;
}

static const char *header_fault(const char *name)
{
	/* headers that HTTP's framing, hookd or libcurl set */
	static const char *const taken[] = {"Host", "Content-Length", "Transfer-Encoding",
		"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade",
		"Expect"};

	if (!conf_is_token(name, strlen(name)))
		return " is not a header name: expected letters, digits and hyphens, no colon";
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcasecmp(name, taken[i]) == 0)
			return ": expected another header, hookd sets this one itself";
	if (strncasecmp(name, "webhook-", 8) == 0)
		return ": expected a name that does not begin with webhook-, those are hookd's own";
	return NULL;
}

static bool read_pair(const struct conf_value *v, const struct conf_entry *entry,
	name_fault *fault_of, struct conf_pair *pair)
{
	const char *fault = fault_of(entry->key);
	struct conf_value value = *v;
	char quoted[CONF_QUOTED];

	if (entry->first_line != 0) {
		conf_refuse_at(v, entry->at, "duplicate name %s: it is already in line %u",
			conf_quote(entry->key, quoted), entry->first_line);
		return false;
	}
	if (fault != NULL) {
		conf_refuse_at(v, entry->at, "%s%s", conf_quote(entry->key, quoted), fault);
		return false;
	}
	value.node = entry->value;
	value.name = entry->key;
	if (value.node->kind != CONF_NODE_SCALAR) {
		conf_refuse(&value, "expected a text for its value");
		return false;
	}
	if (!conf_parse_template(&value, TEMPLATE_TEXT, &pair->value))
		return false;
	pair->name = strdup(entry->key);
	if (pair->name == NULL)
		v->reader->errors.no_memory = true;
	return pair->name != NULL;
}

static bool read_pairs(const struct conf_value *v, name_fault *fault_of)
{
	const struct conf_node *node = v->node;
	struct conf_pair *pairs;
	bool good = true;

	if (conf_node_is_nothing(node))
		return true;
	if (node->kind != CONF_NODE_MAPPING) {
		conf_refuse_kind(v);
		return false;
	}
	if (node->count > (size_t)v->key->max) {
		conf_refuse(v, "has %zu entries: expected at most %lld", node->count, v->key->max);
		return false;
	}
	pairs = calloc(node->count + 1, sizeof(*pairs));
	if (pairs == NULL) {
		v->reader->errors.no_memory = true;
		return false;
	}
	for (size_t i = 0; i < node->count; i++)
		good = read_pair(v, &node->entries[i], fault_of, &pairs[i]) && good;
	if (good)
		conf_list_store(v, pairs, node->count);
	else
		conf_free_pairs(pairs, node->count);
	return good;
}

bool conf_read_env(const struct conf_value *v)
{
	return read_pairs(v, variable_fault);
}

/* Header names ignore case. */
static bool refuse_same_headers(const struct conf_value *v)
{
	const struct conf_node *node = v->node;
	char quoted[CONF_QUOTED];
	bool good = true;

	for (size_t i = 0; i < node->count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct conf_entry *a = &node->entries[k], *b = &node->entries[i];

			if (strcasecmp(a->key, b->key) != 0 || b->first_line != 0)
				continue;
			conf_refuse_at(v, b->at, "%s: it is already in line %u",
				conf_quote(b->key, quoted), a->at.line);
			good = false;
			break;
		}
	return good;
}

bool conf_read_headers(const struct conf_value *v)
{
	return read_pairs(v, header_fault) &&
	       (v->node->kind != CONF_NODE_MAPPING || refuse_same_headers(v));
}
