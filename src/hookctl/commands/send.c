/* hookctl/commands/send.c - makes an event up, or takes a file, signs it and posts it to hookd.
 * Prints hookd's answer to each, "HTTP 200 {"status":"stored",…}", and after more than three
 *   sent 100: 98 × HTTP 200 stored, 2 × HTTP 503 busy
 * or with --dry-run the curl command that would send it. */
#include "commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "hookctl/config.h"
#include "hookctl/curl_command.h"
#include "hookctl/keys.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/post.h"
#include "sender/sender.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_MAX  1000000
#define AMOUNT_MAX INT64_C(1000000000000)

static const struct ctl_option options[] = {
	{'t', "type", "TYPE", "transaction.*, payout.*, customer.* (transaction.approved)"},
	{'a', "amount", "XOF", "the amount (5000)"},
	{'b', "file", "FILE", "send the bytes of this file; - for standard input"},
	{'n', "count", "N", "how many to send (1)"},
	{'m', "same", NULL, "send the same event N times: all but the first are duplicates"},
	{'s', "source", "NAME", "send to this source of the config (the only one)"},
	{'u', "url", "URL", "send to this address (the source's)"},
	{'f', "secret-from", "WHERE", "credential:NAME, file:PATH or env:NAME (the source's)"},
	{'k', "insecure", NULL, "accept any TLS certificate"},
	{'d', "dry-run", NULL, "send nothing: print the curl command"},
	{0},
};

struct send {
	const char *type, *file, *source, *url, *from;
	int64_t amount; /* 0: not given */
	int64_t count;
	bool same, insecure, dry_run;
};

/* Counts the requests by their answer. */
#define KINDS_MAX 16
struct tally {
	struct {
		char what[48];
		int64_t count;
	} kinds[KINDS_MAX];
	size_t kind_count;
	int64_t sent;
	bool all_good;
};

/* Reads the options. False: exit with *status. */
static bool read_send_options(struct ctl *ctl, struct send *s, int argc, char **argv, int *status)
{
	int key;

	while ((key = ctl_next_option(ctl, &ctl_send, argc, argv, status)) >= 0) {
		switch (key) {
		case 't':
			s->type = optarg;
			break;
		case 'a':
			if (!ctl_amount(optarg, AMOUNT_MAX, &s->amount))
				return false;
			break;
		case 'b':
			s->file = optarg;
			break;
		case 'n':
			if (!ctl_number("--count", optarg, 1, COUNT_MAX, &s->count))
				return false;
			break;
		case 'm':
			s->same = true;
			break;
		case 's':
			s->source = optarg;
			break;
		case 'u':
			s->url = optarg;
			break;
		case 'f':
			s->from = optarg;
			break;
		case 'k':
			s->insecure = true;
			break;
		case 'd':
			s->dry_run = true;
			break;
		}
	}
	return key != CTL_STOP &&
	       ctl_operands(&ctl_send, argc, 0, "options only; --file names the body");
}

static bool is_type(const char *type)
{
	size_t len = strlen(type);

	for (size_t i = 0; i < len; i++)
		if (type[i] <= ' ' || type[i] > '~')
			return false;
	return len > 0 && len <= EVENT_TYPE_MAX;
}

static bool options_agree(const struct send *s)
{
	if (s->file != NULL && (s->type != NULL || s->amount != 0)) {
		ctl_error("send: --file sends the file as it is; --type and --amount are for a "
			  "made-up event");
		return false;
	}
	if (s->type != NULL && !is_type(s->type)) {
		ctl_error("--type: expected a type such as %s, at most %d bytes without spaces",
			sender_default()->sample_type, EVENT_TYPE_MAX);
		return false;
	}
	if (s->url != NULL && strncasecmp(s->url, "http://", 7) != 0 &&
		strncasecmp(s->url, "https://", 8) != 0) {
		ctl_error("--url: expected http://HOST… or https://HOST…");
		return false;
	}
	if (s->url != NULL && s->from != NULL && s->source != NULL) {
		ctl_error("send: --source has no use beside --url and --secret-from");
		return false;
	}
	return true;
}

static bool type_has_amount(const struct send *s, const struct sender *sender)
{
	if (s->amount == 0 || s->type == NULL || sender->sample_has_amount(s->type))
		return true;
	ctl_error("--amount: an event of type %s has none", s->type);
	return false;
}

/* The first one without the PROXY protocol, which only its balancer may speak; or else the first.
 */
