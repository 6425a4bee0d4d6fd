#include "post.h"

#include "output.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT 5L  /* seconds */
#define TIMEOUT         30L /* seconds; senders wait no longer */

struct ctl_post {
	CURL *curl;
	const struct ctl_target *target;
	char error[CURL_ERROR_SIZE];
};

bool ctl_is_loopback(const char *url)
{
	CURLU *parts = curl_url();
	char *host = NULL;
	bool loopback = false;

	if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		loopback = strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
			   strcmp(host, "[::1]") == 0;
	curl_free(host);
	curl_url_cleanup(parts);
	return loopback;
}

static size_t keep_answer(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *answer = arg;
	size_t len = size * count, room = CTL_ANSWER_MAX - answer->len;

	buf_add(answer, bytes, len < room ? len : room);
	return len;
}

struct ctl_post *ctl_post_new(const struct ctl_target *target)
{
	struct ctl_post *p = calloc(1, sizeof(*p));
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	if (p != NULL)
		p->curl = curl_easy_init();
	if (p == NULL || p->curl == NULL)
		goto out;
	p->target = target;
	rc = curl_easy_setopt(p->curl, CURLOPT_URL, target->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(
			p->curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	if (rc == CURLE_OK && target->unix_path != NULL)
		rc = curl_easy_setopt(p->curl, CURLOPT_UNIX_SOCKET_PATH, target->unix_path);
	if (rc == CURLE_OK && target->local)
		rc = curl_easy_setopt(p->curl, CURLOPT_PROXY, "");
	if (rc == CURLE_OK && target->proxy_protocol)
		rc = curl_easy_setopt(p->curl, CURLOPT_HAPROXYPROTOCOL, 1L);
	if (rc == CURLE_OK && target->insecure) {
		rc = curl_easy_setopt(p->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		if (rc == CURLE_OK)
			rc = curl_easy_setopt(p->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_USERAGENT, "hookctl/" HOOKD_VERSION);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, keep_answer);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_ERRORBUFFER, p->error);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_TIMEOUT, TIMEOUT);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
out:
	if (rc == CURLE_OK)
		return p;
	ctl_error("%s: %s", target->url, curl_easy_strerror(rc));
	ctl_post_free(p);
	return NULL;
}

static void report_failure(const struct ctl_post *p, CURLcode rc)
{
	const char *where = p->target->url;
	const char *reason = p->error[0] != '\0' ? p->error : curl_easy_strerror(rc);
	const char *on = p->target->unix_path != NULL ? " on " : "";
	const char *path = p->target->unix_path != NULL ? p->target->unix_path : "";
	long number = 0;

	(void)curl_easy_getinfo(p->curl, CURLINFO_OS_ERRNO, &number);
	if (rc == CURLE_COULDNT_CONNECT && number == EACCES)
		ctl_error("%s%s%s: this user may not connect to it", where, on, path);
	else if (rc == CURLE_COULDNT_CONNECT && (number == ECONNREFUSED || number == ENOENT))
		ctl_error("nothing listens at %s%s%s: is hookd running?", where, on, path);
	else if (rc == CURLE_PEER_FAILED_VERIFICATION)
		ctl_error("%s: %s (--insecure accepts any certificate)", where, reason);
	else if (rc == CURLE_SSL_CONNECT_ERROR)
		ctl_error("%s: %s (does it speak TLS?)", where, reason);
	else
		ctl_error("%s%s%s: %s", where, on, path, reason);
}

bool ctl_post_send(struct ctl_post *p, const char *signature, const struct buf *body, long *code,
	struct buf *answer)
{
	struct curl_slist *headers = NULL, *more;
	/* curl would wait for "100 Continue" before a large body. */
	const char *const lines[] = {signature, "Content-Type: application/json", "Expect:"};
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	buf_clear(answer);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		more = curl_slist_append(headers, lines[i]);
		if (more == NULL)
			goto out;
		headers = more;
	}
	p->error[0] = '\0';
	rc = curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, headers);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(
			p->curl, CURLOPT_POSTFIELDS, body->data != NULL ? body->data : "");
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, answer);
	if (rc == CURLE_OK)
		rc = curl_easy_perform(p->curl);
	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, code);
	(void)curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, NULL);
out:
	curl_slist_free_all(headers);
	if (rc != CURLE_OK)
		report_failure(p, rc);
	return rc == CURLE_OK;
}

void ctl_post_free(struct ctl_post *p)
{
	if (p == NULL)
		return;
	curl_easy_cleanup(p->curl);
	free(p);
}
