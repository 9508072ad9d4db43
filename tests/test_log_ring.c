/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_log_ring.c - the last lines of the log: which, in which order, and for
 * several threads at once */
#include <config.h>

#include "log_ring.h"

#include "unit.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/eventfd.h>

static uint64_t end(void)
{
	return log_ring_tail(LOG_LEVEL_DEBUG, 0);
}

static void add(enum log_level level, const char *text)
{
	log_ring_add(level, text, strlen(text));
}

static void test_tail(void)
{
	struct log_ring_line line;
	uint64_t at = end();

	CU_ASSERT_FALSE(log_ring_read(&at, &line));
	add(LOG_LEVEL_ERROR, "one");
	add(LOG_LEVEL_DEBUG, "two");
	add(LOG_LEVEL_WARN, "three");
	CU_ASSERT_TRUE(log_ring_read(&at, &line));
	CU_ASSERT_STRING_EQUAL(line.text, "one");
	CU_ASSERT_TRUE(line.at_ms > 1600000000000);
	at = log_ring_tail(LOG_LEVEL_DEBUG, 2);
	CU_ASSERT_TRUE(log_ring_read(&at, &line));
	CU_ASSERT_STRING_EQUAL(line.text, "two");
	/* What is not important enough does not count. */
	at = log_ring_tail(LOG_LEVEL_WARN, 2);
	CU_ASSERT_TRUE(log_ring_read(&at, &line));
	CU_ASSERT_STRING_EQUAL(line.text, "one");
	CU_ASSERT_EQUAL(line.level, LOG_LEVEL_ERROR);
}

/* Who comes late gets what is there still, without a gap. */
static void test_overrun(void)
{
	struct log_ring_line line;
	uint64_t from = end(), at = from;
	char text[32];

	for (int i = 0; i < LOG_RING_LINES + 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		add(LOG_LEVEL_INFO, text);
	}
	for (int i = 10; i < LOG_RING_LINES + 10; i++) {
		CU_ASSERT_TRUE_FATAL(log_ring_read(&at, &line));
		snprintf(text, sizeof(text), "%d", i);
		CU_ASSERT_STRING_EQUAL(line.text, text);
	}
	CU_ASSERT_FALSE(log_ring_read(&at, &line));
	CU_ASSERT_EQUAL(log_ring_tail(LOG_LEVEL_DEBUG, 0xffff), from + 10);
}

static void test_long(void)
{
	char text[2 * LOG_RING_LINE_BYTES];
	struct log_ring_line line;
	uint64_t at = end();

	memset(text, 'x', sizeof(text));
	log_ring_add(LOG_LEVEL_INFO, text, sizeof(text));
	CU_ASSERT_TRUE(log_ring_read(&at, &line));
	CU_ASSERT_EQUAL(strlen(line.text), LOG_RING_LINE_BYTES - 1);
}

static void *writer(void *arg)
{
	for (int i = 0; i < 5000; i++)
		add(LOG_LEVEL_INFO, arg);
	return NULL;
}

/* No line is half one thread's and half another's. */
static void test_threads(void)
{
	char a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b[] = "bbbb";
	struct log_ring_line line;
	uint64_t at = end(), wakes;
	pthread_t one, two;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	log_ring_wake(fd);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&one, NULL, writer, a), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&two, NULL, writer, b), 0);
	for (int i = 0; i < 2000; i++)
		while (log_ring_read(&at, &line))
			CU_ASSERT_FATAL(strcmp(line.text, a) == 0 ||
					strcmp(line.text, b) == 0);
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	log_ring_wake(-1);
	CU_ASSERT_EQUAL(read(fd, &wakes, sizeof(wakes)), sizeof(wakes));
	CU_ASSERT_EQUAL(wakes, 10000);
	add(LOG_LEVEL_INFO, a);
	CU_ASSERT_EQUAL(read(fd, &wakes, sizeof(wakes)), -1);
	close(fd);
}

static CU_TestInfo tests[] = {
	{ "the last lines", test_tail },
	{ "more than it holds", test_overrun },
	{ "long lines", test_long },
	{ "threads", test_threads },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "log_ring", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
