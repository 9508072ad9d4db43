/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_peer.c - the other side of hook_cost: a policy page, a control socket
 * that registers flows, and sockets that send back what they get when told
 *
 * Nobody waits on those sockets while the app's calls are timed, so that no
 * wake-up is in the figures.
 */
#include <config.h>

#include "hook_peer.h"

#include <turnout/control.h>
#include <turnout/page.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/un.h>

#define EPOCH  UINT64_C(0x1122334455667788)
#define SECRET UINT64_C(0x99aabbccddeeff00)

/* Loopback direct, all other UDP through the tunnel. */
static int write_page(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct page *page = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, PAGE_BYTES) == 0)
		page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	close(fd);
	page->magic = PAGE_MAGIC;
	page->version = PAGE_VERSION;
	page->epoch = EPOCH;
	page->table[0].default_action[POLICY_UDP] = POLICY_TUNNEL;
	page->table[0].rule_count = 1;
	page->table[0].rules[0] = (struct page_rule){
		.action = POLICY_DIRECT,
		.family = ENDPOINT_IPV4,
		.prefix_bits = 8,
		.port_max = UINT16_MAX,
		.ip = { 127 },
	};
	page->state = PAGE_UP;
	munmap(page, PAGE_BYTES);
	return 0;
}

static int open_udp(uint16_t *port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(in);
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			  0);

	if (sock < 0 || bind(sock, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    getsockname(sock, (struct sockaddr *)&in, &len) < 0)
		return -errno;
	*port = ntohs(in.sin_port);
	return sock;
}

static int open_listener(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (sock < 0 || bind(sock, (struct sockaddr *)&un, sizeof(un)) < 0 ||
	    listen(sock, 8) < 0)
		return -errno;
	return sock;
}

int hook_peer_init(struct hook_peer *p)
{
	char page[sizeof(p->socket) + sizeof(PAGE_SUFFIX)];
	int err;

	snprintf(p->dir, sizeof(p->dir), "/tmp/hook_cost.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -errno;
	snprintf(p->socket, sizeof(p->socket), "%s/control", p->dir);
	snprintf(page, sizeof(page), "%s" PAGE_SUFFIX, p->socket);
	err = write_page(page);
	p->listener = open_listener(p->socket);
	p->native = open_udp(&p->native_port);
	p->flow = open_udp(&p->flow_port);
	if (!err && (p->listener < 0 || p->native < 0 || p->flow < 0))
		err = p->listener < 0 ? p->listener
		      : p->native < 0 ? p->native
				      : p->flow;
	if (err)
		hook_peer_fini(p);
	return err;
}

void hook_peer_fini(struct hook_peer *p)
{
	char page[sizeof(p->socket) + sizeof(PAGE_SUFFIX)];
	int fds[] = { p->listener, p->native, p->flow };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	snprintf(page, sizeof(page), "%s" PAGE_SUFFIX, p->socket);
	unlink(page);
	unlink(p->socket);
	rmdir(p->dir);
}

static void register_flow(struct hook_peer *p)
{
	struct {
		struct control_header header;
		struct control_flow_open open;
		char program[CONTROL_PROGRAM_BYTES];
	} __attribute__((packed)) request;
	struct control_flow flow = {
		.secret = SECRET,
		.port_be = htons(p->flow_port),
		.epoch = EPOCH,
	};
	int sock = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);

	if (sock < 0)
		return;
	if (recv(sock, &request, sizeof(request), MSG_WAITALL) ==
		    (ssize_t)sizeof(request) &&
	    request.header.type == CONTROL_FLOW_OPEN)
		send(sock, &flow, sizeof(flow), MSG_NOSIGNAL);
	close(sock);
}

static void send_back(int sock)
{
	static char data[65536];
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(sock, data, sizeof(data), 0,
			     (struct sockaddr *)&from, &len)) >= 0) {
		sendto(sock, data, (size_t)n, 0, (struct sockaddr *)&from, len);
		len = sizeof(from);
	}
}

void hook_peer_serve(struct hook_peer *p, int app)
{
	struct pollfd polls[] = {
		{ .fd = app, .events = POLLIN },
		{ .fd = p->listener, .events = POLLIN },
	};
	char byte;

	while (poll(polls, ARRAY_SIZE(polls), -1) > 0) {
		if (polls[1].revents & POLLIN)
			register_flow(p);
		if (polls[0].revents == 0)
			continue;
		if (read(app, &byte, 1) != 1)
			return;
		send_back(p->native);
		send_back(p->flow);
		if (write(app, &byte, 1) != 1)
			return;
	}
}
