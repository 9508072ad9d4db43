/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resolve_ask.h - what tunneld says of a name; private to resolve*.c */
#ifndef RESOLVE_ASK_H
#define RESOLVE_ASK_H

#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length without a trailing dot. */
size_t resolve_bare_length(const char *name);
/* Only names are asked of tunneld: no literals in any form that libc knows,
 * nothing that is not a host name (then libc says so), not this host. */
bool resolve_is_ours(const char *name);
/* `family`: an endpoint_family. */
enum control_resolve_verdict resolve_ask(const char *name, uint8_t family,
					 struct endpoint *addr);
/* For records other than addresses: never SYNTHETIC. */
enum control_resolve_verdict resolve_ask_records(const char *name);

#endif
