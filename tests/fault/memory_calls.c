#include "disk.h"
#include "memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* memory.syms gives these names to hookd's own calls. */
void *memory_malloc(size_t size);
void *memory_calloc(size_t n, size_t size);
void *memory_realloc(void *memory, size_t size);
void *memory_reallocarray(void *memory, size_t n, size_t size);
char *memory_strdup(const char *text);
char *memory_strndup(const char *text, size_t len);
int memory_asprintf_chk(char **out, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int memory_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *memory_sodium_malloc(size_t size);
void memory_sodium_free(void *memory);
pcre2_code *memory_pcre2_compile(PCRE2_SPTR pattern, PCRE2_SIZE len, uint32_t options, int *error,
	PCRE2_SIZE *at, pcre2_compile_context *context);
pcre2_match_data *memory_pcre2_match_data_create(uint32_t pairs, pcre2_general_context *context);
pcre2_match_context *memory_pcre2_match_context_create(pcre2_general_context *context);

static atomic_uint left;  /* allocations until the failures; 0: no failures */
static atomic_uint times; /* how many fail then */
static atomic_uint failed;
static atomic_long live;
static sqlite3_mem_methods sqlite;
static pcre2_general_context *pcre2;
static pcre2_compile_context *pcre2_compiling;

static bool fails(void)
{
	unsigned n = left;

	do {
		if (n == 0)
			return false;
	} while (n > 1 && !atomic_compare_exchange_weak(&left, &n, n - 1));
	if (n > 1)
		return false;
	for (unsigned t = times; t > 0;) {
		if (!atomic_compare_exchange_weak(&times, &t, t - 1))
			continue;
		(void)atomic_fetch_add(&failed, 1);
		return true;
	}
	return false;
}

void memory_fail(unsigned n, unsigned many)
{
	left = 0;
	times = many;
	failed = 0;
	left = n;
}

unsigned memory_failed(void)
{
	return failed;
}

uint64_t memory_random(uint64_t *state)
{
	return disk_random(state);
}

long memory_live(void)
{
	return live;
}

static void *counted(void *memory)
{
	if (memory != NULL)
		(void)atomic_fetch_add(&live, 1);
	return memory;
}

void *memory_malloc(size_t size)
{
	return fails() ? NULL : counted(malloc(size));
}

void *memory_calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(calloc(n, size));
}

void *memory_realloc(void *memory, size_t size)
{
	return memory_reallocarray(memory, 1, size);
}

void *memory_reallocarray(void *memory, size_t n, size_t size)
{
	if (fails())
		return NULL;
	void *moved = reallocarray(memory, n, size);
	return memory == NULL ? counted(moved) : moved;
}

char *memory_strdup(const char *text)
{
	return fails() ? NULL : counted(strdup(text));
}

char *memory_strndup(const char *text, size_t len)
{
	return fails() ? NULL : counted(strndup(text, len));
}

void memory_free(void *memory)
{
	if (memory != NULL)
		(void)atomic_fetch_sub(&live, 1);
	free(memory);
}

static __attribute__((format(printf, 2, 0))) int print(char **out, const char *format, va_list ap)
{
	int n = fails() ? -1 : vasprintf(out, format, ap);

	if (n >= 0)
		(void)counted(*out);
	return n;
}

int memory_asprintf(char **out, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = print(out, format, ap);
	va_end(ap);
	return n;
}

int memory_asprintf_chk(char **out, int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	int n = print(out, format, ap);
	va_end(ap);
	return n;
}

void *memory_sodium_malloc(size_t size)
{
	return fails() ? NULL : counted(sodium_malloc(size));
}

void memory_sodium_free(void *memory)
{
	if (memory != NULL)
		(void)atomic_fetch_sub(&live, 1);
	sodium_free(memory);
}

static void *pcre2_malloc(size_t size, void *data)
{
	(void)data;
	return memory_malloc(size);
}

static void pcre2_free(void *memory, void *data)
{
	(void)data;
	memory_free(memory);
}

/* hookd passes no contexts: these make PCRE2 allocate through us. */
pcre2_code *memory_pcre2_compile(PCRE2_SPTR pattern, PCRE2_SIZE len, uint32_t options, int *error,
	PCRE2_SIZE *at, pcre2_compile_context *context)
{
	(void)context;
	return pcre2_compile(pattern, len, options, error, at, pcre2_compiling);
}

pcre2_match_data *memory_pcre2_match_data_create(uint32_t pairs, pcre2_general_context *context)
{
	(void)context;
	return pcre2_match_data_create(pairs, pcre2);
}

pcre2_match_context *memory_pcre2_match_context_create(pcre2_general_context *context)
{
	(void)context;
	return pcre2_match_context_create(pcre2);
}

static void *sqlite_malloc(int size)
{
	return fails() ? NULL : sqlite.xMalloc(size);
}

static void *sqlite_realloc(void *memory, int size)
{
	return fails() ? NULL : sqlite.xRealloc(memory, size);
}

void memory_begin(void)
{
	sqlite3_mem_methods mine;

	/* SQLite calls these directly: the store switches off its memory statistics. */
	if (sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK ||
		sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite) != SQLITE_OK)
		abort();
	mine = sqlite;
	mine.xMalloc = sqlite_malloc;
	mine.xRealloc = sqlite_realloc;
	pcre2 = pcre2_general_context_create(pcre2_malloc, pcre2_free, NULL);
	pcre2_compiling = pcre2_compile_context_create(pcre2);
	if (pcre2 == NULL || pcre2_compiling == NULL)
		abort();
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) != SQLITE_OK)
		abort();
}
