/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram.h - the UDP half: a socket that stays a real UDP socket, whose
 * tunnelled peers are reached through a loopback port of tunneld
 *
 * Every function has the contract of the libc call that it stands for: same
 * return, same errno, errno untouched on success. `fd` is tracked as `s`.
 */
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include <turnout/endpoint.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <sys/socket.h>
#include <sys/uio.h>

struct sock;

/* A registration with tunneld: what loopback datagrams carry and where they
 * go. Written once, then only read. */
struct udp_flow {
	uint64_t secret;
	uint64_t epoch;         /* of the page when the flow was asked for */
	struct endpoint addr;   /* loopback address and port */
	struct endpoint source; /* for IP_PKTINFO, when `pin` */
	bool pin;               /* sends must be pinned to lo (P1) */
};

/* A reader may still look at the last flow while a new one is published. */
#define UDP_FLOWS 4

/* Zero: nothing known yet, native until the first tunnelled peer. */
struct udp_sock {
	/* How many flows were published; the newest is in
	 * flows[(published - 1) % UDP_FLOWS]. 0: never registered. */
	_Atomic uint32_t published;
	struct udp_flow flows[UDP_FLOWS];
	_Atomic uint64_t retry_at_ms; /* after a failed registration */

	_Atomic bool native_for_ever; /* bound to loopback or link-local (P3) */
	_Atomic bool loopback;        /* … to the former */
	_Atomic bool pin;             /* IP_UNICAST_IF … was set (P1) */
	_Atomic bool gro_off;         /* UDP_GRO is refused to the kernel */
	_Atomic bool cork;            /* UDP_CORK is on */
	_Atomic bool corked;          /* a tunnelled datagram is half sent */
	_Atomic uint16_t segment_bytes; /* UDP_SEGMENT of the socket */

	_Atomic bool kernel_connected; /* natively, to a direct peer */
	_Atomic bool connected; /* to a tunnelled peer, kernel socket is not */
	struct endpoint peer;   /* then */
	struct sockaddr_storage local; /* what getsockname() says then */
	socklen_t local_len;
};

ssize_t datagram_sendto(struct sock *s, int fd, const void *data, size_t len,
			int flags, const struct sockaddr *to, socklen_t tolen);
ssize_t datagram_sendmsg(struct sock *s, int fd, const struct msghdr *msg,
			 int flags);
int datagram_sendmmsg(struct sock *s, int fd, struct mmsghdr *vec,
		      unsigned int n, int flags);
/* write() (count 1) and writev() */
ssize_t datagram_writev(struct sock *s, int fd, const struct iovec *iov,
			int count);

ssize_t datagram_recvfrom(struct sock *s, int fd, void *data, size_t len,
			  int flags, struct sockaddr *from, socklen_t *fromlen);
ssize_t datagram_recvmsg(struct sock *s, int fd, struct msghdr *msg, int flags);
int datagram_recvmmsg(struct sock *s, int fd, struct mmsghdr *vec,
		      unsigned int n, int flags, struct timespec *timeout);
ssize_t datagram_readv(struct sock *s, int fd, const struct iovec *iov,
		       int count);

int datagram_bind(struct sock *s, int fd, const struct sockaddr *addr,
		  socklen_t len);
int datagram_connect(struct sock *s, int fd, const struct sockaddr *addr,
		     socklen_t len);
int datagram_getsockname(struct sock *s, int fd, struct sockaddr *addr,
			 socklen_t *len);
int datagram_getpeername(struct sock *s, int fd, struct sockaddr *addr,
			 socklen_t *len);
int datagram_setsockopt(struct sock *s, int fd, int level, int name,
			const void *value, socklen_t len);
int datagram_ioctl(struct sock *s, int fd, unsigned long request, void *arg);
int datagram_shutdown(struct sock *s, int fd, int how);
/* A socket that has been in use before it was tracked: learn its state. */
void datagram_adopted(struct sock *s, int fd);
/* Before the last descriptor is closed: sends WIRE_CLOSE. */
void datagram_closing(struct sock *s, int fd);

#endif
