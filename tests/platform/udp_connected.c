/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_connected.c - what a connected UDP socket says of its peer, of datagrams
 * that do not fit, and of a shutdown() by another thread: tunneld/stream.c and
 * tunneld/tls.c rest on it
 */
#include <config.h>

#include "platform.h"

#include <poll.h>

#include <netinet/in.h>

static struct sockaddr_in here;
static socklen_t len = sizeof(here);

static int bound(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	here = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	FACT(bind(fd, (struct sockaddr *)&here, len) == 0);
	FACT(getsockname(fd, (struct sockaddr *)&here, &len) == 0);
	return fd;
}

static int connected(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	FACT(connect(fd, (struct sockaddr *)&here, len) == 0);
	return fd;
}

static short wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	FACT(poll(&p, 1, 5000) == 1);
	return p.revents;
}

/* ICMP port unreachable comes as an error of the next call, once. */
static void refused(void)
{
	int other = bound(), fd = connected();
	char c;

	close(other);
	FACT(send(fd, "x", 1, 0) == 1);
	FACT(wait_for(fd, POLLIN) & POLLERR);
	FACT(recv(fd, &c, 1, 0) == -1 && errno == ECONNREFUSED);
	FACT(recv(fd, &c, 1, 0) == -1 && errno == EAGAIN);
	FACT(send(fd, "x", 1, 0) == 1);
	FACT(wait_for(fd, POLLIN) & POLLERR);
	FACT(send(fd, "x", 1, 0) == -1 && errno == ECONNREFUSED);
	close(fd);
}

/* MSG_TRUNC tells the whole length; an empty datagram is 0, as an end is on a
 * stream. */
static void lengths(void)
{
	int other = bound(), fd = connected();
	struct sockaddr_in mine;
	char buf[4];

	FACT(getsockname(fd, (struct sockaddr *)&mine, &len) == 0);
	FACT(connect(other, (struct sockaddr *)&mine, len) == 0);
	FACT(send(other, "12345678", 8, 0) == 8);
	FACT(send(other, "", 0, 0) == 0);
	FACT(wait_for(fd, POLLIN) == POLLIN);
	FACT(recv(fd, buf, sizeof(buf), MSG_TRUNC) == 8);
	FACT(recv(fd, buf, sizeof(buf), MSG_TRUNC) == 0);
	FACT(recv(fd, buf, sizeof(buf), MSG_TRUNC) == -1 && errno == EAGAIN);
	close(other);
	close(fd);
}

/* EMSGSIZE is about that datagram; the socket goes on. */
static void too_big(void)
{
	static char big[65535];
	int other = bound(), fd = connected();
	char c;

	FACT(send(fd, big, sizeof(big), 0) == -1 && errno == EMSGSIZE);
	FACT(send(fd, "x", 1, 0) == 1);
	FACT(wait_for(other, POLLIN) == POLLIN);
	FACT(recv(other, &c, 1, 0) == 1);
	close(other);
	close(fd);
}

/* shutdown() wakes poll() with POLLHUP, which nothing else does; recv() still
 * says EAGAIN. */
static void shut_down(void)
{
	int other = bound(), fd = connected();
	char c;

	FACT(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 0);
	FACT(shutdown(fd, SHUT_RDWR) == 0);
	FACT(wait_for(fd, POLLIN) & POLLHUP);
	FACT(recv(fd, &c, 1, 0) == -1 && errno == EAGAIN);
	close(other);
	close(fd);
}

int main(void)
{
	refused();
	lengths();
	too_big();
	shut_down();
	return 0;
}
