/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_exchange.h - one request of an app's made at a proxy in absolute form,
 * and its answer given to the app; blocks, for threads of its own
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <turnout/compiler.h>
struct http_app;
struct http_head;
struct http_upstream;

enum http_exchange_end {
	HTTP_EXCHANGE_NEXT = 0, /* the app may send the next request */
	HTTP_EXCHANGE_LAST,     /* the answer is complete */
	HTTP_EXCHANGE_BROKEN,   /* it is not, and the app must see that */
};

/* `request` is of the head that `app->in` began with, and has been used; the
 * body is read there. */
enum http_exchange_end http_exchange(struct http_upstream *up,
				     struct http_app *app,
				     const struct http_head *request);

#endif
