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

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

/* More than any client machine has; a router's rest is left out. */
#define ITEMS_MAX 16384
/* Hashes that make up a fingerprint. */
#define PARTS_MAX   256
#define DEFAULT_MAX 1 /* bits of a prefix that still is a default route */
#define FNV_START   0xcbf29ce484222325u

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

/* Hashing: FNV-1a, 64 bits. Whoever runs a network can also copy another one's
 * addresses, so nothing is won by a collision. */

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len-- > 0)
		h = (h ^ *at++) * 0x100000001b3u;
	return h;
}

static uint64_t hash_u32(uint64_t h, uint32_t v)
{
	uint8_t bytes[4];

	be32_set(bytes, v);
	return hash_bytes(h, bytes, sizeof(bytes));
}

static uint64_t hash_endpoint(uint64_t h, const struct endpoint *e)
{
	h = hash_u32(h, e->family);
	return hash_bytes(h, e->ip, sizeof(e->ip));
}

/* Messages */

static bool next_message(struct buf_reader *r, struct nlmsghdr *h,
			 struct buf_reader *body)
{
	size_t step;

	if (r->left < sizeof(*h))
		return false;
	memcpy(h, r->data, sizeof(*h));
	if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > r->left)
		return false;
	buf_reader_init(body, r->data + sizeof(*h), h->nlmsg_len - sizeof(*h));
	step = NLMSG_ALIGN((size_t)h->nlmsg_len);
	if (step > r->left)
		step = r->left;
	r->data += step;
	r->left -= step;
	return true;
}

static bool next_attribute(struct buf_reader *r, uint16_t *type,
			   struct buf_reader *value)
{
	struct rtattr a;
	size_t step;

	if (r->left < sizeof(a))
		return false;
	memcpy(&a, r->data, sizeof(a));
	if (a.rta_len < sizeof(a) || a.rta_len > r->left)
		return false;
	*type = a.rta_type & NLA_TYPE_MASK;
	buf_reader_init(value, r->data + sizeof(a), a.rta_len - sizeof(a));
	step = RTA_ALIGN((size_t)a.rta_len);
	if (step > r->left)
		step = r->left;
	r->data += step;
	r->left -= step;
	return true;
}

static bool get_host_u32(struct buf_reader value, uint32_t *v)
{
	return buf_get(&value, v, sizeof(*v));
}

/* An address of exactly the family's length. */
static bool get_ip(struct buf_reader value, int family, struct endpoint *e)
{
	size_t len = family == AF_INET6 ? 16 : 4;

	memset(e, 0, sizeof(*e));
	if (value.left != len || (family != AF_INET && family != AF_INET6))
		return false;
	e->family = family == AF_INET6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
	return buf_get(&value, e->ip, len);
}

static void get_text(struct buf_reader value, char *text, size_t max)
{
	size_t len = value.left < max - 1 ? value.left : max - 1;

	memcpy(text, value.data, len);
	text[len] = '\0';
}

/* Links */

static void parse_link_info(struct buf_reader info, struct link *link)
{
	struct buf_reader value;
	char kind[32];
	uint16_t type;

	while (next_attribute(&info, &type, &value)) {
		if (type != IFLA_INFO_KIND)
			continue;
		get_text(value, kind, sizeof(kind));
		link->kind = hash_bytes(link->kind, kind, strlen(kind));
		link->bridge = strcmp(kind, "bridge") == 0;
	}
}

static bool parse_link(const struct network *n, struct buf_reader body,
		       struct link *link)
{
	struct buf_reader value;
	struct ifinfomsg m;
	char name[IF_NAMESIZE] = "";
	uint16_t type;

