/* alter FILE SQL: runs SQL on an SQLite database as its owner could, with all that hookd's own
 * connections do not allow. */
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	sqlite3 *db = NULL;
	int rc = argc == 3 ? sqlite3_open(argv[1], &db) : SQLITE_MISUSE;

	if (rc == SQLITE_OK)
		(void)sqlite3_busy_timeout(db, 10000);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, argv[2], NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		(void)fprintf(stderr, "alter: %s\n", db != NULL ? sqlite3_errmsg(db) : "usage");
	(void)sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : 1;
}
