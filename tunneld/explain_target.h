/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * explain_target.h - a destination as people write it: URL, host:port,
 * udp://host:port; pure
 */
#ifndef EXPLAIN_TARGET_H
#define EXPLAIN_TARGET_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>
#include <turnout/page.h>

#include <stddef.h>
#include <stdint.h>

struct explain_target {
	enum policy_protocol protocol;   /* TCP or UDP */
	char host[CONTROL_NAME_MAX + 1]; /* normalised; no brackets */
	struct endpoint ip;              /* family 0: `host` is a name */
	uint16_t port;
};

/* What stands before an @ is a password and is not looked at. 0, or -EINVAL
 * with words. */
int explain_target_parse(const char *text, struct explain_target *target,
			 char *words, size_t words_max) MUST_CHECK;

#endif
