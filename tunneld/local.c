/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * local.c - recvmmsg() and sendmmsg() with UDP segmentation on loopback
 *
 * Each receive slot holds the longest datagram there is, so nothing is ever
 * cut; of a slot only the pages that datagrams really fill are touched. On the
 * way to an app, neighbours of equal size leave as one UDP_SEGMENT send, which
 * the kernel cuts into datagrams again: measured at a sixth of the cost for a
 * frame of video.
 */
#include <config.h>

#include "local.h"

#include "stats.h"

#include <turnout/wire.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#define LOCAL_SEND_BATCH 64
#define LOCAL_SLOT_BYTES 65536

struct send_entry {
	struct wire_header header;
	size_t len; /* header included */
};

struct local {
	struct worker_stats *stats;
	bool no_gso; /* the kernel refused UDP_SEGMENT once */

	uint8_t *slots; /* LOCAL_RECV_BATCH of LOCAL_SLOT_BYTES */
	struct mmsghdr in[LOCAL_RECV_BATCH];
	struct iovec in_iov[LOCAL_RECV_BATCH];
	struct sockaddr_storage in_from[LOCAL_RECV_BATCH];
	struct local_datagram got[LOCAL_RECV_BATCH];

	struct local_app *out_app;
	unsigned int out_count;
	struct send_entry out[LOCAL_SEND_BATCH];
	struct iovec out_iov[2 * LOCAL_SEND_BATCH];
	struct mmsghdr out_msg[LOCAL_SEND_BATCH];
	_Alignas(struct cmsghdr) char out_control[LOCAL_SEND_BATCH]
						 [CMSG_SPACE(sizeof(uint16_t))];
};

struct local *local_new(struct worker_stats *stats)
{
	struct local *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->stats = stats;
	l->slots = malloc((size_t)LOCAL_RECV_BATCH * LOCAL_SLOT_BYTES);
	if (l->slots == NULL) {
		free(l);
		return NULL;
	}
	for (int i = 0; i < LOCAL_RECV_BATCH; i++) {
		l->in_iov[i] = (struct iovec){
			.iov_base = l->slots + (size_t)i * LOCAL_SLOT_BYTES,
			.iov_len = LOCAL_SLOT_BYTES,
		};
	}
	return l;
}

void local_free(struct local *l)
{
	if (l == NULL)
		return;
	free(l->slots);
	free(l);
}

int local_socket_at(const struct endpoint *bound)
{
	int af = bound->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage sa;
	int size = 1 << 20, err;
	int fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* As much as the machine allows; a burst must survive one turn */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&sa,
		 endpoint_to_sockaddr(bound, af, &sa)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int local_socket(uint8_t family, struct endpoint *bound)
{
	struct endpoint any = { .family = family };
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd;

	if (family == ENDPOINT_IPV6) {
		any.ip[15] = 1;
	} else {
		any.ip[0] = 127;
		any.ip[3] = 1;
	}
	fd = local_socket_at(&any);
	if (fd < 0)
		return fd;
	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	    endpoint_from_sockaddr(bound, &sa, len))
		return fd;
	close(fd);
	return -EAFNOSUPPORT;
}

int local_recv(struct local *l, int fd, const struct local_datagram **batch)
{
	int n;

	for (int i = 0; i < LOCAL_RECV_BATCH; i++) {
		l->in[i].msg_hdr = (struct msghdr){
			.msg_name = &l->in_from[i],
			.msg_namelen = sizeof(l->in_from[i]),
			.msg_iov = &l->in_iov[i],
			.msg_iovlen = 1,
		};
	}
	n = recvmmsg(fd, l->in, LOCAL_RECV_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		l->got[i].data = l->in_iov[i].iov_base;
		l->got[i].len = l->in[i].msg_len;
		endpoint_from_sockaddr(&l->got[i].from, &l->in_from[i],
				       l->in[i].msg_hdr.msg_namelen);
	}
	*batch = l->got;
	return n;
}

void local_stage(struct local *l, struct local_app *app,
		 const struct endpoint *peer, const uint8_t *data, size_t len)
{
	struct send_entry *e;
	struct iovec *iov;

	if (l->out_count == LOCAL_SEND_BATCH ||
	    (l->out_count > 0 && l->out_app != app))
		local_flush(l);
	l->out_app = app;
	e = &l->out[l->out_count];
	iov = &l->out_iov[2 * l->out_count++];
	wire_encode(&e->header, app->secret, WIRE_DATA, peer);
	e->len = sizeof(e->header) + len;
	iov[0].iov_base = &e->header;
	iov[0].iov_len = sizeof(e->header);
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[1].iov_len = len;
}

/* How many entries from `first` can leave as one segmented send: equal sizes,
 * the last one may be shorter; 65507 bytes and 64 segments at most. */
static unsigned int run_length(const struct local *l, unsigned int first)
{
	size_t size = l->out[first].len, total = size;
	unsigned int n = 1;

	if (l->no_gso)
		return 1;
	while (first + n < l->out_count) {
		size_t next = l->out[first + n].len;

		if (next > size || total + next > 65507)
			break;
		total += next;
		n++;
		if (next < size)
			break;
	}
	return n;
}

static void segment(struct msghdr *msg, void *control, size_t control_len,
		    uint16_t size)
{
	struct cmsghdr *c;

	msg->msg_control = control;
	msg->msg_controllen = control_len;
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
}

/* Fill out_msg from entry `first` on; the number of messages. runs[i] tells
 * how many datagrams message i carries. */
static unsigned int build(struct local *l, unsigned int first,
			  uint8_t runs[LOCAL_SEND_BATCH])
{
	unsigned int count = 0;

	while (first < l->out_count) {
		unsigned int n = run_length(l, first);
		struct msghdr *msg = &l->out_msg[count].msg_hdr;

		*msg = (struct msghdr){
			.msg_iov = &l->out_iov[2 * first],
			.msg_iovlen = (size_t)2 * n,
		};
		if (n > 1)
			segment(msg, l->out_control[count],
				sizeof(l->out_control[count]),
				(uint16_t)l->out[first].len);
		runs[count++] = (uint8_t)n;
		first += n;
	}
	return count;
}

/* `n` entries from `first` on are the kernel's. */
static void count_sent(struct local *l, unsigned int first, unsigned int n)
{
	l->out_app->datagrams += n;
	for (unsigned int i = first; i < first + n; i++)
		l->out_app->bytes += l->out[i].len - sizeof(l->out[i].header);
	stats_add(&l->stats->datagrams_to_apps, n);
}

void local_flush(struct local *l)
{
	uint8_t runs[LOCAL_SEND_BATCH];
	unsigned int first = 0;

	while (first < l->out_count) {
		unsigned int count = build(l, first, runs);
		int sent = sendmmsg(l->out_app->fd, l->out_msg, count,
				    MSG_DONTWAIT);

		for (int i = 0; i < sent; i++) {
			count_sent(l, first, runs[i]);
			first += runs[i];
		}
		if (sent >= 0 && (unsigned int)sent == count)
			break;
		if (sent > 0)
			continue;
		/* The first message did not go. */
		if (runs[0] > 1 && (errno == EINVAL || errno == EIO)) {
			l->no_gso = true;
			continue;
		}
		if (errno == EINTR)
			continue;
		/* The app is slow, or gone: then the refusal of the last
		 * datagram stays pending for the next read to find. */
		stats_add(&l->stats->drop_local, runs[0]);
		l->out_app->dropped += runs[0];
		first += runs[0];
	}
	l->out_count = 0;
}
