/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_names.c - synthetic addresses there and back, pools filled up, and the
 * hosts file */
#include <config.h>

#include "../tunneld/names.h"

#include "../tunneld/addr.h"
#include "../tunneld/clock.h"
#include "../tunneld/names_pool.h"
#include "lib/unit.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

static struct names *make(const char *pool4, const char *pool6)
{
	struct names_opts opts;
	struct names *n;

	memset(&opts, 0, sizeof(opts));
	if (pool4 != NULL)
		CU_ASSERT_TRUE(addr_parse_prefix(pool4, &opts.pool4,
						 &opts.pool4_bits));
	if (pool6 != NULL)
		CU_ASSERT_TRUE(addr_parse_prefix(pool6, &opts.pool6,
						 &opts.pool6_bits));
	n = names_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	return n;
}

static struct endpoint address(struct names *n, const char *name,
			       uint8_t family)
{
	struct endpoint e = { .family = ENDPOINT_NONE };

	CU_ASSERT_TRUE(names_address(n, name, family, &e));
	return e;
}

static void test_there_and_back(void)
{
	struct names *n = make("198.18.0.0/15", "fd74:7572:6e6f:7574::/96");
	struct endpoint a4 = address(n, "stun.example", 4);
	struct endpoint a6 = address(n, "stun.example", 6);
	struct endpoint again = address(n, "STUN.Example.", 4), other;
	char name[CONTROL_NAME_MAX + 1], text[ADDR_TEXT_MAX];

	CU_ASSERT_EQUAL(a4.family, ENDPOINT_IPV4);
	CU_ASSERT_EQUAL(a6.family, ENDPOINT_IPV6);
	CU_ASSERT_EQUAL(a4.port_be, 0);
	CU_ASSERT_TRUE(endpoint_equal(&a4, &again));
	CU_ASSERT_TRUE(names_is_synthetic(n, &a4));
	CU_ASSERT_TRUE(names_is_synthetic(n, &a6));
	CU_ASSERT_EQUAL(strncmp(addr_format_ip(&a4, text), "198.1", 5), 0);
	CU_ASSERT_EQUAL(
		strncmp(addr_format_ip(&a6, text), "fd74:7572:6e6f:7574:", 20),
		0);
	a4.port_be = htons(443);
	CU_ASSERT_TRUE(names_lookup(n, &a4, name));
	CU_ASSERT_STRING_EQUAL(name, "stun.example");
	CU_ASSERT_TRUE(names_lookup(n, &a6, name));
	CU_ASSERT_STRING_EQUAL(name, "stun.example");

	/* In a pool, but nobody's; and in no pool. */
	other = a4;
	other.ip[3] ^= 1;
	CU_ASSERT_TRUE(names_is_synthetic(n, &other));
	CU_ASSERT_FALSE(names_lookup(n, &other, name));
	CU_ASSERT_TRUE(addr_parse_ip("198.20.0.1", &other));
	CU_ASSERT_FALSE(names_is_synthetic(n, &other));
	CU_ASSERT_FALSE(names_lookup(n, &other, name));
	CU_ASSERT_FALSE(names_address(n, "192.0.2.1", 4, &other));
	CU_ASSERT_FALSE(names_address(n, "", 4, &other));
	CU_ASSERT_FALSE(names_address(n, "stun.example", 5, &other));
	names_free(n);
	names_free(NULL);
}

/* The same name has the same address after a restart. */
static void test_stable(void)
{
	struct names *a = make("198.18.0.0/15", NULL);
	struct names *b = make("198.18.0.0/15", NULL);
	struct endpoint e, f;

	e = address(a, "call.example", 4);
	(void)address(b, "other.example", 4);
	f = address(b, "call.example", 4);
	CU_ASSERT_TRUE(endpoint_equal(&e, &f));
	CU_ASSERT_FALSE(names_address(a, "call.example", 6, &e));
	names_free(a);
	names_free(b);
}

