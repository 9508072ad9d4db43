/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_turn_probe.c - a relay looked at from inside, by a thread that blocks;
 * the fake relay's loop runs meanwhile
 */
#include <config.h>

#include "turn_probe.h"

#include "cancel.h"
#include "lib/leg_lab.h"
#include "lib/unit.h"
#include "stun_msg.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ECHOES     20
#define PATIENT_MS 10000

struct fixture {
	struct lab lab;
	bool datagram;
	int fd;
	struct creds_pair pair;
	struct cancel cancel;
	uint32_t allocate_ms; /* at most */
	uint32_t interval_us;
	/* what came of it */
	struct turn_probe_facts facts;
	struct turn_probe_echo *echo;
	unsigned int told; /* by on_echo */
	uint64_t took_ms;
	atomic_bool over;
};

static struct turn_server_knobs *knobs(struct fixture *f)
{
	return turn_server_knobs(f->lab.relay[0].server);
}

static void on_echo(void *arg, unsigned int seq, uint32_t rtt_us)
{
	struct fixture *f = arg;

	CU_ASSERT_EQUAL(f->echo->rtt_us[seq], rtt_us);
	f->told++;
}

/* In a thread of its own, as in a pool's. */
static void *probe(void *arg)
{
	struct fixture *f = arg;
	const struct turn_probe_opts opts = { .fd = f->fd,
					      .datagram = f->datagram,
					      .pair = &f->pair,
					      .cancel = &f->cancel };
	uint64_t began_ms = clock_now_ms();
	struct turn_probe *p = turn_probe_new(&opts);

	if (p != NULL &&
	    turn_probe_allocate(p, began_ms + f->allocate_ms, &f->facts)) {
		*f->echo = (struct turn_probe_echo){
			.count = ECHOES,
			.interval_us = f->interval_us,
			.bytes = 100,
			.linger_ms = 300,
			.deadline_ms = clock_now_ms() + PATIENT_MS,
			.on_echo = on_echo,
			.arg = f,
		};
		turn_probe_echo(p, f->echo);
	}
	turn_probe_free(p);
	f->took_ms = clock_now_ms() - began_ms;
	atomic_store(&f->over, true);
	return NULL;
}

static bool is_over(void *arg)
{
	struct fixture *f = arg;

	return atomic_load(&f->over);
}

static int reach(struct fixture *f)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int type = f->datagram ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	in.sin_port = htons(f->datagram ? f->lab.relay[0].udp_port
					: f->lab.relay[0].port);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&in, sizeof(in)),
			      0);
	CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void open_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, 1);
	cancel_init(&f->cancel);
	strcpy(f->pair.username, "alice");
	strcpy(f->pair.password, "secret");
	f->echo = calloc(1, sizeof(*f->echo));
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->echo);
	f->allocate_ms = PATIENT_MS;
	f->interval_us = 2000;
	knobs(f)->software = "Fake \x1b[31m1.0";
}

static bool is_empty(void *arg)
{
	struct fixture *f = arg;

	return lab_conns(&f->lab, 0) == 0;
}

static void run(struct fixture *f)
{
	pthread_t thread;

	f->fd = reach(f);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, probe, f), 0);
	CU_ASSERT(lab_run(&f->lab, is_over, f));
	pthread_join(thread, NULL);
}

static void close_fixture(struct fixture *f)
{
	/* Whatever came of it, nothing is left at the relay. */
	if (!f->datagram)
		CU_ASSERT(lab_run(&f->lab, is_empty, f));
	cancel_fini(&f->cancel);
	free(f->echo);
	lab_close(&f->lab);
}

static void expect_good(const struct fixture *f)
{
	CU_ASSERT(f->facts.ready);
	CU_ASSERT(f->facts.challenged);
	CU_ASSERT_FALSE(f->facts.silent);
	CU_ASSERT(f->facts.answer_us > 0);
	CU_ASSERT_STRING_EQUAL(f->facts.realm, "lab.test");
	/* nothing that a terminal would obey */
	CU_ASSERT_STRING_EQUAL(f->facts.software, "Fake ?[31m1.0");
	CU_ASSERT_EQUAL(f->facts.relayed.family, ENDPOINT_IPV4);
	CU_ASSERT_EQUAL(f->echo->sent, ECHOES);
	CU_ASSERT_EQUAL(f->echo->heard, ECHOES);
	CU_ASSERT_EQUAL(f->told, ECHOES);
	CU_ASSERT_FALSE(f->echo->refused);
	CU_ASSERT_FALSE(f->echo->ended);
	for (size_t i = 0; i < ECHOES; i++)
		CU_ASSERT(f->echo->rtt_us[i] < PATIENT_MS * 1000);
}

static void test_stream(void)
{
	struct fixture f;

	open_fixture(&f);
	run(&f);
	expect_good(&f);
	/* They are paced, not sent at once. */
	CU_ASSERT(f.echo->sending_us >= (ECHOES - 1) * f.interval_us);
	close_fixture(&f);
}

static void test_datagrams(void)
{
	struct fixture f;

	open_fixture(&f);
	f.datagram = true;
	run(&f);
	expect_good(&f);
	CU_ASSERT_EQUAL(f.echo->unsent_bytes, 0);
	close_fixture(&f);
}

/* Each code is what the relay's answer was, with words. */
static void test_refusals(void)
{
	static const unsigned int codes[] = { 403, 437, 441, 442, 486, 508 };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct fixture f;

		open_fixture(&f);
		knobs(&f)->force_error = codes[i];
		knobs(&f)->force_count = 100;
		run(&f);
		CU_ASSERT_FALSE(f.facts.ready);
		CU_ASSERT_FALSE(f.facts.silent);
		CU_ASSERT_EQUAL(f.facts.code, codes[i]);
		CU_ASSERT(f.facts.words[0] != '\0');
		CU_ASSERT_EQUAL(f.echo->sent, 0);
		close_fixture(&f);
	}
}

