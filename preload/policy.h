/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy.h - (protocol, destination) -> direct | proxy | tunnel | block: the
 * one place where it is decided what may leave the machine directly
 */
#ifndef POLICY_H
#define POLICY_H

#include <turnout/endpoint.h>
#include <turnout/page.h>

/* Learn who we are, for rules about programs and users: the executable and the
 * user at exec. Called from the constructor and never again: a sandbox may
 * forbid to ask later. */
void policy_init(void);

/* From the page; without one (no daemon has ever run here): loopback, private,
 * link-local and multicast direct, everything else POLICY_BLOCK: fail closed.
 * Loopback addresses are direct whatever the page says, except UDP port 53. */
enum policy_action policy_decide(enum policy_protocol protocol,
				 const struct endpoint *dest);

#endif
