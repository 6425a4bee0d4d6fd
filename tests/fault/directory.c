#include "directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX = 8 };

static char top[64];
static struct directory made[MAX];
static size_t count;
static FILE *out;

static void file_of(char *file, const char *directory, const char *name)
{
	(void)snprintf(file, DIRECTORY_PATH + 256, "%s/%s", directory, name);
}

FILE *directory_begin(const char *name)
{
	char log[80];

	/* The program keeps the memory that a store of large events frees. */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 26);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 28);
	(void)snprintf(top, sizeof(top), "%s/hookd-%s-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", name);
	out = fdopen(dup(STDERR_FILENO), "w");
	if (out == NULL || mkdtemp(top) == NULL)
		abort();
	(void)setvbuf(out, NULL, _IOLBF, 0);
	(void)snprintf(log, sizeof(log), "%s/log", top);
	if (freopen(log, "w", stderr) == NULL)
		abort();
	return out;
}

const char *directory_top(void)
{
	return top;
}

long directory_log_end(void)
{
	return (long)lseek(STDERR_FILENO, 0, SEEK_CUR);
}

void directory_end(bool remove)
{
	char log[80];

	(void)fclose(out);
	for (size_t i = 0; remove && i < count; i++) {
		directory_empty(&made[i]);
		(void)rmdir(made[i].path);
	}
	if (!remove)
		return;
	(void)snprintf(log, sizeof(log), "%s/log", top);
	(void)unlink(log);
	(void)rmdir(top);
}

void directory_make(struct directory *d, const char *name)
{
	(void)snprintf(d->path, sizeof(d->path), "%s/%s", top, name);
	if (count == MAX || mkdir(d->path, 0700) != 0)
		abort();
	made[count++] = *d;
}

void directory_empty(const struct directory *d)
{
	char file[DIRECTORY_PATH + 256];
	DIR *dir = opendir(d->path);

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		file_of(file, d->path, e->d_name);
		(void)unlink(file);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 20];
	ssize_t n;

	int in = open(from, O_RDONLY | O_CLOEXEC);
	int target = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in < 0 || target < 0)
		abort();
	while ((n = read(in, bytes, sizeof(bytes))) > 0) {
		if (write(target, bytes, (size_t)n) != n)
			abort();
	}
	(void)close(in);
	(void)close(target);
}

void directory_copy(const struct directory *from, const struct directory *to)
{
	char a[DIRECTORY_PATH + 256], b[DIRECTORY_PATH + 256];
	DIR *dir = opendir(from->path);

	directory_empty(to);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		file_of(a, from->path, e->d_name);
		file_of(b, to->path, e->d_name);
		copy_file(a, b);
	}
	if (dir != NULL)
		(void)closedir(dir);
}
