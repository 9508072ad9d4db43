/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sockdiag.c - one question to the kernel's socket tables (sock_diag(7)): does
 * a UDP socket with this cookie still exist?
 *
 * The exact look-up finds the socket that would get our next datagram, which
 * is the answer nearly always. It misses sockets bound to a device, connected
 * elsewhere, or sharing their port (SO_REUSEPORT), so nothing counts as gone
 * before all sockets of that port have been listed.
 */
#include <config.h>

#include "sockdiag.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* The kernel fills a dump's buffers to this much at most. */
#define REPLY_BYTES 16384

/* Which socket, and where its drops go; NULL: nowhere. */
struct wanted {
	uint64_t cookie;
	uint32_t *drops;
};

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

int sockdiag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_SOCK_DIAG);

	return fd >= 0 ? fd : -errno;
}

static void set_cookie(struct inet_diag_sockid *id, uint64_t cookie)
{
	id->idiag_cookie[0] = (uint32_t)cookie;
	id->idiag_cookie[1] = (uint32_t)(cookie >> 32);
}

static bool has_cookie(const struct nlmsghdr *h, uint64_t cookie)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct inet_diag_sockid want;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return false;
	set_cookie(&want, cookie);
	return m->id.idiag_cookie[0] == want.idiag_cookie[0] &&
	       m->id.idiag_cookie[1] == want.idiag_cookie[1];
}

/* What a socket did not take because its receive buffer was full. Always 1:
 * this is the one that was sought. */
static int take_drops(const struct nlmsghdr *h, const struct wanted *want)
{
	const char *at = (const char *)NLMSG_DATA(h) +
			 NLMSG_ALIGN(sizeof(struct inet_diag_msg));
	const char *end = (const char *)h + h->nlmsg_len;
	struct nlattr attr;

	for (; want->drops != NULL && end - at >= NLA_HDRLEN;
	     at += NLA_ALIGN(attr.nla_len)) {
		memcpy(&attr, at, sizeof(attr));
		if (attr.nla_len < NLA_HDRLEN || attr.nla_len > end - at)
			break;
		if (attr.nla_type == INET_DIAG_SKMEMINFO &&
		    attr.nla_len >= NLA_HDRLEN + (SK_MEMINFO_DROPS + 1) *
							 sizeof(uint32_t)) {
			memcpy(want->drops,
			       at + NLA_HDRLEN +
				       SK_MEMINFO_DROPS * sizeof(uint32_t),
			       sizeof(uint32_t));
			break;
		}
		if (NLA_ALIGN(attr.nla_len) > end - at)
			break;
	}
	return 1;
}

static int ask(int nl, struct request *r, uint16_t flags, uint32_t seq)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	r->header = (struct nlmsghdr){ .nlmsg_len = sizeof(*r),
				       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				       .nlmsg_flags = NLM_F_REQUEST | flags,
				       .nlmsg_seq = seq };
	r->diag.sdiag_protocol = IPPROTO_UDP;
	r->diag.idiag_states = UINT32_MAX;
	r->diag.idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
	if (sendto(nl, r, sizeof(*r), 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

static int error_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
		return -EBADMSG;
	return e->error;
}

/* One buffer of answers. 1: the cookie is there, 0: not (`*more`: not yet, the
 * dump goes on), or -errno. */
static int read_answers(int nl, uint32_t seq, const struct wanted *want,
			bool *more)
{
	_Alignas(struct nlmsghdr) char buf[REPLY_BYTES];
	ssize_t n = recv(nl, buf, sizeof(buf), 0);
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	int found = 0;

	if (n < 0)
		return -errno;
	for (; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != seq)
			continue; /* of a question that was given up */
		if (h->nlmsg_type == NLMSG_DONE)
			*more = false;
		else if (h->nlmsg_type == NLMSG_ERROR)
			return error_of(h);
		else if (has_cookie(h, want->cookie))
			found = take_drops(h, want);
	}
	return found;
}

/* To the end, even when the socket is found: nothing of it may stay in the
 * queue for the next question. */
static int read_dump(int nl, uint32_t seq, const struct wanted *want)
{
	bool more = true;
	int found = 0;

	while (more) {
		int rc = read_answers(nl, seq, want, &more);

		if (rc < 0)
			return rc;
		found |= rc;
	}
	return found;
}

static int family_of(const struct endpoint *e)
{
	return e->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
}

/* For UDP the kernel's exact look-up has "src" and "dst" the other way round
 * than its listings: src is the remote end, dst the local one. */
static int look_up(int nl, const struct endpoint *app,
		   const struct endpoint *flow, const struct wanted *want)
{
	struct request r = { .diag.sdiag_family = (uint8_t)family_of(app) };
	struct inet_diag_sockid *id = &r.diag.id;
	uint32_t seq = (uint32_t)want->cookie * 4;
	bool more;
	int rc;

	memcpy(id->idiag_src, flow->ip, sizeof(id->idiag_src));
	memcpy(id->idiag_dst, app->ip, sizeof(id->idiag_dst));
	id->idiag_sport = flow->port_be;
	id->idiag_dport = app->port_be;
	set_cookie(id, want->cookie);
	rc = ask(nl, &r, 0, seq);
	return rc != 0 ? rc : read_answers(nl, seq, want, &more);
}

/* All sockets of `family` that have the app's port. */
static int list(int nl, const struct endpoint *app, int family,
		const struct wanted *want)
{
	struct request r = { .diag = { .sdiag_family = (uint8_t)family,
				       .id.idiag_sport = app->port_be } };
	uint32_t seq = (uint32_t)want->cookie * 4 +
		       (family == AF_INET6 ? 2 : 1);
	int rc = ask(nl, &r, NLM_F_DUMP, seq);

	if (rc == 0)
		rc = read_dump(nl, seq, want);
	return rc == -ENOENT ? 0 : rc; /* a kernel without that family */
}

int sockdiag_udp_alive(int nl, const struct endpoint *app,
		       const struct endpoint *flow, uint64_t cookie,
		       uint32_t *drops)
{
	const struct wanted want = { .cookie = cookie, .drops = drops };
	int rc = look_up(nl, app, flow, &want);

	if (rc != 0 && rc != -ENOENT && rc != -ESTALE)
		return rc;
	/* A dual-stack socket is an IPv6 one, whatever it is reached by. */
	if (rc != 1)
		rc = list(nl, app, AF_INET6, &want);
	if (rc == 0 && app->family == ENDPOINT_IPV4)
		rc = list(nl, app, AF_INET, &want);
	return rc;
}
