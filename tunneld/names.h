/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names.h - synthetic addresses for names that policy reaches by name
 *
 * Thread-safe (one mutex; not on the datagram path). Names are stored in
 * lower case without a trailing dot. The same name keeps the same address, over
 * restarts too with names_keep(), until it was not used for a day and three
 * quarters of the pool are taken.
 */
#ifndef NAMES_H
#define NAMES_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names;

struct names_opts {
	struct endpoint pool4, pool6; /* prefixes; family 0: none */
	uint8_t pool4_bits, pool6_bits;
};

struct names *names_new(const struct names_opts *opts) MUST_CHECK;
void names_free(struct names *n);
/* Keep the names in a file of our own (mode 0600): those that are in it have
 * the addresses that they had, as apps remember them over a restart; new ones
 * are added. To be called before the first look-up. 0 or -errno. */
int names_keep(struct names *n, const char *path) MUST_CHECK;

/* Lower case, no trailing dot; false when it is not a host name at all
 * (empty, over 255 bytes, an IP literal, a label over 63, odd bytes). */
bool names_normalise(const char *name,
		     char out[CONTROL_NAME_MAX + 1]) MUST_CHECK;

/* The address of `name` in `family` (4 or 6), made on first use. false: no
 * pool for that family, or the pool is full. */
bool names_address(struct names *n, const char *name, uint8_t family,
		   struct endpoint *addr) MUST_CHECK;
/* How many names have an address of that family, and how many can. */
void names_use(struct names *n, uint8_t family, uint32_t *used,
	       uint32_t *capacity);
bool names_has_pool(const struct names *n, uint8_t family);
/* The name behind a synthetic address (its port is ignored). */
bool names_lookup(struct names *n, const struct endpoint *addr,
		  char name[CONTROL_NAME_MAX + 1]) MUST_CHECK;
/* In a pool at all, whether or not a name is there. */
bool names_is_synthetic(const struct names *n, const struct endpoint *addr);
/* True when /etc/hosts (or `path` for tests) holds the name: such names are
 * the machine's own and are not ours. Re-read when the file has changed. */
bool names_in_hosts_file(struct names *n, const char *name);
void names_set_hosts_file(struct names *n, const char *path);

#endif
