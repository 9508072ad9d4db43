/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_network.c - tables of links, addresses and routes made by hand: what is
 * the same network, what is another one, what is news, and hostile bytes
 */
#include <config.h>

#include "network.h"

#include "addr.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#define SEQ 7
#define RUN (IFF_UP | IFF_RUNNING)

/* Messages one after the other, as the kernel gives them. */
struct wire {
	_Alignas(struct nlmsghdr) uint8_t data[8192];
	size_t len, message;
};

static void put(struct wire *w, const void *data, size_t len)
{
	CU_ASSERT_FATAL(w->len + NLMSG_ALIGN(len) <= sizeof(w->data));
	memcpy(w->data + w->len, data, len);
	w->len += NLMSG_ALIGN(len);
}

static void begin(struct wire *w, uint16_t type, const void *body, size_t len)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_seq = SEQ };

	w->message = w->len;
	put(w, &h, sizeof(h));
	put(w, body, len);
}

static void attribute(struct wire *w, uint16_t type, const void *value,
		      size_t len)
{
	struct rtattr a = { .rta_type = type,
			    .rta_len = (uint16_t)RTA_LENGTH(len) };

	put(w, &a, sizeof(a));
	put(w, value, len);
}

static void end(struct wire *w)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(w->data + w->message);

	h->nlmsg_len = (uint32_t)(w->len - w->message);
}

static void put_link(struct wire *w, uint16_t type, int index,
		     unsigned int flags, const char *name)
{
	struct ifinfomsg m = { .ifi_type = ARPHRD_ETHER,
			       .ifi_index = index,
			       .ifi_flags = flags };

	begin(w, type, &m, sizeof(m));
	attribute(w, IFLA_IFNAME, name, strlen(name) + 1);
	end(w);
}

static void put_address(struct wire *w, uint16_t type, int index,
			const char *text, uint8_t bits, uint32_t flags)
{
	struct endpoint e;
	struct ifaddrmsg m = { .ifa_prefixlen = bits,
			       .ifa_index = (uint32_t)index };

	CU_ASSERT_FATAL(addr_parse_ip(text, &e));
	m.ifa_family = e.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	begin(w, type, &m, sizeof(m));
	attribute(w, IFA_ADDRESS, e.ip, e.family == ENDPOINT_IPV6 ? 16 : 4);
	attribute(w, IFA_FLAGS, &flags, sizeof(flags));
	end(w);
}

static void put_route(struct wire *w, uint16_t type, uint32_t index,
		      const char *gateway, uint32_t metric)
{
	struct endpoint e = { .family = ENDPOINT_IPV4 };
	struct rtmsg m = { .rtm_type = RTN_UNICAST,
			   .rtm_table = RT_TABLE_MAIN };

	if (gateway != NULL)
		CU_ASSERT_FATAL(addr_parse_ip(gateway, &e));
	m.rtm_family = e.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	begin(w, type, &m, sizeof(m));
	if (gateway != NULL)
		attribute(w, RTA_GATEWAY, e.ip,
			  e.family == ENDPOINT_IPV6 ? 16 : 4);
	attribute(w, RTA_OIF, &index, sizeof(index));
	attribute(w, RTA_PRIORITY, &metric, sizeof(metric));
	end(w);
}

static bool no_wireless(const char *ifname)
{
	return strcmp(ifname, "wlan0") == 0;
}

/* A network; the caller frees it. */
static struct network *read_all(const struct wire *w)
{
	struct network *n = network_new(no_wireless);

	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT_EQUAL(network_read(n, w->data, w->len, SEQ), 0);
	return n;
}

static uint64_t fingerprint(const struct wire *w)
{
	struct network *n = read_all(w);
	uint64_t fp = network_fingerprint(n);

	network_free(n);
	return fp;
}

/* One interface with IPv4, as at home. */
static void put_home(struct wire *w, int index, const char *name,
		     const char *address, const char *gateway)
{
	put_link(w, RTM_NEWLINK, index, RUN, name);
	put_address(w, RTM_NEWADDR, index, address, 24, 0);
	put_route(w, RTM_NEWROUTE, (uint32_t)index, gateway, 100);
}

