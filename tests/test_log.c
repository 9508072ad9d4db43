/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_log.c - what is written to stderr, byte for byte */
#include <config.h>

#include "../tunneld/log.h"

#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int saved, in;
static char text[4096];

/* stderr is a pipe between capture() and captured(). */
static void capture(void)
{
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	in = fds[0];
}

static const char *captured(void)
{
	ssize_t n = read(in, text, sizeof(text) - 1);

	dup2(saved, STDERR_FILENO);
	close(saved);
	close(in);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_levels(void)
{
	enum log_level level;

	log_open(LOG_LEVEL_WARN, false);
	capture();
	log_err("one %d", 1);
	log_warn("two");
	log_info("three");
	log_set_level(LOG_LEVEL_DEBUG);
	log_info("four");
	log_debug("five");
	CU_ASSERT_STRING_EQUAL(captured(), "tunneld: error: one 1\n"
					   "tunneld: warning: two\n"
					   "tunneld: four\n"
					   "tunneld: debug: five\n");
	for (int i = 0; i < LOG_NUM_LEVELS; i++) {
		const char *name = log_level_name((enum log_level)i);

		CU_ASSERT(log_level_parse(name, &level) &&
			  level == (enum log_level)i);
	}
	CU_ASSERT_FALSE(log_level_parse("Info", &level));
	CU_ASSERT_FALSE(log_level_parse("", &level));
}

static void test_journal(void)
{
	log_open(LOG_LEVEL_DEBUG, true);
	capture();
	log_err("a");
	log_warn("b");
	log_info("c");
	log_debug("d");
	CU_ASSERT_STRING_EQUAL(captured(), "<3>a\n<4>b\n<6>c\n<7>d\n");
}

/* Nobody can forge a line, and errno survives. */
static void test_clean(void)
{
	log_open(LOG_LEVEL_INFO, false);
	capture();
	errno = EXDEV;
	log_info("name %s", "a\n<3>forged\x1b[31m\x7f \xc3\xa4");
	CU_ASSERT_EQUAL(errno, EXDEV);
	CU_ASSERT_STRING_EQUAL(captured(), "tunneld: name "
					   "a?<3>forged?[31m? \xc3\xa4\n");
}

static void test_long(void)
{
	char much[3000];
	const char *line;

	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	log_open(LOG_LEVEL_INFO, false);
	capture();
	log_info("%s", much);
	line = captured();
	CU_ASSERT_EQUAL(strlen(line), 1023);
	CU_ASSERT_STRING_EQUAL(line + 1019, "...\n");
	CU_ASSERT_EQUAL(line[1018], 'x');
}

static void test_limit(void)
{
	struct log_limit limit = { 0 };
	unsigned int suppressed = 9;

	CU_ASSERT_TRUE(log_limit_ok(&limit, 100, 1000, &suppressed));
	CU_ASSERT_EQUAL(suppressed, 0);
	CU_ASSERT_FALSE(log_limit_ok(&limit, 100, 1000, &suppressed));
	CU_ASSERT_FALSE(log_limit_ok(&limit, 1099, 1000, &suppressed));
	CU_ASSERT_TRUE(log_limit_ok(&limit, 1100, 1000, &suppressed));
	CU_ASSERT_EQUAL(suppressed, 2);
	CU_ASSERT_TRUE(log_limit_ok(&limit, 9999, 1000, &suppressed));
	CU_ASSERT_EQUAL(suppressed, 0);
}

static CU_TestInfo tests[] = {
	{ "levels", test_levels },
	{ "priorities for the journal", test_journal },
	{ "control bytes are replaced", test_clean },
	{ "long lines are cut", test_long },
	{ "rate limit", test_limit },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "log", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
