/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_network.c - another network: what was found out about it before, and
 * who has to hear of it
 *
 * The way that won is written down now and then, when the network is left, and
 * at the end; so nothing has to tell when it changes.
 */
#include <config.h>

#include "conf.h"
#include "daemon.h"
#include "dial.h"
#include "directories.h"
#include "discover.h"
#include "egress.h"
#include "inside.h"
#include "log.h"
#include "memory.h"
#include "netwatch.h"
#include "network.h"
#include "options.h"
#include "proxy_health.h"
#include "relay.h"
#include "tunnel.h"
#include "worker.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NETWORKS_FILE "networks"
#define REMEMBER_MS   30000

_Static_assert(RELAY_KEY_MAX <= MEMORY_KEY_MAX, "a key fits");

/* Where it is kept */

static struct memory *open_memory(const struct tunneld *d)
{
	char path[PATH_MAX];

	return memory_new(
		daemon_state_path(d, NETWORKS_FILE, path) == 0 ? path : NULL);
}

/* The directory is made when there is something to put into it. */
static int put(const struct tunneld *d, const struct memory_network *network)
{
	int err = memory_put(d->memory, network, time(NULL));
	char path[PATH_MAX];

	if (err != -ENOENT || daemon_state_path(d, NETWORKS_FILE, path) < 0)
		return err;
	directories_make(path);
	return memory_put_again(d->memory);
}

/* The network that we are in */

static uint64_t fingerprint(const struct tunneld *d)
{
	const struct egress *egress = d->snapshot.egress;

	/* Where the kernel does not tell, the proxy alone tells networks
	 * apart. */
	return network_fingerprint_via(
		d->netwatch != NULL ? netwatch_fingerprint(d->netwatch) : 0,
		egress != NULL ? egress_words(egress) : NULL, 0);
}

static void recall(struct tunneld *d)
{
	const struct memory_network *known;
	struct relay_set *set = d->snapshot.relays;
	struct relay *relay;

	known = d->memory != NULL ? memory_find(d->memory, d->network) : NULL;
	if (known == NULL || known->winner[0] == '\0' ||
	    relay_set_winner(set) != NULL)
		return;
	relay = relay_find(set, known->winner);
	if (relay == NULL)
		return;
	if (known->keepalive_s != 0)
		relay_put_keepalive(relay, known->keepalive_s);
	if (relay_set_put_winner(set, known->winner, loop_now_ms(d->loop)))
		log_debug("relay %s: worked last in this network",
			  known->winner);
}

void daemon_remember(struct tunneld *d)
{
	const struct memory_network *known;
	struct memory_network now = { .fingerprint = d->network };
	const struct relay *winner = relay_set_winner(d->snapshot.relays);
	int err;

	if (d->memory == NULL || d->network == 0 ||
	    (winner == NULL && d->media.verdict == UDP_VERDICT_UNKNOWN))
		return;
	known = memory_find(d->memory, d->network);
	if (known != NULL)
		now = *known;
	if (winner != NULL) {
		relay_key(winner, now.winner);
		now.keepalive_s = (uint8_t)relay_learned_keepalive_s(winner);
	}
	if (daemon_media_is_direct(d))
		now.udp = MEMORY_UDP_WORKS;
	else if (d->media.verdict != UDP_VERDICT_UNKNOWN && !d->media.outside)
		now.udp = MEMORY_UDP_FAILS;
	err = put(d, &now);
	if (err < 0)
		log_debug("what works in this network is not kept: %s",
			  strerror(-err));
}

static void on_remember(void *arg, uint64_t now_ms)
{
	struct tunneld *d = arg;

	daemon_remember(d);
	loop_timer_set(d->loop, &d->remember, now_ms + REMEMBER_MS, on_remember,
		       d);
}

void daemon_relays_changed(struct tunneld *d)
{
	uint64_t now = fingerprint(d);

	if (now != d->network && d->network != 0)
		relay_set_forget(d->snapshot.relays);
	d->network = now;
	recall(d);
}

/* Changes */

void daemon_recall_media(struct tunneld *d)
{
	const struct memory_network *known =
		d->memory != NULL ? memory_find(d->memory, d->network) : NULL;

	daemon_media_expect(d, known != NULL && known->udp == MEMORY_UDP_WORKS);
}

static void on_change(void *arg, const struct netwatch_event *event,
		      uint64_t now_ms)
{
	struct tunneld *d = arg;

	log_event(LOG_LEVEL_INFO, LOG_EVENT_NETWORK_CHANGED, NULL,
		  event->moved ? "another network, by %zu address(es)"
			       : "the network has changed: %zu address(es)",
		  event->addr_count);
	if (event->moved)
		daemon_remember(d);
	if (d->snapshot.egress != NULL)
		egress_network_changed(d->snapshot.egress);
	proxy_health_forget(dial_tunnel_env(d->pool)->health);
	daemon_relays_changed(d);
	for (size_t i = 0; i < d->worker_count; i++)
		worker_network_changed(d->workers[i], event->addrs,
				       event->addr_count);
	/* Other name servers, other answers. */
	inside_forget(d->inside);
	daemon_look_up_hops(d);
	if (d->discover != NULL)
		discover_refresh(d->discover, now_ms);
	if (event->moved)
		daemon_recall_media(d);
	daemon_media_decide(d);
}

void daemon_watch_network(struct tunneld *d)
{
	struct netwatch_opts opts = { .loop = d->loop,
				      .on_change = on_change,
				      .arg = d };

	d->memory = open_memory(d);
	d->netwatch = netwatch_new(&opts);
	if (d->netwatch == NULL)
		log_info("changes of the network are not seen: %s",
			 strerror(errno));
	daemon_relays_changed(d);
	loop_timer_set(d->loop, &d->remember,
		       loop_now_ms(d->loop) + REMEMBER_MS, on_remember, d);
}

void daemon_leave_network(struct tunneld *d)
{
	netwatch_free(d->netwatch);
	d->netwatch = NULL;
	if (d->loop != NULL)
		loop_timer_stop(d->loop, &d->remember);
	daemon_remember(d);
	memory_free(d->memory);
	d->memory = NULL;
}