static uint64_t home(int index, const char *name, const char *address,
		     const char *gateway)
{
	struct wire w = { .len = 0 };

	put_home(&w, index, name, address, gateway);
	return fingerprint(&w);
}

static void test_same(void)
{
	uint64_t fp = home(2, "eth0", "192.168.7.20", "192.168.7.1");
	struct wire w = { .len = 0 };

	/* another lease, another plug, another order */
	CU_ASSERT_EQUAL(home(9, "enx1", "192.168.7.99", "192.168.7.1"), fp);
	put_route(&w, RTM_NEWROUTE, 3, "192.168.7.1", 100);
	put_address(&w, RTM_NEWADDR, 3, "192.168.7.5", 24, 0);
	put_link(&w, RTM_NEWLINK, 3, RUN, "eth1");
	CU_ASSERT_EQUAL(fingerprint(&w), fp);
	/* a second, worse way, a container's bridge */
	put_link(&w, RTM_NEWLINK, 4, RUN, "wlan0");
	put_address(&w, RTM_NEWADDR, 4, "10.9.8.7", 24, 0);
	put_route(&w, RTM_NEWROUTE, 4, "10.9.8.1", 600);
	put_address(&w, RTM_NEWADDR, 5, "172.17.0.1", 16, 0);
	CU_ASSERT_EQUAL(fingerprint(&w), fp);
}

static void test_other(void)
{
	uint64_t fp = home(2, "eth0", "192.168.7.20", "192.168.7.1");
	struct wire w = { .len = 0 };

	CU_ASSERT_NOT_EQUAL(home(2, "eth0", "192.168.8.20", "192.168.8.1"), fp);
	CU_ASSERT_NOT_EQUAL(home(2, "eth0", "192.168.7.20", "192.168.7.2"), fp);
	CU_ASSERT_NOT_EQUAL(home(2, "wlan0", "192.168.7.20", "192.168.7.1"),
			    fp);
	CU_ASSERT_NOT_EQUAL(fingerprint(&w), fp); /* none at all */
	/* a VPN comes up beside it */
	put_home(&w, 2, "eth0", "192.168.7.20", "192.168.7.1");
	CU_ASSERT_EQUAL(fingerprint(&w), fp);
	put_link(&w, RTM_NEWLINK, 8, RUN, "tun0");
	put_route(&w, RTM_NEWROUTE, 8, NULL, 50);
	CU_ASSERT_NOT_EQUAL(fingerprint(&w), fp);
}

static void test_ipv6(void)
{
	struct wire w = { .len = 0 }, only = { .len = 0 };
	uint64_t fp;

	put_home(&w, 2, "eth0", "192.168.7.20", "192.168.7.1");
	fp = fingerprint(&w);
	put_route(&w, RTM_NEWROUTE, 2, "fe80::1", 1024);
	CU_ASSERT_NOT_EQUAL(fingerprint(&w), fp);
	fp = fingerprint(&w);
	/* the provider's prefix of the day */
	put_address(&w, RTM_NEWADDR, 2, "2001:db8:1:2::77", 64, 0);
	CU_ASSERT_EQUAL(fingerprint(&w), fp);
	/* alone, it tells networks with a gateway fe80::1 apart */
	put_link(&only, RTM_NEWLINK, 2, RUN, "eth0");
	put_route(&only, RTM_NEWROUTE, 2, "fe80::1", 1024);
	fp = fingerprint(&only);
	put_address(&only, RTM_NEWADDR, 2, "2001:db8:1:2::77", 64, 0);
	CU_ASSERT_NOT_EQUAL(fingerprint(&only), fp);
	fp = fingerprint(&only);
	put_address(&only, RTM_NEWADDR, 2, "2001:db8:1:2::99", 64, 0);
	put_address(&only, RTM_NEWADDR, 2, "fe80::99", 64, 0);
	CU_ASSERT_EQUAL(fingerprint(&only), fp);
}

static void test_no_route(void)
{
	struct wire a = { .len = 0 }, b = { .len = 0 };

	put_link(&a, RTM_NEWLINK, 2, RUN, "eth0");
	put_address(&a, RTM_NEWADDR, 2, "10.1.0.9", 16, 0);
	put_link(&b, RTM_NEWLINK, 3, RUN, "eth1");
	put_address(&b, RTM_NEWADDR, 3, "10.1.0.8", 16, 0);
	CU_ASSERT_EQUAL(fingerprint(&a), fingerprint(&b));
	put_link(&b, RTM_NEWLINK, 4, RUN, "eth2");
	put_address(&b, RTM_NEWADDR, 4, "10.2.0.8", 16, 0);
	CU_ASSERT_NOT_EQUAL(fingerprint(&a), fingerprint(&b));
}

