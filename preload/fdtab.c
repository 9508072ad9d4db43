/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fdtab.c - descriptor table: turns a number into what we know of its socket
 *
 * Theory of operation: descriptors come in chunks, mapped when the first
 * tracked socket falls into one and never unmapped, so a look-up is two loads
 * and needs no lock. A slot holds the index of a `struct sock` plus one; dup
 * makes several slots name one sock, and `refs` counts them. A sock with no
 * slot is free. Slots change by atomic exchange only: close() may run in a
 * signal handler. A closed sock's memory stays readable, its `serial` tells a
 * late reader that it is another socket by now.
 *
 * sock_lock() holds all signals off, so that a handler which uses the socket
 * cannot wait for the thread that it interrupted, and cancellation too, so that
 * a thread does not end with the lock in its hands. A lock that was held by
 * another thread at fork() carries the parent's pid: the child takes it over.
 */
#include <config.h>

#include "fdtab.h"

#include "next.h"
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define CHUNK_FDS  256u
#define CHUNKS_MAX 4096u
#define FD_MAX     (CHUNK_FDS * CHUNKS_MAX)

#define LOCK_WAITERS 0x80000000u

struct chunk {
	_Atomic uint32_t slot[CHUNK_FDS]; /* index of a sock, plus one */
	struct sock sock[CHUNK_FDS];
};

static _Atomic(struct chunk *) chunks[CHUNKS_MAX];
static _Atomic uint32_t last_serial;

static struct chunk *chunk_at(uint32_t i)
{
	return atomic_load_explicit(&chunks[i], memory_order_acquire);
}

static struct sock *sock_at(uint32_t index)
{
	return &chunk_at(index / CHUNK_FDS)->sock[index % CHUNK_FDS];
}

static _Atomic uint32_t *slot_at(int fd)
{
	struct chunk *c;

	if ((unsigned int)fd >= FD_MAX)
		return NULL;
	c = chunk_at((uint32_t)fd / CHUNK_FDS);
	return c != NULL ? &c->slot[(uint32_t)fd % CHUNK_FDS] : NULL;
}

struct sock *fdtab_find(int fd)
{
	_Atomic uint32_t *slot = slot_at(fd);
	uint32_t named;

	if (likely(slot == NULL))
		return NULL;
	named = atomic_load_explicit(slot, memory_order_acquire);
	return named != 0 ? sock_at(named - 1) : NULL;
}

static struct chunk *map_chunk(uint32_t i)
{
	struct chunk *c = chunk_at(i), *none = NULL;

	if (c != NULL)
		return c;
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&chunks[i], &none, c))
		return c;
	munmap(c, sizeof(*c));
	return none;
}

/* A free sock of this chunk, looked for from `start` on: its index, or -1. */
static int64_t claim_in(uint32_t chunk, uint32_t start)
{
	struct chunk *c = chunk_at(chunk);
	uint32_t i, at, none;

	for (i = 0; i < CHUNK_FDS; i++) {
		at = (start + i) % CHUNK_FDS;
		none = 0;
		if (atomic_compare_exchange_strong(&c->sock[at].refs, &none, 1))
			return (int64_t)chunk * CHUNK_FDS + at;
	}
	return -1;
}

/* An untracked descriptor means one empty slot, and there are as many socks
 * as slots: one is free, though it may stand in another chunk. */
static int64_t claim(int fd)
{
	int64_t index = claim_in((uint32_t)fd / CHUNK_FDS,
				 (uint32_t)fd % CHUNK_FDS);
	uint32_t i;

	for (i = 0; index < 0 && i < CHUNKS_MAX; i++)
		if (chunk_at(i) != NULL)
			index = claim_in(i, 0);
	return index;
}

struct sock *fdtab_add(int fd, enum sock_kind kind, int family)
{
	struct sock *s;
	int64_t index;

	if ((unsigned int)fd >= FD_MAX)
		return NULL;
	process_init();
	if (map_chunk((uint32_t)fd / CHUNK_FDS) == NULL)
		return NULL;
	fdtab_forget(fd);
	index = claim(fd);
	if (index < 0)
		return NULL;
	s = sock_at((uint32_t)index);
	s->serial = atomic_fetch_add(&last_serial, 1) + 1;
	s->owner = process_owner();
	s->kind = kind;
	s->family = family;
	memset((char *)s + offsetof(struct sock, tcp), 0,
	       sizeof(*s) - offsetof(struct sock, tcp));
	atomic_store(&s->lock, 0);
	atomic_store_explicit(slot_at(fd), (uint32_t)index + 1,
			      memory_order_release);
	return s;
}

