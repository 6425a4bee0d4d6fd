/* conf/codes.c - after which exit codes and HTTP statuses a delivery is given up. */
#include "conf/conf.h"

enum {
	EXIT_DATA = 65,   /* EX_DATAERR of sysexits.h */
	EXIT_NEVER = 100, /* qmail's code for a permanent failure */
};

static bool contains(const int *codes, size_t count, int code)
{
	for (size_t i = 0; i < count; i++)
		if (codes[i] == code)
			return true;
	return false;
}

static bool status_gives_up(int status)
{
	static const int retried[] = {401, 403, 404, 408, 409, 421, 423, 425, 429};

	return status < 500 && !contains(retried, sizeof(retried) / sizeof(retried[0]), status);
}

bool conf_action_gives_up(const struct conf_action *action, int code)
{
	if (contains(action->retry_on, action->retry_count, code))
		return false;
	if (contains(action->give_up_on, action->give_up_count, code))
		return true;
	return action->program != NULL ? code == EXIT_DATA || code == EXIT_NEVER
				       : status_gives_up(code);
}
