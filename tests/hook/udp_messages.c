/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_messages.c - each sending and receiving call on a UDP socket, the same
 * checks for a tunnelled and for a direct peer: what holds for the kernel's
 * own datagrams must hold for ours
 */
#include <config.h>

#include "udp_lib.h"

#include <linux/sockios.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static struct sockaddr_in peer; /* of the pass that runs */
static bool tunnelled;

static void send_to_peer(int fd, const void *data, size_t len)
{
	CHECK_EQ(sendto(fd, data, len, 0, (struct sockaddr *)&peer,
			sizeof(peer)),
		 len);
}

static bool same4(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_family == AF_INET && a->sin_port == b->sin_port &&
	       a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* Receive exactly `want` from the peer. */
static void expect(int fd, const char *want)
{
	char got[2048];
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from,
			     &len);

	CHECK_EQ(n, strlen(want));
	CHECK(n >= 0 && memcmp(got, want, (size_t)n) == 0);
	CHECK(same4(&from, &peer));
	CHECK_EQ(len, sizeof(from));
}

static void wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK_EQ(poll(&p, 1, 2000), 1);
}

static void test_lengths(void)
{
	int fd = udp_at(AF_INET, OWN4);

	send_to_peer(fd, "hello", 5);
	expect(fd, "hello");
	send_to_peer(fd, "", 0);
	expect(fd, "");
	send_to_peer(fd, "abc", 3);
	expect(fd, "abc");
	close(fd);
}

static void test_big_buffer(void)
{
	static char big[65536];
	int fd = udp_at(AF_INET, OWN4);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	send_to_peer(fd, "in place", 8);
	CHECK_EQ(recvfrom(fd, big, sizeof(big), 0, (struct sockaddr *)&from,
			  &len),
		 8);
	CHECK(memcmp(big, "in place", 8) == 0);
	CHECK(same4(&from, &peer));
	send_to_peer(fd, "", 0);
	CHECK_EQ(read(fd, big, sizeof(big)), 0);
	close(fd);
}

static void test_cut(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char sent[100], got[10];
	struct iovec iov = { got, sizeof(got) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)i;
	/* 20: longer than the buffer, shorter than buffer and header */
	for (size_t size = 20; size <= 100; size += 80) {
		send_to_peer(fd, sent, size);
		CHECK_EQ(recv(fd, got, sizeof(got), 0), 10);
		CHECK(memcmp(got, sent, 10) == 0);
		send_to_peer(fd, sent, size);
		CHECK_EQ(recv(fd, got, sizeof(got), MSG_TRUNC), size);
		CHECK(memcmp(got, sent, 10) == 0);
		send_to_peer(fd, sent, size);
		CHECK_EQ(recvmsg(fd, &msg, 0), 10);
		CHECK_EQ(msg.msg_flags & MSG_TRUNC, MSG_TRUNC);
		send_to_peer(fd, sent, size);
		CHECK_EQ(recvmsg(fd, &msg, MSG_TRUNC), size);
		CHECK_EQ(msg.msg_flags & MSG_TRUNC, MSG_TRUNC);
	}
	send_to_peer(fd, sent, sizeof(got));
	CHECK_EQ(recvmsg(fd, &msg, 0), 10);
	CHECK_EQ(msg.msg_flags & MSG_TRUNC, 0);
	CHECK(memcmp(got, sent, 10) == 0);
	close(fd);
}

static void test_cut_to_nothing(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char c;

	send_to_peer(fd, "abc", 3);
	CHECK_EQ(recv(fd, &c, 0, 0), 0); /* takes it */
	send_to_peer(fd, "d", 1);
	wait_ready(fd);
	CHECK_EQ(read(fd, &c, 0), 0); /* leaves it */
	CHECK_EQ(recv(fd, &c, 1, 0), 1);
	CHECK_EQ(c, 'd');
	close(fd);
}

