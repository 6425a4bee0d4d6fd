/* hookctl/main.c - main(), the table of commands, and the options before the command. */
#include "base/buf.h"
#include "base/secret.h"
#include "conf/conf.h"
#include "hookctl/commands/commands.h"
#include "output.h"
#include "transfer/transfer.h"

#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* In the order in which --help lists them. */
static const struct ctl_command *const commands[] = {&ctl_status, &ctl_events, &ctl_deliveries,
	&ctl_transactions, &ctl_customers, &ctl_payouts, &ctl_show, &ctl_replay, &ctl_cancel,
	&ctl_pause, &ctl_resume, &ctl_quarantine, &ctl_refused, &ctl_catch_up, &ctl_refresh,
	&ctl_api, &ctl_test, &ctl_send, &ctl_sign, &ctl_verify, &ctl_backup, &ctl_check, &ctl_prune,
	&ctl_vacuum, &ctl_export, &ctl_import, &ctl_stats, &ctl_audit, &ctl_reload, &ctl_completion,
	NULL};

static void print_usage(FILE *to)
{
	fputs("usage: hookctl [--config FILE] COMMAND …\n\n", to);
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n  --config FILE  the config (" CONF_DEFAULT_FILE ")\n"
	      "  --version      the version\n"
	      "  --help         this list; after a command: its options\n",
		to);
}

static void report_unknown_command(const char *word)
{
	struct buf line = {0};

	buf_add_text(&line, "unknown command \"");
	buf_add_escaped(&line, word, strlen(word), '"');
	buf_add_text(&line, "\"; expected one of");
	for (size_t i = 0; commands[i] != NULL; i++)
		buf_printf(&line, " %s", commands[i]->name);
	ctl_error("%s", line.data != NULL ? line.data : "");
	buf_free(&line);
}

static int run_command(struct ctl *ctl, int argc, char **argv)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, argv[0]) == 0) {
			optind = 0; /* getopt starts over with the command's own arguments */
			return commands[i]->run(ctl, argc, argv);
		}
	}
	report_unknown_command(argv[0]);
	return CTL_USAGE;
}

static int read_options_and_run(int argc, char **argv)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'C'},
		{"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct ctl ctl = {.config = CONF_DEFAULT_FILE};
	int key;

	opterr = 0;
	while ((key = getopt_long(argc, argv, "+:h", longs, NULL)) != -1) {
		switch (key) {
		case 'C':
			ctl.config = optarg;
			break;
		case 'v':
			puts("hookctl " HOOKD_VERSION);
			return CTL_OK;
		case 'h':
			print_usage(stdout);
			return CTL_OK;
		case ':':
			ctl_error("option --config needs a FILE");
			return CTL_USAGE;
		default:
			ctl_error("unknown option before the command; expected --config FILE, "
				  "--version or --help");
			return CTL_USAGE;
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		return CTL_USAGE;
	}
	return run_command(&ctl, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	int status;

	/* No core dump: this process holds secrets. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* A peer or a reader that closes early is an error of the write, whatever the parent left.
	 */
	(void)signal(SIGPIPE, SIG_IGN);
	tzset();
	if (sodium_init() < 0 || !transfer_global_init(false)) {
		ctl_error("cannot initialise libsodium or libcurl");
		return CTL_FAILED;
	}
	secret_find_credentials();
	status = read_options_and_run(argc, argv);
	transfer_global_free();
	return ctl_flush() || status != CTL_OK ? status : CTL_FAILED;
}
