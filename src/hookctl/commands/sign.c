/* hookctl/commands/sign.c - prints the signature header for a body: "NAME: t=…,s=…". */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/keys.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <stdio.h>

/* 9999-12-31: a later time is a mistake, or milliseconds. */
#define SECONDS_MAX INT64_C(253402300799)

static const struct ctl_option options[] = {
	{'f', "secret-from", "WHERE", "credential:NAME, file:PATH or env:NAME"},
	{'s', "source", "NAME", "sign with the first secret of this source (the only one)"},
	{'S', "scheme", "NAME", "with --secret-from: the scheme to sign by"},
	{'t', "time", "UNIX", "sign as of this time, in unix seconds (now)"},
	{0},
};

static int sign_command(struct ctl *ctl, int argc, char **argv)
{
	const char *from = NULL, *source = NULL, *scheme = NULL;
	int64_t at = clock_wall() / 1000;
	char header[VERIFY_HEADER_MAX];
	struct ctl_keys keys = {0};
	struct buf body = {0};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_sign, argc, argv, &status)) >= 0) {
		switch (key) {
		case 'f':
			from = optarg;
			break;
		case 's':
			source = optarg;
			break;
		case 'S':
			scheme = optarg;
			break;
		case 't':
			if (!ctl_number("--time", optarg, 0, SECONDS_MAX, &at))
				return CTL_USAGE;
			break;
		}
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_sign, argc, 1, "the FILE with the body, or - for standard input"))
		return CTL_USAGE;
	if (from != NULL && source != NULL) {
		ctl_error("sign: either --secret-from or --source");
		return CTL_USAGE;
	}
	status = ctl_keys_load(ctl, &keys, &from, from != NULL ? 1 : 0, source, scheme);
	if (status != CTL_OK)
		goto out;
	status = CTL_FAILED;
	if (!ctl_read_file(argv[optind], &body))
		goto out;
	verify_sign(&keys.sender->proof, keys.secrets[0], at, body.data, body.len, header);
	printf("%s: %s\n", keys.sender->proof.headers[0], header);
	status = CTL_OK;
out:
	buf_free(&body);
	ctl_keys_free(&keys);
	return status;
}

const struct ctl_command ctl_sign = {
	"sign",
	"[--secret-from WHERE | --source NAME] [--time UNIX] FILE|-",
	"print the signature header for a body",
	options,
	sign_command,
};
