/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_way.c - a relay's way as calls take it -> a line a hop: reach it, and
 * speak TLS with it
 */
#include <config.h>

#include "doctor_way.h"

#include "buf.h"
#include "clock.h"
#include "dial.h"
#include "lookup.h"
#include "policy.h"
#include "proxy.h"
#include "stun_auth.h"
#include "stun_msg.h"
#include "tls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#define CONNECT_MS    6000
#define SLOW_MS       1000
#define ANSWER_MS     1500
#define EXPIRY_WARN_S (14 * 24 * 3600)

void doctor_way_init(struct doctor_way *w, struct doctor_branch *b)
{
	struct relay *r = b->relay;

	*w = (struct doctor_way){ .branch = b, .fd = -1 };
	dial_format_host(w->target, r->host, r->port);
	w->names = (struct doctor_names){ .relay = r->name,
					  .host = r->host,
					  .port = r->port };
}

void doctor_way_fini(struct doctor_way *w)
{
	tls_free(w->tls);
	if (w->fd >= 0)
		close(w->fd);
	proxy_put(w->proxy);
}

static void begin_tunnel(struct doctor_way *w)
{
	struct relay *r = w->branch->relay;

	w->tunnel = (struct tunnel){
		.env = dial_tunnel_env(w->branch->env->pool),
		.host = r->host,
		.port = r->port,
		.egress = r->egress,
		.socket = -1,
		.alpn_header = true,
		.deadline_ms = doctor_deadline_ms(w->branch, CONNECT_MS),
		.cancel = &w->branch->cancel,
	};
}

int doctor_way_again(struct doctor_way *w)
{
	begin_tunnel(w);
	return tunnel_open(&w->tunnel);
}

/* Directly */

/* Where nothing gets out, a proxy is what is missing most of the time. */
static enum doctor_cause silent_cause(const struct doctor_way *w)
{
	return policy_egress(w->branch->env->policy) != NULL
		       ? DOCTOR_CAUSE_RELAY_SILENT
		       : DOCTOR_CAUSE_NO_PROXY;
}

static enum doctor_cause direct_cause(const struct doctor_way *w)
{
	int error = w->tunnel.failure.error;

	switch (w->tunnel.failure.reason) {
	case DIAL_TARGET_DNS:
		return error == ETIMEDOUT || error == EAGAIN
			       ? DOCTOR_CAUSE_RESOLVER
			       : DOCTOR_CAUSE_RELAY_NAME;
	case DIAL_TARGET_TIMEOUT:
		return silent_cause(w);
	case DIAL_TARGET_REFUSED:
		return error == ECONNREFUSED ? DOCTOR_CAUSE_RELAY_REFUSED
					     : silent_cause(w);
	default:
		return DOCTOR_CAUSE_LOCAL;
	}
}

bool doctor_way_look_up(struct doctor_way *w, enum doctor_probe probe,
			const char *host, enum doctor_cause unknown)
{
	struct doctor_line *l = doctor_begin(w->branch, probe, host);
	uint64_t began = clock_now_ms(), took;
	struct endpoint addrs[LOOKUP_MAX];
	int n;

	if (l == NULL)
		return false;
	n = lookup_host(host, ENDPOINT_NONE,
			doctor_deadline_ms(w->branch, DOCTOR_HOP_MS),
			&w->branch->cancel, addrs);
	took = clock_now_ms() - began;
	if (n < 0) {
		doctor_fail(w->branch, l, "%s", lookup_words(n));
		doctor_advise(l,
			      n == -EAGAIN || n == -ETIMEDOUT
				      ? DOCTOR_CAUSE_RESOLVER
				      : unknown,
			      &w->names);
		return false;
	}
	doctor_figure(l, "%llu ms", (unsigned long long)took);
	doctor_value(l, "ms", (double)took);
	doctor_state(l, took > SLOW_MS ? DOCTOR_SLOW : DOCTOR_OK,
		     "%d address%s", n, n == 1 ? "" : "es");
	if (took > SLOW_MS)
		doctor_advise(l, DOCTOR_CAUSE_RESOLVER, &w->names);
	return true;
}

