/* thief MARKER-BACKWARDS PID FILE...: tries every way that it knows to read a secret of hookd,
 * process PID: from its memory, its environment or the files. A secret contains MARKER. It
 * prints a line for each way: "FOUND way", "open way" (something was read, without the
 * marker) or "shut way: reason". Exits with 0 whatever it found. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_MAX  (256 * 1024)
#define PATH_ROOM 4096

static char marker[128];
static const char *hookd; /* its pid */
static char bytes[READ_MAX];
static char place[] = "/tmp/hookd-thief-XXXXXX";

static void say(const char *way, ssize_t n)
{
	if (n > 0 && memmem(bytes, (size_t)n, marker, strlen(marker)) != NULL)
		printf("FOUND %s\n", way);
	else if (n > 0)
		printf("open %s\n", way);
	else
		printf("shut %s: %s\n", way, n == 0 ? "empty" : strerror(errno));
}

static ssize_t read_all(int fd)
{
	size_t len = 0;
	ssize_t n = 0;

	while (len < sizeof(bytes) && (n = read(fd, bytes + len, sizeof(bytes) - len)) > 0)
		len += (size_t)n;
	return len > 0 ? (ssize_t)len : n;
}

static void try_fd(const char *way, int fd)
{
	say(way, fd < 0 ? -1 : read_all(fd));
	if (fd >= 0)
		close(fd);
}

static void try_file(const char *way, const char *path)
{
	try_fd(way, open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

static const char *in_proc(const char *name)
{
	static char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/proc/%s/%s", hookd, name);
	return path;
}

/* ---- what it was given */

static void look_at_itself(char **environ_given)
{
	struct dirent *e;
	DIR *d = opendir("/proc/self/fd");
	char way[64];

	bytes[0] = '\0';
	for (size_t i = 0; environ_given[i] != NULL; i++)
		if (strstr(environ_given[i], marker) != NULL)
			printf("FOUND own environment\n");
	while (d != NULL && (e = readdir(d)) != NULL) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(d) || fd <= STDERR_FILENO)
			continue;
		snprintf(way, sizeof(way), "inherited descriptor %d", fd);
		printf("open %s\n", way);
		say(way, pread(fd, bytes, sizeof(bytes), 0));
	}
	if (d != NULL)
		closedir(d);
}

/* ---- hookd's process */

static void read_memory(const char *way)
{
	char line[512];
	FILE *maps = fopen(in_proc("maps"), "re");
	int fd = open(in_proc("mem"), O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	int found = 0;

	if (maps == NULL || fd < 0) {
		say(way, -1);
	} else {
		while (!found && fgets(line, sizeof(line), maps) != NULL) {
			/* what is larger is a sanitizer's, and empty */
			if (sscanf(line, "%lx-%lx r", &from, &to) != 2 || to - from > 1UL << 30)
				continue;
			for (unsigned long at = from; !found && at < to; at += sizeof(bytes)) {
				size_t want = to - at < sizeof(bytes) ? to - at : sizeof(bytes);
				ssize_t n = pread(fd, bytes, want, (off_t)at);

				found = n > 0 &&
					memmem(bytes, (size_t)n, marker, strlen(marker)) != NULL;
			}
		}
		printf("%s %s\n", found ? "FOUND" : "open", way);
	}
	if (maps != NULL)
		fclose(maps);
	if (fd >= 0)
		close(fd);
}

static void look_at_hookd(void)
{
	static const char *const files[] = {"environ", "auxv", "maps", "smaps", "pagemap", "stack",
		"syscall", "personality", "io", "timers", "numa_maps", "task/%s/environ",
		"task/%s/mem"};
	static const char *const directories[] = {"fd", "fdinfo", "map_files", "cwd", "root"};
	char name[64], way[PATH_ROOM];
	pid_t pid = atoi(hookd);
	struct iovec ours = {bytes, 4096}, theirs = {NULL, 4096};
	int fd;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), files[i], hookd);
		snprintf(way, sizeof(way), "/proc/HOOKD/%s", name);
		try_file(way, in_proc(name));
	}
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		DIR *d = opendir(in_proc(directories[i]));

		printf("%s /proc/HOOKD/%s/\n", d != NULL ? "open" : "shut", directories[i]);
		if (d != NULL)
			closedir(d);
	}
	for (int n = 0; n < 64; n++) {
		snprintf(name, sizeof(name), "fd/%d", n);
		snprintf(way, sizeof(way), "/proc/HOOKD/%s", name);
		fd = open(in_proc(name), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			try_fd(way, fd);
	}
	read_memory("memory by /proc/HOOKD/mem");
	say("memory by process_vm_readv", process_vm_readv(pid, &ours, 1, &theirs, 1, 0));
	if (geteuid() == 0) /* it would succeed, and leave hookd stopped */
		return;
	printf("%s ptrace attach\n", ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0 ? "open" : "shut");
	printf("%s ptrace seize\n", ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 ? "open" : "shut");
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	for (int n = 0; fd >= 0 && n < 64; n++) {
		int stolen = (int)syscall(SYS_pidfd_getfd, fd, n, 0);

		if (stolen >= 0)
			printf("open descriptor %d by pidfd_getfd\n", n);
	}
}

/* ---- the files */

static void with_exec(const char *path)
{
	int ends[2], status;
	char *const argv[] = {(char *)(uintptr_t)path, NULL};

	if (pipe(ends) != 0)
		return;
	if (fork() == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		execv(path, argv);
		_exit(1);
	}
	close(ends[1]);
	try_fd("file, executed", ends[0]);
	wait(&status);
}

