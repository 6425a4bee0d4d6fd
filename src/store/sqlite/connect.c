/* store/sqlite/connect.c - a session's connection: which files SQLite may open for it, how, and
 * whether what is in them is a store. The store's owner chooses what its names lead to, so
 * everything that is not a plain file, or could be run, is refused before it is used. That is a
 * race against the owner, who gains nothing by winning it from a process that has become the owner
 * (store/owner.h). */
#include "db.h"
#include "session.h"
#include "store/permission.h"
#include "trust.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_TRIES 3

bool store_session_explain_memory(char why[STORE_READ_WHY])
{
	(void)snprintf(why, STORE_READ_WHY, "out of memory");
	return false;
}

bool store_session_explain(const struct store_session *s, char why[STORE_READ_WHY])
{
	if (s->no_memory)
		return store_session_explain_memory(why);
	store_explain_error(s->sqlite, s->path, why, STORE_READ_WHY);
	return false;
}

void store_session_explain_outdated(const struct store_session *s, char why[STORE_READ_WHY])
{
	(void)snprintf(why, STORE_READ_WHY,
		"%s: hookd was started while it was being read; try again", s->path);
}

/* ---- the files */

/* The directory may be reached by symbolic links, the file may not be one. */
static bool set_path(struct store_session *s, const char *path, char why[STORE_READ_WHY])
{
	char parent[PATH_MAX], name[PATH_MAX], directory[PATH_MAX];

	if (strlen(path) >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		store_explain_errno(path, why);
		return false;
	}
	memcpy(parent, path, strlen(path) + 1);
	memcpy(name, path, strlen(path) + 1);
	if (realpath(dirname(parent), directory) == NULL) {
		store_explain_errno(path, why);
		return false;
	}
	if (asprintf(&s->path, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory,
		    basename(name)) >= 0)
		return true;
	s->path = NULL;
	return store_session_explain_memory(why);
}

static bool is_store_file(const struct store_session *s, const char *path, char why[STORE_READ_WHY])
{
	struct stat sb;

	if (lstat(s->path, &sb) != 0 || access(s->path, R_OK) != 0)
		store_explain_errno(path, why);
	else if (S_ISLNK(sb.st_mode))
		(void)snprintf(
			why, STORE_READ_WHY, "%s: is a symbolic link; name the store itself", path);
	else if (!S_ISREG(sb.st_mode))
		(void)snprintf(
			why, STORE_READ_WHY, "%s: not a hookd store: not a regular file", path);
	else
		return true;
	return false;
}

bool store_session_find(struct store_session *s, const char *path, char why[STORE_READ_WHY])
{
	if (!set_path(s, path, why) || !is_store_file(s, path, why))
		return false;
	if (asprintf(&s->wal, "%s-wal", s->path) < 0)
		s->wal = NULL;
	if (asprintf(&s->shm, "%s-shm", s->path) < 0)
		s->shm = NULL;
	return (s->wal != NULL && s->shm != NULL) || store_session_explain_memory(why);
}

/* SQLite removes the -wal file beside an empty database, also when it only reads. */
static bool has_content(const struct store_session *s, char why[STORE_READ_WHY])
{
	struct stat sb;

	if (lstat(s->path, &sb) != 0) {
		store_explain_errno(s->path, why);
		return false;
	}
	if (sb.st_size == 0)
		store_file_explain(STORE_FILE_EMPTY, NULL, s->path, 0, why, STORE_READ_WHY);
	return sb.st_size > 0;
}

static bool wal_exists(const struct store_session *s)
{
	struct stat sb;

	return lstat(s->wal, &sb) == 0;
}

static struct store_file_id shm_now(const struct store_session *s)
{
	struct stat sb;

	if (lstat(s->shm, &sb) != 0)
		return (struct store_file_id){0};
	return (struct store_file_id){sb.st_dev, sb.st_ino};
}

/* hookd removes the -shm file when it stops after a failed sync: what that file says of the WAL is
 * not on disk. A connection that has it open would go on to use it. */
bool store_session_is_outdated(const struct store_session *s)
{
	if (s->immutable)
		return wal_exists(s);
	struct store_file_id now = shm_now(s);
	return now.device != s->shm_id.device || now.inode != s->shm_id.inode;
}

