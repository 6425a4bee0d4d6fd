/* conf/check/forward.c - the key "forward" of an action: its URL, headers, secrets and TLS. */
#include "check.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* The literal beginning of a URL's template. */
struct beginning {
	const char *text;
	size_t len;
	bool whole;            /* the template is constant */
	const char *authority; /* after ://; NULL: not complete yet */
	size_t authority_len;
	bool ended; /* the authority is complete */
};

static const char *const schemes[] = {"http://", "https://"};

/* Reads the literal part. False: it cannot become an http(s) URL, whatever follows. */
static bool dissect(const struct template *url, struct beginning *b)
{
	*b = (struct beginning){.whole = template_is_constant(url)};
	b->text = template_prefix(url, &b->len);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]), there = b->len < len ? b->len : len;

		if (strncasecmp(b->text, schemes[i], there) != 0)
			continue;
		if (there < len)
			return !b->whole;
		b->authority = b->text + len;
		b->authority_len = strcspn(b->authority, "/?#");
		b->ended = b->whole || b->authority_len < b->len - len;
		return true;
	}
	return false;
}

/* False: libcurl does not accept the beginning as a URL; reported. */
static bool check_by_curl(const struct conf_value *v, const struct beginning *b)
{
	size_t len = b->whole ? b->len : (size_t)(b->authority + b->authority_len - b->text);
	char *text = strndup(b->text, len), quoted[CONF_QUOTED], expected[CONF_EXPECTED];
	CURLU *url = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;

	if (text != NULL && url != NULL)
		code = curl_url_set(url, CURLUPART_URL, text, 0);
	if (code == CURLUE_OUT_OF_MEMORY)
		v->reader->errors.no_memory = true;
	else if (code != CURLUE_OK)
		conf_refuse(v, "%s is not a URL (%s): expected %s", conf_value_quote(v, quoted),
			curl_url_strerror(code), conf_expected(v->key, expected));
	curl_url_cleanup(url);
	free(text);
	return code == CURLUE_OK;
}

static bool is_host_byte(char c)
{
	return (unsigned char)c >= 0x80 ||
	       strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]%", c) !=
		       NULL;
}

/* What is wrong with the literal part of the authority. */
static const char *authority_fault(const struct beginning *b)
{
	for (size_t i = 0; i < b->authority_len; i++)
		if (b->authority[i] == '\0' || !is_host_byte(b->authority[i]))
			return "has a character in its host that is not allowed there";
	if (b->ended && (b->authority_len == 0 || b->authority[0] == ':'))
		return "has no host";
	return NULL;
}

/* What is wrong with a beginning that libcurl accepts. */
static const char *beginning_fault(const struct beginning *b)
{
	const char *fault = b->authority != NULL ? authority_fault(b) : NULL;

	if (fault == NULL && memchr(b->text, '#', b->len) != NULL)
		fault = "has a fragment (#), which is never sent";
	return fault;
}

/* Is the URL one? If so, forward->url_fixed says whether its host is fixed. */
static bool check_url_text(
	const struct conf_value *v, struct conf_forward *forward, struct beginning *b)
{
	const char *fault;

	if (!conf_check_one_line(v, forward->url))
		return false;
	if (!dissect(forward->url, b))
		return conf_value_refuse(v, "is not an http or https URL");
	/* it may contain a password: not repeated in the message */
	if (b->authority != NULL && memchr(b->authority, '@', b->authority_len) != NULL) {
		conf_refuse(v, "has a user or password before its host: expected \"bearer\" or a "
			       "header instead");
		return false;
	}
	fault = beginning_fault(b);
	if (fault != NULL)
		return conf_value_refuse(v, fault);
	forward->url_fixed = b->ended;
	return !b->ended || check_by_curl(v, b);
}

#define FIXED_HOST "expected a / after the host, before the first {{"

/* Does a name say that its value is a password or the like? By its words: X-Api-Key. */
static bool is_credential(const char *name)
{
	static const char *const words[] = {"authorization", "auth", "cookie", "key", "apikey",
		"token", "secret", "password", "passwd", "pass", "credential", "credentials",
		"session", "signature", "jwt", "bearer"};

	while (*name != '\0') {
		size_t len = strcspn(name, "-_.");

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i]) == len && strncasecmp(words[i], name, len) == 0)
				return true;
		name += len;
		name += *name != '\0';
	}
	return false;
}

/* No secret of the config goes to a host that the event chooses. */
static void check_header_secret(const struct conf_value *v, const struct conf_pair *header)
{
	if (conf_value_has_environment(v))
		conf_refuse(v, "the event may choose the host, and with it who gets the "
			       "environment's value: " FIXED_HOST);
	else if (is_credential(header->name) && template_has_fixed_text(header->value))
		conf_refuse(v, "the event may choose the host, and with it who gets this "
			       "header: " FIXED_HOST);
}

