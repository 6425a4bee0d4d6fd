/* hookctl/commands/api.c - asks a sender's API what nobody documents, and prints the answers, never
 * the key:
 *   shop  events, order  newest first; first 2026-06-30T22:50:29.001Z, last …
 */
#include "commands.h"

#include "base/json.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'s', "source", "NAME", "of this source (each that has an API key)"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'D', "store", "FILE", "the hookd that runs on this store (the config's)"},
	{0},
};

/* arg: whether it is JSON. */
static bool print_fact(void *arg, const json_t *row)
{
	const char *const names[] = {"source", "question", "answer"};
	const bool *json = arg;
	struct buf out = {0};
	bool good;

	for (int i = 0; i < 3; i++) {
		const char *text = ctl_answer_text(row, names[i]);

		if (*json) {
			buf_add_char(&out, i == 0 ? '{' : ',');
			ctl_json_text(&out, false, names[i], text);
			continue;
		}
		buf_add_escaped(&out, text, strlen(text), '\0');
		buf_add_text(&out, i == 0 ? "  " : i == 1 ? ": " : "");
	}
	buf_add_text(&out, *json ? "}\n" : "\n");
	good = ctl_print(&out) && ctl_flush();
	buf_free(&out);
	return good;
}

static int check_api(struct ctl *ctl, const char *store, const char *source, bool json)
{
	struct ctl_ask ask;
	json_t *request = json_pack("{s:s}", "act", "check-api");
	int status = ctl_ask_begin(&ask, ctl, store);

	if (source != NULL)
		ctl_ask_add(&request, "source", json_safe_text(source));
	ask.exchange.row = print_fact;
	ask.exchange.arg = &json;
	if (status == CTL_OK)
		status = ctl_ask(&ask, request);
	else
		json_decref(request);
	ctl_ask_end(&ask);
	return status;
}

static int api_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL, *source = NULL;
	bool json = false;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_api, argc, argv, &status)) >= 0) {
		if (key == 's')
			source = optarg;
		else if (key == 'j')
			json = true;
		else
			store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	if (argc - optind != 1 || strcmp(argv[optind], "check") != 0) {
		ctl_error("api: expected check");
		return CTL_USAGE;
	}
	return check_api(ctl, store, source, json);
}

const struct ctl_command ctl_api = {
	"api",
	"check [--source NAME]",
	"ask a sender's API what it does, and print the answers",
	options,
	api_command,
};
