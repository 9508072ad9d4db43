/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_ini_reader.c - lines that are read whole, or refused with their number
 *
 * Each case that inih alone misreads is here.
 */
#include <config.h>

#include "../tunneld/ini_reader.h"

#include "lib/unit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

/* What was called, a line each. */
static char calls[8192];

PRINTF_LIKE(1, 2)
static void record(const char *fmt, ...)
{
	size_t len = strlen(calls);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(calls + len, sizeof(calls) - len, fmt, ap);
	va_end(ap);
}

static void on_section(void *arg, unsigned int line, const char *section)
{
	CU_ASSERT_PTR_EQUAL(arg, calls);
	record("%u [%s]\n", line, section);
}

static void on_entry(void *arg, unsigned int line, const char *section,
		     const char *key, const char *value)
{
	CU_ASSERT_PTR_EQUAL(arg, calls);
	record("%u %s.%s=%s|\n", line, section, key, value);
}

static void on_problem(void *arg, unsigned int line, const char *words)
{
	CU_ASSERT_PTR_EQUAL(arg, calls);
	record("%u ! %.20s\n", line, words);
}

static const struct ini_reader_ops ops = {
	.section = on_section,
	.entry = on_entry,
	.problem = on_problem,
};

static int read_bytes(const char *text, size_t bytes)
{
	calls[0] = '\0';
	return ini_reader_text(text, bytes, &ops, calls);
}

static void reads(const char *text, const char *expected)
{
	CU_ASSERT_EQUAL(read_bytes(text, strlen(text)), 0);
	CU_ASSERT_STRING_EQUAL(calls, expected);
}

/* Problems are told, and reading goes on. */
static void refuses(const char *text, const char *expected)
{
	CU_ASSERT_EQUAL(read_bytes(text, strlen(text)), -EBADMSG);
	if (strcmp(calls, expected) != 0)
		printf("%s", calls);
	CU_ASSERT_STRING_EQUAL(calls, expected);
}

static void test_plain(void)
{
	reads("", "");
	reads("\n\n# a\n ; b\n\t# c\n   \n", "");
	reads("[a]\nk = v\nk2=v2\n[b c]\nk\t=\tv with blanks \n",
	      "1 [a]\n2 a.k=v|\n3 a.k2=v2|\n4 [b c]\n5 b c.k=v with "
	      "blanks|\n");
	reads("k=v", "1 .k=v|\n");
	reads("[a]\nk=\n", "1 [a]\n2 a.k=|\n");
	reads("[a]\nk=a=b:c#d\n", "1 [a]\n2 a.k=a=b:c#d|\n");
	reads("\xef\xbb\xbf[a]\nk=v\n", "1 [a]\n2 a.k=v|\n");
	reads("[empty]\n", "1 [empty]\n");
	reads("[a]\nk=\xc3\xa4\n", "1 [a]\n2 a.k=\xc3\xa4|\n");
}

static void test_semicolon(void)
{
	reads("[a]\nk = \"x ; y\"\n", "1 [a]\n2 a.k=\"x ; y\"|\n");
	reads("[a]\nk = v ; comment\nl = ;\n",
	      "1 [a]\n2 a.k=v ; comment|\n3 a.l=;|\n");
	reads("[a ;b]\nk;l=v\n", "1 [a ;b]\n2 a ;b.k;l=v|\n");
}

static void test_long(void)
{
	char text[1000], value[200];

	/* 197 characters pass whole. */
	memset(value, 'x', sizeof(value));
	value[195] = '\0';
	snprintf(text, sizeof(text), "k=%s\nl=w\n", value);
	CU_ASSERT_EQUAL(read_bytes(text, strlen(text)), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(calls, value));
	CU_ASSERT_PTR_NOT_NULL(strstr(calls, "\n2 .l=w|\n"));

	/* One more is refused, and its tail is no line of its own. */
	snprintf(text, sizeof(text), "k=%sx\nl=w\n", value);
	refuses(text, "1 ! the line has 198 cha\n2 .l=w|\n");
	snprintf(text, sizeof(text), "k=%s%slock=0\nl=w\n", value, value);
	refuses(text, "1 ! the line has 398 cha\n2 .l=w|\n");

	/* Comments may have any length. */
	snprintf(text, sizeof(text), "# %s%s k=0\nl=w\n", value, value);
	reads(text, "2 .l=w|\n");
}

