/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_get.c - a URL into the document behind it
 *
 * RFC 9110 by libcurl, over a connection of our own making (tunnel.h), so that
 * all ways out work here as they do for apps. Redirects are followed here:
 * header lines and body are for the host that was configured alone, and https
 * stays https. URLs may hold keys, so that messages name no more of them than
 * the host.
 */
#include <config.h>

#include "http_get.h"

#include "addr.h"
#include "cancel.h"
#include "clock.h"
#include "clock_skew.h"
#include "dial.h"
#include "splice.h"
#include "tunnel.h"

#include <turnout/control.h>

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

#define URL_MAX          4096
#define HEADER_BYTES_MAX 65536

struct target {
	char url[URL_MAX];
	char host[CONTROL_NAME_MAX + 1]; /* no brackets */
	uint16_t port;
	bool https;
};

/* One request and its answer; for libcurl's callbacks. */
struct exchange {
	struct http_get *g;
	const struct target *to;
	bool own;  /* the host that was configured: headers and body go there */
	bool post; /* with g->body */
	int fd;    /* leads to the host; `way`'s */
	struct splice *way;
	bool opened;
	size_t header_bytes;
	time_t date; /* of the last answer; -1: none */
	char error[CURL_ERROR_SIZE];
};

static int fail(struct http_get *g, int error, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static int fail(struct http_get *g, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->words, sizeof(g->words), fmt, ap);
	va_end(ap);
	for (char *c = g->words; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return error;
}

/* URLs */

static bool get_part(CURLU *u, CURLUPart part, char *out, size_t max)
{
	char *text = NULL;
	bool ok = curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) ==
			  CURLUE_OK &&
		  strlen(text) < max;

	if (ok)
		strcpy(out, text);
	curl_free(text);
	return ok;
}

static void strip_brackets(char *host)
{
	size_t len = strlen(host);

	if (len < 2 || host[0] != '[' || host[len - 1] != ']')
		return;
	memmove(host, host + 1, len - 2);
	host[len - 2] = '\0';
}

/* False: not a URL that we would follow. */
static bool parse_target(const char *url, struct target *to)
{
	CURLU *u = curl_url();
	char scheme[8], port[8];
	bool ok = u != NULL && strlen(url) < sizeof(to->url) &&
		  curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  get_part(u, CURLUPART_SCHEME, scheme, sizeof(scheme)) &&
		  get_part(u, CURLUPART_HOST, to->host, sizeof(to->host)) &&
		  get_part(u, CURLUPART_PORT, port, sizeof(port));
	char *user = NULL;

	if (ok && curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		ok = false;
	curl_free(user);
	curl_url_cleanup(u);
	if (!ok)
		return false;
	strip_brackets(to->host);
	strcpy(to->url, url);
	to->port = (uint16_t)atoi(port);
	to->https = strcasecmp(scheme, "https") == 0;
	return to->https || strcasecmp(scheme, "http") == 0;
}

static bool same_place(const struct target *a, const struct target *b)
{
	return strcasecmp(a->host, b->host) == 0 &&
	       (a->port == b->port || (b->https && !a->https));
}

/* The connection */

static int blame_tunnel(struct http_get *g, const struct tunnel *t)
{
	switch (t->failure.reason) {
	case DIAL_CANCELLED:
		return fail(g, -ECANCELED, "cancelled");
	case DIAL_PROXY_AUTH:
	case DIAL_PROXY_DENIED:
		return fail(g, -EACCES, "%s", t->failure.words);
	case DIAL_PROXY_TIMEOUT:
	case DIAL_TARGET_TIMEOUT:
		return fail(g, -ETIMEDOUT, "%s", t->failure.words);
	default:
		return fail(g, -t->failure.error, "%s", t->failure.words);
	}
}

static int connect_host(struct exchange *ex)
{
	struct http_get *g = ex->g;
	struct tunnel t = {
		.env = g->pool != NULL ? dial_tunnel_env(g->pool) : NULL,
		.host = ex->to->host,
		.port = ex->to->port,
		.egress = g->egress,
		.socket = -1,
		.deadline_ms = g->deadline_ms,
		.cancel = g->cancel,
	};

	ex->fd = tunnel_open(&t);
	if (ex->fd < 0)
		return blame_tunnel(g, &t);
	ex->opened = false;
	ex->way = splice_open(ex->fd);
	return ex->way != NULL ? 0 : fail(g, -errno, "%s", strerror(errno));
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *addr)
{
	struct exchange *ex = arg;
	int fd;

	(void)purpose;
	(void)addr;
	if (ex->opened)
		return CURL_SOCKET_BAD;
	ex->opened = true;
	fd = splice_socket(ex->way);
	return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c,
		       curl_off_t d)
{
	struct exchange *ex = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return cancel_is_set(ex->g->cancel);
}

/* False: another header, or too long a value. */
static bool header_value(const char *line, size_t len, const char *name,
			 char *out, size_t max)
{
	size_t n = strlen(name);

	if (len < n || strncasecmp(line, name, n) != 0)
		return false;
	while (n < len && (line[n] == ' ' || line[n] == '\t'))
		n++;
	while (len > n && isspace((unsigned char)line[len - 1]))
		len--;
	if (len - n >= max)
		return false;
	memcpy(out, line + n, len - n);
	out[len - n] = '\0';
	return true;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct exchange *ex = arg;
	size_t len = size * count;
	char text[sizeof(ex->g->type)];

	ex->header_bytes += len;
	if (ex->header_bytes > HEADER_BYTES_MAX)
		return 0;
	/* The last one counts. */
	if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		ex->date = -1;
		ex->g->type[0] = '\0';
	}
	if (header_value(line, len, "Date:", text, sizeof(text)))
		ex->date = curl_getdate(text, NULL);
	if (header_value(line, len, "Content-Type:", text, sizeof(text)))
		strcpy(ex->g->type, text);
	return len;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *ex = arg;
	struct http_get *g = ex->g;
	size_t len = size * count;

	if (len > g->bytes_max - g->len)
		return 0;
	memcpy(g->data + g->len, data, len);
	g->len += len;
	return len;
}

