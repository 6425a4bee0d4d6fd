#include "base/secret.h"

#include "secret_text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct secret {
	unsigned char *bytes; /* sodium_malloc'd, read-only */
	size_t len;
};

static atomic_bool some_unlocked;

/* Where systemd puts those of hookd's unit while it runs. */
static const char running[] = "/run/credentials/hookd.service";
static bool assumed, was_assumed; /* that all are there, and right */

static void set_why(char why[SECRET_WHY], const char *format, ...) PRINTF(2, 3);

static void set_why(char why[SECRET_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, SECRET_WHY, format, args);
	va_end(args);
}

void secret_find_credentials(void)
{
	if (getenv("CREDENTIALS_DIRECTORY") == NULL && access(running, R_OK | X_OK) == 0)
		(void)setenv("CREDENTIALS_DIRECTORY", running, 1);
}

void secret_assume_credentials(void)
{
	if (getenv("CREDENTIALS_DIRECTORY") != NULL)
		return;
	(void)setenv("CREDENTIALS_DIRECTORY", running, 1);
	assumed = true;
}

bool secret_is_assumed(const char *path)
{
	size_t len = strlen(running);
	bool is = assumed && strncmp(path, running, len) == 0 && path[len] == '/';

	was_assumed = was_assumed || is;
	return is;
}

bool secret_was_assumed(void)
{
	return was_assumed;
}

struct secret *secret_new(const void *bytes, size_t len)
{
	struct secret *s = malloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	s->len = len;
	s->bytes = sodium_malloc(len > 0 ? len : 1);
	if (s->bytes == NULL) {
		free(s);
		return NULL;
	}
	if (len > 0)
		memcpy(s->bytes, bytes, len);
	/* sodium_malloc has locked it, but does not say whether that succeeded. */
	if (sodium_mlock(s->bytes, len > 0 ? len : 1) != 0)
		atomic_store(&some_unlocked, true);
	(void)sodium_mprotect_readonly(s->bytes);
	return s;
}

void secret_free(struct secret *s)
{
	if (s == NULL)
		return;
	sodium_free(s->bytes); /* wipes */
	free(s);
}

bool secret_all_locked(void)
{
	return !atomic_load(&some_unlocked);
}

const unsigned char *secret_bytes(const struct secret *s)
{
	return s->bytes;
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

bool secret_starts_with(const struct secret *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s->len >= len && sodium_memcmp(s->bytes, prefix, len) == 0;
}

/* `place` names where the secret is: a variable or a file. */
static struct secret *accept(
	const char *place, const unsigned char *bytes, size_t len, char why[SECRET_WHY])
{
	const char *fault = len > 0 && len <= SECRET_MAX ? secret_text_fault(bytes, len) : NULL;
	struct secret *s;

	if (len == 0)
		set_why(why, "%s is empty: expected a secret in it", place);
	else if (len > SECRET_MAX)
		set_why(why, "%s is longer than %d bytes: expected a secret in it", place,
			SECRET_MAX);
	else if (fault != NULL)
		set_why(why, "%s %s", place, fault);
	else {
		s = secret_new(bytes, len);
		if (s == NULL)
			set_why(why, "%s cannot be kept: out of memory", place);
		return s;
	}
	return NULL;
}

/* Fills bytes up to max. -1: errno is set. */
static ssize_t read_all(int fd, unsigned char *bytes, size_t max)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, bytes + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* A file that others can read or write is not secret. */
static bool check_file(int fd, const char *place, char why[SECRET_WHY])
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		set_why(why, "%s cannot be read: %s", place, strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		set_why(why, "%s is not a regular file", place);
		return false;
	}
	if (st.st_mode & 07) {
		set_why(why, "%s can be accessed by others (mode %04o): expected 0640 or less",
			place, (unsigned)(st.st_mode & 07777));
		return false;
	}
	return true;
}

static struct secret *load_file(const char *place, const char *path, char why[SECRET_WHY])
{
	const size_t room = SECRET_MAX + 3; /* a CR LF, and one more to detect a longer one */
	struct secret *s = NULL;
	unsigned char *bytes = NULL;
	ssize_t n;
	size_t len;
	int fd;

	/* O_NONBLOCK: a FIFO is to be refused, not waited for */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		set_why(why, "%s cannot be read: %s", place, strerror(errno));
		return NULL;
	}
	if (!check_file(fd, place, why))
		goto out;
	bytes = sodium_malloc(room);
	if (bytes == NULL) {
		set_why(why, "%s cannot be kept: out of memory", place);
		goto out;
	}
	n = read_all(fd, bytes, room);
	if (n < 0) {
		set_why(why, "%s cannot be read: %s", place, strerror(errno));
		goto out;
	}
	len = (size_t)n;
	if (len > 0 && len < room && bytes[len - 1] == '\n') {
		len--;
		if (len > 0 && bytes[len - 1] == '\r')
			len--;
	}
	s = accept(place, bytes, len, why);
out:
	sodium_free(bytes);
	close(fd);
	return s;
}

static struct secret *load_credential(const char *name, char why[SECRET_WHY])
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char place[PATH_MAX + 32], path[PATH_MAX];
	int n;

	if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
		strcmp(name, "..") == 0) {
		set_why(why,
			"credential \"%.100s\": expected a plain name, as in systemd's "
			"LoadCredential=NAME:FILE",
			name);
		return NULL;
	}
	if (directory == NULL || directory[0] == '\0') {
		set_why(why,
			"credential \"%.100s\": $CREDENTIALS_DIRECTORY is not set; expected "
			"hookd's unit to have LoadCredential=%.100s:FILE (from a shell: to be "
			"root, while the unit runs)",
			name, name);
		return NULL;
	}
	was_assumed = was_assumed || assumed;
	if (assumed)
		return secret_new(name, strlen(name));
	n = snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		set_why(why, "credential \"%.100s\": its path is too long", name);
		return NULL;
	}
	snprintf(place, sizeof(place), "credential %s", path);
	return load_file(place, path, why);
}

static struct secret *load_env(const char *name, char why[SECRET_WHY])
{
	const char *value = getenv(name);
	char place[160];

	if (value == NULL) {
		set_why(why, "environment variable %.100s is not set: expected a secret in it",
			name);
		return NULL;
	}
	snprintf(place, sizeof(place), "environment variable %.100s", name);
	/* The variable stays set for the next reload; locked, it is not in swap or a
	 * core dump. */
	if (sodium_mlock((void *)(uintptr_t)value, strlen(value)) != 0)
		atomic_store(&some_unlocked, true);
	return accept(place, (const unsigned char *)value, strlen(value), why);
}

struct secret *secret_load(enum secret_origin origin, const char *name, char why[SECRET_WHY])
{
	switch (origin) {
	case SECRET_CREDENTIAL:
		return load_credential(name, why);
	case SECRET_FILE:
		return load_file(name, name, why);
	case SECRET_ENV:
		return load_env(name, why);
	}
	set_why(why, "no such kind of place for a secret");
	return NULL;
}
