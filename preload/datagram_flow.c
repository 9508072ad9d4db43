/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram_flow.c - the flow of a UDP socket
 *
 * Turns a socket into a registration with tunneld (control.h) and back.
 *
 * Theory of operation: a flow is published in the next of UDP_FLOWS slots and
 * `published` is counted up; it is never changed afterwards. A sender uses the
 * newest, a receiver knows the older ones too, since their last datagrams may
 * still be in the socket's queue. Readers take no lock: a slot is written
 * again only after UDP_FLOWS - 1 further registrations. tunneld finds a flow
 * by the socket's cookie, so two threads that register at once get the same
 * answer, and no lock is held while tunneld is asked.
 */
#include <config.h>

#include "datagram_flow.h"

#include "client.h"
#include "datagram.h"
#include "fdtab.h"
#include "msg.h"
#include "next.h"

#include <turnout/control.h>
#include <turnout/page.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* After a failure, how long before tunneld is asked again. */
#define RETRY_MS 250u

static const struct udp_flow *slot(const struct udp_sock *u, uint32_t number)
{
	return &u->flows[(number - 1) % UDP_FLOWS];
}

const struct udp_flow *datagram_flow_peek(const struct udp_sock *u)
{
	uint32_t n = atomic_load_explicit(&u->published, memory_order_acquire);

	return n > 0 ? slot(u, n) : NULL;
}

