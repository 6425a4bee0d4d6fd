/* hookctl/commands/commands.h - the commands, each defined in the file of its name (resume in
 * pause.c, customers and payouts in transactions.c). */
#ifndef HOOKD_CTL_COMMANDS_H
#define HOOKD_CTL_COMMANDS_H

#include "hookctl/command.h"

extern const struct ctl_command ctl_status, ctl_send, ctl_sign, ctl_verify, ctl_test, ctl_events,
	ctl_deliveries, ctl_transactions, ctl_customers, ctl_payouts, ctl_show, ctl_replay,
	ctl_cancel, ctl_pause, ctl_resume, ctl_backup, ctl_check, ctl_quarantine, ctl_prune,
	ctl_vacuum, ctl_export, ctl_import, ctl_refused, ctl_catch_up, ctl_refresh, ctl_api,
	ctl_stats, ctl_audit, ctl_reload, ctl_completion;

#endif
