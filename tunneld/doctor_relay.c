/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_relay.c - a relay's answers to the TURN client of calls -> a line each
 */
#include <config.h>

#include "doctor_relay.h"

#include "clock.h"
#include "clock_skew.h"
#include "creds.h"
#include "dial.h"
#include "doctor_echo.h"
#include "doctor_way.h"
#include "hop.h"
#include "tls.h"
#include "turn_probe.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ALLOCATE_MS 4000
#define FETCH_MS    4000
#define SLOW_MS     1000
/* REST credentials are good for hours; a clock that wrong spoils them. */
#define CLOCK_BAD_S 300

/* Credentials */

static bool obtain(struct doctor_way *w, struct creds_pair *pair,
		   char words[CREDS_WORDS_MAX])
{
	struct dial_pool *pool = w->branch->env->pool;
	struct creds *creds = w->branch->relay->creds;
	int rc = creds_make(creds, dial_time(pool), pair);

	strcpy(words, "there are none");
	if (rc == -EAGAIN)
		rc = creds_fetch(creds, pool,
				 doctor_deadline_ms(w->branch, FETCH_MS),
				 &w->branch->cancel, words);
	if (rc == 0 && pair->username[0] == '\0')
		rc = creds_make(creds, dial_time(pool), pair);
	return rc == 0;
}

/* The connection: what the way has, or a datagram socket of its own. */
static bool open_datagram(struct doctor_way *w, struct doctor_line *l)
{
	struct relay *r = w->branch->relay;
	struct hop hop = {
		.host = r->host,
		.port = r->port,
		.socket = -1,
		.deadline_ms = doctor_deadline_ms(w->branch, DOCTOR_HOP_MS),
		.cancel = &w->branch->cancel,
	};
	const struct tls_opts opts = {
		.name = r->tls_name[0] != '\0' ? r->tls_name : r->host,
		.server = r->host,
		.port = r->port,
		.datagram = true,
	};
	uint64_t deadline, now;

	w->fd = hop_datagram(&hop);
	if (w->fd < 0) {
		doctor_fail(w->branch, l, "%s", strerror(-w->fd));
		doctor_advise(l, DOCTOR_CAUSE_RELAY_SILENT, &w->names);
		return false;
	}
	if (!relay_is_secure(r))
		return true;
	w->tls = tls_open(r->tls, w->fd, &opts);
	deadline = doctor_deadline_ms(w->branch, DOCTOR_HOP_MS);
	now = clock_now_ms();
	if (w->tls != NULL && deadline > now &&
	    tls_handshake_wait(w->tls, (uint32_t)(deadline - now)) == 0)
		return true;
	doctor_fail(w->branch, l, "%s",
		    w->tls != NULL ? tls_error(w->tls) : strerror(errno));
	doctor_advise(l, DOCTOR_CAUSE_RELAY_TLS, &w->names);
	return false;
}

static struct turn_probe *start(struct doctor_way *w, struct doctor_line *l)
{
	char words[CREDS_WORDS_MAX];
	struct creds_pair pair = { .username = "" };
	struct turn_probe *p = NULL;

	if (!obtain(w, &pair, words)) {
		doctor_fail(w->branch, l, "credentials: %s", words);
		doctor_advise(l, DOCTOR_CAUSE_CREDENTIALS, &w->names);
	} else if (w->fd >= 0 || open_datagram(w, l)) {
		const struct turn_probe_opts opts = {
			.fd = w->fd,
			.tls = w->tls,
			.datagram = relay_is_datagram(w->branch->relay),
			.pair = &pair,
			.mobility = !w->branch->relay->no_mobility,
			.cancel = &w->branch->cancel,
		};

		w->fd = -1;
		w->tls = NULL;
		p = turn_probe_new(&opts);
		if (p == NULL) {
			doctor_fail(w->branch, l, "%s", strerror(errno));
			doctor_advise(l, DOCTOR_CAUSE_LOCAL, &w->names);
		}
	}
	creds_pair_wipe(&pair);
	return p;
}

/* Lines */

