/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_health.h - which proxies could not be reached lately: they are tried
 * last
 *
 * Only failures to reach the proxy itself count, as in browsers: what it has
 * answered to CONNECT is an answer. Thread-safe; kept over reloads.
 */
#ifndef PROXY_HEALTH_H
#define PROXY_HEALTH_H

#include "proxy.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proxy;
struct proxy_health;

/* A proxy that somebody has turned to. */
struct proxy_health_entry {
	enum proxy_kind kind;
	char host[CONTROL_NAME_MAX + 1];
	uint16_t port;
	bool rests;
	uint64_t answered_ms; /* last; 0: never */
};

#define PROXY_HEALTH_REST_MS 300000

enum proxy_health_news {
	PROXY_HEALTH_ANSWERED = 0, /* whatever it said */
	PROXY_HEALTH_UNREACHED,    /* its name, TCP, TLS */
	/* No answer to CONNECT. The target may be to blame, so this does not
	 * count when the proxy has answered somebody else meanwhile. */
	PROXY_HEALTH_SILENT,
};

struct proxy_health *proxy_health_new(void) MUST_CHECK; /* NULL with errno */
void proxy_health_free(struct proxy_health *h);

/* Those that rest go behind the others. NULL, which stands for no proxy, never
 * rests. */
void proxy_health_order(struct proxy_health *h, struct proxy **list,
			size_t count, uint64_t now_ms);
bool proxy_health_rests(struct proxy_health *h, const struct proxy *p,
			uint64_t now_ms);
/* Of what was begun at `since_ms`. True: it rests from now on, and did not
 * before. */
bool proxy_health_note(struct proxy_health *h, const struct proxy *p,
		       enum proxy_health_news news, uint64_t since_ms,
		       uint64_t now_ms);
/* All that are known; how many, at most `max`. */
size_t proxy_health_list(struct proxy_health *h, uint64_t now_ms,
			 struct proxy_health_entry *out, size_t max);
/* Another network: nothing is known. */
void proxy_health_forget(struct proxy_health *h);

#endif
