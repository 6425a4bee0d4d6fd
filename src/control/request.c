#include "request.h"

#include "base/json.h"
#include "control/act.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 16384 };

enum request_state request_read(struct request *r)
{
	char chunk[CHUNK];

	while (r->line == 0) {
		ssize_t n = recv(r->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return REQUEST_PART;
		if (n <= 0)
			return REQUEST_GONE;
		const char *end = memchr(chunk, '\n', (size_t)n);
		if (end != NULL)
			r->line = r->bytes.len + (size_t)(end - chunk) + 1;
		buf_add(&r->bytes, chunk, (size_t)n);
		if ((r->line == 0 ? r->bytes.len : r->line) > REQUEST_MAX || !buf_ok(&r->bytes))
			return REQUEST_TOO_LONG;
	}
	return REQUEST_WHOLE;
}

void request_free(struct request *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
	buf_free(&r->bytes);
}

static json_t *refuse_request(json_t *request, struct buf *why, const char *what)
{
	buf_add_text(why, what);
	json_decref(request);
	return NULL;
}

json_t *request_parse(const struct request *r, struct buf *why)
{
	static const struct json_rules rules = {JSON_VALUES_MAX, true};
	struct json_wrong wrong;
	json_t *request;

	if (!json_read(r->bytes.data, r->line - 1, &rules, &request, &wrong))
		return refuse_request(NULL, why, "out of memory");
	if (request == NULL) {
		buf_printf(
			why, "the request is not JSON: column %zu: %s", wrong.column, wrong.what);
		return NULL;
	}
	return json_is_object(request)
		       ? request
		       : refuse_request(request, why, "the request is not a JSON object");
}

json_t *request_store_id(const struct stat *sb)
{
	return json_pack("[I, I]", (json_int_t)sb->st_dev, (json_int_t)sb->st_ino);
}

bool request_accept(const json_t *request, const struct stat *store, json_t **answer)
{
	const json_t *version = json_object_get(request, "hookd");
	const json_t *wanted = json_object_get(request, "store");
	json_t *ours = request_store_id(store);
	bool good = false;

	if (!json_is_integer(version) || json_integer_value(version) != CONTROL_VERSION)
		*answer = json_pack("{s:s, s:i}", "error",
			"this hookd speaks version 1 of the control protocol, and the request is "
			"of "
			"another: use the hookctl that came with it",
			"hookd", CONTROL_VERSION);
	else if (ours != NULL && (wanted == NULL || json_equal(wanted, ours) == 1))
		good = true;
	else
		*answer = json_pack("{s:s}", "error", "this hookd runs on another store");
	json_decref(ours);
	return good;
}