/* Options */

static CURLcode set_callbacks(CURL *curl, struct exchange *ex)
{
	return curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open) |
	       curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) |
	       curl_easy_setopt(curl, CURLOPT_HEADERDATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) |
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) |
	       curl_easy_setopt(curl, CURLOPT_XFERINFODATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, ex->error) |
	       curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) |
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

/* As the relay's own TLS does, heed OpenSSL's variable for the store. */
static const char *store_of(const struct http_get *g)
{
	const char *env = getenv(X509_get_default_cert_file_env());

	if (g->ca_file != NULL && *g->ca_file != '\0')
		return g->ca_file;
	return env != NULL && *env != '\0' ? env : NULL;
}

static size_t body_bytes(const struct http_get *g)
{
	if (g->body == NULL || g->body_bytes > 0)
		return g->body_bytes;
	return strlen(g->body);
}

static CURLcode set_target(CURL *curl, const struct exchange *ex)
{
	uint64_t now = clock_now_ms(), deadline = ex->g->deadline_ms;
	long left = deadline > now ? (long)(deadline - now) : 1;
	const char *store = store_of(ex->g);
	CURLcode rc;

	rc = curl_easy_setopt(curl, CURLOPT_URL, ex->to->url) |
	     curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") |
	     curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
			      (long)CURL_HTTP_VERSION_1_1) |
	     curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) |
	     curl_easy_setopt(curl, CURLOPT_SSLVERSION,
			      (long)CURL_SSLVERSION_TLSv1_2) |
	     curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left) |
	     curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, left) |
	     curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME);
	if (store != NULL)
		rc |= curl_easy_setopt(curl, CURLOPT_CAINFO, store);
	if (ex->post)
		rc |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE,
				       (long)body_bytes(ex->g)) |
		      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ex->g->body);
	return rc;
}

/* The environment's proxies are not asked: "" is none at all. Neither is the
 * resolver: whatever the name, it is `way` that libcurl connects to. */
static CURLcode set_way(CURL *curl, const struct exchange *ex,
			struct curl_slist **way)
{
	char entry[48];

	snprintf(entry, sizeof(entry), "::127.0.0.1:%u",
		 (unsigned int)splice_port(ex->way));
	*way = curl_slist_append(NULL, entry);
	if (*way == NULL)
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(curl, CURLOPT_CONNECT_TO, *way) |
	       curl_easy_setopt(curl, CURLOPT_PROXY, "") |
	       curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
}

/* Header lines */

static bool is_named(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && strncasecmp(line, name, n) == 0 && line[n] == ':';
}

