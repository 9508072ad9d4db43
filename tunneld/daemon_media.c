/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_media.c - [media] mode = auto: whether UDP needs the relay here
 *
 * Media goes directly when two things are so: what crosses the preferred relay
 * comes through in both directions (udp_probe.h), and somebody who is no relay
 * answers, too - the STUN server of an app (udp_stun.h), now or when we were in
 * this network before: a firewall may be open for the relay alone. The page
 * then tells apps to prefer the direct way. Which transport carries what is
 * tunnelled is decided elsewhere, by racing them (race.h).
 */
#include <config.h>

#include "conf.h"
#include "daemon.h"
#include "log.h"
#include "memory.h"
#include "names.h"
#include "udp_probe.h"
#include "udp_stun.h"

#include <errno.h>
#include <string.h>

/* A firewall may be changed without any change of networks. */
#define AGAIN_MS (15 * 60 * 1000)

bool daemon_media_is_direct(const struct tunneld *d)
{
	return d->conf->media == CONF_MEDIA_AUTO && d->media.outside &&
	       d->media.verdict == UDP_VERDICT_OPEN;
}

static void put(struct tunneld *d, enum udp_verdict verdict, bool outside)
{
	bool was_direct = daemon_media_is_direct(d), is_direct;

	d->media.verdict = verdict;
	d->media.outside = outside;
	is_direct = daemon_media_is_direct(d);
	if (was_direct == is_direct)
		return;
	log_info(is_direct
			 ? "UDP works directly in this network: media of new "
			   "sockets goes without the relay"
			 : "UDP does not work directly in this network: media "
			   "goes through the relay");
	daemon_apply_found(d);
	daemon_remember(d);
}

void daemon_media_expect(struct tunneld *d, bool works)
{
	udp_stun_free(d->media.stun);
	d->media.stun = NULL;
	if (d->conf->media == CONF_MEDIA_AUTO)
		put(d, works ? UDP_VERDICT_OPEN : UDP_VERDICT_UNKNOWN, works);
}

/* Somebody who is no relay */

static void on_stun(void *arg, bool answered, uint64_t now_ms)
{
	struct tunneld *d = arg;

	(void)now_ms;
	udp_stun_free(d->media.stun);
	d->media.stun = NULL;
	log_debug("an app's STUN server %s without the relay",
		  answered ? "answers" : "does not answer");
	if (answered)
		put(d, d->media.verdict, true);
}

void daemon_media_stun(struct tunneld *d, const struct endpoint *server)
{
	char name[CONTROL_NAME_MAX + 1];
	struct udp_stun_opts opts = {
		.loop = d->loop,
		.pool = d->pool,
		.server = *server,
		.except = d->hop_addrs,
		.except_count = d->hop_addr_count,
		.done = on_stun,
		.arg = d,
	};

	if (d->conf->media != CONF_MEDIA_AUTO || d->media.stun != NULL ||
	    d->media.outside || d->media.verdict != UDP_VERDICT_OPEN)
		return;
	if (names_is_synthetic(d->names, server)) {
		if (!names_lookup(d->names, server, name))
			return;
		opts.name = name;
	}
	d->media.stun = udp_stun_new(&opts);
}

/* The relay */

static void stop_probe(struct tunneld *d)
{
	udp_probe_free(d->media.probe);
	d->media.probe = NULL;
	loop_timer_stop(d->loop, &d->media.again);
}

static void on_again(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	daemon_media_decide(arg);
}

static void on_verdict(void *arg, enum udp_verdict verdict, uint64_t now_ms)
{
	struct tunneld *d = arg;

	stop_probe(d);
	log_debug("direct UDP: %s", udp_verdict_name(verdict));
	put(d, verdict, d->media.outside && verdict == UDP_VERDICT_OPEN);
	if (verdict != UDP_VERDICT_UNKNOWN)
		loop_timer_set(d->loop, &d->media.again, now_ms + AGAIN_MS,
			       on_again, d);
	daemon_say_ready(d);
}

bool daemon_media_decide(struct tunneld *d)
{
	stop_probe(d);
	if (d->conf->media != CONF_MEDIA_AUTO) {
		put(d, UDP_VERDICT_UNKNOWN, false);
		return false;
	}
	d->media.env.loop = d->loop;
	d->media.env.pool = d->pool;
	d->media.env.stats = &d->media.stats;
	d->media.probe = udp_probe_new(&d->media.env, d->snapshot.relays,
				       on_verdict, d);
	if (d->media.probe == NULL)
		log_warn("direct UDP cannot be probed: %s", strerror(errno));
	return d->media.probe != NULL;
}

void daemon_media_stop(struct tunneld *d)
{
	stop_probe(d);
	udp_stun_free(d->media.stun);
	d->media.stun = NULL;
	leg_env_fini(&d->media.env);
}
