/* Values of a good config: defaults, units, the environment, aliases, warnings. */
#include "base/buf.h"
#include "conf/conf.h"
#include "made_up.h"

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

#define SOURCE                                                                                     \
	"sources:\n"                                                                               \
	"  - {name: shop, path: /in, scheme: fedapay, secrets: [{env: TEST_SECRET}]}\n"
#define HOOK "hooks:\n  - name: ship\n    source: shop\n    on: a.b\n    run: [/bin/true]\n"

static char scratch[] = "/tmp/hookd-values-XXXXXX";

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

/* The errors of a config that is refused; to free. */
static char *bad(const char *text)
{
	struct buf errors = {0};

	assert_null(conf_parse("F", text, strlen(text), &errors));
	return buf_take(&errors);
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

/* As a script of the hook gets it. */
static const char *variable(const struct conf_hook *hook, const char *name)
{
	const struct conf_action *action = hook->action;
	size_t len = strlen(name);

	for (size_t i = 0; i < action->env_count; i++)
		if (strcmp(action->env[i].name, name) == 0)
			return template_text(action->env[i].value);
	for (size_t i = 0; action->base_env[i] != NULL; i++)
		if (strncmp(action->base_env[i], name, len) == 0 && action->base_env[i][len] == '=')
			return action->base_env[i] + len + 1;
	return NULL;
}

static const char *argument(const struct conf_hook *hook, size_t i)
{
	assert_true(i < hook->own.run.count);
	return template_text(hook->own.run.list[i]);
}

static void test_defaults(void **state)
{
	struct conf *conf = good(SOURCE HOOK);
	const struct conf_source *s = &conf->sources[0];
	const struct conf_hook *h = &conf->hooks[0];

	(void)state;
	assert_string_equal(conf->file, "/etc/hookd/hookd.yaml");
	assert_int_equal(conf->listen_count, 1);
	assert_string_equal(conf->listen[0].text, "127.0.0.1:8080");
	assert_int_equal(conf->listen[0].port, 8080);
	assert_int_equal(conf->listen[0].address.family, AF_INET);
	assert_null(conf->tls.certificate);
	assert_int_equal(conf->trusted_proxy_count, 0);
	assert_int_equal(conf->limits.body, 1024 * 1024);
	assert_int_equal(conf->limits.bodies, 64 * 1024 * 1024);
	assert_int_equal(conf->limits.connections, 1000);
	assert_int_equal(conf->limits.per_ip, 100);
	assert_int_equal(conf->limits.request_time, 10000);
	assert_int_equal(conf->limits.backlog, 100000);
	assert_int_equal(conf->limits.concurrency, 16);
	assert_int_equal(conf->limits.grace, 20000);
	assert_string_equal(conf->store.path, "/var/lib/hookd/hookd.db");
	assert_int_equal(conf->store.retention, 90LL * 86400000);
	assert_int_equal(conf->log_level, LOG_INFO);
	assert_int_equal(conf->log_format, LOG_FORMAT_TEXT);
	assert_int_equal(s->tolerance, 300000);
	assert_int_equal(s->allow_count, 0);
	assert_int_equal(h->own.timeout, 30000);
	assert_int_equal(h->own.kill_after, 5000);
	assert_int_equal(h->own.retry.attempts, 58);
	assert_int_equal(h->own.retry.first, 10000);
	assert_int_equal(h->own.retry.max, 7200000);
	assert_int_equal(h->own.concurrency, 4);
	assert_int_equal(h->own.output, 64 * 1024);
	assert_string_equal(h->own.directory, "/");
	assert_null(h->own.user.name);
	assert_int_equal(h->own.rlimit_count, 0);
	assert_int_equal(h->own.give_up_count, 0);
	conf_unref(conf);
}

static void test_every_key_of_the_daemon(void **state)
{
	char *certificate = scratch_file("cert.pem", "x"), *key = scratch_file("key.pem", "x");
	struct buf text = {0};
	struct conf *conf;

	(void)state;
	buf_printf(&text,
		"listen: ['[::1]:80', \"*:81\", localhost:0, unix:/run/hookd.sock]\n"
		"tls: {certificate: %s, key: %s}\n"
		"trusted_proxies: [10.0.0.0/8, '::1']\n"
		"limits: {body: 2KiB, bodies: 4KiB, connections: 5, per_ip: 6, request_time: "
		"250ms, backlog: 7,\n"
		"  concurrency: \"8\", grace: 0}\n"
		"store: {path: data/hookd.db, retention: 0}\n"
		"log: {level: debug, format: json}\n" SOURCE
		"  - {name: b, path: /b, scheme: fedapay, tolerance: 0, allow: [192.0.2.0/24],\n"
		"     secrets: [{env: TEST_OTHER}, {env: TEST_SECRET}]}\n" HOOK
		"  - {name: two, source: b, on: '*', run: [/bin/true]}\n",
		certificate, key);
	conf = good(text.data);
	assert_int_equal(conf->listen_count, 4);
	assert_int_equal(conf->listen[0].address.family, AF_INET6);
	assert_int_equal(conf->listen[0].address.bytes[15], 1);
	assert_int_equal(conf->listen[1].address.family, AF_INET6);
	assert_int_equal(conf->listen[1].address.bytes[15], 0);
	assert_int_equal(conf->listen[1].port, 81);
	assert_int_equal(conf->listen[2].address.bytes[0], 127);
	assert_int_equal(conf->listen[2].port, 0);
	assert_string_equal(conf->listen[3].unix_path, "/run/hookd.sock");
	assert_string_equal(conf->tls.certificate, certificate);
	assert_string_equal(conf->tls.key, key);
	assert_int_equal(conf->trusted_proxy_count, 2);
	assert_int_equal(conf->trusted_proxies[0].prefix, 8);
	assert_int_equal(conf->limits.body, 2048);
	assert_int_equal(conf->limits.bodies, 4096);
	assert_int_equal(conf->limits.connections, 5);
	assert_int_equal(conf->limits.per_ip, 6);
	assert_int_equal(conf->limits.request_time, 250);
	assert_int_equal(conf->limits.backlog, 7);
	assert_int_equal(conf->limits.concurrency, 8);
	assert_int_equal(conf->limits.grace, 0);
	assert_string_equal(conf->store.path, "/etc/hookd/data/hookd.db");
	assert_int_equal(conf->store.retention, 0);
	assert_int_equal(conf->log_level, LOG_DEBUG);
	assert_int_equal(conf->log_format, LOG_FORMAT_JSON);
	assert_ptr_equal(conf_source_by_name(conf, "b"), &conf->sources[1]);
	assert_ptr_equal(conf_source_by_path(conf, "/in"), &conf->sources[0]);
	assert_null(conf_source_by_name(conf, "c"));
	assert_null(conf_source_by_path(conf, "/in/"));
	assert_ptr_equal(conf->sources[1].sender, sender_find("fedapay"));
	assert_int_equal(conf->sources[1].tolerance, 0);
	assert_int_equal(conf->sources[1].allow_count, 1);
	assert_int_equal(conf->sources[1].allow[0].prefix, 24);
	assert_int_equal(conf->sources[1].secret_count, 2);
	assert_true(secret_starts_with(conf->sources[1].secrets[0], "the other"));
	assert_true(secret_starts_with(conf->sources[1].secrets[1], "the first"));
	assert_ptr_equal(conf->hooks[0].source, &conf->sources[0]);
	conf_unref(conf);
	buf_free(&text);
	free(certificate);
	free(key);
}

static void test_every_key_of_a_hook(void **state)
{
	static const struct child_rlimit limits[] = {{RLIMIT_CPU, 60}, {RLIMIT_AS, 512 << 20},
		{RLIMIT_NOFILE, 256}, {RLIMIT_NPROC, 64}, {RLIMIT_FSIZE, 1024}};
	struct conf *conf = good(SOURCE
		"hooks:\n"
		"  - {name: ship, source: shop, on: ['a.*', b], timeout: 1m, kill_after: 0,\n"
		"     run: [/bin/sh, -c, '', \"a b\"], concurrency: 9, directory: /tmp,\n"
		"     retry: {attempts: 1, first: 10ms, max: 10ms}, give_up_on: [3, 255], output: "
		"0,\n"
		"     env: {SHOP: cotonou, EMPTY: , LANG: fr_BJ.UTF-8},\n"
		"     rlimits: {cpu: 1m, memory: 512MiB, files: 256, processes: 64, file_size: "
		"1024}}\n");
	const struct conf_hook *h = &conf->hooks[0];

	(void)state;
	assert_int_equal(h->on_count, 2);
	assert_string_equal(h->on[0], "a.*");
	assert_string_equal(h->on[1], "b");
	assert_string_equal(h->own.program, "/bin/sh");
	assert_int_equal(h->own.run.count, 3);
	assert_string_equal(argument(h, 0), "-c");
	assert_string_equal(argument(h, 1), "");
	assert_string_equal(argument(h, 2), "a b");
	assert_int_equal(h->own.timeout, 60000);
	assert_int_equal(h->own.kill_after, 0);
	assert_int_equal(h->own.concurrency, 9);
	assert_string_equal(h->own.directory, "/tmp");
	assert_int_equal(h->own.retry.attempts, 1);
	assert_int_equal(h->own.retry.first, 10);
	assert_int_equal(h->own.retry.max, 10);
	assert_int_equal(h->own.give_up_count, 2);
	assert_int_equal(h->own.give_up_on[1], 255);
	assert_int_equal(h->own.output, 0);
	assert_string_equal(variable(h, "SHOP"), "cotonou");
	assert_string_equal(variable(h, "EMPTY"), "");
	assert_int_equal(h->own.rlimit_count, CONF_RLIMITS);
	for (size_t i = 0; i < CONF_RLIMITS; i++) {
		assert_int_equal(h->own.rlimits[i].resource, limits[i].resource);
		assert_int_equal(h->own.rlimits[i].value, limits[i].value);
	}
	conf_unref(conf);
}

/* A script gets only PATH and LANG of our environment, and its own replace them. */
static void test_environment_of_a_hook(void **state)
{
	const struct passwd *self = getpwuid(geteuid());
	struct conf *conf;
	size_t count = 0;

	(void)state;
	setenv("PATH", "/opt/bin:/bin", 1);
	unsetenv("LANG");
	conf = good(SOURCE HOOK);
	while (conf->hooks[0].own.base_env[count] != NULL)
		count++;
	assert_int_equal(count, 3);
	assert_string_equal(variable(&conf->hooks[0], "PATH"), "/opt/bin:/bin");
	assert_string_equal(variable(&conf->hooks[0], "LANG"), "C.UTF-8");
	assert_string_equal(variable(&conf->hooks[0], "HOME"), self != NULL ? self->pw_dir : "/");
	conf_unref(conf);

	unsetenv("PATH");
	setenv("LANG", "fr_BJ.UTF-8", 1);
	conf = good(SOURCE HOOK "    env: {HOME: /srv/shop}\n");
	assert_non_null(strstr(variable(&conf->hooks[0], "PATH"), "/usr/bin"));
	assert_string_equal(variable(&conf->hooks[0], "LANG"), "fr_BJ.UTF-8");
	assert_string_equal(variable(&conf->hooks[0], "HOME"), "/srv/shop");
	conf_unref(conf);
	setenv("PATH", "/usr/bin:/bin", 1);
}

static void test_user_of_a_hook(void **state)
{
	const struct passwd *row = getpwnam("daemon");
	struct conf *conf;

	(void)state;
	if (geteuid() != 0 || row == NULL)
		skip();
	conf = good(SOURCE HOOK "    user: daemon\n");
	assert_string_equal(conf->hooks[0].own.user.name, "daemon");
	assert_int_equal(conf->hooks[0].own.user.uid, row->pw_uid);
	assert_int_equal(conf->hooks[0].own.user.gid, row->pw_gid);
	assert_true(conf->hooks[0].own.user.group_count >= 1);
	assert_string_equal(variable(&conf->hooks[0], "HOME"), row->pw_dir);
	conf_unref(conf);
}

static void test_durations_and_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} durations[] = {{"1h", 3600000}, {"60m", 3600000}, {"3600s", 3600000},
		{"3600000ms", 3600000}, {"36500d", 36500LL * 86400000}, {"0", 0}, {"0s", 0},
		{"\"0\"", 0}, {"007d", 7LL * 86400000}, {"3599s", -1}, {"36501d", -1}, {"1 h", -1},
		{"1H", -1}, {"h", -1}, {"-1h", -1}, {"+1h", -1}, {"1.5h", -1}, {"1h30m", -1},
		{"1w", -1}, {"9223372036854775807d", -1}, {"18446744073709551617d", -1}};
	static const struct {
		const char *text;
		long long bytes;
	} sizes[] = {{"1024", 1024}, {"1024B", 1024}, {"1KiB", 1024}, {"64MiB", 64LL << 20},
		{"65536KiB", 64LL << 20}, {"1023", -1}, {"65MiB", -1}, {"0", -1}, {"1K", -1},
		{"1kib", -1}, {"1MB", -1}, {"16777216TiB", -1}, {"18446744073709551616", -1}};
	struct buf errors = {0};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		snprintf(text, sizeof(text), "store: {retention: %s}\n" SOURCE HOOK,
			durations[i].text);
		struct conf *conf = conf_parse("F", text, strlen(text), &errors);

		if ((conf != NULL ? conf->store.retention : -1) != durations[i].ms)
			fail_msg("%s", durations[i].text);
		conf_unref(conf);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(text, sizeof(text), "limits: {body: %s}\n" SOURCE HOOK, sizes[i].text);
		struct conf *conf = conf_parse("F", text, strlen(text), &errors);

		if ((conf != NULL ? (long long)conf->limits.body : -1) != sizes[i].bytes)
			fail_msg("%s", sizes[i].text);
		conf_unref(conf);
	}
	buf_free(&errors);
}

