/* version_1_fixture.h - the schema of the first release, for tests of stores it wrote. */
#ifndef HOOKD_VERSION_1_FIXTURE_H
#define HOOKD_VERSION_1_FIXTURE_H

/* Version 1 as it was released; never to be altered. */
static const char version_1[] =
	"CREATE TABLE sources(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
	"CREATE TABLE hooks(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
	"CREATE TABLE events("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	source_id INTEGER NOT NULL REFERENCES sources(id),"
	"	idempotency_key TEXT NOT NULL,"
	"	provider_event_id TEXT,"
	"	type TEXT,"
	"	entity_kind TEXT,"
	"	entity_id TEXT,"
	"	received_at INTEGER NOT NULL,"
	"	occurred_at INTEGER,"
	"	origin TEXT NOT NULL CHECK(origin IN ('webhook', 'api', 'manual')),"
	"	remote_addr TEXT NOT NULL,"
	"	duplicates INTEGER NOT NULL DEFAULT 0,"
	"	conflicts INTEGER NOT NULL DEFAULT 0,"
	"	quarantined TEXT,"
	"	payload BLOB NOT NULL,"
	"	UNIQUE(source_id, idempotency_key)) STRICT;"
	"CREATE INDEX events_received ON events(received_at);"
	"CREATE INDEX events_quarantined ON events(id) WHERE quarantined IS NOT NULL;"
	"CREATE TABLE deliveries("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	event_id INTEGER NOT NULL REFERENCES events(id) ON DELETE CASCADE,"
	"	hook_id INTEGER NOT NULL REFERENCES hooks(id),"
	"	state TEXT NOT NULL"
	"		CHECK(state IN ('READY', 'RUNNING', 'DONE', 'DEAD', 'SKIPPED')),"
	"	attempts INTEGER NOT NULL DEFAULT 0,"
	"	failures INTEGER NOT NULL DEFAULT 0,"
	"	due_at INTEGER NOT NULL) STRICT;"
	"CREATE INDEX deliveries_event ON deliveries(event_id);"
	"CREATE INDEX deliveries_due ON deliveries(hook_id, due_at) WHERE state = 'READY';"
	"CREATE INDEX deliveries_running ON deliveries(hook_id) WHERE state = 'RUNNING';"
	"CREATE INDEX deliveries_dead ON deliveries(hook_id) WHERE state = 'DEAD';"
	"CREATE TABLE attempts("
	"	delivery_id INTEGER NOT NULL REFERENCES deliveries(id) ON DELETE CASCADE,"
	"	number INTEGER NOT NULL,"
	"	started_at INTEGER NOT NULL,"
	"	ended_at INTEGER,"
	"	result TEXT CHECK(result IN ('ok', 'tempfail', 'permfail', 'interrupted')),"
	"	exit_code INTEGER,"
	"	signal INTEGER,"
	"	message TEXT,"
	"	output BLOB,"
	"	PRIMARY KEY(delivery_id, number)) STRICT, WITHOUT ROWID;";

/* They take effect only before the first page is written. */
static const char version_1_pragmas[] =
	"PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL";

#endif
