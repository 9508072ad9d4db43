/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_uri.h - the addresses of proxies and relays as URIs; pure */
#ifndef CONF_URI_H
#define CONF_URI_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_uri {
	char host[CONTROL_NAME_MAX + 1]; /* normalised, no brackets */
	uint16_t port;
	bool tls;
	bool has_user;
	char username[256], password[256]; /* the caller wipes them */
};

/* `http://HOST[:PORT]`, with USER:PASSWORD@ if `credentials`. 0 or -EINVAL with
 * words, which never hold what stands before the @. */
int conf_uri_proxy(const char *text, bool credentials, struct conf_uri *uri,
		   char *words, size_t words_max) MUST_CHECK;
/* RFC 7065: `turn:HOST[:PORT]?transport=tcp`, `turns:HOST[:PORT]`. */
int conf_uri_turn(const char *text, struct conf_uri *uri, char *words,
		  size_t words_max) MUST_CHECK;

#endif
