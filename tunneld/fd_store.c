/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fd_store.c - the loopback sockets of flows in the service manager's store
 *
 * A socket's name there says what it is: flow1-FAMILY-PORT, where 1 is the
 * version of all this. A later tunneld that means something else by it counts
 * up, and does not take ours. While a copy is in store its port is taken, so
 * no two have the same name.
 */
#include <config.h>

#include "fd_store.h"

#include "activation.h"
#include "addr.h"
#include "log.h"
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define NAME_BYTES 24
#define PORTS      65536

struct fd_store {
	struct held {
		struct endpoint bound;
		int fd;
	} * held; /* of before, until they are taken */
	size_t held_count;
	size_t max, kept;
	size_t lacking; /* open flows whose sockets are not in store */
	uint8_t is_kept[2][PORTS / 8];
};

static void name_of(const struct endpoint *bound, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "flow1-%u-%u", bound->family,
		 ntohs(bound->port_be));
}

static uint8_t *place_of(struct fd_store *s, const struct endpoint *bound,
			 uint8_t *bit)
{
	uint16_t port = ntohs(bound->port_be);

	*bit = (uint8_t)(1u << (port % 8));
	return &s->is_kept[bound->family == ENDPOINT_IPV6][port / 8];
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

/* A UDP socket at a loopback address, under the name that such a one has. */
static bool is_flow(const struct activation_fd *f, struct endpoint *bound)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char name[NAME_BYTES];

	if (f->fd < 0 || option(f->fd, SO_TYPE) != SOCK_DGRAM ||
	    option(f->fd, SO_PROTOCOL) != IPPROTO_UDP ||
	    getsockname(f->fd, (struct sockaddr *)&sa, &len) < 0 ||
	    !endpoint_from_sockaddr(bound, &sa, len) || bound->port_be == 0 ||
	    !addr_is_loopback(bound))
		return false;
	name_of(bound, name);
	return strcmp(f->name, name) == 0;
}

static void take_over(struct fd_store *s, struct activation *a)
{
	for (size_t i = 0; i < a->count; i++) {
		struct held *h = &s->held[s->held_count];
		uint8_t bit, *place;
		int flags;

		if (!is_flow(&a->list[i], &h->bound)) {
			/* Else we were given it again at each start. */
			if (a->list[i].fd >= 0)
				notify_store_remove(a->list[i].name);
			continue;
		}
		h->fd = activation_take(a, i);
		flags = fcntl(h->fd, F_GETFL);
		place = place_of(s, &h->bound, &bit);
		if ((*place & bit) || flags < 0 ||
		    fcntl(h->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
			close(h->fd);
			continue;
		}
		*place |= bit;
		s->kept++;
		s->held_count++;
	}
}

struct fd_store *fd_store_new(struct activation *a, size_t max)
{
	struct fd_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->max = max;
	s->held = calloc(a->count + 1, sizeof(*s->held));
	if (s->held == NULL) {
		free(s);
		return NULL;
	}
	take_over(s, a);
	return s;
}

void fd_store_free(struct fd_store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->held_count; i++)
		close(s->held[i].fd);
	free(s->held);
	free(s);
}

bool fd_store_has_more(const struct fd_store *s)
{
	return s->held_count > 0;
}

int fd_store_take(struct fd_store *s, const struct endpoint *bound)
{
	for (size_t i = 0; i < s->held_count; i++) {
		struct held *h = &s->held[i];
		int fd = h->fd;

		if (!endpoint_equal(&h->bound, bound))
			continue;
		*h = s->held[--s->held_count];
		return fd;
	}
	return -ENOENT;
}

size_t fd_store_drop_rest(struct fd_store *s)
{
	size_t dropped = s->held_count;

	while (s->held_count > 0) {
		struct held *h = &s->held[--s->held_count];

		close(h->fd);
		fd_store_forget(s, &h->bound);
	}
	return dropped;
}

void fd_store_keep(struct fd_store *s, const struct endpoint *bound, int fd)
{
	uint8_t bit, *place = place_of(s, bound, &bit);
	char name[NAME_BYTES];

	if (*place & bit)
		return; /* it has come out of there */
	name_of(bound, name);
	if (s->kept >= s->max || notify_store(name, fd) < 0) {
		s->lacking++;
		return;
	}
	*place |= bit;
	s->kept++;
}

void fd_store_forget(struct fd_store *s, const struct endpoint *bound)
{
	uint8_t bit, *place = place_of(s, bound, &bit);
	char name[NAME_BYTES];

	if (!(*place & bit)) {
		s->lacking--;
		return;
	}
	*place &= (uint8_t)~bit;
	s->kept--;
	name_of(bound, name);
	notify_store_remove(name);
}

bool fd_store_holds_all(const struct fd_store *s)
{
	return s->max > 0 && s->lacking == 0;
}