static void test_proxy(void)
{
	uint64_t none = network_fingerprint_via(5, NULL, 0);
	uint64_t a = network_fingerprint_via(5, "proxy", 3128);

	CU_ASSERT_NOT_EQUAL(none, a);
	CU_ASSERT_EQUAL(network_fingerprint_via(5, "proxy", 3128), a);
	CU_ASSERT_NOT_EQUAL(network_fingerprint_via(5, "proxy", 8080), a);
	CU_ASSERT_NOT_EQUAL(network_fingerprint_via(5, "other", 3128), a);
	CU_ASSERT_NOT_EQUAL(network_fingerprint_via(6, "proxy", 3128), a);
}

static void test_addresses(void)
{
	struct wire w = { .len = 0 };
	struct endpoint *list, want;
	struct network *n;
	size_t count;

	put_link(&w, RTM_NEWLINK, 1, IFF_UP | IFF_LOOPBACK, "lo");
	put_address(&w, RTM_NEWADDR, 1, "127.0.0.1", 8, 0);
	put_home(&w, 2, "eth0", "192.168.7.20", "192.168.7.1");
	put_address(&w, RTM_NEWADDR, 2, "2001:db8::5", 64, IFA_F_TENTATIVE);
	put_address(&w, RTM_NEWADDR, 2, "2001:db8::6", 64, IFA_F_DADFAILED);
	put_link(&w, RTM_NEWLINK, 3, 0, "down");
	put_address(&w, RTM_NEWADDR, 3, "10.3.3.3", 24, 0);
	n = read_all(&w);
	list = network_addresses(n, &count);
	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT(addr_parse_ip("127.0.0.1", &want));
	CU_ASSERT(endpoint_equal(&list[0], &want));
	CU_ASSERT(addr_parse_ip("192.168.7.20", &want));
	CU_ASSERT(endpoint_equal(&list[1], &want));
	free(list);
	network_free(n);
}

/* What a notification comes to in the network of put_home(). */
static enum network_news news_of(const struct wire *notice)
{
	enum network_news news;
	struct wire w = { .len = 0 };
	struct network *n;

	put_home(&w, 2, "eth0", "192.168.7.20", "192.168.7.1");
	put_link(&w, RTM_NEWLINK, 3, RUN, "veth1");
	put_address(&w, RTM_NEWADDR, 3, "fe80::3", 64, 0);
	n = read_all(&w);
	news = network_news(n, notice->data, notice->len);
	network_free(n);
	return news;
}

static void test_news(void)
{
	struct wire w = { .len = 0 };

	put_link(&w, RTM_NEWLINK, 2, RUN, "eth0"); /* as known */
	put_address(&w, RTM_NEWADDR, 2, "192.168.7.20", 24, 0);
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_NONE);
	put_address(&w, RTM_NEWADDR, 2, "192.168.7.21", 24, 0);
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_CHANGE);
	put_address(&w, RTM_DELADDR, 2, "192.168.7.20", 24, 0);
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_LOSS);
	w.len = 0;
	put_link(&w, RTM_DELLINK, 3, RUN, "veth1"); /* a container's end */
	put_address(&w, RTM_DELADDR, 3, "fe80::3", 64, 0);
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_CHANGE);
	w.len = 0;
	put_link(&w, RTM_NEWLINK, 2, IFF_UP, "eth0"); /* the cable is out */
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_LOSS);
	w.len = 0;
	put_route(&w, RTM_DELROUTE, 2, "192.168.7.1", 100);
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_LOSS);
	w.len = 0;
	put_route(&w, RTM_NEWROUTE, 2, "192.168.7.9", 100);
	/* a host's route is nobody's business */
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_CHANGE);
	((struct rtmsg *)NLMSG_DATA(w.data))->rtm_dst_len = 32;
	CU_ASSERT_EQUAL(news_of(&w), NETWORK_NEWS_NONE);
}

