/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy.h - one upstream proxy, as configured: immutable once it is filled in,
 * shared by reference count
 */
#ifndef PROXY_H
#define PROXY_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stdint.h>

struct proxy_creds;
struct tls_ctx;

enum proxy_kind {
	PROXY_HTTP = 0, /* CONNECT in the clear */
	PROXY_HTTPS,    /* CONNECT inside TLS */
	PROXY_SOCKS5,   /* RFC 1928; the proxy resolves names */
	PROXY_NUM_KINDS,
};

/* Ways to log in, as bits. */
enum proxy_scheme {
	PROXY_SCHEME_NONE = 0,
	PROXY_SCHEME_NEGOTIATE = 1, /* RFC 4559: the user's Kerberos ticket */
	PROXY_SCHEME_NTLM = 2,
	PROXY_SCHEME_DIGEST = 4, /* RFC 7616 */
	PROXY_SCHEME_BASIC = 8,  /* RFC 7617 */
};
#define PROXY_SCHEMES_MAX 4

struct proxy {
	enum proxy_kind kind;
	char host[CONTROL_NAME_MAX + 1]; /* name or IP literal, no brackets */
	uint16_t port;
	/* NULL: no username or password; an own reference */
	struct proxy_creds *creds;
	/* enum proxy_scheme, in the order in which they are tried */
	uint8_t scheme[PROXY_SCHEMES_MAX];
	uint8_t scheme_count;
	bool basic_over_http; /* Basic may be sent where anybody can read it */
	bool alpn_header;     /* RFC 7639 on CONNECT */
	struct tls_ctx *tls;  /* PROXY_HTTPS; an own reference */
};

struct proxy *proxy_new(void) MUST_CHECK; /* zeroed, one reference */
/* Another host with the rest of `like`, but for TLS where there is none. */
struct proxy *proxy_like(const struct proxy *like, enum proxy_kind kind,
			 const char *host, uint16_t port) MUST_CHECK;
struct proxy *proxy_get(struct proxy *p);
void proxy_put(struct proxy *p);

/* "http", "https", "socks5" */
const char *proxy_kind_name(enum proxy_kind kind);
/* "Negotiate", …; "none" */
const char *proxy_scheme_name(enum proxy_scheme scheme);
/* "http://proxy.example:3128", for people; never a password. */
#define PROXY_TEXT_MAX (CONTROL_NAME_MAX + 24)
char *proxy_format(const struct proxy *p, char out[PROXY_TEXT_MAX]);

#endif
