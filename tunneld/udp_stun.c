/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_stun.c - a Binding request to a STUN server, past the relay
 *
 * What crosses between a relay and us may be what a firewall lets through for
 * the relay alone (udp_probe.h). An answer of somebody else is the proof that
 * it is open for all (RFC 8489, 7). The socket is of our own, so the app's
 * port is not opened by it.
 */
#include <config.h>

#include "udp_stun.h"

#include "buf.h"
#include "loop.h"
#include "resolve.h"
#include "stun_auth.h"
#include "stun_msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <sys/socket.h>

#define AGAIN_MS  150
#define ANSWER_MS 900

struct udp_stun {
	struct loop *loop;
	udp_stun_fn *done;
	void *arg;
	struct resolve *resolve;
	struct endpoint server;
	struct endpoint *except;
	size_t except_count;
	int fd;
	struct loop_fd watch;
	struct loop_timer again;
	struct loop_defer end;
	uint64_t deadline_ms;
	bool answered;
	uint8_t id[STUN_ID_LEN];
};

static void run_end(void *arg, uint64_t now_ms)
{
	struct udp_stun *s = arg;

	loop_timer_stop(s->loop, &s->again);
	loop_fd_del(s->loop, &s->watch);
	s->done(s->arg, s->answered, now_ms);
}

static void finish(struct udp_stun *s, bool answered)
{
	s->answered = answered;
	loop_defer(s->loop, &s->end, run_end, s);
}

static void on_again(void *arg, uint64_t now_ms)
{
	struct udp_stun *s = arg;
	uint8_t data[64];
	struct stun_build b;
	struct buf out;
	ssize_t n;

	if (now_ms >= s->deadline_ms) {
		finish(s, false);
		return;
	}
	buf_init(&out, data, sizeof(data));
	stun_build_begin(&b, &out, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 s->id);
	stun_auth_fingerprint(&b);
	n = send(s->fd, data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)n; /* refused or lost: it is repeated */
	loop_timer_set(s->loop, &s->again, now_ms + AGAIN_MS, on_again, s);
}

static void on_socket(void *arg, uint32_t events, uint64_t now_ms)
{
	struct udp_stun *s = arg;
	struct endpoint mapped;
	struct stun_msg m;
	uint8_t data[1500];
	ssize_t n = recv(s->fd, data, sizeof(data), MSG_DONTWAIT);

	(void)events, (void)now_ms;
	if (n > 0 && stun_msg_parse(&m, data, (size_t)n) == 0 &&
	    m.class == STUN_CLASS_SUCCESS && m.method == STUN_METHOD_BINDING &&
	    memcmp(m.id, s->id, sizeof(s->id)) == 0 &&
	    stun_msg_address(&m, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped))
		finish(s, true);
}

static bool is_excepted(const struct udp_stun *s)
{
	struct endpoint e = s->server;

	for (size_t i = 0; i < s->except_count; i++) {
		e.port_be = s->except[i].port_be;
		if (endpoint_equal(&e, &s->except[i]))
			return true;
	}
	return false;
}

static int ask(struct udp_stun *s, uint64_t now_ms)
{
	int af = s->server.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET, err;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&s->server, af, &sa);

	if (is_excepted(s))
		return -EACCES;
	s->fd = socket(af, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	err = loop_fd_add(s->loop, &s->watch, s->fd, EPOLLIN, on_socket, s);
	if (err < 0)
		return err;
	s->deadline_ms = now_ms + ANSWER_MS;
	on_again(s, now_ms);
	return 0;
}

static void on_resolved(void *arg, int error, const struct endpoint *addrs,
			size_t count, uint64_t now_ms)
{
	struct udp_stun *s = arg;
	uint16_t port_be = s->server.port_be;

	s->resolve = NULL;
	if (error == 0 && count > 0) {
		s->server = addrs[0];
		s->server.port_be = port_be;
		error = ask(s, now_ms);
	}
	if (error != 0 || count == 0)
		finish(s, false);
}

static int begin(struct udp_stun *s, const struct udp_stun_opts *opts)
{
	if (RAND_bytes(s->id, sizeof(s->id)) != 1)
		return -EIO;
	if (opts->name == NULL)
		return ask(s, loop_now_ms(s->loop));
	s->resolve = resolve_start(opts->pool, opts->loop, opts->name,
				   ENDPOINT_IPV4, on_resolved, s);
	return s->resolve == NULL ? -errno : 0;
}

struct udp_stun *udp_stun_new(const struct udp_stun_opts *opts)
{
	struct udp_stun *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (s == NULL)
		return NULL;
	s->loop = opts->loop;
	s->done = opts->done;
	s->arg = opts->arg;
	s->server = opts->server;
	s->fd = -1;
	s->except = calloc(opts->except_count + 1, sizeof(*s->except));
	if (s->except != NULL) {
		for (size_t i = 0; i < opts->except_count; i++)
			s->except[i] = opts->except[i];
		s->except_count = opts->except_count;
		err = begin(s, opts);
	}
	if (err == 0)
		return s;
	udp_stun_free(s);
	errno = -err;
	return NULL;
}

void udp_stun_free(struct udp_stun *s)
{
	if (s == NULL)
		return;
	if (s->resolve != NULL)
		resolve_cancel(s->resolve);
	loop_defer_cancel(s->loop, &s->end);
	loop_timer_stop(s->loop, &s->again);
	loop_fd_del(s->loop, &s->watch);
	if (s->fd >= 0)
		close(s->fd);
	free(s->except);
	free(s);
}