/* RFC 9110, 5.5: no control characters in values; and nothing of ours, or of
 * the connection's. */
static bool header_ok(const char *line, size_t len)
{
	static const char *const reserved[] = {
		"Host",
		"Content-Length",
		"Transfer-Encoding",
		"Connection",
		"Proxy-Authorization",
		"Expect",
		"Upgrade",
		"TE",
	};
	const char *colon = memchr(line, ':', len);

	if (colon == NULL || colon == line)
		return false;
	for (const char *c = line; c < colon; c++)
		if (!isalnum((unsigned char)*c) &&
		    strchr("!#$%&'*+-.^_`|~", *c) == NULL)
			return false;
	for (const char *c = colon; c < line + len; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (is_named(line, len, reserved[i]))
			return false;
	return true;
}

static bool add(struct curl_slist **list, const char *line, size_t len)
{
	struct curl_slist *more;
	char *copy = strndup(line, len);

	if (copy == NULL)
		return false;
	more = curl_slist_append(*list, copy);
	OPENSSL_cleanse(copy, len);
	free(copy);
	if (more == NULL)
		return false;
	*list = more;
	return true;
}

static bool add_text(struct curl_slist **list, const char *line)
{
	return add(list, line, strlen(line));
}

/* 0, -EINVAL or -ENOMEM. */
static int add_lines(const struct exchange *ex, struct curl_slist **list,
		     bool *has_type)
{
	const char *line = ex->own ? ex->g->headers : NULL;
	size_t len;

	for (; line != NULL && *line != '\0'; line += len + (line[len] != 0)) {
		size_t text = len = strcspn(line, "\n");

		if (text > 0 && line[text - 1] == '\r')
			text--;
		if (text == 0)
			continue;
		if (!header_ok(line, text))
			return -EINVAL;
		*has_type = *has_type || is_named(line, text, "Content-Type");
		if (!add(list, line, text))
			return -ENOMEM;
	}
	return 0;
}

static int make_headers(const struct exchange *ex, struct curl_slist **list)
{
	bool has_type = false, ok;
	char accept[128];
	int rc = add_lines(ex, list, &has_type);

	if (rc < 0)
		return rc;
	snprintf(accept, sizeof(accept), "Accept: %s",
		 ex->g->accept != NULL ? ex->g->accept : "application/json");
	ok = add_text(list, accept);
	/* One round trip more, for nothing. */
	ok = ok && (!ex->post || add_text(list, "Expect:"));
	ok = ok && (!ex->post || has_type ||
		    add_text(list, "Content-Type: application/json"));
	return ok ? 0 : -ENOMEM;
}

static void free_headers(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l != NULL; l = l->next)
		OPENSSL_cleanse(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

/* One exchange */

static CURLcode run_curl(CURL *curl, struct exchange *ex,
			 struct curl_slist *headers)
{
	struct curl_slist *way = NULL;
	CURLcode rc = set_callbacks(curl, ex) | set_target(curl, ex) |
		      set_way(curl, ex, &way) |
		      curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);

	if (rc == CURLE_OK) {
		cancel_watch(ex->g->cancel, ex->fd);
		rc = curl_easy_perform(curl);
		cancel_watch(ex->g->cancel, -1);
	} else {
		rc = CURLE_OUT_OF_MEMORY;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ex->g->status);
	curl_slist_free_all(way);
	return rc;
}

static int blame_curl(struct exchange *ex, CURLcode rc)
{
	struct http_get *g = ex->g;
	const char *words = ex->error[0] != '\0' ? ex->error
						 : curl_easy_strerror(rc);

	if (cancel_is_set(g->cancel))
		return fail(g, -ECANCELED, "cancelled");
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return fail(g, -ETIMEDOUT, "%.100s: no answer in time",
			    ex->to->host);
	if (rc == CURLE_WRITE_ERROR)
		return fail(g, -E2BIG, "%.100s: the answer is too large",
			    ex->to->host);
	return fail(g, -ECONNABORTED, "%.60s: %.120s", ex->to->host, words);
}

static int perform(struct exchange *ex, char redirect[URL_MAX])
{
	struct curl_slist *headers = NULL;
	CURL *curl = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	char *to = NULL;
	int rc = make_headers(ex, &headers);

	redirect[0] = '\0';
	if (rc == 0 && curl != NULL) {
		code = run_curl(curl, ex, headers);
		curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &to);
		if (to != NULL && strlen(to) < URL_MAX)
			strcpy(redirect, to);
	}
	curl_easy_cleanup(curl);
	free_headers(headers);
	if (rc == -EINVAL)
		return fail(ex->g, rc,
			    "credentials_headers_file: each line must be "
			    "NAME: VALUE, and none of the connection's own");
	if (rc == 0 && code != CURLE_OK)
		rc = blame_curl(ex, code);
	if (ex->date > 0 && ex->g->pool != NULL)
		clock_skew_note(dial_skew(ex->g->pool), ex->date, time(NULL),
				ex->to->host, rc == 0 && ex->to->https);
	return rc;
}

