/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_proxy_health.c - which failures count, for how long, and the order */
#include <config.h>

#include "proxy_health.h"

#include "proxy.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define NOW 1000000

/* Proxies "0" to "3"; NULL is no proxy. */
struct stage {
	struct proxy_health *h;
	struct proxy *p[4];
};

static void begin(struct stage *s)
{
	s->h = proxy_health_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->h);
	for (int i = 0; i < 4; i++) {
		s->p[i] = proxy_new();
		CU_ASSERT_PTR_NOT_NULL_FATAL(s->p[i]);
		snprintf(s->p[i]->host, sizeof(s->p[i]->host), "%d", i);
		s->p[i]->port = 3128;
	}
}

static void end(struct stage *s)
{
	for (int i = 0; i < 4; i++)
		proxy_put(s->p[i]);
	proxy_health_free(s->h);
}

static bool unreached(struct stage *s, int i, uint64_t now_ms)
{
	return proxy_health_note(s->h, s->p[i], PROXY_HEALTH_UNREACHED, now_ms,
				 now_ms);
}

/* "0123" with '-' for no proxy: as it comes out. */
static void order(struct stage *s, const char *in, const char *want,
		  uint64_t now_ms)
{
	struct proxy *list[8];
	char out[9] = "";
	size_t n = strlen(in);

	for (size_t i = 0; i < n; i++)
		list[i] = in[i] == '-' ? NULL : s->p[in[i] - '0'];
	proxy_health_order(s->h, list, n, now_ms);
	for (size_t i = 0; i < n; i++)
		out[i] = list[i] == NULL ? '-' : list[i]->host[0];
	CU_ASSERT_STRING_EQUAL(out, want);
}

static void goes_last(void)
{
	struct stage s;

	begin(&s);
	order(&s, "0123", "0123", NOW);
	CU_ASSERT_TRUE(unreached(&s, 0, NOW));
	order(&s, "0123", "1230", NOW);
	CU_ASSERT_TRUE(unreached(&s, 2, NOW));
	order(&s, "0123", "1302", NOW);
	order(&s, "2103", "1320", NOW);
	order(&s, "02", "02", NOW); /* all: as they are given */
	order(&s, "0", "0", NOW);
	order(&s, "", "", NOW);
	end(&s);
}

static void no_proxy_never_rests(void)
{
	struct stage s;

	begin(&s);
	(void)unreached(&s, 0, NOW);
	order(&s, "0-", "-0", NOW);
	order(&s, "-", "-", NOW);
	end(&s);
}

static void rests_five_minutes(void)
{
	struct stage s;

	begin(&s);
	CU_ASSERT_TRUE(unreached(&s, 0, NOW));
	order(&s, "01", "10", NOW + 299999);
	order(&s, "01", "01", NOW + 300000);
	/* Once more: news again. */
	CU_ASSERT_TRUE(unreached(&s, 0, NOW + 300000));
	CU_ASSERT_FALSE(unreached(&s, 0, NOW + 300001));
	order(&s, "01", "10", NOW + 600000);
	end(&s);
}

static void answer_ends_it(void)
{
	struct stage s;

	begin(&s);
	(void)unreached(&s, 0, NOW);
	CU_ASSERT_FALSE(proxy_health_note(s.h, s.p[0], PROXY_HEALTH_ANSWERED,
					  NOW, NOW + 1));
	order(&s, "01", "01", NOW + 1);
	end(&s);
}

/* A target that does not answer makes its proxy silent, too. */
static void silence(void)
{
	struct stage s;

	begin(&s);
	(void)proxy_health_note(s.h, s.p[0], PROXY_HEALTH_ANSWERED, NOW,
				NOW + 5);
	CU_ASSERT_FALSE(proxy_health_note(s.h, s.p[0], PROXY_HEALTH_SILENT, NOW,
					  NOW + 10));
	order(&s, "01", "01", NOW + 10);
	CU_ASSERT_TRUE(proxy_health_note(s.h, s.p[0], PROXY_HEALTH_SILENT,
					 NOW + 6, NOW + 16));
	order(&s, "01", "10", NOW + 16);
	end(&s);
}

/* Another object for the same proxy, as after a reload; another kind is
 * another proxy. */
static void is_known_by_what_it_is(void)
{
	struct stage s;

	begin(&s);
	(void)unreached(&s, 0, NOW);
	strcpy(s.p[2]->host, "0");
	order(&s, "21", "10", NOW);
	s.p[2]->kind = PROXY_HTTPS;
	order(&s, "21", "01", NOW);
	s.p[2]->kind = PROXY_HTTP;
	s.p[2]->port = 8080;
	order(&s, "21", "01", NOW);
	end(&s);
}

static void another_network(void)
{
	struct stage s;

	begin(&s);
	(void)unreached(&s, 0, NOW);
	proxy_health_forget(s.h);
	order(&s, "01", "01", NOW);
	end(&s);
}

/* More than are remembered: those heard of last are. */
static void many(void)
{
	struct stage s;

	begin(&s);
	for (uint16_t port = 1; port <= 1000; port++) {
		s.p[0]->port = port;
		(void)unreached(&s, 0, NOW + port);
	}
	order(&s, "01", "10", NOW + 1001);
	s.p[0]->port = 1;
	order(&s, "01", "01", NOW + 1001);
	proxy_health_free(NULL);
	end(&s);
}

static CU_TestInfo tests[] = {
	{ "those that failed go last", goes_last },
	{ "no proxy at all never rests", no_proxy_never_rests },
	{ "five minutes", rests_five_minutes },
	{ "an answer ends it", answer_ends_it },
	{ "silence counts when nobody was answered", silence },
	{ "a proxy is what it is, not an object", is_known_by_what_it_is },
	{ "another network", another_network },
	{ "bounded", many },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_health", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
