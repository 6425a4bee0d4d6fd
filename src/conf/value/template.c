/* conf/value/template.c - templates, in the config or in files of their own. */
#include "base/file.h"
#include "base/utf8.h"
#include "conf/read.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(FILE_READ_MAX <= TEMPLATE_MAX, "every file that is read may be a template");

bool conf_parse_template(const struct conf_value *v, enum template_kind kind, struct template **out)
{
	const char *text = conf_value_text(v);
	struct fault fault;

	if (text == NULL)
		return false;
	*out = template_parse(text, strlen(text), kind, &fault);
	if (*out == NULL)
		conf_refuse_fault(v, &fault);
	else if (conf_value_has_environment(v) && !template_set_written(*out, v->node->text))
		v->reader->errors.no_memory = true;
	return *out != NULL;
}

/* body and body_file have one target; conf_check reports if both are there. */
static void store(const struct conf_value *v, struct template *t)
{
	struct template **target = v->target;

	template_free(*target);
	*target = t;
}

static bool read_text(const struct conf_value *v, enum template_kind kind)
{
	struct template *t;

	if (v->node->kind == CONF_NODE_SCALAR &&
		(conf_node_is_nothing(v->node) || (v->node->text[0] == '\0' && v->key->min > 0))) {
		conf_refuse_kind(v);
		return false;
	}
	if (!conf_parse_template(v, kind, &t))
		return false;
	store(v, t);
	return true;
}

bool conf_read_template(const struct conf_value *v)
{
	return read_text(v, TEMPLATE_TEXT);
}

bool conf_read_body(const struct conf_value *v)
{
	return read_text(v, TEMPLATE_BODY);
}

bool conf_read_html(const struct conf_value *v)
{
	return read_text(v, TEMPLATE_HTML);
}

bool conf_read_url(const struct conf_value *v)
{
	return read_text(v, TEMPLATE_URL);
}

bool conf_read_address(const struct conf_value *v)
{
	return read_text(v, TEMPLATE_ADDRESSES);
}

bool conf_read_addresses(const struct conf_value *v)
{
	struct conf_templates read = {0};
	void *items;
	size_t count;
	bool good = true;

	if (!conf_list_open(v, true, sizeof(struct template *), &items, &count))
		return false;
	read.list = items;
	for (; read.count < count; read.count++) {
		struct conf_value item = conf_value_item(v, read.count);

		good = conf_value_some_text(&item) != NULL &&
		       conf_parse_template(&item, TEMPLATE_ADDRESSES, &read.list[read.count]) &&
		       good;
	}
	if (good)
		conf_list_store(v, read.list, read.count);
	else
		conf_free_templates(&read);
	return good;
}

/* A fault in a template's own file: `confirm.txt:3:14: what`. */
static void refuse_in_file(
	const struct conf_value *v, const char *text, size_t len, const struct fault *fault)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < fault->at && i < len; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (i + 1 == len || ((unsigned char)text[i + 1] & 0xc0) != 0x80) {
			column++;
		}
	}
	conf_refuse(v, "%s:%u:%u: %s", v->node->text, line, column, fault->what);
}

/* The number of bytes at the start of the text that are UTF-8 without NUL. */
static size_t good_bytes(const char *text, size_t len)
{
	size_t i = 0, n = 1;

	for (; i < len && text[i] != '\0' && n > 0; i += n)
		n = utf8_sequence((const unsigned char *)text + i, len - i);
	return i;
}

/* The bytes of v's file. */
static bool read_template(
	const struct conf_value *v, const char *text, size_t len, enum template_kind kind)
{
	static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark, which some editors add */
	struct fault fault = {.what = "is not UTF-8: expected a text file in UTF-8"};
	struct template *t = NULL;

	if (len >= 3 && memcmp(text, mark, 3) == 0) {
		text += 3;
		len -= 3;
	}
	fault.at = good_bytes(text, len);
	if (fault.at == len)
		t = template_parse(text, len, kind, &fault);
	if (t == NULL) {
		refuse_in_file(v, text, len, &fault);
		return false;
	}
	store(v, t);
	return true;
}

static bool read_file(const struct conf_value *v, enum template_kind kind)
{
	const char *text = conf_value_some_text(v), *fault;
	char *path = text != NULL ? conf_path(v, text) : NULL;
	struct buf bytes = {0};
	bool good = false;

	if (path == NULL)
		return false;
	fault = file_read(path, &bytes);
	if (fault != NULL)
		conf_refuse(v, "%s: %s: expected a text file", v->node->text, fault);
	else
		good = read_template(v, bytes.data != NULL ? bytes.data : "", bytes.len, kind);
	buf_free(&bytes);
	free(path);
	return good;
}

bool conf_read_body_file(const struct conf_value *v)
{
	return read_file(v, TEMPLATE_BODY);
}

bool conf_read_html_file(const struct conf_value *v)
{
	return read_file(v, TEMPLATE_HTML);
}
