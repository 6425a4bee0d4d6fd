#include "health.h"

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HOUR (60 * INT64_C(60000))

enum { PAGES_MAX = 10 };

/* ---- which one is ours ---- */

static size_t without_slashes(const char *url)
{
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		len--;
	return len;
}

static bool same_url(const char *a, const char *b)
{
	size_t len = without_slashes(a);

	return len == without_slashes(b) && memcmp(a, b, len) == 0;
}

/* A proxy may add to the front of a path. */
static bool ends_in_path(const char *url, const char *path)
{
	const char *host = strstr(url, "://");
	const char *start = host != NULL ? strchr(host + 3, '/') : NULL;
	size_t len = start != NULL ? strcspn(start, "?#") : 0, end = without_slashes(path);

	while (len > 0 && start[len - 1] == '/')
		len--;
	return end > 0 && len >= end && memcmp(start + len - end, path, end) == 0;
}

bool health_is_ours(const struct conf_source *source, const char *url)
{
	const char *public_url = source->api.public_url;

	return public_url != NULL ? same_url(url, public_url) : ends_in_path(url, source->path);
}

/* What the list shows. The rows are borrowed from `list`. */
struct found {
	json_t *list;
	const json_t *ours;    /* an enabled one, if there is any; NULL: none */
	const json_t *another; /* a second one at the same URL that is enabled, too; NULL: none */
	const json_t *known;   /* the one of state.webhook_id; NULL: it is not there */
	size_t count;          /* that may be ours */
};

static const char *url_of(const json_t *row)
{
	const char *url = json_string_value(json_object_get(row, "url"));

	return url != NULL ? url : "";
}

static int64_t id_of(const json_t *row)
{
	return json_integer_value(json_object_get(row, "id"));
}

static bool is_enabled(const json_t *row)
{
	return !json_is_false(json_object_get(row, "enabled"));
}

static void take_row(const struct task *t, struct found *f, const json_t *row)
{
	if (t->state.webhook_id != 0 && id_of(row) == t->state.webhook_id)
		f->known = row;
	if (!health_is_ours(t->source, url_of(row)))
		return;
	f->count++;
	if (f->ours == NULL || (is_enabled(row) && !is_enabled(f->ours))) {
		f->ours = row;
	} else if (is_enabled(row) && same_url(url_of(row), url_of(f->ours))) {
		f->another = row;
	}
}

/* False: it could not be read. */
static bool read_list(struct task *t, json_t *list)
{
	struct client_answer answer;
	json_t *page = NULL;
	size_t rows = 1;
	bool good = true;
	char path[80];

	for (unsigned i = 1; good && rows > 0 && i <= PAGES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "%s?page=%u&per_page=%d",
			t->source->sender->api->webhooks, i, SWEEP_PAGE);
		task_get_once(t, path, &answer);
		good = answer.result == CLIENT_OK &&
		       answer_read_objects(answer.body.data != NULL ? answer.body.data : "",
			       answer.body.len, &page) == ANSWER_OK;
		rows = good ? json_array_size(page) : 0;
		if (good)
			good = json_array_extend(list, page) == 0;
		rows = rows < SWEEP_PAGE ? 0 : rows;
		json_decref(page);
		page = NULL;
		buf_free(&answer.body);
	}
	return good;
}

/* ---- what is told of it ---- */

static bool is_bad(const char *word)
{
	return word[0] != '\0' && strcmp(word, STORE_WEBHOOK_ENABLED) != 0 &&
	       strcmp(word, STORE_WEBHOOK_UNKNOWN) != 0;
}

static void log_change(const struct task *t, bool was_bad)
{
	const struct store_catchup_state *s = &t->state;
	const struct log_field source = log_text("source", t->source->name),
			       webhook = log_int("webhook", s->webhook_id);

	if (is_bad(s->webhook))
		log_error("the webhook is not well: events come from the API only", source, webhook,
			log_text("state", s->webhook), log_text("reason", s->webhook_text));
	else if (was_bad)
		log_info("the webhook is well again", source, webhook,
			log_text("state", s->webhook_text));
	else if (strcmp(s->webhook, STORE_WEBHOOK_UNKNOWN) == 0)
		log_info("the webhook is not known: set api.public_url", source,
			log_text("reason", s->webhook_text));
}

/* The text is in the state already. */
static void set_state(struct task *t, const char *word)
{
	struct store_catchup_state *s = &t->state;
	bool was_bad = is_bad(s->webhook), changed = strcmp(s->webhook, word) != 0;

	if (!changed)
		return;
	(void)snprintf(s->webhook, sizeof(s->webhook), "%s", word);
	if (is_bad(word))
		s->webhook_bad_at = clock_wall();
	else if (was_bad)
		s->webhook_good_at = clock_wall();
	t->changed = true;
	log_change(t, was_bad);
}

static void set_text(struct task *t, const char *format, ...) PRINTF(2, 3);

static void set_text(struct task *t, const char *format, ...)
{
	struct buf text = {0}, shown = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	if (text.data != NULL)
		buf_add_escaped(&shown, text.data, text.len, '\0');
	(void)snprintf(t->state.webhook_text, sizeof(t->state.webhook_text), "%s",
		shown.data != NULL ? shown.data : "");
	buf_free(&text);
	buf_free(&shown);
}

