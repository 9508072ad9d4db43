/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cancel.h - break off what another thread does with a descriptor
 *
 * shutdown() wakes every wait on a socket, inside libraries too, so the thread
 * at work says which descriptor it waits on. It must take the watch off before
 * it closes or hands on that descriptor.
 */
#ifndef CANCEL_H
#define CANCEL_H

#include <pthread.h>
#include <stdbool.h>

struct cancel {
	pthread_mutex_t lock;
	bool set;
	int fd; /* watched; -1: none */
};

void cancel_init(struct cancel *c);
void cancel_fini(struct cancel *c);

/* From any thread. What waits without a descriptor asks cancel_is_set() every
 * CANCEL_POLL_MS. */
#define CANCEL_POLL_MS 50
void cancel_now(struct cancel *c);

bool cancel_is_set(struct cancel *c);
void cancel_watch(struct cancel *c, int fd); /* -1: none any more */

#endif
