/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_disconnect.c - a TCP socket can be connected in vain and be as before
 * after connect(AF_UNSPEC); shutdown() ends every wait on one: tunneld/hop.c
 * and tunneld/cancel.c rest on it
 */
#include <config.h>

#include "platform.h"

#include <poll.h>
#include <pthread.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

static struct sockaddr_in6 listener(int *fd, int backlog)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_ANY_INIT };
	socklen_t len = sizeof(in6);

	*fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FACT(bind(*fd, (struct sockaddr *)&in6, len) == 0);
	FACT(listen(*fd, backlog) == 0);
	FACT(getsockname(*fd, (struct sockaddr *)&in6, &len) == 0);
	in6.sin6_addr = in6addr_loopback;
	return in6;
}

static struct sockaddr_in6 mapped(struct sockaddr_in6 in6)
{
	static const unsigned char ip[16] = { [10] = 0xff, [11] = 0xff, 127,
					      0,           0,           1 };

	memcpy(&in6.sin6_addr, ip, sizeof(ip));
	return in6;
}

static void disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in6 in6;
	socklen_t len = sizeof(in6);

	FACT(connect(fd, &none, sizeof(none)) == 0);
	FACT(getpeername(fd, (struct sockaddr *)&in6, &len) == -1);
	FACT(errno == ENOTCONN);
}

/* An IPv6 socket that has been connected to an IPv4 address, even in vain,
 * keeps IPv4's functions: a connect to an IPv6 address hangs afterwards. One
 * that fails at once, before anything is sent, gives it its own back. */
static void unmap(int fd)
{
	static const unsigned char ip[16] = { [10] = 0xff, [11] = 0xff, 255,
					      255,         255,         255 };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(9) };

	memcpy(&in6.sin6_addr, ip, sizeof(ip));
	FACT(connect(fd, (struct sockaddr *)&in6, sizeof(in6)) == -1);
	FACT(errno == ENETUNREACH);
}

static int connect_to(int fd, struct sockaddr_in6 in6)
{
	return connect(fd, (struct sockaddr *)&in6, sizeof(in6));
}

static void carries_a_byte(int fd, int listen_fd)
{
	int peer = accept(listen_fd, NULL, NULL);
	char c = 0;

	FACT(peer >= 0);
	FACT(send(fd, "x", 1, MSG_NOSIGNAL) == 1);
	FACT(recv(peer, &c, 1, 0) == 1 && c == 'x');
	FACT(send(peer, "y", 1, MSG_NOSIGNAL) == 1);
	FACT(recv(fd, &c, 1, 0) == 1 && c == 'y');
	close(peer);
}

/* Refused, then connected; connected by one family, then by the other. */
static void connect_again(void)
{
	int listen_fd, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 good = listener(&listen_fd, 8), bad = good;
	int rounds, peer;

	bad.sin6_port = htons(1);
	for (rounds = 0; rounds < 3; rounds++) {
		FACT(connect_to(fd, bad) == -1 && errno == ECONNREFUSED);
		disconnect(fd);
		FACT(connect_to(fd, mapped(bad)) == -1);
		FACT(errno == ECONNREFUSED);
		disconnect(fd);
		FACT(connect_to(fd, mapped(good)) == 0);
		peer = accept(listen_fd, NULL, NULL);
		disconnect(fd);
		close(peer);
		unmap(fd);
		FACT(connect_to(fd, good) == 0);
		carries_a_byte(fd, listen_fd);
		disconnect(fd);
		FACT(connect_to(fd, mapped(good)) == 0);
		carries_a_byte(fd, listen_fd);
		disconnect(fd);
		unmap(fd);
	}
	close(fd);
	close(listen_fd);
}

/* Options and the bound port outlive it. */
static void what_stays(void)
{
	int listen_fd, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 to = listener(&listen_fd, 8), own = to;
	socklen_t len = sizeof(own);
	int one = 1, value = 0;
	in_port_t port;

	own.sin6_port = 0;
	own.sin6_addr = in6addr_any;
	FACT(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	FACT(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
	port = own.sin6_port;
	FACT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	FACT(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0);
	FACT(connect_to(fd, to) == 0);
	FACT(shutdown(fd, SHUT_RDWR) == 0);
	disconnect(fd);
	len = sizeof(own);
	FACT(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
	FACT(own.sin6_port == port);
	len = sizeof(value);
	FACT(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len) == 0);
	FACT(value == 1);
	FACT(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len) == 0);
	FACT(value == 1);
	/* Even shutdown() is undone. */
	close(accept(listen_fd, NULL, NULL));
	FACT(connect_to(fd, to) == 0);
	carries_a_byte(fd, listen_fd);
	close(fd);
	close(listen_fd);
}

static void *shut_soon(void *arg)
{
	poll(NULL, 0, 50);
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}

/* A wait for a connect that nobody answers ends by shutdown() elsewhere. */
static void shutdown_wakes(void)
{
	int listen_fd, filler[4], i;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	struct sockaddr_in6 to = listener(&listen_fd, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	pthread_t thread;

	/* A full backlog drops SYNs. */
	for (i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET6,
				   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				   0);
		(void)connect_to(filler[i], to);
	}
	poll(NULL, 0, 20);
	FACT(connect_to(fd, to) == -1 && errno == EINPROGRESS);
	FACT(poll(&p, 1, 50) == 0);
	FACT(pthread_create(&thread, NULL, shut_soon, &fd) == 0);
	FACT(poll(&p, 1, 5000) == 1);
	FACT(p.revents & POLLHUP);
	pthread_join(thread, NULL);
	for (i = 0; i < 4; i++)
		close(filler[i]);
	close(fd);
	close(listen_fd);
}

int main(void)
{
	connect_again();
	what_stays();
	shutdown_wakes();
	return 0;
}
