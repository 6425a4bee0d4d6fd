/* conf/check/api.c - the key "api" of a source: its key, its mode, its URL. */
#include "check.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UNENCRYPTED "would send the key unencrypted"

/* It goes into a header. */
static bool check_key(const struct conf_section *api, const struct secret *key)
{
	const unsigned char *bytes = secret_bytes(key);

	for (size_t i = 0; i < secret_len(key); i++)
		if (bytes[i] <= ' ' || bytes[i] > '~') {
			conf_section_complain(api, "key",
				"has white space or a character that is not ASCII: expected an API "
				"key alone");
			return false;
		}
	return true;
}

/* A key of one mode sees none of the other's payments. */
static void check_modes(const struct conf_section *api, const struct conf_source *s,
	const struct sender_api_mode *mode)
{
	for (size_t i = 0; i < s->secret_count; i++) {
		const struct sender_mode *secret =
			s->secrets[i] != NULL ? sender_mode_of(s->secrets[i]) : NULL;

		if (secret == NULL || strcmp(secret->name, mode->name) == 0)
			continue;
		conf_section_complain(api, "key",
			"is for %s mode, but secrets[%zu] is for %s mode: expected both of one "
			"mode",
			mode->name, i + 1, secret->name);
		return;
	}
}

static bool is_loopback(const char *host)
{
	struct in_addr address;

	return strcmp(host, "[::1]") == 0 ||
	       (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/* What is wrong with a URL; NULL: nothing. */
static const char *parts_fault(CURLU *parts)
{
	char *scheme = NULL, *host = NULL, *more = NULL;
	const char *fault = NULL;

	if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		fault = "is not a URL with a host";
	else if (curl_url_get(parts, CURLUPART_QUERY, &more, 0) == CURLUE_OK ||
		 curl_url_get(parts, CURLUPART_FRAGMENT, &more, 0) == CURLUE_OK)
		fault = "has a query or a fragment";
	else if (strcmp(scheme, "https") != 0 &&
		 (strcmp(scheme, "http") != 0 || !is_loopback(host)))
		fault = UNENCRYPTED;
	curl_free(scheme);
	curl_free(host);
	curl_free(more);
	return fault;
}

static void check_url(const struct conf_section *api, char *url)
{
	CURLU *parts = curl_url();
	const char *fault = "is not a URL without a user and password";

	if (parts == NULL) {
		api->reader->errors.no_memory = true;
		return;
	}
	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK)
		fault = parts_fault(parts);
	curl_url_cleanup(parts);
	if (fault != NULL)
		conf_section_complain(api, "url",
			"%s: expected https://HOST/PATH (http only to a loopback address such as "
			"127.0.0.1)",
			fault);
	for (size_t len = strlen(url); len > 0 && url[len - 1] == '/'; len--)
		url[len - 1] = '\0';
}

static void set_url(
	const struct conf_section *api, struct conf_source *s, const struct sender_api_mode *mode)
{
	if (s->api.url != NULL) {
		check_url(api, s->api.url);
		return;
	}
	if (conf_section_has(api, "url"))
		return; /* reported */
	if (mode == NULL) {
		conf_section_complain(api, "key",
			"begins as no API key of %s does, so its mode is not known: expected one "
			"that begins with %s or %s",
			s->sender->title, s->sender->api->modes[0].prefix,
			s->sender->api->modes[1].prefix);
		return;
	}
	s->api.url = strdup(mode->url);
	if (s->api.url == NULL)
		api->reader->errors.no_memory = true;
}

/* It is asked for, and compared with what the sender shows. */
static void check_public_url(const struct conf_section *api, const char *url)
{
	CURLU *parts = curl_url();
	const char *fault = "is not a URL without a user and password";

	if (parts == NULL) {
		api->reader->errors.no_memory = true;
		return;
	}
	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK)
		fault = parts_fault(parts);
	curl_url_cleanup(parts);
	if (fault != NULL)
		conf_section_complain(api, "public_url",
			"%s: expected the https URL at which the sender reaches this source",
			strcmp(fault, UNENCRYPTED) == 0 ? "is not https" : fault);
}

void conf_check_api(const struct conf_section *source, struct conf_source *s)
{
	const struct conf_section api = conf_section_inner(source, "api");
	const struct sender_api_mode *mode;

	/* what is missing has been reported */
	if (api.node == NULL || api.node->kind != CONF_NODE_MAPPING || s->api.key == NULL ||
		s->sender == NULL)
		return;
	if (s->sender->api == NULL) {
		conf_section_complain(source, "api", "the scheme %s has none", s->sender->name);
		return;
	}
	conf_check_api_types(&api, s);
	if (!check_key(&api, s->api.key))
		return;
	if (sender_mode_of(s->api.key) != NULL ||
		secret_starts_with(s->api.key, s->sender->public_key)) {
		conf_section_complain(&api, "key",
			"is not a secret key of %s's API: expected one that begins with %s or %s",
			s->sender->title, s->sender->api->modes[0].prefix,
			s->sender->api->modes[1].prefix);
		return;
	}
	mode = sender_api_mode_of(s->sender, s->api.key);
	if (mode != NULL)
		check_modes(&api, s, mode);
	set_url(&api, s, mode);
	if (s->api.public_url != NULL)
		check_public_url(&api, s->api.public_url);
}