static void check_chosen_host(const struct conf_section *section,
	const struct conf_forward *forward, const struct conf_value *url, const struct beginning *b)
{
	const struct conf_node *headers = conf_node_get(section->node, "headers");

	if (forward->bearer != NULL || forward->secret != NULL || forward->certificate != NULL)
		conf_refuse(url, "the event may choose the host, and with it who gets the "
				 "\"bearer\", \"secret\" or \"certificate\": " FIXED_HOST);
	else if (conf_value_has_environment(url))
		conf_refuse(url, "the event may choose the host, and with it who gets the "
				 "environment's value: " FIXED_HOST);
	else if (b->authority_len > 0)
		conf_warn(url, "the event may choose the host, so only public addresses are "
			       "allowed: " FIXED_HOST);
	for (size_t i = 0; i < forward->header_count; i++) {
		struct conf_value v = conf_section_value(section, "headers", 0);

		v.name = forward->headers[i].name;
		v.node = headers->entries[i].value;
		check_header_secret(&v, &forward->headers[i]);
	}
}

static void check_url(const struct conf_section *section, struct conf_forward *forward)
{
	const struct conf_value v = conf_section_value(section, "url", 0);
	struct beginning b;

	if (check_url_text(&v, forward, &b) && !forward->url_fixed)
		check_chosen_host(section, forward, &v, &b);
}

static void check_headers(const struct conf_section *section, const struct conf_forward *forward)
{
	const struct conf_node *node = conf_node_get(section->node, "headers");

	for (size_t i = 0; i < forward->header_count; i++) {
		const struct conf_pair *header = &forward->headers[i];
		struct conf_value v = conf_section_value(section, "headers", 0);

		v.name = header->name;
		v.node = node->entries[i].value;
		(void)conf_check_one_line(&v, header->value);
		if (forward->bearer != NULL && strcasecmp(header->name, "Authorization") == 0)
			conf_refuse_at(&v, node->entries[i].at,
				"beside \"bearer\": expected only one of them");
	}
}

/* Standard Webhooks writes keys as whsec_ and base64. */
static void check_secret(const struct conf_section *section, const struct secret *secret)
{
	static const char prefix[] = "whsec_";
	unsigned char key[SECRET_MAX];
	size_t len;

	if (secret == NULL || !secret_starts_with(secret, prefix))
		return;
	if (sodium_base642bin(key, sizeof(key), (const char *)secret_bytes(secret) + strlen(prefix),
		    secret_len(secret) - strlen(prefix), NULL, &len, NULL,
		    sodium_base64_VARIANT_ORIGINAL) < 0 ||
		len == 0)
		conf_section_complain(section, "secret",
			"begins with whsec_, but the rest is not base64: expected the secret as "
			"its receiver shows it");
	sodium_memzero(key, sizeof(key));
}

/* Checks that it has no character that would end or break its header. */
static void check_bearer(const struct conf_section *section, const struct secret *bearer)
{
	const unsigned char *bytes = bearer != NULL ? secret_bytes(bearer) : NULL;

	for (size_t i = 0; bearer != NULL && i < secret_len(bearer); i++)
		if (bytes[i] <= ' ' || bytes[i] > '~') {
			conf_section_complain(section, "bearer",
				"has white space or a character that is not ASCII: expected a "
				"token alone");
			return;
		}
}

static void check_client(const struct conf_section *section)
{
	bool certificate = conf_section_has(section, "certificate");
	bool key = conf_section_has(section, "key");

	if (certificate && !key)
		conf_section_complain(
			section, "certificate", "has no \"key\" with it: expected both");
	if (key && !certificate)
		conf_section_complain(
			section, "key", "has no \"certificate\" with it: expected both");
}

void conf_check_forward(const struct conf_section *section, struct conf_forward *forward)
{
	/* a node that is not a mapping has been reported */
	if (section->node->kind != CONF_NODE_MAPPING)
		return;
	if (forward->url != NULL)
		check_url(section, forward);
	check_headers(section, forward);
	check_secret(section, forward->secret);
	check_bearer(section, forward->bearer);
	check_client(section);
	conf_check_file(section, "ca", forward->ca, false);
	conf_check_file(section, "certificate", forward->certificate, false);
	conf_check_file(section, "key", forward->key, true);
	if (!forward->verify_tls && conf_section_has(section, "verify_tls"))
		conf_section_caution(section, "verify_tls",
			"the receiver is not authenticated: expected true, and \"ca\" for a "
			"certificate "
			"of your own");
}
