/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * race.c - several ways to the relays at once, the first READY wins
 *
 * Theory of operation. The race has a list of entries, in order, and up to
 * RACE_LEGS_MAX legs under way. step() starts what is due, and says that the
 * race is lost when nothing is left. A leg that ends may start again in its
 * own place: where the relay has sent it to, with other credentials, without a
 * ticket. The losers give back what they have got, or would get: relays count
 * allocations that nobody uses in the user's quota. Not so those that resume
 * what the winner has resumed: there is only one allocation, and it has a leg.
 */
#include <config.h>

#include "race.h"

#include "leg.h"
#include "leg_place.h"
#include "leg_ticket.h"
#include "loop.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

/* Between two addresses of one host over UDP, where trying costs a packet. */
#define SIBLING_STAGGER_MS 100

struct entry {
	struct relay *relay;
	unsigned int first; /* which of the host's addresses, over UDP */
	bool resume;
	bool renewed; /* the second time, with other credentials */
	bool plain;   /* the second time, without a ticket */
};

struct slot {
	struct leg *leg; /* NULL: free */
	struct entry entry;
};

struct race {
	struct leg_env *env;
	const struct race_events *events;
	void *arg;
	struct relay_set *set;
	const struct leg_ticket *ticket;
	uint8_t family;
	enum relay_order_mode mode;
	bool refused;
	const char *only;
	bool trial;
	uint32_t cause;
	struct entry entry[RACE_ENTRIES_MAX];
	size_t count, next;
	struct slot slot[RACE_LEGS_MAX];
	struct loop_timer timer;
	uint64_t next_ms; /* when the next entry is due */
};

static void step(void *arg, uint64_t now_ms);

static struct slot *slot_of(struct race *r, const struct leg *leg)
{
	for (int i = 0; i < RACE_LEGS_MAX; i++) {
		if (r->slot[i].leg == leg)
			return &r->slot[i];
	}
	return NULL;
}

static bool is_idle(const struct race *r)
{
	for (int i = 0; i < RACE_LEGS_MAX; i++) {
		if (r->slot[i].leg != NULL)
			return false;
	}
	return true;
}

/* Entries */

static void add_entry(struct race *r, size_t at, const struct entry *e)
{
	if (r->count == RACE_ENTRIES_MAX)
		return;
	memmove(&r->entry[at + 1], &r->entry[at], (r->count - at) * sizeof(*e));
	r->entry[at] = *e;
	r->count++;
}

static bool is_of_server(const struct relay *relay, const struct leg_ticket *t,
			 bool host_too)
{
	return strcmp(relay->name, t->name) == 0 &&
	       (!host_too || strcmp(relay->host, t->host) == 0);
}

/* All ways, or those to the ticket's server. Returns how many. */
static size_t add_entries(struct race *r, const struct leg_ticket *ticket,
			  bool host_too, uint64_t now_ms)
{
	struct relay *order[RACE_ENTRIES_MAX];
	size_t n = r->set != NULL ? relay_order(r->set, now_ms, r->mode, order,
						RACE_ENTRIES_MAX)
				  : 0;
	size_t before = r->count;

	for (size_t i = 0; i < n; i++) {
		struct entry e = { .relay = order[i],
				   .resume = ticket != NULL };

		if (r->only != NULL && strcmp(order[i]->name, r->only) != 0)
			continue;
		if (ticket == NULL || is_of_server(order[i], ticket, host_too))
			add_entry(r, r->count, &e);
	}
	return r->count - before;
}

static void add_resume(struct race *r, uint64_t now_ms)
{
	/* A discovery may have given the server another host name since. */
	if (add_entries(r, r->ticket, true, now_ms) == 0)
		(void)add_entries(r, r->ticket, false, now_ms);
	r->refused = r->count == 0;
}

/* The server does not know the ticket: nobody needs to show it again. */
static void stop_resuming(struct race *r)
{
	r->refused = true;
	while (r->next < r->count && r->entry[r->next].resume)
		r->next++;
	for (int i = 0; i < RACE_LEGS_MAX; i++) {
		struct slot *s = &r->slot[i];

		if (s->leg == NULL || !s->entry.resume ||
		    leg_state(s->leg) != LEG_STATE_DIALING)
			continue;
		leg_free(s->leg);
		s->leg = NULL;
	}
}

/* Legs */

static void on_connected(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct race *r = arg;
	struct entry e = slot_of(r, leg)->entry;

	if (!leg_has_more(leg, &e.first))
		return;
	/* The second address, of the other family perhaps, at once; the others
	 * behind the other ways. */
	add_entry(r, e.first == 1 ? r->next : r->count, &e);
	if (e.first == 1 && r->next_ms > now_ms + SIBLING_STAGGER_MS)
		r->next_ms = now_ms + SIBLING_STAGGER_MS;
	step(r, now_ms);
}

static void drop_losers(struct race *r, const struct leg *winner)
{
	for (int i = 0; i < RACE_LEGS_MAX; i++) {
		struct leg *leg = r->slot[i].leg;

		r->slot[i].leg = NULL;
		if (leg == NULL || leg == winner)
			continue;
		if (r->slot[i].entry.resume &&
		    (winner == NULL || leg_is_resumed(winner)))
			leg_free(leg);
		else
			leg_release(leg);
	}
}

static void on_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct race *r = arg;

	loop_timer_stop(r->env->loop, &r->timer);
	drop_losers(r, leg);
	r->events->on_won(r->arg, leg, now_ms);
}

