/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * network_parse.c - rtnetlink(7) messages into links, addresses and default
 * routes; bytes of the kernel, read as if they were not
 */
#include <config.h>

#include "network_private.h"

#include <string.h>

#include <linux/rtnetlink.h>

#define DEFAULT_MAX 1 /* bits of a prefix that still is a default route */

/* Messages */

bool network_next_message(struct buf_reader *r, struct nlmsghdr *h,
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
		link->kind = network_hash_bytes(link->kind, kind, strlen(kind));
		link->bridge = strcmp(kind, "bridge") == 0;
	}
}

bool network_parse_link(const struct network *n, struct buf_reader body,
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
			       .kind = network_hash_u32(NETWORK_HASH_START,
							m.ifi_type) };
	while (next_attribute(&body, &type, &value)) {
		if (type == IFLA_IFNAME)
			get_text(value, name, sizeof(name));
		else if (type == IFLA_LINKINFO)
			parse_link_info(value, link);
	}
	if (n->is_wireless != NULL && name[0] != '\0' && name[0] != '.' &&
	    strchr(name, '/') == NULL && n->is_wireless(name))
		link->kind = network_hash_bytes(link->kind, "wireless", 8);
	return true;
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

bool network_parse_address(struct buf_reader body, struct address *a)
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

static bool take_route_attribute(struct route *r, int family, uint16_t type,
				 struct buf_reader value)
{
	switch (type) {
	case RTA_DST:
		return get_ip(value, family, &r->dst);
	case RTA_GATEWAY:
		return get_ip(value, family, &r->gateway);
	case RTA_OIF:
		return get_host_u32(value, &r->link);
	case RTA_PRIORITY:
		return get_host_u32(value, &r->metric);
	case RTA_TABLE:
		return get_host_u32(value, &r->table);
	case RTA_VIA:
		parse_via(value, &r->gateway);
		break;
	case RTA_MULTIPATH:
		parse_multipath(value, r, family);
		break;
	default:
		break;
	}
	return true;
}

bool network_parse_route(struct buf_reader body, struct route *r)
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
	while (ok && next_attribute(&body, &type, &value))
		ok = take_route_attribute(r, m.rtm_family, type, value);
	return ok;
}