static void connect_directly(struct doctor_way *w)
{
	struct doctor_line *l;

	if (!doctor_way_look_up(w, DOCTOR_RELAY_NAME, w->branch->relay->host,
				DOCTOR_CAUSE_RELAY_NAME))
		return;
	l = doctor_begin(w->branch, DOCTOR_RELAY_TCP, w->target);
	if (l == NULL)
		return;
	if (relay_is_datagram(w->branch->relay)) {
		doctor_state(l, DOCTOR_INFO,
			     "%s: what answers is seen with TURN itself",
			     relay_transport_name(w->branch->relay->transport));
		return;
	}
	w->open_ms = (unsigned int)clock_now_ms();
	w->fd = doctor_way_again(w);
	w->open_ms = (unsigned int)clock_now_ms() - w->open_ms;
	if (w->fd < 0) {
		doctor_fail(w->branch, l, "%s", w->tunnel.failure.words);
		doctor_advise(l, direct_cause(w), &w->names);
		return;
	}
	doctor_figure(l, "%u ms", w->open_ms);
	doctor_value(l, "rtt_ms", w->open_ms);
	doctor_state(l, DOCTOR_OK, "connected directly");
}

void doctor_way_reach(struct doctor_way *w)
{
	doctor_proxy_reach(w);
	if (w->branch->root == NULL && !w->through)
		connect_directly(w);
	if (!w->through)
		return;
	if (w->branch->root == NULL) {
		w->open_ms = (unsigned int)clock_now_ms();
		w->fd = doctor_way_again(w);
		w->open_ms = (unsigned int)clock_now_ms() - w->open_ms;
	}
	doctor_proxy_judge(w);
}

/* TLS */

static struct tls *open_tls(struct doctor_way *w, int fd, bool unverified)
{
	struct relay *r = w->branch->relay;
	const struct tls_opts opts = {
		.name = r->tls_name[0] != '\0' ? r->tls_name : r->host,
		.server = r->host,
		.port = unverified ? 0 : r->port,
		.unverified = unverified,
	};

	return tls_open(r->tls, fd, &opts);
}

static int handshake(struct doctor_way *w, struct tls *tls, int fd)
{
	uint64_t deadline = doctor_deadline_ms(w->branch, DOCTOR_HOP_MS);
	uint64_t now = clock_now_ms();
	int rc = -ECANCELED;

	cancel_watch(&w->branch->cancel, fd);
	if (!cancel_is_set(&w->branch->cancel))
		rc = tls_handshake_wait(
			tls, deadline > now ? (uint32_t)(deadline - now) : 0);
	cancel_watch(&w->branch->cancel, -1);
	return rc;
}

/* Until the answer's record is there: tickets of TLS 1.3 may come before it.
 * Whoever sends them a byte at a time has no more time for it. */
static size_t read_record(struct doctor_way *w, struct tls *tls, int fd,
			  uint8_t *data, size_t max)
{
	uint64_t deadline = doctor_deadline_ms(w->branch, ANSWER_MS), now;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	enum io io = IO_WANT_READ;
	size_t n = 0;

	while (io == IO_WANT_READ && (now = clock_now_ms()) < deadline &&
	       !cancel_is_set(&w->branch->cancel)) {
		io = tls_read(tls, data, max, &n);
		if (io == IO_WANT_READ && tls_pending(tls) == 0)
			(void)poll(&p, 1, (int)(deadline - now));
	}
	return io == IO_OK ? n : 0;
}

/* A Binding request, which is worth nothing: is its answer STUN's? */
static bool answers_stun(struct doctor_way *w, struct tls *tls, int fd)
{
	uint8_t id[STUN_ID_LEN], data[512];
	struct stun_build build;
	struct stun_msg msg;
	struct buf out;
	size_t n = 0;

	if (RAND_bytes(id, sizeof(id)) != 1)
		return false;
	buf_init(&out, data, sizeof(data));
	stun_build_begin(&build, &out, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 id);
	stun_auth_fingerprint(&build);
	if (tls_write(tls, data, out.len, &n) != IO_OK)
		return false;
	cancel_watch(&w->branch->cancel, fd);
	n = read_record(w, tls, fd, data, sizeof(data));
	cancel_watch(&w->branch->cancel, -1);
	return n > 0 && stun_msg_parse(&msg, data, n) == 0 &&
	       memcmp(msg.id, id, sizeof(id)) == 0;
}