static void publish(struct sock *s, const struct udp_flow *flow)
{
	struct udp_sock *u = &s->udp;
	uint32_t n;

	sock_lock(s);
	n = atomic_load_explicit(&u->published, memory_order_relaxed) + 1;
	if (n == 0) /* counted round: 0 means never */
		n = UDP_FLOWS;
	u->flows[(n - 1) % UDP_FLOWS] = *flow;
	atomic_store_explicit(&u->published, n, memory_order_release);
	sock_unlock(s);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The address that the socket is bound to; empty when unbound or wildcard. */
static void bound_address(int fd, struct endpoint *bound)
{
	static const uint8_t any[16];
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (next.getsockname(fd, (struct sockaddr *)&sa, &len) != 0 ||
	    !endpoint_from_sockaddr(bound, &sa, len) ||
	    memcmp(bound->ip, any, sizeof(any)) == 0)
		memset(bound, 0, sizeof(*bound));
	bound->port_be = 0;
}

/* An address of the device that a wildcard socket is tied to: replies to any
 * other would not be delivered to it (the kernel compares devices). */
static void device_address(int fd, uint8_t family, struct endpoint *source)
{
	int af = family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	/* 192.0.2.1, 2001:db8::1 (RFC 5737, RFC 3849): only looked up */
	struct endpoint far = { .family = family,
				.port_be = htons(9),
				.ip = { 192, 0, 2, 1 } };
	struct sockaddr_storage sa;
	char device[64];
	socklen_t len = sizeof(device);
	int probe;

	if (next.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &len) !=
		    0 ||
	    len == 0)
		return;
	if (family == ENDPOINT_IPV6)
		memcpy(far.ip, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	probe = next.socket(af, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return;
	if (next.setsockopt(probe, SOL_SOCKET, SO_BINDTODEVICE, device, len) ==
		    0 &&
	    next.connect(probe, (struct sockaddr *)&sa,
			 endpoint_to_sockaddr(&far, af, &sa)) == 0)
		bound_address(probe, source);
	next.close(probe);
}

static void pin(const struct udp_sock *u, int fd, uint8_t family,
		struct udp_flow *flow)
{
	flow->pin = atomic_load_explicit(&u->pin, memory_order_acquire);
	if (!flow->pin)
		return;
	bound_address(fd, &flow->source);
	if (flow->source.family == ENDPOINT_NONE)
		device_address(fd, family, &flow->source);
	if (flow->source.family != family)
		memset(&flow->source, 0, sizeof(flow->source));
}

/* Which loopback address the socket can reach: a dual-stack socket reaches
 * 127.0.0.1 as ::ffff:127.0.0.1, unless it is bound to an IPv6 address. */
static uint8_t flow_family(const struct sock *s, int fd)
{
	struct endpoint bound;
	int v6only = 0;
	socklen_t len = sizeof(v6only);

	if (s->family == AF_INET)
		return ENDPOINT_IPV4;
	if (next.getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) ==
		    0 &&
	    v6only)
		return ENDPOINT_IPV6;
	bound_address(fd, &bound);
	return bound.family == ENDPOINT_IPV6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
}

/* Received segments that the kernel puts together would each carry a header:
 * tunneld sends runs as one segmented datagram. */
static void stop_gro(struct udp_sock *u, int fd)
{
	int off = 0;

	if (atomic_exchange(&u->gro_off, true))
		return;
	next.setsockopt(fd, SOL_UDP, UDP_GRO, &off, sizeof(off));
}

static int ask(struct sock *s, int fd, uint64_t epoch, struct udp_flow *flow)
{
	struct control_flow_open request = { .family = flow_family(s, fd) };
	socklen_t len = sizeof(request.cookie);
	struct control_flow answer;

	if (next.getsockopt(fd, SOL_SOCKET, SO_COOKIE, &request.cookie, &len) !=
	    0)
		return -errno;
	if (client_ask(CONTROL_FLOW_OPEN, &request, sizeof(request), &answer,
		       sizeof(answer)) != 0 ||
	    answer.error != 0 || answer.port_be == 0)
		return -ENETUNREACH;
	*flow = (struct udp_flow){
		.secret = answer.secret,
		.epoch = epoch != 0 ? epoch : answer.epoch,
		.addr = { .family = request.family, .port_be = answer.port_be },
	};
	if (request.family == ENDPOINT_IPV6) {
		flow->addr.ip[15] = 1;
	} else {
		flow->addr.ip[0] = 127;
		flow->addr.ip[3] = 1;
	}
	pin(&s->udp, fd, request.family, flow);
	return 0;
}

/* Is what no rule names tunnelled? A torn read is no harm: the byte is whole.
 */
static bool tunnels_by_default(const struct page *page)
{
	return page == NULL || page_default(page, POLICY_UDP) == POLICY_TUNNEL;
}

/* The epoch is read before tunneld is asked: should it change in between, the
 * next send registers once more. */
static int register_flow(struct sock *s, int fd, uint64_t epoch)
{
	struct udp_sock *u = &s->udp;
	struct udp_flow flow;
	int err, saved_errno = errno;

	if (now_ms() < atomic_load(&u->retry_at_ms))
		return -ENETUNREACH;
	stop_gro(u, fd);
	err = ask(s, fd, epoch, &flow);
	errno = saved_errno;
	if (err != 0) {
		atomic_store(&u->retry_at_ms, now_ms() + RETRY_MS);
		return -ENETUNREACH;
	}
	atomic_store(&u->retry_at_ms, 0);
	if (tunnels_by_default(client_page()))
		atomic_store(&u->keeps_tunnel, true);
	publish(s, &flow);
	return 0;
}

static uint64_t page_epoch(const struct page *page)
{
	return page == NULL ? 0
			    : atomic_load_explicit(&page->epoch,
						   memory_order_acquire);
}

static bool page_down(const struct page *page)
{
	uint32_t state;

	if (page == NULL)
		return false;
	state = atomic_load_explicit(&page->state, memory_order_acquire);
	return state == PAGE_DOWN ||
	       (state == PAGE_HELD &&
		now_ms() >= atomic_load_explicit(&page->held_until_ms,
						 memory_order_acquire));
}

int datagram_flow_renew(struct sock *s, int fd, const struct udp_flow **flow)
{
	bool had = datagram_flow_peek(&s->udp) != NULL;

	if (register_flow(s, fd, page_epoch(client_page())) != 0)
		return had ? -ENOTCONN : -ENETUNREACH;
	*flow = datagram_flow_peek(&s->udp);
	return *flow == NULL ? -ENETUNREACH : 0;
}

int datagram_flow_get(struct sock *s, int fd, const struct udp_flow **flow)
{
	const struct page *page = client_page();

	*flow = datagram_flow_peek(&s->udp);
	if (*flow == NULL)
		return datagram_flow_renew(s, fd, flow);
	/* The port of a tunneld that has ended may be anybody's by now. */
	if (page_down(page))
		return -ENOTCONN;
	if (page == NULL || page_epoch(page) == (*flow)->epoch)
		return 0;
	return datagram_flow_renew(s, fd, flow);
}

void datagram_flow_repin(struct sock *s, int fd)
{
	const struct udp_flow *old = datagram_flow_peek(&s->udp);
	struct udp_flow flow;
	int saved_errno = errno;

	if (old == NULL)
		return;
	flow = *old;
	memset(&flow.source, 0, sizeof(flow.source));
	pin(&s->udp, fd, flow.addr.family, &flow);
	publish(s, &flow);
	errno = saved_errno;
}

static void send_close(const struct sock *s, int fd,
		       const struct udp_flow *flow)
{
	static const struct endpoint nobody;
	union {
		struct cmsghdr align;
		char bytes[MSG_CONTROL_MAX];
	} control;
	struct wire_header header;
	struct iovec iov = { .iov_base = &header, .iov_len = sizeof(header) };
	struct sockaddr_storage to;
	struct msghdr app = { 0 }, msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct msg_edit edit = {
		.pin = flow->pin,
		.source = flow->source,
		.flow_family = flow->addr.family,
	};

	wire_encode(&header, flow->secret, WIRE_CLOSE, &nobody);
	msg.msg_name = &to;
	msg.msg_namelen = endpoint_to_sockaddr(&flow->addr, s->family, &to);
	if (msg_edit_control(&msg, &app, &edit, &control, sizeof(control)) == 0)
		next.sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void datagram_flow_close(struct sock *s, int fd)
{
	const struct udp_flow *flow = datagram_flow_peek(&s->udp);
	int saved_errno = errno;

	if (flow != NULL && !page_down(client_page()))
		send_close(s, fd, flow);
	errno = saved_errno;
}

/* All slots but the one that is written next. `header` NULL: any secret. */
static bool has_flow(const struct udp_sock *u, const struct endpoint *addr,
		     const struct wire_header *header)
{
	uint32_t n = atomic_load_explicit(&u->published, memory_order_acquire);

	for (uint32_t i = 0; i < UDP_FLOWS - 1 && i < n; i++) {
		const struct udp_flow *flow = slot(u, n - i);

		if (endpoint_equal(&flow->addr, addr) &&
		    (header == NULL || flow->secret == header->secret))
			return true;
	}
	return false;
}

bool datagram_flow_owns(const struct udp_sock *u, const struct endpoint *from,
			const struct wire_header *header, struct endpoint *peer)
{
	return has_flow(u, from, header) && header->type == WIRE_DATA &&
	       wire_decode(header, peer);
}

bool datagram_flow_is_at(const struct udp_sock *u, const struct endpoint *addr)
{
	return has_flow(u, addr, NULL);
}
