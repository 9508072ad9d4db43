/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_policy_page.c - the page's file over starts, crashes and reloads */
#include <config.h>

#include "../tunneld/policy_page.h"

#include "../tunneld/clock.h"
#include "../tunneld/page_index.h"
#include "lib/unit.h"

#include <turnout/page.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

static char dir[] = "/tmp/test_policy_page.XXXXXX";
static char path[64];
static struct page_table *compiled;

static int set_up(void)
{
	compiled = calloc(1, sizeof(*compiled));
	if (compiled == NULL || mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/control" PAGE_SUFFIX, dir);
	return 0;
}

static int tear_down(void)
{
	free(compiled);
	return rmdir(dir);
}

static const struct page *map(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	CU_ASSERT_FATAL(fd >= 0 && p != MAP_FAILED);
	close(fd);
	return p;
}

static void unmap(const struct page *page)
{
	munmap((void *)(uintptr_t)page, PAGE_BYTES);
}

static const struct endpoint somewhere = {
	.family = ENDPOINT_IPV4,
	.ip = { 203, 0, 113, 1 },
};

static void compile(uint32_t rules, enum policy_action action)
{
	compiled->rule_count = rules;
	memset(compiled->default_action, (int)action, 4);
	for (uint32_t i = 0; i < rules; i++)
		compiled->rules[i] = (struct page_rule){
			.action = (uint8_t)action,
			.port_max = 65535,
		};
	CU_ASSERT_EQUAL(page_index_build(compiled), 0);
}

static void test_life(void)
{
	struct policy_page *p = policy_page_open(path, 0644, false);
	const struct page *page;
	struct stat st;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	page = map();
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0644);
	CU_ASSERT_EQUAL(st.st_size, PAGE_BYTES);
	CU_ASSERT_EQUAL(page->magic, PAGE_MAGIC);
	CU_ASSERT_EQUAL(page->version, PAGE_VERSION);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_DOWN);
	CU_ASSERT_NOT_EQUAL(policy_page_epoch(p), 0);
	CU_ASSERT_EQUAL(atomic_load(&page->epoch), policy_page_epoch(p));
	/* Nothing leaves before the first rules are there. */
	CU_ASSERT_EQUAL(page_decide(page, POLICY_TCP, &somewhere, NULL, NULL),
			POLICY_BLOCK);

	compile(3, POLICY_PROXY);
	CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_UP);
	CU_ASSERT_EQUAL(page->generation, 1);
	CU_ASSERT_EQUAL(page->table[atomic_load(&page->seq) & 1].rule_count, 3);
	CU_ASSERT_EQUAL(page_decide(page, POLICY_TCP, &somewhere, NULL, NULL),
			POLICY_PROXY);

	policy_page_close(p, 0);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_DOWN);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	unmap(page);
}

/* After test_life: the file is there. */
static void test_restart(void)
{
	const struct page *page = map();
	uint64_t before = atomic_load(&page->epoch);
	uint32_t seq = atomic_load(&page->seq);
	struct policy_page *p = policy_page_open(path, 0600, false);
	struct stat st;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	/* The app's old mapping sees the new daemon, and the old rules until
	 * there are new ones. */
	CU_ASSERT_NOT_EQUAL(atomic_load(&page->epoch), before);
	CU_ASSERT_EQUAL(page->table[atomic_load(&page->seq) & 1].rule_count, 3);
	CU_ASSERT_EQUAL(atomic_load(&page->seq), seq);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_DOWN);
	compile(PAGE_RULES_MAX, POLICY_DIRECT);
	CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	CU_ASSERT_EQUAL(page->generation, 2);
	CU_ASSERT_EQUAL(page->table[atomic_load(&page->seq) & 1].rule_count,
			PAGE_RULES_MAX);
	CU_ASSERT_EQUAL(page_decide(page, POLICY_UDP, &somewhere, NULL, NULL),
			POLICY_DIRECT);
	policy_page_close(p, 1);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	unmap(page);
}

