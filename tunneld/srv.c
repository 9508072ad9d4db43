/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * srv.c - SRV and NAPTR records (RFC 2782, RFC 3403): asked for, read, sorted
 *
 * The libc knows the system's name servers, retries, falls back to TCP and
 * expands names without loops; what it hands out is still what anybody on the
 * way may have written, so every length is checked here.
 */
#include <config.h>

#include "srv.h"

#include "hostname.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/nameser.h>
#include <netinet/in.h>

#define SRV_FIXED_BYTES   6
#define NAPTR_FIXED_BYTES 4

struct srv_resolver {
	struct __res_state state;
	uint8_t answer[NS_MAXMSG];
};

/* Reading */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* A name that has to fill the rest of the record. "." becomes "". */
static bool read_name(const uint8_t *msg, size_t len, const uint8_t *p,
		      const uint8_t *end, char out[CONTROL_NAME_MAX + 1])
{
	char name[NS_MAXDNAME];
	int n = dn_expand(msg, msg + len, p, name, sizeof(name));

	if (n < 0 || n != end - p)
		return false;
	out[0] = '\0';
	return name[0] == '\0' || strcmp(name, ".") == 0 ||
	       hostname_normalise(name, out);
}

static bool read_srv(const uint8_t *msg, size_t len, const uint8_t *p,
		     size_t rdlen, struct srv_record *out)
{
	if (rdlen <= SRV_FIXED_BYTES)
		return false;
	out->priority = be16(p);
	out->weight = be16(p + 2);
	out->port = be16(p + 4);
	return read_name(msg, len, p + SRV_FIXED_BYTES, p + rdlen,
			 out->target) &&
	       (out->port != 0 || out->target[0] == '\0');
}

/* RFC 1035, 3.3: a <character-string>, in lower case. False: it leaves the
 * record, or holds what none of ours does. Longer ones are none of ours. */
static bool read_string(const uint8_t **p, const uint8_t *end, char *out,
			size_t max)
{
	size_t n = *p < end ? **p : 0;

	if (*p >= end || n >= (size_t)(end - *p) || n >= max)
		return false;
	for (size_t i = 0; i < n; i++) {
		int c = (*p)[1 + i];

		if (c <= 0x20 || c >= 0x7f)
			return false;
		out[i] = (char)tolower(c);
	}
	out[n] = '\0';
	*p += 1 + n;
	return true;
}

static bool read_naptr(const uint8_t *msg, size_t len, const uint8_t *p,
		       size_t rdlen, struct srv_naptr *out)
{
	const uint8_t *end = p + rdlen;
	char flags[8], regexp[2];

	if (rdlen <= NAPTR_FIXED_BYTES)
		return false;
	out->order = be16(p);
	out->preference = be16(p + 2);
	p += NAPTR_FIXED_BYTES;
	/* RFC 3958, 2.2.3: S-NAPTR has no regular expressions, and the flags
	 * "S", "A" and "". */
	if (!read_string(&p, end, flags, sizeof(flags)) ||
	    !read_string(&p, end, out->services, sizeof(out->services)) ||
	    !read_string(&p, end, regexp, sizeof(regexp)) || regexp[0] != '\0')
		return false;
	if (strcmp(flags, "") != 0 && strcmp(flags, "s") != 0 &&
	    strcmp(flags, "a") != 0)
		return false;
	out->flag = flags[0];
	return read_name(msg, len, p, end, out->replacement) &&
	       out->replacement[0] != '\0';
}

/* Calls `take` for each record of `type` until it says that there is no more
 * room. */
static int each_record(const uint8_t *answer, size_t len, ns_type type,
		       bool (*take)(void *arg, const uint8_t *rdata,
				    size_t rdlen, uint32_t ttl_s),
		       void *arg)
{
	ns_msg msg;

	if (len > NS_MAXMSG || ns_initparse(answer, (int)len, &msg) < 0)
		return -EBADMSG;
	for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
		ns_rr rr;

		if (ns_parserr(&msg, ns_s_an, i, &rr) < 0)
			return -EBADMSG;
		if (ns_rr_type(rr) == type && ns_rr_class(rr) == ns_c_in &&
		    !take(arg, ns_rr_rdata(rr), ns_rr_rdlen(rr), ns_rr_ttl(rr)))
			break;
	}
	return 0;
}

struct collector {
	const uint8_t *msg;
	size_t len;
	struct srv_record *srv;
	struct srv_naptr *naptr;
	int count;
	uint32_t ttl_s;
};

static bool take_record(void *arg, const uint8_t *rdata, size_t rdlen,
			uint32_t ttl_s)
{
	struct collector *c = arg;
	bool good;

	if (c->srv != NULL)
		good = read_srv(c->msg, c->len, rdata, rdlen,
				&c->srv[c->count]);
	else
		good = read_naptr(c->msg, c->len, rdata, rdlen,
				  &c->naptr[c->count]);
	if (good) {
		c->count++;
		if (ttl_s < c->ttl_s)
			c->ttl_s = ttl_s;
	}
	return c->count < SRV_MAX;
}