	/* Of another family: a bridge tells of its ports. */
	if (!buf_get(&body, &m, sizeof(m)) || m.ifi_index <= 0 ||
	    m.ifi_family != AF_UNSPEC)
		return false;
	*link = (struct link){ .index = (uint32_t)m.ifi_index,
			       .flags = m.ifi_flags,
			       .kind = hash_u32(FNV_START, m.ifi_type) };
	while (next_attribute(&body, &type, &value)) {
		if (type == IFLA_IFNAME)
			get_text(value, name, sizeof(name));
		else if (type == IFLA_LINKINFO)
			parse_link_info(value, link);
	}
	if (n->is_wireless != NULL && name[0] != '\0' && name[0] != '.' &&
	    strchr(name, '/') == NULL && n->is_wireless(name))
		link->kind = hash_bytes(link->kind, "wireless", 8);
	return true;
}

static const struct link *find_link(const struct network *n, uint32_t index)
{
	for (size_t i = 0; i < n->link_count; i++) {
		if (n->links[i].index == index)
			return &n->links[i];
	}
	return NULL;
}

/* Addresses */

static void clear_host_bits(struct endpoint *e, uint8_t bits)
{
	size_t bytes = e->family == ENDPOINT_IPV6 ? 16 : 4;

	for (size_t i = 0; i < bytes; i++) {
		unsigned int keep = bits > 8 * i ? bits - 8 * (unsigned int)i
						 : 0;

		if (keep < 8)
			e->ip[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static bool parse_address(struct buf_reader body, struct address *a)
{
	struct endpoint local = { 0 }, address = { 0 };
	struct buf_reader value;
	struct ifaddrmsg m;
	uint32_t flags;
	uint16_t type;

	if (!buf_get(&body, &m, sizeof(m)))
		return false;
	flags = m.ifa_flags;
	while (next_attribute(&body, &type, &value)) {
		if (type == IFA_LOCAL && !get_ip(value, m.ifa_family, &local))
			return false;
		if (type == IFA_ADDRESS &&
		    !get_ip(value, m.ifa_family, &address))
			return false;
		if (type == IFA_FLAGS && !get_host_u32(value, &flags))
			return false;
	}
	/* IFA_ADDRESS is the other end of a point-to-point link. */
	if (local.family == ENDPOINT_NONE)
		local = address;
	if (address.family == ENDPOINT_NONE)
		address = local;
	*a = (struct address){ .local = local,
			       .prefix = address,
			       .bits = m.ifa_prefixlen,
			       .link = m.ifa_index };
	clear_host_bits(&a->prefix, a->bits);
	if ((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC))
		return false;
	return local.family != ENDPOINT_NONE && !(flags & IFA_F_DADFAILED);
}

/* Links with such addresses alone come and go with every container. */
static bool is_link_local(const struct endpoint *e)
{
	if (e->family == ENDPOINT_IPV6)
		return e->ip[0] == 0xfe && (e->ip[1] & 0xc0) == 0x80;
	return e->ip[0] == 169 && e->ip[1] == 254;
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

static bool is_usable(const struct network *n, const struct address *a)
{
	const struct link *link = find_link(n, a->link);

	return link != NULL && (link->flags & IFF_UP);
}

/* Routes */

static void parse_via(struct buf_reader value, struct endpoint *gateway)
{
	uint16_t family;

	if (buf_get(&value, &family, sizeof(family)) &&
	    !get_ip(value, family, gateway))
		gateway->family = ENDPOINT_NONE;
}

/* The first of several hops stands for all of them. */
static void parse_multipath(struct buf_reader value, struct route *r,
			    int family)
{
	struct buf_reader attribute;
	struct rtnexthop hop;
	uint16_t type;

	if (!buf_get(&value, &hop, sizeof(hop)))
		return;
	r->link = (uint32_t)hop.rtnh_ifindex;
	if (hop.rtnh_len < sizeof(hop) ||
	    hop.rtnh_len - sizeof(hop) > value.left)
		return;
	value.left = hop.rtnh_len - sizeof(hop);
	while (next_attribute(&value, &type, &attribute)) {
		if (type == RTA_GATEWAY &&
		    !get_ip(attribute, family, &r->gateway))
			return;
		if (type == RTA_VIA)
			parse_via(attribute, &r->gateway);
	}
}

static bool parse_route(struct buf_reader body, struct route *r)
{
	struct buf_reader value;
	struct rtmsg m;
	uint16_t type;
	bool ok = true;

	if (!buf_get(&body, &m, sizeof(m)) || m.rtm_dst_len > DEFAULT_MAX ||
	    m.rtm_type != RTN_UNICAST ||
	    (m.rtm_family != AF_INET && m.rtm_family != AF_INET6) ||
	    (m.rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD | RTNH_F_LINKDOWN)))
		return false;
	*r = (struct route){ .bits = m.rtm_dst_len, .table = m.rtm_table };
	r->family = m.rtm_family == AF_INET6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
	while (ok && next_attribute(&body, &type, &value)) {
		if (type == RTA_DST)
			ok = get_ip(value, m.rtm_family, &r->dst);
		else if (type == RTA_GATEWAY)
			ok = get_ip(value, m.rtm_family, &r->gateway);
		else if (type == RTA_OIF)
			ok = get_host_u32(value, &r->link);
		else if (type == RTA_PRIORITY)
			ok = get_host_u32(value, &r->metric);
		else if (type == RTA_TABLE)
			ok = get_host_u32(value, &r->table);
		else if (type == RTA_VIA)
			parse_via(value, &r->gateway);
		else if (type == RTA_MULTIPATH)
			parse_multipath(value, r, m.rtm_family);
	}
	return ok;
}

/* Is there no better one of the same kind in its table? */
static bool is_best(const struct network *n, const struct route *r)
{
	for (size_t i = 0; i < n->route_count; i++) {
		const struct route *o = &n->routes[i];

		if (o->family == r->family && o->table == r->table &&
		    o->bits == r->bits && endpoint_equal(&o->dst, &r->dst) &&
		    o->metric < r->metric)
			return false;
	}
	return true;
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
		return !parse_link(n, body, &link)
			       ? 0
			       : append((void **)&n->links, &n->link_count,
					&link, sizeof(link));
	case RTM_NEWADDR:
		return !parse_address(body, &address)
			       ? 0
			       : append((void **)&n->addresses,
					&n->address_count, &address,
					sizeof(address));
	case RTM_NEWROUTE:
		return !parse_route(body, &route)
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
	while (err == 0 && next_message(&r, &h, &body)) {
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
		    !is_link_local(&n->addresses[i].local))
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

	if (!parse_link(n, body, &link))
		return NETWORK_NEWS_NONE;
	known = find_link(n, link.index);
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

	if (!parse_address(body, &a))
		return NETWORK_NEWS_NONE;
	known = find_address(n, &a) != NULL;
	if (known == is_new)
		return NETWORK_NEWS_NONE;
	if (is_new || is_link_local(&a.local))
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
		return parse_route(body, &route) ? NETWORK_NEWS_CHANGE
						 : NETWORK_NEWS_NONE;
	case RTM_DELROUTE:
		return parse_route(body, &route) ? NETWORK_NEWS_LOSS
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
	while (next_message(&r, &h, &body)) {
		news = message_news(n, &h, body);
		if (news > most)
			most = news;
	}
	return most;
}

/* What it comes to */

struct parts {
	uint64_t hash[PARTS_MAX];
	size_t count;
};

static void add_part(struct parts *p, uint64_t hash)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->hash[i] == hash)
			return; /* temporary addresses share a prefix */
	}
	if (p->count < PARTS_MAX)
		p->hash[p->count++] = hash;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t sum_up(struct parts *p)
{
	uint64_t h = FNV_START;

	qsort(p->hash, p->count, sizeof(p->hash[0]), compare);
	for (size_t i = 0; i < p->count; i++) {
		h = hash_u32(h, (uint32_t)(p->hash[i] >> 32));
		h = hash_u32(h, (uint32_t)p->hash[i]);
	}
	return h;
}

static void add_prefixes(struct parts *p, const struct network *n,
			 uint8_t family, uint32_t link)
{
	for (size_t i = 0; i < n->address_count; i++) {
		const struct address *a = &n->addresses[i];
		uint64_t h = FNV_START;

		if (a->link != link || a->local.family != family ||
		    is_link_local(&a->local))
			continue;
		/* A modem's own address says nothing: it is new every time. */
		if (a->bits >= (family == ENDPOINT_IPV6 ? 126 : 30))
			continue;
		h = hash_endpoint(h, &a->prefix);
		add_part(p, hash_u32(h, a->bits));
	}
}

static bool has_default(const struct network *n, uint8_t family)
{
	for (size_t i = 0; i < n->route_count; i++) {
		if (n->routes[i].family == family)
			return true;
	}
	return false;
}

static void add_route(struct parts *p, const struct network *n,
		      const struct route *r)
{
	const struct link *link = find_link(n, r->link);
	uint64_t h = hash_u32(FNV_START, r->family);

	h = hash_u32(h, r->bits);
	h = hash_endpoint(h, &r->dst);
	h = hash_endpoint(h, &r->gateway);
	if (link != NULL)
		h = hash_bytes(h, &link->kind, sizeof(link->kind));
	add_part(p, h);
	if (r->family == ENDPOINT_IPV4 || !has_default(n, ENDPOINT_IPV4))
		add_prefixes(p, n, r->family, r->link);
}

/* A network that is left by the proxy alone. */
static void add_links(struct parts *p, const struct network *n)
{
	for (size_t i = 0; i < n->link_count; i++) {
		const struct link *link = &n->links[i];

		if (link->bridge || (link->flags & IFF_LOOPBACK) ||
		    (link->flags & (IFF_UP | IFF_RUNNING)) !=
			    (IFF_UP | IFF_RUNNING))
			continue;
		add_prefixes(p, n, ENDPOINT_IPV4, link->index);
		add_prefixes(p, n, ENDPOINT_IPV6, link->index);
	}
}

uint64_t network_fingerprint(const struct network *n)
{
	struct parts p = { .count = 0 };

	for (size_t i = 0; i < n->route_count; i++) {
		if (is_best(n, &n->routes[i]))
			add_route(&p, n, &n->routes[i]);
	}
	if (n->route_count == 0)
		add_links(&p, n);
	return sum_up(&p);
}

uint64_t network_fingerprint_via(uint64_t fingerprint, const char *host,
				 uint16_t port)
{
	uint64_t h = hash_u32(FNV_START, (uint32_t)(fingerprint >> 32));

	h = hash_u32(h, (uint32_t)fingerprint);
	if (host != NULL) {
		h = hash_bytes(h, host, strlen(host));
		h = hash_u32(h, port);
	}
	return h != 0 ? h : 1;
}

uint64_t network_digest(const struct network *n)
{
	struct parts p = { .count = 0 };
	uint64_t sum = 0, h;

	for (size_t i = 0; i < n->route_count; i++) {
		const struct route *r = &n->routes[i];
		const struct link *link = find_link(n, r->link);

		if (!is_best(n, r))
			continue;
		add_route(&p, n, r);
		h = hash_u32(FNV_START, r->link);
		if (link != NULL)
			h = hash_u32(h, link->flags & LINK_STATE);
		add_part(&p, hash_u32(h, r->family));
	}
	/* Any number of them, in any order. */
	for (size_t i = 0; i < n->address_count; i++) {
		const struct address *a = &n->addresses[i];

		if (!is_link_local(&a->local) && is_usable(n, a))
			sum += hash_endpoint(FNV_START, &a->local);
	}
	add_part(&p, sum);
	return sum_up(&p);
}

struct endpoint *network_addresses(const struct network *n, size_t *count)
{
	struct endpoint *list = calloc(n->address_count + 2, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list != NULL && i < n->address_count; i++) {
		const struct address *a = &n->addresses[i];

		if (addr_is_loopback(&a->local) || is_usable(n, a))
			list[(*count)++] = a->local;
	}
	return list;
}
