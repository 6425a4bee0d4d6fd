/* Expressions and texts that grow by chance towards what takes long: random ones, and changes of
 * them. For a test, which counts steps, and for tests/fuzz/slow.c, which measures time. */
#ifndef HOOKD_RULE_SLOW_FIXTURE_H
#define HOOKD_RULE_SLOW_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SLOW_PATTERN 256 /* bytes: the longest that is accepted */
#define SLOW_PARTS   64
#define SLOW_RUNS    6

/* All that the grammar has, and some that is refused; what is known to be slow more often. */
static const char *const slow_parts[] = {"a", "b", "x", "ab", "é", "€", "😀", "-", "1", " ", "\n",
	"\r\n", ".", ".*", ".+", "\\w", "\\W", "\\d", "\\D", "\\s", "\\S", "\\h", "\\v", "\\R",
	"\\N", "\\X", "\\p{L}", "\\p{Lu}", "\\P{L}", "\\p{Any}", "\\pN", "\\p{Han}", "\\p{Xwd}",
	"\\p{L&}", "[a-z]", "[^a]", "[ab]", "[[:alpha:]]", "[[:^alpha:]]", "[é-ü]", "[^é-ü]",
	"[αβγδεζηθικλ]", "[^αβγδεζηθικλ]", "[à-âä-ôö-üÿ-ā]", "[^à-âä-ôö-üÿ-āă-ąć-ĉċ-đ]",
	"[абвгдежзийклмнопрстуфхцчшщъыьэюя個]", "^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\G",
	"\\K", "(", "(", ")", ")", "(?:", "(?i)", "(?i:", "(?-i:", "(?s)", "(?m)", "(?x)", "(?>",
	"(?|", "(?=", "(?!", "(?<=", "(?<!", "(?(?=a)", "(?(?!a)", "(?(?<=a)",
	"(*napla:", "(*sr:", "*", "+", "?", "*?", "??", "{2}", "{0,2}", "{3,}", "{10}", "{60}",
	"{0,50}", "{255}", "{600}", "{1000}", "{65535}", "{0,65535}", "{1,}", "|", "|", "(a|b|ab)*",
	"(a?){30}", "(x+x+)+", "(.*)*", "(a|a)*", "(a+)+$", "()", "(|a)", "(*UCP)", "(*FAIL)",
	"(*SKIP)", "(?C1)", "\\Q", "\\E", "(?#", "\\x{1F600}", "\\o{141}", "(?^)", "(?xx)", "(?n)",
	"(?U)"};

static const char *const slow_units[] = {"a", "b", "ab", "aab", "x", "é", "ü", "α", "я", "€", "個",
	"😀", "🇦", "e\xcc\x81", "\xcc\x81", "👩\xe2\x80\x8d", "한", "\r\n", "\n", " ", "-", "1", "A",
	"É", "\xff", "a\xff", "aaaaaaaaaaaaaaaac", "ß", "ſ", "K", "一", "あ", "ა"};

#define SLOW_COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct slow_case {
	const char *parts[SLOW_PARTS]; /* of the expression */
	unsigned part_count;
	struct slow_run {
		const char *unit;
		unsigned repeated;
	} runs[SLOW_RUNS]; /* of the text, again and again */
	unsigned run_count;
};

static unsigned slow_below(uint64_t *seed, size_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((*seed >> 33) % n);
}

static const char *slow_part(uint64_t *seed)
{
	return slow_parts[slow_below(seed, SLOW_COUNT(slow_parts))];
}

static void slow_change_run(struct slow_run *run, uint64_t *seed)
{
	static const unsigned most[] = {3, 3, 40, 700, 5000};

	run->unit = slow_units[slow_below(seed, SLOW_COUNT(slow_units))];
	run->repeated = 1 + slow_below(seed, most[slow_below(seed, SLOW_COUNT(most))]);
}

