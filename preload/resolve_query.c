/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve_query.c - res_query() and its family: DNS messages by libc, which
 * asks name servers where no hook sees it (GLib does so for SRV)
 *
 * A name that is ours has an address in such a message, and no other records:
 * "no data" at once, where libc would wait for a dead server's whole time-out.
 */
#include <config.h>

#include "next.h"
#include "resolve.h"
#include "resolve_ask.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <arpa/nameser.h>

#define HEADER_BYTES 12
#define LABEL_MAX    63
/* As tunneld's own answers: a reload of the rules must reach the app soon. */
#define TTL_S 60

struct message {
	unsigned char *data;
	size_t len, max;
	bool failed;
};

static void put(struct message *m, const void *src, size_t n)
{
	if (m->failed || m->max - m->len < n) {
		m->failed = true;
		return;
	}
	memcpy(m->data + m->len, src, n);
	m->len += n;
}

static void put_u16(struct message *m, unsigned int v)
{
	const unsigned char bytes[] = { (unsigned char)(v >> 8),
					(unsigned char)v };

	put(m, bytes, sizeof(bytes));
}

static void put_name(struct message *m, const char *name)
{
	const char *end = name + resolve_bare_length(name);

	while (name < end) {
		size_t n = strcspn(name, ".");
		unsigned char len = (unsigned char)n;

		if (n == 0 || n > LABEL_MAX)
			m->failed = true;
		put(m, &len, 1);
		put(m, name, n);
		name += n + 1;
	}
	put(m, "", 1);
}

/* The message with one address; its length, or -1. */
static int make_answer(const char *name, int type, const struct endpoint *addr,
		       unsigned char *answer, int max)
{
	struct message m = { .data = answer, .max = max > 0 ? (size_t)max : 0 };
	unsigned int bytes = type == ns_t_a ? 4 : 16;

	put_u16(&m, 0);
	put_u16(&m, 0x8180); /* a response; recursion wanted and available */
	put_u16(&m, 1);
	put_u16(&m, 1);
	put_u16(&m, 0);
	put_u16(&m, 0);
	put_name(&m, name);
	put_u16(&m, (unsigned int)type);
	put_u16(&m, ns_c_in);
	put_u16(&m, 0xc000 | HEADER_BYTES); /* the question's name */
	put_u16(&m, (unsigned int)type);
	put_u16(&m, ns_c_in);
	put_u16(&m, 0);
	put_u16(&m, TTL_S);
	put_u16(&m, bytes);
	put(&m, addr->ip, bytes);
	return m.failed ? -1 : (int)m.len;
}

/* True: `*result` and `*code` (h_errno) are the call's. */
static bool answered(const char *name, int class, int type,
		     unsigned char *answer, int max, int *result, int *code)
{
	enum control_resolve_verdict verdict;
	struct endpoint addr;

	if (name == NULL || class != ns_c_in || type == ns_t_ptr ||
	    !resolve_is_ours(name))
		return false;
	if (type == ns_t_a || type == ns_t_aaaa)
		verdict = resolve_ask(
			name, type == ns_t_a ? ENDPOINT_IPV4 : ENDPOINT_IPV6,
			&addr);
	else
		verdict = resolve_ask_records(name);
	*result = -1;
	switch (verdict) {
	case CONTROL_RESOLVE_SYNTHETIC:
		*result = make_answer(name, type, &addr, answer, max);
		*code = *result < 0 ? NO_RECOVERY : 0;
		return true;
	case CONTROL_RESOLVE_BLOCKED:
		*code = HOST_NOT_FOUND;
		return true;
	case CONTROL_RESOLVE_NO_ADDRESS:
		*code = NO_DATA;
		return true;
	default:
		return false;
	}
}

int resolve_query(const char *name, int class, int type, unsigned char *answer,
		  int max, bool search)
{
	int result, code;

	if (answered(name, class, type, answer, max, &result, &code)) {
		h_errno = code;
		return result;
	}
	return search ? next.res_search(name, class, type, answer, max)
		      : next.res_query(name, class, type, answer, max);
}

int resolve_nquery(res_state state, const char *name, int class, int type,
		   unsigned char *answer, int max, bool search)
{
	int result, code;

	if (answered(name, class, type, answer, max, &result, &code)) {
		state->res_h_errno = code;
		h_errno = code;
		return result;
	}
	return search ? next.res_nsearch(state, name, class, type, answer, max)
		      : next.res_nquery(state, name, class, type, answer, max);
}
