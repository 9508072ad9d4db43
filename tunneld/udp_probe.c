/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_probe.c - a relay asked what comes through between it and a socket of
 * ours
 *
 * Theory of operation. Three steps, each of which proves more:
 *
 *   ALLOCATING  an allocation over UDP: the relay's own port is reached
 *   MAPPING     a Binding request from a second, plain socket to that port:
 *               its answer tells how that socket looks from outside
 *   CROSSING    the plain socket sends to the relayed address, a port that no
 *               firewall has a rule for; what arrives there must come from the
 *               address of the last step (RFC 4787, 4.1), and goes back
 *
 * What comes back has crossed in both directions to a peer as any other: UDP
 * is open. Datagrams may be lost, so each step repeats itself until the time
 * is over; the last step that was reached is the verdict then. Tokens are
 * random: no bystander can make a network look open.
 */
#include <config.h>

#include "udp_probe.h"

#include "buf.h"
#include "leg.h"
#include "log.h"
#include "loop.h"
#include "relay.h"
#include "stun_auth.h"
#include "stun_msg.h"

#include <turnout/endpoint.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <sys/socket.h>

#define AGAIN_MS    60
#define TOKEN_BYTES 16
#define BYTES_MAX   1500

enum probe_step {
	PROBE_ALLOCATING = 0,
	PROBE_MAPPING,
	PROBE_CROSSING,
};

struct udp_probe {
	struct leg_env *env;
	struct relay_set *relays;
	udp_probe_fn *done;
	void *arg;
	enum probe_step step;
	enum udp_verdict verdict; /* so far */
	bool finished;
	struct leg *leg;
	struct endpoint server, mapped;
	int fd;
	struct loop_fd watch;
	struct loop_timer deadline, again;
	struct loop_defer end;
	uint8_t id[STUN_ID_LEN];
	uint8_t there[TOKEN_BYTES], back[TOKEN_BYTES];
};

const char *udp_verdict_name(enum udp_verdict verdict)
{
	static const char *const names[] = {
		[UDP_VERDICT_UNKNOWN] = "unknown",
		[UDP_VERDICT_BLOCKED] = "blocked",
		[UDP_VERDICT_RELAY] = "relay",
		[UDP_VERDICT_OPEN] = "open",
	};
	_Static_assert(ARRAY_SIZE(names) == UDP_NUM_VERDICTS, "a name each");

	return (unsigned int)verdict < UDP_NUM_VERDICTS ? names[verdict] : "?";
}

static void run_end(void *arg, uint64_t now_ms)
{
	struct udp_probe *p = arg;

	loop_timer_stop(p->env->loop, &p->deadline);
	loop_timer_stop(p->env->loop, &p->again);
	loop_fd_del(p->env->loop, &p->watch);
	if (p->leg != NULL)
		leg_release(p->leg);
	p->leg = NULL;
	p->done(p->arg, p->verdict, now_ms);
}

static void finish(struct udp_probe *p)
{
	if (p->finished)
		return;
	p->finished = true;
	loop_defer(p->env->loop, &p->end, run_end, p);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	finish(arg);
}

/* Sending */

static void send_from_socket(struct udp_probe *p, const struct endpoint *to,
			     const void *data, size_t len)
{
	int af = to->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage sa;
	socklen_t sa_len = endpoint_to_sockaddr(to, af, &sa);
	ssize_t n = sendto(p->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT,
			   (struct sockaddr *)&sa, sa_len);

	(void)n; /* it is repeated, and the time is short */
}

static void ask_mapping(struct udp_probe *p)
{
	uint8_t data[64];
	struct stun_build b;
	struct buf out;

	buf_init(&out, data, sizeof(data));
	stun_build_begin(&b, &out, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 p->id);
	stun_auth_fingerprint(&b);
	if (!out.failed)
		send_from_socket(p, &p->server, data, out.len);
}

/* Through the relay first: it lets nobody in who was not sent to. */
static void cross(struct udp_probe *p, uint64_t now_ms)
{
	if (leg_send(p->leg, &p->mapped, p->id, sizeof(p->id), now_ms) < 0)
		return;
	send_from_socket(p, leg_relayed(p->leg), p->there, sizeof(p->there));
}

static void on_again(void *arg, uint64_t now_ms)
{
	struct udp_probe *p = arg;

	if (p->finished)
		return;
	if (p->step == PROBE_MAPPING)
		ask_mapping(p);
	else
		cross(p, now_ms);
	loop_timer_set(p->env->loop, &p->again, now_ms + AGAIN_MS, on_again, p);
}

/* Receiving */

static bool take_mapping(struct udp_probe *p, const uint8_t *data, size_t len)
{
	struct stun_msg m;

	return stun_msg_parse(&m, data, len) == 0 &&
	       m.class == STUN_CLASS_SUCCESS &&
	       m.method == STUN_METHOD_BINDING &&
	       memcmp(m.id, p->id, sizeof(p->id)) == 0 &&
	       stun_auth_check_fingerprint(&m) != STUN_AUTH_BAD &&
	       stun_msg_address(&m, STUN_ATTR_XOR_MAPPED_ADDRESS, &p->mapped);
}

