/* hookctl/options.h - reads a command's options and operands, and the numbers, durations and
 * times among them. An error is reported on stderr, with what was expected. One thread. */
#ifndef HOOKD_CTL_OPTIONS_H
#define HOOKD_CTL_OPTIONS_H

#include "base/attributes.h"
#include "command.h"

#include <stdbool.h>
#include <stdint.h>

/* The key of the command's next option (its argument in optarg); CTL_OPERANDS when only
 * operands are left, from argv[optind] on; CTL_STOP when the command ends here, because
 * --help was answered or an option is wrong: *status is the exit code. Otherwise *status
 * is CTL_USAGE. Handles --config and --help itself. */
enum { CTL_OPERANDS = -1, CTL_STOP = -2 };
int ctl_next_option(
	struct ctl *ctl, const struct ctl_command *command, int argc, char **argv, int *status);

/* Are there exactly `wanted` operands? `expected` names them. */
bool ctl_operands(
	const struct ctl_command *command, int argc, int wanted, const char *expected) WARN_UNUSED;

/* Is the text UTF-8? It was given for `what`; the arguments of options are checked already. */
bool ctl_text(const char *what, const char *text) WARN_UNUSED;

/* A decimal number within min..max, given for `what`. */
bool ctl_number(
	const char *what, const char *text, int64_t min, int64_t max, int64_t *out) WARN_UNUSED;

/* A positive number of the currency's smallest unit, for --amount. */
bool ctl_amount(const char *text, int64_t max, int64_t *out) WARN_UNUSED;

/* The ID of an event, where an entity could be named as well. */
bool ctl_event_id(const char *text, int64_t *out) WARN_UNUSED;

/* A duration as in the config: 500ms, 10s, 5m, 2h, 90d, or 0. Milliseconds. */
bool ctl_duration(const char *what, const char *text, int64_t *ms) WARN_UNUSED;

/* A time: RFC 3339, a date or time of the process's zone, or a duration before now. Unix ms. */
bool ctl_moment(const char *what, const char *text, int64_t *ms) WARN_UNUSED;

#endif