static void test_full(void)
{
	struct names *n = make("198.18.0.0/24", "fd00::/120");
	char name[64], back[CONTROL_NAME_MAX + 1];
	struct endpoint e;
	size_t count = 0, back_count = 0;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		if (!names_address(n, name, 4, &e))
			continue;
		count++;
		CU_ASSERT(e.ip[3] != 0 && e.ip[3] != 255);
		CU_ASSERT_TRUE(names_lookup(n, &e, back));
		back_count += strcmp(name, back) == 0;
	}
	CU_ASSERT_EQUAL(count, 254);
	CU_ASSERT_EQUAL(back_count, 254);
	/* Those that are in keep their addresses. */
	CU_ASSERT_TRUE(names_address(n, "n0.example", 4, &e));
	CU_ASSERT_FALSE(names_address(n, "n299.example", 4, &e));
	/* Families are independent. */
	CU_ASSERT_TRUE(names_address(n, "n299.example", 6, &e));
	names_free(n);
}

static void test_many(void)
{
	struct names *n = make("198.18.0.0/15", NULL);
	char name[64], back[CONTROL_NAME_MAX + 1];
	struct endpoint e;
	size_t good = 0;

	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "host-%d.example", i);
		if (!names_address(n, name, 4, &e))
			break;
		good += (e.ip[3] != 0 && e.ip[3] != 255 &&
			 (e.ip[2] != 0 || e.ip[1] != 18) &&
			 names_lookup(n, &e, back) && strcmp(name, back) == 0);
	}
	CU_ASSERT_EQUAL(good, 20000);
	/* All of them are still there, after the tables have grown. */
	for (int i = 0; i < 20000; i += 997) {
		struct endpoint again;

		snprintf(name, sizeof(name), "host-%d.example", i);
		e = address(n, name, 4);
		again = address(n, name, 4);
		CU_ASSERT_TRUE(endpoint_equal(&e, &again));
		CU_ASSERT_TRUE(names_lookup(n, &e, back));
		CU_ASSERT_STRING_EQUAL(back, name);
	}
	names_free(n);
}

/* Above the low 32 bits nothing is given out. */
static void test_wide(void)
{
	struct names *n = make(NULL, "fd00::/32");
	struct endpoint e = address(n, "a.example", 6);
	char back[CONTROL_NAME_MAX + 1];

	CU_ASSERT_TRUE(names_lookup(n, &e, back));
	e.ip[8] = 1;
	CU_ASSERT_TRUE(names_is_synthetic(n, &e));
	CU_ASSERT_FALSE(names_lookup(n, &e, back));
	CU_ASSERT_FALSE(names_address(n, "a.example", 4, &e));
	names_free(n);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static void test_hosts(void)
{
	struct names *n = make("198.18.0.0/15", NULL);
	FILE *f;
	char path[] = "/tmp/test_names.XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	names_set_hosts_file(n, path);
	CU_ASSERT_FALSE(names_in_hosts_file(n, "a"));
	put(path, "# comment a\n127.0.0.1 localhost\tMe.Example. # tail b\n"
		  "::1\n\n   10.0.0.1   z   y\n10.0.0.2 x");
	CU_ASSERT_TRUE(names_in_hosts_file(n, "localhost"));
	CU_ASSERT_TRUE(names_in_hosts_file(n, "me.example"));
	CU_ASSERT_TRUE(names_in_hosts_file(n, "ME.example."));
	CU_ASSERT_TRUE(names_in_hosts_file(n, "y"));
	CU_ASSERT_TRUE(names_in_hosts_file(n, "x"));
	CU_ASSERT_FALSE(names_in_hosts_file(n, "a"));
	CU_ASSERT_FALSE(names_in_hosts_file(n, "b"));
	CU_ASSERT_FALSE(names_in_hosts_file(n, "127.0.0.1"));
	/* A long list. */
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (int i = 0; i < 100000; i++)
		fprintf(f, "0.0.0.0 ad%d.example\n", i);
	fclose(f);
	CU_ASSERT_TRUE(names_in_hosts_file(n, "ad0.example"));
	CU_ASSERT_TRUE(names_in_hosts_file(n, "ad99999.example"));
	CU_ASSERT_FALSE(names_in_hosts_file(n, "ad100000.example"));
	put(path, "10.0.0.1 only.example other.example\n");
	CU_ASSERT_TRUE(names_in_hosts_file(n, "only.example"));
	CU_ASSERT_FALSE(names_in_hosts_file(n, "x"));
	unlink(path);
	CU_ASSERT_FALSE(names_in_hosts_file(n, "only.example"));
	names_free(n);
}

static void *ask(void *arg)
{
	struct names *n = arg;
	char name[64], back[CONTROL_NAME_MAX + 1];
	struct endpoint e;
	size_t good = 0;

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "t%d.example", i);
		good += names_address(n, name, 4, &e) &&
			names_lookup(n, &e, back) && strcmp(name, back) == 0;
	}
	return good == 2000 ? n : NULL;
}

