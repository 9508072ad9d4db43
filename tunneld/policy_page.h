/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy_page.h - the writer of <turnout/page.h>: a file that apps map */
#ifndef POLICY_PAGE_H
#define POLICY_PAGE_H

#include <turnout/compiler.h>

#include <stdint.h>

struct page_table;
struct policy_page;

/* Create or take over the file (same inode kept, unless it is of another
 * version; mode 0644, or 0600 when `mode` says so), with a new random epoch and
 * state DOWN. NULL with errno:
 * EBUSY when another daemon holds it, EPERM when it is not a regular file of
 * our own user. */
struct policy_page *policy_page_open(const char *path,
				     unsigned int mode) MUST_CHECK;
/* State becomes UP, the generation counts up. 0, or -errno (-ENOSPC: the file
 * system is full) and the rules stay what they were. */
int policy_page_publish(struct policy_page *p,
			const struct page_table *compiled) MUST_CHECK;
uint64_t policy_page_epoch(const struct policy_page *p);
/* State DOWN, unmapped; the file stays unless `unlink_it`. */
void policy_page_close(struct policy_page *p, int unlink_it);

#endif
