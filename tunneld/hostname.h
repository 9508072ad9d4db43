/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hostname.h - host names as text: checked, folded, compared; pure */
#ifndef HOSTNAME_H
#define HOSTNAME_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>

/* Lower case, no trailing dot. False when it is not a host name at all: empty,
 * over 253 bytes, an empty label or one over 63 bytes, bytes that no host name
 * has, or an IP literal in any spelling that libc knows (127.1, 0x7f000001). */
bool hostname_normalise(const char *name,
			char out[CONTROL_NAME_MAX + 1]) MUST_CHECK;

/* Both normalised: `name` is `domain` or below it. */
bool hostname_is_below(const char *name, const char *domain);

#endif