static void take(struct udp_probe *p, const struct endpoint *from,
		 const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (p->step == PROBE_MAPPING && endpoint_equal(from, &p->server) &&
	    take_mapping(p, data, len)) {
		p->step = PROBE_CROSSING;
		cross(p, now_ms);
	} else if (p->step == PROBE_CROSSING &&
		   endpoint_equal(from, leg_relayed(p->leg)) &&
		   len == TOKEN_BYTES &&
		   memcmp(data, p->back, TOKEN_BYTES) == 0) {
		p->verdict = UDP_VERDICT_OPEN;
		finish(p);
	}
}

static void on_socket(void *arg, uint32_t events, uint64_t now_ms)
{
	struct udp_probe *p = arg;
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof(sa);
	struct endpoint from;
	uint8_t data[BYTES_MAX];
	ssize_t n = recvfrom(p->fd, data, sizeof(data), MSG_DONTWAIT,
			     (struct sockaddr *)&sa, &sa_len);

	(void)events;
	if (n >= 0 && !p->finished &&
	    endpoint_from_sockaddr(&from, &sa, sa_len))
		take(p, &from, data, (size_t)n, now_ms);
}

/* The relay's leg */

static int open_socket(struct udp_probe *p)
{
	int af = p->server.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;

	p->fd = socket(af, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return -errno;
	return loop_fd_add(p->env->loop, &p->watch, p->fd, EPOLLIN, on_socket,
			   p);
}

static void on_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct udp_probe *p = arg;

	p->verdict = UDP_VERDICT_RELAY;
	if (!leg_server(leg, &p->server) ||
	    p->server.family != leg_relayed(leg)->family ||
	    open_socket(p) < 0) {
		finish(p);
		return;
	}
	p->step = PROBE_MAPPING;
	on_again(p, now_ms);
}

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct udp_probe *p = arg;

	(void)now_ms;
	p->leg = NULL;
	leg_free(leg);
	finish(p);
}

static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct udp_probe *p = arg;
	int err;

	if (p->step != PROBE_CROSSING || len != TOKEN_BYTES ||
	    memcmp(data, p->there, TOKEN_BYTES) != 0)
		return;
	/* Seen from another port than the server saw: see UDP_VERDICT_RELAY. */
	if (!endpoint_equal(peer, &p->mapped)) {
		finish(p);
		return;
	}
	err = leg_send(leg, peer, p->back, TOKEN_BYTES, now_ms);
	if (err < 0)
		log_debug("UDP probe: %s", strerror(-err));
}

static void on_batch(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

static const struct leg_events leg_events = {
	.on_ready = on_ready,
	.on_ended = on_ended,
	.on_data = on_data,
	.on_batch = on_batch,
};

/* The most preferred relay that is reached over plain UDP. */
static struct relay *choose(struct relay_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->relay[i].transport == RELAY_TRANSPORT_UDP &&
		    set->relay[i].egress == NULL)
			return &set->relay[i];
	return NULL;
}

static int begin(struct udp_probe *p)
{
	struct leg_opts opts = {
		.set = p->relays,
		.relay = choose(p->relays),
		.family = ENDPOINT_IPV4,
		.trial = true,
	};

	if (opts.relay == NULL) {
		finish(p);
		return 0;
	}
	if (RAND_bytes(p->id, sizeof(p->id)) != 1 ||
	    RAND_bytes(p->there, sizeof(p->there)) != 1 ||
	    RAND_bytes(p->back, sizeof(p->back)) != 1)
		return -EIO;
	p->verdict = UDP_VERDICT_BLOCKED;
	p->leg = leg_new(p->env, &opts, &leg_events, p);
	if (p->leg == NULL)
		return -errno;
	return loop_timer_set(p->env->loop, &p->deadline,
			      loop_now_ms(p->env->loop) + UDP_PROBE_MS,
			      on_deadline, p);
}

struct udp_probe *udp_probe_new(struct leg_env *env, struct relay_set *relays,
				udp_probe_fn *done, void *arg)
{
	struct udp_probe *p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return NULL;
	p->env = env;
	p->relays = relay_set_get(relays);
	p->done = done;
	p->arg = arg;
	p->fd = -1;
	err = begin(p);
	if (err < 0) {
		udp_probe_free(p);
		errno = -err;
		return NULL;
	}
	return p;
}

void udp_probe_free(struct udp_probe *p)
{
	if (p == NULL)
		return;
	loop_defer_cancel(p->env->loop, &p->end);
	loop_timer_stop(p->env->loop, &p->deadline);
	loop_timer_stop(p->env->loop, &p->again);
	loop_fd_del(p->env->loop, &p->watch);
	if (p->leg != NULL)
		leg_release(p->leg);
	if (p->fd >= 0)
		close(p->fd);
	relay_set_put(p->relays);
	free(p);
}
