/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.h - a configuration turned into what the daemon works with: the
 * proxy, the relays and the policy; built whole, or not at all
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "hops.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct egress;
struct plan;
struct policy;
struct relay_set;
struct rules_learned;

struct snapshot {
	struct egress *egress; /* NULL: no proxy */
	struct plan *plan;
	struct relay_set *relays; /* what is known of where they are */
	struct policy *policy;
	struct hops_host *hop;
	size_t hop_count;
};

#define SNAPSHOT_WORDS_MAX 512

/* Reads the secrets that `conf` names. 0, or -errno with words for the log
 * that name the setting and what would be right. */
int snapshot_init(struct snapshot *s, const struct conf *conf,
		  char words[SNAPSHOT_WORDS_MAX]) MUST_CHECK;
void snapshot_fini(struct snapshot *s);

/* A better set, whose reference is taken over: the hops follow. 0 or
 * -ENOMEM. */
int snapshot_set_relays(struct snapshot *s, struct relay_set *set) MUST_CHECK;
/* What the one before has learned about the same relays, and has fetched. */
void snapshot_inherit(struct snapshot *s, const struct snapshot *old);

/* What look-ups have found since the start. */
struct snapshot_found {
	const struct endpoint *hops; /* apps that know them go there directly */
	size_t hop_count;
	const struct rules_learned *learned; /* addresses of direct names */
	size_t learned_count;
	bool udp_direct; /* UDP works in this network without the relay */
};

/* The policy once more, with what was found. A new reference, or NULL with
 * errno. */
struct policy *snapshot_policy(const struct snapshot *s,
			       const struct conf *conf,
			       const struct snapshot_found *found) MUST_CHECK;

#endif
