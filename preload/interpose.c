/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interpose.c - every exported symbol and nothing else: find the socket, call
 * the module that knows its kind, else the real libc
 *
 * An untracked descriptor goes straight on: no lock and no system call of
 * ours, because sandboxed processes die of a system call that they did not
 * make themselves.
 */
/* The checked inline versions would clash with the definitions below. */
#undef _FORTIFY_SOURCE
#include <config.h>

#include "adopt.h"
#include "client.h"
#include "connect.h"
#include "datagram.h"
#include "fdtab.h"
#include "next.h"
#include "resolve.h"
#include "stream.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <linux/close_range.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

/* glibc declares addresses as a transparent union of all their types, which
 * the plain pointers below match in all but letter. */
#pragma GCC diagnostic ignored "-Wpedantic"

/* Fortified programs call these; no header declares them. */
ssize_t __recv_chk(int fd, void *data, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t room, int flags,
		       struct sockaddr *from, socklen_t *fromlen);
ssize_t __read_chk(int fd, void *data, size_t len, size_t room);

static struct sock *find(int fd)
{
	next_ready();
	return fdtab_find(fd);
}

/* The same, for a call that names an address. */
static struct sock *find_for(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s = find(fd);

	return likely(s != NULL) ? s : adopt_socket(fd, addr, len);
}

static bool is_udp(const struct sock *s)
{
	return s != NULL && s->kind == SOCK_KIND_UDP;
}

static bool is_tcp(const struct sock *s)
{
	return s != NULL && s->kind == SOCK_KIND_TCP;
}

/* False: `*result` is the answer. */
static bool may_send(struct sock *s, int fd, int flags, ssize_t *result)
{
	return !is_tcp(s) || connect_is_native(&s->tcp) ||
	       stream_may_send(s, fd, flags, result);
}

static bool may_recv(struct sock *s, int fd, int flags, ssize_t *result)
{
	return !is_tcp(s) || connect_is_native(&s->tcp) ||
	       stream_may_recv(s, fd, flags, result);
}

/* After a failed call: the number was closed behind our back and is no socket
 * any more. */
static bool is_stale(int fd, ssize_t result)
{
	if (likely(result >= 0) || errno != ENOTSOCK)
		return false;
	fdtab_forget(fd);
	return true;
}

/* The last descriptor of a socket is about to go. */
static void leave(int fd)
{
	struct sock *s = find(fd);

	if (likely(s == NULL) || fdtab_is_vfork_child())
		return;
	if (is_udp(s) && fdtab_is_last(s))
		datagram_closing(s, fd);
	if (is_tcp(s))
		stream_closing(s, fd);
	fdtab_forget(fd);
}

static void leave_range(unsigned int first, unsigned int last)
{
	int to = last > INT_MAX ? INT_MAX : (int)last;
	int fd = first > INT_MAX ? -1 : (int)first - 1;

	if (first > INT_MAX)
		return;
	while ((fd = fdtab_next(fd + 1, to)) >= 0)
		leave(fd);
}

/* `to` is closed by a dup of `from` that will not fail. */
static void make_room(int from, int to)
{
	if (find(to) != NULL && from != to && next.fcntl(from, F_GETFD) >= 0)
		leave(to);
}

/* `to` is a descriptor that libc has just made from `from`. */
static int duplicated(int from, int to)
{
	if (to >= 0 && (find(from) != NULL || find(to) != NULL))
		fdtab_alias(from, to);
	return to;
}

static enum sock_kind kind_of(int domain, int type, int protocol)
{
	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (domain != AF_INET && domain != AF_INET6)
		return SOCK_KIND_NONE;
	/* Multipath TCP falls back to TCP at a proxy that does not know it. */
	if (type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP ||
				    protocol == IPPROTO_MPTCP))
		return SOCK_KIND_TCP;
	if (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))
		return SOCK_KIND_UDP;
	return SOCK_KIND_NONE;
}

EXPORTED int socket(int domain, int type, int protocol)
{
	enum sock_kind kind = kind_of(domain, type, protocol);
	int fd;

	next_ready();
	fd = next.socket(domain, type, protocol);
	if (fd < 0)
		return fd;
	if (kind == SOCK_KIND_NONE || !client_active()) {
		if (unlikely(fdtab_find(fd) != NULL))
			fdtab_forget(fd);
		return fd;
	}
	if (fdtab_is_vfork_child() || fdtab_add(fd, kind, domain) != NULL)
		return fd;
	/* What cannot be tracked would go past the policy. */
	next.close(fd);
	errno = ENFILE;
	return -1;
}

