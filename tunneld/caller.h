/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * caller.h - who is at the other end of a control connection, for rules about
 * programs and users
 */
#ifndef CALLER_H
#define CALLER_H

#include <turnout/compiler.h>
#include <turnout/page.h>

#define CALLER_PATH_MAX 1024

struct ucred;

struct caller {
	struct policy_client client; /* points to `path`, or to nothing */
	char path[CALLER_PATH_MAX];
};

/* Filled in place and not copied. `claim`: the program by its own account, for
 * when the kernel does not tell; NULL: none. */
void caller_init(struct caller *c, const struct ucred *cred, const char *claim);
/* On the heap, in one piece for free(). */
struct policy_client *caller_keep(const struct policy_client *c) MUST_CHECK;

#endif
