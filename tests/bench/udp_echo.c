/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_echo.c - the far end of udp_bench: sends back, counts, or sends what it
 * is asked for
 */
#include <config.h>

#include "udp_packet.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define BATCH 64

struct server {
	struct peer self;
	struct counter counter;
	uint32_t blast_run;
	union datagram data[BATCH];
	struct sockaddr_storage from[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr in[BATCH], out[BATCH];
};

/* A child sends, so that the server goes on answering. */
static void blast(const struct peer *to, const struct packet *asked)
{
	union datagram d;

	if (asked->size_bytes > PACKET_BYTES_MAX || asked->rate_pps == 0 ||
	    fork() != 0)
		return;
	d = packet_new(KIND_COUNT, asked->run, asked->size_bytes);
	packet_send_paced(to, &d, asked->size_bytes, asked->number,
			  asked->rate_pps);
	_exit(0);
}

/* Returns whether the datagram is to go back. */
static bool serve_packet(struct server *s, unsigned int i, uint64_t now)
{
	struct packet *p = &s->data[i].head;
	struct peer to = s->self;

	if (s->in[i].msg_len < sizeof(*p) || p->mark != PACKET_MARK)
		return false;
	if (p->kind == KIND_COUNT) {
		packet_count(&s->counter, p, now);
		return false;
	}
	if (p->kind == KIND_QUERY)
		p->number = p->run == s->counter.run ? s->counter.count : 0;
	if (p->kind == KIND_BLAST && p->run != s->blast_run) {
		s->blast_run = p->run;
		to.addr = s->from[i];
		to.addr_len = s->in[i].msg_hdr.msg_namelen;
		blast(&to, p);
	}
	return p->kind == KIND_ECHO || p->kind == KIND_QUERY;
}

static void serve_batch(struct server *s)
{
	unsigned int i, replies = 0, sent = 0;
	uint64_t now;
	int n;

	for (i = 0; i < BATCH; i++) {
		s->iov[i] = (struct iovec){ &s->data[i], sizeof(s->data[i]) };
		s->in[i].msg_hdr = (struct msghdr){
			.msg_name = &s->from[i],
			.msg_namelen = sizeof(s->from[i]),
			.msg_iov = &s->iov[i],
			.msg_iovlen = 1,
		};
	}
	n = recvmmsg(s->self.sock, s->in, BATCH, MSG_WAITFORONE, NULL);
	now = now_ns();
	for (i = 0; n > 0 && i < (unsigned int)n; i++) {
		if (!serve_packet(s, i, now))
			continue;
		s->iov[i].iov_len = s->in[i].msg_len;
		s->out[replies++] = s->in[i];
	}
	while (sent < replies) {
		n = sendmmsg(s->self.sock, s->out + sent, replies - sent, 0);
		sent += n > 0 ? (unsigned int)n : 1;
	}
}

int udp_echo_run(char **words)
{
	static struct server s;

	signal(SIGCHLD, SIG_IGN); /* the kernel collects blast()'s children */
	s.self = peer_find(words[0], words[1]);
	if (bind(s.self.sock, (struct sockaddr *)&s.self.addr,
		 s.self.addr_len) < 0)
		fail("bind");
	puts("ready");
	fflush(stdout);
	for (;;)
		serve_batch(&s);
}