EXPORTED int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s = find_for(fd, addr, len);

	if (is_udp(s))
		return datagram_bind(s, fd, addr, len);
	if (is_tcp(s))
		return stream_bind(s, fd, addr, len);
	return next.bind(fd, addr, len);
}

EXPORTED int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s = find_for(fd, addr, len);

	if (is_udp(s))
		return datagram_connect(s, fd, addr, len);
	if (is_tcp(s))
		return stream_connect(s, fd, addr, len);
	return next.connect(fd, addr, len);
}

/* Sending. */

EXPORTED ssize_t sendto(int fd, const void *data, size_t len, int flags,
			const struct sockaddr *to, socklen_t tolen)
{
	struct sock *s = to != NULL ? find_for(fd, to, tolen) : find(fd);
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)to,
			      .msg_namelen = tolen,
			      .msg_iov = &iov,
			      .msg_iovlen = 1 };
	ssize_t result;

	if (is_udp(s))
		return datagram_sendto(s, fd, data, len, flags, to, tolen);
	if (is_tcp(s) && (flags & MSG_FASTOPEN) && to != NULL)
		return stream_fastopen(s, fd, &msg, flags);
	if (!may_send(s, fd, flags, &result))
		return result;
	return next.sendto(fd, data, len, flags, to, tolen);
}

EXPORTED ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (s == NULL && msg->msg_name != NULL)
		s = adopt_socket(fd, msg->msg_name, msg->msg_namelen);
	if (is_udp(s))
		return datagram_sendmsg(s, fd, msg, flags);
	if (is_tcp(s) && (flags & MSG_FASTOPEN) && msg->msg_name != NULL)
		return stream_fastopen(s, fd, msg, flags);
	if (!may_send(s, fd, flags, &result))
		return result;
	return next.sendmsg(fd, msg, flags);
}

EXPORTED int sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (s == NULL && n > 0 && vec[0].msg_hdr.msg_name != NULL)
		s = adopt_socket(fd, vec[0].msg_hdr.msg_name,
				 vec[0].msg_hdr.msg_namelen);
	if (is_udp(s))
		return datagram_sendmmsg(s, fd, vec, n, flags);
	if (is_tcp(s) && (flags & MSG_FASTOPEN) && n > 0) {
		result = sendmsg(fd, &vec[0].msg_hdr, flags);
		if (result < 0)
			return -1;
		vec[0].msg_len = (unsigned int)result;
		return 1;
	}
	if (!may_send(s, fd, flags, &result))
		return (int)result;
	return next.sendmmsg(fd, vec, n, flags);
}

EXPORTED ssize_t send(int fd, const void *data, size_t len, int flags)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (is_udp(s))
		return datagram_sendto(s, fd, data, len, flags, NULL, 0);
	if (!may_send(s, fd, flags, &result))
		return result;
	return next.send(fd, data, len, flags);
}

EXPORTED ssize_t write(int fd, const void *data, size_t len)
{
	struct sock *s = find(fd);
	struct iovec iov = { (void *)(uintptr_t)data, len };
	ssize_t result;

	if (is_udp(s)) {
		result = datagram_writev(s, fd, &iov, 1);
		if (!is_stale(fd, result))
			return result;
	} else if (!may_send(s, fd, 0, &result)) {
		return result;
	}
	return next.write(fd, data, len);
}

EXPORTED ssize_t writev(int fd, const struct iovec *iov, int count)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (is_udp(s)) {
		result = datagram_writev(s, fd, iov, count);
		if (!is_stale(fd, result))
			return result;
	} else if (!may_send(s, fd, 0, &result)) {
		return result;
	}
	return next.writev(fd, iov, count);
}

EXPORTED ssize_t sendfile(int to, int from, off_t *offset, size_t len)
{
	ssize_t result;

	if (!may_send(find(to), to, 0, &result))
		return result;
	return next.sendfile(to, from, offset, len);
}

EXPORTED ssize_t sendfile64(int to, int from, off64_t *offset, size_t len)
{
	ssize_t result;

	if (!may_send(find(to), to, 0, &result))
		return result;
	return next.sendfile64(to, from, offset, len);
}

EXPORTED ssize_t splice(int from, off64_t *from_offset, int to,
			off64_t *to_offset, size_t len, unsigned int flags)
{
	ssize_t result;

	if (!may_recv(find(from), from, 0, &result) ||
	    !may_send(find(to), to, 0, &result))
		return result;
	return next.splice(from, from_offset, to, to_offset, len, flags);
}

/* Receiving. */