/* One body alone may have half of what all may have. */
static void test_room_for_a_large_body(void **state)
{
	struct conf *conf = good("limits: {body: 64MiB}\n" SOURCE HOOK);

	(void)state;
	assert_int_equal(conf->limits.bodies, 128 * 1024 * 1024);
	conf_unref(conf);
}

static void test_environment_in_values(void **state)
{
	struct conf *conf =
		good("listen: 127.0.0.1:${TEST_PORT}\n" SOURCE "hooks:\n"
		     "  - name: ${TEST_PORT}-hook\n"
		     "    source: shop\n"
		     "    on: \"*\"\n"
		     "    run: [/bin/true, \"a${TEST_PORT}${TEST_PORT}b\", \"$${TEST_PORT}\", "
		     "$TEST_PORT, $$, \"${TEST_NESTED}\", \"${TEST_EMPTY}\"]\n");
	const struct conf_hook *h = &conf->hooks[0];

	(void)state;
	assert_int_equal(conf->listen[0].port, 8081);
	assert_string_equal(conf->listen[0].text, "127.0.0.1:8081");
	assert_string_equal(conf->hooks[0].name, "8081-hook");
	assert_string_equal(argument(h, 0), "a80818081b");
	assert_string_equal(argument(h, 1), "${TEST_PORT}");
	assert_string_equal(argument(h, 2), "$TEST_PORT");
	assert_string_equal(argument(h, 3), "$$");
	assert_string_equal(argument(h, 4), "${TEST_PORT}"); /* the result is not expanded again */
	assert_string_equal(argument(h, 5), "");
	conf_unref(conf);
}

