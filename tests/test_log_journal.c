/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_log_journal.c - lines with fields: the datagram, whose stderr it is, and
 * the catalog that explains them
 */
#include <config.h>

#include "log_journal.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const struct log_place place = { "../../tunneld/leg.c", "leg_fail", 7 };

static const char *format(const struct log_line *line)
{
	static char text[LOG_JOURNAL_MAX + 1];

	text[log_journal_format(line, text)] = '\0';
	return text;
}

static void test_format(void)
{
	struct log_about about = { .relay = "a\nPRIORITY=0\x7f",
				   .proxy = "http://proxy.example:3128",
				   .reason = "proxy_denied",
				   .flow = 18446744073709551615u };
	struct log_line line = { .level = LOG_LEVEL_WARN,
				 .event = LOG_EVENT_RELAY_FAILED,
				 .place = &place,
				 .about = &about,
				 .text = "words and more",
				 .len = 5 };

	CU_ASSERT_STRING_EQUAL(
		format(&line),
		"MESSAGE=words\nPRIORITY=4\nSYSLOG_IDENTIFIER=tunneld\n"
		"CODE_FILE=leg.c\nCODE_LINE=7\nCODE_FUNC=leg_fail\n"
		"MESSAGE_ID=73e28bdc85544e40bab54cb9b2f5f5ea\n"
		"TURNOUT_RELAY=a?PRIORITY=0?\n"
		"TURNOUT_PROXY=http://proxy.example:3128\n"
		"TURNOUT_REASON=proxy_denied\n"
		"TURNOUT_FLOW=18446744073709551615\n");
	line.about = NULL;
	line.event = LOG_EVENT_NONE;
	line.level = LOG_LEVEL_DEBUG;
	CU_ASSERT_STRING_EQUAL(
		format(&line),
		"MESSAGE=words\nPRIORITY=7\nSYSLOG_IDENTIFIER=tunneld\n"
		"CODE_FILE=leg.c\nCODE_LINE=7\nCODE_FUNC=leg_fail\n");
}

/* The longest line there is has room; more than that is not sent by halves. */
static void test_room(void)
{
	char text[LOG_JOURNAL_MAX], name[1024];
	struct log_about about = { name, name, name, 1 };
	struct log_line line = {
		.place = &place, .about = &about, .text = text, .len = 1024
	};

	memset(text, 'x', sizeof(text));
	memset(name, 'y', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_TRUE(log_journal_format(&line, (char[LOG_JOURNAL_MAX]){ 0 }) >
		       1024);
	line.len = sizeof(text);
	CU_ASSERT_EQUAL(log_journal_format(&line, (char[LOG_JOURNAL_MAX]){ 0 }),
			0);
}

static void test_stream(void)
{
	char text[64];
	struct stat st;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL_FATAL(fstat(fds[1], &st), 0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	CU_ASSERT_TRUE(log_journal_is(text, fds[1]));
	strcat(text, " ");
	CU_ASSERT_FALSE(log_journal_is(text, fds[1]));
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	CU_ASSERT_FALSE(log_journal_is(text, fds[1]));
	CU_ASSERT_FALSE(log_journal_is("", fds[1]));
	CU_ASSERT_FALSE(log_journal_is("1", fds[1]));
	CU_ASSERT_FALSE(log_journal_is(NULL, fds[1]));
	CU_ASSERT_FALSE(log_journal_is(text, -1));
	close(fds[0]);
	close(fds[1]);
}

static void test_send(void)
{
	struct log_line line = { .place = &place, .text = "hello", .len = 5 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/test-journal.XXXXXX", got[LOG_JOURNAL_MAX];
	int fd = log_journal_open(), journald;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", dir);
	CU_ASSERT_FALSE(log_journal_send(fd, at.sun_path, &line));
	journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(bind(journald, (struct sockaddr *)&at, sizeof(at)), 0);
	CU_ASSERT_TRUE(log_journal_send(fd, at.sun_path, &line));
	CU_ASSERT_EQUAL(recv(journald, got, sizeof(got), MSG_DONTWAIT),
			(ssize_t)strlen(format(&line)));
	CU_ASSERT_EQUAL(memcmp(got, "MESSAGE=hello\n", 14), 0);
	CU_ASSERT_FALSE(log_journal_send(-1, at.sun_path, &line));
	close(journald);
	close(fd);
	unlink(at.sun_path);
	rmdir(dir);
}

/* Each event is explained, and nothing else is. */
static void test_catalog(void)
{
	static const char *const ids[] = {
#define ID(name, id) id,
		LOG_EVENT_LIST(ID)
#undef ID
	};
	char text[32768], line[48];
	FILE *file = fopen(TOP_SRCDIR "/conf/turnout.catalog", "r");
	size_t len, entries = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	for (const char *at = text; (at = strstr(at, "\n-- ")) != NULL; at++)
		entries++;
	CU_ASSERT_EQUAL(entries, ARRAY_SIZE(ids));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		snprintf(line, sizeof(line), "\n-- %s\n", ids[i]);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, line));
		CU_ASSERT_EQUAL(strspn(ids[i], "0123456789abcdef"), 32);
	}
}

static CU_TestInfo tests[] = {
	{ "fields", test_format },       { "room", test_room },
	{ "whose stderr", test_stream }, { "the datagram", test_send },
	{ "the catalog", test_catalog }, CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "log_journal", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