/* A relay that has IPv6 addresses alone. */
static void test_other_family(void)
{
	struct fixture f;

	open_fixture(&f);
	knobs(&f)->force_error = 440;
	knobs(&f)->force_count = 1;
	knobs(&f)->force_method = STUN_METHOD_ALLOCATE;
	run(&f);
	CU_ASSERT(f.facts.ready);
	CU_ASSERT_EQUAL(f.facts.code, 0);
	CU_ASSERT_EQUAL(f.facts.relayed.family, ENDPOINT_IPV6);
	CU_ASSERT_EQUAL(f.echo->heard, ECHOES);
	close_fixture(&f);

	/* … or none at all */
	open_fixture(&f);
	knobs(&f)->force_error = 440;
	knobs(&f)->force_count = 100;
	run(&f);
	CU_ASSERT_FALSE(f.facts.ready);
	CU_ASSERT_EQUAL(f.facts.code, 440);
	close_fixture(&f);
}

static void test_wrong_password(void)
{
	struct fixture f;

	open_fixture(&f);
	strcpy(f.pair.password, "sesame");
	run(&f);
	CU_ASSERT_FALSE(f.facts.ready);
	CU_ASSERT(f.facts.challenged);
	CU_ASSERT_EQUAL(f.facts.code, 401);
	CU_ASSERT_PTR_NULL(strstr(f.facts.words, "sesame"));
	close_fixture(&f);
}

static void test_quota(void)
{
	struct fixture f;

	open_fixture(&f);
	knobs(&f)->quota = 1;
	run(&f);
	/* One is enough for it, and it gives that one back. */
	CU_ASSERT(f.facts.ready);
	CU_ASSERT_EQUAL(turn_server_stats(f.lab.relay[0].server)
				->requests[STUN_METHOD_ALLOCATE],
			2);
	close_fixture(&f);
}

/* A relay that sends nothing to its own address, as coturn with a
 * denied-peer-ip that holds it. */
static void test_own_address_refused(void)
{
	struct fixture f;

	open_fixture(&f);
	knobs(&f)->relayed = (struct endpoint){ .family = ENDPOINT_IPV4,
						.port_be = htons(50000),
						.ip = { 198, 51, 100, 9 } };
	knobs(&f)->refuse = knobs(&f)->relayed;
	run(&f);
	CU_ASSERT(f.facts.ready);
	CU_ASSERT(f.echo->refused);
	CU_ASSERT_EQUAL(f.echo->heard, 0);
	/* It is not waited for what cannot come. */
	CU_ASSERT(f.echo->sent < ECHOES);
	close_fixture(&f);
}

static void test_no_echo(void)
{
	struct fixture f;

	open_fixture(&f);
	knobs(&f)->echo = false;
	run(&f);
	CU_ASSERT(f.facts.ready);
	CU_ASSERT_FALSE(f.echo->refused);
	CU_ASSERT_EQUAL(f.echo->sent, ECHOES);
	CU_ASSERT_EQUAL(f.echo->heard, 0);
	for (size_t i = 0; i < ECHOES; i++)
		CU_ASSERT_EQUAL(f.echo->rtt_us[i], TURN_PROBE_LOST);
	close_fixture(&f);
}

static void test_silent(void)
{
	struct fixture f;

	open_fixture(&f);
	knobs(&f)->silent = true;
	f.allocate_ms = 200;
	run(&f);
	CU_ASSERT_FALSE(f.facts.ready);
	CU_ASSERT(f.facts.silent);
	CU_ASSERT(f.took_ms >= 200);
	CU_ASSERT(f.facts.words[0] != '\0');
	close_fixture(&f);
}

static void cancel_it(void *arg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	cancel_now(&f->cancel);
}

static void test_cancelled(void)
{
	struct fixture f;
	struct loop_timer timer = { .index = 0 };

	open_fixture(&f);
	knobs(&f)->silent = true;
	f.allocate_ms = 60000;
	CU_ASSERT_EQUAL(loop_timer_set(f.lab.loop, &timer, clock_now_ms() + 50,
				       cancel_it, &f),
			0);
	run(&f);
	CU_ASSERT_FALSE(f.facts.ready);
	CU_ASSERT(f.took_ms < 60000);
	close_fixture(&f);
}

static void cut(void *arg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	relay_fixture_cut(&f->lab.relay[0]);
}

/* The connection is cut between two echoes that are far apart. */
static void test_cut(void)
{
	struct fixture f;
	struct loop_timer timer = { .index = 0 };

	open_fixture(&f);
	f.interval_us = 200000;
	CU_ASSERT_EQUAL(loop_timer_set(f.lab.loop, &timer, clock_now_ms() + 500,
				       cut, &f),
			0);
	run(&f);
	CU_ASSERT(f.echo->ended || !f.facts.ready);
	CU_ASSERT(f.echo->heard < ECHOES);
	CU_ASSERT(f.took_ms < (ECHOES - 1) * f.interval_us / 1000);
	close_fixture(&f);
}

static CU_TestInfo tests[] = {
	{ "echoes over a stream", test_stream },
	{ "echoes over datagrams", test_datagrams },
	{ "codes of refusals", test_refusals },
	{ "the other family", test_other_family },
	{ "a wrong password", test_wrong_password },
	{ "no more than one allocation", test_quota },
	{ "its own address is refused", test_own_address_refused },
	{ "echoes that do not come back", test_no_echo },
	{ "a relay that is silent", test_silent },
	{ "broken off", test_cancelled },
	{ "a connection that is cut", test_cut },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "turn_probe", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