static void test_aliases(void **state)
{
	struct conf *conf =
		good(SOURCE "hooks:\n"
			    "  - {name: a, source: shop, on: &types [x, y], run: &run [/bin/true], "
			    "retry: &slow {first: 1m}}\n"
			    "  - {name: b, source: shop, on: *types, run: *run, retry: *slow}\n");

	(void)state;
	assert_int_equal(conf->hooks[1].on_count, 2);
	assert_string_equal(conf->hooks[1].own.program, "/bin/true");
	assert_int_equal(conf->hooks[1].own.retry.first, 60000);
	conf_unref(conf);
}

/* A section with all its keys commented out is what editing leaves behind. */
static void test_empty_sections(void **state)
{
	struct conf *conf = good("limits:\nstore:\nlog: {}\n" SOURCE HOOK "    retry:\n    env:\n");

	(void)state;
	assert_int_equal(conf->limits.connections, 1000);
	assert_int_equal(conf->hooks[0].own.retry.attempts, 58);
	conf_unref(conf);
}

static void test_warnings_do_not_refuse(void **state)
{
	static const char text[] = SOURCE "hooks: []\n";
	struct buf errors = {0};
	struct conf *conf = conf_parse("F", text, strlen(text), &errors);

	(void)state;
	assert_non_null(conf);
	assert_string_equal(errors.data,
		"F:3:8: warning: hooks: there are none: events are stored, but nothing runs\n");
	conf_unref(conf);
	buf_free(&errors);
}

