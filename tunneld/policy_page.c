/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_page.c - the writer of the policy page
 *
 * Turns compiled rules into the file that apps map (<turnout/page.h>).
 *
 * Theory of operation: the file is never replaced, because running apps hold
 * its inode mapped; it is written in place under the seqlock. One daemon at a
 * time owns it, by flock(2), which the kernel releases however the daemon
 * ends. A page taken over keeps its rules, state DOWN, until the first
 * policy_page_publish(); a new one blocks everything until then. `seq` only
 * grows, so that a reader across a restart notices the change.
 */
#include <config.h>

#include "policy_page.h"

#include <turnout/page.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

struct policy_page {
	struct page *page;
	char *path;
	int fd;
};

static void write_begin(struct page *page)
{
	uint32_t seq = atomic_load_explicit(&page->seq, memory_order_relaxed);

	/* Odd already when the last writer died at its work. */
	atomic_store_explicit(&page->seq, seq | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void write_end(struct page *page)
{
	uint32_t seq = atomic_load_explicit(&page->seq, memory_order_relaxed);

	atomic_store_explicit(&page->seq, seq + 1, memory_order_release);
}

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
static int open_file(const char *path, unsigned int mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	int error;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		error = errno == EWOULDBLOCK ? EBUSY : errno;
		goto fail;
	}
	error = EPERM;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != geteuid())
		goto fail;
	/* Never shorter, not for a moment: a reader would die of SIGBUS. */
	if ((st.st_size < (off_t)PAGE_BYTES && ftruncate(fd, PAGE_BYTES) < 0) ||
	    fchmod(fd, mode) < 0) {
		error = errno;
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return -error;
}

static void take_over(struct page *page, uint64_t epoch)
{
	bool ours = page->magic == PAGE_MAGIC && page->version == PAGE_VERSION;

	write_begin(page);
	atomic_store(&page->state, PAGE_DOWN);
	atomic_store(&page->epoch, epoch);
	if (!ours) {
		page->generation = 0;
		page->rule_count = 0;
		memset(page->default_action, POLICY_BLOCK,
		       sizeof(page->default_action));
		page->version = PAGE_VERSION;
		page->magic = PAGE_MAGIC;
	}
	write_end(page);
}

struct policy_page *policy_page_open(const char *path, unsigned int mode)
{
	struct policy_page *p = calloc(1, sizeof(*p));
	uint64_t epoch;
	int error;

	if (p == NULL)
		return NULL;
	p->fd = -1;
	p->page = MAP_FAILED;
	p->path = strdup(path);
	error = p->path ? random_epoch(&epoch) : -ENOMEM;
	if (error < 0)
		goto fail;
	p->fd = open_file(path, mode);
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
	take_over(p->page, epoch);
	return p;
fail:
	policy_page_close(p, 0);
	errno = -error;
	return NULL;
}

void policy_page_publish(struct policy_page *p, const struct page *compiled)
{
	struct page *page = p->page;
	uint32_t n = compiled->rule_count;

	if (n > PAGE_RULES_MAX)
		n = PAGE_RULES_MAX;
	write_begin(page);
	page->generation++;
	memcpy(page->default_action, compiled->default_action,
	       sizeof(page->default_action));
	page->rule_count = n;
	memcpy(page->rules, compiled->rules, n * sizeof(page->rules[0]));
	atomic_store(&page->state, PAGE_UP);
	write_end(page);
}

uint64_t policy_page_epoch(const struct policy_page *p)
{
	return atomic_load(&p->page->epoch);
}

void policy_page_close(struct policy_page *p, int unlink_it)
{
	if (p == NULL)
		return;
	if (p->page != MAP_FAILED) {
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
