/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_place.c - whether to go where a relay sends us
 *
 * Turns ALTERNATE-SERVER and ALTERNATE-DOMAIN of a 300, which nobody has signed
 * (coturn sends it before any credentials), into the next place to dial, or
 * into the reason not to (RFC 8489, 10 and 14.15 to 14.16). What the relay may
 * choose is the address, and nothing else: transport, trust and proxy stay.
 */
#include <config.h>

#include "leg_place.h"

#include "addr.h"
#include "hostname.h"
#include "relay.h"

#include <stdio.h>

/* Not a place for a relay on another machine: unspecified, loopback,
 * link-local, multicast, broadcast. */
static bool is_special(const struct endpoint *e)
{
	static const uint8_t zero[15];

	if (addr_is_loopback(e))
		return true;
	if (e->family == ENDPOINT_IPV4)
		return e->ip[0] == 0 || e->ip[0] >= 224 ||
		       (e->ip[0] == 169 && e->ip[1] == 254);
	return e->ip[0] == 0xff ||
	       (e->ip[0] == 0xfe && (e->ip[1] & 0xc0) == 0x80) ||
	       (memcmp(e->ip, zero, sizeof(zero)) == 0 && e->ip[15] <= 1);
}

static bool was_visited(const struct leg_place *from,
			const struct endpoint *peer,
			const struct endpoint *alternate)
{
	if (endpoint_equal(peer, alternate))
		return true;
	if (from == NULL)
		return false;
	if (endpoint_equal(&from->address, alternate))
		return true;
	for (unsigned int i = 0; i < from->hops && i < LEG_HOPS_MAX; i++) {
		if (endpoint_equal(&from->visited[i], alternate))
			return true;
	}
	return false;
}

const char *leg_place_follow(const struct relay *relay,
			     const struct leg_place *from,
			     const struct endpoint *peer,
			     const struct endpoint *alternate,
			     const char *domain, struct leg_place *next)
{
	unsigned int hops = from != NULL ? from->hops : 0;

	if (relay->no_redirect)
		return "redirect = no";
	if (alternate == NULL || alternate->port_be == 0)
		return "it does not say where to";
	if (hops >= LEG_HOPS_MAX)
		return "too many such answers in a row";
	if (was_visited(from, peer, alternate))
		return "it sends us in a circle";
	/* RFC 8489, 10: the family stays */
	if (peer->family != ENDPOINT_NONE && peer->family != alternate->family)
		return "an address of the other family";
	if (is_special(alternate) &&
	    (peer->family == ENDPOINT_NONE || !is_special(peer)))
		return "not an address for a relay";
	*next = from != NULL ? *from : (struct leg_place){ 0 };
	next->visited[hops] = *peer;
	next->hops = hops + 1;
	next->address = *alternate;
	next->domain[0] = '\0';
	if (domain != NULL && !hostname_normalise(domain, next->domain))
		return "a domain that is no host name";
	return NULL;
}
