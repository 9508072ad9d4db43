/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* uplink_private.h - what the files of uplink share, and nobody else */
#ifndef UPLINK_PRIVATE_H
#define UPLINK_PRIVATE_H

#include "loop.h"
#include "uplink.h"

struct leg_ticket;
struct race;

/* About the leg that carries. */
enum uplink_doubt {
	UPLINK_DOUBT_NONE = 0,
	UPLINK_DOUBT_ASKED,   /* silent; a sign of life was asked for */
	UPLINK_DOUBT_STALLED, /* none came; another leg is being made */
};

struct uplink {
	struct uplink_env *env;
	const struct uplink_events *events;
	void *arg;
	struct leg *leg; /* carries, READY; NULL: none does */
	struct queue *queue;
	uint8_t family;
	bool exported;
	bool unproven; /* a warm leg, after a loss: it may be dead, too */
	bool changed;  /* the network has, and this leg was doubted for it */
	enum uplink_doubt doubt;
	uint64_t doubt_ms;       /* silent since */
	struct loop_timer watch; /* while in doubt */

	struct leg *spare; /* READY, while the doubtful leg may come back */
	struct race *race; /* a leg is being made */
	struct leg_ticket *ticket; /* what the race goes on with, or would */
	struct loop_timer retry;   /* begins a race, or adds to it */
	unsigned int failures;     /* in a row */
	unsigned int short_lives;  /* of legs, in a row */
	uint64_t nudged_ms;        /* last look for a way without a penalty */
	uint64_t carried_ms;       /* the leg carries since */
	uint64_t lost_ms;          /* no leg carries since; 0: one does */
	struct endpoint relayed;   /* the last; family 0: none yet */
	/* of what there was before this leg */
	uint64_t refused;
	uint32_t losses, resumptions, changes;

	struct leg *old; /* lingers: what comes to the old address */
	bool old_moved;  /* its allocation has: it is not to be given back */
	uint64_t old_until_ms;
	struct loop_timer linger;
};

/* uplink.c */
void uplink_begin_race(struct uplink *u, uint64_t now_ms);
void uplink_end_race(struct uplink *u);
/* The leg that carries has ended, or is given up. */
void uplink_lost(struct uplink *u, uint64_t now_ms);
/* `leg` carries from now on, and the one that did lingers. */
void uplink_switch(struct uplink *u, struct leg *leg, uint64_t now_ms);
/* To the warm ones, or back to the relay. */
void uplink_put_away(struct uplink *u, struct leg *leg, uint64_t now_ms);

/* uplink_old.c */
/* `leg` has carried until now; `moved`: its allocation is another leg's. */
void uplink_old_keep(struct uplink *u, struct leg *leg, bool moved,
		     uint64_t now_ms);
void uplink_old_drop(struct uplink *u);
/* READY, while the one that carries is doubted. */
void uplink_spare_keep(struct uplink *u, struct leg *leg);

/* uplink_doubt.c */
void uplink_doubt_begin(struct uplink *u, uint32_t patience_ms,
			uint64_t now_ms);
/* The leg has spoken. */
void uplink_doubt_end(struct uplink *u, uint64_t now_ms);
/* There is a spare leg: take it now, or when it is time. */
void uplink_doubt_decide(struct uplink *u, uint64_t now_ms);

/* How long a relay has for a sign of life. */
#define UPLINK_PING_MS         1000
#define UPLINK_PING_CHANGED_MS 500

#endif
