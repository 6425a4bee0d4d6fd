#include "table.h"

#include "base/character.h"
#include "base/utf8.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SCREEN_DEFAULT 80
#define GAP            2
#define DAY            INT64_C(86400)

struct ctl_row {
	struct buf cells[CTL_TABLE_COLUMNS];
	const char *colour;
	size_t coloured;
};

size_t ctl_character(const char *text, size_t *width)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = utf8_sequence(p, strnlen(text, 4));

	*width = n > 0 ? character_width(character_code(p, n)) : 1;
	return n > 0 ? n : 1;
}

size_t ctl_width(const char *text)
{
	size_t width = 0, one;

	while (*text != '\0') {
		text += ctl_character(text, &one);
		width += one;
	}
	return width;
}

size_t ctl_screen(void)
{
	struct winsize size;

	if (isatty(STDOUT_FILENO) != 1)
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return SCREEN_DEFAULT;
	return size.ws_col;
}

static void clear_row(struct ctl_table *t, struct ctl_row *row)
{
	for (size_t i = 0; i < t->column_count; i++)
		buf_free(&row->cells[i]);
}

struct buf *ctl_table_row(struct ctl_table *t, const char *colour, size_t coloured)
{
	static struct ctl_row lost;

	if (t->count == t->capacity) {
		size_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
		struct ctl_row *rows = reallocarray(t->rows, capacity, sizeof(*rows));

		if (rows == NULL) {
			t->failed = true;
			clear_row(t, &lost);
			return lost.cells;
		}
		t->rows = rows;
		t->capacity = capacity;
	}
	t->rows[t->count] = (struct ctl_row){.colour = colour, .coloured = coloured};
	return t->rows[t->count++].cells;
}

void ctl_cell(struct buf *cell, const char *text)
{
	if (text == NULL || *text == '\0')
		text = "-";
	buf_add_escaped(cell, text, strlen(text), '\0');
}

static bool add_relative(struct buf *cell, int64_t seconds)
{
	static const struct {
		const char *unit;
		int64_t seconds, until;
	} units[] = {{"s", 1, 60}, {"min", 60, 3600}, {"h", 3600, DAY}, {"d", DAY, 31 * DAY}};
	int64_t away = seconds < 0 ? -seconds : seconds;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (away >= units[i].until)
			continue;
		if (away == 0)
			buf_add_text(cell, "now");
		else
			buf_printf(cell, "%s%" PRId64 " %s%s", seconds < 0 ? "in " : "",
				away / units[i].seconds, units[i].unit, seconds > 0 ? " ago" : "");
		return true;
	}
	return false;
}

void ctl_cell_time(struct buf *cell, int64_t ms, int64_t now, bool relative)
{
	const int64_t half_year = 183 * DAY * 1000;
	time_t seconds = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (ms == 0) {
		buf_add_char(cell, '-');
		return;
	}
	if (relative && add_relative(cell, (now - ms) / 1000))
		return;
	if (localtime_r(&seconds, &tm) == NULL ||
		strftime(text, sizeof(text),
			now - ms < half_year && ms - now < half_year ? "%m-%d %H:%M:%S"
								     : "%Y-%m-%d",
			&tm) == 0)
		(void)snprintf(text, sizeof(text), "%" PRId64, ms);
	buf_add_text(cell, text);
}

/* Shrinks the columns of that turn, down to their soft or hard width, until *total fits. */
static void shrink_columns(const struct ctl_table *t, size_t *widths, unsigned turn, bool hard,
	size_t screen, size_t *total)
{
	for (size_t i = 0; i < t->column_count; i++) {
		const struct ctl_column *c = &t->columns[i];
		size_t least = hard ? c->hard : c->soft, less;

		if (c->shrinks != turn || *total <= screen || widths[i] <= least)
			continue;
		less = widths[i] - least;
		if (less > *total - screen)
			less = *total - screen;
		widths[i] -= less;
		*total -= less;
	}
}

static void fit_to_screen(const struct ctl_table *t, size_t *widths, size_t screen)
{
	size_t total = GAP * (t->column_count - 1);

	for (size_t i = 0; i < t->column_count; i++)
		total += widths[i];
	for (unsigned turn = 1; turn <= t->column_count; turn++)
		shrink_columns(t, widths, turn, false, screen, &total);
	for (unsigned turn = 1; turn <= t->column_count; turn++)
		shrink_columns(t, widths, turn, true, screen, &total);
}

static void add_spaces(struct buf *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add_char(out, ' ');
}

/* Exactly `width` wide; the row's last cell is not padded. */
static void add_cell(
	struct buf *out, const char *text, size_t width, const struct ctl_column *c, bool last)
{
	size_t have = ctl_width(text), used = 0, room = have > width ? width - 1 : width;

	if (c->right && have < width)
		add_spaces(out, width - have);
	for (size_t n, one; *text != '\0'; text += n) {
		n = ctl_character(text, &one);
		if (used + one > room)
			break;
		used += one;
		buf_add(out, text, n);
	}
	if (have > width) {
		buf_add_text(out, "…");
		used++;
	}
	if (!last && used < width && (!c->right || have > width))
		add_spaces(out, width - used);
}

static const char *cell_text(const struct ctl_table *t, const struct ctl_row *row, size_t column)
{
	if (row == NULL)
		return t->columns[column].title;
	return row->cells[column].data != NULL ? row->cells[column].data : "";
}

/* A row; for NULL the titles. */
static void add_line(
	struct buf *out, const struct ctl_table *t, const struct ctl_row *row, const size_t *widths)
{
	const char *colour = row != NULL && ctl_colour() ? row->colour : NULL;
	size_t coloured = row != NULL ? row->coloured : 0;

	for (size_t i = 0; i < t->column_count; i++) {
		bool is_coloured = colour != NULL && i == coloured;

		if (i > 0)
			add_spaces(out, GAP);
		buf_add_text(out, is_coloured ? colour : "");
		add_cell(out, cell_text(t, row, i), widths[i], &t->columns[i],
			i + 1 == t->column_count);
		buf_add_text(out, is_coloured ? CTL_PLAIN : "");
	}
	buf_add_char(out, '\n');
}

/* Columns never become narrower again, so that --follow keeps its lines aligned. */
static void measure_columns(struct ctl_table *t)
{
	for (size_t c = 0; c < t->column_count; c++) {
		for (size_t i = 0; i < t->count; i++) {
			size_t width = ctl_width(cell_text(t, &t->rows[i], c));

			t->widths[c] = width > t->widths[c] ? width : t->widths[c];
			t->failed |= t->rows[i].cells[c].failed;
		}
		if (t->widths[c] < ctl_width(t->columns[c].title))
			t->widths[c] = ctl_width(t->columns[c].title);
	}
}

bool ctl_table_print(struct ctl_table *t)
{
	size_t widths[CTL_TABLE_COLUMNS], screen = ctl_screen();
	struct buf out = {0};
	bool written;

	measure_columns(t);
	memcpy(widths, t->widths, sizeof(widths));
	if (screen > 0)
		fit_to_screen(t, widths, screen);
	if (!t->headed)
		add_line(&out, t, NULL, widths);
	t->headed = true;
	for (size_t i = 0; i < t->count; i++) {
		add_line(&out, t, &t->rows[i], widths);
		clear_row(t, &t->rows[i]);
	}
	t->count = 0;
	out.failed |= t->failed;
	written = ctl_print(&out);
	buf_free(&out);
	return written;
}

void ctl_table_free(struct ctl_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		clear_row(t, &t->rows[i]);
	free(t->rows);
	t->rows = NULL;
	t->count = t->capacity = 0;
}
