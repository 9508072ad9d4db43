/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mobility.c - one allocation moved from a connection to another, and watched
 *
 * Theory of operation:
 *
 *   BEFORE  the allocation sends to its own relayed address: does the relay
 *           let that through? Many forbid it, then the last step is left out
 *   MOVING  a second connection asks for the allocation with its ticket
 *           (RFC 8016, 3.2) while the first is still there, as in make before
 *           break; a relay that only seems to move never answers. Until it
 *           has been asked, whoever needs the allocation gets it back
 *   AFTER   the first connection is closed; what is sent to the relayed
 *           address must now come back over the second
 *
 * The allocation that has moved is as good as any: whoever asked gets it.
 */
#include <config.h>

#include "mobility.h"

#include "leg.h"
#include "leg_ticket.h"
#include "log.h"
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define TOKEN_BYTES 16
#define AGAIN_MS    200
/* How long a datagram to oneself is waited for, … */
#define ECHO_MS 500
/* … and the second connection, from the dial to the answer. */
#define MOVE_MS 8000

enum mobility_step {
	MOBILITY_BEFORE = 0,
	MOBILITY_MOVING,
	MOBILITY_AFTER,
	MOBILITY_DONE,
};

struct mobility {
	struct leg_env *env;
	mobility_fn *done;
	void *arg;
	enum mobility_step step;
	bool echoes; /* the relay lets an allocation send to itself */
	enum relay_mobility verdict;
	bool answers; /* the second connection stands: the relay's turn */
	struct leg *first, *second;
	struct loop_timer again;
	uint64_t deadline_ms; /* of the step */
	struct loop_defer next;
	uint8_t token[TOKEN_BYTES];
};

static void on_again(void *arg, uint64_t now_ms);

static void run_done(void *arg, uint64_t now_ms)
{
	struct mobility *m = arg;
	struct leg *leg = NULL;

	loop_timer_stop(m->env->loop, &m->again);
	if (m->verdict == RELAY_MOBILITY_YES) {
		leg = m->second;
		leg_set_trial(leg, false);
		m->second = NULL;
		/* What has moved must not be given back where it was. */
		leg_free(m->first);
		m->first = NULL;
	}
	/* What did not move may still hear its first connection; what moved
	 * and then fell silent, its second. */
	leg_release(m->first);
	m->first = NULL;
	if (m->second != NULL && leg_state(m->second) == LEG_STATE_READY)
		leg_release(m->second);
	else
		leg_free(m->second);
	m->second = NULL;
	m->done(m->arg, m->verdict, leg, now_ms);
}

/* Everything that ends a step does so at the end of the turn: legs may not be
 * freed inside their own events. */
static void enter(struct mobility *m, enum mobility_step step, loop_fn *fn)
{
	m->step = step;
	loop_defer(m->env->loop, &m->next, fn, m);
}

static void finish(struct mobility *m, enum relay_mobility verdict)
{
	if (m->step == MOBILITY_DONE)
		return;
	m->verdict = verdict;
	loop_defer_cancel(m->env->loop, &m->next);
	enter(m, MOBILITY_DONE, run_done);
}

static void echo(struct mobility *m, struct leg *leg, uint64_t now_ms)
{
	int err = leg_send(leg, leg_relayed(leg), m->token, sizeof(m->token),
			   now_ms);

	if (err < 0)
		log_debug("mobility: %s", strerror(-err));
}

/* The legs' events */

static void on_connected(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct mobility *m = arg;

	(void)leg, (void)now_ms;
	m->answers = true; /* the first one stood already */
}

static void start_after(void *arg, uint64_t now_ms)
{
	struct mobility *m = arg;

	leg_free(m->first);
	m->first = NULL;
	if (RAND_bytes(m->token, sizeof(m->token)) != 1) {
		finish(m, RELAY_MOBILITY_UNKNOWN);
		return;
	}
	m->deadline_ms = now_ms + ECHO_MS;
	on_again(m, now_ms);
}

static void on_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct mobility *m = arg;

	(void)now_ms;
	if (leg != m->second || m->step != MOBILITY_MOVING)
		return;
	if (m->echoes)
		enter(m, MOBILITY_AFTER, start_after);
	else
		finish(m, RELAY_MOBILITY_YES);
}

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct mobility *m = arg;

	(void)now_ms;
	if (leg == m->second)
		m->second = NULL;
	else
		m->first = NULL;
	leg_free(leg);
	/* The first connection may end once the second has taken over. */
	if (m->first == NULL && m->second != NULL && m->step == MOBILITY_MOVING)
		return;
	finish(m, m->answers ? RELAY_MOBILITY_NO : RELAY_MOBILITY_UNKNOWN);
}

