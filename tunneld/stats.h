/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stats.h - counters of one thread, read by others without a lock
 *
 * One writer each: an increment is a plain load and store, not a locked one.
 * What is counted by class or by size stands beside the list of plain ones.
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
	X(redirects, "times that a relay has sent us to another one")       \
	X(bytes_to_relay, "bytes written to the relay, TURN's included")    \
	X(bytes_from_relay, "bytes read from the relay, TURN's included")

/* X(bound, text): the upper bounds of histograms of time, in microseconds, and
 * the same in seconds. */
#define STATS_BOUND_LIST(X) \
	X(1000, "0.001")    \
	X(2000, "0.002")    \
	X(5000, "0.005")    \
	X(10000, "0.01")    \
	X(20000, "0.02")    \
	X(50000, "0.05")    \
	X(100000, "0.1")    \
	X(200000, "0.2")    \
	X(500000, "0.5")    \
	X(1000000, "1.0")   \
	X(2000000, "2.0")   \
	X(5000000, "5.0")   \
	X(10000000, "10.0") \
	X(30000000, "30.0")
enum stats_bound {
#define STATS_BOUND_COUNT(bound, text) STATS_BOUND_##bound,
	STATS_BOUND_LIST(STATS_BOUND_COUNT)
#undef STATS_BOUND_COUNT
	STATS_NUM_BOUNDS,
};

/* Each sample is in one bucket; the last has those beyond all bounds. */
struct stats_histogram {
	_Atomic uint64_t bucket[STATS_NUM_BOUNDS + 1];
	_Atomic uint64_t sum_us;
};

/* enum queue_class and enum queue_drop */
#define STATS_CLASSES 3
#define STATS_DROPS   3

struct worker_stats {
#define STATS_FIELD(name, help) _Atomic uint64_t name;
	STATS_WORKER_LIST(STATS_FIELD)
#undef STATS_FIELD
	_Atomic uint64_t queue_drops[STATS_CLASSES][STATS_DROPS];
	struct stats_histogram queue_delay[STATS_CLASSES];
	struct stats_histogram round_trip; /* to the relay and back */
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

static inline void stats_observe(struct stats_histogram *h, uint64_t us)
{
	static const uint32_t bounds_us[] = {
#define STATS_BOUND_US(bound, text) bound,
		STATS_BOUND_LIST(STATS_BOUND_US)
#undef STATS_BOUND_US
	};
	int i = 0;

	while (i < STATS_NUM_BOUNDS && us > bounds_us[i])
		i++;
	stats_add(&h->bucket[i], 1);
	stats_add(&h->sum_us, us);
}

#endif
