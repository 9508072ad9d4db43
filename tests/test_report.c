/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_report.c - a doctor's report as lines, as a ticket and as a page, also
 * where it is somebody's who means harm
 */
#include <config.h>

#include "../tunneld/cli/report.h"

#include "../tunneld/cli/report_html.h"
#include "../tunneld/cli/report_text.h"
#include "../tunneld/cli/term.h"
#include "lib/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *slurp(const char *name, size_t *bytes)
{
	const char *top = getenv("srcdir");
	char path[4096];
	char *text = calloc(1, REPORT_MAX_BYTES);
	FILE *from;

	snprintf(path, sizeof(path), "%s/data/doctor-%s.json",
		 top != NULL ? top : ".", name);
	from = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	*bytes = fread(text, 1, REPORT_MAX_BYTES - 1, from);
	fclose(from);
	return text;
}

static json_t *sample(const char *name)
{
	size_t bytes;
	char *text = slurp(name, &bytes);
	json_t *report = report_parse(text, bytes);

	free(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	return report;
}

enum form {
	LINES,
	TICKET,
	PAGE,
};

/* The caller frees. */
static char *rendered(const json_t *report, enum form form, size_t columns)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);
	const struct report_text lines = { .to = to, .columns = columns };

	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	if (form == LINES)
		report_text_lines(&lines, report);
	else if (form == TICKET)
		report_text_ticket(to, report);
	else
		report_html(to, report);
	fclose(to);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (text = strstr(text, what); text != NULL;
	     text = strstr(text + 1, what))
		n++;
	return n;
}

static void test_verdicts(void)
{
	static const struct {
		const char *name, *words;
		enum report_calls calls;
	} all[] = {
		{ "good", "Calls will be good: ", REPORT_CALLS_GOOD },
		{ "poor", "Calls will be poor: ", REPORT_CALLS_POOR },
		{ "refused",
		  "Calls are impossible: ", REPORT_CALLS_IMPOSSIBLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		json_t *report = sample(all[i].name);
		char *text = rendered(report, LINES, 100);

		CU_ASSERT_EQUAL(report_calls(report), all[i].calls);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, all[i].words));
		free(text);
		json_decref(report);
	}
}

static void test_failure(void)
{
	json_t *report = sample("refused");
	char *text = rendered(report, LINES, 100);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nfailed  CONNECT to the relay"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "        who must act: the proxy's admin\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "change:       squid.conf: acl SSL_ports port "
			     "5349\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "\nskipped TLS to the relay, TURN answers, "
			     "allocation"));
	CU_ASSERT_EQUAL(count(text, "who must act"), 1);
	CU_ASSERT_PTR_NULL(strchr(text, '\033'));
	free(text);
	json_decref(report);
}

/* What can be copied stays in one piece; all else keeps to the width. */
static void test_width(void)
{
	json_t *report = sample("good");
	char *text = rendered(report, LINES, 60), *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		CU_ASSERT_TRUE(term_columns(line) <= 60);
	free(text);
	json_decref(report);
}

static void test_ticket(void)
{
	json_t *report = sample("refused");
	char *text = rendered(report, TICKET, 0);

	CU_ASSERT_EQUAL(strncmp(text, "Calls are impossible: ", 22), 0);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "\n    squid.conf: acl SSL_ports port 5349\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n    HTTP/1.1 403 Forbidden\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
				      "\nThe way: app (ok), tunneld (ok), "
				      "proxy.example.com:3128 (failed), "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "2026-11-28T06:00:00Z by turnout"));
	free(text);
	json_decref(report);
}

static void test_page(void)
{
	json_t *report = sample("poor");
	char *text = rendered(report, PAGE, 0);

	CU_ASSERT_EQUAL(count(text, "<svg class=\"way "), 2);
	CU_ASSERT_EQUAL(count(text, "<figure class=\"plot\">"), 3);
	CU_ASSERT_EQUAL(count(text, "role=\"img\""), 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "3 of 40 lost"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "<strong>IT</strong>"));
	CU_ASSERT_EQUAL(count(text, "<section"), count(text, "</section>"));
	CU_ASSERT_EQUAL(count(text, "<ul"), count(text, "</ul>"));
	CU_ASSERT_EQUAL(count(text, "<g "), count(text, "</g>"));
	/* nothing is asked for, whoever looks at it */
	CU_ASSERT_PTR_NULL(strstr(text, "http:"));
	CU_ASSERT_PTR_NULL(strstr(text, "https:"));
	CU_ASSERT_PTR_NULL(strstr(text, "url("));
	CU_ASSERT_PTR_NULL(strstr(text, "<script"));
	free(text);
	json_decref(report);
}

