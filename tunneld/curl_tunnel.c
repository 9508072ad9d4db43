/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * curl_tunnel.c - the options of libcurl for a tunnel through a proxy
 *
 * libcurl neither connects nor looks up a name, sends nothing inside, and
 * leaves off when it is told to.
 */
#include <config.h>

#include "curl_tunnel.h"

#include "addr.h"
#include "cancel.h"
#include "clock.h"

#include <turnout/control.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define URL_MAX (CONTROL_NAME_MAX + 32)

static void put_url(char url[URL_MAX], const char *scheme, const char *host,
		    uint16_t port)
{
	bool v6 = strchr(host, ':') != NULL;

	snprintf(url, URL_MAX, "%s://%s%s%s:%u", scheme, v6 ? "[" : "", host,
		 v6 ? "]" : "", (unsigned int)port);
}

/* The scheme is of no consequence: nothing is sent inside. */
static CURLcode set_target(CURL *curl, const struct curl_tunnel *t)
{
	char url[URL_MAX];

	put_url(url, "http", t->host, t->port);
	return curl_easy_setopt(curl, CURLOPT_URL, url) |
	       curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
}

/* The proxy's name is not to be looked up once more: the list tells libcurl
 * an address. */
static CURLcode set_proxy(CURL *curl, const struct curl_tunnel *t,
			  struct curl_slist **resolve)
{
	char url[URL_MAX], ip[ADDR_TEXT_MAX];
	char entry[CONTROL_NAME_MAX + ADDR_TEXT_MAX + 16];

	put_url(url, t->scheme, t->proxy_host, t->proxy_port);
	addr_format_ip(t->peer, ip);
	snprintf(entry, sizeof(entry), "%s:%u:%s", t->proxy_host,
		 (unsigned int)t->proxy_port, ip);
	if (strchr(t->proxy_host, ':') == NULL) {
		*resolve = curl_slist_append(NULL, entry);
		if (*resolve == NULL)
			return CURLE_OUT_OF_MEMORY;
	}
	return curl_easy_setopt(curl, CURLOPT_RESOLVE, *resolve) |
	       curl_easy_setopt(curl, CURLOPT_PROXY, url) |
	       curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c,
		       curl_off_t d)
{
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return cancel_is_set(arg);
}

static CURLcode set_bounds(CURL *curl, const struct curl_tunnel *t)
{
	uint64_t now = clock_now_ms();
	long left = t->deadline_ms > now ? (long)(t->deadline_ms - now) : 1;

	return curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket) |
	       curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) |
	       curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t->cancel) |
	       curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) |
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) |
	       /* The app's socket keeps the options that the app has set. */
	       curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 0L) |
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, left);
}

CURLcode curl_tunnel_set(CURL *curl, const struct curl_tunnel *t,
			 struct curl_slist **resolve)
{
	return set_target(curl, t) | set_proxy(curl, t, resolve) |
	       set_bounds(curl, t);
}
