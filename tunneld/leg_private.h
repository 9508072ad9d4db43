/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* leg_private.h - what leg.c and leg_io.c share, and nobody else */
#ifndef LEG_PRIVATE_H
#define LEG_PRIVATE_H

#include "buf.h"
#include "framer.h"
#include "leg.h"
#include "loop.h"
#include "stream.h"

/* The causes of failures, for relay_failed(): dial reasons stand below. */
#define LEG_CAUSE_TURN     0x10000u /* and the error code */
#define LEG_CAUSE_ENDED    0x20000u
#define LEG_CAUSE_GARBAGE  0x20001u
#define LEG_CAUSE_BROKEN   0x20002u
#define LEG_CAUSE_INTERNAL 0x30000u

/* A host name and the words of TURN or TLS. */
#define LEG_LINE_BYTES 768

struct leg {
	struct leg_env *env;
	const struct leg_events *events;
	void *arg;
	struct turn *turn;   /* with the connection; until the leg is freed */
	struct queue *queue; /* the owner's, or NULL */
	enum leg_state state;
	bool failed;    /* ends at the end of this turn */
	bool congested; /* the kernel has refused bytes since the last lull */
	bool used;      /* has sent to a peer */
	bool leaving;   /* leg_release() */
	uint8_t family;

	/* what is to be written: bytes [sent, out_buf.len) of `out` */
	uint8_t *out;
	struct buf out_buf;
	size_t out_sent;
	struct loop_defer flush;

	struct stream stream;
	struct loop_fd watch;
	struct framer framer;
	uint64_t last_in_ms, last_out_ms;
	struct loop_timer timer; /* the TURN machine's, and `limit_ms` */
	uint64_t limit_ms;

	struct relay_set *set; /* keeps `relay` alive */
	struct relay *relay;
	struct leg_dial *dial; /* under way */
	struct leg_end end;
	struct leg *next, **prev; /* while leaving */
};

/* leg.c */
/* Mark as failed, and say so in the log. The leg ends at the end of the
 * turn. */
void leg_fail(struct leg *l, uint32_t cause, const char *words,
	      uint64_t now_ms);
/* Run at the end of this turn: write, and end what has failed. */
void leg_want_flush(struct leg *l);

/* leg_io.c */
int leg_io_open(struct leg *l) MUST_CHECK; /* memory; 0 or -errno */
void leg_io_close(struct leg *l);
void leg_io_read(struct leg *l, uint64_t now_ms);
void leg_io_write(struct leg *l, uint64_t now_ms);
/* 0: in `out`, or refused for good; -ENOBUFS: no room now. */
int leg_io_wrap(struct leg *l, const struct endpoint *peer, const uint8_t *data,
		size_t len, uint64_t now_ms) MUST_CHECK;

#endif