static void test_one_error_does_not_cause_another(void **state)
{
	char *errors = bad("sources:\n  - {name: 'a b', path: /a, scheme: fedapay, "
			   "secrets: [{env: TEST_SECRET}]}\n" HOOK);

	(void)state;
	assert_non_null(strstr(errors, "is not a name"));
	assert_null(strstr(errors, "unknown source"));
	free(errors);
	errors = bad(SOURCE "hooks: yes\n");
	assert_null(strstr(errors, "warning"));
	free(errors);
}

static void test_restart_keys(void **state)
{
	struct conf *now = good(SOURCE HOOK);
	struct conf *same = good("limits: {body: 2MiB}\nstore: {retention: 1d}\n" SOURCE HOOK);
	struct conf *listen = good("listen: [127.0.0.1:8080, 127.0.0.1:8081]\n" SOURCE HOOK);
	struct conf *both = good("listen: '[::1]:80'\nstore: {path: /x}\n" SOURCE HOOK);
	struct conf *zone = good("timezone: UTC\n" SOURCE HOOK);
	struct buf out = {0};

	(void)state;
	conf_restart_keys(now, same, &out);
	assert_int_equal(out.len, 0);
	conf_restart_keys(now, listen, &out);
	assert_string_equal(out.data, "listen");
	buf_clear(&out);
	conf_restart_keys(now, both, &out);
	assert_string_equal(out.data, "listen, store.path");
	buf_clear(&out);
	conf_restart_keys(now, zone, &out);
	assert_string_equal(out.data, "timezone");
	buf_clear(&out);
	conf_restart_keys(zone, zone, &out);
	assert_int_equal(out.len, 0);
	buf_free(&out);
	conf_unref(now);
	conf_unref(same);
	conf_unref(listen);
	conf_unref(both);
	conf_unref(zone);
}

