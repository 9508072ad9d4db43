/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy_page.h - the writer of <turnout/page.h>: a file that apps map */
#ifndef POLICY_PAGE_H
#define POLICY_PAGE_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct page_table;
struct policy_page;

/* As long a restart may take. */
#define POLICY_PAGE_HOLD_MS 5000

/* Create or take over the file (same inode kept, unless it is of another
 * version; mode 0644, or 0600 when `mode` says so), with a new random epoch and
 * state DOWN, or HELD when flows' ports are `held` and apps use them. NULL with
 * errno:
 * EBUSY when another daemon holds it, EPERM when it is not a regular file of
 * our own user. */
struct policy_page *policy_page_open(const char *path, unsigned int mode,
				     bool held) MUST_CHECK;
/* State becomes UP, the generation counts up. 0, or -errno (-ENOSPC: the file
 * system is full) and the rules stay what they were. */
int policy_page_publish(struct policy_page *p,
			const struct page_table *compiled) MUST_CHECK;
uint64_t policy_page_epoch(const struct policy_page *p);
/* State HELD for POLICY_PAGE_HOLD_MS: the ports of all flows are somebody's who
 * keeps them for the next daemon. */
void policy_page_hold(struct policy_page *p);
/* State DOWN, or HELD, unmapped; the file stays unless `unlink_it`. */
void policy_page_close(struct policy_page *p, int unlink_it);

#endif