void fdtab_alias(int from, int to)
{
	_Atomic uint32_t *source = slot_at(from);
	uint32_t named = source != NULL ? atomic_load(source) : 0;

	if (from == to || (unsigned int)to >= FD_MAX || fdtab_is_vfork_child())
		return;
	fdtab_forget(to);
	if (named == 0 || map_chunk((uint32_t)to / CHUNK_FDS) == NULL)
		return;
	atomic_fetch_add(&sock_at(named - 1)->refs, 1);
	named = atomic_exchange(slot_at(to), named);
	if (named != 0)
		atomic_fetch_sub(&sock_at(named - 1)->refs, 1);
}

bool fdtab_is_last(const struct sock *s)
{
	return atomic_load(&s->refs) == 1 && s->owner == process_owner() &&
	       !fdtab_is_vfork_child();
}

bool fdtab_forget(int fd)
{
	struct sock *s = fdtab_find(fd);
	uint32_t named;
	bool ours;

	if (s == NULL || fdtab_is_vfork_child())
		return false;
	ours = s->owner == process_owner();
	named = atomic_exchange(slot_at(fd), 0);
	if (named == 0)
		return false;
	return atomic_fetch_sub(&sock_at(named - 1)->refs, 1) == 1 && ours;
}

int fdtab_next(int from, int to)
{
	uint32_t fd = from < 0 ? 0 : (uint32_t)from;
	uint32_t end = to < (int)FD_MAX ? (uint32_t)to : FD_MAX - 1;

	if (to < 0)
		return -1;
	while (fd <= end) {
		struct chunk *c = chunk_at(fd / CHUNK_FDS);

		if (c == NULL)
			fd = (fd / CHUNK_FDS + 1) * CHUNK_FDS;
		else if (atomic_load(&c->slot[fd % CHUNK_FDS]) != 0)
			return (int)fd;
		else
			fd++;
	}
	return -1;
}

void fdtab_each_alias(const struct sock *s, void (*fn)(int fd, void *arg),
		      void *arg)
{
	uint32_t left = atomic_load(&s->refs);
	int fd = -1;

	while (left > 0 && (fd = fdtab_next(fd + 1, INT_MAX)) >= 0) {
		if (fdtab_find(fd) != s)
			continue;
		left--;
		fn(fd, arg);
	}
}

bool fdtab_is_vfork_child(void)
{
	return process_is_vfork_child();
}

static void set_signal_mask(const uint64_t *mask, uint64_t *old)
{
	next.syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, old, sizeof(*mask));
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
	next.syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value,
		     NULL, NULL, 0);
}

/* Held by a thread of the process that we were forked from: nobody will let
 * it go. */
static bool is_abandoned(uint32_t word, uint32_t owner)
{
	return (word & ~LOCK_WAITERS) != owner;
}

void sock_lock(struct sock *s)
{
	static const uint64_t all = ~(uint64_t)0;
	uint32_t owner = process_owner(), word = 0, mine = owner;
	int saved = errno, cancel_state;
	uint64_t mask = 0;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	set_signal_mask(&all, &mask);
	while (!atomic_compare_exchange_strong(&s->lock, &word, mine)) {
		if (word != 0 && is_abandoned(word, owner)) {
			if (atomic_compare_exchange_strong(&s->lock, &word,
							   mine))
				break;
		} else if (word != 0) {
			if (atomic_compare_exchange_strong(&s->lock, &word,
							   word | LOCK_WAITERS))
				futex(&s->lock, FUTEX_WAIT,
				      word | LOCK_WAITERS);
			mine = owner | LOCK_WAITERS;
		}
		word = 0;
	}
	s->signal_mask = mask;
	s->cancel_state = cancel_state;
	errno = saved;
}

void sock_unlock(struct sock *s)
{
	int saved = errno, cancel_state = s->cancel_state;
	uint64_t mask = s->signal_mask;

	if (atomic_exchange(&s->lock, 0) & LOCK_WAITERS)
		futex(&s->lock, FUTEX_WAKE, 1);
	set_signal_mask(&mask, NULL);
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved;
}
