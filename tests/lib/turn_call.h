/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_call.h - one call over the rig: begun, checked and ended
 */
#ifndef TURN_CALL_H
#define TURN_CALL_H

#include "../../tunneld/clock.h"
#include "turn_rig.h"
#include "unit.h"

#include <string.h>

#include <arpa/inet.h>

#define MIN_MS 60000u

static struct rig rig;

static inline struct endpoint peer_at(unsigned int i)
{
	struct endpoint e = { .family = ENDPOINT_IPV4,
			      .port_be = htons(9000),
			      .ip = { 192, 0, 2 } };

	e.ip[2] = (uint8_t)(i >> 8);
	e.ip[3] = (uint8_t)i;
	return e;
}

static inline const struct turn_server_stats *stats(void)
{
	return turn_server_stats(rig.s);
}

static inline struct turn_server_knobs *knobs(void)
{
	return turn_server_knobs(rig.s);
}

static inline void begin(const struct turn_opts *opts)
{
	CU_ASSERT_TRUE_FATAL(rig_init(&rig, opts));
}

static inline void start(void)
{
	turn_start(rig.t, rig.now_ms);
	rig_pump(&rig);
}

static inline void begin_ready(void)
{
	begin(NULL);
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
}

/* Whatever a test has done: no request that no client may send. */
static inline void end(void)
{
	CU_ASSERT_EQUAL(stats()->bad_requests, 0);
	CU_ASSERT_EQUAL(stats()->early, 0);
	CU_ASSERT_EQUAL(stats()->reused_early, 0);
	CU_ASSERT_FALSE(rig.broken);
	rig_fini(&rig);
}

static inline void expect_failed(unsigned int code, const char *words)
{
	const char *got;

	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_FAILED);
	CU_ASSERT_EQUAL(rig.failed, 1);
	CU_ASSERT_EQUAL(turn_error(rig.t, &got), code);
	CU_ASSERT_PTR_NOT_NULL(strstr(got, words));
	CU_ASSERT_EQUAL(turn_deadline_ms(rig.t), CLOCK_NEVER);
}

#endif
