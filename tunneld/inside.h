/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inside.h - is a name one of the inside? ([names] mode = auto)
 *
 * It is when the system's resolver finds it at addresses that policy reaches
 * directly. Runs in the control loop.
 */
#ifndef INSIDE_H
#define INSIDE_H

#include "learn.h"
#include "loop.h"

#include <turnout/compiler.h>

#include <stdbool.h>

struct dial_pool;
struct inside;
struct policy;

struct inside *inside_new(struct loop *loop, struct dial_pool *pool) MUST_CHECK;
void inside_free(struct inside *in);
/* Another network: nothing of what was found out holds. */
void inside_forget(struct inside *in);

/* Find it out. True: `wait` will be told soon, with or without an answer;
 * learn_cancel() takes it off. False: there is nothing to wait for, or policy
 * does not reach the machine's name servers directly, so that the name may not
 * go to them. */
bool inside_want(struct inside *in, const struct policy *policy,
		 const char *name, struct learn_wait *wait, loop_fn *done,
		 void *arg) MUST_CHECK;
/* Another resolv.conf(5), for tests. */
void inside_set_resolv_conf(struct inside *in, const char *path);
/* What is known now; a name of which nothing is known is not. */
bool inside_has(struct inside *in, const struct policy *policy,
		const char *name);

/* Does the system's resolver answer? Not before it has. */
bool inside_answers(const struct inside *in);

#endif
