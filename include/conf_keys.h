/* conf_keys.h - the one table of configuration keys. The reader (conf_read.c),
 * the messages and the test that hookd.yaml(5) and the sample name every key
 * all go by it. */
#ifndef HOOKD_CONF_KEYS_H
#define HOOKD_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* An array in a struct is a pointer with its size_t count right behind it. */
enum conf_type {
	CONF_NAME,     /* char *: [A-Za-z0-9][A-Za-z0-9._-]*, at most 64 bytes */
	CONF_PATH,     /* char *: relative ones are taken from the config file's directory */
	CONF_URL_PATH, /* char *: begins with /, no ? # % or white space */
	CONF_COUNT,    /* unsigned, min..max */
	CONF_SIZE,     /* size_t bytes: 64KiB, 1MiB */
	CONF_DURATION, /* int64_t ms: 500ms, 10s, 5m, 2h, 90d; a bare 0 */
	CONF_LEVEL,    /* enum log_level */
	CONF_FORMAT,   /* enum log_format */
	CONF_SCHEME,   /* const struct verify_scheme * */
	CONF_USER,     /* struct conf_user */
	CONF_LISTEN,   /* one or a list: struct conf_listen[] */
	CONF_NETS,     /* list: struct net_range[] */
	CONF_SECRETS,  /* list of {credential|file|env: NAME}: struct secret *[] */
	CONF_GLOBS,    /* one or a list: char *[] */
	CONF_ARGV,     /* list, first a program: char *[], NULL at the end */
	CONF_ENV,      /* mapping NAME: value: char *[] "NAME=value", NULL at the end */
	CONF_CODES,    /* list of exit codes 1..255: int[] */
	CONF_REF,      /* name of a source: const struct conf_source * */
	CONF_RLIMIT,   /* one resource limit, a number or size: into struct conf_hook.rlimits */
	CONF_MAPPING,  /* a section: the rows whose section is this one's dotted name */
	CONF_LIST,     /* a list of sections */
};

enum conf_reload { CONF_RELOAD, CONF_RESTART };

struct conf_key {
	const char *section; /* "" for the top, "limits", "sources[]", "hooks[].retry" */
	const char *name;
	enum conf_type type;
	size_t offset; /* within the section's struct; CONF_RLIMIT: the RLIMIT_… */
	long long min; /* in the type's unit; of lists the number of items */
	long long max;
	const char *fallback; /* the default as it would be written; NULL: none, "" : empty */
	bool required;
	enum conf_reload reload;
	const char *zero; /* what 0 means where it is allowed beside min..max; NULL: nothing */
	size_t size;      /* CONF_LIST: of one item's struct */
};

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

#endif