static void test_hostile(void)
{
	json_t *report = sample("hostile");

	for (enum form form = LINES; form <= PAGE; form++) {
		char *text = rendered(report, form, 80);

		for (const char *c = text; *c != '\0'; c++)
			CU_ASSERT_TRUE((unsigned char)*c >= 0x20 || *c == '\n');
		CU_ASSERT_PTR_NULL(strstr(text, "\xe2\x80\xae"));
		if (form == PAGE) {
			CU_ASSERT_PTR_NULL(strstr(text, "<script"));
			CU_ASSERT_PTR_NULL(strstr(text, "<img"));
			CU_ASSERT_PTR_NULL(strstr(text, "inf "));
			CU_ASSERT_PTR_NOT_NULL(strstr(text, "&lt;script&gt;"));
			CU_ASSERT_PTR_NOT_NULL(strstr(text, "&amp;amp;"));
		}
		free(text);
	}
	json_decref(report);
}

static void test_no_report(void)
{
	static const char *const no[] = {
		"",
		"[]",
		"{}",
		"{\"schema\":\"turnout-doctor/1\"}",
		"{\"schema\":\"turnout-doctor/1\",\"lines\":[]}",
		"{\"schema\":\"turnout-doctor/1\",\"lines\":[],\"verdict\":"
		"{\"calls\":\"nice\"}}",
		"{\"schema\":\"turnout-doctor/2\",\"lines\":[],\"verdict\":"
		"{\"calls\":\"good\"}}",
	};
	size_t bytes;
	char *text = slurp("good", &bytes);

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		CU_ASSERT_PTR_NULL(report_parse(no[i], strlen(no[i])));
	/* cut off anywhere (the file ends with a newline) */
	for (size_t n = 0; n + 1 < bytes; n += 97)
		CU_ASSERT_PTR_NULL(report_parse(text, n));
	free(text);
}

static void test_unstarted(void)
{
	json_t *report = report_unstarted(), *again;
	char *dump = json_dumps(report, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(dump);
	again = report_parse(dump, strlen(dump));
	CU_ASSERT_PTR_NOT_NULL(again);
	CU_ASSERT_EQUAL(report_calls(again), REPORT_CALLS_IMPOSSIBLE);
	CU_ASSERT_EQUAL(report_count(again, "lines", 9), 1);
	json_decref(again);
	json_decref(report);
	free(dump);
}

static void test_clean(void)
{
	static const struct {
		const char *in, *out;
	} all[] = {
		{ "r\xc3\xa9seau", "r\xc3\xa9seau" },
		{ "\033[31m\x7f", "?[31m?" },
		{ "\xc2\x9b"
		  "1m",
		  "?1m" }, /* CSI as C1 */
		{ "a\xe2\x80\xae"
		  "b",
		  "a?b" },                              /* override */
		{ "\xc0\x80\xff\xed\xa0\x80", "????" }, /* no UTF-8 */
		{ "\xf0\x9f\x9a\x82", "\xf0\x9f\x9a\x82" },
		{ "\xe2\x82", "??" }, /* cut off */
	};
	char out[16];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		CU_ASSERT_STRING_EQUAL(term_clean(out, sizeof(out), all[i].in),
				       all[i].out);
	/* never half a character */
	CU_ASSERT_STRING_EQUAL(term_clean(out, 3, "a\xc3\xa9"), "a");
	CU_ASSERT_STRING_EQUAL(term_clean(out, 1, "a"), "");
	CU_ASSERT_EQUAL(term_columns("r\xc3\xa9seau"), 6);
}

static CU_TestInfo tests[] = {
	{ "what it means for calls", test_verdicts },
	{ "a failure: who, and what to change", test_failure },
	{ "no line is wider than the screen", test_width },
	{ "a ticket", test_ticket },
	{ "a page that needs nothing else", test_page },
	{ "a report of somebody who means harm", test_hostile },
	{ "what is no report", test_no_report },
	{ "no tunneld could be started", test_unstarted },
	{ "texts are fit for a terminal", test_clean },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "report", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
