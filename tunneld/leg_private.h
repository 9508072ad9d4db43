/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* leg_private.h - what the files of leg share, and nobody else */
#ifndef LEG_PRIVATE_H
#define LEG_PRIVATE_H

#include "buf.h"
#include "framer.h"
#include "leg.h"
#include "leg_place.h"
#include "loop.h"
#include "stream.h"

struct creds_pair;

/* A host name and the words of TURN or TLS. */
#define LEG_LINE_BYTES 768

struct leg {
	struct leg_env *env;
	const struct leg_events *events;
	void *arg;
	struct turn *turn; /* from the connection on, until the leg is freed */
	struct queue *queue; /* the owner's, or NULL */
	enum leg_state state;
	bool failed;      /* ends at the end of this turn */
	bool congested;   /* the kernel has refused bytes since the last lull */
	bool used;        /* has sent to a peer */
	bool leaving;     /* leg_release() */
	bool trial;       /* leg_set_trial() */
	bool told_silent; /* on_silent, in this silence */
	bool resumed;
	bool mobility;
	bool renewed;
	uint8_t family;

	/* what is to be written: bytes [sent, out_buf.len) of `out` */
	uint8_t *out;
	size_t out_max; /* bytes that it has */
	struct buf out_buf;
	size_t out_sent;
	struct loop_defer flush;

	struct stream stream;
	struct loop_fd watch;
	struct framer framer;
	uint64_t last_in_ms, last_out_ms;
	uint64_t refused;         /* datagrams that the relay would not have */
	uint64_t media_in_ms;     /* last datagram of a peer */
	uint64_t silent_since_ms; /* first write without an answer; 0: none */
	uint64_t gap_ms;          /* the silence before that write */
	struct loop_timer timer;  /* the TURN machine's and the other limits */
	uint64_t limit_ms;        /* of the present state; CLOCK_NEVER: none */

	struct relay_set *set; /* keeps `relay` alive */
	struct relay *relay;
	struct leg_place *place;   /* NULL: the relay itself */
	struct leg_dial *dial;     /* under way */
	struct leg_fetch *fetch;   /* of credentials, under way */
	struct creds_pair *pair;   /* until the relay has taken them */
	struct leg_ticket *ticket; /* to resume by, until TURN begins */
	struct endpoint local, peer;
	unsigned int more; /* for leg_opts.first; 0: none */
	struct leg_end end;
	struct leg *next, **prev; /* while leaving */
};

/* leg.c */
/* Mark as failed, and say so in the log. The leg ends at the end of the
 * turn. */
void leg_fail(struct leg *l, uint32_t cause, enum turn_blame blame,
	      const char *words, uint64_t now_ms);
/* Run at the end of this turn: write, and end what has failed. */
void leg_want_flush(struct leg *l);

/* leg_turn.c */
/* DIALING is over when connection and credentials are there. */
void leg_begin(struct leg *l, uint64_t now_ms);

/* leg_dial.c */
int leg_dial_start(struct leg *l, unsigned int first) MUST_CHECK;
void leg_dial_cancel(struct leg *l);

/* leg_creds.c */
/* 0: `pair` is there, or is being fetched; or -errno. */
int leg_creds_start(struct leg *l) MUST_CHECK;
void leg_creds_cancel(struct leg *l);
void leg_creds_wipe(struct leg *l);

/* leg_io.c */
int leg_io_open(struct leg *l) MUST_CHECK; /* memory; 0 or -errno */
void leg_io_close(struct leg *l);
void leg_io_read(struct leg *l, uint64_t now_ms);
void leg_io_write(struct leg *l, uint64_t now_ms);
/* 0: in `out`, or refused for good; -ENOBUFS: no room now. */
int leg_io_wrap(struct leg *l, const struct endpoint *peer, const uint8_t *data,
		size_t len, uint64_t now_ms) MUST_CHECK;

#endif
