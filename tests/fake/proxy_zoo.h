/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_zoo.h - proxies as they are met in the field, one named animal each:
 * how it answers CONNECT, and what it does to the tunnel
 */
#ifndef FAKE_PROXY_ZOO_H
#define FAKE_PROXY_ZOO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zoo_after {
	ZOO_TUNNEL = 0, /* echo, or to `forward_port` */
	ZOO_FIN,
	ZOO_RST,
	ZOO_HANG, /* nothing more comes */
};

/* What it says: `says`, then `fill` so many times, then `ends`. */
struct zoo_animal {
	const char *name;
	const char *says;
	size_t says_bytes; /* 0: to its NUL */
	const char *fill;
	uint32_t fill_count;
	bool endless; /* `fill` until the client has gone */
	const char *ends;
	enum zoo_after after;
	bool deaf;           /* its backlog is full */
	bool unasked;        /* does it without having read the request */
	uint32_t delay_ms;   /* before it says anything */
	uint32_t byte_ms;    /* between two bytes */
	const char *rejects; /* a field of the request that gets 400 */
	/* "user:password": says that only to requests without, and to others
	 * 200 on the same connection, unless `after` has ended it */
	const char *login;
	const char *wrong; /* to one with another login, and closes */
	uint32_t idle_ms;  /* ends a tunnel that is silent for so long */
	size_t cut_bytes;  /* ends a tunnel that has carried so much */
};

extern const struct zoo_animal zoo_animals[];
extern const size_t zoo_animals_count;

struct proxy_zoo;

/* On 127.0.0.1. `forward_port` 0: what comes through the tunnel goes back. */
struct proxy_zoo *proxy_zoo_new(const char *name, uint16_t forward_port);
void proxy_zoo_free(struct proxy_zoo *z);
uint16_t proxy_zoo_port(const struct proxy_zoo *z);
unsigned int proxy_zoo_connections(struct proxy_zoo *z);
unsigned int proxy_zoo_requests(struct proxy_zoo *z);

#endif
