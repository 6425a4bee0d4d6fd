#include "keys.h"

#include "config.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* "credential:NAME", "file:PATH" or "env:NAME". */
static struct secret *load_secret(const char *text)
{
	static const struct {
		const char *prefix;
		enum secret_origin origin;
	} origins[] = {
		{"credential:", SECRET_CREDENTIAL}, {"file:", SECRET_FILE}, {"env:", SECRET_ENV}};
	char why[SECRET_WHY];
	struct secret *secret;

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		size_t len = strlen(origins[i].prefix);

		if (strncmp(text, origins[i].prefix, len) != 0 || text[len] == '\0')
			continue;
		secret = secret_load(origins[i].origin, text + len, why);
		if (secret == NULL)
			ctl_error("--secret-from: %s", why);
		return secret;
	}
	/* The text is not repeated: people pass the secret itself here. */
	ctl_error(
		"--secret-from: expected credential:NAME, file:PATH or env:NAME; never the secret "
		"itself, which every user of this machine can see in the process list");
	return NULL;
}

static const struct sender *find_sender(const char *name)
{
	const struct sender *sender = sender_find(name);
	struct buf line = {0};

	if (sender != NULL)
		return sender;
	buf_add_text(&line, "--scheme: expected");
	for (size_t i = 0; sender_at(i) != NULL; i++)
		buf_printf(&line, "%s %s", i > 0 ? " or" : "", sender_at(i)->name);
	ctl_error("%s", line.data != NULL ? line.data : "out of memory");
	buf_free(&line);
	return NULL;
}

int ctl_keys_load(const struct ctl *ctl, struct ctl_keys *keys, const char *const *from,
	size_t count, const char *source, const char *scheme)
{
	*keys = (struct ctl_keys){0};
	if (count == 0) {
		if (scheme != NULL) {
			ctl_error("--scheme needs --secret-from; a source has a scheme of its own");
			return CTL_USAGE;
		}
		keys->conf = ctl_config_load(ctl);
		if (keys->conf == NULL)
			return CTL_CONFIG;
		keys->source = ctl_config_source(keys->conf, source);
		if (keys->source == NULL)
			return CTL_USAGE;
		keys->sender = keys->source->sender;
		keys->secrets = keys->source->secrets;
		keys->count = keys->source->secret_count;
		return CTL_OK;
	}
	keys->sender = scheme != NULL ? find_sender(scheme) : sender_default();
	if (keys->sender == NULL)
		return CTL_USAGE;
	if (count > CTL_SECRETS_MAX) {
		ctl_error("--secret-from: at most %d secrets", CTL_SECRETS_MAX);
		return CTL_USAGE;
	}
	for (size_t i = 0; i < count; i++) {
		keys->named[i] = load_secret(from[i]);
		if (keys->named[i] == NULL)
			return CTL_USAGE;
	}
	keys->secrets = keys->named;
	keys->count = count;
	return CTL_OK;
}

void ctl_keys_free(struct ctl_keys *keys)
{
	for (size_t i = 0; i < CTL_SECRETS_MAX; i++)
		secret_free(keys->named[i]);
	conf_unref(keys->conf);
	*keys = (struct ctl_keys){0};
}

static bool read_to_end(int fd, const char *name, struct buf *out)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ctl_error("cannot read %s: %s", name, strerror(errno));
			return false;
		}
		buf_add(out, chunk, (size_t)n);
		if (!buf_ok(out) || out->len > CTL_FILE_MAX) {
			ctl_error("%s is larger than %zu MiB", name, CTL_FILE_MAX >> 20);
			return false;
		}
	}
	return true;
}

bool ctl_read_file(const char *path, struct buf *out)
{
	bool read;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_to_end(STDIN_FILENO, "standard input", out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ctl_error("cannot open %s: %s", path, strerror(errno));
		return false;
	}
	read = read_to_end(fd, path, out);
	close(fd);
	return read;
}
