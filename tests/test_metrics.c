/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_metrics.c - the text that Prometheus reads, byte for byte */
#include <config.h>

#include "../tunneld/metrics.h"

#include "../tunneld/stats.h"
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct metrics m;
static char *text;
static size_t bytes;

static void begin(bool openmetrics)
{
	m = (struct metrics){ .openmetrics = openmetrics };
	m.to = open_memstream(&text, &bytes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m.to);
}

static void is(const char *expected)
{
	metrics_end(&m);
	fclose(m.to);
	CU_ASSERT_STRING_EQUAL(text, expected);
	free(text);
}

static void put_counter(void)
{
	metrics_family(&m, "turnout_connects_total", METRICS_COUNTER, "what");
	metrics_count(&m, NULL, 18446744073709551615u);
}

static void test_families(void)
{
	const struct metrics_label two[] = {
		{ "relay", "a" },
		{ "path", "proxy" },
		{ 0 },
	};

	begin(false);
	put_counter();
	metrics_family(&m, "turnout_x_seconds", METRICS_GAUGE, "how long");
	metrics_time_us(&m, two, 61000001);
	is("# HELP turnout_connects_total what\n"
	   "# TYPE turnout_connects_total counter\n"
	   "turnout_connects_total 18446744073709551615\n"
	   "# HELP turnout_x_seconds how long\n"
	   "# TYPE turnout_x_seconds gauge\n"
	   "turnout_x_seconds{relay=\"a\",path=\"proxy\"} 61.000001\n");
}

/* The family of a counter has another name there. */
static void test_openmetrics(void)
{
	begin(true);
	put_counter();
	is("# HELP turnout_connects what\n"
	   "# TYPE turnout_connects counter\n"
	   "turnout_connects_total 18446744073709551615\n"
	   "# EOF\n");
}

static void label_is(const char *value, const char *expected)
{
	const struct metrics_label labels[] = { { "relay", value }, { 0 } };
	char line[160];

	begin(false);
	m.family = "x";
	metrics_count(&m, labels, 1);
	snprintf(line, sizeof(line), "x{relay=\"%s\"} 1\n", expected);
	is(line);
}

/* What somebody wrote into a configuration cannot forge a line, a label, or
 * bytes that are no text. */
static void test_labels(void)
{
	label_is("", "");
	label_is("a\"} 2\ny 3", "a\\\"} 2\\ny 3");
	label_is("\\", "\\\\");
	label_is("\x1b[31m\x7f\t", "?[31m??");
	label_is("\u00e4\u20ac\U0001f600", "\u00e4\u20ac\U0001f600");
	label_is("\xff\xc0\x80\xed\xa0\x80\xe2\x82", "????????");
	label_is("\xf4\x90\x80\x80z", "????z");
}

static const struct {
	uint64_t us;
	const char *le;
} samples[] = {
	{ 0, "0.001" },     { 1000, "0.001" },         { 1001, "0.002" },
	{ 100000, "0.1" },  { 100001, "0.2" },         { 30000000, "30.0" },
	{ 30000001, NULL }, { 18446744073709u, NULL },
};

/* Each sample is in the bucket of the least bound that is not below it, and in
 * all above. */
static void test_histogram(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct stats_histogram h = { 0 };
		char line[80];
		const char *at;

		stats_observe(&h, samples[i].us);
		begin(false);
		metrics_family(&m, "h", METRICS_HISTOGRAM, "w");
		metrics_histogram(&m, NULL, &h);
		fclose(m.to);
		snprintf(line, sizeof(line), "le=\"%s\"} 1\n",
			 samples[i].le != NULL ? samples[i].le : "+Inf");
		at = strstr(text, line);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		CU_ASSERT_PTR_NULL(strstr(at, "} 0\n"));
		*(char *)(uintptr_t)at = '\0';
		CU_ASSERT_PTR_NULL(strstr(text, "} 1\n"));
		free(text);
	}
}

static void test_sum(void)
{
	struct stats_histogram h = { 0 };

	stats_observe(&h, 1500);
	stats_observe(&h, 2500000);
	begin(false);
	metrics_family(&m, "h", METRICS_HISTOGRAM, "w");
	metrics_histogram(&m, NULL, &h);
	fclose(m.to);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "h_sum 2.501500\nh_count 2\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "h_bucket{le=\"+Inf\"} 2\n"));
	free(text);
}

static CU_TestInfo tests[] = {
	{ "families and samples", test_families },
	{ "OpenMetrics", test_openmetrics },
	{ "labels", test_labels },
	{ "buckets", test_histogram },
	{ "sums", test_sum },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "metrics", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
