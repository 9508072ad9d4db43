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

#include "udp_sock.h"

#include <time.h>

#include <sys/socket.h>
#include <sys/uio.h>

struct sock;

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