/* After test_restart: the file is gone. Flows' ports are held meanwhile. */
static void test_held(void)
{
	struct policy_page *p = policy_page_open(path, 0600, true);
	const struct page *page = map();
	uint64_t before, now_ms = clock_now_ms();

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	/* Nobody has used it yet. */
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_DOWN);
	compile(1, POLICY_TUNNEL);
	CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	before = atomic_load(&page->epoch);
	policy_page_hold(p);
	policy_page_close(p, 0);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_HELD);
	CU_ASSERT(atomic_load(&page->held_until_ms) >=
		  now_ms + POLICY_PAGE_HOLD_MS);
	CU_ASSERT(atomic_load(&page->held_until_ms) <=
		  clock_now_ms() + POLICY_PAGE_HOLD_MS);
	/* The next one: the old epoch is good until it can be asked. */
	p = policy_page_open(path, 0600, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_HELD);
	CU_ASSERT_EQUAL(atomic_load(&page->epoch), before);
	CU_ASSERT_NOT_EQUAL(policy_page_epoch(p), before);
	CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_UP);
	CU_ASSERT_EQUAL(atomic_load(&page->epoch), policy_page_epoch(p));
	policy_page_hold(p);
	policy_page_close(p, 0);
	/* One that was given none of the ports. */
	p = policy_page_open(path, 0600, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(atomic_load(&page->state), PAGE_DOWN);
	policy_page_close(p, 1);
	unmap(page);
}