/* Somebody unknown has signed the certificate. One who inspects TLS expects
 * HTTP in it; the relay, behind a CA that we do not know, answers STUN. */
static bool is_the_relay(struct doctor_way *w, struct doctor_line *l)
{
	struct tls_facts facts;
	struct tls *tls = NULL;
	bool answers = false;
	int fd = doctor_way_again(w);

	if (fd < 0)
		return false;
	tls = open_tls(w, fd, true);
	if (tls != NULL && handshake(w, tls, fd) == 0) {
		tls_look(tls, &facts);
		doctor_evidence(l, "certificate for %s, signed by %s",
				facts.subject, facts.issuer);
		answers = answers_stun(w, tls, fd);
		doctor_evidence(l, "behind it %s",
				answers ? "a STUN server answers"
					: "no STUN server "
					  "answers");
	}
	tls_free(tls);
	close(fd);
	return answers;
}

static enum doctor_cause tls_cause(struct doctor_way *w, struct doctor_line *l,
				   int error)
{
	switch (tls_fault(w->tls)) {
	case TLS_FAULT_UNTRUSTED:
		return is_the_relay(w, l) ? DOCTOR_CAUSE_RELAY_UNTRUSTED
					  : DOCTOR_CAUSE_RELAY_INSPECTED;
	case TLS_FAULT_HTTP:
		return DOCTOR_CAUSE_PORTAL;
	default:
		break;
	}
	if (strstr(tls_error(w->tls), "certificate of") != NULL)
		return DOCTOR_CAUSE_RELAY_CERTIFICATE;
	return error == -ETIMEDOUT && !w->through ? DOCTOR_CAUSE_RELAY_SILENT
						  : DOCTOR_CAUSE_RELAY_TLS;
}

static void tell_certificate(struct doctor_way *w, struct doctor_line *l,
			     const struct tls_facts *facts)
{
	int64_t end = tls_cert_end_s(w->tls), left = end - (int64_t)time(NULL);

	if (end == 0)
		return;
	doctor_value(l, "certificate_days", (double)(left / (24 * 3600)));
	doctor_evidence(l, "certificate for %s, signed by %s", facts->subject,
			facts->issuer);
	if (left > EXPIRY_WARN_S)
		return;
	/* Calls are none the worse for it until then. */
	doctor_state(l, DOCTOR_INFO, "%s; its certificate ends in %lld hours",
		     facts->version, (long long)(left / 3600));
	doctor_advise(l, DOCTOR_CAUSE_RELAY_CERTIFICATE, &w->names);
}

static void tell_alpn(struct doctor_way *w, const struct tls_facts *facts)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_ALPN,
					     NULL);

	if (l == NULL)
		return;
	if (strcmp(facts->alpn, "stun.turn") == 0)
		doctor_state(l, DOCTOR_OK, "the relay selects stun.turn");
	else
		doctor_state(l, DOCTOR_INFO,
			     "the relay selects no protocol, which is fine");
}

void doctor_way_secure(struct doctor_way *w)
{
	struct relay *r = w->branch->relay;
	uint64_t began = clock_now_ms();
	struct tls_facts facts;
	struct doctor_line *l;
	int rc;

	if (!relay_is_secure(r) || relay_is_datagram(r))
		return;
	l = doctor_begin(w->branch, DOCTOR_RELAY_TLS, w->target);
	if (l == NULL)
		return;
	w->tls = open_tls(w, w->fd, false);
	if (w->tls == NULL) {
		doctor_fail(w->branch, l, "%s", strerror(errno));
		doctor_advise(l, DOCTOR_CAUSE_LOCAL, &w->names);
		return;
	}
	rc = handshake(w, w->tls, w->fd);
	if (rc < 0) {
		doctor_fail(w->branch, l, "%s", tls_error(w->tls));
		doctor_advise(l, tls_cause(w, l, rc), &w->names);
		return;
	}
	began = clock_now_ms() - began;
	tls_look(w->tls, &facts);
	doctor_figure(l, "%llu ms", (unsigned long long)began);
	doctor_value(l, "handshake_ms", (double)began);
	doctor_state(l, DOCTOR_OK, "%s", facts.version);
	tell_certificate(w, l, &facts);
	tell_alpn(w, &facts);
}
