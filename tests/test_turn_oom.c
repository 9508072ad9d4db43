/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_turn_oom.c - each allocation of the TURN core fails once
 *
 * Linked with --wrap=malloc, calloc, realloc and strdup. A run counts its
 * allocations; then it is repeated with the first failing, the second … until
 * it gets through: never a crash or a leak, and what does not fail works.
 */
#include <config.h>

#include "../tunneld/creds.h"
#include "../tunneld/framer.h"
#include "../tunneld/queue.h"
#include "../tunneld/turn.h"
#include "lib/turn_rig.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool armed;
static unsigned int countdown; /* allocations that still succeed */
static bool struck;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

/* Exactly one allocation fails. */
static bool strike(void)
{
	if (!armed || struck || countdown-- > 0)
		return false;
	struck = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return strike() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return strike() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return strike() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return strike() ? NULL : __real_strdup(s);
}

/* Run `scenario` with its n-th allocation failing, n = 0, 1 … */
static void sweep(void (*scenario)(void))
{
	unsigned int n = 0;

	do {
		countdown = n++;
		struck = false;
		scenario();
		armed = false;
		CU_ASSERT_FATAL(n < 1000);
	} while (struck);
	CU_ASSERT(n > 1);
}

static struct rig rig;

static void output(void)
{
	struct buf b;

	buf_init(&b, rig.out, sizeof(rig.out));
	armed = true;
	(void)turn_output(rig.t, &b);
	armed = false;
	rig_write(&rig, b.data, b.len);
}

static void input(void)
{
	const uint8_t *frame;
	uint8_t *space;
	size_t room;
	int n;

	space = framer_space(&rig.framer, &room);
	framer_commit(&rig.framer, turn_server_output(rig.c, space, room));
	while ((n = framer_next(&rig.framer, &frame)) > 0) {
		armed = true;
		CU_ASSERT_EQUAL(turn_input(rig.t, frame, (size_t)n, rig.now_ms),
				0);
		armed = false;
	}
}

static int wrap(unsigned int peer)
{
	struct endpoint e = { .family = 4,
			      .port_be = 1,
			      .ip = { 192, 0, 2, (uint8_t)peer } };
	struct buf b;
	int r;

	buf_init(&b, rig.out, sizeof(rig.out));
	armed = true;
	r = turn_wrap(rig.t, &e, (const uint8_t *)"x", 1, &b, rig.now_ms);
	armed = false;
	rig_write(&rig, b.data, b.len);
	return r;
}

static void call(void)
{
	const struct turn_opts opts = { .username = "alice",
					.password = "secret",
					.family = 4 };
	const struct turn_events events = { .on_state = rig_on_state,
					    .on_data = rig_on_data };
	unsigned int sent = 0;

	CU_ASSERT_TRUE_FATAL(rig_init(&rig, NULL));
	turn_free(rig.t);
	errno = 0;
	armed = true;
	rig.t = turn_new(&opts, &events, &rig);
	armed = false;
	if (rig.t == NULL) {
		CU_ASSERT_EQUAL(errno, ENOMEM);
		rig_fini(&rig);
		return;
	}
	turn_start(rig.t, rig.now_ms);
	for (int i = 0; i < 4; i++) {
		output();
		input();
	}
	if (turn_state(rig.t) != TURN_STATE_READY) {
		CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_FAILED);
		CU_ASSERT_TRUE(struck);
		rig_fini(&rig);
		return;
	}
	for (unsigned int i = 0; i < 40; i++) {
		int r = wrap(i);

		CU_ASSERT(r == 0 || (r == -ENOMEM && struck));
		sent += r == 0;
		output();
		input();
	}
	CU_ASSERT(sent >= 39);
	CU_ASSERT_EQUAL(rig.relayed, sent);
	CU_ASSERT_FALSE(rig.broken);
	rig_fini(&rig);
}

static void test_call(void)
{
	sweep(call);
}

static void framers(void)
{
	struct framer f;
	int r;

	armed = true;
	r = framer_init(&f);
	armed = false;
	CU_ASSERT_EQUAL(r, struck ? -ENOMEM : 0);
	framer_fini(&f);
}

static void queues(void)
{
	const struct endpoint e = { .family = 4 };
	struct queue_item item;
	struct queue *q;
	int r;

	armed = true;
	q = queue_new();
	if (q == NULL) {
		CU_ASSERT_TRUE(struck);
		return;
	}
	for (int i = 0; i < 3; i++) {
		uint8_t first = i == 0 ? 0 : 128;

		r = queue_push(q, &e, &first, i < 2 ? 1 : 0, 0);
		CU_ASSERT(r == 0 || (r == -ENOMEM && struck));
	}
	armed = false;
	r = 0;
	while (queue_peek(q, 0, &item)) {
		queue_pop(q);
		r++;
	}
	CU_ASSERT_EQUAL(r, struck ? 2 : 3);
	queue_free(q);
}

static void credentials(void)
{
	static const struct creds_opts opts = { .kind = CREDS_REST,
						.secret = "secret" };
	const char *words;
	struct creds *c;

	armed = true;
	c = creds_new(&opts, &words);
	armed = false;
	CU_ASSERT_EQUAL(c == NULL, struck);
	creds_put(c);
}

static void test_small(void)
{
	sweep(framers);
	sweep(queues);
	sweep(credentials);
}

static CU_TestInfo tests[] = {
	{ "a call, each allocation failing once", test_call },
	{ "framer, queue and credentials likewise", test_small },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_oom", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