static const struct conf_listen *reachable_listener(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++)
		if (!conf->listen[i].proxy_protocol)
			return &conf->listen[i];
	return &conf->listen[0];
}

/* The address of one of the config's listeners, as this machine reaches it. */
static bool add_listener(const struct conf *conf, struct ctl_target *t, struct buf *url)
{
	const char *scheme = conf->tls.certificate != NULL ? "https" : "http";
	const struct conf_listen *listen = conf->listen_count > 0 ? reachable_listener(conf) : NULL;
	struct net_address address;
	char host[NET_TEXT];
	static const uint8_t any[16], loopback6[16] = {[15] = 1}, loopback4[4] = {127, 0, 0, 1};

	if (listen == NULL || (listen->unix_path == NULL && listen->port == 0)) {
		ctl_error("%s does not say where hookd listens; expected --url", conf->file);
		return false;
	}
	t->proxy_protocol = listen->proxy_protocol;
	if (listen->unix_path != NULL) {
		t->unix_path = listen->unix_path;
		buf_printf(url, "%s://localhost", scheme);
		return true;
	}
	address = listen->address;
	if (address.family == AF_INET6 && memcmp(address.bytes, any, 16) == 0)
		memcpy(address.bytes, loopback6, 16);
	else if (address.family == AF_INET && memcmp(address.bytes, any, 4) == 0)
		memcpy(address.bytes, loopback4, 4);
	net_format(&address, host);
	buf_printf(url, address.family == AF_INET6 ? "%s://[%s]:%u" : "%s://%s:%u", scheme, host,
		(unsigned)listen->port);
	return true;
}

/* Finds where to send to and what to sign with: from the options, and otherwise from the config.
 * Returns CTL_OK or the exit code. */
static int find_target(const struct ctl *ctl, const struct send *s, struct ctl_keys *keys,
	struct ctl_target *t, struct buf *url)
{
	const struct conf_source *source;
	int status = ctl_keys_load(ctl, keys, &s->from, s->from != NULL ? 1 : 0, s->source, NULL);

	if (status != CTL_OK)
		return status;
	t->insecure = s->insecure;
	if (s->url != NULL) {
		buf_add_text(url, s->url);
	} else {
		if (keys->conf == NULL)
			keys->conf = ctl_config_load(ctl);
		if (keys->conf == NULL)
			return CTL_CONFIG;
		source = ctl_config_source(keys->conf, s->source);
		if (source == NULL)
			return CTL_USAGE;
		keys->sender = source->sender;
		if (!add_listener(keys->conf, t, url))
			return CTL_USAGE;
		buf_add_text(url, source->path);
	}
	if (!buf_ok(url)) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	t->url = url->data;
	t->local = t->unix_path != NULL || ctl_is_loopback(t->url);
	return CTL_OK;
}

static bool make_body(const struct send *s, const struct sender *sender, struct buf *body)
{
	struct sender_sample sample = {
		.type = s->type != NULL ? s->type : sender->sample_type,
		.amount = s->amount != 0 ? s->amount : sender->sample_amount,
		.now = clock_wall(),
	};

	buf_clear(body);
	if (sender->sample(&sample, body))
		return true;
	ctl_error("out of memory");
	return false;
}

static bool print_command(const struct ctl_target *t, const char *signature, const struct send *s,
	const struct buf *body)
{
	const char *const headers[] = {"Content-Type: application/json", signature, NULL};
	struct curl_command c = {
		.url = t->url,
		.unix_path = t->unix_path,
		.headers = headers,
		.insecure = t->insecure,
		.no_proxy = t->local,
		.proxy_protocol = t->proxy_protocol,
		.file = s->file,
		.body = body->data,
		.body_len = body->len,
	};
	struct buf out = {0};
	bool written;

	if (s->file != NULL && strcmp(s->file, "-") == 0 &&
		curl_command_fits(body->data, body->len))
		c.file = NULL;
	else if (s->file != NULL && strcmp(s->file, "-") == 0)
		ctl_error(
			"this body cannot be an argument: give it to curl on standard input again");
	curl_command_write(&c, &out);
	written = ctl_print(&out);
	buf_free(&out);
	return written;
}

