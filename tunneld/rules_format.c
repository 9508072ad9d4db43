/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules_format.c - rules as text
 *
 * Turns a struct rule into the line that rules_parse_line() reads as the same
 * rule again.
 */
#include <config.h>

#include "addr.h"
#include "rules.h"

#include <turnout/compiler.h>

#include <stdarg.h>
#include <stdio.h>

const char *rules_action_name(enum policy_action action)
{
	static const char *const names[] = {
		[POLICY_DIRECT] = "direct",        [POLICY_PROXY] = "proxy",
		[POLICY_TUNNEL] = "tunnel",        [POLICY_BLOCK] = "block",
		[POLICY_PREFER_DIRECT] = "direct",
	};
	_Static_assert(ARRAY_SIZE(names) == POLICY_NUM_ACTIONS, "names");

	return names[action];
}

/* The text so far; what does not fit is cut. */
struct text {
	char *data;
	size_t max, len;
};

static void PRINTF_LIKE(2, 3) put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->data + t->len, t->max - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->max - t->len ? (size_t)n
						      : t->max - t->len - 1;
}

static void put_destination(struct text *t, const struct rule *r, bool ports)
{
	/* The port of an IPv6 address stands behind brackets. */
	bool brackets = ports && r->ip.family == ENDPOINT_IPV6;
	uint8_t whole = r->ip.family == ENDPOINT_IPV4 ? 32 : 128;
	char ip[ADDR_TEXT_MAX];

	if (r->name[0] != '\0') {
		put(t, " %s", r->name);
		return;
	}
	put(t, brackets ? " [%s]" : " %s", addr_format_ip(&r->ip, ip));
	if (r->prefix_bits != whole)
		put(t, "/%u", r->prefix_bits);
}

const char *rules_format(const struct rule *r, char text[RULES_TEXT_MAX])
{
	static const char *const protocols[] = {
		[POLICY_ANY] = "",
		[POLICY_TCP] = " tcp",
		[POLICY_UDP] = " udp",
	};
	bool ports = r->port_min != 0 || r->port_max != UINT16_MAX;
	struct text t = { .data = text, .max = RULES_TEXT_MAX };

	put(&t, "%s%s", rules_action_name(r->action), protocols[r->protocol]);
	put_destination(&t, r, ports);
	if (ports)
		put(&t, ":%u", r->port_min);
	if (r->port_max != r->port_min && ports)
		put(&t, "-%u", r->port_max);
	if (r->who.program[0] != '\0')
		put(&t, " program=%s", r->who.program);
	if (r->who.by_user)
		put(&t, " user=%s", r->user);
	return text;
}
