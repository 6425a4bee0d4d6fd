/* hookctl/commands/verify.c - checks a signature and explains why it does not match
 * (diagnose/). Prints a line for each check, "ok   header     t=… and 1 signature", then
 * "verified", or "not verified:" and the reason. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/diagnose/diagnose.h"
#include "hookctl/diagnose/header.h"
#include "hookctl/keys.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECONDS_MAX       INT64_C(253402300799)
#define DEFAULT_TOLERANCE 300000

static const struct ctl_option options[] = {
	{'H', "header", "VALUE", "the signature header: its value, or the whole line"},
	{'f', "secret-from", "WHERE", "credential:NAME, file:PATH or env:NAME; may be repeated"},
	{'s', "source", "NAME", "use the secrets and tolerance of this source (the only one)"},
	{'S', "scheme", "NAME", "with --secret-from: the scheme it was signed by"},
	{'o', "tolerance", "TIME", "how far the signature's time may be off (5m); 0: any"},
	{'a', "at", "UNIX", "check as of this time, in unix seconds (now)"},
	{0},
};

struct verification {
	const char *header; /* as given */
	const char *source;
	const char *scheme;
	const char *from[CTL_SECRETS_MAX];
	size_t from_count;
	int64_t tolerance; /* ms; -1: the source's, or the default */
	int64_t now;       /* unix ms */
};

/* Returns the value of a whole line "NAME: t=…", without white space around it, as HTTP does. A
 * line with another name is left as it is, and is then a malformed header. */
static const char *header_value(const char *line, const char *name, size_t *len)
{
	size_t n = strlen(name);

	while (isspace((unsigned char)*line))
		line++;
	if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
		line += n + 1;
		while (isspace((unsigned char)*line))
			line++;
	}
	*len = strlen(line);
	while (*len > 0 && isspace((unsigned char)line[*len - 1]))
		(*len)--;
	return line;
}

static void print_check(bool good, const char *check, const char *text)
{
	printf("%-4s %-10s %s\n", good ? "ok" : "FAIL", check, text);
}

/* The header given on the command line. */
struct given_header {
	const char *value;
	size_t len;
};

static const char *header_of(void *given, const char *name, size_t *len)
{
	const struct given_header *header = given;

	(void)name;
	*len = header->len;
	return header->value;
}

static void add_missing(struct buf *out, const struct verify_scheme *scheme, const char *tag)
{
	buf_printf(out, "it has no %s; expected %sSECONDS,%sSIGNATURE", tag, scheme->time_tag,
		scheme->signature_tag);
}

static bool report_header(const struct verify_scheme *scheme, size_t len,
	const struct diagnose_header *h, enum verify_result result)
{
	struct buf text = {0};
	bool good = result != VERIFY_MALFORMED && result != VERIFY_NO_SCHEME;

	if (len == 0)
		buf_add_text(&text, "it is empty");
	else if (h->t == NULL)
		add_missing(&text, scheme, scheme->time_tag);
	else if (!h->t_number || (!good && h->signatures > 0)) {
		buf_add_text(&text, "its time is \"");
		buf_add_escaped(&text, h->t, h->t_len, '"');
		buf_add_text(&text, "\"; expected unix seconds, once");
	} else if (h->signatures == 0)
		add_missing(&text, scheme, scheme->signature_tag);
	else {
		buf_printf(&text, "%s%.*s and %zu signature%s", scheme->time_tag, (int)h->t_len,
			h->t, h->signatures, h->signatures == 1 ? "" : "s");
		if (h->unreadable > 0)
			buf_printf(
				&text, ", %zu of them not 64 lower-case hex digits", h->unreadable);
		good = good && h->unreadable < h->signatures;
	}
	if (h->spaces)
		buf_add_text(&text, "; it has white space, which counts as part of the values");
	print_check(good, "header", text.data != NULL ? text.data : "");
	buf_free(&text);
	return good;
}

static void report_time(
	const struct sender *sender, const struct verify_request *r, int64_t signed_at)
{
	int64_t ago = r->now / 1000 - signed_at, far = ago < 0 ? -ago : ago;
	char span[CTL_SPAN], limit[CTL_SPAN], stamp[CLOCK_TEXT];
	bool good = r->tolerance == 0 || far <= r->tolerance / 1000;
	struct buf text = {0};

	ctl_span_format(far, span);
	ctl_span_format(r->tolerance / 1000, limit);
	if (ago >= 0)
		buf_printf(&text, "signed %s ago", span);
	else
		buf_printf(&text, "signed %s in the future", span);
	if (signed_at >= DIAGNOSE_MILLISECONDS) {
		clock_format(signed_at, stamp);
		buf_printf(&text, "; this looks like milliseconds (%s): %s sends seconds", stamp,
			sender->title);
	} else {
		clock_format(signed_at * 1000, stamp);
		buf_printf(&text, " (%.19sZ)", stamp);
	}
	if (r->tolerance == 0)
		buf_add_text(&text, "; any time is tolerated");
	else
		buf_printf(&text, "; tolerance is %s", limit);
	if (!good && ago < 0 && signed_at < DIAGNOSE_MILLISECONDS)
		buf_add_text(&text, ": is this machine's clock right?");
	print_check(good, "time", text.data != NULL ? text.data : "");
	buf_free(&text);
}

