/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy.c - one upstream proxy, shared by whoever dials through it */
#include <config.h>

#include "proxy.h"

#include "proxy_creds.h"
#include "tls.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shared {
	struct proxy proxy; /* first: what callers see */
	atomic_uint refs;
};

struct proxy *proxy_new(void)
{
	struct shared *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	return &s->proxy;
}

struct proxy *proxy_like(const struct proxy *like, enum proxy_kind kind,
			 const char *host, uint16_t port)
{
	struct proxy *p = proxy_new();

	if (p == NULL)
		return NULL;
	*p = *like;
	p->kind = kind;
	snprintf(p->host, sizeof(p->host), "%s", host);
	p->port = port;
	if (p->creds != NULL)
		proxy_creds_get(p->creds);
	p->tls = kind == PROXY_HTTPS && like->tls != NULL
			 ? tls_ctx_get(like->tls)
			 : NULL;
	return p;
}

struct proxy *proxy_get(struct proxy *p)
{
	atomic_fetch_add(&((struct shared *)p)->refs, 1);
	return p;
}

void proxy_put(struct proxy *p)
{
	struct shared *s = (struct shared *)p;

	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	proxy_creds_put(p->creds);
	tls_ctx_put(p->tls);
	free(s);
}

const char *proxy_kind_name(enum proxy_kind kind)
{
	static const char *const names[] = {
		[PROXY_HTTP] = "http",
		[PROXY_HTTPS] = "https",
		[PROXY_SOCKS5] = "socks5",
	};
	_Static_assert(ARRAY_SIZE(names) == PROXY_NUM_KINDS, "a name a kind");

	return (unsigned int)kind < PROXY_NUM_KINDS ? names[kind] : "unknown";
}

const char *proxy_scheme_name(enum proxy_scheme scheme)
{
	switch (scheme) {
	case PROXY_SCHEME_NONE:
		return "none";
	case PROXY_SCHEME_NEGOTIATE:
		return "Negotiate";
	case PROXY_SCHEME_NTLM:
		return "NTLM";
	case PROXY_SCHEME_DIGEST:
		return "Digest";
	case PROXY_SCHEME_BASIC:
		return "Basic";
	}
	return "unknown";
}

char *proxy_format(const struct proxy *p, char out[PROXY_TEXT_MAX])
{
	bool v6 = strchr(p->host, ':') != NULL;

	snprintf(out, PROXY_TEXT_MAX, "%s://%s%s%s:%u",
		 proxy_kind_name(p->kind), v6 ? "[" : "", p->host,
		 v6 ? "]" : "", (unsigned int)p->port);
	return out;
}
