/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_media.c - [media] mode = auto: whether UDP needs the relay here
 *
 * A probe asks the preferred relay; the page then tells apps to prefer the
 * direct way, or not. Which transport carries what is tunnelled is decided
 * elsewhere, by racing them (race.h).
 */
#include <config.h>

#include "conf.h"
#include "daemon.h"
#include "log.h"
#include "policy.h"
#include "udp_probe.h"

#include <errno.h>
#include <string.h>

/* A firewall may be changed without any change of networks. */
#define AGAIN_MS (15 * 60 * 1000)

static void stop_probe(struct tunneld *d)
{
	udp_probe_free(d->media.probe);
	d->media.probe = NULL;
	loop_timer_stop(d->loop, &d->media.again);
}

static void put_verdict(struct tunneld *d, enum udp_verdict verdict)
{
	bool was_open = d->media.verdict == UDP_VERDICT_OPEN;
	bool is_open = verdict == UDP_VERDICT_OPEN;

	d->media.verdict = verdict;
	if (was_open == is_open)
		return;
	log_info(is_open ? "UDP works directly in this network: media of new "
			   "sockets goes without the relay"
			 : "UDP does not work directly in this network: media "
			   "goes through the relay");
	daemon_apply_found(d);
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
	put_verdict(d, verdict);
	if (verdict != UDP_VERDICT_UNKNOWN)
		loop_timer_set(d->loop, &d->media.again, now_ms + AGAIN_MS,
			       on_again, d);
	daemon_say_ready(d);
}

void daemon_media_expect(struct tunneld *d, enum udp_verdict verdict)
{
	if (d->conf->media == CONF_MEDIA_AUTO)
		put_verdict(d, verdict);
}

bool daemon_media_decide(struct tunneld *d)
{
	stop_probe(d);
	if (d->conf->media != CONF_MEDIA_AUTO) {
		put_verdict(d, UDP_VERDICT_UNKNOWN);
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
	leg_env_fini(&d->media.env);
}
