#include "clock.h"
#include "ctl.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_DEFAULT 20
#define LIMIT_MAX     1000000
#define WIDTH_DEFAULT 80

static const struct ctl_option options[] = {
	{'l', "limit", "N", "at most so many (20)"},
	{'b', "before", "ID", "older than this event"},
	{'t', "type", "GLOB", "of these types: 'transaction.*'"},
	{'s', "source", "NAME", "of this source"},
	{'e', "entity", "ID", "of this entity: 98446301, transaction:98446301"},
	{'k', "hook", "HOOK", "with a delivery of this hook"},
	{'S', "state", "STATE", "with a delivery that is ready, running, done, dead, skipped"},
	{'f', "since", "TIME", "received since: 2h, 3d, 2026-06-30T22:50:00Z"},
	{'u', "until", "TIME", "received before that"},
	{'x', "text", "TEXT", "with this in the payload"},
	{'p', "page", "N", "the N-th --limit of them"},
	{'U', "utc", NULL, "times in UTC, not local"},
	{'q', "quarantined", NULL, "only what was quarantined"},
	{'j', "json", NULL, "one JSON object a line"},
	{'D', "store", "FILE", "look into this store (the config's)"},
	{0},
};

enum column { ID, RECEIVED, TYPE, ENTITY, SOURCE, DELIVERIES, COLUMNS };

static const char *const titles[COLUMNS] = {
	"id", "received", "type", "entity", "source", "deliveries"};

/* When the terminal is too narrow these give way, in this order, down to that
 * width. */
static const struct {
	enum column column;
	size_t least;
} narrowing[] = {{SOURCE, 6}, {ENTITY, 8}, {TYPE, 14}, {SOURCE, 3}, {ENTITY, 4}, {TYPE, 8}};

struct row {
	char *cells[COLUMNS];
	bool quarantined, dead, waiting;
};

struct listing {
	struct row *rows;
	size_t count, capacity;
	bool json, failed;
	int64_t now;
};

static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* As ls does: the clock for the last months, the year for what is older. */
static void add_received(struct buf *out, int64_t ms, int64_t now)
{
	const int64_t half_year = INT64_C(183) * 86400 * 1000;
	time_t seconds = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL ||
		strftime(text, sizeof(text),
			now - ms < half_year && ms - now < half_year ? "%m-%d %H:%M:%S"
								     : "%Y-%m-%d",
			&tm) == 0)
		snprintf(text, sizeof(text), "%" PRId64, ms);
	buf_add_text(out, text);
}

static void add_outside(struct buf *out, const char *text)
{
	if (text == NULL || *text == '\0')
		text = "-";
	buf_add_escaped(out, text, strlen(text), '\0');
}

static void add_deliveries(struct buf *out, const struct store_event_row *e)
{
	const struct {
		const char *name;
		int64_t count;
	} states[] = {{"done", e->done}, {"waiting", e->waiting}, {"dead", e->dead},
		{"skipped", e->skipped}};
	size_t before = out->len;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].count > 0)
			buf_printf(out, "%s%" PRId64 " %s", out->len > before ? ", " : "",
				states[i].count, states[i].name);
	if (e->quarantined != NULL)
		buf_printf(out, "%squarantined", out->len > before ? ", " : "");
	if (out->len == before)
		buf_add_char(out, '-');
}

static bool add_row(struct listing *l, const struct store_event_row *e)
{
	struct buf cells[COLUMNS] = {0};
	struct row *row;
	bool added = true;

	if (l->count == l->capacity) {
		size_t capacity = l->capacity == 0 ? 64 : l->capacity * 2;
		struct row *rows = realloc(l->rows, capacity * sizeof(*rows));

		if (rows == NULL)
			return false;
		l->rows = rows;
		l->capacity = capacity;
	}
	row = &l->rows[l->count++];
	*row = (struct row){.quarantined = e->quarantined != NULL,
		.dead = e->dead > 0,
		.waiting = e->waiting > 0};
	buf_printf(&cells[ID], "%" PRId64, e->id);
	add_received(&cells[RECEIVED], e->received_at, l->now);
	add_outside(&cells[TYPE], e->type);
	add_outside(&cells[ENTITY], e->entity_id);
	add_outside(&cells[SOURCE], e->source);
	add_deliveries(&cells[DELIVERIES], e);
	for (size_t i = 0; i < COLUMNS; i++) {
		row->cells[i] = buf_take(&cells[i]);
		added = added && row->cells[i] != NULL;
	}
	return added;
}