static void test_iovecs(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char text[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR";
	char a[7], b[30], c[1], d[40];
	struct iovec in[] = {
		{ a, sizeof(a) }, { NULL, 0 },      { b, sizeof(b) },
		{ c, sizeof(c) }, { d, sizeof(d) },
	};
	struct iovec out[] = { { text, 10 }, { NULL, 0 }, { text + 10, 44 } };
	struct msghdr send = { .msg_name = &peer,
			       .msg_namelen = sizeof(peer),
			       .msg_iov = out,
			       .msg_iovlen = 3 };
	struct msghdr recv = { .msg_iov = in, .msg_iovlen = 5 };

	CHECK_EQ(sendmsg(fd, &send, 0), 54);
	CHECK_EQ(recvmsg(fd, &recv, 0), 54);
	CHECK_EQ(recv.msg_flags, 0);
	CHECK(memcmp(a, text, 7) == 0 && memcmp(b, text + 7, 30) == 0);
	CHECK(c[0] == text[37] && memcmp(d, text + 38, 16) == 0);
	/* and exactly full */
	in[4].iov_len = 16;
	memset(d, 0, sizeof(d));
	CHECK_EQ(sendmsg(fd, &send, 0), 54);
	CHECK_EQ(readv(fd, in, 5), 54);
	CHECK(memcmp(d, text + 38, 16) == 0 && d[16] == 0);
	send.msg_iovlen = 0;
	CHECK_EQ(sendmsg(fd, &send, 0), 0);
	recv.msg_iovlen = 0;
	CHECK_EQ(recvmsg(fd, &recv, 0), 0);
	close(fd);
}

static void test_many_iovecs(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char sent[900], got[900];
	struct iovec out[900], in[900];
	struct msghdr msg = { .msg_name = &peer,
			      .msg_namelen = sizeof(peer),
			      .msg_iov = out,
			      .msg_iovlen = 900 };

	for (int i = 0; i < 900; i++) {
		sent[i] = (char)(i * 7);
		out[i] = (struct iovec){ &sent[i], 1 };
		in[i] = (struct iovec){ &got[i], 1 };
	}
	CHECK_EQ(sendmsg(fd, &msg, 0), 900);
	msg = (struct msghdr){ .msg_iov = in, .msg_iovlen = 900 };
	CHECK_EQ(recvmsg(fd, &msg, 0), 900);
	CHECK(memcmp(sent, got, 900) == 0);
	close(fd);
}

static void test_peek(void)
{
	int fd = udp_at(AF_INET, OWN4), ready = -1;
	static char big[65536];
	char got[4];
	struct timeval stamp;

	send_to_peer(fd, "peekaboo", 8);
	send_to_peer(fd, "next", 4);
	wait_ready(fd);
	CHECK_EQ(ioctl(fd, FIONREAD, &ready), 0);
	CHECK_EQ(ready, 8);
	CHECK_EQ(recv(fd, got, 4, MSG_PEEK), 4);
	CHECK(memcmp(got, "peek", 4) == 0);
	CHECK_EQ(recv(fd, got, 4, MSG_PEEK | MSG_TRUNC), 8);
	CHECK_EQ(recv(fd, big, sizeof(big), MSG_PEEK), 8);
	CHECK(memcmp(big, "peekaboo", 8) == 0);
	expect(fd, "peekaboo");
	CHECK_EQ(ioctl(fd, SIOCGSTAMP, &stamp), 0);
	expect(fd, "next");
	CHECK_EQ(ioctl(fd, FIONREAD, &ready), 0);
	CHECK_EQ(ready, 0);
	close(fd);
}

static void test_empty_queue(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char c;

	send_to_peer(fd, "x", 1);
	expect(fd, "x");
	errno = 0;
	CHECK_EQ(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	close(fd);
}

static void test_names(void)
{
	int fd = udp_at(AF_INET, OWN4);
	struct sockaddr_in from;
	socklen_t len = 4;
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(&from, 0x55, sizeof(from));
	send_to_peer(fd, "n", 1);
	CHECK_EQ(recvfrom(fd, &c, 1, 0, (struct sockaddr *)&from, &len), 1);
	CHECK_EQ(len, sizeof(from));
	CHECK_EQ(from.sin_port, peer.sin_port);
	CHECK_EQ(from.sin_addr.s_addr, 0x55555555);
	len = 0;
	send_to_peer(fd, "n", 1);
	CHECK_EQ(recvfrom(fd, &c, 1, 0, (struct sockaddr *)&from, &len), 1);
	CHECK_EQ(len, sizeof(from));
	send_to_peer(fd, "n", 1);
	CHECK_EQ(recvmsg(fd, &msg, 0), 1);
	CHECK_EQ(msg.msg_namelen, 0);
	msg.msg_name = &from;
	msg.msg_namelen = sizeof(from);
	send_to_peer(fd, "n", 1);
	CHECK_EQ(recvmsg(fd, &msg, 0), 1);
	CHECK(same4(&from, &peer));
	CHECK_EQ(msg.msg_namelen, sizeof(from));
	send_to_peer(fd, "n", 1);
	CHECK_EQ(read(fd, &c, 1), 1);
	close(fd);
}

static void test_bad_names(void)
{
	int fd = udp_at(AF_INET, OWN4);
	struct sockaddr_in to = peer;

	CHECK_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, 4), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(sendto(fd, "x", 1, 0, NULL, 0), -1);
	CHECK_EQ(errno, EDESTADDRREQ);
	CHECK_EQ(write(fd, "x", 1), -1);
	CHECK_EQ(errno, EDESTADDRREQ);
	to.sin_port = 0;
	CHECK_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), -1);
	CHECK_EQ(errno, EINVAL);
	to = peer;
	to.sin_family = AF_INET6;
	CHECK_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), -1);
	CHECK_EQ(errno, EAFNOSUPPORT);
	/* The kernel takes this for AF_INET */
	to.sin_family = AF_UNSPEC;
	CHECK_EQ(sendto(fd, "u", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	expect(fd, "u");
	close(fd);
}

static void test_too_long(void)
{
	static char big[65536];
	int fd = udp_at(AF_INET, OWN4);

	CHECK_EQ(sendto(fd, big, 65508, 0, (struct sockaddr *)&peer,
			sizeof(peer)),
		 -1);
	CHECK_EQ(errno, EMSGSIZE);
	close(fd);
}

static void test_sendmmsg(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char text[40][4], got[40][8];
	struct iovec out[40], in[40];
	struct mmsghdr send[40], recv[40];
	struct sockaddr_in from[40];
	unsigned int seen = 0;

	memset(send, 0, sizeof(send));
	memset(recv, 0, sizeof(recv));
	for (int i = 0; i < 40; i++) {
		snprintf(text[i], sizeof(text[i]), "%03d", i);
		out[i] = (struct iovec){ text[i], (size_t)(i % 4) };
		in[i] = (struct iovec){ got[i], sizeof(got[i]) };
		send[i].msg_hdr = (struct msghdr){ .msg_name = &peer,
						   .msg_namelen = sizeof(peer),
						   .msg_iov = &out[i],
						   .msg_iovlen = 1 };
		recv[i].msg_hdr =
			(struct msghdr){ .msg_name = &from[i],
					 .msg_namelen = sizeof(from[i]),
					 .msg_iov = &in[i],
					 .msg_iovlen = 1 };
	}
	CHECK_EQ(sendmmsg(fd, send, 40, 0), 40);
	for (unsigned int i = 0; i < 40; i++)
		CHECK_EQ(send[i].msg_len, i % 4);
	CHECK_EQ(recvmmsg(fd, recv, 40, 0, NULL), 40);
	for (unsigned int i = 0; i < 40; i++) {
		CHECK_EQ(recv[i].msg_len, i % 4);
		CHECK(memcmp(got[i], text[i], i % 4) == 0);
		CHECK(same4(&from[i], &peer));
		CHECK_EQ(recv[i].msg_hdr.msg_namelen, sizeof(from[i]));
		seen++;
	}
	CHECK_EQ(seen, 40);
	close(fd);
}

static void test_recvmmsg_flags(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char got[20][4];
	struct iovec in[20];
	struct mmsghdr recv[20] = { 0 };
	struct timespec limit = { .tv_sec = 0, .tv_nsec = 200000000 };

	for (int i = 0; i < 20; i++) {
		in[i] = (struct iovec){ got[i], sizeof(got[i]) };
		recv[i].msg_hdr.msg_iov = &in[i];
		recv[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(recvmmsg(fd, recv, 20, MSG_DONTWAIT, NULL), -1);
	CHECK_EQ(errno, EAGAIN);
	send_to_peer(fd, "first", 5);
	CHECK_EQ(recvmmsg(fd, recv, 20, MSG_WAITFORONE, NULL), 1);
	CHECK_EQ(recv[0].msg_len, 4);
	CHECK_EQ(recv[0].msg_hdr.msg_flags & MSG_TRUNC, MSG_TRUNC);
	for (int i = 0; i < 18; i++)
		send_to_peer(fd, "12", 2);
	usleep(100000);
	CHECK_EQ(recvmmsg(fd, recv, 20, MSG_WAITFORONE, NULL), 18);
	send_to_peer(fd, "12345", 5);
	usleep(50000);
	CHECK_EQ(recvmmsg(fd, recv, 1, MSG_TRUNC, &limit), 1);
	CHECK_EQ(recv[0].msg_len, 5);
	CHECK(limit.tv_sec == 0 && limit.tv_nsec > 0 &&
	      limit.tv_nsec <= 200000000);
	close(fd);
}

/* The same run through both kinds of peer, order kept. */
static void test_mixed_batch(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO),
			   blocked = at4(BLOCKED4, 9);
	struct sockaddr_in own = at4(OWN4, PORT_NATIVE_ECHO), from;
	int fd = udp_at(AF_INET, OWN4), ours = 0, native = 0;
	struct iovec iov = { (char[]){ 'm' }, 1 };
	struct mmsghdr send[8] = { 0 };
	socklen_t len;
	char c;

	for (int i = 0; i < 8; i++)
		send[i].msg_hdr = (struct msghdr){ .msg_name = i == 3 || i == 4
								       ? &own
								       : &far,
						   .msg_namelen = sizeof(far),
						   .msg_iov = &iov,
						   .msg_iovlen = 1 };
	CHECK_EQ(sendmmsg(fd, send, 8, 0), 8);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(send[i].msg_len, 1);
		len = sizeof(from);
		CHECK_EQ(recvfrom(fd, &c, 1, 0, (struct sockaddr *)&from, &len),
			 1);
		ours += same4(&from, &far);
		native += same4(&from, &own);
	}
	CHECK_EQ(ours, 6);
	CHECK_EQ(native, 2);
	send[5].msg_hdr.msg_name = &blocked;
	errno = 0;
	CHECK_EQ(sendmmsg(fd, send, 8, 0), 5);
	CHECK_EQ(errno, 0);
	CHECK_EQ(sendmmsg(fd, send + 5, 3, 0), -1);
	CHECK_EQ(errno, EPERM);
	close(fd);
}

/* 3000 bytes in segments of 1200, each a datagram. */
static void expect_segments(int fd, const char *sent)
{
	char got[2048];

	for (size_t at = 0; at < 3000; at += 1200) {
		ssize_t want = at < 2400 ? 1200 : 600;

		CHECK_EQ(recv(fd, got, sizeof(got), 0), want);
		CHECK(memcmp(got, sent + at, (size_t)want) == 0);
	}
}

static void test_segments(void)
{
	int fd = udp_at(AF_INET, OWN4), size = 1200;
	char sent[3000];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control = { 0 };
	struct iovec iov[2] = { { sent, 1000 }, { sent + 1000, 2000 } };
	struct msghdr msg = { .msg_name = &peer,
			      .msg_namelen = sizeof(peer),
			      .msg_iov = iov,
			      .msg_iovlen = 2,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i / 11);
	control.align.cmsg_level = SOL_UDP;
	control.align.cmsg_type = UDP_SEGMENT;
	control.align.cmsg_len = CMSG_LEN(sizeof(uint16_t));
	memcpy(CMSG_DATA(&control.align), &(uint16_t){ 1200 }, 2);
	CHECK_EQ(sendmsg(fd, &msg, 0), 3000);
	expect_segments(fd, sent);
	CHECK_EQ(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	send_to_peer(fd, sent, 3000);
	expect_segments(fd, sent);
	/* one segment, though with our header it is longer than one */
	send_to_peer(fd, sent, 1190);
	CHECK_EQ(recv(fd, sent, sizeof(sent), 0), 1190);
	close(fd);
}

static void test_many_segments(void)
{
	static char sent[60000];
	int fd = udp_at(AF_INET, OWN4), size = 1200, room = 1 << 20;
	char got[2048];

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i / 1200);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	CHECK_EQ(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	send_to_peer(fd, sent, sizeof(sent));
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(recv(fd, got, sizeof(got), 0), 1200);
		CHECK_EQ(got[0], i);
	}
	close(fd);
}

static void test_cork(void)
{
	int fd = udp_at(AF_INET, OWN4), on = 1, off = 0;

	CHECK_EQ(sendto(fd, "one ", 4, MSG_MORE, (struct sockaddr *)&peer,
			sizeof(peer)),
		 4);
	send_to_peer(fd, "datagram", 8);
	expect(fd, "one datagram");
	CHECK_EQ(setsockopt(fd, SOL_UDP, UDP_CORK, &on, sizeof(on)), 0);
	send_to_peer(fd, "a", 1);
	send_to_peer(fd, "b", 1);
	send_to_peer(fd, "c", 1);
	CHECK_EQ(setsockopt(fd, SOL_UDP, UDP_CORK, &off, sizeof(off)), 0);
	expect(fd, "abc");
	send_to_peer(fd, "after", 5);
	expect(fd, "after");
	close(fd);
}

/* A source that the app pins must not pin our loopback datagram. */
static void test_control_on_send(void)
{
	int fd = udp_at(AF_INET, "0.0.0.0"), tos = 0x28;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) +
			   CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (char[]){ 'p' }, 1 };
	struct msghdr msg = { .msg_name = &peer,
			      .msg_namelen = sizeof(peer),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct in_pktinfo info = { .ipi_ifindex = 0 };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	inet_pton(AF_INET, OWN4, &info.ipi_spec_dst);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	c = CMSG_NXTHDR(&msg, c);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_TOS;
	c->cmsg_len = CMSG_LEN(sizeof(tos));
	memcpy(CMSG_DATA(c), &tos, sizeof(tos));
	CHECK_EQ(sendmsg(fd, &msg, 0), 1);
	expect(fd, "p");
	if (tunnelled)
		CHECK(strcmp(fake_value("source"), "127.0.0.1") == 0);
	close(fd);
}

