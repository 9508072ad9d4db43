/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_resume.c - an allocation that goes from one connection to the next
 *
 * Turns an allocation into bytes and these into a machine that goes on with it
 * (RFC 8016, 3.2).
 */
#include <config.h>

#include "turn_private.h"

#include <errno.h>

int turn_export(const struct turn *t, struct buf *out, uint64_t now_ms)
{
	(void)t, (void)out, (void)now_ms;
	return -ENOTSUP;
}

void turn_adopt_peers(struct turn *t, const struct turn *old, uint64_t now_ms)
{
	(void)t, (void)old, (void)now_ms;
}

bool turn_is_mobile(const struct turn *t)
{
	(void)t;
	return false;
}
