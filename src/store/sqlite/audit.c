/* store/sqlite/audit.c - records the acts that change the store. */
#include "act.h"

#include <sqlite3.h>

static int insert_act(struct store_db *db, struct store_audit *audit, int64_t changed)
{
	sqlite3_stmt *s = db->sql[SQL_AUDIT_INSERT];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, audit->at, &rc);
	store_bind_int(s, 2, audit->uid, &rc);
	store_bind_text(s, 3, audit->act, &rc);
	store_bind_text(s, 4, audit->detail, &rc);
	store_bind_int(s, 5, changed, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	db->act = audit;
	db->act_id = sqlite3_last_insert_rowid(db->sqlite);
	return SQLITE_OK;
}

int store_audit_add(struct store_db *db, struct store_audit *audit, int64_t changed)
{
	sqlite3_stmt *s = db->sql[SQL_AUDIT_CHANGED];
	int rc = SQLITE_OK;

	if (audit == NULL)
		return SQLITE_OK;
	if (audit->id == 0)
		return insert_act(db, audit, changed);
	if (changed == 0)
		return SQLITE_OK;
	store_bind_int(s, 1, audit->id, &rc);
	store_bind_int(s, 2, changed, &rc);
	return store_step(s, rc);
}

int store_note_run(struct store_db *db, const struct store_note *n)
{
	sqlite3_stmt *s = db->sql[SQL_AUDIT_END];
	int rc = store_audit_add(db, n->audit, 0);

	store_bind_int(s, 1, n->audit->id != 0 ? n->audit->id : db->act_id, &rc);
	store_bind_text(s, 2, n->result, &rc);
	store_bind_int(s, 3, n->now, &rc);
	return store_step(s, rc);
}

/* The id is the act's only once its row is committed. */
void store_audit_end(struct store_db *db, bool committed)
{
	if (db->act != NULL && committed)
		db->act->id = db->act_id;
	db->act = NULL;
	db->act_id = 0;
}

int store_audit_recover(struct store_db *db)
{
	return sqlite3_exec(db->sqlite,
		"UPDATE audit SET result = 'interrupted' WHERE result IS NULL", NULL, NULL, NULL);
}

int store_audit_remove(struct store_db *db, int64_t before)
{
	sqlite3_stmt *s = db->sql[SQL_AUDIT_OLD];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, before, &rc);
	store_bind_int(s, 2, STORE_RETENTION_SLICE, &rc);
	return store_step(s, rc);
}