static void tell_turn(struct doctor_way *w, struct doctor_line *l,
		      const struct turn_probe_facts *f)
{
	if (f->silent) {
		doctor_fail(w->branch, l, "%s", f->words);
		doctor_advise(l,
			      strstr(f->words, "HTTP") != NULL ||
					      strstr(f->words, "not TURN") !=
						      NULL
				      ? DOCTOR_CAUSE_NOT_TURN
				      : DOCTOR_CAUSE_TURN_SILENT,
			      &w->names);
		return;
	}
	doctor_figure(l, "%.1f ms", f->answer_us / 1000.0);
	doctor_value(l, "answer_ms", f->answer_us / 1000.0);
	doctor_state(l, f->answer_us / 1000 > SLOW_MS ? DOCTOR_SLOW : DOCTOR_OK,
		     "%s%s%s%s%s", f->challenged ? "401 for the realm \"" : "",
		     f->challenged ? f->realm : "it asks for no login",
		     f->challenged ? "\"" : "",
		     f->software[0] != '\0' ? ", " : "", f->software);
	if (l->state == DOCTOR_SLOW)
		doctor_advise(l, DOCTOR_CAUSE_DELAY, &w->names);
}

static void tell_clock(struct doctor_way *w)
{
	int64_t skew = clock_skew_s(dial_skew(w->branch->env->pool));
	int64_t off = skew < 0 ? -skew : skew;
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_CLOCK,
					     NULL);

	if (l == NULL)
		return;
	doctor_value(l, "skew_s", (double)skew);
	if (skew == 0) {
		doctor_state(l, DOCTOR_OK, "no server has told another time");
		return;
	}
	doctor_figure(l, "%lld s", (long long)off);
	doctor_state(l, off > CLOCK_BAD_S ? DOCTOR_SLOW : DOCTOR_INFO,
		     "this machine's clock is %s; tunneld allows for it",
		     skew > 0 ? "slow" : "fast");
	if (off > CLOCK_BAD_S)
		doctor_advise(l, DOCTOR_CAUSE_CLOCK, &w->names);
}

static enum doctor_cause login_cause(const struct doctor_way *w)
{
	switch (creds_kind(w->branch->relay->creds)) {
	case CREDS_STATIC:
		return DOCTOR_CAUSE_RELAY_PASSWORD;
	case CREDS_REST:
		return clock_skew_s(dial_skew(w->branch->env->pool)) != 0
			       ? DOCTOR_CAUSE_RELAY_CLOCK
			       : DOCTOR_CAUSE_RELAY_SECRET;
	default:
		return DOCTOR_CAUSE_CREDENTIALS;
	}
}

static enum doctor_cause allocate_cause(const struct doctor_way *w,
					unsigned int code)
{
	switch (code) {
	case 401:
	case 441:
		return login_cause(w);
	case 403:
		return DOCTOR_CAUSE_FORBIDDEN;
	case 437:
		return DOCTOR_CAUSE_STALE;
	case 440:
		return DOCTOR_CAUSE_FAMILY;
	case 442:
		return DOCTOR_CAUSE_NO_UDP_RELAY;
	case 486:
		return DOCTOR_CAUSE_QUOTA;
	case 508:
		return DOCTOR_CAUSE_CAPACITY;
	default:
		return DOCTOR_CAUSE_ALLOCATE;
	}
}

/* 486 is the line of its own: what failed is not the allocation as such. */
static bool is_quota(const struct turn_probe_facts *f)
{
	return !f->ready && (f->code == 486 || f->code == 508);
}

/* What the address is good for. */
static void tell_address(struct doctor_way *w, struct doctor_line *l,
			 const struct turn_probe_facts *f)
{
	if (f->relayed.family == ENDPOINT_IPV4) {
		doctor_state(l, DOCTOR_OK, "the relay gave us an address");
		return;
	}
	doctor_state(l, DOCTOR_SLOW,
		     "the relay has IPv6 addresses alone: peers that have only "
		     "IPv4 are not reached");
	doctor_advise(l, DOCTOR_CAUSE_FAMILY, &w->names);
}