static void test_digest(void)
{
	struct wire w = { .len = 0 };
	struct network *n;
	uint64_t before;

	put_home(&w, 2, "eth0", "192.168.7.20", "192.168.7.1");
	n = read_all(&w);
	before = network_digest(n);
	network_free(n);
	put_address(&w, RTM_NEWADDR, 2, "fe80::9", 64, 0);
	n = read_all(&w);
	CU_ASSERT_EQUAL(network_digest(n), before);
	network_free(n);
	put_address(&w, RTM_NEWADDR, 2, "192.168.7.21", 24, 0);
	n = read_all(&w);
	CU_ASSERT_NOT_EQUAL(network_digest(n), before);
	network_free(n);
}

static void test_end_and_errors(void)
{
	struct network *n = network_new(NULL);
	struct wire w = { .len = 0 };
	int32_t error = -EPERM;

	begin(&w, NLMSG_ERROR, &error, sizeof(error));
	end(&w);
	CU_ASSERT_EQUAL(network_read(n, w.data, w.len, SEQ), -EPERM);
	CU_ASSERT_EQUAL(network_read(n, w.data, w.len, SEQ + 1), 0);
	w.len = 0;
	error = 0;
	begin(&w, NLMSG_DONE, &error, sizeof(error));
	end(&w);
	CU_ASSERT_EQUAL(network_read(n, w.data, w.len, SEQ), 1);
	w.len = 0;
	put_link(&w, RTM_NEWLINK, 2, RUN, "eth0");
	((struct nlmsghdr *)w.data)->nlmsg_flags = NLM_F_DUMP_INTR;
	CU_ASSERT_EQUAL(network_read(n, w.data, w.len, SEQ), -EAGAIN);
	network_free(n);
}

/* Every cut, every single byte turned, and noise: nothing breaks. Exact
 * heap blocks, so that a sanitizer sees a byte too many. */
static void feed(const uint8_t *data, size_t len)
{
	struct network *n = network_new(no_wireless);
	uint8_t *copy = malloc(len ? len : 1);
	struct endpoint *list;
	size_t count;
	int rc;

	CU_ASSERT_FATAL(n != NULL && copy != NULL);
	memcpy(copy, data, len);
	rc = network_read(n, copy, len, SEQ);
	CU_ASSERT(rc <= 1);
	CU_ASSERT(network_news(n, copy, len) <= NETWORK_NEWS_LOSS);
	(void)network_fingerprint(n);
	(void)network_digest(n);
	list = network_addresses(n, &count);
	free(list);
	free(copy);
	network_free(n);
}

static void test_hostile(void)
{
	static const uint8_t turns[] = { 0x01, 0x80, 0xff };
	struct wire w = { .len = 0 };
	uint32_t dice = 1;
	uint8_t noise[512];

	put_home(&w, 2, "eth0", "192.168.7.20", "192.168.7.1");
	put_address(&w, RTM_NEWADDR, 2, "2001:db8::5", 64, 0);
	put_route(&w, RTM_NEWROUTE, 2, "fe80::1", 1024);
	for (size_t len = 0; len <= w.len; len++)
		feed(w.data, len);
	for (size_t i = 0; i < w.len * ARRAY_SIZE(turns); i++) {
		struct wire bad = w;

		bad.data[i / ARRAY_SIZE(turns)] ^= turns[i % ARRAY_SIZE(turns)];
		feed(bad.data, bad.len);
	}
	for (int i = 0; i < 2000; i++) {
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] =
				(uint8_t)((dice = dice * 1103515245 + 12345) >>
					  16);
		feed(noise, sizeof(noise));
	}
}

static CU_TestInfo tests[] = {
	{ "another lease, plug or order is the same network", test_same },
	{ "other gateway, prefix, kind or VPN: another network", test_other },
	{ "IPv6 beside IPv4, and alone", test_ipv6 },
	{ "without a default route", test_no_route },
	{ "the proxy is part of it", test_proxy },
	{ "addresses that can be sent from", test_addresses },
	{ "what a notification says", test_news },
	{ "the digest sees what connections depend on", test_digest },
	{ "ends and errors of dumps", test_end_and_errors },
	{ "hostile bytes", test_hostile },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "network", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
