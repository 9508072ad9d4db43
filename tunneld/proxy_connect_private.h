/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_connect_private.h - for proxy_connect*.c alone */
#ifndef PROXY_CONNECT_PRIVATE_H
#define PROXY_CONNECT_PRIVATE_H

#include "proxy_connect.h"

#include <pthread.h>

/* The descriptor that libcurl works on, when its thread may be left behind:
 * who leaves puts another one in its place, under the lock. */
struct proxy_connect_hold {
	pthread_mutex_t lock;
	int own;  /* to give to libcurl; -1: left, or given */
	int curl; /* what libcurl has; -1: nothing */
};

/* In this thread. `hold` NULL: `pc->fd` is duplicated. */
enum proxy_connect_end proxy_connect_here(
	struct proxy_connect *pc, struct proxy_connect_hold *hold) MUST_CHECK;
/* In a thread of its own, for what a library may be stuck in. */
enum proxy_connect_end proxy_connect_aside(struct proxy_connect *pc) MUST_CHECK;

#endif
