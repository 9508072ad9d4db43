/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* socks_server.h - a SOCKS5 proxy on 127.0.0.1 that answers as it is told */
#ifndef FAKE_SOCKS_SERVER_H
#define FAKE_SOCKS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

enum socks_server_way {
	SOCKS_SERVER_TUNNEL = 0, /* then echo, or to `forward_port` */
	SOCKS_SERVER_SILENT,
	SOCKS_SERVER_FIN,     /* instead of a reply */
	SOCKS_SERVER_RST,     /* likewise */
	SOCKS_SERVER_GARBAGE, /* an HTTP error instead of a greeting */
};

struct socks_server_opts {
	enum socks_server_way way;
	uint8_t reply;         /* RFC 1928, 6; 0: succeeded */
	uint8_t atyp;          /* of the bound address in the reply; 0: IPv4 */
	const char *login;     /* "user:password"; else no login is wanted */
	uint8_t method;        /* chosen without `login`; 0: none is needed */
	const char *early;     /* in one segment with the reply */
	uint16_t forward_port; /* on 127.0.0.1 */
};

struct socks_server;

struct socks_server *socks_server_new(const struct socks_server_opts *opts);
void socks_server_free(struct socks_server *s);
uint16_t socks_server_port(const struct socks_server *s);
unsigned int socks_server_connections(struct socks_server *s);
unsigned int socks_server_logins(struct socks_server *s); /* seen */
/* "name relay.example:443", "ipv4 192.0.2.1:443", "ipv6 ..."; of the last. */
const char *socks_server_target(struct socks_server *s);

#endif
