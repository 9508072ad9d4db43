/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds_keeper.h - renews the credentials of all relays before they expire, in
 * the background
 *
 * Lives in one loop's thread. Nothing that is connected is touched by it.
 */
#ifndef CREDS_KEEPER_H
#define CREDS_KEEPER_H

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

struct creds;
struct creds_keeper;
struct dial_pool;
struct loop;

#define CREDS_KEEPER_MAX 64 /* relays with credentials of their own */

/* In the loop's thread, when `creds` have been fetched, also the first time:
 * creds_uris() may have changed. */
typedef void(creds_keeper_fn)(void *arg, struct creds *creds, uint64_t now_ms);

/* `pool` and `loop` must outlive it. NULL with errno. */
struct creds_keeper *creds_keeper_new(struct loop *loop, struct dial_pool *pool,
				      creds_keeper_fn *renewed,
				      void *arg) MUST_CHECK;
/* Outside of `renewed`. Fetches that run are left to themselves. */
void creds_keeper_free(struct creds_keeper *k);

/* These, and no others, from now on; references are taken, duplicates do no
 * harm. What is due (all, at the start) is fetched at once. */
void creds_keeper_set(struct creds_keeper *k, struct creds *const *creds,
		      size_t count);
/* The network has changed: what failed is tried at once. */
void creds_keeper_hurry(struct creds_keeper *k);

#endif
