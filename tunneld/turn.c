/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn.c - a TURN client's allocation, as a machine
 *
 * Turns credentials and a relay's answers into an allocation that stays
 * (RFC 8656, 7, 8 and 3.1; RFC 8489, 6, 9.2 and 10; RFC 8016).
 *
 * Theory of operation: IDLE -> ALLOCATING -> READY -> FAILED, or back to IDLE
 * when released. ALLOCATING is Allocate, or the Refresh with which a later
 * connection takes an allocation over. This file has the states and sorts what
 * comes in; turn_control.c has the requests about the allocation, turn_alive.c
 * the signs of life, turn_data.c the datagrams, turn_ask.c the requests about
 * peers and turn_resume.c what goes from one connection to the next.
 */
#include <config.h>

#include "turn.h"

#include "buf.h"
#include "clock.h"
#include "stun_msg.h"
#include "turn_private.h"
#include "turn_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define RELEASE_WAIT_MS 5000

static int init(struct turn *t, const struct turn_opts *opts)
{
	int r = turn_peers_init(&t->peers);

	if (r < 0)
		return r;
	t->peers.datagram = opts->datagram;
	if (RAND_bytes(t->indication_id, sizeof(t->indication_id)) != 1)
		return -EIO;
	if (opts->resume != NULL)
		return turn_resume_import(t, opts);
	if (opts->username == NULL || opts->password == NULL)
		return -EINVAL;
	return stun_cred_init(&t->cred, opts->username, opts->password);
}

struct turn *turn_new(const struct turn_opts *opts,
		      const struct turn_events *events, void *arg)
{
	struct turn *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL)
		return NULL;
	t->events = *events;
	t->arg = arg;
	t->family = opts->family == ENDPOINT_IPV6 ? ENDPOINT_IPV6
						  : ENDPOINT_IPV4;
	t->ask_lifetime_s = opts->lifetime_s;
	turn_set_keepalive(t, opts->keepalive_s);
	t->datagram = opts->datagram;
	t->ask_mobility = opts->mobility;
	t->allocate_ms = CLOCK_NEVER;
	r = init(t, opts);
	if (r < 0) {
		turn_free(t);
		errno = -r;
		return NULL;
	}
	return t;
}

void turn_free(struct turn *t)
{
	if (t == NULL)
		return;
	turn_peers_fini(&t->peers);
	stun_cred_fini(&t->cred);
	OPENSSL_cleanse(t->ticket, sizeof(t->ticket));
	free(t);
}

void turn_set_state(struct turn *t, enum turn_state state, uint64_t now_ms)
{
	t->state = state;
	if (t->events.on_state != NULL)
		t->events.on_state(t->arg, state, now_ms);
}

void turn_fail_blaming(struct turn *t, enum turn_blame blame, unsigned int code,
		       const char *reason, uint64_t now_ms)
{
	bool allocated = t->state == TURN_STATE_READY || t->resuming;

	if (t->state == TURN_STATE_FAILED || t->state == TURN_STATE_IDLE)
		return;
	t->blame = blame;
	t->error = code;
	if (code == 0)
		snprintf(t->words, sizeof(t->words), "%s", reason);
	else
		snprintf(t->words, sizeof(t->words), "%s (%u%s%s)",
			 turn_words(code, allocated), code,
			 *reason != '\0' ? " " : "", reason);
	turn_set_state(t, TURN_STATE_FAILED, now_ms);
}

void turn_fail(struct turn *t, unsigned int code, const char *reason,
	       uint64_t now_ms)
{
	turn_fail_blaming(t, turn_words_blame(code), code, reason, now_ms);
}

void turn_start(struct turn *t, uint64_t now_ms)
{
	if (t->state != TURN_STATE_IDLE || t->released)
		return;
	t->state = TURN_STATE_ALLOCATING;
	t->last_in_ms = now_ms;
	if (t->resuming)
		turn_resume_start(t, now_ms);
	else
		turn_control_begin(t, TURN_CONTROL_ALLOCATE, now_ms);
}

void turn_release(struct turn *t, uint64_t now_ms)
{
	bool allocated = t->state == TURN_STATE_READY;

	if (t->state == TURN_STATE_FAILED || t->released)
		return;
	for (int i = 0; i < TURN_NUM_CONTROLS; i++)
		stun_txn_end(&t->control[i].txn);
	t->released = true;
	t->state = TURN_STATE_IDLE;
	if (!allocated)
		return;
	turn_control_begin(t, TURN_CONTROL_REFRESH, now_ms);
	t->control[TURN_CONTROL_REFRESH].txn.deadline_ms = now_ms +
							   RELEASE_WAIT_MS;
}

size_t turn_output(struct turn *t, struct buf *out)
{
	size_t before = out->len;

	if (out->failed || t->state == TURN_STATE_FAILED)
		return 0;
	if (turn_control_output(t, out) && t->state == TURN_STATE_READY)
		(void)turn_data_output(t, out);
	return out->len - before;
}

int turn_input(struct turn *t, const uint8_t *frame, size_t len,
	       uint64_t now_ms)
{
	struct stun_msg m;

	if (t->state == TURN_STATE_FAILED ||
	    (t->state == TURN_STATE_IDLE && !t->released))
		return 0;
	if (len < 4 || frame[0] >= 0x80)
		return -EBADMSG;
	if (frame[0] >= 0x40) {
		turn_alive_heard(t, NULL, now_ms);
		return turn_data_channel(t, frame, len, now_ms);
	}
	/* RFC 8489, 6.3: what is malformed is silently dropped. */
	if (stun_msg_parse(&m, frame, len) < 0 ||
	    stun_auth_check_fingerprint(&m) == STUN_AUTH_BAD) {
		turn_alive_heard(t, NULL, now_ms);
		return 0;
	}
	turn_alive_heard(t, &m, now_ms);
	switch (m.class) {
	case STUN_CLASS_REQUEST:
		break;
	case STUN_CLASS_INDICATION:
		if (m.method == STUN_METHOD_DATA)
			turn_data_indication(t, &m, now_ms);
		break;
	default:
		if (!turn_control_answer(t, &m, now_ms))
			turn_ask_answer(t, &m, now_ms);
		break;
	}
	return 0;
}

void turn_tick(struct turn *t, uint64_t now_ms)
{
	turn_control_tick(t, now_ms);
	turn_alive_tick(t, now_ms);
	if (t->state == TURN_STATE_READY)
		turn_ask_tick(t, now_ms);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t turn_deadline_ms(const struct turn *t)
{
	uint64_t at = turn_control_deadline_ms(t);

	at = sooner(at, turn_alive_deadline_ms(t));
	return t->state == TURN_STATE_READY ? sooner(at, t->peers.next_ms) : at;
}

enum turn_state turn_state(const struct turn *t)
{
	return t->state;
}

const struct endpoint *turn_relayed(const struct turn *t)
{
	return &t->relayed;
}

unsigned int turn_error(const struct turn *t, const char **words)
{
	if (words != NULL)
		*words = t->words;
	return t->error;
}

enum turn_blame turn_blame(const struct turn *t)
{
	return t->blame;
}

const struct endpoint *turn_alternate(const struct turn *t)
{
	return t->alternate.family != ENDPOINT_NONE ? &t->alternate : NULL;
}

const char *turn_alternate_domain(const struct turn *t)
{
	return t->alternate_domain[0] != '\0' ? t->alternate_domain : NULL;
}

size_t turn_peer_count(const struct turn *t)
{
	return t->peers.count;
}
