#include "landlock.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define GET_VERSION 1U /* returns the version instead of a ruleset */
#define RULE_PATH   1

/* The kernel's struct. A kernel refuses fields that it does not know, unless they are cut. */
struct ruleset_attr {
	uint64_t files;
	uint64_t net;    /* from ABI 4 on */
	uint64_t scoped; /* from ABI 6 on */
};

struct path_attr {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

/* How many rights to files each version knows: the lowest bits. */
static const unsigned char known_rights[] = {0, 13, 14, 15, 15, 16};

#define NEWEST (int)(sizeof(known_rights) / sizeof(known_rights[0]) - 1)

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, GET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static int create_ruleset(const struct ruleset_attr *attr, size_t size)
{
	return (int)syscall(SYS_landlock_create_ruleset, attr, size, 0U);
}

int landlock_ruleset(uint64_t rights)
{
	const struct ruleset_attr attr = {.files = rights};

	return create_ruleset(&attr, sizeof(attr.files));
}

int landlock_ruleset_of_all(void)
{
	int abi = landlock_abi();
	struct ruleset_attr attr = {
		.files = (UINT64_C(1) << known_rights[abi < NEWEST ? abi : NEWEST]) - 1,
		.net = 3,    /* bind, connect */
		.scoped = 1, /* connecting to abstract Unix sockets of others */
	};

	return create_ruleset(&attr, abi >= 6   ? sizeof(attr)
				     : abi >= 4 ? offsetof(struct ruleset_attr, scoped)
						: sizeof(attr.files));
}

bool landlock_grant(int ruleset, int fd, uint64_t rights)
{
	const struct path_attr attr = {.rights = rights, .fd = fd};

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &attr, 0U) == 0;
}

bool landlock_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0U) == 0;
}
