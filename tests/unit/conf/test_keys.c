/* The table of keys against hookd.yaml(5) and the sample config. */
#include "base/buf.h"
#include "conf/conf.h"
#include "conf/keys.h"
#include "made_up.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char scratch[] = "/tmp/hookd-keys-XXXXXX";

/* A config without errors and warnings, but for types and paths that are made up. */
static struct conf *good(const char *text)
{
	struct buf errors = {0};
	struct conf *conf = conf_parse("/etc/hookd/hookd.yaml", text, strlen(text), &errors);

	if (!all_made_up(&errors))
		print_error("%s", errors.data);
	assert_non_null(conf);
	assert_true(all_made_up(&errors));
	buf_free(&errors);
	return conf;
}

static char *read_whole(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b = {0};
	char chunk[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&b, chunk, n);
	fclose(f);
	return buf_take(&b);
}

static char *scratch_file(const char *name, const char *bytes)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	assert_int_equal(close(fd), 0);
	return strdup(path);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Does a line that `marks` accepts have the word? */
static bool names(const char *text, const char *word, bool (*marks)(const char *line, size_t len))
{
	size_t word_len = strlen(word);

	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		for (size_t i = 0; marks(line, len) && i + word_len <= len; i++)
			if (strncmp(line + i, word, word_len) == 0 &&
				(i == 0 || !is_word_char(line[i - 1])) &&
				(i + word_len == len || !is_word_char(line[i + word_len])))
				return true;
		line += len;
		line += *line == '\n';
	}
	return false;
}

/* mdoc: keys are literals, macro Ic. */
static bool is_key_line(const char *line, size_t len)
{
	return len > 3 && (memmem(line, len, " Ic ", 4) != NULL || strncmp(line, ".Ic", 3) == 0);
}

/* YAML, commented out or not, but no prose. */
static bool is_yaml_line(const char *line, size_t len)
{
	while (len > 0 && *line == ' ') {
		line++;
		len--;
	}
	return len > 2 && !(line[0] == '#' && line[1] == ' ' && line[2] != ' ') &&
	       memchr(line, ':', len) != NULL;
}

static void test_every_key_is_in_the_manual(void **state)
{
	char *text = read_whole("src/man/hookd.yaml.5");

	(void)state;
	for (size_t i = 0; i < conf_key_count; i++)
		if (conf_keys[i].type != CONF_ACTION &&
			!names(text, conf_keys[i].name, is_key_line))
			fail_msg("%s %s", conf_keys[i].section, conf_keys[i].name);
	free(text);
}

static void test_every_key_is_in_the_sample(void **state)
{
	char *text = read_whole("conf/hookd.yaml");

	(void)state;
	for (size_t i = 0; i < conf_key_count; i++)
		if (conf_keys[i].type != CONF_ACTION &&
			!names(text, conf_keys[i].name, is_yaml_line))
			fail_msg("%s %s", conf_keys[i].section, conf_keys[i].name);
	free(text);
}

/* The sample with everything but prose uncommented. */
static char *sample_switched_on(void)
{
	char *text = read_whole("conf/hookd.yaml");
	struct buf out = {0};

	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n"), blank = strspn(line, " ");

		if (strncmp(line, "hooks: []", 9) == 0) {
			buf_add_text(&out, "hooks:");
		} else if (line[blank] == '#' && is_yaml_line(line, len)) {
			buf_add(&out, line, blank);
			buf_add(&out, line + blank + 1, len - blank - 1);
		} else {
			buf_add(&out, line, len);
		}
		buf_add_char(&out, '\n');
		line += len;
		line += *line == '\n';
	}
	free(text);
	return buf_take(&out);
}

/* Each of them; there is at least one. */
static char *replace(char *text, const char *from, const char *to)
{
	const char *at = text, *hit = strstr(text, from);
	struct buf b = {0};

	assert_non_null(hit);
	for (; hit != NULL; hit = strstr(at, from)) {
		buf_add(&b, at, (size_t)(hit - at));
		buf_add_text(&b, to);
		at = hit + strlen(from);
	}
	buf_add_text(&b, at);
	free(text);
	return buf_take(&b);
}

/* Replaces what the sample expects on its machine with what this one has. */
static char *for_this_machine(char *text, const char *pem)
{
	const struct passwd *self = getpwuid(geteuid());
	char user[128];

	text = replace(text, "/etc/hookd/tls/fullchain.pem", pem);
	text = replace(text, "/etc/hookd/tls/privkey.pem", pem);
	text = replace(text, "/usr/local/bin/ship-order", "/bin/true");
	text = replace(text, "Africa/Porto-Novo", "UTC");
	if (self == NULL)
		return replace(text, "user: shop", "#");
	snprintf(user, sizeof(user), "user: %s", self->pw_name);
	return replace(text, "user: shop", user);
}

static void test_sample(void **state)
{
	static const char *const secrets[] = {
		"fedapay-secret", "smtp-password", "erp-secret", "erp-token"};
	char *text, *pem = scratch_file("sample.pem", "x");
	struct buf errors = {0};
	struct conf *conf;

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		free(scratch_file(secrets[i], "wh_sandbox_x\n"));
	free(scratch_file("fedapay-api-key", "sk_sandbox_x\n"));
	setenv("CREDENTIALS_DIRECTORY", scratch, 1);
	conf = conf_load("conf/hookd.yaml", &errors);
	assert_non_null(conf);
	assert_int_equal(conf->source_count, 1);
	assert_int_equal(conf->all_count, 0);
	conf_unref(conf);
	buf_free(&errors);

	text = for_this_machine(sample_switched_on(), pem);
	conf = good(text);
	assert_int_equal(conf->hook_count, 3);
	assert_int_equal(conf->hooks[0].own.rlimit_count, CONF_RLIMITS);
	assert_int_equal(conf->hooks[0].own.timeout, 30000);
	assert_non_null(conf->hooks[0].own_failure.program);
	assert_non_null(conf->hooks[1].own.email.html);
	assert_true(conf->hooks[2].own.forward.url_fixed);
	assert_non_null(conf->digest_hook);
	assert_non_null(conf->silence_hook);
	assert_non_null(conf->alert_hook);
	assert_int_equal(conf->all_count, 9);
	assert_int_equal(conf->limits.backlog, 100000);
	conf_unref(conf);
	unsetenv("CREDENTIALS_DIRECTORY");
	free(text);
	free(pem);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(scratch) != NULL && sodium_init() >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[PATH_MAX];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_is_in_the_manual),
		cmocka_unit_test(test_every_key_is_in_the_sample),
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
