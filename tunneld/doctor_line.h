/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_line.h - the lines of a report, and the branches that write them
 *
 * A branch is a thread with its own lines: what does not depend on each other
 * is looked at in several at once. The first line of a branch that fails is the
 * root: those behind it are skipped.
 */
#ifndef DOCTOR_LINE_H
#define DOCTOR_LINE_H

#include "cancel.h"
#include "dial_reason.h"
#include "doctor.h"
#include "relay.h"

#include <turnout/compiler.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* X(enum, id, title, weight): in the order of the report. */
#define DOCTOR_PROBES(X)                                           \
	X(CONFIG, "config", "configuration")                       \
	X(NAMES, "names", "names")                                 \
	X(PROXY_NAME, "proxy.name", "the proxy's name")            \
	X(PROXY_TCP, "proxy.tcp", "TCP to the proxy")              \
	X(PROXY_TLS, "proxy.tls", "TLS to the proxy")              \
	X(PROXY_SCHEMES, "proxy.schemes", "logins that it offers") \
	X(PROXY_LOGIN, "proxy.login", "login at the proxy")        \
	X(PROXY_CONNECT, "proxy.connect", "CONNECT to the relay")  \
	X(RELAY_NAME, "relay.name", "the relay's name")            \
	X(RELAY_TCP, "relay.tcp", "way to the relay")              \
	X(RELAY_TLS, "relay.tls", "TLS to the relay")              \
	X(RELAY_ALPN, "relay.alpn", "ALPN stun.turn")              \
	X(RELAY_TURN, "relay.turn", "TURN answers")                \
	X(RELAY_CLOCK, "relay.clock", "clock")                     \
	X(RELAY_ALLOCATE, "relay.allocate", "allocation")          \
	X(RELAY_QUOTA, "relay.quota", "quota")                     \
	X(RELAY_ECHO, "relay.echo", "echo through the relay")      \
	X(RELAY_THROUGHPUT, "relay.throughput", "throughput")      \
	X(RELAY_MOBILITY, "relay.mobility", "mobility")            \
	X(RELAY_IDLE, "relay.idle", "idle connections")            \
	X(UDP_DIRECT, "udp.direct", "UDP without the proxy")

enum doctor_probe {
#define DOCTOR_PROBE(name, id, title) DOCTOR_##name,
	DOCTOR_PROBES(DOCTOR_PROBE)
#undef DOCTOR_PROBE
	DOCTOR_NUM_PROBES,
};

const char *doctor_probe_id(enum doctor_probe probe);    /* "proxy.tcp" */
const char *doctor_probe_title(enum doctor_probe probe); /* for people */

enum doctor_state {
	DOCTOR_SKIPPED = 0,
	DOCTOR_OK,
	DOCTOR_SLOW, /* it works, and calls will not be good for it */
	DOCTOR_FAILED,
	DOCTOR_INFO, /* worth knowing; nobody has to act */
};

enum doctor_who {
	DOCTOR_NOBODY = 0,
	DOCTOR_YOU,
	DOCTOR_IT,
	DOCTOR_PROXY_ADMIN,
	DOCTOR_RELAY_ADMIN,
};
const char *doctor_who_id(enum doctor_who who); /* "proxy-admin"; or NULL */

struct doctor_line {
	enum doctor_probe probe;
	char relay[RELAY_NAME_MAX + 1]; /* empty: of no relay in particular */
	char about[DIAL_HOST_PORT_MAX]; /* what it looks at; or empty */
	enum doctor_state state;
	enum doctor_who who;
	char figure[48]; /* empty: there is none */
	char words[DIAL_WORDS_MAX];
	json_t *values, *change, *evidence; /* NULL: none */
	struct doctor_line *next;
};

struct doctor_branch {
	struct doctor *doctor;
	const struct doctor_env *env;
	struct relay *relay; /* NULL: of no relay */
	uint64_t deadline_ms;
	struct cancel cancel;
	struct doctor_line *first, **end;
	const struct doctor_line *root; /* the one that has failed */
	/* plots of the report: arrays of numbers or null */
	json_t *series;
};

/* A line that is looked at now. NULL: it was skipped, because an earlier one of
 * the branch has failed, or there is no time left; or no memory. */
struct doctor_line *doctor_begin(struct doctor_branch *b,
				 enum doctor_probe probe,
				 const char *about) MUST_CHECK;
/* It does not apply here: no line of it was owed. */
void doctor_skip(struct doctor_branch *b, enum doctor_probe probe,
		 const char *why);

void doctor_state(struct doctor_line *l, enum doctor_state state,
		  const char *fmt, ...) PRINTF_LIKE(3, 4); /* the words */
void doctor_figure(struct doctor_line *l, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
void doctor_value(struct doctor_line *l, const char *name, double value);
void doctor_evidence(struct doctor_line *l, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
/* Who must act, and one more thing to change. */
void doctor_who(struct doctor_line *l, enum doctor_who who);
void doctor_change(struct doctor_line *l, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
/* It has failed: what comes behind it in the branch is skipped. */
void doctor_fail(struct doctor_branch *b, struct doctor_line *l,
		 const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A step's deadline: at most so much from now, and not beyond the branch's. */
uint64_t doctor_deadline_ms(const struct doctor_branch *b, uint32_t most_ms);

/* Of doctor.c: a line is about to be looked at. */
void doctor_tell(struct doctor *d, const struct doctor_line *l);

#endif
