/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_exchange.c - a request head and the bytes behind it into a transfer of
 * libcurl's through the proxy, and its answer into bytes for the app
 *
 * Theory of operation
 *
 * One thread, one transfer at a time. libcurl is driven by its multi interface
 * for the sake of one wait for both sides: the proxy's socket and the app's.
 * Bodies go through in pieces; whichever side cannot go on is paused, and the
 * other goes on meanwhile, so an answer may come while the request is still
 * being sent. Each rung of the login's ladder is one transfer, and over when
 * the proxy has let it through: the rest of it runs outside.
 */
#include <config.h>

#include "http_exchange.h"

#include "cancel.h"
#include "clock.h"
#include "http_app.h"
#include "http_exchange_private.h"
#include "http_request.h"
#include "log.h"
#include "proxy.h"
#include "proxy_ladder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <sys/socket.h>

/* An app that has said its last may still wait for the answer; most have gone
 * (a half-closed connection looks the same). */
#define ENDED_MS 30000
#define WAIT_MS  60000
/* Until the login may be sent. */
#define LOGIN_MS 20000

/* The app's socket can be read, though nobody wants its bytes: has it gone? */
static bool look(struct http_exchange *x)
{
	char c;
	ssize_t n = recv(x->app->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		x->more = true;
	else if (n == 0 && !x->app->ended) {
		x->app->ended = true;
		x->give_up_ms = clock_now_ms() + ENDED_MS;
	}
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Of the app's socket, as libcurl's bits. */
static short wanted(const struct http_exchange *x)
{
	short events = 0;

	if (!http_app_is_empty(x->app))
		events |= CURL_WAIT_POLLOUT;
	if (!x->stop && (x->paused_in || (http_body_is_done(&x->sent) &&
					  !x->more && !x->app->ended)))
		events |= CURL_WAIT_POLLIN;
	return events;
}

static bool resume(struct http_exchange *x)
{
	x->paused_in = x->paused_out = false;
	return curl_easy_pause(http_request_curl(x->curl), CURLPAUSE_CONT) ==
	       CURLE_OK;
}

/* Until one side or the other can go on. False: there is no use in it. */
static bool wait_for_more(struct http_exchange *x)
{
	struct curl_waitfd w = { .fd = x->app->fd, .events = wanted(x) };
	bool readable;

	if (curl_multi_poll(x->up->multi, &w, 1,
			    x->give_up_ms != 0 ? 1000 : WAIT_MS,
			    NULL) != CURLM_OK ||
	    cancel_is_set(x->up->cancel) || !http_app_flush(x->app))
		return false;
	readable = w.revents & CURL_WAIT_POLLIN;
	if (readable && !x->paused_in && !look(x))
		return false;
	if (x->give_up_ms != 0 && clock_now_ms() >= x->give_up_ms)
		return false;
	if ((readable && x->paused_in && !x->stop) ||
	    (x->paused_out && http_app_is_empty(x->app)))
		return resume(x);
	return true;
}

/* The answer has ended before the request. libcurl does not stop sending in
 * all such cases, and never while it is paused. */
static bool is_over(const struct http_exchange *x)
{
	char c;

	if (!x->stop || http_body_is_done(&x->received))
		return x->stop;
	return x->received.framing == HTTP_FRAMING_TO_END &&
	       recv(x->up->proxy_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* To the end; or until the answer is known, which is when the login is. */
static void drive(struct http_exchange *x, bool to_end)
{
	struct CURLMsg *msg;
	int running, left;

	while (!x->over && (to_end || !x->answered)) {
		CURLMcode rc = curl_multi_perform(x->up->multi, &running);

		msg = curl_multi_info_read(x->up->multi, &left);
		x->over = true;
		if (msg != NULL && msg->msg == CURLMSG_DONE)
			x->result = msg->data.result;
		else if (is_over(x))
			x->result = CURLE_OK;
		else
			x->over = rc != CURLM_OK || running == 0 ||
				  !wait_for_more(x);
	}
}

static void drop_request(struct http_exchange *x)
{
	if (x->curl != NULL)
		curl_multi_remove_handle(x->up->multi,
					 http_request_curl(x->curl));
	http_request_free(x->curl);
	x->curl = NULL;
}

static bool start(struct http_exchange *x, const struct proxy_try *try)
{
	drop_request(x);
	x->answer.len = 0;
	x->kept_at = 0;
	x->paused_in = x->paused_out = x->over = false;
	x->result = CURLE_ABORTED_BY_CALLBACK;
	x->error[0] = '\0';
	x->curl = http_request_new(x->up, x->request, try->scheme, try->login);
	if (x->curl == NULL) {
		x->result = CURLE_OUT_OF_MEMORY;
		return false;
	}
	return http_exchange_set_callbacks(x) &&
	       curl_multi_add_handle(x->up->multi,
				     http_request_curl(x->curl)) == CURLM_OK;
}

static bool is_407(const struct http_exchange *x)
{
	return !x->answered && x->answer.len > 0 &&
	       x->answer.head.status == 407 && x->result == CURLE_OK;
}

static void note_407(const struct http_exchange *x, struct proxy_try *try)
{
	const struct http_head *h = &x->answer.head;

	try->end = PROXY_TRY_407;
	for (size_t i = 0; i < h->fields; i++)
		if (http_text_is(&h->field[i].name, "Proxy-Authenticate"))
			proxy_challenge_add(&try->asked, h->field[i].value.at,
					    h->field[i].value.len);
	snprintf(try->words, sizeof(try->words), "407 %.*s",
		 h->reason.len > 80 ? 80 : (int)h->reason.len, h->reason.at);
}

/* One rung of the ladder: over as soon as the proxy has let us through. */
static void on_try(void *arg, struct proxy_try *try)
{
	struct http_exchange *x = arg;

	if (x->kept_lost) {
		snprintf(x->error, sizeof(x->error),
			 "the proxy wanted a login when the body was gone");
		x->result = CURLE_SEND_FAIL_REWIND;
		return;
	}
	if (!start(x, try))
		return;
	drive(x, false);
	http_request_note_login(x->curl, try);
	if (is_407(x))
		note_407(x, try);
	/* A 403 may come before the proxy has looked at the login. */
	else if (x->answered && x->answer.head.status != 403)
		try->end = PROXY_TRY_PASSED;
}

/* What the app is told */

static const char *reason_of(const struct http_exchange *x)
{
	if (x->bad_answer)
		return x->answer.head.why != NULL
			       ? x->answer.head.why
			       : "an answer that cannot be used";
	if (x->login_words != NULL)
		return x->login_words;
	return x->error[0] != '\0' ? x->error : curl_easy_strerror(x->result);
}

/* There is no answer of the server's, or the proxy's, that it could get. */
static void excuse(struct http_exchange *x)
{
	char proxy[PROXY_TEXT_MAX], words[800];
	const char *why = http_request_why(x->curl);
	unsigned int status = 502;

	proxy_format(x->up->proxy, proxy);
	if (x->bad_request) {
		(void)!http_app_say(x->app, 400, x->to_head,
				    "the body is not chunked as it should be");
		return;
	}
	if (x->result == CURLE_OPERATION_TIMEDOUT)
		status = 504;
	if (why == NULL)
		why = reason_of(x);
	snprintf(words, sizeof(words), "proxy %s: http://%.200s/: %s", proxy,
		 x->up->host, why);
	log_info("request to http://%s/ failed: %s", x->up->host, words);
	(void)!http_app_say(x->app, status, x->to_head, words);
}

static enum http_exchange_end end(struct http_exchange *x)
{
	bool whole = http_body_is_done(&x->received) ||
		     (x->received.framing == HTTP_FRAMING_TO_END &&
		      x->result == CURLE_OK);

	if (cancel_is_set(x->up->cancel))
		return HTTP_EXCHANGE_BROKEN;
	if (!x->answered) {
		excuse(x);
		return HTTP_EXCHANGE_LAST;
	}
	if (!whole || !http_app_flush_all(x->app))
		return HTTP_EXCHANGE_BROKEN;
	return x->close || x->app->ended || !http_body_is_done(&x->sent)
		       ? HTTP_EXCHANGE_LAST
		       : HTTP_EXCHANGE_NEXT;
}

enum http_exchange_end http_exchange(struct http_upstream *up,
				     struct http_app *app,
				     const struct http_head *request)
{
	struct http_exchange *x = calloc(1, sizeof(*x));
	struct proxy_ladder l = { .auth = up->auth,
				  .proxy = up->proxy,
				  .deadline_ms = clock_now_ms() + LOGIN_MS,
				  .cancel = up->cancel,
				  .attempt = on_try,
				  .arg = x };
	enum http_exchange_end rc;

	if (x == NULL)
		return HTTP_EXCHANGE_BROKEN;
	x->up = up;
	x->app = app;
	x->request = request;
	x->to_head = strcmp(request->method, "HEAD") == 0;
	http_body_init(&x->sent, request->framing, request->length);
	if (proxy_ladder_climb(&l) < 0)
		x->login_words = l.words;
	else
		drive(x, true);
	rc = end(x);
	drop_request(x);
	http_exchange_forget(x);
	http_answer_fini(&x->answer);
	free(x);
	return rc;
}
