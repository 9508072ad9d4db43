/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doh.c - DNS over HTTPS, in a pool thread
 *
 * RFC 8484, 4.1: POST with the query as it is, of id 0 so that caches can be of
 * use. A connection each: peers by name are few, and are asked for rarely.
 */
#include <config.h>

#include "doh.h"

#include "buf.h"
#include "cancel.h"
#include "clock.h"
#include "dial.h"
#include "dns_client.h"
#include "egress.h"
#include "http_get.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEDIA_TYPE  "application/dns-message"
#define QUERY_BYTES 512

struct doh {
	struct thread_job job;
	struct cancel cancel;
	struct dial_pool *pool;
	struct egress *egress;
	resolve_fn *done; /* NULL: cancelled; of the loop's thread */
	void *arg;
	uint64_t deadline_ms;
	int result; /* how many, or -errno */
	struct endpoint addrs[RESOLVE_MAX];
	char *uri; /* behind the name */
	char name[];
};

static void doh_free(void *arg)
{
	struct doh *d = arg;

	cancel_fini(&d->cancel);
	if (d->egress != NULL)
		egress_put(d->egress);
	free(d);
}

static int ask(struct doh *d, enum dns_type type)
{
	uint8_t query[QUERY_BYTES];
	struct http_get g = { .url = d->uri,
			      .headers = "Content-Type: " MEDIA_TYPE "\n",
			      .accept = MEDIA_TYPE,
			      .only_200 = true,
			      .egress = d->egress,
			      .pool = d->pool,
			      .deadline_ms = d->deadline_ms,
			      .cancel = &d->cancel };
	struct buf b;
	int n;

	buf_init(&b, query, sizeof(query));
	dns_client_put(&b, 0, d->name, type);
	if (b.failed)
		return -EINVAL;
	g.body = (const char *)query;
	g.body_bytes = b.len;
	n = http_get(&g);
	if (n < 0)
		log_debug("DNS over HTTPS: %s", g.words);
	else if (strcasecmp(g.type, MEDIA_TYPE) != 0)
		n = -EBADMSG; /* a captive portal's page */
	else
		n = dns_client_get((const uint8_t *)g.data, g.len, 0, d->name,
				   type, d->addrs, RESOLVE_MAX);
	http_get_fini(&g);
	return n;
}

/* In a pool thread. */
static void look_up(void *arg)
{
	struct doh *d = arg;

	d->result = ask(d, DNS_TYPE_A);
	if (d->result == -ENODATA)
		d->result = ask(d, DNS_TYPE_AAAA);
}

static void stop(void *arg)
{
	struct doh *d = arg;

	cancel_now(&d->cancel);
}

static void deliver(void *arg, uint64_t now_ms)
{
	struct doh *d = arg;
	size_t count = d->result > 0 ? (size_t)d->result : 0;

	if (d->done != NULL)
		d->done(d->arg, d->result < 0 ? d->result : 0, d->addrs, count,
			now_ms);
	doh_free(d);
}

struct doh *doh_start(struct dial_pool *pool, struct loop *loop,
		      const char *uri, struct egress *egress, const char *name,
		      resolve_fn *done, void *arg)
{
	size_t name_bytes = strlen(name) + 1, uri_bytes = strlen(uri) + 1;
	struct doh *d = calloc(1, sizeof(*d) + name_bytes + uri_bytes);

	if (d == NULL)
		return NULL;
	cancel_init(&d->cancel);
	memcpy(d->name, name, name_bytes);
	d->uri = d->name + name_bytes;
	memcpy(d->uri, uri, uri_bytes);
	d->pool = pool;
	d->egress = egress != NULL ? egress_get(egress) : NULL;
	d->done = done;
	d->arg = arg;
	d->deadline_ms = clock_now_ms() + RESOLVE_WAIT_MS;
	d->result = -EAGAIN; /* stays when no thread can be made */
	d->job = (struct thread_job){ .work = look_up,
				      .done = deliver,
				      .cancel = stop,
				      .drop = doh_free,
				      .arg = d,
				      .loop = loop,
				      .urgent = true };
	dial_run(pool, &d->job);
	return d;
}

void doh_cancel(struct doh *d)
{
	d->done = NULL;
	cancel_now(&d->cancel);
	thread_pool_cancel(&d->job);
}
