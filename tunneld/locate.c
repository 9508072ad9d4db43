/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * locate.c - where the relay of a URI is (RFC 5928, 3; RFC 3958)
 *
 * A port, or a literal address: there. Else NAPTR records say which transports
 * and where, unless the URI has chosen one; without them SRV records of each
 * transport; without those, it is the host itself at the default port.
 */
#include <config.h>

#include "locate.h"

#include "addr.h"
#include "cancel.h"
#include "clock.h"
#include "conf_uri.h"
#include "srv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TURN_PORT  3478 /* RFC 8656, 18 */
#define TURNS_PORT 5349
/* NAPTR records that lead to other NAPTR records (RFC 3958, 2.2.4) */
#define NAPTR_DEPTH_MAX 3

/* What each transport is called in DNS: RFC 5928, 5.1 and 5.2; RFC 7350, 4.1.
 */
static const struct {
	const char *srv, *naptr;
} names[] = {
	[RELAY_TRANSPORT_UDP] = { "_turn._udp", "turn.udp" },
	[RELAY_TRANSPORT_DTLS] = { "_turns._udp", "turn.dtls" },
	[RELAY_TRANSPORT_TCP] = { "_turn._tcp", "turn.tcp" },
	[RELAY_TRANSPORT_TLS] = { "_turns._tcp", "turn.tls" },
};
_Static_assert(ARRAY_SIZE(names) == RELAY_NUM_TRANSPORTS, "a name for each");

struct search {
	const struct locate_opts *opts;
	struct srv_resolver *resolver;
	enum relay_transport wanted[2];
	size_t wanted_count;
	struct locate_target *out;
	size_t count;
	uint32_t ttl_s;
	bool known;  /* DNS has said something about the service */
	bool failed; /* something was not answered */
};

/* The transports of a URI in order of preference. Media does better over UDP
 * than over TCP; but DTLS is rare, so that TLS goes first. */
static size_t wanted_of(const struct conf_uri *uri,
			enum relay_transport wanted[2])
{
	size_t n = 0;

	if (uri->tls && uri->transport != CONF_TRANSPORT_UDP)
		wanted[n++] = RELAY_TRANSPORT_TLS;
	if (uri->tls && uri->transport != CONF_TRANSPORT_TCP)
		wanted[n++] = RELAY_TRANSPORT_DTLS;
	if (!uri->tls && uri->transport != CONF_TRANSPORT_TCP)
		wanted[n++] = RELAY_TRANSPORT_UDP;
	if (!uri->tls && uri->transport != CONF_TRANSPORT_UDP)
		wanted[n++] = RELAY_TRANSPORT_TCP;
	return n;
}

bool locate_needs_dns(const struct conf_uri *uri)
{
	struct endpoint literal;

	return !uri->has_port && !addr_parse_ip(uri->host, &literal);
}

static uint16_t default_port(enum relay_transport t)
{
	return t == RELAY_TRANSPORT_DTLS || t == RELAY_TRANSPORT_TLS
		       ? TURNS_PORT
		       : TURN_PORT;
}

static void add(struct search *s, const char *host, uint16_t port,
		enum relay_transport transport)
{
	struct locate_target *t = &s->out[s->count];

	for (size_t i = 0; i < s->count; i++)
		if (s->out[i].port == port &&
		    s->out[i].transport == transport &&
		    strcmp(s->out[i].host, host) == 0)
			return;
	if (s->count == LOCATE_MAX)
		return;
	snprintf(t->host, sizeof(t->host), "%s", host);
	t->port = port;
	t->transport = transport;
	s->count++;
}

size_t locate_plain(const struct conf_uri *uri,
		    struct locate_target out[LOCATE_MAX])
{
	struct search s = { .out = out };

	s.wanted_count = wanted_of(uri, s.wanted);
	for (size_t i = 0; i < s.wanted_count; i++)
		add(&s, uri->host,
		    uri->has_port ? uri->port : default_port(s.wanted[i]),
		    s.wanted[i]);
	return s.count;
}

static bool may_ask(struct search *s)
{
	bool may = clock_now_ms() < s->opts->deadline_ms &&
		   (s->opts->cancel == NULL || !cancel_is_set(s->opts->cancel));

	s->failed |= !may;
	return may;
}

static void note_ttl(struct search *s, uint32_t ttl_s)
{
	if (ttl_s < s->ttl_s)
		s->ttl_s = ttl_s;
}