/* May it start again, otherwise? */
static bool amend(struct race *r, struct entry *e, const struct leg_end *end)
{
	if (end->redirected) {
		stats_add(&r->env->stats->redirects, 1);
		return true;
	}
	if (end->new_creds && !e->renewed) {
		e->renewed = true;
		return true;
	}
	if (end->blame == TURN_BLAME_MOBILITY && !e->plain && !e->resume) {
		e->plain = true;
		return true;
	}
	return false;
}

/* What says something about the whole server (486) or the login, holds for the
 * other ways there, too: they go behind. */
static void put_penalised_behind(struct race *r, uint64_t now_ms)
{
	struct entry late[RACE_ENTRIES_MAX];
	size_t from = r->next, to, n = 0;

	while (from < r->count && r->entry[from].resume)
		from++;
	to = from;
	for (size_t i = from; i < r->count; i++) {
		if (relay_is_penalised(r->entry[i].relay, now_ms))
			late[n++] = r->entry[i];
		else
			r->entry[to++] = r->entry[i];
	}
	memcpy(&r->entry[to], late, n * sizeof(late[0]));
}

static void start(struct race *r, struct slot *s,
		  const struct leg_place *place);

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct race *r = arg;
	struct slot *s = slot_of(r, leg);
	const struct leg_end *end = leg_end(leg);

	s->leg = NULL;
	r->cause = end->cause;
	if (s->entry.resume && (end->blame == TURN_BLAME_ALLOCATION ||
				end->blame == TURN_BLAME_MOBILITY))
		stop_resuming(r);
	else if (amend(r, &s->entry, end))
		start(r, s, leg_next_place(leg));
	leg_free(leg);
	put_penalised_behind(r, now_ms);
	r->next_ms = now_ms;
	step(r, now_ms);
}

/* A leg that is READY has another owner at once. */
static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)peer, (void)data, (void)len, (void)now_ms;
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

static void start(struct race *r, struct slot *s, const struct leg_place *place)
{
	const struct entry *e = &s->entry;
	struct leg_opts opts = {
		.set = r->set,
		.relay = e->relay,
		.family = r->family,
		/* Also before the server was tried out (mobility.h): what is
		 * allocated now is good for as long as the call. */
		.mobility = !e->plain && !e->relay->no_mobility &&
			    relay_mobility(e->relay) != RELAY_MOBILITY_NO,
		.first = e->first,
		.place = place,
		.ticket = e->resume ? r->ticket : NULL,
		.renewed = e->renewed,
		.trial = r->trial,
	};

	s->leg = leg_new(r->env, &opts, &leg_events, r);
}

/* Time */

/* How long the next one waits for this one. */
static uint64_t stagger_of(const struct slot *s)
{
	if (s->leg == NULL)
		return 0;
	return s->entry.relay->optional && !relay_has_worked(s->entry.relay)
		       ? RACE_CHANCE_STAGGER_MS
		       : RACE_STAGGER_MS;
}

static void step(void *arg, uint64_t now_ms)
{
	struct race *r = arg;
	struct slot *s;

	while (r->next < r->count && now_ms >= r->next_ms &&
	       (s = slot_of(r, NULL)) != NULL) {
		s->entry = r->entry[r->next++];
		/* Refused since the list was made, by way of another one. */
		if (!s->entry.resume &&
		    relay_is_refused(s->entry.relay, now_ms))
			continue;
		start(r, s, NULL);
		r->next_ms = now_ms + stagger_of(s);
	}
	if (r->next < r->count && slot_of(r, NULL) != NULL)
		loop_timer_set(r->env->loop, &r->timer, r->next_ms, step, r);
	else
		loop_timer_stop(r->env->loop, &r->timer);
	if (r->next == r->count && is_idle(r))
		r->events->on_lost(r->arg, r->refused, now_ms);
}

struct race *race_new(struct leg_env *env, const struct race_opts *opts,
		      const struct race_events *events, void *arg)
{
	struct race *r = calloc(1, sizeof(*r));
	uint64_t now_ms = loop_now_ms(env->loop);
	struct slot *s;

	if (r == NULL)
		return NULL;
	r->env = env;
	r->events = events;
	r->arg = arg;
	r->set = relay_set_get(opts->set);
	r->ticket = opts->ticket;
	r->family = opts->family;
	r->mode = opts->mode;
	r->only = opts->only;
	r->trial = opts->trial;
	if (r->ticket != NULL)
		add_resume(r, now_ms);
	else
		(void)add_entries(r, NULL, false, now_ms);
	r->next_ms = now_ms;
	if (r->count > 0) {
		s = slot_of(r, NULL);
		s->entry = r->entry[r->next++];
		start(r, s, NULL);
		r->next_ms = now_ms + stagger_of(s);
	}
	/* Also when nothing is left: it is told later. */
	if (loop_timer_set(env->loop, &r->timer, r->next_ms, step, r) < 0) {
		race_free(r);
		return NULL;
	}
	return r;
}

void race_free(struct race *r)
{
	if (r == NULL)
		return;
	loop_timer_stop(r->env->loop, &r->timer);
	drop_losers(r, NULL);
	relay_set_put(r->set);
	free(r);
}

void race_add_fresh(struct race *r, uint64_t now_ms)
{
	(void)add_entries(r, NULL, false, now_ms);
	if (r->next_ms < now_ms)
		r->next_ms = now_ms;
	loop_timer_set(r->env->loop, &r->timer, r->next_ms, step, r);
}

uint32_t race_cause(const struct race *r)
{
	return r->cause;
}

bool race_is_committed(const struct race *r)
{
	for (int i = 0; i < RACE_LEGS_MAX; i++) {
		if (r->slot[i].leg != NULL && r->slot[i].entry.resume &&
		    leg_state(r->slot[i].leg) == LEG_STATE_ALLOCATING)
			return true;
	}
	return false;
}
