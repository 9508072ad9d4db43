/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * explain.h - what turnout would do with a destination, and why; blocks, for
 * pool threads and programs that do nothing else
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "explain_target.h"

#include <turnout/compiler.h>
#include <turnout/page.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cancel;
struct names;
struct policy;
struct relay_set;
struct tunnel_env;

struct explain_query {
	struct explain_target target;
	struct policy_client client;
	bool json;
};

/* What is asked; borrowed. */
struct explain_env {
	struct policy *policy;
	struct relay_set *relays;
	/* NULL without a running tunneld: then nobody has been given an
	 * address, and nothing is known of logins. */
	struct names *names;
	const struct tunnel_env *tunnel;
	bool inside; /* the name was found to be one of the inside */
};

/* Also the exit statuses of `turnout explain`. */
enum explain_verdict {
	EXPLAIN_GOES = 0,
	EXPLAIN_BLOCKED = 1, /* or there is no way */
	EXPLAIN_WRONG = 2,   /* that is no destination */
};

/* Prints lines for people, or an object of JSON. Holds no password. */
enum explain_verdict explain(const struct explain_query *query,
			     const struct explain_env *env,
			     uint64_t deadline_ms, struct cancel *cancel,
			     FILE *to) MUST_CHECK;

#endif
