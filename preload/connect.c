/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connect.c - the TCP half: every call as the kernel answers it, until the next
 * commit */
#include <config.h>

#include "fdtab.h"
#include "next.h"
#include "stream.h"
int stream_connect(struct sock *s, int fd, const struct sockaddr *addr,
		   socklen_t len)
{
	(void)s;
	return next.connect(fd, addr, len);
}
int stream_bind(struct sock *s, int fd, const struct sockaddr *addr,
		socklen_t len)
{
	(void)s;
	return next.bind(fd, addr, len);
}
int stream_shutdown(struct sock *s, int fd, int how)
{
	(void)s;
	return next.shutdown(fd, how);
}
int stream_getsockname(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len)
{
	(void)s;
	return next.getsockname(fd, addr, len);
}
int stream_getpeername(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len)
{
	(void)s;
	return next.getpeername(fd, addr, len);
}
int stream_getsockopt(struct sock *s, int fd, int level, int name, void *value,
		      socklen_t *len)
{
	(void)s;
	return next.getsockopt(fd, level, name, value, len);
}
int stream_setsockopt(struct sock *s, int fd, int level, int name,
		      const void *value, socklen_t len)
{
	(void)s;
	return next.setsockopt(fd, level, name, value, len);
}
int stream_ioctl(struct sock *s, int fd, unsigned long request, void *arg)
{
	(void)s;
	return next.ioctl(fd, request, arg);
}
int stream_epoll_ctl(struct sock *s, int epfd, int op, int fd,
		     struct epoll_event *event)
{
	(void)s;
	return next.epoll_ctl(epfd, op, fd, event);
}
bool stream_may_send(struct sock *s, int fd, int flags, ssize_t *result)
{
	(void)s;
	(void)fd;
	(void)flags;
	(void)result;
	return true;
}
bool stream_may_recv(struct sock *s, int fd, int flags, ssize_t *result)
{
	(void)s;
	(void)fd;
	(void)flags;
	(void)result;
	return true;
}
ssize_t stream_fastopen(struct sock *s, int fd, const struct msghdr *msg,
			int flags)
{
	(void)s;
	return next.sendmsg(fd, msg, flags);
}
void stream_closing(struct sock *s, int fd)
{
	(void)s;
	(void)fd;
}
