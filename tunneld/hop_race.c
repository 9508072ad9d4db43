/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hop_race.c - TCP to whichever of a host's addresses answers first
 *
 * RFC 8305, 4 and 5: an attempt begins a quarter of a second after the last
 * one, or as soon as one has failed; the first to connect wins and the others
 * are closed. So an address that swallows packets costs that quarter, not its
 * share of the time.
 */
#include <config.h>

#include "hop_race.h"

#include "cancel.h"
#include "clock.h"
#include "lookup.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define ATTEMPT_DELAY_MS 250

struct race {
	const struct endpoint *addrs;
	unsigned int count;
	unsigned int next; /* the address that begins next */
	uint64_t next_ms;  /* not before */
	unsigned int flying;
	struct pollfd fds[LOOKUP_MAX]; /* `flying` of them */
	unsigned int index[LOOKUP_MAX];
	int error; /* -errno of the attempt that said most */
};

void hop_race_order(struct endpoint *addrs, unsigned int count)
{
	struct endpoint moved;
	unsigned int i, j;

	for (i = 1; i < count; i++) {
		for (j = i; j < count; j++)
			if (addrs[j].family != addrs[i - 1].family)
				break;
		if (j == i || j == count)
			continue;
		moved = addrs[j];
		for (; j > i; j--)
			addrs[j] = addrs[j - 1];
		addrs[i] = moved;
	}
}

/* That this host has no route for a family says nothing of the other one. */
static void note(struct race *r, int error)
{
	if (r->error == 0 || r->error == -ENETUNREACH ||
	    r->error == -EAFNOSUPPORT)
		r->error = error;
}

static int new_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* The next address: 0 when under way, 1 when connected at once; then it is
 * last of `fds`. Or -errno. */
static int begin(struct race *r)
{
	unsigned int i = r->next++;
	const struct endpoint *e = &r->addrs[i];
	int family = e->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(e, family, &ss);
	int fd = new_socket(family), error = 0;

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&ss, len) != 0)
		error = errno;
	if (error != 0 && error != EINPROGRESS && error != EINTR) {
		close(fd);
		return -error;
	}
	r->fds[r->flying] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	r->index[r->flying++] = i;
	return error == 0 ? 1 : 0;
}

/* True: one has connected, and is last of `fds`. */
static bool begin_due(struct race *r, uint64_t now_ms)
{
	while (r->next < r->count && (r->flying == 0 || now_ms >= r->next_ms)) {
		int rc = begin(r);

		if (rc > 0)
			return true;
		if (rc < 0)
			note(r, rc);
		else
			r->next_ms = now_ms + ATTEMPT_DELAY_MS;
	}
	return false;
}

static int wait_ms(const struct race *r, uint64_t deadline_ms, uint64_t now_ms)
{
	uint64_t until = now_ms + CANCEL_POLL_MS;

	if (until > deadline_ms)
		until = deadline_ms;
	if (r->next < r->count && until > r->next_ms)
		until = r->next_ms;
	return until > now_ms ? (int)(until - now_ms) : 0;
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

/* What poll() has found. True: one has connected, and is last of `fds`. */
static bool look(struct race *r)
{
	unsigned int i = 0;

	while (i < r->flying) {
		struct pollfd p = r->fds[i];
		unsigned int index = r->index[i];
		int error;

		if (p.revents == 0) {
			i++;
			continue;
		}
		error = socket_error(p.fd);
		r->fds[i] = r->fds[r->flying - 1];
		r->index[i] = r->index[r->flying - 1];
		if (error == 0) {
			r->fds[r->flying - 1] = p;
			r->index[r->flying - 1] = index;
			return true;
		}
		r->flying--;
		close(p.fd);
		note(r, -error);
		r->next_ms = 0; /* the next one at once */
	}
	return false;
}

static int win(struct race *r, unsigned int *winner)
{
	r->flying--;
	*winner = r->index[r->flying];
	return r->fds[r->flying].fd;
}

static int run(struct race *r, uint64_t deadline_ms, struct cancel *cancel,
	       unsigned int *winner)
{
	for (;;) {
		uint64_t now = clock_now_ms();

		if (cancel_is_set(cancel))
			return -ECANCELED;
		if (now >= deadline_ms) {
			note(r, -ETIMEDOUT);
			return r->error;
		}
		if (begin_due(r, now))
			return win(r, winner);
		if (r->flying == 0)
			return r->error;
		if (poll(r->fds, r->flying, wait_ms(r, deadline_ms, now)) < 0 &&
		    errno != EINTR)
			return -errno;
		if (look(r))
			return win(r, winner);
	}
}

int hop_race(const struct endpoint *addrs, unsigned int count,
	     uint64_t deadline_ms, struct cancel *cancel, unsigned int *winner)
{
	struct race r = { .addrs = addrs, .count = count };
	int fd = run(&r, deadline_ms, cancel, winner);

	while (r.flying > 0)
		close(r.fds[--r.flying].fd);
	return fd;
}