EXPORTED ssize_t recvfrom(int fd, void *data, size_t len, int flags,
			  struct sockaddr *from, socklen_t *fromlen)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (is_udp(s))
		return datagram_recvfrom(s, fd, data, len, flags, from,
					 fromlen);
	if (!may_recv(s, fd, flags, &result))
		return result;
	return next.recvfrom(fd, data, len, flags, from, fromlen);
}

EXPORTED ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (is_udp(s))
		return datagram_recvmsg(s, fd, msg, flags);
	if (!may_recv(s, fd, flags, &result))
		return result;
	return next.recvmsg(fd, msg, flags);
}

EXPORTED int recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags,
		      struct timespec *timeout)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (is_udp(s))
		return datagram_recvmmsg(s, fd, vec, n, flags, timeout);
	if (!may_recv(s, fd, flags, &result))
		return (int)result;
	return next.recvmmsg(fd, vec, n, flags, timeout);
}

EXPORTED ssize_t recv(int fd, void *data, size_t len, int flags)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (is_udp(s))
		return datagram_recvfrom(s, fd, data, len, flags, NULL, NULL);
	if (!may_recv(s, fd, flags, &result))
		return result;
	return next.recv(fd, data, len, flags);
}

EXPORTED ssize_t read(int fd, void *data, size_t len)
{
	struct sock *s = find(fd);
	struct iovec iov = { data, len };
	ssize_t result;

	if (is_udp(s)) {
		result = datagram_readv(s, fd, &iov, 1);
		if (!is_stale(fd, result))
			return result;
	} else if (!may_recv(s, fd, 0, &result)) {
		return result;
	}
	return next.read(fd, data, len);
}

EXPORTED ssize_t readv(int fd, const struct iovec *iov, int count)
{
	struct sock *s = find(fd);
	ssize_t result;

	if (is_udp(s)) {
		result = datagram_readv(s, fd, iov, count);
		if (!is_stale(fd, result))
			return result;
	} else if (!may_recv(s, fd, 0, &result)) {
		return result;
	}
	return next.readv(fd, iov, count);
}

/* The buffer is too small for `len`: libc ends the program. */

EXPORTED ssize_t __recv_chk(int fd, void *data, size_t len, size_t room,
			    int flags)
{
	if (find(fd) == NULL || len > room)
		return next.__recv_chk(fd, data, len, room, flags);
	return recv(fd, data, len, flags);
}

EXPORTED ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t room,
				int flags, struct sockaddr *from,
				socklen_t *fromlen)
{
	if (find(fd) == NULL || len > room)
		return next.__recvfrom_chk(fd, data, len, room, flags, from,
					   fromlen);
	return recvfrom(fd, data, len, flags, from, fromlen);
}

EXPORTED ssize_t __read_chk(int fd, void *data, size_t len, size_t room)
{
	if (find(fd) == NULL || len > room)
		return next.__read_chk(fd, data, len, room);
	return read(fd, data, len);
}

/* Names and options of a socket. */

EXPORTED int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sock *s = find(fd);

	if (is_udp(s))
		return datagram_getsockname(s, fd, addr, len);
	if (is_tcp(s))
		return stream_getsockname(s, fd, addr, len);
	return next.getsockname(fd, addr, len);
}

EXPORTED int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sock *s = find(fd);

	if (is_udp(s))
		return datagram_getpeername(s, fd, addr, len);
	if (is_tcp(s))
		return stream_getpeername(s, fd, addr, len);
	return next.getpeername(fd, addr, len);
}

EXPORTED int getsockopt(int fd, int level, int name, void *value,
			socklen_t *len)
{
	struct sock *s = find(fd);

	if (is_tcp(s))
		return stream_getsockopt(s, fd, level, name, value, len);
	return next.getsockopt(fd, level, name, value, len);
}

EXPORTED int setsockopt(int fd, int level, int name, const void *value,
			socklen_t len)
{
	struct sock *s = find(fd);

	if (is_udp(s))
		return datagram_setsockopt(s, fd, level, name, value, len);
	if (is_tcp(s))
		return stream_setsockopt(s, fd, level, name, value, len);
	return next.setsockopt(fd, level, name, value, len);
}

EXPORTED int shutdown(int fd, int how)
{
	struct sock *s = find(fd);

	if (is_udp(s))
		return datagram_shutdown(s, fd, how);
	if (is_tcp(s))
		return stream_shutdown(s, fd, how);
	return next.shutdown(fd, how);
}

EXPORTED int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct sock *s = find(fd);

	if (is_tcp(s))
		return stream_epoll_ctl(s, epfd, op, fd, event);
	return next.epoll_ctl(epfd, op, fd, event);
}

