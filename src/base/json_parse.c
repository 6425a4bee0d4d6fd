#include "base/json_parse.h"

#include <setjmp.h>
#include <stdlib.h>

/* A block that jansson has given back, until the end of the parse. */
struct given_back {
	struct given_back *next;
};

/* A parse may be left at any allocation, so it keeps all blocks until it has ended: no address
 * comes twice, and to give a block back needs no search for it. */
struct parse {
	jmp_buf leave;
	void **blocks;
	size_t count, size;
	struct given_back *given_back;
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
	void *memory = malloc(size < sizeof(struct given_back) ? sizeof(struct given_back) : size);
	if (memory == NULL)
		longjmp(p->leave, 1);
	p->blocks[p->count++] = memory;
	return memory;
}

static void give_back(void *memory)
{
	struct given_back *block = memory;

	if (current == NULL || memory == NULL) {
		free(memory);
		return;
	}
	block->next = current->given_back;
	current->given_back = block;
}

static __attribute__((constructor)) void set_functions(void)
{
	json_set_alloc_funcs(allocate, give_back);
}

/* Apart from json_parse, whose variables a longjmp would leave indeterminate. */
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
	for (struct given_back *b = p.given_back, *next; whole && b != NULL; b = next) {
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
