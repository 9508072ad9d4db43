/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_uri.h - the addresses of proxies and relays as URIs; pure */
#ifndef CONF_URI_H
#define CONF_URI_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_transport {
	CONF_TRANSPORT_ANY = 0,
	CONF_TRANSPORT_UDP,
	CONF_TRANSPORT_TCP,
};

enum conf_proxy_kind {
	CONF_PROXY_HTTP = 0,
	CONF_PROXY_HTTPS,
	CONF_PROXY_SOCKS5,
};

struct conf_uri {
	char host[CONTROL_NAME_MAX + 1]; /* normalised, no brackets */
	uint16_t port;
	/* of relays (RFC 7065) */
	bool has_port; /* false: `port` is the scheme's default */
	bool tls;
	enum conf_transport transport;
	/* of proxies */
	enum conf_proxy_kind kind;
	bool has_user;
	char username[256], password[256]; /* the caller wipes them */
};

/* `http://HOST[:PORT]`, https:// or socks5://, with USER:PASSWORD@ if
 * `credentials`; then the scheme may be left out, too. 0 or -EINVAL with words,
 * which never hold what stands before the @. */
int conf_uri_proxy(const char *text, bool credentials, struct conf_uri *uri,
		   char *words, size_t words_max) MUST_CHECK;
/* RFC 7065: `turn:HOST[:PORT][?transport=udp|tcp]`, `turns:` likewise. */
int conf_uri_turn(const char *text, struct conf_uri *uri, char *words,
		  size_t words_max) MUST_CHECK;

#endif