static int exchange(struct exchange *ex, char redirect[URL_MAX])
{
	int rc = connect_host(ex);

	if (rc < 0)
		return rc;
	rc = perform(ex, redirect);
	splice_close(ex->way);
	return rc;
}

/* Redirects */

static int judge_status(struct http_get *g, const struct target *to)
{
	if (g->status == 200 ||
	    (g->status >= 200 && g->status < 300 && !g->only_200))
		return 0;
	return fail(g,
		    g->status == 401 || g->status == 403 || g->status == 407
			    ? -EACCES
			    : -ECONNABORTED,
		    "%.100s: the server says %ld", to->host, g->status);
}

/* RFC 9110, 15.4. 0: go to `to`. */
static int follow(struct exchange *ex, const struct target *first,
		  const char *url, struct target *to)
{
	struct http_get *g = ex->g;
	struct target next;
	bool keeps = g->status == 307 || g->status == 308;

	if (!parse_target(url, &next))
		return fail(g, -EPROTO, "%.100s: redirects to no http URL",
			    to->host);
	if (to->https && !next.https)
		return fail(g, -EPROTO,
			    "%.80s: redirects from https to http (%.80s)",
			    to->host, next.host);
	ex->own = ex->own && same_place(first, &next);
	if (ex->post && keeps && !ex->own)
		return fail(g, -EPROTO,
			    "%.80s: sends the request on to another host "
			    "(%.80s)",
			    to->host, next.host);
	ex->post = ex->post && keeps;
	*to = next;
	return 0;
}

static int fetch(struct http_get *g, struct target *first, struct target *to,
		 char redirect[URL_MAX])
{
	struct exchange ex = {
		.g = g, .to = to, .own = true, .post = body_bytes(g) > 0
	};

	for (int left = HTTP_GET_REDIRECTS;; left--) {
		int rc;

		ex.opened = false;
		ex.date = -1;
		ex.header_bytes = 0;
		ex.error[0] = '\0';
		g->len = 0;
		g->status = 0;
		rc = exchange(&ex, redirect);
		if (rc < 0)
			return rc;
		if (redirect[0] == '\0')
			return judge_status(g, to);
		if (left == 0)
			return fail(g, -ELOOP, "%.100s: too many redirects",
				    to->host);
		rc = follow(&ex, first, redirect, to);
		if (rc < 0)
			return rc;
	}
}

int http_get(struct http_get *g)
{
	struct target *to = calloc(2, sizeof(*to));
	char *redirect = malloc(URL_MAX);
	int rc = -ENOMEM;

	g->words[0] = '\0';
	g->len = 0;
	g->type[0] = '\0';
	if (g->bytes_max == 0)
		g->bytes_max = HTTP_GET_BYTES_MAX;
	g->data = malloc(g->bytes_max + 1);
	if (to == NULL || redirect == NULL || g->data == NULL)
		rc = fail(g, -ENOMEM, "out of memory");
	else if (!parse_target(g->url, &to[0]))
		rc = fail(g, -EINVAL,
			  "not a URL of http or https without a user in it");
	else {
		to[1] = to[0];
		rc = fetch(g, &to[0], &to[1], redirect);
	}
	if (rc == 0)
		g->data[g->len] = '\0';
	else
		http_get_fini(g);
	if (to != NULL)
		OPENSSL_cleanse(to, 2 * sizeof(*to));
	if (redirect != NULL)
		OPENSSL_cleanse(redirect, URL_MAX);
	free(to);
	free(redirect);
	return rc;
}

void http_get_fini(struct http_get *g)
{
	if (g->data != NULL)
		OPENSSL_cleanse(g->data, g->bytes_max + 1);
	free(g->data);
	g->data = NULL;
	g->len = 0;
}
