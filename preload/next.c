/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * next.c - the real libc: turns the list of hooked names into pointers to the
 * functions that stand behind ours
 *
 * All names are bound in the constructor, or by a hook that is reached before
 * it (another library's constructor). An allocator that reads a file while
 * dlsym() runs comes back to us before there is a pointer: read, write, close
 * and fcntl therefore start with glibc's other names for the same functions.
 */
#include <config.h>

#include "next.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#ifdef __GLIBC__
extern ssize_t __read(int fd, void *data, size_t len);
extern ssize_t __write(int fd, const void *data, size_t len);
extern int __close(int fd);
extern int __fcntl(int fd, int command, ...);

struct next next = {
	.read = __read,
	.write = __write,
	.close = __close,
	.fcntl = __fcntl,
	.fcntl64 = __fcntl,
};
#else
struct next next;
#endif

_Atomic bool next_bound;

static long missing(void)
{
	errno = ENOSYS;
	return -1;
}

/* POSIX wants dlsym() to serve functions; ISO C has no cast for it. */
static void bind_symbol(void *slot, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);
	long (*absent)(void) = missing;

	_Static_assert(sizeof(symbol) == sizeof(absent), "POSIX");
	if (symbol != NULL)
		memcpy(slot, &symbol, sizeof(symbol));
	else
		memcpy(slot, &absent, sizeof(absent));
}

void next_init(void)
{
	int saved = errno;

	if (atomic_load_explicit(&next_bound, memory_order_acquire))
		return;
#define NEXT_BIND(ret, name, params) bind_symbol(&next.name, #name);
	NEXT_LIST(NEXT_BIND)
#undef NEXT_BIND
	atomic_store_explicit(&next_bound, true, memory_order_release);
	errno = saved;
}