static void test_references(void **state)
{
	struct conf *conf = good(SOURCE HOOK);

	(void)state;
	conf->hooks[0].store_id = 7;
	assert_ptr_equal(conf_ref(conf), conf);
	conf_unref(conf);
	assert_ptr_equal(conf_hook_by_store_id(conf, 7), &conf->hooks[0]);
	assert_null(conf_hook_by_store_id(conf, 8));
	assert_ptr_equal(conf_hook_by_name(conf, "ship"), &conf->hooks[0]);
	assert_null(conf_hook_by_name(conf, "shop"));
	conf_unref(conf);
	conf_unref(NULL);
}

static int set_up(void **state)
{
	(void)state;
	setenv("TEST_SECRET", "the first secret", 1);
	setenv("TEST_OTHER", "the other secret", 1);
	setenv("TEST_PORT", "8081", 1);
	setenv("TEST_NESTED", "${TEST_PORT}", 1);
	setenv("TEST_EMPTY", "", 1);
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
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key_of_the_daemon),
		cmocka_unit_test(test_every_key_of_a_hook),
		cmocka_unit_test(test_environment_of_a_hook),
		cmocka_unit_test(test_user_of_a_hook),
		cmocka_unit_test(test_durations_and_sizes),
		cmocka_unit_test(test_room_for_a_large_body),
		cmocka_unit_test(test_environment_in_values),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_empty_sections),
		cmocka_unit_test(test_warnings_do_not_refuse),
		cmocka_unit_test(test_one_error_does_not_cause_another),
		cmocka_unit_test(test_restart_keys),
		cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
