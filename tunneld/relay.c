/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* relay.c - which relay to use: the most preferred that has not just failed */
#include <config.h>

#include "relay.h"

#include "dial.h"
#include "tls.h"

#include <stdlib.h>

struct relay_set *relay_set_new(size_t count)
{
	struct relay_set *set = calloc(
		1, sizeof(*set) + count * sizeof(set->relay[0]));

	if (set == NULL)
		return NULL;
	atomic_store(&set->refs, 1);
	set->count = count;
	return set;
}

struct relay_set *relay_set_get(struct relay_set *set)
{
	if (set != NULL)
		atomic_fetch_add(&set->refs, 1);
	return set;
}

void relay_set_put(struct relay_set *set)
{
	if (set == NULL || atomic_fetch_sub(&set->refs, 1) != 1)
		return;
	for (size_t i = 0; i < set->count; i++) {
		tls_ctx_free(set->relay[i].tls);
		creds_fini(&set->relay[i].creds);
		dial_proxy_put(set->relay[i].proxy);
	}
	free(set);
}

struct relay *relay_choose(struct relay_set *set, uint64_t now_ms)
{
	struct relay *best = NULL;
	uint64_t best_until = 0;

	for (size_t i = 0; set != NULL && i < set->count; i++) {
		uint64_t until = atomic_load(&set->relay[i].penalty_until_ms);

		if (until <= now_ms)
			return &set->relay[i];
		if (best == NULL || until < best_until) {
			best = &set->relay[i];
			best_until = until;
		}
	}
	return best;
}

bool relay_failed(struct relay *relay, uint32_t cause, uint64_t now_ms)
{
	atomic_store(&relay->penalty_until_ms, now_ms + RELAY_PENALTY_MS);
	return atomic_exchange(&relay->failing, cause) != cause;
}

bool relay_worked(struct relay *relay)
{
	atomic_store(&relay->penalty_until_ms, 0);
	return atomic_exchange(&relay->failing, 0) != 0;
}
