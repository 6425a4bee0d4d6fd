/* hookctl/command.h - a command of hookctl: its row in the table, its options, its exit codes. */
#ifndef HOOKD_CTL_COMMAND_H
#define HOOKD_CTL_COMMAND_H

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* the answer is no: refused, does not match, not found */
	CTL_USAGE = 2,  /* an option or operand is wrong */
	CTL_DOWN = 2,   /* status: hookd does not run, or there is no store */
	CTL_CONFIG = 78 /* the config cannot be used */
};

/* What each command is called with. */
struct ctl {
	const char *config; /* --config, or the default */
};

struct ctl_option {
	char key;             /* what ctl_next_option returns; 'C' and 'h' are taken */
	const char *name;     /* without the dashes; NULL ends the table */
	const char *argument; /* as in the synopsis; NULL: it takes none */
	const char *summary;
};

struct ctl_command {
	const char *name;
	const char *arguments; /* as in the synopsis */
	const char *summary;   /* one line */
	const struct ctl_option *options;
	int (*run)(struct ctl *ctl, int argc, char **argv); /* argv[0] is the command's name */
};

#endif
