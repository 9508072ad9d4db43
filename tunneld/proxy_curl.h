/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_curl.h - logging in at a proxy by libcurl: one scheme an attempt, and
 * what has gone out
 */
#ifndef PROXY_CURL_H
#define PROXY_CURL_H

#include "proxy.h"

#include <turnout/compiler.h>

#include <stdbool.h>

#include <curl/curl.h>

struct proxy_login_text;

/* Once or more often, before anything else of libcurl. */
void proxy_curl_init(void);

/* Does the libcurl that runs here have this scheme? */
bool proxy_curl_has(enum proxy_scheme scheme);

/* What libcurl was seen to do; for as long as the handle. */
struct proxy_curl_watch {
	bool auth_sent;  /* some Proxy-Authorization */
	bool login_sent; /* one that the password can be judged by */
	char ticket[96]; /* Kerberos: why there is no ticket; printable */
};

/* Exactly this scheme, no other, and watch it. `login` may be NULL where the
 * scheme needs none. The CURL keeps a copy of its own. */
CURLcode proxy_curl_login(CURL *curl, enum proxy_scheme scheme,
			  const struct proxy_login_text *login,
			  struct proxy_curl_watch *watch) MUST_CHECK;

#endif
