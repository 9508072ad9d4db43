/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_trace_count.c - what of a trace is news, and how it is summed up */
#include <config.h>

#include "../tunneld/cli/trace_count.h"

#include "lib/unit.h"

#include <turnout/page.h>

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

static struct trace_event decided(enum policy_action action, uint16_t port)
{
	struct trace_event event = {
		.kind = TRACE_DECIDED,
		.action = (uint8_t)action,
		.protocol = POLICY_TCP,
		.pid = 7,
		.dest = { .family = ENDPOINT_IPV4, .port_be = htons(port) },
		.program = "/bin/app",
	};

	return event;
}

static void test_news(void)
{
	struct trace_count *c = calloc(1, sizeof(*c));
	struct trace_event event = decided(POLICY_PROXY, 443);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_TRUE(trace_count_add(c, &event));
	CU_ASSERT_FALSE(trace_count_add(c, &event));
	event.pid = 8;
	CU_ASSERT_TRUE(trace_count_add(c, &event));
	event.dest.port_be = htons(80);
	CU_ASSERT_TRUE(trace_count_add(c, &event));
	event.action = POLICY_DIRECT;
	CU_ASSERT_TRUE(trace_count_add(c, &event));
	strcpy(event.program, "/bin/other");
	CU_ASSERT_TRUE(trace_count_add(c, &event));
	strcpy(event.words, "another reason");
	CU_ASSERT_TRUE(trace_count_add(c, &event));
	CU_ASSERT_FALSE(trace_count_add(c, &event));
	free(c);
}

static void test_sums(void)
{
	static const enum policy_action actions[] = {
		POLICY_PROXY,  POLICY_TUNNEL,        POLICY_BLOCK,
		POLICY_DIRECT, POLICY_PREFER_DIRECT, POLICY_NUM_ACTIONS,
	};
	struct trace_count *c = calloc(1, sizeof(*c));
	struct trace_event event;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		event = decided(actions[i], 443);
		trace_count_add(c, &event);
		trace_count_add(c, &event);
	}
	CU_ASSERT_EQUAL(c->intercepted, 4);
	CU_ASSERT_EQUAL(c->blocked, 2);
	CU_ASSERT_EQUAL(c->direct, 6);
	event.kind = TRACE_UNSEEN;
	trace_count_add(c, &event);
	event.kind = TRACE_NAME;
	trace_count_add(c, &event);
	event.kind = TRACE_PROGRAM;
	trace_count_add(c, &event);
	CU_ASSERT_EQUAL(c->unseen, 1);
	CU_ASSERT_EQUAL(c->names, 1);
	CU_ASSERT_EQUAL(c->without, 1);
	free(c);
}

/* A full table hides nothing: what it does not know is told. */
static void test_full(void)
{
	struct trace_count *c = calloc(1, sizeof(*c));
	struct trace_event event = decided(POLICY_PROXY, 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (int pid = 1; pid <= TRACE_COUNT_KEYS; pid++) {
		event.pid = pid;
		CU_ASSERT_TRUE(trace_count_add(c, &event));
	}
	CU_ASSERT_TRUE(trace_count_add(c, &event));
	event.pid = 1;
	CU_ASSERT_FALSE(trace_count_add(c, &event));
	CU_ASSERT_EQUAL(c->intercepted, TRACE_COUNT_KEYS + 2);
	free(c);
}

static CU_TestInfo tests[] = {
	{ "what is news", test_news },
	{ "sums", test_sums },
	{ "a full table", test_full },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "trace_count", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
