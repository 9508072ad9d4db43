/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_list.h - which proxies a PAC script, or the desktop, names for a
 * destination; pure
 */
#ifndef PAC_LIST_H
#define PAC_LIST_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pac_hop_kind {
	PAC_HOP_DIRECT = 0,
	PAC_HOP_HTTP,
	PAC_HOP_HTTPS, /* TLS to the proxy */
	PAC_HOP_SOCKS5,
	PAC_NUM_HOP_KINDS,
};

struct pac_hop {
	enum pac_hop_kind kind;
	char host[CONTROL_NAME_MAX + 1]; /* normalised, or IP; no brackets */
	uint16_t port;
};

/* No network has more proxies in a row than a person would wait for. */
#define PAC_HOPS_MAX       8
#define PAC_LIST_BYTES_MAX 4096

struct pac_list {
	struct pac_hop hop[PAC_HOPS_MAX];
	size_t count;
	/* Entries that were left out: not understood, of a kind that we do not
	 * speak (SOCKS4, QUIC), or too many. The first of them, printable. */
	unsigned int skipped;
	char first_skipped[64];
};

/* What FindProxyForURL() returns: "PROXY a:3128; SOCKS b; DIRECT". Nothing at
 * all, or "null", is DIRECT. 0, or -EPROTO when no entry can be used, or
 * -E2BIG. */
int pac_list_parse(const char *text, struct pac_list *list) MUST_CHECK;

/* What libproxy says: "http://a:3128 socks5://b:1080 direct://". A login in
 * such a URL is left out, it has its own place. 0, -EPROTO, -E2BIG. */
int pac_list_parse_urls(const char *text, struct pac_list *list) MUST_CHECK;

const char *pac_hop_kind_name(enum pac_hop_kind kind); /* "socks5" */

#endif
