/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* http_exchange_private.h - for http_exchange*.c alone */
#ifndef HTTP_EXCHANGE_PRIVATE_H
#define HTTP_EXCHANGE_PRIVATE_H

#include "http_answer.h"
#include "http_body.h"
#include "http_exchange.h"
#include "http_head.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

struct http_app;
struct http_request;

struct http_exchange {
	struct http_upstream *up;
	struct http_app *app;
	const struct http_head *request;
	struct http_body sent;     /* the request's body */
	struct http_body received; /* the answer's */
	struct http_answer answer;
	struct http_request *curl; /* in the multi handle */
	/* What of the body has been read, for a proxy that wants a login when
	 * it has been sent. */
	char *kept;
	size_t kept_len, kept_at;
	bool kept_lost; /* it was too much */
	bool to_head;
	bool continued; /* "100 Continue" was said */
	bool answered;  /* the final head has gone to the app */
	bool close;     /* … and says that the connection ends */
	bool stop;      /* … and nobody wants the rest of the request */
	bool paused_in, paused_out;
	bool bad_request; /* its body */
	bool bad_answer;
	bool more; /* the app has sent what is not of this request */
	uint64_t give_up_ms;
	bool over; /* libcurl has come to its `result` */
	CURLcode result;
	char error[CURL_ERROR_SIZE];
	const char *login_words; /* why there is no way to log in */
};

/* What libcurl reads of the request, and what it gives of the answer. */
bool http_exchange_set_callbacks(struct http_exchange *x) MUST_CHECK;
/* What was kept of the body: it cannot be sent once more. */
void http_exchange_forget(struct http_exchange *x);

#endif