static void seen(void *arg, const struct store_event_row *e)
{
	struct listing *l = arg;
	struct buf line = {0};

	if (l->failed)
		return;
	if (l->json) {
		buf_add_char(&line, '{');
		ctl_event_json(&line, e);
		buf_add_text(&line, "}\n");
		l->failed = !ctl_put(&line);
		buf_free(&line);
	} else if (!add_row(l, e)) {
		ctl_say("memory is short");
		l->failed = true;
	}
}

/* 0: not a terminal, nothing is cut. */
static size_t terminal_width(void)
{
	struct winsize size;

	if (isatty(STDOUT_FILENO) != 1)
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return WIDTH_DEFAULT;
	return size.ws_col;
}

static void fit(size_t widths[COLUMNS], size_t screen)
{
	size_t total = (size_t)2 * (COLUMNS - 1);

	for (size_t i = 0; i < COLUMNS; i++)
		total += widths[i];
	for (size_t i = 0; i < sizeof(narrowing) / sizeof(narrowing[0]); i++) {
		size_t *width = &widths[narrowing[i].column], give;

		if (total <= screen || *width <= narrowing[i].least)
			continue;
		give = *width - narrowing[i].least;
		if (give > total - screen)
			give = total - screen;
		*width -= give;
		total -= give;
	}
}

static void add_cell(struct buf *out, const char *text, size_t width, bool right)
{
	size_t have = width_of(text), used = 0;

	for (size_t i = have; right && i < width; i++)
		buf_add_char(out, ' ');
	for (const char *p = text; *p != '\0'; p++) {
		bool starts = ((unsigned char)*p & 0xc0) != 0x80;

		if (starts && have > width && used == width - 1) {
			buf_add_text(out, "…");
			have = width;
			break;
		}
		used += starts;
		buf_add_char(out, *p);
	}
	for (size_t i = have; !right && i < width; i++)
		buf_add_char(out, ' ');
}

static void add_line(
	struct buf *out, const char *const cells[COLUMNS], const size_t *widths, const char *colour)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		if (i > 0)
			buf_add_text(out, "  ");
		if (i < COLUMNS - 1)
			add_cell(out, cells[i], widths[i], i == ID);
		else if (colour != NULL)
			buf_printf(out, "%s%s\033[0m", colour, cells[i]);
		else
			buf_add_text(out, cells[i]);
	}
	buf_add_char(out, '\n');
}

static const char *colour_of(const struct row *row)
{
	if (row->dead)
		return "\033[31m";
	if (row->quarantined)
		return "\033[35m";
	return row->waiting ? "\033[33m" : NULL;
}

static bool print_table(const struct listing *l)
{
	size_t widths[COLUMNS], screen = terminal_width();
	bool colour = ctl_colour(), written;
	struct buf out = {0};

	for (size_t c = 0; c < COLUMNS; c++) {
		widths[c] = width_of(titles[c]);
		for (size_t i = 0; i < l->count; i++) {
			size_t width = width_of(l->rows[i].cells[c]);

			widths[c] = width > widths[c] ? width : widths[c];
		}
	}
	if (screen > 0)
		fit(widths, screen);
	add_line(&out, titles, widths, NULL);
	for (size_t i = 0; i < l->count; i++) {
		const char *cells[COLUMNS];

		for (size_t c = 0; c < COLUMNS; c++)
			cells[c] = l->rows[i].cells[c];
		add_line(&out, cells, widths, colour ? colour_of(&l->rows[i]) : NULL);
	}
	written = ctl_put(&out);
	buf_free(&out);
	return written;
}

