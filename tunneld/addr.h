/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* addr.h - endpoints and prefixes as text, and what kind of address it is */
#ifndef ADDR_H
#define ADDR_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "[2001:db8::1%scope]:65535" fits. */
#define ADDR_TEXT_MAX 64

/* "192.0.2.1:3478", "[2001:db8::1]:3478". Returns `text`. */
const char *addr_format(const struct endpoint *e, char text[ADDR_TEXT_MAX]);
/* Without the port. */
const char *addr_format_ip(const struct endpoint *e, char text[ADDR_TEXT_MAX]);
/* An IP literal, brackets allowed around IPv6; the port is set to 0. */
bool addr_parse_ip(const char *text, struct endpoint *e) MUST_CHECK;
/* "IP" or "IP/BITS"; host bits must be zero. */
bool addr_parse_prefix(const char *text, struct endpoint *e,
		       uint8_t *bits) MUST_CHECK;
/* The same for any host bits, which are cleared. */
bool addr_parse_network(const char *text, struct endpoint *e,
			uint8_t *bits) MUST_CHECK;
bool addr_in_prefix(const struct endpoint *e, const struct endpoint *prefix,
		    uint8_t bits);
bool addr_is_loopback(const struct endpoint *e);
/* "HOST:PORT", "[V6]:PORT", "HOST" (then `port` keeps its value). `host` is
 * cut out without brackets. */
bool addr_split_host_port(const char *text, char *host, size_t host_max,
			  uint16_t *port) MUST_CHECK;

#endif
