/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.c - fork and vfork told apart, without a handler in the app
 *
 * Theory of operation: the owner's pid stands in a page that the kernel wipes
 * at fork (MADV_WIPEONFORK). A fork child reads zero, and writes its own pid:
 * the memory is its own. A vfork child (also posix_spawn's, and any clone with
 * CLONE_VM alone) reads its parent's pid, which is not getpid(). Only one case
 * needs more: the page reads zero and the reader may be the vfork child of a
 * fork child that has never looked. Then kcmp(2) says whether the memory is
 * the parent's. pthread_atfork() would not see clone(), and may allocate.
 */
#include <config.h>

#include "process.h"

#include "next.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* NULL until set up, or where the kernel cannot wipe. */
static _Atomic(_Atomic uint32_t *) owner_page;
static atomic_bool refused;

void process_init(void)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	_Atomic uint32_t *page, *none = NULL;

	/* Sandboxes report each try of what they forbid (Firefox's does). */
	if (atomic_load(&owner_page) != NULL || atomic_load(&refused))
		return;
	page = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return;
	if (madvise(page, bytes, MADV_WIPEONFORK) != 0) {
		atomic_store(&refused, true);
		munmap(page, bytes);
		return;
	}
	atomic_store(page, (uint32_t)getpid());
	if (!atomic_compare_exchange_strong(&owner_page, &none, page))
		munmap(page, bytes);
}

/* The memory is our parent's: kcmp() says 0 for "the same". Where it is
 * forbidden, fork is by far the likelier. */
static bool shares_parent_memory(void)
{
	return next.syscall(SYS_kcmp, (long)getpid(), (long)getppid(),
			    (long)KCMP_VM, 0L, 0L) == 0;
}

uint32_t process_owner(void)
{
	_Atomic uint32_t *page = atomic_load(&owner_page);
	uint32_t owner;
	int saved = errno;

	if (page == NULL)
		return (uint32_t)getpid();
	owner = atomic_load(page);
	if (owner != 0)
		return owner;
	owner = (uint32_t)(shares_parent_memory() ? getppid() : getpid());
	atomic_store(page, owner);
	errno = saved;
	return owner;
}

bool process_is_vfork_child(void)
{
	return atomic_load(&owner_page) != NULL &&
	       process_owner() != (uint32_t)getpid();
}
