/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_creds_keeper.c - credentials are renewed before anybody needs them */
#include <config.h>

#include "../tunneld/creds_keeper.h"

#include "../tunneld/creds.h"
#include "fake/http_server.h"
#include "lib/dial_lab.h"
#include "lib/unit.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct rig {
	struct lab lab;
	struct creds_keeper *keeper;
	struct http_server *server;
	struct loop_timer give_up;
	int failing; /* answers to come that are 500 */
	unsigned int ttl_s;
	unsigned int renewed, wanted;
};

static const char *answer(void *arg, const char *request)
{
	static __thread char text[300];
	struct rig *r = arg;

	(void)request;
	if (r->failing-- > 0)
		return "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\n\r\n{\"username\":\"u%u\",\"password\":"
		 "\"p\",\"ttl\":%u,\"uris\":[\"turn:a\"]}",
		 http_server_requests(r->server), r->ttl_s);
	return text;
}

static void on_renewed(void *arg, struct creds *creds, uint64_t now_ms)
{
	struct rig *r = arg;
	struct creds_pair pair;

	(void)now_ms;
	CU_ASSERT_EQUAL(creds_make(creds, 0, &pair), 0);
	if (++r->renewed == r->wanted)
		loop_stop(r->lab.loop);
}

static void on_give_up(void *arg, uint64_t now_ms)
{
	struct rig *r = arg;

	(void)now_ms;
	CU_FAIL("not in time");
	loop_stop(r->lab.loop);
}

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	lab_open(&r->lab);
	r->server = http_server_new(answer, r);
	r->keeper = creds_keeper_new(r->lab.loop, r->lab.pool, on_renewed, r);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r->keeper);
	loop_timer_set(r->lab.loop, &r->give_up, clock_now_ms() + 60000,
		       on_give_up, r);
}

static void rig_close(struct rig *r)
{
	loop_timer_stop(r->lab.loop, &r->give_up);
	creds_keeper_free(r->keeper);
	http_server_free(r->server);
	lab_close(&r->lab);
}

static struct creds *make(struct rig *r)
{
	char url[64];
	const struct creds_opts opts = { .kind = CREDS_URI,
					 .name = "test",
					 .uri = url };
	const char *words;
	struct creds *c;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/",
		 http_server_port(r->server));
	c = creds_new(&opts, &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* At once, then again and again as their time goes by. */
static void test_renew(void)
{
	struct creds *list[3];
	struct rig r;

	rig_open(&r);
	r.ttl_s = 1;
	r.wanted = 3;
	list[0] = list[1] = make(&r);
	list[2] = creds_new(
		&(struct creds_opts){ .kind = CREDS_STATIC, .username = "u" },
		&(const char *){ NULL });
	creds_keeper_set(r.keeper, list, 3);
	CU_ASSERT_EQUAL(loop_run(r.lab.loop), 0);
	CU_ASSERT_EQUAL(http_server_requests(r.server), 3);
	creds_put(list[0]);
	creds_put(list[2]);
	rig_close(&r);
}

static void test_failing(void)
{
	struct creds *c;
	struct rig r;

	rig_open(&r);
	r.ttl_s = 3600;
	r.failing = 1;
	r.wanted = 1;
	c = make(&r);
	creds_keeper_set(r.keeper, &c, 1);
	CU_ASSERT_EQUAL(loop_run(r.lab.loop), 0);
	CU_ASSERT_EQUAL(http_server_requests(r.server), 2);
	/* they are good for an hour: nothing more to do */
	CU_ASSERT_FALSE(creds_due(c));
	creds_put(c);
	rig_close(&r);
}

/* Freed, and its list replaced, while fetches run. */
static void test_leave(void)
{
	struct creds *c;
	struct rig r;

	rig_open(&r);
	r.ttl_s = 3600;
	c = make(&r);
	creds_keeper_set(r.keeper, &c, 1);
	creds_keeper_set(r.keeper, NULL, 0);
	creds_keeper_set(r.keeper, &c, 1);
	creds_put(c);
	while (http_server_requests(r.server) == 0)
		poll(NULL, 0, 5);
	rig_close(&r);
	CU_ASSERT_EQUAL(r.renewed, 0);
}

static CU_TestInfo tests[] = {
	{ "renewed as their time goes by", test_renew },
	{ "a failure is tried again", test_failing },
	{ "the end of it, in the middle", test_leave },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "creds_keeper", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return unit_run(suites);
}
