/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_options.c - names, options and modes of a socket before, while and after
 * its connect is in tunneld's hands
 */
#include <config.h>

#include "hook.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CHECK(getsockopt(fd, level, name, &value, &len) == 0);
	CHECK(len == sizeof(value));
	return value;
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static void kept_over_the_swap(enum outcome outcome)
{
	struct timeval limit = { .tv_sec = 7 }, got;
	socklen_t len = sizeof(got);
	int fd = tcp_socket(SOCK_NONBLOCK);

	CHECK(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == 0);
	CHECK(set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 45) == 0);
	CHECK_FAILS(dial(fd, outcome), EINPROGRESS);
	CHECK(get(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
	CHECK(get(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 45);
	CHECK(get(fd, IPPROTO_TCP, TCP_NODELAY) == 0);
	CHECK(set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0);
	CHECK(get(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
	CHECK(set(fd, IPPROTO_IP, IP_TOS, 0x10) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ==
	      0);
	check_connected(fd, outcome);
	CHECK(get(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
	CHECK(get(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 45);
	CHECK(get(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
	CHECK(get(fd, IPPROTO_IP, IP_TOS) == 0x10);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len) == 0);
	CHECK(got.tv_sec == 7);
	close(fd);
}

static void options_kept(void)
{
	kept_over_the_swap(OK_LATER);
	kept_over_the_swap(OK_NEW_SOCKET);
}

static void identity_while_pending(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 a = to6("2001:db8::", OK_LATER);

	CHECK_FAILS(connect(fd, (struct sockaddr *)&a, sizeof(a)), EINPROGRESS);
	CHECK(get(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6);
	CHECK(get(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
	CHECK(get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
	CHECK(get(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
	CHECK(get(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0);
	CHECK(get(fd, SOL_SOCKET, SO_SNDBUF) > 4608);
	CHECK_FAILS(set(fd, IPPROTO_TCP, 4711, 1), ENOPROTOOPT);
	CHECK_FAILS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &a, 1), EINVAL);
	close(fd);
}

static void tcp_info(void)
{
	struct tcp_info info;
	socklen_t len = sizeof(info), whole;
	int fd = tcp_socket(SOCK_NONBLOCK);

	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	whole = len;
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	len = sizeof(info);
	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	CHECK(info.tcpi_state == TCP_SYN_SENT && len == whole);
	check_connected(fd, OK_LATER);
	len = sizeof(info);
	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	CHECK(info.tcpi_state == TCP_ESTABLISHED);
	close(fd);
}

static void cookie_is_the_sockets(void)
{
	uint64_t before = 0, pending = 0, after = 0;
	socklen_t len = sizeof(before);
	int fd = tcp_socket(SOCK_NONBLOCK);

	CHECK(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &before, &len) == 0);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &pending, &len) == 0);
	check_connected(fd, OK_LATER);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &after, &len) == 0);
	CHECK(before == pending && pending == after);
	close(fd);
}

static void names(void)
{
	struct sockaddr_in local = { .sin_family = AF_INET }, have;
	socklen_t len = sizeof(have);
	int fd = tcp_socket(SOCK_NONBLOCK);
	uint16_t port;

	CHECK(bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&have, &len) == 0);
	port = have.sin_port;
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	len = sizeof(have);
	CHECK(getsockname(fd, (struct sockaddr *)&have, &len) == 0);
	CHECK(have.sin_family == AF_INET && have.sin_port == port);
	CHECK_FAILS(bind(fd, (struct sockaddr *)&local, sizeof(local)), EINVAL);
	CHECK_FAILS(listen(fd, 1), EINVAL);
	check_connected(fd, OK_LATER);
	CHECK(getsockname(fd, (struct sockaddr *)&have, &len) == 0);
	CHECK(have.sin_port == port);
	/* As the kernel cuts, and tells the whole length. */
	len = 4;
	memset(&have, 0xff, sizeof(have));
	CHECK(getpeername(fd, (struct sockaddr *)&have, &len) == 0);
	CHECK(len == sizeof(have) && have.sin_addr.s_addr == 0xffffffffu);
	close(fd);
}

static void io_controls(void)
{
	int fd = tcp_dialing(OK_LATER), value = -1, on = 1, off = 0;

	CHECK(ioctl(fd, FIONREAD, &value) == 0 && value == 0);
	value = -1;
	CHECK(ioctl(fd, SIOCOUTQ, &value) == 0 && value == 0);
	CHECK(ioctl(fd, FIONBIO, &off) == 0);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK(ioctl(fd, FIONBIO, &on) == 0);
	check_connected(fd, OK_LATER);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(send(fd, "abc", 3, 0) == 3);
	CHECK(poll_events(fd, POLLIN, 3000) == POLLIN);
	CHECK(ioctl(fd, FIONREAD, &value) == 0 && value == 3);
	close(fd);
	fd = tcp_dialing(REFUSED_AT_ONCE);
	CHECK(poll_events(fd, POLLOUT, 3000) & POLLHUP);
	CHECK(ioctl(fd, FIONREAD, &value) == 0 && value == 0);
	CHECK(so_error(fd) == ECONNREFUSED);
	close(fd);
}

static void vectors(void)
{
	int fd = tcp_dialing(OK_LATER);
	char got[6];
	struct iovec out[2] = { { (char[]){ "abc" }, 3 },
				{ (char[]){ "de" }, 3 } };
	struct iovec in[2] = { { got, 4 }, { got + 4, 2 } };
	struct msghdr msg = { .msg_iov = out, .msg_iovlen = 2 };

	CHECK_FAILS(writev(fd, out, 2), EAGAIN);
	CHECK_FAILS(sendmsg(fd, &msg, 0), EAGAIN);
	msg.msg_iov = in;
	CHECK_FAILS(readv(fd, in, 2), EAGAIN);
	CHECK_FAILS(recvmsg(fd, &msg, 0), EAGAIN);
	CHECK(poll_events(fd, POLLOUT, 3000) == POLLOUT);
	CHECK(writev(fd, out, 2) == 6);
	CHECK(poll_events(fd, POLLIN, 3000) == POLLIN);
	CHECK(readv(fd, in, 2) == 6);
	CHECK(memcmp(got, "abcde", 6) == 0);
	CHECK(peer_is(fd, OK_LATER));
	close(fd);
}

static const struct hook_case cases[] = {
	{ "options outlive the swap", options_kept },
	{ "domain, type and limits while pending", identity_while_pending },
	{ "TCP_INFO while pending", tcp_info },
	{ "SO_COOKIE never changes", cookie_is_the_sockets },
	{ "getsockname, getpeername, bind, listen", names },
	{ "FIONREAD, SIOCOUTQ, FIONBIO", io_controls },
	{ "readv, writev, recvmsg, sendmsg", vectors },
};

HOOK_MAIN(cases)
