#include "privilege.h"

#include "base/log.h"
#include "process/sandbox.h"

#include <sys/prctl.h>
#include <unistd.h>

static bool runs_script(const struct conf_hook *hook)
{
	return hook->action->program != NULL;
}

bool privilege_check(const struct conf *conf)
{
	bool good = true;

	if (geteuid() != 0)
		return true;
	for (size_t i = 0; i < conf->all_count; i++) {
		const struct conf_hook *hook = conf->all[i];

		if (!runs_script(hook) || hook->action->user.name != NULL)
			continue;
		log_error("hookd runs as root, so its scripts need a user of their own",
			log_text("hook", hook->name),
			log_text("expected",
				"user: NAME beside run: (user: root, if it must be root)"));
		good = false;
	}
	return good;
}

static bool needs_set_user_id(const struct conf *conf)
{
	if (conf->email.command != NULL)
		return true;
	for (size_t i = 0; geteuid() == 0 && i < conf->all_count; i++)
		if (runs_script(conf->all[i]))
			return true;
	return false;
}

void privilege_drop(const struct conf *conf)
{
	if (!needs_set_user_id(conf))
		sandbox_no_new_privileges();
}

void privilege_report_dropped(const struct conf *conf)
{
	if (needs_set_user_id(conf) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		log_info("set-user-ID programs, such as a local sendmail, have no effect "
			 "under "
			 "this hookd",
			log_text("hint", "restart hookd, unless the unit sets NoNewPrivileges="));
}