static int collect(struct collector *c, ns_type type, uint32_t *ttl_s)
{
	int err;

	c->ttl_s = UINT32_MAX;
	err = each_record(c->msg, c->len, type, take_record, c);
	if (err < 0)
		return err;
	if (c->count > 0)
		*ttl_s = c->ttl_s;
	return c->count;
}

int srv_parse(const uint8_t *answer, size_t len, struct srv_record out[SRV_MAX],
	      uint32_t *ttl_s)
{
	struct collector c = { .msg = answer, .len = len, .srv = out };

	return collect(&c, ns_t_srv, ttl_s);
}

int srv_parse_naptr(const uint8_t *answer, size_t len,
		    struct srv_naptr out[SRV_MAX], uint32_t *ttl_s)
{
	struct collector c = { .msg = answer, .len = len, .naptr = out };

	return collect(&c, ns_t_naptr, ttl_s);
}

/* Sorting */

/* By priority; those of weight 0 first, so that they have a small chance
 * (RFC 2782, "Weight"). */
static int compare_srv(const void *a, const void *b)
{
	const struct srv_record *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return (x->weight != 0) - (y->weight != 0);
}

/* xorshift32 (Marsaglia, 2003) */
static uint32_t dice(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* The next of `count` records of one priority, moved to the front. */
static void draw(struct srv_record *record, size_t count, uint32_t *state)
{
	uint32_t sum = 0, running = 0, mark;
	struct srv_record chosen;
	size_t i;

	for (i = 0; i < count; i++)
		sum += record[i].weight;
	mark = (uint32_t)((uint64_t)dice(state) * (sum + 1) >> 32);
	for (i = 0; i + 1 < count; i++) {
		running += record[i].weight;
		if (running >= mark)
			break;
	}
	chosen = record[i];
	memmove(record + 1, record, i * sizeof(*record));
	record[0] = chosen;
}

void srv_sort(struct srv_record *record, size_t count, uint32_t seed)
{
	uint32_t state = seed ? seed : 1;

	qsort(record, count, sizeof(*record), compare_srv);
	for (size_t i = 0; i < count; i++) {
		size_t same = 1;

		while (i + same < count &&
		       record[i + same].priority == record[i].priority)
			same++;
		draw(record + i, same, &state);
	}
}

static int compare_naptr(const void *a, const void *b)
{
	const struct srv_naptr *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return (x->preference > y->preference) -
	       (x->preference < y->preference);
}

void srv_sort_naptr(struct srv_naptr *record, size_t count)
{
	qsort(record, count, sizeof(*record), compare_naptr);
}

/* Asking */

struct srv_resolver *srv_resolver_new(const struct endpoint *server)
{
	struct srv_resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	if (res_ninit(&r->state) < 0) {
		free(r);
		errno = EIO;
		return NULL;
	}
	r->state.retrans = 1;
	r->state.retry = 1;
	if (server != NULL && server->family == ENDPOINT_IPV4) {
		struct sockaddr_in *sin = &r->state.nsaddr_list[0];

		*sin = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_port = server->port_be };
		memcpy(&sin->sin_addr, server->ip, sizeof(sin->sin_addr));
		r->state.nscount = 1;
	}
	return r;
}

void srv_resolver_free(struct srv_resolver *r)
{
	if (r != NULL)
		res_nclose(&r->state);
	free(r);
}

/* The length of an answer, 0 or -EAGAIN. */
static int ask(struct srv_resolver *r, const char *name, ns_type type)
{
	int n = res_nquery(&r->state, name, ns_c_in, (int)type, r->answer,
			   sizeof(r->answer));

	if (n < 0)
		return r->state.res_h_errno == HOST_NOT_FOUND ||
				       r->state.res_h_errno == NO_DATA
			       ? 0
			       : -EAGAIN;
	return n < (int)sizeof(r->answer) ? n : (int)sizeof(r->answer);
}

int srv_ask(struct srv_resolver *r, const char *name,
	    struct srv_record out[SRV_MAX], uint32_t *ttl_s)
{
	int n = ask(r, name, ns_t_srv);

	if (n > 0)
		n = srv_parse(r->answer, (size_t)n, out, ttl_s);
	return n == -EBADMSG ? -EAGAIN : n;
}

int srv_ask_naptr(struct srv_resolver *r, const char *name,
		  struct srv_naptr out[SRV_MAX], uint32_t *ttl_s)
{
	int n = ask(r, name, ns_t_naptr);

	if (n > 0)
		n = srv_parse_naptr(r->answer, (size_t)n, out, ttl_s);
	return n == -EBADMSG ? -EAGAIN : n;
}