static void tell_allocation(struct doctor_way *w,
			    const struct turn_probe_facts *f)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_ALLOCATE,
					     NULL);

	if (l == NULL)
		return;
	if (f->code != 0)
		doctor_value(l, "code", f->code);
	if (f->ready) {
		tell_address(w, l, f);
	} else if (is_quota(f)) {
		doctor_state(l, DOCTOR_INFO, "the relay takes the login");
	} else if (f->code == 300) {
		doctor_state(l, DOCTOR_SLOW,
			     "the relay sends us to another one, which was not "
			     "looked at");
	} else {
		doctor_fail(w->branch, l, "%s", f->words);
		doctor_advise(l, allocate_cause(w, f->code), &w->names);
	}
}

static void tell_quota(struct doctor_way *w, const struct turn_probe_facts *f)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_QUOTA,
					     NULL);

	if (l == NULL)
		return;
	if (is_quota(f)) {
		doctor_fail(w->branch, l, "%s", f->words);
		doctor_advise(l, allocate_cause(w, f->code), &w->names);
		return;
	}
	doctor_state(l, DOCTOR_OK,
		     "one more allocation was there to be had, beside %u that "
		     "are kept ready",
		     w->branch->relay->warm);
}

static void tell_mobility(struct doctor_way *w,
			  const struct turn_probe_facts *f)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_MOBILITY,
					     NULL);
	struct relay *r = w->branch->relay;

	if (l == NULL)
		return;
	if (r->no_mobility)
		doctor_state(l, DOCTOR_INFO,
			     "it is switched off: calls that lose their "
			     "connection get a new address");
	else if (relay_mobility(r) == RELAY_MOBILITY_YES)
		doctor_state(l, DOCTOR_OK,
			     "calls keep their address over a lost "
			     "connection");
	else if (f->mobile)
		doctor_state(l, DOCTOR_INFO,
			     relay_mobility(r) == RELAY_MOBILITY_NO
				     ? "the relay gives tickets, and data do "
				       "not follow them"
				     : "the relay gives tickets; it was not "
				       "tried yet whether data follow");
	else
		doctor_state(l, DOCTOR_INFO,
			     "the relay has none (coturn: mobility): calls "
			     "that lose their connection get a new address");
}

static void tell_idle(struct doctor_way *w)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_IDLE,
					     NULL);
	const struct relay *r = w->branch->relay;
	uint32_t learned = relay_learned_keepalive_s(r);

	if (l == NULL)
		return;
	doctor_figure(l, "%u s", relay_keepalive_s(r));
	doctor_value(l, "keepalive_s", relay_keepalive_s(r));
	if (learned != 0)
		doctor_state(l, DOCTOR_OK,
			     "silent connections are cut here: tunneld speaks "
			     "that often");
	else
		doctor_state(l, DOCTOR_OK,
			     "no silent connection was cut so far; tunneld "
			     "speaks that often");
}

static void look(struct doctor_way *w, struct turn_probe *p,
		 struct doctor_line *l)
{
	struct turn_probe_facts facts;
	bool ready = turn_probe_allocate(
		p, doctor_deadline_ms(w->branch, ALLOCATE_MS), &facts);

	tell_turn(w, l, &facts);
	tell_clock(w);
	tell_allocation(w, &facts);
	tell_quota(w, &facts);
	doctor_echo(w, ready ? p : NULL, &facts);
	tell_mobility(w, &facts);
	tell_idle(w);
}

/* What is owed when TURN was not even asked. */
static void skip_all(struct doctor_way *w)
{
	static const enum doctor_probe probes[] = { DOCTOR_RELAY_ALLOCATE,
						    DOCTOR_RELAY_ECHO };

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		struct doctor_line *l = doctor_begin(w->branch, probes[i],
						     NULL);

		if (l != NULL)
			doctor_state(l, DOCTOR_SKIPPED, "TURN was not reached");
	}
}

void doctor_relay(struct doctor_way *w)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_TURN,
					     w->target);
	struct turn_probe *p = l != NULL ? start(w, l) : NULL;

	if (p == NULL) {
		skip_all(w);
		return;
	}
	look(w, p, l);
	turn_probe_free(p);
}
