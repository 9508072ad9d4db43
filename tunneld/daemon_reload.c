/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_reload.c - the configuration, and what look-ups add to it, put in
 * force
 *
 * What is configured is a snapshot that is never changed; a reload builds a
 * new one whole and swaps it in, or keeps the old one and says why.
 */
#include <config.h>

#include "addr.h"
#include "conf.h"
#include "control.h"
#include "daemon.h"
#include "dial.h"
#include "discover.h"
#include "hops.h"
#include "learn.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "policy.h"
#include "policy_page.h"
#include "relay.h"
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void daemon_report_line(void *arg, enum log_level level, const char *line)
{
	FILE *told = arg;

	if (level == LOG_LEVEL_ERROR)
		log_err("%s", line);
	else
		log_warn("%s", line);
	if (told != NULL)
		fprintf(told, "%s%s\n",
			level == LOG_LEVEL_ERROR ? "" : "warning: ", line);
}

static enum log_level wanted_level(const struct tunneld *d)
{
	if (d->opts->quiet)
		return LOG_LEVEL_ERROR;
	/* For one command: silent when all is well. */
	if (d->opts->private_daemon && d->conf->log_level == LOG_LEVEL_INFO)
		return LOG_LEVEL_WARN;
	return d->conf->log_level;
}

void daemon_set_log_level(const struct tunneld *d)
{
	log_set_level(wanted_level(d));
}

/* Policy: published to apps, workers and the control socket at once. */
int daemon_publish(struct tunneld *d)
{
	int err = policy_page_publish(d->page, policy_compiled(d->policy));

	if (err < 0)
		log_err("the policy page: %s; apps keep the rules they have",
			strerror(-err));
	return err;
}

static void apply_policy(struct tunneld *d)
{
	for (size_t i = 0; i < d->worker_count; i++)
		worker_reload(d->workers[i], d->policy, d->snapshot.relays);
	if (d->control != NULL)
		control_reload(d->control, d->policy, d->snapshot.relays);
	daemon_publish(d);
}

void daemon_apply_found(struct tunneld *d)
{
	struct snapshot_found found = {
		.hops = d->hop_addrs,
		.hop_count = d->hop_addr_count,
		.udp_direct = daemon_media_is_direct(d),
	};
	struct policy *policy;

	found.learned = learn_known(d->learn, &found.learned_count);
	policy = snapshot_policy(&d->snapshot, d->conf, &found);
	if (policy == NULL) {
		log_err("addresses that were looked up: %s", strerror(errno));
		return;
	}
	policy_put(d->policy);
	d->policy = policy;
	apply_policy(d);
}

void daemon_learned(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	daemon_apply_found(arg);
}

void daemon_forget_hops(struct tunneld *d)
{
	free(d->hop_addrs);
	d->hop_addrs = NULL;
	d->hop_addr_count = 0;
}

static void on_hops(void *arg, const struct endpoint *addrs, size_t count)
{
	struct tunneld *d = arg;

	daemon_forget_hops(d);
	d->hop_addrs = calloc(count, sizeof(*addrs));
	if (d->hop_addrs == NULL)
		return;
	memcpy(d->hop_addrs, addrs, count * sizeof(*addrs));
	d->hop_addr_count = count;
	daemon_apply_found(d);
}

void daemon_look_up_hops(struct tunneld *d)
{
	hops_free(d->hops);
	d->hops = hops_new(d->loop, d->pool, d->snapshot.hop,
			   d->snapshot.hop_count, on_hops, d);
}

/* One of the relays was found elsewhere, or at all. */
static void on_relays(void *arg, struct relay_set *set, uint64_t now_ms)
{
	struct tunneld *d = arg;

	(void)now_ms;
	if (snapshot_set_relays(&d->snapshot, set) < 0)
		log_err("relays that were found: %s", strerror(ENOMEM));
	daemon_relays_changed(d);
	daemon_apply_found(d);
	daemon_look_up_hops(d);
	if (d->media.verdict == UDP_VERDICT_UNKNOWN)
		daemon_media_decide(d);
}

void daemon_discover(struct tunneld *d)
{
	struct discover_opts opts = {
		.loop = d->loop,
		.pool = d->pool,
		.plan = d->snapshot.plan,
		.relays = d->snapshot.relays,
		.on_set = on_relays,
		.arg = d,
	};

	discover_free(d->discover);
	d->discover = discover_new(&opts);
	if (d->discover == NULL)
		log_err("where the relays are: %s", strerror(errno));
}

/* What running apps hold on to cannot change under them. */
static void keep_fixed(const struct conf *old, struct conf *new)
{
	if (strcmp(old->socket, new->socket) != 0)
		log_warn("[daemon] socket: takes effect at the next start");
	if (strcmp(old->run_as, new->run_as) != 0)
		log_warn("[daemon] run_as: takes effect at the next start");
	if (!endpoint_equal(&old->pool4, &new->pool4) ||
	    !endpoint_equal(&old->pool6, &new->pool6) ||
	    old->pool4_bits != new->pool4_bits ||
	    old->pool6_bits != new->pool6_bits)
		log_warn("[names] pools: take effect at the next start");
	new->pool4 = old->pool4;
	new->pool6 = old->pool6;
	new->pool4_bits = old->pool4_bits;
	new->pool6_bits = old->pool6_bits;
}

/* The next configuration and what is made of it; NULL: it is wrong. */
static struct conf *read_again(struct tunneld *d, struct snapshot *next,
			       FILE *told)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct conf *conf = conf_load(&d->opts->source, daemon_report_line,
				      told);

	if (conf == NULL)
		return NULL;
	keep_fixed(d->conf, conf);
	if (snapshot_init(next, conf, words) == 0)
		return conf;
	daemon_report_line(told, LOG_LEVEL_ERROR, words);
	conf_free(conf);
	return NULL;
}

int daemon_reload(struct tunneld *d, FILE *told)
{
	struct snapshot next;
	struct conf *conf;

	notify_reloading();
	conf = read_again(d, &next, told);
	if (conf == NULL) {
		log_event(LOG_LEVEL_ERROR, LOG_EVENT_CONFIG_REJECTED, NULL,
			  "the configuration was not read again: the one in "
			  "force stays");
		control_note_reload(d->control, false);
		notify_ready();
		return -EBADMSG;
	}
	policy_put(d->policy);
	snapshot_inherit(&next, &d->snapshot);
	snapshot_fini(&d->snapshot);
	conf_free(d->conf);
	d->conf = conf;
	d->snapshot = next;
	d->policy = policy_get(next.policy);
	daemon_set_log_level(d);
	daemon_relays_changed(d);
	daemon_forget_hops(d);
	daemon_apply_found(d);
	daemon_look_up_hops(d);
	daemon_discover(d);
	daemon_media_decide(d);
	daemon_metrics_apply(d);
	control_note_reload(d->control, true);
	log_event(LOG_LEVEL_INFO, LOG_EVENT_CONFIG_RELOADED, NULL,
		  "the configuration was read again");
	notify_ready();
	daemon_tell_status(d);
	return 0;
}