static int list(
	const struct ctl *ctl, const char *path, const struct store_event_filter *filter, bool json)
{
	struct listing l = {.json = json, .now = clock_wall()};
	struct store_reader *reader;
	char why[STORE_READ_WHY], *name;
	int status;

	reader = ctl_store(ctl, path, &name, &status);
	if (reader == NULL)
		return status;
	status = CTL_FAILED;
	if (!store_read_events(reader, filter, seen, &l, why))
		ctl_say("%s", why);
	else if (l.failed)
		; /* said */
	else if (!json && l.count == 0) {
		fputs("no events\n", stderr);
		status = CTL_OK;
	} else if (json || print_table(&l))
		status = CTL_OK;
	for (size_t i = 0; i < l.count; i++)
		for (size_t c = 0; c < COLUMNS; c++)
			free(l.rows[i].cells[c]);
	free(l.rows);
	free(name);
	store_reader_close(reader);
	return status;
}

static bool read_state(struct store_event_filter *f, const char *text)
{
	for (int i = DELIVERY_READY; i <= DELIVERY_SKIPPED; i++) {
		f->state = store_state_text((enum delivery_state)i);
		if (strcasecmp(text, f->state) == 0)
			return true;
	}
	ctl_say("--state: expected ready, running, done, dead or skipped");
	return false;
}

/* "ID" or "KIND:ID", which is cut in two. */
static void read_entity(struct store_event_filter *f, char *text)
{
	char *colon = strchr(text, ':');

	f->entity_id = text;
	if (colon == NULL)
		return;
	*colon = '\0';
	f->entity_kind = text;
	f->entity_id = colon + 1;
}

struct words {
	struct store_event_filter filter;
	const char *store;
	int64_t limit, page;
	bool json, utc;
};

static bool read_option(struct words *w, int key)
{
	struct store_event_filter *f = &w->filter;

	switch (key) {
	case 'l':
		return ctl_number("--limit", optarg, 1, LIMIT_MAX, &w->limit);
	case 'p':
		return ctl_number("--page", optarg, 1, LIMIT_MAX / LIMIT_DEFAULT, &w->page);
	case 'b':
		return ctl_number("--before", optarg, 1, INT64_MAX, &f->before);
	case 'f':
		return ctl_moment("--since", optarg, &f->since);
	case 'u':
		return ctl_moment("--until", optarg, &f->until);
	case 'S':
		return read_state(f, optarg);
	case 'e':
		read_entity(f, optarg);
		break;
	case 't':
		f->type = optarg;
		break;
	case 's':
		f->source = optarg;
		break;
	case 'k':
		f->hook = optarg;
		break;
	case 'x':
		f->text = optarg;
		break;
	case 'q':
		f->quarantined_only = true;
		break;
	case 'j':
		w->json = true;
		break;
	case 'U':
		w->utc = true;
		break;
	case 'D':
		w->store = optarg;
		break;
	}
	return true;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	struct words w = {.limit = LIMIT_DEFAULT, .page = 1};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_events, argc, argv, &status)) >= 0)
		if (!read_option(&w, key))
			return CTL_USAGE;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_events, argc, 0, "options only"))
		return CTL_USAGE;
	if ((w.page - 1) * w.limit > UINT32_MAX) {
		ctl_say("--page: that is beyond any store's end");
		return CTL_USAGE;
	}
	w.filter.limit = (unsigned)w.limit;
	w.filter.skip = (unsigned)((w.page - 1) * w.limit);
	if (w.utc && setenv("TZ", "UTC0", 1) == 0)
		tzset();
	return list(ctl, w.store, &w.filter, w.json);
}

const struct ctl_command ctl_events = {
	"events",
	"[--type GLOB] [--source NAME] [--entity ID] [--hook HOOK] [--state STATE] …",
	"list the events in the store, the newest first",
	options,
	run,
};
