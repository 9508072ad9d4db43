/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream.h - the TCP half: what each libc call does on a socket whose connect
 * may be in tunneld's hands
 *
 * Functions named after a libc call have its contract: same return, same
 * errno, errno untouched on success. `fd` is tracked as `s`.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

struct sock;

int stream_connect(struct sock *s, int fd, const struct sockaddr *addr,
		   socklen_t len);
int stream_bind(struct sock *s, int fd, const struct sockaddr *addr,
		socklen_t len);
int stream_shutdown(struct sock *s, int fd, int how);
int stream_getsockname(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len);
int stream_getpeername(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len);
int stream_getsockopt(struct sock *s, int fd, int level, int name, void *value,
		      socklen_t *len);
int stream_setsockopt(struct sock *s, int fd, int level, int name,
		      const void *value, socklen_t len);
int stream_ioctl(struct sock *s, int fd, unsigned long request, void *arg);
int stream_epoll_ctl(struct sock *s, int epfd, int op, int fd,
		     struct epoll_event *event);

/* Before a call that sends or receives: true when it may go to the kernel,
 * else `*result` and errno are what it returns. `flags` as in send(). */
bool stream_may_send(struct sock *s, int fd, int flags, ssize_t *result);
bool stream_may_recv(struct sock *s, int fd, int flags, ssize_t *result);
/* sendmsg() with MSG_FASTOPEN, which connects. */
ssize_t stream_fastopen(struct sock *s, int fd, const struct msghdr *msg,
			int flags);
/* `fd` is about to leave the table. */
void stream_closing(struct sock *s, int fd);

#endif
