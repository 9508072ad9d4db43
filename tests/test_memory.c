/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_memory.c - what is remembered of networks, over restarts, and what a
 * broken or hostile file does: nothing
 */
#include <config.h>

#include "memory.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define KEY "corp tls relay.example:443 proxy"

static char dir[] = "/tmp/test-memory.XXXXXX";
static char path[64];

static struct memory_network network(uint64_t fingerprint, const char *winner)
{
	struct memory_network n = { .fingerprint = fingerprint,
				    .udp = MEMORY_UDP_FAILS,
				    .keepalive_s = 17 };

	snprintf(n.winner, sizeof(n.winner), "%s", winner);
	return n;
}

static struct memory *open_memory(void)
{
	struct memory *m = memory_new(path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	return m;
}

static void put(struct memory *m, uint64_t fingerprint, const char *winner,
		int64_t now_s)
{
	struct memory_network n = network(fingerprint, winner);

	CU_ASSERT_EQUAL(memory_put(m, &n, now_s), 0);
}

static void write_text(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL_FATAL(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void test_restart(void)
{
	const struct memory_network *n;
	struct memory *m = open_memory();
	struct stat st;

	CU_ASSERT_PTR_NULL(memory_find(m, 5));
	put(m, 5, KEY, 1000);
	put(m, 6, "", 1001);
	memory_free(m);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	m = open_memory();
	n = memory_find(m, 5);
	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT_STRING_EQUAL(n->winner, KEY);
	CU_ASSERT_EQUAL(n->udp, MEMORY_UDP_FAILS);
	CU_ASSERT_EQUAL(n->keepalive_s, 17);
	CU_ASSERT_EQUAL(n->used_s, 1000);
	n = memory_find(m, 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT_STRING_EQUAL(n->winner, "");
	CU_ASSERT_PTR_NULL(memory_find(m, 7));
	memory_free(m);
	unlink(path);
}

static void test_oldest_goes(void)
{
	struct memory *m = open_memory();

	for (uint64_t i = 1; i <= MEMORY_NETWORKS_MAX; i++)
		put(m, i, KEY, 1000 + (int64_t)i);
	put(m, 1, KEY, 1001 + 86400); /* used again */
	put(m, 100, KEY, 1002 + 86400);
	memory_free(m);
	m = open_memory();
	CU_ASSERT_PTR_NOT_NULL(memory_find(m, 1));
	CU_ASSERT_PTR_NULL(memory_find(m, 2));
	CU_ASSERT_PTR_NOT_NULL(memory_find(m, 3));
	CU_ASSERT_PTR_NOT_NULL(memory_find(m, 100));
	memory_free(m);
	unlink(path);
}

/* The daemons of one user. */
static void test_two(void)
{
	struct memory *a = open_memory(), *b = open_memory();

	put(a, 1, "a", 1000);
	put(b, 2, "b", 1001);
	CU_ASSERT_PTR_NOT_NULL(memory_find(a, 2));
	memory_free(a);
	a = open_memory();
	CU_ASSERT_PTR_NOT_NULL(memory_find(a, 1));
	CU_ASSERT_PTR_NOT_NULL(memory_find(a, 2));
	memory_free(a);
	memory_free(b);
	unlink(path);
}

static void test_written_when_new(void)
{
	struct memory *m = open_memory();

	put(m, 1, KEY, 1000);
	unlink(path);
	put(m, 1, KEY, 1010);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	put(m, 1, KEY, 1000 + 2 * 86400); /* a new day */
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	unlink(path);
	put(m, 1, "another", 1000 + 2 * 86400);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	memory_free(m);
	unlink(path);
}

static void test_nowhere(void)
{
	struct memory_network n = network(1, KEY), bad = network(1, "a\nb");
	struct memory *m = memory_new(NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(memory_put(m, &n, 1000), 0);
	CU_ASSERT_PTR_NOT_NULL(memory_find(m, 1));
	CU_ASSERT_EQUAL(memory_put(m, &bad, 1000), -EINVAL);
	memory_free(m);
	m = memory_new("/proc/nowhere/networks");
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT(memory_put(m, &n, 1000) < 0);
	CU_ASSERT_PTR_NOT_NULL(memory_find(m, 1)); /* until the end */
	memory_free(m);
}

static void test_odd_files(void)
{
	static const char *const texts[] = {
		"",
		"\n",
		"turnout networks 1",
		"turnout networks 2\nnetwork 5 1000\nwinner x\n",
		"network 5 1000\nwinner x\n",
		"turnout networks 1\nnetwork 0 1000\nwinner x\n",
		"turnout networks 1\nnetwork zz 1000\nwinner x\n",
		"turnout networks 1\nnetwork 5 -1\nwinner x\n",
		"turnout networks 1\nwinner x\nkeepalive 9\nudp works\n",
		"turnout networks 1\nnetwork 5", /* cut */
	};
	const struct memory_network *n;
	char text[4096];
	struct memory *m;
	int len;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_text(texts[i], strlen(texts[i]));
		m = open_memory();
		CU_ASSERT_PTR_NULL(memory_find(m, 5));
		put(m, 5, KEY, 1000);
		memory_free(m);
		m = open_memory();
		CU_ASSERT_PTR_NOT_NULL(memory_find(m, 5));
		memory_free(m);
	}
	/* odd lines cost themselves alone */
	len = snprintf(text, sizeof(text),
		       "turnout networks 1\nnetwork 5 1000\nwinner %01000d\n"
		       "keepalive 300\nkeepalive -1\nudp maybe\nfuture thing\n"
		       "winner a\tb\nwinner ok\nwinner \x80\n",
		       1);
	write_text(text, (size_t)len);
	m = open_memory();
	n = memory_find(m, 5);
	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT_STRING_EQUAL(n->winner, "ok");
	CU_ASSERT_EQUAL(n->keepalive_s, 0);
	CU_ASSERT_EQUAL(n->udp, MEMORY_UDP_UNKNOWN);
	memory_free(m);
	unlink(path);
}

static void test_hostile(void)
{
	char text[2048];
	struct memory *m;
	uint32_t dice = 7;

	for (int round = 0; round < 200; round++) {
		size_t len = (size_t)snprintf(
			text, sizeof(text),
			"turnout networks 1\nnetwork 5 1000\nwinner " KEY
			"\nudp works\nkeepalive 9\n");

		for (int i = 0; i < round % 20; i++) {
			dice = dice * 1103515245 + 12345;
			text[20 + (dice >> 16) % (len - 20)] = (char)(dice >>
								      8);
		}
		write_text(text, len);
		m = open_memory();
		(void)memory_find(m, 5);
		put(m, 6, KEY, 1000);
		memory_free(m);
		m = open_memory();
		CU_ASSERT_PTR_NOT_NULL(memory_find(m, 6));
		memory_free(m);
	}
	/* too long to be ours, and not a file at all */
	CU_ASSERT_EQUAL(truncate(path, 1 << 24), 0);
	m = open_memory();
	CU_ASSERT_PTR_NULL(memory_find(m, 6));
	memory_free(m);
	unlink(path);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	m = open_memory();
	CU_ASSERT_PTR_NULL(memory_find(m, 6));
	memory_free(m);
	unlink(path);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	m = open_memory();
	put(m, 6, KEY, 1000); /* the link is replaced, not what it leads to */
	memory_free(m);
	CU_ASSERT_EQUAL(readlink(path, text, sizeof(text)), -1);
	unlink(path);
}

static int begin(void)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/networks", dir);
	return 0;
}

static int end(void)
{
	return rmdir(dir); /* no temporary file stays */
}

static CU_TestInfo tests[] = {
	{ "kept over a restart", test_restart },
	{ "the one used longest ago is forgotten", test_oldest_goes },
	{ "daemons of one user keep each other's", test_two },
	{ "written only when something is new", test_written_when_new },
	{ "nowhere to write", test_nowhere },
	{ "odd files", test_odd_files },
	{ "hostile files", test_hostile },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "memory",
	  .pInitFunc = begin,
	  .pCleanupFunc = end,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