static void test_control_on_receive(void)
{
	int fd = udp_at(AF_INET, OWN4), on = 1;
	char data[8];
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct in_pktinfo info = { 0 };
	int stamps = 0;

	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	send_to_peer(fd, "control", 7);
	CHECK_EQ(recvmsg(fd, &msg, 0), 7);
	CHECK_EQ(msg.msg_flags, 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL;
	     c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_TIMESTAMP)
			stamps++;
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&info, CMSG_DATA(c), sizeof(info));
	}
	CHECK_EQ(stamps, 1);
	CHECK_EQ(info.ipi_addr.s_addr, inet_addr(OWN4));
	/* No room for them is told, too */
	msg.msg_controllen = 4;
	send_to_peer(fd, "control", 7);
	CHECK_EQ(recvmsg(fd, &msg, 0), 7);
	CHECK_EQ(msg.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
	close(fd);
}

static void test_errno_untouched(void)
{
	int fd = udp_at(AF_INET, OWN4);
	char c;

	errno = 77;
	send_to_peer(fd, "e", 1);
	CHECK_EQ(recv(fd, &c, 1, 0), 1);
	CHECK_EQ(errno, 77);
	close(fd);
	CHECK_EQ(errno, 77);
}

static const struct lib_test both[] = {
	{ "datagrams of 5, 0 and 3 bytes", test_lengths },
	{ "a buffer that no datagram overfills", test_big_buffer },
	{ "cut to a short buffer, MSG_TRUNC", test_cut },
	{ "cut to nothing", test_cut_to_nothing },
	{ "scattered buffers, exact fit", test_iovecs },
	{ "900 buffers", test_many_iovecs },
	{ "MSG_PEEK, FIONREAD, SIOCGSTAMP", test_peek },
	{ "EAGAIN when empty", test_empty_queue },
	{ "source names, short or absent", test_names },
	{ "destination names that are wrong", test_bad_names },
	{ "EMSGSIZE", test_too_long },
	{ "sendmmsg and recvmmsg of 40", test_sendmmsg },
	{ "recvmmsg flags and time-out", test_recvmmsg_flags },
	{ "one sendmmsg to both kinds of peer", test_mixed_batch },
	{ "UDP_SEGMENT", test_segments },
	{ "UDP_SEGMENT, 50 segments", test_many_segments },
	{ "MSG_MORE and UDP_CORK", test_cork },
	{ "control data on send", test_control_on_send },
	{ "control data on receive", test_control_on_receive },
	{ "errno untouched on success", test_errno_untouched },
};

int main(int argc, char **argv)
{
	size_t n = sizeof(both) / sizeof(both[0]);
	int failed;

	native_echo_start();
	peer = at4(OWN4, PORT_NATIVE_ECHO);
	printf("-- direct peer\n");
	failed = lib_main(both, n, argc, argv);
	lib_passed = lib_failed = 0;
	peer = at4(FAR4, PORT_ECHO);
	tunnelled = true;
	printf("-- tunnelled peer\n");
	failed |= lib_main(both, n, argc, argv);
	CHECK_EQ(fake_count("leaked"), 0);
	return failed || lib_failed_here > 0;
}