/* A daemon that died while it wrote: only the other table is broken. */
static void test_crash(void)
{
	struct policy_page *p = policy_page_open(path, 0600, false);
	const struct page *page = map();
	struct page *writable;
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	compile(1, POLICY_TUNNEL);
	CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	policy_page_close(p, 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	writable = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(writable, MAP_FAILED);
	close(fd);
	memset(&writable->table[(atomic_load(&page->seq) + 1) & 1], 0xff,
	       sizeof(page->table[0]));
	CU_ASSERT_EQUAL(page_decide(page, POLICY_UDP, &somewhere, NULL, NULL),
			POLICY_TUNNEL);
	p = policy_page_open(path, 0600, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(page_decide(page, POLICY_UDP, &somewhere, NULL, NULL),
			POLICY_TUNNEL);
	compile(1, POLICY_DIRECT);
	CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	CU_ASSERT_EQUAL(page_decide(page, POLICY_UDP, &somewhere, NULL, NULL),
			POLICY_DIRECT);
	policy_page_close(p, 1);
	unmap(writable);
	unmap(page);
}

/* Apps that have the page of another version see its daemon end; ours is a
 * file of its own. */
static void test_other_version(void)
{
	struct {
		uint32_t magic, version, seq, state;
		uint64_t epoch, generation, rest[4];
	} old = { PAGE_MAGIC, PAGE_VERSION - 1, 2, PAGE_UP, 1, 1, { 0 } };
	struct policy_page *p;
	struct stat before, after;
	const struct page *page;
	FILE *f = fopen(path, "w+");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fwrite(&old, sizeof(old), 1, f), 1);
	CU_ASSERT_EQUAL(fflush(f), 0);
	CU_ASSERT_EQUAL(ftruncate(fileno(f), 65536), 0);
	CU_ASSERT_EQUAL(fstat(fileno(f), &before), 0);
	p = policy_page_open(path, 0600, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(stat(path, &after), 0);
	CU_ASSERT_NOT_EQUAL(before.st_ino, after.st_ino);
	CU_ASSERT_EQUAL(after.st_size, PAGE_BYTES);
	rewind(f);
	CU_ASSERT_EQUAL(fread(&old, sizeof(old), 1, f), 1);
	CU_ASSERT_EQUAL(old.state, PAGE_DOWN);
	CU_ASSERT_EQUAL(old.version, PAGE_VERSION - 1);
	fclose(f);
	page = map();
	CU_ASSERT_EQUAL(page->version, PAGE_VERSION);
	CU_ASSERT_EQUAL(page_decide(page, POLICY_TCP, &somewhere, NULL, NULL),
			POLICY_BLOCK);
	unmap(page);
	policy_page_close(p, 1);
}

static void test_refused(void)
{
	struct policy_page *p = policy_page_open(path, 0600, false);
	char link[80];

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	errno = 0;
	CU_ASSERT_PTR_NULL(policy_page_open(path, 0600, false));
	CU_ASSERT_EQUAL(errno, EBUSY);
	snprintf(link, sizeof(link), "%s/link", dir);
	CU_ASSERT_EQUAL(symlink(path, link), 0);
	errno = 0;
	CU_ASSERT_PTR_NULL(policy_page_open(link, 0600, false));
	CU_ASSERT_EQUAL(errno, ELOOP);
	unlink(link);
	policy_page_close(p, 1);
	errno = 0;
	snprintf(link, sizeof(link), "%s/missing/page", dir);
	CU_ASSERT_PTR_NULL(policy_page_open(link, 0600, false));
	CU_ASSERT_EQUAL(errno, ENOENT);
	errno = 0;
	CU_ASSERT_PTR_NULL(policy_page_open(dir, 0600, false));
	CU_ASSERT_NOT_EQUAL(errno, 0);
	policy_page_close(NULL, 1);
}

/* Garbage in the file (another version) is not taken for rules. */
static void test_garbage(void)
{
	struct policy_page *p;
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (int i = 0; i < 1000; i++)
		fputs("garbage", f);
	fclose(f);
	p = policy_page_open(path, 0600, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	{
		const struct page *page = map();

		CU_ASSERT_EQUAL(page->magic, PAGE_MAGIC);
		CU_ASSERT_EQUAL(
			page->table[atomic_load(&page->seq) & 1].rule_count, 0);
		CU_ASSERT_EQUAL(
			page_decide(page, POLICY_UDP, &somewhere, NULL, NULL),
			POLICY_BLOCK);
		unmap(page);
	}
	policy_page_close(p, 1);
}

static atomic_bool reading, wrong;

/* All rules of a page say the same: a mix would be a torn read. */
static void *read_page(void *arg)
{
	const struct page *page = arg;
	struct endpoint e = somewhere;

	while (atomic_load(&reading)) {
		enum policy_action a = page_decide(page, POLICY_TCP, &e, NULL,
						   NULL);

		if (a != POLICY_DIRECT && a != POLICY_PROXY)
			atomic_store(&wrong, true);
	}
	return NULL;
}

static void test_readers(void)
{
	struct policy_page *p = policy_page_open(path, 0600, false);
	const struct page *page;
	pthread_t thread;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	compile(1, POLICY_DIRECT);
	CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	page = map();
	atomic_store(&reading, true);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_page,
					     (void *)(uintptr_t)page),
			      0);
	for (int i = 0; i < 2000; i++) {
		compile(i % 2 ? 1 : 0, i % 2 ? POLICY_DIRECT : POLICY_PROXY);
		CU_ASSERT_EQUAL(policy_page_publish(p, compiled), 0);
	}
	atomic_store(&reading, false);
	pthread_join(thread, NULL);
	CU_ASSERT_FALSE(atomic_load(&wrong));
	CU_ASSERT_EQUAL(page->generation, 2001);
	policy_page_close(p, 1);
	unmap(page);
}

static CU_TestInfo tests[] = {
	{ "new, published, closed", test_life },
	{ "taken over with the same inode", test_restart },
	{ "held over a restart", test_held },
	{ "taken over from a writer that died", test_crash },
	{ "taken, not ours, not there", test_refused },
	{ "one of another version makes room", test_other_version },
	{ "garbage is not rules", test_garbage },
	{ "readers meanwhile", test_readers },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "policy_page",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
