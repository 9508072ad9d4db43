/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_page.c - the writer of the policy page
 *
 * Turns compiled rules into the file that apps map (<turnout/page.h>).
 *
 * Theory of operation: the file is never replaced, because running apps hold
 * its inode mapped; only one of another version is, for apps that read that one
 * cannot read ours. One daemon at a time owns it, by flock(2), which the kernel
 * releases however the daemon ends. It fills the table that does not count and
 * then adds one to `seq`, so that a daemon that dies meanwhile leaves the rules
 * as they were. A page taken over keeps its rules, state DOWN, until the first
 * policy_page_publish(); a new one blocks everything until then.
 */
#include <config.h>

#include "policy_page.h"

#include "clock.h"
#include "log.h"

#include <turnout/page.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

struct policy_page {
	struct page *page;
	char *path;
	int fd;
	uint64_t epoch;
};

static int random_epoch(uint64_t *epoch)
{
	do {
		ssize_t n = getrandom(epoch, sizeof(*epoch), 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n != sizeof(*epoch))
			*epoch = 0;
	} while (*epoch == 0);
	return 0;
}

/* Open, lock and check the file. Whoever else owned it could write rules. */
static int open_file(const char *path, int flags, struct stat *st)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags,
		      0600);
	int error;

	if (fd < 0)
		return -errno;
	error = EPERM;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		error = errno == EWOULDBLOCK ? EBUSY : errno;
	else if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
		 st->st_nlink == 1 && st->st_uid == geteuid())
		return fd;
	close(fd);
	return -error;
}

/* New, or one of our own version. */
static bool is_fit(int fd, const struct stat *st)
{
	uint32_t head[2]; /* magic, version */

	_Static_assert(offsetof(struct page, version) == sizeof(head[0]), "");
	if (st->st_size == 0)
		return true;
	return st->st_size == (off_t)PAGE_BYTES &&
	       pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       head[0] == PAGE_MAGIC && head[1] == PAGE_VERSION;
}

/* Apps that have it mapped are told that its daemon has ended. */
static void retire(int fd, const struct stat *st, const char *path)
{
	uint32_t magic = 0, down = PAGE_DOWN;

	if (st->st_size >= (off_t)offsetof(struct page, table) &&
	    pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
	    magic == PAGE_MAGIC &&
	    pwrite(fd, &down, sizeof(down), offsetof(struct page, state)) !=
		    sizeof(down))
		log_warn("%s: %s", path, strerror(errno));
	unlink(path);
	close(fd);
}

static int take_file(const char *path, unsigned int mode)
{
	struct stat st;
	int fd = open_file(path, 0, &st), error;

	if (fd >= 0 && !is_fit(fd, &st)) {
		retire(fd, &st, path);
		fd = open_file(path, O_EXCL, &st);
	}
	if (fd < 0)
		return fd;
	/* Never shorter, not for a moment: a reader would die of SIGBUS. */
	if ((st.st_size < (off_t)PAGE_BYTES &&
	     ftruncate(fd, (off_t)PAGE_BYTES) < 0) ||
	    fchmod(fd, mode) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static void hold(struct page *page)
{
	atomic_store(&page->held_until_ms,
		     clock_now_ms() + POLICY_PAGE_HOLD_MS);
	atomic_store(&page->state, PAGE_HELD);
}

/* An app whose flow's port is held goes on by the old epoch, which is good for
 * that, until the next daemon can be asked. */
static void take_over(struct page *page, uint64_t epoch, bool held)
{
	if (held && page->magic == PAGE_MAGIC &&
	    atomic_load(&page->state) != PAGE_DOWN) {
		hold(page);
		return;
	}
	atomic_store(&page->state, PAGE_DOWN);
	atomic_store(&page->epoch, epoch);
	if (page->magic == PAGE_MAGIC)
		return;
	memset(page->table[0].default_action, POLICY_BLOCK,
	       sizeof(page->table[0].default_action));
	page->version = PAGE_VERSION;
	page->magic = PAGE_MAGIC;
}

struct policy_page *policy_page_open(const char *path, unsigned int mode,
				     bool held)
{
	struct policy_page *p = calloc(1, sizeof(*p));
	int error;

	if (p == NULL)
		return NULL;
	p->fd = -1;
	p->page = MAP_FAILED;
	p->path = strdup(path);
	error = p->path ? random_epoch(&p->epoch) : -ENOMEM;
	if (error < 0)
		goto fail;
	p->fd = take_file(path, mode);
	if (p->fd < 0) {
		error = p->fd;
		goto fail;
	}
	p->page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		       p->fd, 0);
	if (p->page == MAP_FAILED) {
		error = -errno;
		goto fail;
	}
	take_over(p->page, p->epoch, held);
	return p;
fail:
	policy_page_close(p, 0);
	errno = -error;
	return NULL;
}

/* What of a table is in use. */
struct part {
	size_t at, bytes;
};

#define PARTS 9

static void list_parts(const struct page_table *t, struct part part[PARTS])
{
#define PART(member, count)                            \
	{                                              \
		offsetof(struct page_table, member),   \
			(count) * sizeof(t->member[0]) \
	}
	const struct part parts[PARTS] = {
		{ 0, offsetof(struct page_table, rules) },
		PART(rules, t->rule_count),
		PART(protocol, ARRAY_SIZE(t->protocol)),
		PART(addr, t->addr_steps),
		PART(arena, t->arena_words),
		PART(addr_set, t->addr_steps),
		PART(port_set, t->port_steps),
		PART(port, t->port_steps),
		PART(who, t->who_count),
	};
#undef PART

	memcpy(part, parts, sizeof(parts));
}

/* The file is sparse: a full file system shows here, and not as SIGBUS. */
static int reserve(int fd, size_t table, const struct part part[PARTS])
{
	for (size_t i = 0; i < PARTS; i++) {
		int error = part[i].bytes == 0
				    ? 0
				    : posix_fallocate(
					      fd, (off_t)(table + part[i].at),
					      (off_t)part[i].bytes);

		if (error != 0)
			return -error;
	}
	return 0;
}

int policy_page_publish(struct policy_page *p,
			const struct page_table *compiled)
{
	struct page *page = p->page;
	uint32_t seq = atomic_load_explicit(&page->seq, memory_order_relaxed);
	struct page_table *next = &page->table[(seq + 1) & 1];
	struct part part[PARTS];
	int error;

	list_parts(compiled, part);
	error = reserve(p->fd, (size_t)((char *)next - (char *)page), part);
	if (error < 0)
		return error;
	/* Who still reads this table shall see that `seq` has changed. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < PARTS; i++)
		memcpy((char *)next + part[i].at,
		       (const char *)compiled + part[i].at, part[i].bytes);
	page->generation++;
	atomic_store(&page->epoch, p->epoch);
	atomic_store_explicit(&page->seq, seq + 1, memory_order_release);
	atomic_store(&page->state, PAGE_UP);
	return 0;
}

uint64_t policy_page_epoch(const struct policy_page *p)
{
	return p->epoch;
}

void policy_page_hold(struct policy_page *p)
{
	hold(p->page);
}

void policy_page_close(struct policy_page *p, int unlink_it)
{
	if (p == NULL)
		return;
	if (p->page != MAP_FAILED) {
		if (atomic_load(&p->page->state) != PAGE_HELD)
			atomic_store(&p->page->state, PAGE_DOWN);
		if (unlink_it)
			unlink(p->path);
		munmap(p->page, PAGE_BYTES);
	}
	if (p->fd >= 0)
		close(p->fd);
	free(p->path);
	free(p);
}
