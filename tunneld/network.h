/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * network.h - which network this machine is in: links, addresses and default
 * routes as the kernel's messages (rtnetlink(7)) tell them
 *
 * A machine of tables; no I/O, no clock. netwatch.h feeds it.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network;

/* What a notification says about what is known. */
enum network_news {
	NETWORK_NEWS_NONE = 0,
	NETWORK_NEWS_CHANGE, /* something is new: read all of it again */
	NETWORK_NEWS_LOSS,   /* something that was in use is gone, be it for a
			      * moment */
};

/* `is_wireless` tells Wi-Fi from a cable by the link's name; NULL: nobody
 * can. */
struct network *network_new(bool (*is_wireless)(const char *ifname)) MUST_CHECK;
void network_free(struct network *n);

/* Before all of it is read again. */
void network_clear(struct network *n);
/* The answer to a dump of links, of addresses or of routes, as received.
 * `seq`: of the question; messages of others are passed over. 0; 1: it ends
 * here; -EAGAIN: it changed meanwhile, ask again; or the kernel's -errno, or
 * -ENOMEM. */
int network_read(struct network *n, const void *data, size_t len,
		 uint32_t seq) MUST_CHECK;
enum network_news network_news(const struct network *n, const void *data,
			       size_t len);

/* The same network has the same one, after a reboot too: the gateways of the
 * default routes, the prefixes and the kind of their links, hashed; not names
 * and numbers of links, and not the machine's own addresses. Prefixes of IPv6,
 * which many providers change daily, count only where there is no IPv4.
 * Without any default route it is the prefixes of all links. */
uint64_t network_fingerprint(const struct network *n);
/* … seen through this proxy (NULL: none). Never 0. */
uint64_t network_fingerprint_via(uint64_t fingerprint, const char *host,
				 uint16_t port);
/* Differs whenever connections might be affected. For comparison only. */
uint64_t network_digest(const struct network *n);
/* The addresses that can be sent from, ports 0, loopback included: a heap array
 * for the caller to free. NULL: no memory. */
struct endpoint *network_addresses(const struct network *n,
				   size_t *count) MUST_CHECK;

#endif