static void start_moving(void *arg, uint64_t now_ms);

static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct mobility *m = arg;

	(void)now_ms;
	if (!endpoint_equal(peer, leg_relayed(leg)) || len != TOKEN_BYTES ||
	    CRYPTO_memcmp(data, m->token, TOKEN_BYTES) != 0)
		return;
	if (m->step == MOBILITY_BEFORE && !m->echoes) {
		m->echoes = true;
		enter(m, MOBILITY_BEFORE, start_moving);
	} else if (m->step == MOBILITY_AFTER && leg == m->second) {
		finish(m, RELAY_MOBILITY_YES);
	}
}

static void on_batch(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

static const struct leg_events leg_events = {
	.on_connected = on_connected,
	.on_ready = on_ready,
	.on_ended = on_ended,
	.on_data = on_data,
	.on_batch = on_batch,
};

static void start_moving(void *arg, uint64_t now_ms)
{
	struct mobility *m = arg;
	struct leg_ticket *ticket = leg_ticket_new(m->first, now_ms);
	struct leg_opts opts = {
		.set = leg_relay_set(m->first),
		.relay = leg_relay(m->first),
		.family = leg_relayed(m->first)->family,
		.ticket = ticket,
		.trial = true,
	};

	m->step = MOBILITY_MOVING;
	m->deadline_ms = now_ms + MOVE_MS;
	if (ticket != NULL)
		m->second = leg_new(m->env, &opts, &leg_events, m);
	leg_ticket_free(ticket);
	if (m->second == NULL)
		finish(m, RELAY_MOBILITY_UNKNOWN);
}

static void on_again(void *arg, uint64_t now_ms)
{
	struct mobility *m = arg;

	if (m->step == MOBILITY_DONE)
		return;
	if (now_ms >= m->deadline_ms && m->step == MOBILITY_BEFORE)
		start_moving(m, now_ms);
	else if (now_ms >= m->deadline_ms)
		finish(m,
		       m->answers ? RELAY_MOBILITY_NO : RELAY_MOBILITY_UNKNOWN);
	else if (m->step == MOBILITY_BEFORE && !m->echoes)
		echo(m, m->first, now_ms);
	else if (m->step == MOBILITY_AFTER)
		echo(m, m->second, now_ms);
	loop_timer_set(m->env->loop, &m->again, now_ms + AGAIN_MS, on_again, m);
}

struct mobility *mobility_new(struct leg_env *env, struct leg *leg,
			      mobility_fn *done, void *arg)
{
	struct mobility *m = calloc(1, sizeof(*m));

	if (m == NULL || RAND_bytes(m->token, sizeof(m->token)) != 1) {
		leg_release(leg);
		free(m);
		errno = ENOMEM;
		return NULL;
	}
	m->env = env;
	m->done = done;
	m->arg = arg;
	m->first = leg;
	leg_attach(leg, &leg_events, m, NULL);
	leg_set_trial(leg, true);
	m->deadline_ms = loop_now_ms(env->loop) + ECHO_MS;
	on_again(m, loop_now_ms(env->loop));
	return m;
}

void mobility_free(struct mobility *m)
{
	if (m == NULL)
		return;
	loop_timer_stop(m->env->loop, &m->again);
	loop_defer_cancel(m->env->loop, &m->next);
	/* Wherever it is now, it is not needed any more. */
	leg_release(m->first);
	leg_release(m->second);
	free(m);
}

struct leg *mobility_take_back(struct mobility *m)
{
	struct leg *leg = m->first;

	if (leg == NULL || leg_state(leg) != LEG_STATE_READY ||
	    (m->step != MOBILITY_BEFORE && m->step != MOBILITY_MOVING) ||
	    (m->second != NULL && leg_state(m->second) != LEG_STATE_DIALING))
		return NULL;
	m->first = NULL;
	leg_free(m->second);
	m->second = NULL;
	leg_set_trial(leg, false);
	m->step = MOBILITY_DONE;
	loop_timer_stop(m->env->loop, &m->again);
	loop_defer_cancel(m->env->loop, &m->next);
	return leg;
}