static void slow_insert(struct slow_case *c, unsigned at, const char *part)
{
	if (c->part_count == SLOW_PARTS)
		return;
	memmove(c->parts + at + 1, c->parts + at, (c->part_count - at) * sizeof(c->parts[0]));
	c->parts[at] = part;
	c->part_count++;
}

static void slow_remove(struct slow_case *c, unsigned at)
{
	c->part_count--;
	memmove(c->parts + at, c->parts + at + 1, (c->part_count - at) * sizeof(c->parts[0]));
}

/* Puts some parts in a group, and repeats it. */
static void slow_enclose(struct slow_case *c, uint64_t *seed)
{
	static const char *const opening[] = {"(", "(?:", "(?>", "(?=", "(?!", "(?<=", "(?i:"};
	static const char *const repetition[] = {"*", "+", "?", "{0,50}", "{3,}", "{60}", "*?"};
	unsigned from = slow_below(seed, c->part_count + 1);
	unsigned to = from + slow_below(seed, c->part_count - from + 1);

	if (c->part_count > SLOW_PARTS - 3)
		return;
	slow_insert(c, to, repetition[slow_below(seed, SLOW_COUNT(repetition))]);
	slow_insert(c, to, ")");
	slow_insert(c, from, opening[slow_below(seed, SLOW_COUNT(opening))]);
}

static void slow_double(struct slow_case *c, uint64_t *seed)
{
	unsigned from = slow_below(seed, c->part_count);
	unsigned n = 1 + slow_below(seed, c->part_count - from);

	for (unsigned i = 0; i < n; i++)
		slow_insert(c, from + n + i, c->parts[from + i]);
}

static void slow_change_text(struct slow_case *c, uint64_t *seed)
{
	if (c->run_count == 0 || (c->run_count < SLOW_RUNS && slow_below(seed, 3) == 0))
		c->run_count++;
	else if (c->run_count > 1 && slow_below(seed, 3) == 0)
		c->run_count--;
	slow_change_run(&c->runs[slow_below(seed, c->run_count)], seed);
	for (unsigned i = 0; i < c->run_count; i++)
		if (c->runs[i].unit == NULL)
			slow_change_run(&c->runs[i], seed);
}

/* One change. An empty case gets its first parts. */
static void slow_change(struct slow_case *c, uint64_t *seed)
{
	unsigned kind = c->part_count == 0 ? 0 : slow_below(seed, 9);

	if (c->run_count == 0)
		slow_change_text(c, seed);
	if (kind < 2)
		slow_insert(c, slow_below(seed, c->part_count + 1), slow_part(seed));
	else if (kind == 2)
		slow_remove(c, slow_below(seed, c->part_count));
	else if (kind == 3)
		c->parts[slow_below(seed, c->part_count)] = slow_part(seed);
	else if (kind == 4)
		slow_enclose(c, seed);
	else if (kind == 5)
		slow_double(c, seed);
	else
		slow_change_text(c, seed);
}

/* False: it is too long. */
static bool slow_pattern(const struct slow_case *c, char out[SLOW_PATTERN + 1])
{
	size_t len = 0;

	for (unsigned i = 0; i < c->part_count; i++) {
		size_t n = strlen(c->parts[i]);

		if (n > SLOW_PATTERN - len)
			return false;
		memcpy(out + len, c->parts[i], n);
		len += n;
	}
	out[len] = '\0';
	return len > 0;
}

/* Fills the text, but for the last character. */
static size_t slow_text(const struct slow_case *c, char *out, size_t room)
{
	size_t len = 0;

	if (c->run_count == 0)
		return 0;
	for (unsigned i = 0;; i = (i + 1) % c->run_count)
		for (unsigned k = 0; k < c->runs[i].repeated; k++) {
			size_t n = strlen(c->runs[i].unit);

			if (n > room - len)
				return len;
			memcpy(out + len, c->runs[i].unit, n);
			len += n;
		}
}

#endif
