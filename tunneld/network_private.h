/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* network_private.h - what the files of network share, and nobody else */
#ifndef NETWORK_PRIVATE_H
#define NETWORK_PRIVATE_H

#include "buf.h"
#include "network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/if.h>

struct nlmsghdr;

/* <net/if.h> and <linux/if.h> exclude each other. */
#define LINK_LOWER_UP 0x10000u
#define LINK_STATE    (IFF_UP | IFF_RUNNING | LINK_LOWER_UP)

struct link {
	uint32_t index, flags;
	uint64_t kind; /* hash of what makes it a cable, Wi-Fi, a VPN… */
	bool bridge;
};

struct address {
	struct endpoint local;
	struct endpoint prefix; /* host bits zero */
	uint8_t bits;
	uint32_t link;
};

struct route {
	uint8_t family, bits; /* of `dst` */
	struct endpoint dst, gateway;
	uint32_t table, metric, link;
};

struct network {
	bool (*is_wireless)(const char *ifname);
	struct link *links;
	struct address *addresses;
	struct route *routes;
	size_t link_count, address_count, route_count;
};

/* network.c */
const struct link *network_find_link(const struct network *n, uint32_t index);
/* Links with such addresses alone come and go with every container. */
bool network_is_link_local(const struct endpoint *e);
/* Its link is up. */
bool network_is_usable(const struct network *n, const struct address *a);

/* network_parse.c: false for what is of no use, or not well formed */
bool network_next_message(struct buf_reader *r, struct nlmsghdr *h,
			  struct buf_reader *body);
bool network_parse_link(const struct network *n, struct buf_reader body,
			struct link *link);
bool network_parse_address(struct buf_reader body, struct address *a);
bool network_parse_route(struct buf_reader body, struct route *r);

/* network_sum.c: FNV-1a, 64 bits. Whoever runs a network can also copy another
 * one's addresses, so nothing is won by a collision. */
#define NETWORK_HASH_START 0xcbf29ce484222325u
uint64_t network_hash_bytes(uint64_t h, const void *data, size_t len);
uint64_t network_hash_u32(uint64_t h, uint32_t v);

#endif
