/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * curl_tunnel.h - what libcurl has to be told to make one tunnel on a
 * connection that is there already; for proxy_connect.c and proxy_socks.c
 */
#ifndef CURL_TUNNEL_H
#define CURL_TUNNEL_H

#include <turnout/compiler.h>

#include <stdint.h>

#include <curl/curl.h>

struct cancel;
struct endpoint;

struct curl_tunnel {
	const char *scheme; /* of the proxy, as libcurl names it */
	const char *proxy_host;
	uint16_t proxy_port;
	const struct endpoint *peer; /* where the proxy was found */
	const char *host;            /* the target, no brackets */
	uint16_t port;
	uint64_t deadline_ms;
	struct cancel *cancel; /* for as long as the handle */
};

/* The caller's CURLOPT_OPENSOCKETFUNCTION gives the connection. `*resolve` is
 * the caller's to free, after the handle, also on failure. */
CURLcode curl_tunnel_set(CURL *curl, const struct curl_tunnel *t,
			 struct curl_slist **resolve) MUST_CHECK;

#endif
