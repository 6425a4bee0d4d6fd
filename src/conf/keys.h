/* conf/keys.h - the one table of configuration keys. The reader (conf/read.c), the
 * messages, and the test that hookd.yaml(5) and the sample name every key all use it. */
#ifndef HOOKD_CONF_KEYS_H
#define HOOKD_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* An array in a struct is a pointer directly followed by its size_t count. */
enum conf_type {
	CONF_NAME,        /* char *: [A-Za-z0-9][A-Za-z0-9._-]*, at most 64 bytes */
	CONF_TEXT,        /* char *: not empty, no control characters */
	CONF_PATH,        /* char *: relative to the config file's directory */
	CONF_URL_PATH,    /* char *: begins with /, no ? # % or white space */
	CONF_BOOL,        /* bool: true or false */
	CONF_COUNT,       /* unsigned, min..max */
	CONF_SIZE,        /* size_t bytes: 64KiB, 1MiB */
	CONF_DURATION,    /* int64_t ms: 500ms, 10s, 5m, 2h, 90d; a bare 0 */
	CONF_TIME_OF_DAY, /* unsigned, minutes after midnight: 08:00 */
	CONF_TIMEZONE,    /* char *: Africa/Porto-Novo, of the system's time zones */
	CONF_CHOICE,      /* an enum: which of `words`, the first of which is min */
	CONF_WORD,        /* const char *: one of `words` itself */
	CONF_SCHEME,      /* const struct sender * */
	CONF_USER,        /* struct child_user */
	CONF_LISTEN,      /* one or a list of addresses, or of sections with one: conf_listen[] */
	CONF_LISTENER,    /* an address to listen on: into struct conf_listen */
	CONF_NETS,        /* list: struct net_range[] */
	CONF_SECRET,      /* {credential|file|env: NAME}: struct secret * */
	CONF_SECRETS,     /* list of them: struct secret *[] */
	CONF_GLOBS,       /* one or a list: char *[] */
	CONF_MEMBERS,     /* one or a list of paths into the event: struct path *[] */
	CONF_RUN,         /* list: a program and templates of its arguments: into conf_action */
	CONF_COMMAND,     /* a program, or a list of it and arguments: char *[], NULL at the end */
	CONF_CODES,       /* list of exit codes or HTTP statuses: int[] */
	CONF_REF,         /* name of a source: const struct conf_source * */
	CONF_REFS,        /* one or a list: const struct conf_source *[] */
	CONF_RLIMIT,      /* one resource limit, a number or size: into conf_action.rlimits */
	CONF_TEMPLATE,    /* struct template *, min: whether it may be empty (0) */
	CONF_URL,         /* the same, of a URL */
	CONF_ADDRESS,     /* the same, of a mail address */
	CONF_ADDRESSES,   /* one or a list, none empty: struct template *[] of mail addresses */
	CONF_BODY,        /* struct template * of a mail's text */
	CONF_BODY_FILE,   /* the path of a file that is one: struct template * */
	CONF_HTML,        /* struct template * of HTML */
	CONF_HTML_FILE,   /* the path of a file that is one: struct template * */
	CONF_ENV,         /* mapping of variables to templates: struct conf_pair[] */
	CONF_HEADERS,     /* mapping of header fields to templates: struct conf_pair[] */
	CONF_MAIL_SERVER, /* smtp://…, smtps://…, unix:…: into conf_mail_server */
	CONF_HOSTNAME,    /* char *: a DNS name */
	CONF_MAILBOX,     /* one mail address: struct mail_address */
	CONF_WHEN,        /* struct condition * */
	CONF_MAPPING,     /* a section, whose rows are in the section `rows` */
	CONF_LIST,        /* a list of sections */
	CONF_ACTION,      /* not a key: the rows of the section `rows` belong here, too */
};

enum conf_reload { CONF_RELOAD, CONF_RESTART };

struct conf_key {
	const char *section; /* "" for the top, "limits", "sources[]", "action.retry" */
	const char *name;
	enum conf_type type;
	size_t offset; /* within the section's struct; CONF_RLIMIT: the RLIMIT_… */
	long long min; /* in the type's unit; of lists and mappings the number of items */
	long long max;
	const char *fallback; /* the default as it would be written; NULL: none, "": empty */
	bool required;
	enum conf_reload reload;
	const char *zero; /* what 0 means where it is allowed besides min..max; NULL: not allowed */
	size_t size;      /* CONF_LIST: of one item's struct */
	const char *rows; /* CONF_MAPPING: NULL: section and name with a dot between */
	const char *const *words; /* CONF_CHOICE, CONF_WORD: NULL at the end */
	const char *expected;     /* for messages; NULL: that of the type */
};

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

#endif
