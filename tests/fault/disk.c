#include "disk.h"
#include "disk_model.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS = 4096, NAMES = 16, PATH_SIZE = 256 };

/* The files that a name meant since the directory's last sync; the first is the synced one. */
struct name {
	char path[PATH_SIZE];
	struct disk_node **history; /* NULL: no such file */
	size_t count, room;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static char directory[PATH_SIZE];
static struct disk_node *nodes;
static struct disk_node directory_node = {.kind = DISK_DIRECTORY};
static struct name names[NAMES];
static size_t name_count;
static struct {
	struct disk_node *node;
	bool synced;
} fds[FDS];
static uint64_t rng;
static struct disk_moment cut;
static atomic_bool dead;
static bool cut_now;
static enum disk_op cut_op;
static enum disk_kind cut_kind;
static struct disk_failure failure;
static unsigned failed, failed_syncs;

uint64_t disk_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void *disk_need(void *memory)
{
	if (memory == NULL) {
		(void)fputs("disk: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void disk_lock(void)
{
	(void)pthread_mutex_lock(&mutex);
}

void disk_unlock(void)
{
	(void)pthread_mutex_unlock(&mutex);
}

bool disk_watches(const char *path)
{
	size_t len = strlen(directory);

	return len > 0 && strncmp(path, directory, len) == 0 &&
	       (path[len] == '\0' || (path[len] == '/' && strchr(path + len + 1, '/') == NULL));
}

enum disk_kind disk_kind_of(const char *path)
{
	static const struct {
		const char *end;
		enum disk_kind kind;
	} ends[] = {
		{".db", DISK_DATABASE},
		{"-wal", DISK_WAL},
		{"-journal", DISK_JOURNAL},
		{"-shm", DISK_SHM},
	};
	size_t len = strlen(path);

	if (strcmp(path, directory) == 0)
		return DISK_DIRECTORY;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end = strlen(ends[i].end);
		if (len > end && strcmp(path + len - end, ends[i].end) == 0)
			return ends[i].kind;
	}
	return DISK_OTHER;
}

/* ---- power and failures */
static bool is_the_moment(struct disk_moment *m, enum disk_op op, enum disk_kind kind)
{
	if (m->nth == 0 || (m->ops & 1U << op) == 0 || (m->kinds & 1U << kind) == 0)
		return false;
	m->nth--;
	return m->nth == 0;
}

int disk_step(enum disk_op op, enum disk_kind kind, bool *half)
{
	/* Locks and mappings belong to the kernel, not the disk: SQLite takes a failing lock for
	 * a held one and would wait ten seconds. */
	bool disk = op != DISK_LOCK && op != DISK_MAP;

	*half = false;
	cut_now = false;
	if (dead)
		return disk ? EIO : 0;
	if (is_the_moment(&cut, op, kind)) {
		cut_op = op;
		cut_kind = kind;
		cut_now = true;
		dead = true;
		return disk ? EIO : 0;
	}
	if (failure.when.nth == 0 || (failure.when.ops & 1U << op) == 0 ||
		(failure.when.kinds & 1U << kind) == 0)
		return 0;
	if (failure.when.nth > 1) {
		failure.when.nth--;
		return 0;
	}
	if (failure.times == 0)
		return 0;
	failure.times--;
	failed++;
	failed_syncs += op == DISK_SYNC && (kind == DISK_DATABASE || kind == DISK_WAL);
	*half = failure.half;
	return failure.error;
}

bool disk_is_cut_now(void)
{
	return cut_now;
}

void disk_cut_at(struct disk_moment when)
{
	disk_lock();
	cut = when;
	disk_unlock();
}

void disk_cut(void)
{
	disk_lock();
	if (!dead) {
		cut_op = DISK_OPS;
		dead = true;
	}
	disk_unlock();
}

bool disk_is_dead(void)
{
	return dead;
}

const char *disk_cut_place(enum disk_op *op, enum disk_kind *kind)
{
	static const char *const op_text[] = {
		"open", "read", "write", "sync", "truncation", "removal", "mapping", "lock"};
	static const char *const kind_text[] = {
		"database", "WAL", "journal", "WAL-index", "lock file", "directory"};
	static char text[64];

	*op = cut_op;
	*kind = cut_kind;
	if (cut_op == DISK_OPS)
		return "after the end";
	(void)snprintf(text, sizeof(text), "%s of the %s", op_text[cut_op], kind_text[cut_kind]);
	return text;
}

void disk_fail(struct disk_failure f)
{
	disk_lock();
	failure = f;
	failed = failed_syncs = 0;
	disk_unlock();
}

unsigned disk_failed(void)
{
	disk_lock();
	unsigned n = failed;
	disk_unlock();
	return n;
}

unsigned disk_failed_syncs(void)
{
	disk_lock();
	unsigned n = failed_syncs;
	disk_unlock();
	return n;
}

/* ---- files and names */
static void load(struct disk_node *node, const char *path)
{
	struct stat sb;

	int fd = disk_real_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0 || fstat(fd, &sb) != 0)
		abort();
	node->size = node->durable_size = (size_t)sb.st_size;
	node->durable = disk_need(malloc(node->size + 1));
	if (disk_real_pread(fd, node->durable, node->size, 0) != sb.st_size)
		abort();
	(void)disk_real_close(fd);
}

static void name_add(struct name *name, struct disk_node *node)
{
	if (name->count == name->room) {
		name->room = name->room * 2 + 4;
		name->history = disk_need(
			reallocarray(name->history, name->room, sizeof(struct disk_node *)));
	}
	name->history[name->count++] = node;
}

static struct name *name_of(const char *path)
{
	for (size_t i = 0; i < name_count; i++) {
		if (strcmp(names[i].path, path) == 0)
			return &names[i];
	}
	assert(name_count < NAMES && strlen(path) < PATH_SIZE);
	struct name *name = &names[name_count++];
	(void)snprintf(name->path, PATH_SIZE, "%s", path);
	return name;
}

struct disk_node *disk_node_open(const char *path, bool made)
{
	if (strcmp(path, directory) == 0)
		return &directory_node;
	struct name *name = name_of(path);
	struct disk_node *node = name->count > 0 ? name->history[name->count - 1] : NULL;
	if (node != NULL)
		return node;
	node = disk_need(calloc(1, sizeof(*node)));
	node->kind = disk_kind_of(path);
	node->next = nodes;
	nodes = node;
	if (!made)
		load(node, path);
	else if (name->count == 0)
		name_add(name, NULL);
	name_add(name, node);
	return node;
}

enum disk_kind disk_node_kind(const struct disk_node *node)
{
	return node->kind;
}

static void change_add(struct disk_node *node, struct disk_change c)
{
	if (node->count == node->room) {
		node->room = node->room * 2 + 64;
		node->changes = disk_need(
			reallocarray(node->changes, node->room, sizeof(struct disk_change)));
	}
	node->changes[node->count++] = c;
	node->size = c.size_after;
}

void disk_note_write(
	struct disk_node *node, size_t offset, const void *data, size_t len, bool synced)
{
	struct disk_change c = {.offset = offset, .len = len, .synced = synced};

	if (len == 0)
		return;
	c.data = disk_need(malloc(len));
	memcpy(c.data, data, len);
	c.size_after = offset + len > node->size ? offset + len : node->size;
	change_add(node, c);
}

void disk_note_size(struct disk_node *node, size_t size)
{
	size_t from = size < node->size ? size : node->size;
	size_t to = size < node->size ? node->size : size;

	if (from != to)
		change_add(node,
			(struct disk_change){.offset = from, .len = to - from, .size_after = size});
}

static void grow(struct disk_node *node, size_t to)
{
	if (to <= node->durable_size)
		return;
	if (to > node->durable_room) {
		node->durable_room = 2 * to;
		node->durable = disk_need(realloc(node->durable, node->durable_room));
	}
	memset(node->durable + node->durable_size, 0, to - node->durable_size);
	node->durable_size = to;
}

void disk_apply(unsigned char *bytes, const struct disk_change *c, size_t from, size_t to)
{
	if (c->data != NULL)
		memcpy(bytes + from, c->data + (from - c->offset), to - from);
	else
		memset(bytes + from, 0, to - from);
}

static void changes_forget(struct disk_node *node)
{
	for (size_t i = 0; i < node->count; i++)
		free(node->changes[i].data);
	node->count = 0;
}

static void names_sync(void)
{
	for (size_t i = 0; i < name_count; i++) {
		if (names[i].count > 1)
			names[i].history[0] = names[i].history[names[i].count - 1];
		names[i].count = names[i].count > 0;
	}
}

void disk_note_sync(struct disk_node *node, bool lost)
{
	if (node->kind == DISK_DIRECTORY) {
		if (!lost)
			names_sync();
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		const struct disk_change *c = &node->changes[i];
		if (lost && !c->synced)
			continue;
		grow(node, c->offset + c->len);
		disk_apply(node->durable, c, c->offset, c->offset + c->len);
		/* After it, where earlier writes were lost, there is a hole. */
		grow(node, c->size_after);
		node->durable_size = c->size_after;
	}
	changes_forget(node);
}

void disk_note_unlink(const char *path)
{
	struct name *name = name_of(path);

	if (name->count == 0)
		(void)disk_node_open(path, false); /* it existed before it was watched */
	name_add(name, NULL);
}

static const char *path_of(const struct disk_node *node)
{
	for (size_t i = 0; i < name_count; i++) {
		if (names[i].count > 0 && names[i].history[names[i].count - 1] == node)
			return names[i].path;
	}
	return NULL;
}

void disk_note_drop(struct disk_node *node)
{
	const char *path = path_of(node);
	size_t len = node->size > node->durable_size ? node->size : node->durable_size;

	if (path == NULL || node->size == 0)
		return;
	for (size_t i = 0; i < node->count; i++) {
		const struct disk_change *c = &node->changes[i];
		len = c->offset + c->len > len ? c->offset + c->len : len;
	}
	unsigned char *bytes = disk_need(calloc(1, len));
	if (node->durable_size > 0)
		memcpy(bytes, node->durable, node->durable_size);
	for (size_t i = 0; i < node->count; i++) {
		const struct disk_change *c = &node->changes[i];
		disk_apply(bytes, c, c->offset, c->offset + c->len);
	}
	int fd = disk_real_open(path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0 || disk_real_pwrite(fd, bytes, node->size, 0) != (ssize_t)node->size)
		abort();
	(void)disk_real_close(fd);
	free(bytes);
}

void disk_fd_set(int fd, struct disk_node *node, bool synced)
{
	assert(fd >= 0 && fd < FDS);
	fds[fd].node = node;
	fds[fd].synced = synced;
}

struct disk_node *disk_fd_node(int fd)
{
	return fd >= 0 && fd < FDS ? fds[fd].node : NULL;
}

bool disk_fd_synced(int fd)
{
	return fds[fd].synced;
}

/* ---- the power is back */
static void put_back(const struct name *name)
{
	const struct disk_node *node =
		name->count == 0 ? NULL : name->history[(size_t)(disk_random(&rng) % name->count)];
	size_t size;

	if (node == NULL || (node->kind == DISK_SHM && disk_random(&rng) % 2 == 0)) {
		(void)disk_real_unlink(name->path);
		return;
	}
	unsigned char *bytes = disk_kept(node, &rng, &size);
	/* A WAL-index is never synced: it may contain anything. */
	if (node->kind == DISK_SHM) {
		size = (size_t)(disk_random(&rng) % 65536);
		bytes = disk_need(realloc(bytes, size + 1));
		for (size_t i = 0; i < size; i++)
			bytes[i] = (unsigned char)disk_random(&rng);
	}
	int fd = disk_real_open(name->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	if (fd < 0 || disk_real_pwrite(fd, bytes, size, 0) != (ssize_t)size)
		abort();
	(void)disk_real_close(fd);
	free(bytes);
}

static void forget(void)
{
	for (int fd = 0; fd < FDS; fd++)
		assert(fds[fd].node == NULL);
	while (nodes != NULL) {
		struct disk_node *node = nodes;
		nodes = node->next;
		changes_forget(node);
		free(node->changes);
		free(node->durable);
		free(node);
	}
	for (size_t i = 0; i < name_count; i++)
		free(names[i].history);
	memset(names, 0, sizeof(names));
	name_count = 0;
	cut.nth = 0;
	failure.when.nth = 0;
	dead = false;
}

void disk_restore(void)
{
	disk_lock();
	for (size_t i = 0; i < name_count; i++)
		put_back(&names[i]);
	forget();
	disk_unlock();
}

void disk_begin(const char *dir, uint64_t seed)
{
	disk_lock();
	assert(directory[0] == '\0' && dir[0] == '/' && strlen(dir) < PATH_SIZE);
	(void)snprintf(directory, sizeof(directory), "%s", dir);
	rng = seed;
	disk_unlock();
}

void disk_end(void)
{
	disk_lock();
	forget();
	directory[0] = '\0';
	disk_unlock();
}
