/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls_forward.c - what is inside a TLS connection, to a port and back */
#include <config.h>

#include "tls_forward.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

static int connect_to(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0)
		abort();
	return fd;
}

static bool inwards(SSL *ssl, int to)
{
	char buf[16384];
	int n = SSL_read(ssl, buf, sizeof(buf)), done = 0;

	while (done < n) {
		ssize_t put = send(to, buf + done, (size_t)(n - done),
				   MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		done += (int)put;
	}
	return n > 0;
}

static bool outwards(int from, SSL *ssl)
{
	char buf[16384];
	ssize_t n = recv(from, buf, sizeof(buf), 0);

	return n > 0 && SSL_write(ssl, buf, (int)n) == (int)n;
}

void tls_forward(SSL *ssl, uint16_t port)
{
	struct pollfd p[2] = { { .fd = SSL_get_fd(ssl), .events = POLLIN },
			       { .fd = connect_to(port), .events = POLLIN } };
	bool more = true;

	while (more) {
		if (poll(p, 2, SSL_pending(ssl) > 0 ? 0 : -1) < 0)
			abort();
		if (SSL_pending(ssl) > 0 || p[0].revents != 0)
			more = inwards(ssl, p[1].fd);
		if (more && p[1].revents != 0)
			more = outwards(p[1].fd, ssl);
	}
	SSL_shutdown(ssl);
	close(p[1].fd);
}
