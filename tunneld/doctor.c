/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor.c - a thread for each relay, one for UDP and one for this machine ->
 * a report
 */
#include <config.h>

#include "doctor.h"

#include "cancel.h"
#include "clock.h"
#include "doctor_advice.h"
#include "doctor_line.h"
#include "doctor_relay.h"
#include "doctor_report.h"
#include "doctor_way.h"
#include "egress.h"
#include "lookup.h"
#include "nameservers.h"
#include "policy.h"
#include "relay.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#define RELAYS_MAX   4 /* that are looked at in one run */
#define BRANCHES_MAX (RELAYS_MAX + 2)
#define NAMES_MS     4000
#define SLOW_NAME_MS 1000
#define RESOLV_CONF  "/etc/resolv.conf"

typedef void(branch_fn)(struct doctor_branch *b);

struct doctor {
	struct doctor_env env;
	struct doctor_branch branch[BRANCHES_MAX];
	branch_fn *fn[BRANCHES_MAX];
	pthread_t thread[BRANCHES_MAX];
	size_t branches;
	uint64_t deadline_ms;
	/* of the lines, over all branches */
	pthread_mutex_t lock;
	doctor_progress_fn *progress;
	void *arg;
	size_t done;
};

/* Three lines are of no relay. With several proxies it may be more. */
static size_t lines_owed(const struct doctor *d)
{
	size_t lines = 3;

	for (size_t i = 0; i < d->branches; i++)
		if (d->branch[i].relay != NULL)
			lines += DOCTOR_NUM_PROBES - 3;
	return lines;
}

void doctor_tell(struct doctor *d, const struct doctor_line *l)
{
	char doing[DIAL_WORDS_MAX];
	size_t of = lines_owed(d);

	if (d->progress == NULL)
		return;
	snprintf(doing, sizeof(doing), "%s%s%s", doctor_probe_title(l->probe),
		 l->about[0] != '\0' ? ": " : "", l->about);
	pthread_mutex_lock(&d->lock);
	d->progress(d->arg, d->done, of, doing);
	if (d->done < of)
		d->done++;
	pthread_mutex_unlock(&d->lock);
}

/* This machine */

static void look_at_config(struct doctor_branch *b)
{
	const struct egress *egress = policy_egress(b->env->policy);
	const struct doctor_names none = { .relay = NULL };
	struct doctor_line *l = doctor_begin(b, DOCTOR_CONFIG, NULL);

	if (l == NULL)
		return;
	doctor_value(l, "relays", (double)b->env->relays->count);
	doctor_evidence(l, "proxy: %s",
			egress != NULL ? egress_words(egress) : "none");
	if (b->env->relays->count == 0) {
		doctor_fail(b, l, "no relay is configured: media have no way");
		doctor_advise(l, DOCTOR_CAUSE_NO_RELAY, &none);
	} else if (b->env->reload_failed) {
		doctor_state(l, DOCTOR_SLOW,
			     "the last reload failed: an older configuration "
			     "is in force");
		doctor_advise(l, DOCTOR_CAUSE_RELOAD, &none);
	} else {
		doctor_state(l, DOCTOR_OK, "%s",
			     egress != NULL ? "a proxy and a relay are named"
					    : "a relay is named, no proxy");
	}
}

static const char *mode_words(const struct policy *p)
{
	static const char *const words[] = {
		[RULES_LOOKUP_AUTO] = "auto",
		[RULES_LOOKUP_SYNTHETIC] = "synthetic",
		[RULES_LOOKUP_SYSTEM] = "system",
	};

	return words[policy_lookup(p)];
}

static void tell_servers(struct doctor_line *l)
{
	char text[INET6_ADDRSTRLEN];
	struct nameservers servers;

	nameservers_init(&servers, RESOLV_CONF);
	(void)nameservers_refresh(&servers);
	for (size_t i = 0; i < servers.count; i++)
		doctor_evidence(l, "nameserver %s",
				inet_ntop(servers.at[i].family == ENDPOINT_IPV6
						  ? AF_INET6
						  : AF_INET,
					  servers.at[i].ip, text,
					  sizeof(text)) != NULL
					? text
					: "?");
	if (servers.count == 0)
		doctor_evidence(l, "no nameserver in " RESOLV_CONF);
	nameservers_fini(&servers);
}

/* Whether the machine's resolver says anything at all. What needs it fails in
 * its own line. */
static void look_at_names(struct doctor_branch *b)
{
	const struct doctor_names none = { .relay = NULL };
	struct doctor_line *l = doctor_begin(b, DOCTOR_NAMES, NULL);
	struct endpoint addrs[LOOKUP_MAX];
	uint64_t began = clock_now_ms(), took;
	int n;

	if (l == NULL)
		return;
	tell_servers(l);
	if (b->env->relays->count == 0) {
		doctor_state(l, DOCTOR_SKIPPED, "there is no name to look up");
		return;
	}
	n = lookup_host(b->env->relays->relay[0].host, ENDPOINT_NONE,
			doctor_deadline_ms(b, NAMES_MS), &b->cancel, addrs);
	took = clock_now_ms() - began;
	doctor_value(l, "ms", (double)took);
	doctor_figure(l, "%llu ms", (unsigned long long)took);
	if (n == -ETIMEDOUT || n == -EAGAIN) {
		doctor_state(l, DOCTOR_INFO,
			     "the machine's resolver does not answer; [names] "
			     "mode is %s",
			     mode_words(b->env->policy));
		doctor_advise(l, DOCTOR_CAUSE_RESOLVER, &none);
		return;
	}
	doctor_state(l, DOCTOR_OK,
		     "the machine's resolver %s; [names] mode is %s",
		     n > 0 ? "knows the relay"
			   : "answers, and does not know the relay",
		     mode_words(b->env->policy));
}