EXPORTED int ioctl(int fd, unsigned long request, ...)
{
	struct sock *s = find(fd);
	va_list ap;
	void *arg;
	int result;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (is_udp(s)) {
		result = datagram_ioctl(s, fd, request, arg);
		if (!is_stale(fd, result))
			return result;
	} else if (is_tcp(s)) {
		return stream_ioctl(s, fd, request, arg);
	}
	return next.ioctl(fd, request, arg);
}

/* Descriptors come and go. */

EXPORTED int close(int fd)
{
	leave(fd);
	return next.close(fd);
}

EXPORTED int close_range(unsigned int first, unsigned int last, int flags)
{
	next_ready();
	if (first <= last && !(flags & CLOSE_RANGE_CLOEXEC))
		leave_range(first, last);
	return next.close_range(first, last, flags);
}

EXPORTED void closefrom(int first)
{
	next_ready();
	leave_range(first < 0 ? 0 : (unsigned int)first, INT_MAX);
	next.closefrom(first);
}

EXPORTED int dup(int fd)
{
	next_ready();
	return duplicated(fd, next.dup(fd));
}

EXPORTED int dup2(int from, int to)
{
	make_room(from, to);
	return duplicated(from, next.dup2(from, to));
}

EXPORTED int dup3(int from, int to, int flags)
{
	make_room(from, to);
	return duplicated(from, next.dup3(from, to, flags));
}

static bool is_dup_command(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

EXPORTED int fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	next_ready();
	if (is_dup_command(command))
		return duplicated(fd, next.fcntl(fd, command, arg));
	return next.fcntl(fd, command, arg);
}

EXPORTED int fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	next_ready();
	if (is_dup_command(command))
		return duplicated(fd, next.fcntl64(fd, command, arg));
	return next.fcntl64(fd, command, arg);
}

/* Names. */

EXPORTED int getaddrinfo(const char *node, const char *service,
			 const struct addrinfo *hints, struct addrinfo **res)
{
	next_ready();
	return resolve_getaddrinfo(node, service, hints, res);
}

/* Our answers are made by the real getaddrinfo(). */
EXPORTED void freeaddrinfo(struct addrinfo *res)
{
	next_ready();
	next.freeaddrinfo(res);
}

EXPORTED int getnameinfo(const struct sockaddr *addr, socklen_t addrlen,
			 char *host, socklen_t hostlen, char *serv,
			 socklen_t servlen, int flags)
{
	next_ready();
	return resolve_getnameinfo(addr, addrlen, host, hostlen, serv, servlen,
				   flags);
}

EXPORTED struct hostent *gethostbyname(const char *name)
{
	next_ready();
	return resolve_gethostbyname2(name, AF_INET, 1);
}

EXPORTED struct hostent *gethostbyname2(const char *name, int family)
{
	next_ready();
	return resolve_gethostbyname2(name, family, 0);
}

EXPORTED int gethostbyname_r(const char *name, struct hostent *ret, char *buf,
			     size_t buflen, struct hostent **result,
			     int *h_errnop)
{
	next_ready();
	return resolve_gethostbyname2_r(name, AF_INET, 1, ret, buf, buflen,
					result, h_errnop);
}

EXPORTED int gethostbyname2_r(const char *name, int family, struct hostent *ret,
			      char *buf, size_t buflen, struct hostent **result,
			      int *h_errnop)
{
	next_ready();
	return resolve_gethostbyname2_r(name, family, 0, ret, buf, buflen,
					result, h_errnop);
}

EXPORTED struct hostent *gethostbyaddr(const void *addr, socklen_t len,
				       int family)
{
	next_ready();
	return resolve_gethostbyaddr(addr, len, family);
}

EXPORTED int gethostbyaddr_r(const void *addr, socklen_t len, int family,
			     struct hostent *ret, char *buf, size_t buflen,
			     struct hostent **result, int *h_errnop)
{
	next_ready();
	return resolve_gethostbyaddr_r(addr, len, family, ret, buf, buflen,
				       result, h_errnop);
}

EXPORTED int res_query(const char *name, int class, int type,
		       unsigned char *answer, int max)
{
	next_ready();
	return resolve_query(name, class, type, answer, max, false);
}

EXPORTED int res_search(const char *name, int class, int type,
			unsigned char *answer, int max)
{
	next_ready();
	return resolve_query(name, class, type, answer, max, true);
}

EXPORTED int res_nquery(res_state state, const char *name, int class, int type,
			unsigned char *answer, int max)
{
	next_ready();
	return resolve_nquery(state, name, class, type, answer, max, false);
}

EXPORTED int res_nsearch(res_state state, const char *name, int class, int type,
			 unsigned char *answer, int max)
{
	next_ready();
	return resolve_nquery(state, name, class, type, answer, max, true);
}
