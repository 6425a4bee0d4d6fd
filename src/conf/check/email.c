/* conf/check/email.c - the key "email" of an action: its addresses and texts. */
#include "check.h"

#include <string.h>

static bool all_ascii(const struct mail_addresses *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (!mail_address_is_ascii(&a->list[i]))
			return false;
	return true;
}

/* Checks a constant text of `least` to `most` addresses. */
static void check_constant(
	const struct conf_value *v, const struct template *t, size_t least, size_t most)
{
	struct mail_addresses read = {0};
	char why[MAIL_WHY] = "";
	const char *text;
	size_t len;

	text = template_prefix(t, &len);
	if (!mail_addresses_add(&read, text, len, why)) {
		if (conf_value_has_environment(v))
			conf_value_refuse(v, "is not an address");
		else
			conf_refuse(v, "%s", why);
	} else if (strcmp(v->key->name, "reply_to") == 0 && !all_ascii(&read)) {
		conf_value_refuse(v, MAIL_REPLY_TO_FAULT);
	} else if (read.count < least) {
		conf_refuse(v, "has no address: expected one such as shop@example.com");
	} else if (read.count > most) {
		conf_refuse(v, "has %zu addresses: expected at most %zu", read.count, most);
	}
	mail_addresses_free(&read);
}

static void check_addresses(const struct conf_section *section, const char *key,
	struct template *const *list, size_t count, size_t least, size_t most)
{
	for (size_t i = 0; i < count; i++) {
		struct conf_value v = conf_section_value(section, key, i);

		if (template_is_constant(list[i]))
			check_constant(&v, list[i], least, most);
		else
			(void)conf_check_one_line(&v, list[i]);
	}
}

static void refuse_both(const struct conf_section *section, const char *key, const char *file)
{
	if (conf_section_has(section, key) && conf_section_has(section, file))
		conf_section_complain(
			section, file, "beside \"%s\": expected only one of them", key);
}

/* Does the mail have a text, or a file of one? */
static bool has_text(const struct conf_section *section)
{
	return conf_section_has(section, "body") || conf_section_has(section, "body_file") ||
	       conf_section_has(section, "html") || conf_section_has(section, "html_file");
}

static void set_default(
	const struct conf_section *section, struct template **target, const char *text)
{
	struct fault fault;

	*target = template_parse(text, strlen(text), TEMPLATE_TEXT, &fault);
	if (*target == NULL)
		section->reader->errors.no_memory = true;
}

/* hookd's own events bring their own subject and text. */
static void set_defaults(const struct conf_section *section, struct conf_email *email)
{
	if (!conf_section_has(section, "subject"))
		set_default(section, &email->subject, "{{subject}}");
	if (!has_text(section))
		set_default(section, &email->body, "{{text}}");
}

static void check_presence(const struct conf_section *section)
{
	if (!conf_section_has(section, "subject"))
		conf_section_complain(section, NULL, "\"subject\" is missing: expected %s",
			"a text such as \"Payment {{entity.reference}}\"");
	if (!has_text(section))
		conf_section_complain(section, NULL,
			"has no text: expected \"body\", \"body_file\", \"html\" or \"html_file\"");
}

void conf_check_email(
	const struct conf_section *section, struct conf_email *email, enum conf_action_of of)
{
	if (conf_node_get(section->reader->root, "email") == NULL)
		conf_section_complain(section, NULL,
			"the section \"email\" at the top is missing: expected one with \"from\" "
			"and "
			"\"server\" or \"sendmail\"");
	/* a node that is not a mapping has been reported */
	if (section->node->kind != CONF_NODE_MAPPING)
		return;
	refuse_both(section, "body", "body_file");
	refuse_both(section, "html", "html_file");
	if (of != CONF_OF_HOOK && of != CONF_OF_FAILURE)
		set_defaults(section, email);
	else
		check_presence(section);
	/* texts of hookd's own */
	if (of != CONF_OF_HOOK && email->body != NULL)
		template_keep_lines(email->body, of == CONF_OF_FAILURE ? "failure.output" : "text");
	check_addresses(section, "to", email->to.list, email->to.count, 1, MAIL_ADDRESSES);
	check_addresses(section, "cc", email->cc.list, email->cc.count, 0, MAIL_ADDRESSES);
	check_addresses(section, "bcc", email->bcc.list, email->bcc.count, 0, MAIL_ADDRESSES);
	check_addresses(section, "reply_to", email->reply_to.list, email->reply_to.count, 0,
		MAIL_ADDRESSES);
	if (email->from != NULL)
		check_addresses(section, "from", &email->from, 1, 1, 1);
	if (email->subject != NULL && conf_section_has(section, "subject")) {
		struct conf_value v = conf_section_value(section, "subject", 0);

		(void)conf_check_one_line(&v, email->subject);
	}
}
