/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stats.h - counters of one thread, read by others without a lock
 *
 * One writer each: an increment is a plain load and store, not a locked one.
 */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* X(name, help); the names are those of `turnout status`. */
#define STATS_WORKER_LIST(X)                                                \
	X(flows, "app sockets that have a flow now")                        \
	X(uplinks, "connections to the relay, being made or up")            \
	X(allocations, "relayed addresses held now")                        \
	X(datagrams_from_apps, "datagrams taken from apps")                 \
	X(datagrams_to_apps, "datagrams given to apps")                     \
	X(datagrams_to_relay, "datagrams written to the relay")             \
	X(datagrams_from_relay, "datagrams read from the relay")            \
	X(stun_answered, "Binding requests answered by tunneld")            \
	X(dns_answered, "DNS queries answered by tunneld")                  \
	X(dns_forwarded, "DNS queries of direct names passed on")           \
	X(drop_queue, "dropped: waited too long, or the queue was full")    \
	X(drop_unresolved, "dropped: the peer's name has no address yet")   \
	X(drop_refused, "dropped: the relay refuses that peer")             \
	X(drop_malformed, "dropped: not from the app, or not well formed")  \
	X(drop_local, "dropped: the app's receive buffer was full")         \
	X(uplink_failures, "connections to the relay that failed or ended") \
	X(legs_lost, "connections that carried a call when they ended")     \
	X(legs_resumed, "calls that went on with their relayed address")    \
	X(address_changes, "calls that went on with a new relayed address") \
	X(from_old_address, "datagrams that peers sent to the old one")     \
	X(stalls, "times that a relay was silent for seconds")              \
	X(redirects, "times that a relay has sent us to another one")

struct worker_stats {
#define STATS_FIELD(name, help) _Atomic uint64_t name;
	STATS_WORKER_LIST(STATS_FIELD)
#undef STATS_FIELD
};

static inline void stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, v + n, memory_order_relaxed);
}

static inline void stats_sub(_Atomic uint64_t *counter, uint64_t n)
{
	stats_add(counter, (uint64_t)0 - n);
}

static inline uint64_t stats_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
