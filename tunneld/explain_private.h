/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain_private.h - what was found out, between finding and printing */
#ifndef EXPLAIN_PRIVATE_H
#define EXPLAIN_PRIVATE_H

#include "egress.h"
#include "explain.h"
#include "proxy.h"
#include "rules.h"

#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define EXPLAIN_RELAYS_MAX 8
#define EXPLAIN_LINE_MAX   512

struct explained {
	const struct explain_query *query;
	struct rules_answer rule;
	/* that an address stands for; empty: none */
	char name[CONTROL_NAME_MAX + 1];
	char address[EXPLAIN_LINE_MAX]; /* empty: none is needed */
	const char *asked; /* who said which proxies; NULL: nobody */
	/* the ways for TCP, best first */
	size_t proxy_count;
	struct {
		char name[PROXY_TEXT_MAX]; /* empty: directly */
		bool rests;                /* it could not be reached lately */
		char login[EXPLAIN_LINE_MAX];
	} proxy[EGRESS_HOPS_MAX];
	/* the ways for UDP */
	size_t relay_count;
	char relay[EXPLAIN_RELAYS_MAX][EXPLAIN_LINE_MAX];
	bool goes;
	char answer[EXPLAIN_LINE_MAX];
};

void explain_print(const struct explained *x, FILE *to);

#endif
