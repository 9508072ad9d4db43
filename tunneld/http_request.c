/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_request.c - the head of a request into options of libcurl's
 *
 * RFC 9112, 3.2.2: the absolute form, for which the host is the one that the
 * app has connected to, whatever Host says: that is what policy has decided
 * on. Fields pass in their order, and none of libcurl's own is added but one
 * (must_ask_first). Connections to the proxy are made here, so that look-ups
 * can be broken off.
 */
#include <config.h>

#include "http_request.h"

#include "cancel.h"
#include "clock.h"
#include "hop.h"
#include "http_head.h"
#include "lookup.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_curl.h"
#include "proxy_ladder.h"
#include "proxy_pump.h"
#include "proxy_seen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#define CONNECT_MS 20000
#define KEPT_BYTES 65536 /* so much http_exchange.c can send again */

struct http_request {
	struct http_upstream *up;
	const struct http_head *head;
	CURL *curl;
	struct curl_slist *fields;
	struct curl_slist *proxy_fields;
	struct curl_slist *resolve;
	char *target;
	struct proxy_curl_watch watch;
	char why[300]; /* no connection to the proxy was made */
};

/* Connections to the proxy */

static int reach(struct http_request *r)
{
	const struct proxy *p = r->up->proxy;
	struct hop h = { .host = p->host,
			 .port = p->port,
			 .socket = -1,
			 .deadline_ms = clock_now_ms() + CONNECT_MS,
			 .cancel = r->up->cancel };
	struct hop inner = { .socket = -1,
			     .deadline_ms = h.deadline_ms,
			     .cancel = h.cancel };
	struct proxy_pump_call call = { .outer = hop_connect(&h),
					.host = p->host,
					.port = p->port,
					.tls = p->tls,
					.inner = &inner };
	int fd = call.outer;

	if (fd < 0)
		snprintf(r->why, sizeof(r->why), "%s: %s",
			 h.looked_up ? "connect" : "name look-up",
			 h.looked_up ? strerror(-fd) : lookup_words(fd));
	if (fd < 0 || p->kind != PROXY_HTTPS)
		return fd;
	fd = proxy_pump_connect(r->up->pump, &call);
	if (fd < 0)
		snprintf(r->why, sizeof(r->why), "%s",
			 call.secure ? strerror(-fd) : call.words);
	return fd;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *addr)
{
	struct http_request *r = arg;
	int fd = reach(r);

	(void)purpose;
	(void)addr;
	/* It has watched its own. */
	cancel_watch(r->up->cancel, r->up->app_fd);
	if (fd >= 0 && !cancel_is_set(r->up->cancel)) {
		r->up->proxy_fd = fd;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return CURL_SOCKET_BAD;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* With the upstream: a connection lives longer than the request for which it
 * was made. */
static int on_close(void *arg, curl_socket_t fd)
{
	struct http_upstream *up = arg;

	if (up->proxy_fd == fd)
		up->proxy_fd = -1;
	return close(fd);
}

static CURLcode set_proxy(struct http_request *r)
{
	const struct proxy *p = r->up->proxy;
	bool v6 = strchr(p->host, ':') != NULL;
	char url[PROXY_TEXT_MAX], entry[CONTROL_NAME_MAX + 32];

	snprintf(url, sizeof(url), "http://%s%s%s:%u", v6 ? "[" : "", p->host,
		 v6 ? "]" : "", (unsigned int)p->port);
	/* on_open() knows better, and can be broken off. */
	snprintf(entry, sizeof(entry), "%s:%u:127.0.0.1", p->host,
		 (unsigned int)p->port);
	if (!v6)
		r->resolve = curl_slist_append(NULL, entry);
	/* Or libcurl adds one of its own. */
	r->proxy_fields = curl_slist_append(NULL, "Proxy-Connection:");
	if ((!v6 && r->resolve == NULL) || r->proxy_fields == NULL)
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(r->curl, CURLOPT_RESOLVE, r->resolve) |
	       curl_easy_setopt(r->curl, CURLOPT_PROXY, url) |
	       curl_easy_setopt(r->curl, CURLOPT_NOPROXY, "") |
	       curl_easy_setopt(r->curl, CURLOPT_PROXYHEADER, r->proxy_fields) |
	       curl_easy_setopt(r->curl, CURLOPT_OPENSOCKETFUNCTION, on_open) |
	       curl_easy_setopt(r->curl, CURLOPT_OPENSOCKETDATA, r) |
	       curl_easy_setopt(r->curl, CURLOPT_SOCKOPTFUNCTION, on_socket) |
	       curl_easy_setopt(r->curl, CURLOPT_CLOSESOCKETFUNCTION,
				on_close) |
	       curl_easy_setopt(r->curl, CURLOPT_CLOSESOCKETDATA, r->up) |
	       curl_easy_setopt(r->curl, CURLOPT_CONNECTTIMEOUT_MS,
				(long)CONNECT_MS) |
	       curl_easy_setopt(r->curl, CURLOPT_TCP_KEEPALIVE, 1L);
}

/* The request line and its fields */

static CURLcode set_target(struct http_request *r)
{
	const struct http_head *h = r->head;
	const char *host = r->up->host;
	bool v6 = strchr(host, ':') != NULL;
	/* RFC 9112, 3.2.4: "OPTIONS *" has no path at all. */
	int path = h->target.at[0] == '*' ? 0 : (int)h->target.len;
	char url[CONTROL_NAME_MAX + 16];

	snprintf(url, sizeof(url), "http://%s%s%s", v6 ? "[" : "", host,
		 v6 ? "]" : "");
	if (asprintf(&r->target, "%s%.*s", url, path, h->target.at) < 0) {
		r->target = NULL;
		return CURLE_OUT_OF_MEMORY;
	}
	return curl_easy_setopt(r->curl, CURLOPT_URL, url) |
	       curl_easy_setopt(r->curl, CURLOPT_REQUEST_TARGET, r->target) |
	       curl_easy_setopt(r->curl, CURLOPT_PROTOCOLS_STR, "http") |
	       curl_easy_setopt(r->curl, CURLOPT_NOSIGNAL, 1L) |
	       curl_easy_setopt(r->curl, CURLOPT_HTTP_VERSION,
				h->minor > 0 ? (long)CURL_HTTP_VERSION_1_1
					     : (long)CURL_HTTP_VERSION_1_0) |
	       curl_easy_setopt(r->curl, CURLOPT_HTTP_CONTENT_DECODING, 0L) |
	       curl_easy_setopt(r->curl, CURLOPT_HTTP_TRANSFER_DECODING,
				h->minor > 0 ? 0L : 1L);
}

static CURLcode set_method(struct http_request *r)
{
	const struct http_head *h = r->head;
	bool wants_length = strcmp(h->method, "POST") == 0 ||
			    strcmp(h->method, "PUT") == 0 ||
			    strcmp(h->method, "PATCH") == 0;
	bool body = h->framing != HTTP_FRAMING_NONE || wants_length;
	curl_off_t length = h->framing == HTTP_FRAMING_CHUNKED
				    ? -1
				    : (curl_off_t)h->length;
	CURLcode rc;

	if (strcmp(h->method, "HEAD") == 0)
		return curl_easy_setopt(r->curl, CURLOPT_NOBODY, 1L);
	rc = curl_easy_setopt(r->curl, CURLOPT_UPLOAD, body ? 1L : 0L) |
	     curl_easy_setopt(r->curl, CURLOPT_CUSTOMREQUEST, h->method);
	if (body)
		rc |= curl_easy_setopt(r->curl, CURLOPT_INFILESIZE_LARGE,
				       length);
	return rc;
}

static bool add(struct http_request *r, const char *line)
{
	struct curl_slist *more = curl_slist_append(r->fields, line);

	if (more == NULL)
		return false;
	r->fields = more;
	return true;
}

/* libcurl takes "Name:" for a field to be left out, and "Name;" for one that
 * is empty. */
static bool add_field(struct http_request *r, const struct http_field *f)
{
	char *line;
	bool ok;
	int n = f->value.len > 0
			? asprintf(&line, "%.*s: %.*s", (int)f->name.len,
				   f->name.at, (int)f->value.len, f->value.at)
			: asprintf(&line, "%.*s;", (int)f->name.len,
				   f->name.at);

	if (n < 0)
		return false;
	ok = add(r, line);
	OPENSSL_cleanse(line, (size_t)n); /* cookies, tokens */
	free(line);
	return ok;
}

/* A body that cannot be sent again waits for the proxy's word, where a proxy
 * that is not known yet may want a login (RFC 9110, 10.1.1). */
static bool must_ask_first(const struct http_request *r,
			   enum proxy_scheme scheme)
{
	const struct http_head *h = r->head;
	enum proxy_scheme known;

	return scheme == PROXY_SCHEME_NONE && h->minor > 0 &&
	       (h->framing == HTTP_FRAMING_CHUNKED ||
		(h->framing == HTTP_FRAMING_LENGTH &&
		 h->length > KEPT_BYTES)) &&
	       !proxy_seen_scheme(proxy_auth_seen(r->up->auth), r->up->proxy,
				  NULL, &known, NULL);
}

static CURLcode set_fields(struct http_request *r, enum proxy_scheme scheme)
{
	const struct http_head *h = r->head;
	const char *expect = must_ask_first(r, scheme) ? "Expect: 100-continue"
						       : "Expect:";
	bool accept = false;

	for (size_t i = 0; i < h->fields; i++) {
		const struct http_field *f = &h->field[i];

		if (http_head_is_private(h, f) ||
		    http_text_is(&f->name, "Content-Length") ||
		    http_text_is(&f->name, "Trailer") ||
		    http_text_is(&f->name, "Expect"))
			continue;
		accept |= http_text_is(&f->name, "Accept");
		if (!add_field(r, f))
			return CURLE_OUT_OF_MEMORY;
	}
	if ((!accept && !add(r, "Accept:")) || !add(r, expect))
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, r->fields);
}

void http_request_note_login(const struct http_request *r,
			     struct proxy_try *try)
{
	long connects = 1;

	/* NTLM and Kerberos log in once a connection. */
	curl_easy_getinfo(r->curl, CURLINFO_NUM_CONNECTS, &connects);
	try->auth_sent = r->watch.auth_sent ||
			 (connects == 0 && try->scheme != PROXY_SCHEME_NONE);
	try->login_sent = r->watch.login_sent;
	memcpy(try->ticket, r->watch.ticket, sizeof(try->ticket));
}

_Static_assert(sizeof(((struct proxy_try *)NULL)->ticket) ==
		       sizeof(((struct proxy_curl_watch *)NULL)->ticket),
	       "the same words");

const char *http_request_why(const struct http_request *r)
{
	return r != NULL && r->why[0] != '\0' ? r->why : NULL;
}

void *http_request_curl(struct http_request *r)
{
	return r->curl;
}

void http_request_free(struct http_request *r)
{
	if (r == NULL)
		return;
	curl_easy_cleanup(r->curl);
	curl_slist_free_all(r->fields);
	curl_slist_free_all(r->proxy_fields);
	curl_slist_free_all(r->resolve);
	free(r->target);
	free(r);
}

struct http_request *http_request_new(struct http_upstream *up,
				      const struct http_head *head,
				      enum proxy_scheme scheme,
				      const struct proxy_login_text *login)
{
	struct http_request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->up = up;
	r->head = head;
	r->curl = curl_easy_init();
	if (r->curl != NULL &&
	    (set_proxy(r) | set_target(r) | set_method(r) |
	     set_fields(r, scheme) |
	     proxy_curl_login(r->curl, scheme, login, &r->watch)) == CURLE_OK)
		return r;
	http_request_free(r);
	return NULL;
}

int http_upstream_open(struct http_upstream *up)
{
	up->proxy_fd = -1;
	up->multi = curl_multi_init();
	return up->multi != NULL ? 0 : -ENOMEM;
}

void http_upstream_close(struct http_upstream *up)
{
	curl_multi_cleanup(up->multi);
	up->multi = NULL;
}