static void test_threads(void)
{
	struct names *n = make("198.18.0.0/15", NULL);
	pthread_t thread[3];
	void *result;

	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, ask, n),
				      0);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++) {
		pthread_join(thread[i], &result);
		CU_ASSERT_PTR_EQUAL(result, n);
	}
	names_free(n);
}

/* Apps remember addresses over a restart, of names that collided too. */
static void test_kept(void)
{
	char path[] = "/tmp/test-names.XXXXXX";
	struct names *n = make("198.18.0.0/27", "fd00::/120");
	struct endpoint addr[20], other;
	char name[32];
	FILE *file;
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(names_keep(n, path), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "host%d.example", 7 * i % 20);
		addr[i] = address(n, name, ENDPOINT_IPV4);
	}
	other = address(n, "six.example", ENDPOINT_IPV6);
	names_free(n);
	file = fopen(path, "a");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs("4\n9 x.example\nnonsense\n4 bad..name\n4 cut.exam", file);
	fclose(file);
	n = make("198.18.0.0/27", "fd00::/120");
	CU_ASSERT_EQUAL_FATAL(names_keep(n, path), 0);
	for (int i = 19; i >= 0; i--) {
		struct endpoint again;

		snprintf(name, sizeof(name), "host%d.example", 7 * i % 20);
		again = address(n, name, ENDPOINT_IPV4);
		CU_ASSERT(endpoint_equal(&again, &addr[i]));
	}
	addr[0] = address(n, "six.example", ENDPOINT_IPV6);
	CU_ASSERT(endpoint_equal(&addr[0], &other));
	names_free(n);
	unlink(path);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	n = make("198.18.0.0/27", "fd00::/120");
	CU_ASSERT(names_keep(n, path) < 0);
	names_free(n);
	unlink(path);
}

/* As many as a whole building asks for in a year: quick, small, and there
 * again after a restart. */
#define CROWD 100000

static struct endpoint crowd_address(struct names *n, int i)
{
	char name[64];

	snprintf(name, sizeof(name), "host-%d.crowd.example", i);
	return address(n, name, ENDPOINT_IPV4);
}

static long file_bytes(const char *path)
{
	struct stat st;

	CU_ASSERT_EQUAL(stat(path, &st), 0);
	return (long)st.st_size;
}

static void test_crowd(void)
{
	char path[] = "/tmp/test-names.XXXXXX", name[CONTROL_NAME_MAX + 1];
	struct names *n = make("198.18.0.0/15", "fd00::/96");
	uint64_t start = clock_now_ms();
	size_t before = mallinfo2().uordblks, good = 0;
	struct endpoint *addr = calloc(CROWD, sizeof(*addr));
	long bytes;
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0 && addr != NULL);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(names_keep(n, path), 0);
	for (int i = 0; i < CROWD; i++)
		addr[i] = crowd_address(n, i);
	CU_ASSERT(mallinfo2().uordblks - before < 32u << 20);
	names_free(n);
	bytes = file_bytes(path);
	n = make("198.18.0.0/15", "fd00::/96");
	CU_ASSERT_EQUAL_FATAL(names_keep(n, path), 0);
	for (int i = 0; i < CROWD; i++) {
		struct endpoint again = crowd_address(n, i);

		good += endpoint_equal(&again, &addr[i]) &&
			names_lookup(n, &again, name);
	}
	CU_ASSERT_EQUAL(good, CROWD);
	names_free(n);
	/* Nothing new: nothing more. */
	CU_ASSERT_EQUAL(file_bytes(path), bytes);
	/* A machine that does nothing else needs a fraction of that. */
	CU_ASSERT(clock_now_ms() - start < 20000);
	free(addr);
	unlink(path);
}

/* `count` names of `stem`, used last so many seconds ago, as a file has it. */
static void put_records(FILE *f, const char *stem, int count, int first_offset,
			int age_s)
{
	for (int i = 0; i < count; i++)
		fprintf(f, "4 %s%d.example %d %lld\n", stem, i,
			first_offset + i, (long long)time(NULL) - age_s);
}