static void look_at_machine(struct doctor_branch *b)
{
	look_at_config(b);
	look_at_names(b);
}

/* A relay */

static void look_at_relay(struct doctor_branch *b)
{
	struct doctor_way w;

	doctor_way_init(&w, b);
	doctor_way_reach(&w);
	doctor_way_secure(&w);
	doctor_relay(&w);
	doctor_way_fini(&w);
}

/* Of those with one name: the one that works, or the one that is meant. */
static struct relay *way_of(const struct relay_set *set, const char *name)
{
	struct relay *winner = relay_set_winner(set), *found = NULL;

	if (winner != NULL && strcmp(winner->name, name) == 0)
		return winner;
	for (size_t i = 0; i < set->count; i++) {
		struct relay *r = (struct relay *)(uintptr_t)&set->relay[i];

		if (strcmp(r->name, name) != 0)
			continue;
		if (found == NULL || (found->optional && !r->optional))
			found = r;
	}
	return found;
}

static struct doctor_branch *add(struct doctor *d, branch_fn *fn,
				 struct relay *relay)
{
	struct doctor_branch *b = &d->branch[d->branches];

	d->fn[d->branches++] = fn;
	*b = (struct doctor_branch){
		.doctor = d, .env = &d->env, .relay = relay, .end = &b->first
	};
	cancel_init(&b->cancel);
	return b;
}

static bool is_new(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->branches; i++)
		if (d->branch[i].relay != NULL &&
		    strcmp(d->branch[i].relay->name, name) == 0)
			return false;
	return true;
}

static void add_relays(struct doctor *d)
{
	const struct relay_set *set = d->env.relays;
	const char *wanted = d->env.relay;

	for (size_t i = 0; i < set->count && d->branches < 1 + RELAYS_MAX;
	     i++) {
		const char *name = set->relay[i].name;

		if (wanted != NULL && wanted[0] != '\0' &&
		    strcmp(wanted, name) != 0)
			continue;
		if (is_new(d, name))
			add(d, look_at_relay, way_of(set, name));
	}
}

/* Life */

struct doctor *doctor_new(const struct doctor_env *env)
{
	struct doctor *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->env = *env;
	pthread_mutex_init(&d->lock, NULL);
	add(d, look_at_machine, NULL);
	add_relays(d);
	if (d->branches > 1)
		add(d, doctor_udp, NULL);
	return d;
}

static void free_line(struct doctor_line *l)
{
	json_decref(l->values);
	json_decref(l->change);
	json_decref(l->evidence);
	free(l);
}

void doctor_free(struct doctor *d)
{
	struct doctor_line *l;

	if (d == NULL)
		return;
	for (size_t i = 0; i < d->branches; i++) {
		while ((l = d->branch[i].first) != NULL) {
			d->branch[i].first = l->next;
			free_line(l);
		}
		json_decref(d->branch[i].series);
		cancel_fini(&d->branch[i].cancel);
	}
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void doctor_cancel(struct doctor *d)
{
	for (size_t i = 0; i < d->branches; i++)
		cancel_now(&d->branch[i].cancel);
}

static void *work(void *arg)
{
	struct doctor_branch *b = arg;

	b->doctor->fn[b - b->doctor->branch](b);
	return NULL;
}

/* Where no thread can be made it is done here, one after the other. */
static void run_branches(struct doctor *d)
{
	bool started[BRANCHES_MAX];

	for (size_t i = 0; i < d->branches; i++) {
		d->branch[i].deadline_ms = d->deadline_ms;
		started[i] = pthread_create(&d->thread[i], NULL, work,
					    &d->branch[i]) == 0;
	}
	for (size_t i = 0; i < d->branches; i++) {
		if (started[i])
			pthread_join(d->thread[i], NULL);
		else
			work(&d->branch[i]);
	}
}

static void tell_no_such_relay(struct doctor *d)
{
	const struct doctor_names none = { .relay = d->env.relay };
	struct doctor_branch *b = &d->branch[0];
	struct doctor_line *l;

	if (d->branches > 1 || d->env.relays->count == 0 || b->root != NULL)
		return;
	l = doctor_begin(b, DOCTOR_RELAY_NAME, d->env.relay);
	if (l == NULL)
		return;
	doctor_fail(b, l, "no relay of that name is configured");
	doctor_advise(l, DOCTOR_CAUSE_NO_SUCH_RELAY, &none);
}

json_t *doctor_run(struct doctor *d, doctor_progress_fn *progress, void *arg)
{
	uint64_t began = clock_now_ms();

	d->progress = progress;
	d->arg = arg;
	d->deadline_ms = began + DOCTOR_TIMEOUT_MS;
	run_branches(d);
	tell_no_such_relay(d);
	if (cancel_is_set(&d->branch[0].cancel))
		return NULL;
	return doctor_report(d->branch, d->branches, clock_now_ms() - began);
}
