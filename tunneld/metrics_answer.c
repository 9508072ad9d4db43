/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metrics_answer.c - a request for metrics, and what is answered
 *
 * RFC 9112 as far as a scraper needs it: one request, whose head is read by
 * http_head.c as strictly as any, and one answer with a length, after which the
 * connection ends.
 */
#include <config.h>

#include "metrics_answer.h"

#include "addr.h"
#include "http_head.h"

#include <turnout/control.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PATH        "/metrics"
#define OPENMETRICS "application/openmetrics-text"

/* What each answer other than 200 says, as its body does. */
static const struct {
	unsigned int status;
	const char *words, *more;
} refusals[] = {
	{ 400, "Bad Request", "" },
	{ 403, "Forbidden", "" },
	{ 404, "Not Found", "" },
	{ 405, "Method Not Allowed", "Allow: GET, HEAD\r\n" },
	{ 431, "Request Header Fields Too Large", "" },
	{ 503, "Service Unavailable", "" },
};

static bool text_has(const struct http_text *t, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= t->len; i++)
		if (strncasecmp(t->at + i, word, len) == 0)
			return true;
	return false;
}

static bool wants_openmetrics(const struct http_head *h)
{
	for (size_t i = 0; i < h->fields; i++)
		if (http_text_is(&h->field[i].name, "accept") &&
		    text_has(&h->field[i].value, OPENMETRICS))
			return true;
	return false;
}

/* A page of somewhere else that a browser here shows can make its own name
 * lead to this machine, but it cannot make its own name another one. */
static bool is_asked_locally(const struct http_head *h)
{
	char text[CONTROL_NAME_MAX + 8], host[CONTROL_NAME_MAX + 1];
	struct endpoint ip;
	uint16_t port;

	if (h->host.len == 0)
		return h->minor == 0;
	if (h->host.len >= sizeof(text))
		return false;
	memcpy(text, h->host.at, h->host.len);
	text[h->host.len] = '\0';
	if (!addr_split_host_port(text, host, sizeof(host), &port))
		snprintf(host, sizeof(host), "%.*s", CONTROL_NAME_MAX, text);
	return strcasecmp(host, "localhost") == 0 || addr_parse_ip(host, &ip);
}

static bool is_path(const struct http_text *target)
{
	size_t len = strlen(PATH);

	return target->len >= len && memcmp(target->at, PATH, len) == 0 &&
	       (target->len == len || target->at[len] == '?');
}

static unsigned int judge(struct metrics_request *r, const struct http_head *h,
			  bool local)
{
	bool get = strcmp(h->method, "GET") == 0;

	r->head = strcmp(h->method, "HEAD") == 0;
	r->openmetrics = wants_openmetrics(h);
	if (local && !is_asked_locally(h))
		return 403;
	if (!is_path(&h->target))
		return 404;
	if (!get && !r->head)
		return 405;
	return h->framing == HTTP_FRAMING_NONE ? 200 : 400;
}

void metrics_request_read(struct metrics_request *r, const char *text,
			  size_t len, bool local)
{
	struct http_head head;
	int n = len > 0 ? http_head_find(text, len, 0) : 0;

	*r = (struct metrics_request){ .status = 0 };
	if (n == 0 && len >= METRICS_REQUEST_MAX)
		r->status = 431;
	else if (n < 0)
		r->status = 400;
	if (n <= 0)
		return;
	if (http_head_parse_request(&head, text, (size_t)n) < 0)
		r->status = 400;
	else
		r->status = judge(r, &head, local);
}

static size_t refuse(const struct metrics_request *r,
		     char out[METRICS_HEAD_MAX])
{
	size_t i = 0;
	int n;

	while (i + 1 < ARRAY_SIZE(refusals) && refusals[i].status != r->status)
		i++;
	n = snprintf(out, METRICS_HEAD_MAX,
		     "HTTP/1.1 %u %s\r\n"
		     "Content-Type: text/plain; charset=utf-8\r\n"
		     "Content-Length: %zu\r\n"
		     "%sConnection: close\r\n"
		     "\r\n"
		     "%s%s",
		     refusals[i].status, refusals[i].words,
		     strlen(refusals[i].words) + 1, refusals[i].more,
		     r->head ? "" : refusals[i].words, r->head ? "" : "\n");
	return (size_t)n;
}

size_t metrics_answer_head(const struct metrics_request *r, size_t body_bytes,
			   char out[METRICS_HEAD_MAX])
{
	int n;

	if (r->status != 200)
		return refuse(r, out);
	n = snprintf(out, METRICS_HEAD_MAX,
		     "HTTP/1.1 200 OK\r\n"
		     "Content-Type: %s; charset=utf-8\r\n"
		     "Content-Length: %zu\r\n"
		     "Cache-Control: no-store\r\n"
		     "Connection: close\r\n"
		     "\r\n",
		     r->openmetrics ? OPENMETRICS "; version=1.0.0"
				    : "text/plain; version=0.0.4",
		     body_bytes);
	return (size_t)n;
}