static void judge_missing(struct task *t, const struct found *f)
{
	const int64_t id = t->state.webhook_id;
	const char *public_url = t->source->api.public_url;

	if (f->known != NULL) {
		set_text(t, "webhook %" PRId64 " points to %s, not here", id, url_of(f->known));
		set_state(t, "elsewhere");
	} else if (id != 0) {
		set_text(t, "webhook %" PRId64 " is gone", id);
		set_state(t, "gone");
	} else if (public_url != NULL) {
		set_text(t, "no webhook points to %s", public_url);
		set_state(t, "missing");
	} else {
		set_text(t, "no webhook's URL ends in %s", t->source->path);
		set_state(t, STORE_WEBHOOK_UNKNOWN);
	}
}

/* Was it found to bring nothing, and has brought nothing since? */
static bool is_still_silent(const struct task *t)
{
	char why[STORE_READ_WHY];
	int64_t last;

	return strcmp(t->state.webhook, STORE_WEBHOOK_SILENT) == 0 &&
	       store_catchup_last_webhook(t->reader, t->source->name, &last, why) &&
	       last < t->state.webhook_bad_at;
}

static void judge_enabled(struct task *t, const struct found *f)
{
	const int64_t id = id_of(f->ours);

	if (json_is_false(json_object_get(f->ours, "ssl_verify")) &&
		strncmp(url_of(f->ours), "https:", 6) == 0) {
		set_text(t, "webhook %" PRId64 " does not verify this server's certificate", id);
		set_state(t, "unverified");
	} else if (f->another != NULL) {
		set_text(t, "webhooks %" PRId64 " and %" PRId64 " both point to %s", id,
			id_of(f->another), url_of(f->ours));
		set_state(t, "doubled");
	} else if (!is_still_silent(t)) {
		set_text(t, "webhook %" PRId64 " enabled%s%s", id,
			json_is_true(json_object_get(f->ours, "disable_on_error"))
				? "; its sender disables it when requests fail"
				: "",
			f->count > 1 ? "; others end in the same path: set api.public_url" : "");
		set_state(t, STORE_WEBHOOK_ENABLED);
	}
}

static void judge(struct task *t, const struct found *f)
{
	if (f->ours == NULL) {
		judge_missing(t, f);
		return;
	}
	t->state.webhook_id = id_of(f->ours);
	if (is_enabled(f->ours)) {
		judge_enabled(t, f);
		return;
	}
	set_text(t, "webhook %" PRId64 " is disabled", t->state.webhook_id);
	set_state(t, STORE_WEBHOOK_DISABLED);
}

/* ---- enabling it again ---- */

/* Otherwise the sender would disable it once more. */
static bool is_reachable(struct task *t, const char *url)
{
	struct client_answer answer;
	bool good;

	client_probe(t->client, url, &answer);
	good = answer.status >= 200 && answer.status < 500 && answer.status != 404;
	if (!good)
		set_text(t,
			"webhook %" PRId64
			" is disabled, and is not enabled: %s does not reach hookd: %s",
			t->state.webhook_id, url, answer.why);
	buf_free(&answer.body);
	return good;
}

/* The answer to the change proves nothing. */
static bool is_enabled_now(struct task *t, const char *path)
{
	struct client_answer answer;
	json_t *row = NULL;
	bool good;

	task_get(t, path, &answer);
	good = answer.result == CLIENT_OK &&
	       answer_read_object(answer.body.data != NULL ? answer.body.data : "", answer.body.len,
		       &row) == ANSWER_OK &&
	       json_is_true(json_object_get(row, "enabled"));
	json_decref(row);
	buf_free(&answer.body);
	return good;
}

static void enable(struct task *t, const char *url)
{
	struct client_answer answer;
	char path[80];

	if (clock_wall() - t->state.reenabled_at < HOUR || !is_reachable(t, url))
		return;
	(void)snprintf(path, sizeof(path), "%s/%" PRId64, t->source->sender->api->webhooks,
		t->state.webhook_id);
	t->state.reenabled_at = clock_wall();
	task_put(t, path, "{\"enabled\":true}", &answer);
	if (answer.result != CLIENT_STOPPED && is_enabled_now(t, path)) {
		set_text(t, "webhook %" PRId64 " enabled again by hookd", t->state.webhook_id);
		set_state(t, STORE_WEBHOOK_ENABLED);
	} else if (answer.result != CLIENT_STOPPED) {
		set_text(t, "webhook %" PRId64 " is disabled, and hookd could not enable it: %s",
			t->state.webhook_id,
			answer.why[0] != '\0' ? answer.why : "the API still shows it disabled");
	}
	buf_free(&answer.body);
}

/* ---- */

void health_check(struct task *t)
{
	struct found f = {.list = json_array()};

	if (f.list != NULL && read_list(t, f.list)) {
		for (size_t i = 0; i < json_array_size(f.list); i++)
			take_row(t, &f, json_array_get(f.list, i));
		t->state.webhook_at = clock_wall();
		judge(t, &f);
		t->dead = t->dead || is_bad(t->state.webhook);
		if (strcmp(t->state.webhook, STORE_WEBHOOK_DISABLED) == 0 &&
			t->source->api.reenable)
			enable(t, t->source->api.public_url != NULL ? t->source->api.public_url
								    : url_of(f.ours));
	}
	json_decref(f.list);
}

void health_note_missing(struct task *t)
{
	char why[STORE_READ_WHY];
	int64_t last, now = clock_wall();

	if (strcmp(t->state.webhook, STORE_WEBHOOK_ENABLED) != 0 ||
		!store_catchup_last_webhook(t->reader, t->source->name, &last, why) ||
		now - last < t->silence || now - t->state.begun_at < t->silence)
		return;
	set_text(t, "webhook %" PRId64 " is enabled, but brings nothing: see its log at the sender",
		t->state.webhook_id);
	set_state(t, STORE_WEBHOOK_SILENT);
}