static void with_handle(const char *path)
{
	struct {
		struct file_handle handle;
		char room[MAX_HANDLE_SZ];
	} h = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int mount, fd = -1, root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (name_to_handle_at(AT_FDCWD, path, &h.handle, &mount, 0) == 0)
		fd = open_by_handle_at(root, &h.handle, O_RDONLY);
	try_fd("file, by its handle", fd);
	close(root);
}

/* As root of a user namespace of its own, which may mount: if the system lets it. */
static void with_namespace(const char *path, const char *target)
{
	char there[PATH_ROOM];

	fflush(stdout);
	if (fork() == 0) {
		snprintf(there, sizeof(there), "%s/bound", target);
		close(open(there, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
			printf("shut user namespace: %s\n", strerror(errno));
		else if (mount(path, there, NULL, MS_BIND, NULL) != 0)
			printf("shut bind mount: %s\n", strerror(errno));
		else
			try_file("file, by a bind mount", there);
		try_file("file, in a user namespace", path);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static void look_at_file(const char *path)
{
	char other[PATH_ROOM], slash[PATH_ROOM];
	int fd;

	printf("file %s\n", path);
	try_file("file", path);
	(void)chmod(path, 0666);
	try_file("file, mode changed", path);
	try_fd("file, to read and write", open(path, O_RDWR | O_CLOEXEC));
	snprintf(other, sizeof(other), "/proc/self/root%s", path);
	try_file("file, by /proc/self/root", other);
	snprintf(other, sizeof(other), "/proc/%s/root%s", hookd, path);
	try_file("file, by /proc/HOOKD/root", other);
	snprintf(other, sizeof(other), "%s/symlink", place);
	(void)symlink(path, other);
	try_file("file, by a symbolic link", other);
	snprintf(other, sizeof(other), "%s/link", place);
	printf("%s hard link\n", link(path, other) == 0 ? "open" : "shut");
	try_file("file, by a hard link", other);
	snprintf(other, sizeof(other), "%s/moved", place);
	printf("%s move\n", rename(path, other) == 0 ? "open" : "shut");
	try_file("file, moved", other);
	fd = open(path, O_PATH | O_CLOEXEC);
	snprintf(other, sizeof(other), "/proc/self/fd/%d", fd);
	try_file("file, by O_PATH and /proc/self/fd", other);
	try_fd("file, by openat of an O_PATH", openat(fd, "", O_RDONLY | O_CLOEXEC));
	close(fd);
	with_exec(path);
	with_handle(path);
	with_namespace(path, place);
	snprintf(slash, sizeof(slash), "%s", path);
	*strrchr(slash, '/') = '\0';
	if (chroot(slash) == 0)
		try_file("file, by chroot", strrchr(path, '/'));
	for (int n = 0; n < 3; n++) { /* what the tries left */
		unlink(other);
		snprintf(other, sizeof(other), "%s/%s", place,
			(const char *const[]){"symlink", "link", "bound"}[n]);
	}
	unlink(other);
}

/* Everything else that can be read, down to some depth. */
static void search(const char *directory, int depth)
{
	char path[PATH_ROOM];
	DIR *d = opendir(directory);
	struct dirent *e;
	struct stat st;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			snprintf(path, sizeof(path), "%s/%s", directory, e->d_name) >=
				(int)sizeof(path) ||
			lstat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth > 0) {
			search(path, depth - 1);
		} else if (S_ISREG(st.st_mode)) {
			int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
			ssize_t n = fd < 0 ? -1 : read_all(fd);

			if (n > 0 && memmem(bytes, (size_t)n, marker, strlen(marker)) != NULL)
				printf("FOUND search %s\n", path);
			if (fd >= 0)
				close(fd);
		}
	}
	if (d != NULL)
		closedir(d);
}

/* Other processes' environments, hookd's other scripts among them. */
static void search_processes(void)
{
	char path[PATH_ROOM];
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		for (int n = 0; n < 2 && e->d_name[0] >= '1' && e->d_name[0] <= '9'; n++) {
			snprintf(path, sizeof(path), "/proc/%.16s/%s", e->d_name,
				n == 0 ? "environ" : "cmdline");
			int fd = open(path, O_RDONLY | O_CLOEXEC);
			ssize_t got = fd < 0 ? -1 : read_all(fd);

			if (got > 0 && memmem(bytes, (size_t)got, marker, strlen(marker)) != NULL)
				printf("FOUND %s\n", path);
			if (fd >= 0)
				close(fd);
		}
	}
	if (d != NULL)
		closedir(d);
}

int main(int argc, char **argv, char **envp)
{
	size_t len = argc > 2 ? strlen(argv[1]) : 0;

	if (argc < 3 || len >= sizeof(marker) || mkdtemp(place) == NULL)
		return 2;
	for (size_t i = 0; i < len; i++)
		marker[i] = argv[1][len - 1 - i];
	hookd = argv[2];
	look_at_itself(envp);
	look_at_hookd();
	for (int i = 3; i < argc; i++)
		look_at_file(argv[i]);
	static const char *const trees[] = {"/run", "/etc", "/dev/shm", "/tmp", "/var/tmp"};
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		search(trees[i], 3);
	search_processes();
	rmdir(place);
	puts("the end");
	return 0;
}
