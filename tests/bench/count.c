/* count --states FILE - attempts and deliveries by state, and when they were counted, in JSON, at
 *     little cost to a running hookd
 * count --gap FILE SINCE - the longest time without the start of an attempt since then (unix ms),
 * of those in which others started before and after count FILE [TICKS] - what is in a store, while
 * hookd runs or after: also events and bytes; with the lines that tick wrote, also the time from an
 * event's arrival to the start of its script, which is longer than from the commit. */
#include "histogram.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_MAX 128

static void die(sqlite3 *db, const char *what)
{
	fprintf(stderr, "count: %s: %s\n", what, db != NULL ? sqlite3_errmsg(db) : "");
	exit(EXIT_FAILURE);
}

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		die(db, sql);
	return s;
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = prepare(db, sql);

	if (sqlite3_step(s) != SQLITE_ROW)
		die(db, sql);
	int64_t value = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return value;
}

static void print_number(sqlite3 *db, const char *name, const char *sql)
{
	printf("\"%s\": %" PRId64 ", ", name, number(db, sql));
}

static void print_states(sqlite3 *db)
{
	sqlite3_stmt *s = prepare(db, "SELECT state, count(*) FROM deliveries GROUP BY state");

	printf("\"deliveries\": {");
	for (int i = 0; sqlite3_step(s) == SQLITE_ROW; i++)
		printf("%s\"%s\": %" PRId64, i > 0 ? ", " : "",
			(const char *)sqlite3_column_text(s, 0),
			(int64_t)sqlite3_column_int64(s, 1));
	printf("}");
	(void)sqlite3_finalize(s);
}

static int64_t received_at(sqlite3 *db, sqlite3_stmt *s, int64_t event)
{
	int64_t ms = 0;

	if (sqlite3_bind_int64(s, 1, event) != SQLITE_OK)
		die(db, "bind");
	if (sqlite3_step(s) == SQLITE_ROW)
		ms = sqlite3_column_int64(s, 0);
	(void)sqlite3_reset(s);
	return ms;
}

static void print_delays(sqlite3 *db, const char *ticks)
{
	FILE *f = fopen(ticks, "re");
	sqlite3_stmt *s = prepare(db, "SELECT received_at FROM events WHERE id = ?1");
	struct histogram h = {0};
	char line[LINE_MAX];
	uint64_t lines = 0;

	if (f == NULL)
		die(NULL, ticks);
	for (; fgets(line, sizeof(line), f) != NULL; lines++) {
		char *rest;
		int64_t event = strtoll(line, &rest, 10);
		int64_t began = strtoll(rest, NULL, 10);
		int64_t received = received_at(db, s, event) * 1000000;
		if (received > 0)
			histogram_add(&h, began > received ? (uint64_t)(began - received) : 0);
	}
	(void)fclose(f);
	(void)sqlite3_finalize(s);
	printf(", \"runs\": %" PRIu64
	       ", \"start_ms\": {\"p50\": %.2f, \"p99\": %.2f, \"max\": %.2f}",
		lines, (double)histogram_at(&h, 0.5) / 1e6, (double)histogram_at(&h, 0.99) / 1e6,
		(double)h.max / 1e6);
}

static void print_gap(sqlite3 *db, const char *since)
{
	sqlite3_stmt *s = prepare(db,
		"SELECT coalesce(max(gap), 0) FROM (SELECT started_at - lag(started_at)"
		" OVER (ORDER BY started_at) AS gap FROM attempts WHERE started_at >= ?1)");

	if (sqlite3_bind_int64(s, 1, strtoll(since, NULL, 10)) != SQLITE_OK ||
		sqlite3_step(s) != SQLITE_ROW)
		die(db, "gap");
	printf("{\"gap_ms\": %" PRId64 "}\n", (int64_t)sqlite3_column_int64(s, 0));
	(void)sqlite3_finalize(s);
}

int main(int argc, char **argv)
{
	sqlite3 *db = NULL;

	bool states = argc == 3 && strcmp(argv[1], "--states") == 0;
	bool gap = argc == 4 && strcmp(argv[1], "--gap") == 0;
	const char *ticks = argc == 3 && !states ? argv[2] : NULL;

	if (argc != 2 && argc != 3 && !gap) {
		fputs("usage: count [--states] FILE [TICKS]\n       count --gap FILE SINCE\n",
			stderr);
		return 2;
	}
	if (sqlite3_open_v2(argv[states || gap ? 2 : 1], &db, SQLITE_OPEN_READWRITE, NULL) !=
		SQLITE_OK)
		die(db, argv[1]);
	(void)sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		die(db, "begin");
	if (gap) {
		print_gap(db, argv[3]);
		return sqlite3_close(db) == SQLITE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	printf("{");
	print_number(
		db, "attempts", "SELECT count(*) FROM attempts"); /* this read fixes the state */
	printf("\"at_ms\": %.3f, ", now_ms());
	if (!states) {
		print_number(db, "events", "SELECT count(*) FROM events");
		print_number(db, "bytes",
			"SELECT (page_count - freelist_count) * page_size"
			" FROM pragma_page_count, pragma_freelist_count, pragma_page_size");
		print_number(db, "payload_bytes",
			"SELECT coalesce(sum(length(payload)), 0) FROM events");
	}
	print_states(db);
	if (ticks != NULL)
		print_delays(db, ticks);
	printf("}\n");
	return sqlite3_close(db) == SQLITE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
