/* Arguments of hookctl and hookd: lines, of which the first is the command ("hookd" for the
 * daemon's own options), then a NUL and what is in the file `in`. */
#include "hookctl_fixture.h"
#include "hookd/options.h"

#include <jansson.h>

#define WORDS 24

/* Makes no argument lead out of the directory. Nothing is really sent to a URL. */
static void stay_here(char *word)
{
	char *from = strstr(word, "://");

	for (char *c = strchr(word, '/'); c != NULL; c = strchr(c + 1, '/'))
		if (from == NULL || from - word < 4 || memcmp(from - 4, "http", 4) != 0 ||
			strstr(word, "..") != NULL)
			*c = '_';
}

/* Splits `text` into arguments, in place; returns how many. */
static int split(char *text, char *argv[WORDS])
{
	int argc = 0;

	for (char *word = strtok(text, "\n"); word != NULL && argc < WORDS - 1;
		word = strtok(NULL, "\n")) {
		stay_here(word);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return argc;
}

static bool has(int argc, char *const *argv, const char *word)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

/* Is --json there as an option, and surely not as the value of one? */
static bool wants_json(int argc, char *const *argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0 && (i == 0 || argv[i - 1][0] != '-'))
			return true;
	return false;
}

/* What --json gives is JSON, one value after another. */
static bool is_json(const char *text, size_t len)
{
	json_error_t error;

	while (len > 0 && strspn(text, " \n") < len) {
		json_t *value = json_loadb(text, len,
			JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

		if (value == NULL)
			return false;
		json_decref(value);
		text += error.position;
		len -= (size_t)error.position;
	}
	return true;
}

/* What lists print is safe for a terminal, whatever events hold. */
static bool is_clean(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f ||
			(text[i] == '\xc2' && (unsigned char)text[i + 1] < 0xa0))
			return false;
	return true;
}

static bool are_plain(int argc, char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (!is_clean(argv[i], strlen(argv[i])))
			return false;
	return true;
}

static void run_hookctl(int argc, char **argv, bool plain)
{
	char *words[WORDS + 3] = {
		(char[]){"hookctl"}, (char[]){"--config"}, (char[]){"hookd.yaml"}};
	char before[WORDS][256];
	char *kept[WORDS];
	bool raw = has(argc, argv, "--payload") || has(argc, argv, "export") ||
		   has(argc, argv, "completion");

	for (int i = 0; i < argc; i++) {
		(void)snprintf(before[i], sizeof(before[i]), "%s", argv[i]);
		kept[i] = before[i];
		words[i + 3] = argv[i];
	}
	int status = fixture_run(argc + 3, words);

	if (status != CTL_OK && status != CTL_FAILED && status != CTL_USAGE && status != CTL_CONFIG)
		broken("no exit code of hookctl's", argc, kept);
	if (status != CTL_OK && fixture.out_len == 0 && fixture.said_len == 0)
		broken("it failed without a word", argc, kept);
	if (fixture.said_len > 0 && fixture.said[fixture.said_len - 1] != '\n')
		broken("half a line", argc, kept);
	bool help = fixture.out_len > 6 && memcmp(fixture.out, "usage:", 6) == 0;

	if (status == CTL_OK && wants_json(argc, kept) && !help && !raw &&
		!is_json(fixture.out, fixture.out_len))
		broken("no JSON", argc, kept);
	if (plain && !raw && !is_clean(fixture.out, fixture.out_len))
		broken("not for a terminal", argc, kept);
}

static void run_hookd(int argc, char **argv)
{
	FILE *real_out = stdout, *real_err = stderr;
	struct options o;
	int status;

	stdout = stderr = fopen("/dev/null", "we");
	optind = 0;
	status = options_read(argc, argv, &o);
	(void)fclose(stdout);
	stdout = real_out;
	stderr = real_err;
	if (status < -1 || status > 2 ||
		(status == -1 && (o.config == NULL || (o.explain && !o.check))))
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const unsigned char *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t len = nul != NULL ? (size_t)(nul - data) : size;
	size_t in = nul != NULL ? size - len - 1 : 0;
	char *argv[WORDS], *text;
	int argc;

	if (len > 4096)
		return 0;
	if (fixture.store == NULL)
		fixture_start();
	text = strndup((const char *)data, len);
	if (text == NULL)
		abort();
	argc = split(text, argv);
	if (argc > 0 && strcmp(argv[0], "hookd") == 0) {
		run_hookd(argc, argv);
	} else {
		fixture_reset(nul != NULL ? nul + 1 : data, in);
		run_hookctl(argc, argv, are_plain(argc, argv));
	}
	free(text);
	return 0;
}
