/* slow SECONDS [SEED] - searches for a regular expression and a text that keep `matches` busy, by
 * growing random ones towards what takes more processor time, and times those that are known for
 * it. Prints the slowest match and the slowest load; exits with 1 if a match took more than
 * LIMIT. */
#include "rule/condition.h"
#include "rule/regex.h"
#include "rule/slow_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIMIT    5.0                        /* ms */
#define PATIENCE 400                        /* changes in vain, after which another case is begun */
#define TEXT     ((size_t)64 * 1024 * 1024) /* the largest that a body may have */
#define AGAIN    5 /* times that a good one is measured: the least counts */

/* What the text has at the end of what is matched: each character that an expression needs is
 * there, but far from the others. */
#define TILDES "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"
#define TAIL   TILDES TILDES "-1" TILDES TILDES "@bcxyz"

/* Found by people. The text is repeated. */
static const struct {
	const char *pattern, *text;
} known[] = {
	{".*a.{60}c", "a"},
	{"(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
	{"(a|a)*b[cd]", "a"},
	{"(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
	{"(.*)*[xy]", "a"},
	{"(.*)*x", "a"},
	{"(.*)(.*)(.*)(.*)(.*)[^a]$", "a"},
	{"(a?){30}a{30}$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
	{"((a{0,50}){0,50}){0,50}b$", "a"},
	{"((((a{1,9}){1,9}){1,9}){1,9})[bc]", "a"},
	{"(a{0,255}){255}[bc]", "a"},
	{"(?<=a{32})(?<!b{32})[^a]", "a"},
	{"(?:(?<=.{32})(?<=.{32}).)*[bc]", "a"},
	{".{2000}[bc]", "a"},
	{"(?i)(é|É|e)*[bc]", "éÉ"},
	{"(?i)[абвгдежзийклмнопрстуфхцчшщъыьэюя個]{1300}[cd]", "個"},
	{"\\p{L}+\\p{Lu}*\\d", "é"},
	{"[^\xce\xb1-\xcf\x89]*\\R*[bc]", "é\r\n"},
	{"(?=.*a)(?=.*b)(?=.*c)(a|b|c)*[de]", "abc"},
	{"(?(?=a)a*|b*)*[cd]", "ab"},
	{"^(([a-z])+.)+[A-Z]([a-z])+$", "a"},
	{"\\w+@\\w+[.]\\w+", "abcdef "},
	{"^([[:alnum:]]+[ .-]?)+@[[:alnum:]]+[.][a-z]+$", "a.b-"},
	/* refused, with the reason */
	{"(a)\\1*b", "a"},
	{"\\X*[bc]", "\xf0\x9f\x87\xa6"},
	{"(?<=a{2000})b", "a"},
	{"(*NO_AUTO_POSSESS)a*a*a*b", "a"},
	{"(a(?R)?)*b", "a"},
};

struct figures {
	double match, load; /* ms of processor time; match < 0: refused */
	size_t steps;
	enum regex_result result;
	char what[200];
};

static char *text;

static double processor_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void measure_once(const char *pattern, size_t len, struct figures *f)
{
	double began = processor_ms(), loaded;
	struct regex *r = regex_new(pattern, f->what);

	loaded = processor_ms();
	f->load = loaded - began;
	f->match = -1;
	if (r == NULL)
		return;
	f->result = regex_match_counted(r, text, len, &f->steps);
	f->match = processor_ms() - loaded;
	regex_free(r);
}

static struct figures measure(const char *pattern, size_t len, unsigned times)
{
	struct figures least, f = {0};

	measure_once(pattern, len, &least);
	for (unsigned i = 1; i < times; i++) {
		measure_once(pattern, len, &f);
		least.match = f.match < least.match ? f.match : least.match;
		least.load = f.load < least.load ? f.load : least.load;
	}
	return least;
}

static void print_escaped(const char *bytes)
{
	for (; *bytes != '\0'; bytes++)
		if (*bytes == '\n' || *bytes == '\r')
			(void)printf(*bytes == '\n' ? "\\n" : "\\r");
		else
			(void)putchar(*bytes);
}

static void print_figures(const char *title, const char *pattern, const struct figures *f)
{
	if (f->match < 0)
		(void)printf("%s refused, load %.2f ms: ", title, f->load);
	else
		(void)printf("%s %.2f ms, %zu steps, load %.2f ms: ", title, f->match, f->steps,
			f->load);
	print_escaped(pattern);
	if (f->match < 0)
		(void)printf(": %s", f->what);
	(void)putchar('\n');
}

/* Fills the whole text. */
static size_t repeat(const char *unit)
{
	size_t len = 0, n = strlen(unit);

	for (; len + n <= TEXT; len += n)
		memcpy(text + len, unit, n);
	memcpy(text + CONDITION_SUBJECT - sizeof(TAIL), TAIL, sizeof(TAIL) - 1);
	return len;
}

static double time_known(void)
{
	double slowest = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct figures f = measure(known[i].pattern, repeat(known[i].text), AGAIN);

		print_figures("known:", known[i].pattern, &f);
		slowest = f.match > slowest ? f.match : slowest;
	}
	return slowest;
}

/* ---- the search ---- */

struct found {
	struct slow_case c;
	double value;
};

/* What is to grow: the time of a match, or of a load. */
static double value_of(const struct figures *f, bool by_load)
{
	return by_load ? f->load : f->match;
}

/* Its value; what seems better than `best` is measured again, since anything can disturb a
 * measurement. */
static double try_case(const struct slow_case *c, bool by_load, double best)
{
	char pattern[SLOW_PATTERN + 1];
	struct figures f;
	size_t len;

	if (!slow_pattern(c, pattern))
		return -1;
	len = slow_text(c, text, CONDITION_SUBJECT + 64);
	f = measure(pattern, len, 1);
	if (value_of(&f, by_load) > best)
		f = measure(pattern, len, AGAIN);
	return value_of(&f, by_load);
}

/* Changes a case as long as that makes it slower. */
static struct found climb(uint64_t *seed, bool by_load, time_t end, unsigned long *tries)
{
	struct found now = {.value = -1};

	for (unsigned vain = 0; vain < PATIENCE && time(NULL) < end; vain++) {
		struct slow_case next = now.c;
		double value;

		for (unsigned i = slow_below(seed, 3) + 1; i > 0; i--)
			slow_change(&next, seed);
		value = try_case(&next, by_load, now.value);
		++*tries;
		if (value <= now.value)
			continue;
		if (value > now.value * 1.02)
			vain = 0;
		now = (struct found){next, value};
	}
	return now;
}

static double search(uint64_t seed, bool by_load, time_t end)
{
	char pattern[SLOW_PATTERN + 1] = "";
	struct found best = {.value = -1};
	unsigned long tries = 0, climbs = 0;
	struct figures f;

	for (; time(NULL) < end; climbs++) {
		struct found one = climb(&seed, by_load, end, &tries);

		if (one.value > best.value)
			best = one;
	}
	if (!slow_pattern(&best.c, pattern))
		return 0;
	f = measure(pattern, slow_text(&best.c, text, CONDITION_SUBJECT + 64), AGAIN);
	print_figures(by_load ? "slowest load:" : "slowest match:", pattern, &f);
	for (unsigned i = 0; i < best.c.run_count && !by_load; i++) {
		(void)printf("%s%u of \"", i == 0 ? "  its text: " : ", ", best.c.runs[i].repeated);
		print_escaped(best.c.runs[i].unit);
		(void)printf("\"%s", i + 1 == best.c.run_count ? "\n" : "");
	}
	(void)printf("  after %lu tries in %lu climbs\n", tries, climbs);
	return best.value;
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 60;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	time_t now = time(NULL);
	double slowest, found;

	text = malloc(TEXT);
	if (text == NULL)
		return 2;
	(void)printf("seed %llu\n", (unsigned long long)seed);
	slowest = time_known();
	(void)search(seed, true, now + seconds / 4);
	found = search(seed + 1, false, now + seconds);
	slowest = found > slowest ? found : slowest;
	free(text);
	if (slowest <= LIMIT)
		return 0;
	(void)printf("a match took %.2f ms of processor time: at most %.0f are expected\n", slowest,
		LIMIT);
	return 1;
}