/* Counts the answer as "HTTP 200 stored": the code, and hookd's status if there is one. */
static void tally_add(struct tally *tally, long code, const struct buf *answer)
{
	json_t *json;
	bool parsed =
		json_read(answer->data != NULL ? answer->data : "", answer->len, NULL, &json, NULL);
	const char *word = parsed ? json_string_value(json_object_get(json, "status")) : NULL;
	char what[sizeof(tally->kinds[0].what)];
	size_t i = 0;

	tally->sent++;
	tally->all_good = tally->all_good && code >= 200 && code < 300;
	/* Another server may answer with anything: only a plain word is printed on the terminal. */
	if (word != NULL && strspn(word, "abcdefghijklmnopqrstuvwxyz") == strlen(word) &&
		strlen(word) <= 24)
		snprintf(what, sizeof(what), "HTTP %ld %s", code, word);
	else
		snprintf(what, sizeof(what), "HTTP %ld", code);
	json_decref(json);
	while (i < tally->kind_count && strcmp(tally->kinds[i].what, what) != 0)
		i++;
	if (i == KINDS_MAX)
		return;
	if (i == tally->kind_count) {
		memcpy(tally->kinds[i].what, what, sizeof(what));
		tally->kind_count++;
	}
	tally->kinds[i].count++;
}

static void print_answer(long code, const struct buf *answer)
{
	struct buf line = {0};
	size_t len = answer->len;

	while (len > 0 && (answer->data[len - 1] == '\n' || answer->data[len - 1] == '\r'))
		len--;
	buf_printf(&line, "HTTP %ld%s", code, len > 0 ? " " : "");
	buf_add_escaped(&line, answer->data, len, '\0');
	printf("%s\n", line.data != NULL ? line.data : "");
	buf_free(&line);
}

static void print_tally(const struct tally *tally)
{
	printf("sent %" PRId64, tally->sent);
	for (size_t i = 0; i < tally->kind_count; i++)
		printf("%s %" PRId64 " × %s", i == 0 ? ":" : ",", tally->kinds[i].count,
			tally->kinds[i].what);
	putchar('\n');
}

static int send_all(const struct send *s, const struct ctl_keys *keys, const struct ctl_target *t,
	struct buf *body)
{
	const struct verify_scheme *proof = &keys->sender->proof;
	struct tally tally = {.all_good = true};
	struct ctl_post *post = NULL;
	struct buf answer = {0}, signature = {0};
	char value[VERIFY_HEADER_MAX];
	bool going = true;
	long code;

	if (!s->dry_run) {
		post = ctl_post_new(t);
		going = post != NULL;
	}
	for (int64_t i = 0; i < s->count && going; i++) {
		if (s->file == NULL && (i == 0 || !s->same) && !make_body(s, keys->sender, body)) {
			going = false;
			break;
		}
		verify_sign(
			proof, keys->secrets[0], clock_wall() / 1000, body->data, body->len, value);
		buf_clear(&signature);
		buf_printf(&signature, "%s: %s", proof->headers[0], value);
		if (!buf_ok(&signature)) {
			ctl_error("out of memory");
			going = false;
		} else if (s->dry_run) {
			going = print_command(t, signature.data, s, body);
		} else {
			going = ctl_post_send(post, signature.data, body, &code, &answer);
			if (going) {
				print_answer(code, &answer);
				tally_add(&tally, code, &answer);
			}
		}
	}
	if (s->count > 3 && tally.sent > 0)
		print_tally(&tally);
	ctl_post_free(post);
	buf_free(&answer);
	buf_free(&signature);
	return going && tally.all_good ? CTL_OK : CTL_FAILED;
}

static int send_command(struct ctl *ctl, int argc, char **argv)
{
	struct send s = {.count = 1};
	struct ctl_target target = {0};
	struct ctl_keys keys = {0};
	struct buf url = {0}, body = {0};
	int status;

	if (!read_send_options(ctl, &s, argc, argv, &status))
		return status;
	if (!options_agree(&s))
		return CTL_USAGE;
	status = find_target(ctl, &s, &keys, &target, &url);
	if (status != CTL_OK)
		goto out;
	if (!type_has_amount(&s, keys.sender)) {
		status = CTL_USAGE;
		goto out;
	}
	status = CTL_FAILED;
	if (s.file != NULL && !ctl_read_file(s.file, &body))
		goto out;
	status = send_all(&s, &keys, &target, &body);
out:
	buf_free(&body);
	buf_free(&url);
	ctl_keys_free(&keys);
	return status;
}

const struct ctl_command ctl_send = {
	"send",
	"[--type TYPE | --file FILE|-] [--count N] [--same] [--source NAME] [--url URL] "
	"[--secret-from WHERE] [--dry-run] …",
	"make an event as the sender would, sign it and post it",
	options,
	send_command,
};