/* ---- the connection */

/* "file://" and the path, with the characters escaped that mean something in a URI. */
static char *uri_of(const char *path, const char *query)
{
	size_t len = strlen(path);
	char *uri = malloc(len * 3 + strlen(query) + sizeof("file://"));
	char *to = uri;

	if (uri == NULL)
		return NULL;
	to = stpcpy(to, "file://");
	for (size_t i = 0; i < len; i++) {
		if (strchr("%?#", path[i]) != NULL) {
			static const char hex[] = "0123456789ABCDEF";
			*to++ = '%';
			*to++ = hex[(unsigned char)path[i] >> 4];
			*to++ = hex[(unsigned char)path[i] & 15];
		} else {
			*to++ = path[i];
		}
	}
	(void)stpcpy(to, query);
	return uri;
}

static int open_file(struct store_session *s)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;

	s->immutable = !wal_exists(s);
	char *uri = uri_of(s->path, s->immutable ? "?immutable=1" : "");
	if (uri == NULL)
		return SQLITE_NOMEM;
	int rc = sqlite3_open_v2(
		uri, &s->sqlite, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | flags, NULL);
	free(uri);
	return rc;
}

static int set_up(const struct store_session *s)
{
	int rc = store_trust_nothing(s->sqlite);

	(void)sqlite3_busy_timeout(s->sqlite, STORE_BUSY_TIMEOUT);
	if (rc == SQLITE_OK) /* a mapped file that is cut short ends the process */
		rc = sqlite3_exec(s->sqlite, "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON",
			NULL, NULL, NULL);
	return rc;
}

/* In a transaction: the schema of the state that is read. */
static bool is_store(struct store_session *s, char why[STORE_READ_WHY])
{
	char what[STORE_SCHEMA_WHAT];
	int64_t version;

	enum store_file kind = store_file_kind(s->sqlite, &version);
	if (kind != STORE_FILE_OURS) {
		store_file_explain(kind, s->sqlite, s->path, version, why, STORE_READ_WHY);
		return false;
	}
	int rc = store_schema_compare(s->sqlite, what);
	if (rc == SQLITE_OK)
		rc = store_number(s->sqlite, "PRAGMA schema_version", &s->schema);
	if (rc == SQLITE_OK)
		return true;
	if (rc == SQLITE_NOMEM)
		return store_session_explain_memory(why);
	if (rc == SQLITE_AUTH) {
		(void)snprintf(why, STORE_READ_WHY,
			"%s: not as hookd makes a store: %s; undo the change, or restore a backup",
			s->path, what);
		return false;
	}
	return store_session_explain(s, why);
}

/* The schema is compared again when it has changed, in the transaction that then uses it. */
bool store_session_check(struct store_session *s, char why[STORE_READ_WHY])
{
	int64_t schema;

	if (store_number(s->sqlite, "PRAGMA schema_version", &schema) != SQLITE_OK)
		return store_session_explain(s, why);
	return schema == s->schema || is_store(s, why);
}

void store_session_disconnect(struct store_session *s)
{
	(void)sqlite3_close(s->sqlite);
	s->sqlite = NULL;
}

static bool connect_once(struct store_session *s, char why[STORE_READ_WHY])
{
	if (!has_content(s, why) || !store_trust_files(s->path, why))
		return false;
	int rc = open_file(s);
	if (s->sqlite == NULL)
		return store_session_explain_memory(why);
	if (rc == SQLITE_OK)
		rc = set_up(s);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->sqlite, "BEGIN", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return store_session_explain(s, why);
	if (!is_store(s, why))
		return false;
	(void)sqlite3_exec(s->sqlite, "COMMIT", NULL, NULL, NULL);
	return true;
}

/* SQLite does not show which -shm file it has opened: it is the one of that name if the name led to
 * the same file before and afterwards. */
bool store_session_connect(struct store_session *s, char why[STORE_READ_WHY])
{
	for (int i = 0; i < CONNECT_TRIES; i++) {
		s->shm_id = shm_now(s);
		if (!connect_once(s, why)) {
			store_session_disconnect(s);
			return false;
		}
		if (!store_session_is_outdated(s))
			return true;
		store_session_disconnect(s);
	}
	store_session_explain_outdated(s, why);
	return false;
}
