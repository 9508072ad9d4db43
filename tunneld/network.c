/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * network.c - the kernel's messages about links, addresses and routes into
 * tables, and the tables into a fingerprint
 *
 * Turns rtnetlink(7) into one number that stands for a network.
 *
 * Theory of operation: only what matters is kept: every link, every address
 * that may be used, and default routes. The two halves that a VPN puts before
 * a default route (0.0.0.0/1, 128.0.0.0/1) count as such. Of the routes of a
 * table those with the best metric count, so that a second interface that
 * comes and goes does not make another network. A fingerprint is the hash of
 * a sorted list of hashes: the order in which the kernel tells things is not
 * part of it.
 */
#include <config.h>

#include "network.h"

#include "addr.h"
#include "buf.h"
#include "network_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

/* More than any client machine has; a router's rest is left out. */
#define ITEMS_MAX 16384

struct network *network_new(bool (*is_wireless)(const char *ifname))
{
	struct network *n = calloc(1, sizeof(*n));

	if (n != NULL)
		n->is_wireless = is_wireless;
	return n;
}

void network_clear(struct network *n)
{
	n->link_count = n->address_count = n->route_count = 0;
}

void network_free(struct network *n)
{
	if (n == NULL)
		return;
	free(n->links);
	free(n->addresses);
	free(n->routes);
	free(n);
}

/* Room for one more: tables double. */
static int append(void **table, size_t *count, const void *item, size_t size)
{
	if (*count == ITEMS_MAX)
		return 0;
	if ((*count & (*count - 1)) == 0) {
		void *more = realloc(*table, (*count ? 2 * *count : 1) * size);

		if (more == NULL)
			return -ENOMEM;
		*table = more;
	}
	memcpy((char *)*table + *count * size, item, size);
	(*count)++;
	return 0;
}

static const struct address *find_address(const struct network *n,
					  const struct address *like)
{
	for (size_t i = 0; i < n->address_count; i++) {
		const struct address *a = &n->addresses[i];

		if (a->link == like->link &&
		    endpoint_equal(&a->local, &like->local))
			return a;
	}
	return NULL;
}

const struct link *network_find_link(const struct network *n, uint32_t index)
{
	for (size_t i = 0; i < n->link_count; i++) {
		if (n->links[i].index == index)
			return &n->links[i];
	}
	return NULL;
}

/* Links with such addresses alone come and go with every container. */
bool network_is_link_local(const struct endpoint *e)
{
	if (e->family == ENDPOINT_IPV6)
		return e->ip[0] == 0xfe && (e->ip[1] & 0xc0) == 0x80;
	return e->ip[0] == 169 && e->ip[1] == 254;
}

bool network_is_usable(const struct network *n, const struct address *a)
{
	const struct link *link = network_find_link(n, a->link);

	return link != NULL && (link->flags & IFF_UP);
}

/* Reading */

static int take_message(struct network *n, const struct nlmsghdr *h,
			struct buf_reader body)
{
	struct link link;
	struct address address;
	struct route route;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
		return !network_parse_link(n, body, &link)
			       ? 0
			       : append((void **)&n->links, &n->link_count,
					&link, sizeof(link));
	case RTM_NEWADDR:
		return !network_parse_address(body, &address)
			       ? 0
			       : append((void **)&n->addresses,
					&n->address_count, &address,
					sizeof(address));
	case RTM_NEWROUTE:
		return !network_parse_route(body, &route)
			       ? 0
			       : append((void **)&n->routes, &n->route_count,
					&route, sizeof(route));
	default:
		return 0;
	}
}

static int error_of(struct buf_reader body)
{
	int32_t error;

	if (!buf_get(&body, &error, sizeof(error)))
		return -EBADMSG;
	if (error == 0)
		return 1;
	return error < 0 && error > -4096 ? error : -EBADMSG;
}

int network_read(struct network *n, const void *data, size_t len, uint32_t seq)
{
	struct buf_reader r, body;
	struct nlmsghdr h;
	int err = 0;

	buf_reader_init(&r, data, len);
	while (err == 0 && network_next_message(&r, &h, &body)) {
		if (h.nlmsg_seq != seq)
			continue;
		if (h.nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		if (h.nlmsg_type == NLMSG_DONE)
			return 1;
		err = h.nlmsg_type == NLMSG_ERROR ? error_of(body)
						  : take_message(n, &h, body);
	}
	return err;
}

/* Notifications */

/* Does anything but a container's end stand on this link? */
static bool is_in_use(const struct network *n, uint32_t index)
{
	for (size_t i = 0; i < n->address_count; i++) {
		if (n->addresses[i].link == index &&
		    !network_is_link_local(&n->addresses[i].local))
			return true;
	}
	return false;
}

static enum network_news link_news(const struct network *n, bool is_new,
				   struct buf_reader body)
{
	const struct link *known;
	struct link link;
	uint32_t lost;

	if (!network_parse_link(n, body, &link))
		return NETWORK_NEWS_NONE;
	known = network_find_link(n, link.index);
	if (known == NULL)
		return is_new ? NETWORK_NEWS_CHANGE : NETWORK_NEWS_NONE;
	if (is_new && ((known->flags ^ link.flags) & LINK_STATE) == 0)
		return NETWORK_NEWS_NONE;
	lost = is_new ? known->flags & ~link.flags & LINK_STATE : LINK_STATE;
	return lost != 0 && is_in_use(n, link.index) ? NETWORK_NEWS_LOSS
						     : NETWORK_NEWS_CHANGE;
}

static enum network_news address_news(const struct network *n, bool is_new,
				      struct buf_reader body)
{
	struct address a;
	bool known;

	if (!network_parse_address(body, &a))
		return NETWORK_NEWS_NONE;
	known = find_address(n, &a) != NULL;
	if (known == is_new)
		return NETWORK_NEWS_NONE;
	if (is_new || network_is_link_local(&a.local))
		return NETWORK_NEWS_CHANGE;
	return NETWORK_NEWS_LOSS;
}

static enum network_news message_news(const struct network *n,
				      const struct nlmsghdr *h,
				      struct buf_reader body)
{
	struct route route;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_news(n, h->nlmsg_type == RTM_NEWLINK, body);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return address_news(n, h->nlmsg_type == RTM_NEWADDR, body);
	case RTM_NEWROUTE:
		return network_parse_route(body, &route) ? NETWORK_NEWS_CHANGE
							 : NETWORK_NEWS_NONE;
	case RTM_DELROUTE:
		return network_parse_route(body, &route) ? NETWORK_NEWS_LOSS
							 : NETWORK_NEWS_NONE;
	default:
		return NETWORK_NEWS_NONE;
	}
}

enum network_news network_news(const struct network *n, const void *data,
			       size_t len)
{
	enum network_news most = NETWORK_NEWS_NONE, news;
	struct buf_reader r, body;
	struct nlmsghdr h;

	buf_reader_init(&r, data, len);
	while (network_next_message(&r, &h, &body)) {
		news = message_news(n, &h, body);
		if (news > most)
			most = news;
	}
	return most;
}

struct endpoint *network_addresses(const struct network *n, size_t *count)
{
	struct endpoint *list = calloc(n->address_count + 2, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list != NULL && i < n->address_count; i++) {
		const struct address *a = &n->addresses[i];

		if (addr_is_loopback(&a->local) || network_is_usable(n, a))
			list[(*count)++] = a->local;
	}
	return list;
}
