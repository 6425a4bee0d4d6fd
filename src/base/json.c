#include "base/json.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdlib.h>

/* A block that jansson has freed, kept until the end of the parse. */
struct freed_block {
	struct freed_block *next;
};

/* A parse may be left at any allocation, so it keeps all its blocks until it ends. No address
 * is allocated twice then, so freeing a block needs no search in the list. */
struct parse {
	jmp_buf leave;
	void **blocks;
	size_t count, size;
	struct freed_block *freed;
};

static _Thread_local struct parse *current; /* this thread's parse; NULL: none */

static bool reserve(struct parse *p)
{
	size_t size = p->size == 0 ? 64 : p->size * 2;

	if (p->count < p->size)
		return true;
	void **blocks = reallocarray(p->blocks, size, sizeof(*blocks));
	if (blocks == NULL)
		return false;
	p->blocks = blocks;
	p->size = size;
	return true;
}

static void *allocate(size_t size)
{
	struct parse *p = current;

	if (p == NULL)
		return malloc(size);
	if (!reserve(p))
		longjmp(p->leave, 1);
	void *memory =
		malloc(size < sizeof(struct freed_block) ? sizeof(struct freed_block) : size);
	if (memory == NULL)
		longjmp(p->leave, 1);
	p->blocks[p->count++] = memory;
	return memory;
}

static void free_later(void *memory)
{
	struct freed_block *block = memory;

	if (current == NULL || memory == NULL) {
		free(memory);
		return;
	}
	block->next = current->freed;
	current->freed = block;
}

static __attribute__((constructor)) void set_functions(void)
{
	json_set_alloc_funcs(allocate, free_later);
}

/* A function of its own: a longjmp would leave json_parse's variables indeterminate. */
static bool load(struct parse *p, const char *text, size_t len, size_t flags, json_t **out,
	json_error_t *error)
{
	if (setjmp(p->leave) != 0)
		return false;
	*out = json_loadb(text, len, flags, error);
	return true;
}

bool json_parse(const char *text, size_t len, size_t flags, json_t **out, json_error_t *error)
{
	struct parse p = {0};

	current = &p;
	bool whole = load(&p, text, len, flags, out, error);
	current = NULL;
	for (struct freed_block *b = p.freed, *next; whole && b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	for (size_t i = 0; !whole && i < p.count; i++)
		free(p.blocks[i]);
	free(p.blocks);
	if (!whole)
		*out = NULL;
	return whole;
}

char *json_text(const json_t *json, size_t flags)
{
	char *text = json_dumps(json, flags);

	/* A backslash that is itself escaped starts no \u: step over the pair. */
	for (char *p = text; p != NULL && *p != '\0'; p++) {
		if (*p != '\\')
			continue;
		p++;
		for (int i = 1; *p == 'u' && i <= 4; i++)
			p[i] = (char)tolower((unsigned char)p[i]);
	}
	return text;
}