/* SRV records of `name`, an owner name in full. */
static void ask_srv(struct search *s, const char *name,
		    enum relay_transport transport)
{
	struct srv_record record[SRV_MAX];
	uint32_t ttl_s = UINT32_MAX;
	int n;

	if (!may_ask(s))
		return;
	n = srv_ask(s->resolver, name, record, &ttl_s);
	if (n < 0)
		s->failed = true;
	if (n <= 0)
		return;
	s->known = true;
	note_ttl(s, ttl_s);
	srv_sort(record, (size_t)n, s->opts->seed + (uint32_t)transport);
	for (int i = 0; i < n; i++)
		if (record[i].target[0] != '\0')
			add(s, record[i].target, record[i].port, transport);
}

static void ask_srv_of(struct search *s, const char *host,
		       enum relay_transport transport)
{
	char name[CONTROL_NAME_MAX + 16];

	snprintf(name, sizeof(name), "%s.%s", names[transport].srv, host);
	ask_srv(s, name, transport);
}

/* "relay:turn.udp:turn.tcp": the service, then its protocols. */
static bool offers(const struct srv_naptr *n, enum relay_transport transport)
{
	static const char tag[] = "relay:";
	const char *p = n->services;
	size_t len = strlen(names[transport].naptr);

	if (strncmp(p, tag, sizeof(tag) - 1) != 0)
		return false;
	for (p += sizeof(tag) - 1; p != NULL; p = strchr(p, ':')) {
		p += *p == ':';
		if (strncmp(p, names[transport].naptr, len) == 0 &&
		    (p[len] == '\0' || p[len] == ':'))
			return true;
	}
	return false;
}

/* Terminal records, and the owner of what is not. False: of another service. */
static bool follow(struct search *s, const struct srv_naptr *n, char *next)
{
	bool ours = false;

	for (size_t i = 0; i < s->wanted_count; i++) {
		enum relay_transport t = s->wanted[i];

		if (!offers(n, t))
			continue;
		ours = true;
		if (n->flag == 's')
			ask_srv(s, n->replacement, t);
		else if (n->flag == 'a')
			add(s, n->replacement, default_port(t), t);
		else if (next[0] == '\0')
			strcpy(next, n->replacement);
	}
	return ours;
}

static void ask_naptr(struct search *s, const char *host)
{
	char name[CONTROL_NAME_MAX + 1], next[CONTROL_NAME_MAX + 1];

	strcpy(name, host);
	for (int depth = 0; depth < NAPTR_DEPTH_MAX && may_ask(s); depth++) {
		struct srv_naptr record[SRV_MAX];
		uint32_t ttl_s = UINT32_MAX;
		int n = srv_ask_naptr(s->resolver, name, record, &ttl_s);
		bool ours = false;

		if (n <= 0)
			return; /* SRV may know it still */
		srv_sort_naptr(record, (size_t)n);
		next[0] = '\0';
		for (int i = 0; i < n; i++)
			ours |= follow(s, &record[i], next);
		if (ours)
			note_ttl(s, ttl_s);
		if (s->count > 0 || next[0] == '\0')
			return;
		strcpy(name, next);
	}
}

static void ask_srv_each(struct search *s, const char *host)
{
	/* Many name servers know nothing of NAPTR; that alone is no failure. */
	s->failed = false;
	for (size_t i = 0; i < s->wanted_count; i++)
		ask_srv_of(s, host, s->wanted[i]);
}

int locate(const struct conf_uri *uri, const struct locate_opts *opts,
	   struct locate_target out[LOCATE_MAX], uint32_t *ttl_s)
{
	struct search s = { .opts = opts, .out = out, .ttl_s = UINT32_MAX };

	*ttl_s = UINT32_MAX;
	if (!locate_needs_dns(uri))
		return (int)locate_plain(uri, out);
	s.resolver = srv_resolver_new(opts->server);
	if (s.resolver == NULL)
		return -EAGAIN;
	s.wanted_count = wanted_of(uri, s.wanted);
	if (uri->transport == CONF_TRANSPORT_ANY)
		ask_naptr(&s, uri->host);
	/* RFC 5928, 3, 4: what NAPTR does not lead to, SRV may. */
	if (s.count == 0)
		ask_srv_each(&s, uri->host);
	srv_resolver_free(s.resolver);
	*ttl_s = s.ttl_s;
	if (s.count == 0 && s.failed)
		return -EAGAIN;
	if (s.count == 0 && !s.known)
		return (int)locate_plain(uri, out);
	return (int)s.count;
}