static void test_continuation(void)
{
	refuses("[a]\nk=v\n more\nl=w\n",
		"1 [a]\n2 a.k=v|\n3 ! the line starts with\n"
		"4 a.l=w|\n");
	refuses("[a]\nk=v\n\tk2=v2\n",
		"1 [a]\n2 a.k=v|\n3 ! the line starts with\n");
	/* An entry after a blank line is not one, either. */
	refuses("\n k=v\n", "2 ! the line starts with\n");
}

static void test_bytes(void)
{
	static const char nul[] = "k=v\0x\nl=w\n";

	CU_ASSERT_EQUAL(read_bytes(nul, sizeof(nul) - 1), -EBADMSG);
	CU_ASSERT_STRING_EQUAL(calls, "1 ! byte 0x00: write pla\n"
				      "2 .l=w|\n");
	refuses("k=v\r\nl=w\n", "1 ! a carriage return: w\n"
				"2 .l=w|\n");
	refuses("k=v\rl=w\n", "1 ! a carriage return: w\n");
	refuses("k=\1\n", "1 ! byte 0x01: write pla\n");
	refuses("k=\x7f\n", "1 ! byte 0x7f: write pla\n");
	reads("k=a\tb\n", "1 .k=a\tb|\n");
}

static void test_shape(void)
{
	refuses("key\n[a]\nk=v\n",
		"1 ! neither a section no\n2 [a]\n3 a.k=v|\n");
	refuses("url http://x\n", "1 ! neither a section no\n");
	refuses("k: v\n", "1 ! neither a section no\n");
	refuses("= v\n", "1 ! nothing stands befor\n");
	refuses("a b = v\n", "1 ! a key has no blanks:\n");
	refuses("[a\nk=v\n", "1 ! the closing ] is mis\n2 .k=v|\n");
	refuses("[a] k=v\n", "1 ! text after ]: write \n");
	reads("[a] \t\nk=v\n", "1 [a]\n2 a.k=v|\n");
	refuses("[]\n", "1 ! a section name has 1\n");
	refuses("[12345678901234567890123456789012345678901234567890]\n",
		"1 ! a section name has 1\n");
	reads("[1234567890123456789012345678901234567890123456789]\nk=v\n",
	      "1 [1234567890123456789012345678901234567890123456789]\n"
	      "2 1234567890123456789012345678901234567890123456789.k=v|\n");
}

static void test_files(void)
{
	char dir[] = "/tmp/test_ini_reader.XXXXXX", path[64];
	FILE *f;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x", dir);
	calls[0] = '\0';
	CU_ASSERT_EQUAL(ini_reader_file(path, &ops, calls), -ENOENT);
	CU_ASSERT_EQUAL(ini_reader_file(dir, &ops, calls), -EISDIR);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(ini_reader_file(path, &ops, calls), -EINVAL);
	unlink(path);
	f = fopen(path, "w");
	fputs("[a]\nk=v\n", f);
	fclose(f);
	CU_ASSERT_EQUAL(ini_reader_file(path, &ops, calls), 0);
	CU_ASSERT_STRING_EQUAL(calls, "1 [a]\n2 a.k=v|\n");
	CU_ASSERT_EQUAL(truncate(path, 1024 * 1024 + 1), 0);
	CU_ASSERT_EQUAL(ini_reader_file(path, &ops, calls), -EFBIG);
	unlink(path);
	rmdir(dir);
}

static CU_TestInfo tests[] = {
	{ "sections and entries", test_plain },
	{ "a semicolon does not cut values", test_semicolon },
	{ "over-long lines", test_long },
	{ "continuation lines", test_continuation },
	{ "bytes that text does not have", test_bytes },
	{ "lines of no known shape", test_shape },
	{ "files that are none", test_files },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "ini_reader", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
