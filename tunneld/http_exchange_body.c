/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_exchange_body.c - bytes between the app and libcurl, as libcurl asks for
 * them and gives them
 *
 * The head of an answer is held until it is known to be the last: libcurl goes
 * on by itself from a 407 whose scheme has a second step. libcurl does not
 * decode: chunks pass as they are, with their trailers, up to the end that
 * http_body.c sees, and not one byte more.
 */
#include <config.h>

#include "http_app.h"
#include "http_exchange_private.h"
#include "http_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 65536

/* The request's body */

/* RFC 9110, 10.1.1: the proxy is there and wants it. */
static void say_continue(struct http_exchange *x)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!x->request->expects_continue || x->continued || x->answered ||
	    x->request->minor == 0)
		return;
	x->continued = true;
	/* Without it an app waits a second, and begins. */
	if (http_app_put(x->app, text, sizeof(text) - 1))
		(void)!http_app_flush(x->app);
}

void http_exchange_forget(struct http_exchange *x)
{
	if (x->kept != NULL)
		explicit_bzero(x->kept, x->kept_len);
	free(x->kept);
	x->kept = NULL;
	x->kept_len = x->kept_at = 0;
	x->kept_lost = true;
}

static void keep(struct http_exchange *x, const char *data, size_t n)
{
	if (x->kept == NULL && !x->kept_lost)
		x->kept = malloc(KEPT_MAX);
	if (x->kept == NULL || n > KEPT_MAX - x->kept_len) {
		http_exchange_forget(x);
		return;
	}
	memcpy(x->kept + x->kept_len, data, n);
	x->kept_len += n;
	x->kept_at = x->kept_len;
}

/* Of what has been read. < 0: it is no body. */
static int64_t take(struct http_exchange *x, char *out, size_t max)
{
	size_t used = 0;
	int64_t n = http_body_read(&x->sent, x->app->in, x->app->in_len, &used,
				   out, max);

	if (n < 0)
		x->bad_request = true;
	else
		http_app_use(x->app, used);
	if (n > 0)
		keep(x, out, (size_t)n);
	return n;
}

static size_t replay(struct http_exchange *x, char *out, size_t max)
{
	size_t n = x->kept_len - x->kept_at;

	if (n > max)
		n = max;
	memcpy(out, x->kept + x->kept_at, n);
	x->kept_at += n;
	return n;
}

/* From the start, which is all that libcurl asks for. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_exchange *x = arg;

	if (x->kept_lost || offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	x->kept_at = 0;
	return CURL_SEEKFUNC_OK;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
	struct http_exchange *x = arg;
	int64_t n = 0;

	if (x->stop) {
		x->paused_in = true;
		return CURL_READFUNC_PAUSE;
	}
	if (x->kept_at < x->kept_len)
		return replay(x, out, size * count);
	while (!http_body_is_done(&x->sent)) {
		int rc;

		if (x->app->in_len > 0)
			n = take(x, out, size * count);
		if (n < 0)
			return CURL_READFUNC_ABORT;
		if (n > 0)
			return (size_t)n;
		if (x->app->in_len > 0 || http_body_is_done(&x->sent))
			continue;
		rc = http_app_read(x->app);
		if (rc == -EAGAIN) {
			say_continue(x);
			x->paused_in = true;
			return CURL_READFUNC_PAUSE;
		}
		if (rc <= 0)
			return CURL_READFUNC_ABORT;
	}
	return 0;
}

/* The answer */

static enum http_connection connection_of(struct http_exchange *x)
{
	const struct http_head *req = x->request;
	bool keep = req->minor > 0 ? !req->close : req->keep_alive;

	x->close = !keep || x->received.framing == HTTP_FRAMING_TO_END;
	if (x->close)
		return HTTP_CONNECTION_CLOSE;
	return req->minor > 0 ? HTTP_CONNECTION_KEEP : HTTP_CONNECTION_KEEP_1_0;
}

static bool pass_head(struct http_exchange *x)
{
	const struct http_head *h = &x->answer.head;
	enum http_framing framing = h->framing;
	bool chunked = framing == HTTP_FRAMING_CHUNKED;
	enum http_connection connection;

	/* libcurl has been told to decode for HTTP/1.0. */
	if (chunked && x->request->minor == 0) {
		framing = HTTP_FRAMING_TO_END;
		chunked = false;
	}
	http_body_init(&x->received, framing, h->length);
	connection = connection_of(x);
	x->answered = true;
	http_exchange_forget(x);
	x->stop = h->status >= 400 && !http_body_is_done(&x->sent);
	return http_answer_put(&x->answer, x->app, connection, chunked) &&
	       http_app_flush(x->app);
}

/* A complete head; false ends the transfer. */
static bool on_head(struct http_exchange *x)
{
	unsigned int status = x->answer.head.status;

	if (status == 407)
		return true;
	/* Nobody has asked for another protocol. */
	if (status == 101)
		return false;
	if (status >= 200)
		return pass_head(x);
	/* RFC 9110, 15.2; what was said to `Expect` was ours. */
	if (status == 100 || x->request->minor == 0)
		return true;
	return http_answer_put(&x->answer, x->app, HTTP_CONNECTION_KEEP,
			       false) &&
	       http_app_flush(x->app);
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct http_exchange *x = arg;
	size_t len = size * count;
	int rc;

	/* Trailers that were decoded; HTTP/1.0 has no place for them. */
	if (x->answered)
		return len;
	rc = http_answer_line(&x->answer, line, len, x->to_head);
	if (rc == 0)
		return len;
	if (rc > 0 && on_head(x))
		return len;
	x->bad_answer = true;
	return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_exchange *x = arg;
	size_t len = size * count, used = len;

	/* Of a 407, which is not the app's. */
	if (!x->answered)
		return len;
	if (!http_app_flush(x->app))
		return 0;
	if (!http_app_is_empty(x->app)) {
		x->paused_out = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (http_body_read(&x->received, data, len, &used, NULL, 0) < 0) {
		x->bad_answer = true;
		return 0;
	}
	/* What comes after the end is no answer to anything. */
	return http_app_put(x->app, data, used) && http_app_flush(x->app) ? len
									  : 0;
}

bool http_exchange_set_callbacks(struct http_exchange *x)
{
	CURL *curl = http_request_curl(x->curl);

	return (curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read) |
		curl_easy_setopt(curl, CURLOPT_READDATA, x) |
		curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek) |
		curl_easy_setopt(curl, CURLOPT_SEEKDATA, x) |
		curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) |
		curl_easy_setopt(curl, CURLOPT_HEADERDATA, x) |
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) |
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, x) |
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->error)) ==
	       CURLE_OK;
}
