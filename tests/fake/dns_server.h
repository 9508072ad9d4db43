/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_server.h - a name server on loopback, UDP and TCP on one port, with a
 * zone that the test writes and what can go wrong
 */
#ifndef FAKE_DNS_SERVER_H
#define FAKE_DNS_SERVER_H

#include <turnout/endpoint.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_SERVER_RECORDS_MAX 64

struct dns_server_record {
	char name[256];
	uint16_t type;
	uint32_t ttl_s;
	uint8_t rdata[600];
	size_t len;
};

struct dns_server {
	struct endpoint at;
	/* knobs, at any time */
	atomic_bool silent;
	atomic_bool truncate; /* over UDP: TC and no answer */
	atomic_uint rcode;    /* instead of an answer */
	/* what was asked */
	atomic_uint queries, tcp_queries;
	/* private */
	int udp, tcp, stop[2];
	pthread_t thread;
	pthread_mutex_t lock;
	struct dns_server_record record[DNS_SERVER_RECORDS_MAX];
	size_t count;
};

void dns_server_open(struct dns_server *s);
void dns_server_close(struct dns_server *s);

void dns_server_clear(struct dns_server *s);
void dns_server_add(struct dns_server *s, const char *name, uint16_t type,
		    uint32_t ttl_s, const void *rdata, size_t len);
void dns_server_add_srv(struct dns_server *s, const char *name, uint32_t ttl_s,
			uint16_t priority, uint16_t weight, uint16_t port,
			const char *target);
void dns_server_add_naptr(struct dns_server *s, const char *name,
			  uint32_t ttl_s, uint16_t order, uint16_t preference,
			  const char *flags, const char *services,
			  const char *replacement);
void dns_server_add_cname(struct dns_server *s, const char *name,
			  const char *target);

#endif