static bool report_secrets(
	const struct verify_scheme *scheme, const struct verify_request *r, bool header_good)
{
	bool any = false;

	for (size_t i = 0; i < r->secret_count; i++) {
		struct verify_request one = *r;
		struct verify_detail detail;
		char check[32];
		bool match;

		one.secrets = &r->secrets[i];
		one.secret_count = 1;
		one.tolerance = 0;
		match = verify_signature(scheme, &one, &detail) == VERIFY_OK;
		any = any || match;
		snprintf(check, sizeof(check), "secret %zu", i + 1);
		if (match)
			print_check(true, check, "gives a signature of the header");
		else if (header_good)
			print_check(false, check, "gives none of the header's signatures");
		else
			print_check(false, check, "there is no readable signature to compare with");
	}
	return any;
}

static void print_diagnosis(
	const struct sender *sender, const struct verify_request *r, bool header_good)
{
	struct buf why = {0};

	if (!diagnose_mismatch(sender, r, &why) && header_good)
		diagnose_hint(sender, r, &why);
	if (buf_ok(&why) && why.len > 0)
		printf("\n%s", why.data);
	buf_free(&why);
}

static int check_signature(const struct sender *sender, const struct verify_request *r,
	const struct given_header *header)
{
	const struct verify_scheme *scheme = &sender->proof;
	struct diagnose_header h;
	struct verify_detail detail;
	enum verify_result result = verify_signature(scheme, r, &detail);
	bool header_good;
	char size[64];

	diagnose_header(scheme, header->value, header->len, &h);
	header_good = report_header(scheme, header->len, &h, result);
	if (header_good || detail.signed_at != 0)
		report_time(sender, r, detail.signed_at);
	snprintf(size, sizeof(size), "%zu byte%s%s", r->body_len, r->body_len == 1 ? "" : "s",
		r->body_len == 0 ? ": was it saved as received?" : "");
	print_check(r->body_len > 0 || result == VERIFY_OK, "body", size);
	if (!report_secrets(scheme, r, header_good))
		print_diagnosis(sender, r, header_good);
	if (result == VERIFY_OK)
		printf("\nverified\n");
	else
		printf("\nnot verified: %s\n", verify_reason(result));
	return result == VERIFY_OK ? CTL_OK : CTL_FAILED;
}

/* False: exit with *status. */
static bool read_verify_options(
	struct ctl *ctl, struct verification *v, int argc, char **argv, int *status)
{
	int64_t seconds;
	int key;

	while ((key = ctl_next_option(ctl, &ctl_verify, argc, argv, status)) >= 0) {
		switch (key) {
		case 'H':
			v->header = optarg;
			break;
		case 'f':
			if (v->from_count == CTL_SECRETS_MAX) {
				ctl_error("--secret-from: at most %d secrets", CTL_SECRETS_MAX);
				return false;
			}
			v->from[v->from_count++] = optarg;
			break;
		case 's':
			v->source = optarg;
			break;
		case 'S':
			v->scheme = optarg;
			break;
		case 'o':
			if (!ctl_duration("--tolerance", optarg, &v->tolerance))
				return false;
			break;
		case 'a':
			if (!ctl_number("--at", optarg, 0, SECONDS_MAX, &seconds))
				return false;
			v->now = seconds * 1000;
			break;
		}
	}
	if (key == CTL_STOP)
		return false;
	if (v->header == NULL) {
		ctl_error("verify: --header is missing; expected the signature header as received");
		return false;
	}
	if (v->from_count > 0 && v->source != NULL) {
		ctl_error("verify: either --secret-from or --source");
		return false;
	}
	if (!ctl_operands(&ctl_verify, argc, 1, "the FILE with the body, or - for standard input"))
		return false;
	return true;
}

static int verify_command(struct ctl *ctl, int argc, char **argv)
{
	struct verification v = {.tolerance = -1, .now = clock_wall()};
	struct ctl_keys keys = {0};
	struct buf body = {0};
	struct given_header header;
	struct verify_request r;
	int status;

	if (!read_verify_options(ctl, &v, argc, argv, &status))
		return status;
	status = ctl_keys_load(ctl, &keys, v.from, v.from_count, v.source, v.scheme);
	if (status != CTL_OK)
		goto out;
	status = CTL_FAILED;
	if (!ctl_read_file(argv[optind], &body))
		goto out;
	header.value = header_value(v.header, keys.sender->proof.headers[0], &header.len);
	r = (struct verify_request){.header = header_of,
		.context = &header,
		.body = body.data,
		.body_len = body.len,
		.secrets = keys.secrets,
		.secret_count = keys.count,
		.tolerance = v.tolerance,
		.now = v.now};
	if (v.tolerance < 0)
		r.tolerance = keys.source != NULL ? keys.source->tolerance : DEFAULT_TOLERANCE;
	status = check_signature(keys.sender, &r, &header);
out:
	buf_free(&body);
	ctl_keys_free(&keys);
	return status;
}

const struct ctl_command ctl_verify = {
	"verify",
	"--header VALUE [--secret-from WHERE … | --source NAME] [--tolerance TIME] [--at UNIX] "
	"FILE|-",
	"check a signature, and explain why it does not match",
	options,
	verify_command,
};
