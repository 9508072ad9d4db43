/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_clock_skew.c - how wrong this machine's clock is, by others */
#include <config.h>

#include "../tunneld/clock_skew.h"

#include "lib/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW 1700000000

/* What a note says on stderr. */
static const char *note(struct clock_skew *s, int skew, bool authentic)
{
	static char line[512];
	char path[] = "/tmp/test_clock_skew.XXXXXX";
	int file = mkstemp(path), old = dup(2);
	ssize_t n;

	CU_ASSERT_FATAL(file >= 0 && old >= 0);
	unlink(path);
	dup2(file, 2);
	clock_skew_note(s, NOW + skew, NOW, "proxy.example", authentic);
	dup2(old, 2);
	close(old);
	n = pread(file, line, sizeof(line) - 1, 0);
	close(file);
	line[n > 0 ? n : 0] = '\0';
	return line;
}

static void test_once(void)
{
	struct clock_skew s = { 0 };

	CU_ASSERT_STRING_EQUAL(note(&s, 20, false), "");
	CU_ASSERT_EQUAL(clock_skew_s(&s), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(note(&s, 47 * 60, false),
				      "47 minutes behind, by the answer of "
				      "proxy.example"));
	CU_ASSERT_EQUAL(clock_skew_s(&s), 47 * 60);
	CU_ASSERT_STRING_EQUAL(note(&s, 48 * 60, false), "");
	CU_ASSERT_EQUAL(clock_skew_s(&s), 48 * 60);
	CU_ASSERT(llabs((long long)(clock_skew_time(&s) - time(NULL) -
				    48 * 60)) <= 5);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(note(&s, -86400 * 3, false), "3 days ahead"));
	CU_ASSERT_PTR_NOT_NULL(strstr(note(&s, 5, false), "right again"));
	CU_ASSERT_STRING_EQUAL(note(&s, 0, false), "");
	CU_ASSERT_EQUAL(clock_skew_s(&s), 0);
}

/* A proxy's clock may be the wrong one. */
static void test_authentic(void)
{
	struct clock_skew s = { 0 };

	CU_ASSERT_PTR_NOT_NULL(
		strstr(note(&s, 7200 * 2, false), "4 hours behind"));
	CU_ASSERT_PTR_NOT_NULL(strstr(note(&s, 1, true), "right again"));
	CU_ASSERT_STRING_EQUAL(note(&s, 7200 * 2, false), "");
	CU_ASSERT_EQUAL(clock_skew_s(&s), 0);
}

static CU_TestInfo tests[] = {
	{ "said once, and when it changes", test_once },
	{ "what comes by TLS counts more", test_authentic },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "clock_skew", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