static size_t still_there(struct names *n, const char *stem, int count,
			  int first_offset)
{
	struct endpoint e = { .family = ENDPOINT_IPV4, .ip = { 198, 18 } };
	char name[64], back[CONTROL_NAME_MAX + 1];
	size_t found = 0;

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%d.example", stem, i);
		e.ip[3] = (uint8_t)(first_offset + i);
		found += names_lookup(n, &e, back) && strcmp(name, back) == 0;
	}
	return found;
}

static struct names *with_records(const char *path, int idle, int used)
{
	struct names *n = make("198.18.0.0/24", NULL);
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	put_records(f, "idle", idle, 1, 2 * NAMES_POOL_IDLE_S);
	put_records(f, "used", used, 1 + idle, NAMES_POOL_IDLE_S / 2);
	fclose(f);
	CU_ASSERT_EQUAL_FATAL(names_keep(n, path), 0);
	return n;
}

/* Addresses that nobody has used for a day go, the oldest first, and only when
 * room is scarce; others never. */
static void test_idle(void)
{
	char path[] = "/tmp/test-names.XXXXXX", name[CONTROL_NAME_MAX + 1];
	int fd = mkstemp(path);
	struct endpoint e;
	struct names *n;

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	/* Half full: all stay. */
	n = with_records(path, 60, 60);
	(void)address(n, "new.example", 4);
	CU_ASSERT_EQUAL(still_there(n, "used", 60, 61), 60);
	CU_ASSERT_EQUAL(still_there(n, "idle", 60, 1), 60);
	names_free(n);
	/* Three quarters: two idle ones go for each that comes, and using one
	 * makes it stay. */
	n = with_records(path, 100, 100);
	e = address(n, "idle0.example", 4);
	CU_ASSERT_EQUAL(e.ip[3], 1);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "new%d.example", i);
		(void)address(n, name, 4);
	}
	CU_ASSERT(names_lookup(n, &e, name));
	CU_ASSERT_EQUAL(still_there(n, "used", 100, 101), 100);
	CU_ASSERT(still_there(n, "idle", 100, 1) < 100);
	CU_ASSERT(still_there(n, "idle", 100, 1) >= 80);
	names_free(n);
	/* Full of names that are used: a new one is refused. */
	n = with_records(path, 0, 254);
	CU_ASSERT_FALSE(names_address(n, "new.example", 4, &e));
	CU_ASSERT_EQUAL(still_there(n, "used", 254, 1), 254);
	names_free(n);
	unlink(path);
}

/* The file does not grow with what is asked again, but with new names; one that
 * was never written anew is, and so is one of an earlier release. */
static void test_file_bounded(void)
{
	char path[] = "/tmp/test-names.XXXXXX", left[64];
	struct names *n = make("198.18.0.0/24", NULL);
	int fd = mkstemp(path);
	struct endpoint e, again;
	FILE *f;

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (int i = 0; i < 20000; i++)
		fprintf(f, "4 same.example 7 %d\n", i);
	fputs("4 old.example\n4 cut.exam", f);
	fclose(f);
	/* What one that was killed while it wrote has left. */
	snprintf(left, sizeof(left), "%s.new", path);
	put(left, "4 half");
	CU_ASSERT_EQUAL_FATAL(names_keep(n, path), 0);
	e = address(n, "first.example", 4);
	CU_ASSERT(file_bytes(path) < 1000);
	CU_ASSERT(access(left, F_OK) < 0);
	names_free(n);
	n = make("198.18.0.0/24", NULL);
	CU_ASSERT_EQUAL_FATAL(names_keep(n, path), 0);
	again = address(n, "first.example", 4);
	CU_ASSERT_TRUE(endpoint_equal(&e, &again));
	again = address(n, "same.example", 4);
	CU_ASSERT_EQUAL(again.ip[3], 7);
	names_free(n);
	unlink(path);
}

static CU_TestInfo tests[] = {
	{ "a hundred thousand names", test_crowd },
	{ "idle names make room", test_idle },
	{ "the file is bounded", test_file_bounded },
	{ "addresses last over a restart", test_kept },
	{ "there and back", test_there_and_back },
	{ "the same over restarts", test_stable },
	{ "a pool that is full", test_full },
	{ "many", test_many },
	{ "a pool wider than 32 bits", test_wide },
	{ "the hosts file", test_hosts },
	{ "several threads", test_threads },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "names", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
