/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dial_reason.h - what a connection that failed is blamed on: the hop and the
 * cause, and the errno that the app gets for it
 */
#ifndef DIAL_REASON_H
#define DIAL_REASON_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row a line of the errno table. */
enum dial_reason {
	DIAL_OK = 0,
	DIAL_PROXY_DNS,      /* EHOSTUNREACH */
	DIAL_PROXY_REFUSED,  /* the kernel's errno */
	DIAL_PROXY_TIMEOUT,  /* ETIMEDOUT */
	DIAL_PROXY_RESET,    /* ECONNRESET */
	DIAL_PROXY_CLOSED,   /* ECONNRESET */
	DIAL_PROXY_PROTOCOL, /* ECONNABORTED */
	DIAL_PROXY_DENIED,   /* 403 and other 4xx: ECONNREFUSED */
	DIAL_PROXY_AUTH,     /* 407: ECONNREFUSED */
	DIAL_STUCK,          /* Kerberos does not answer: ETIMEDOUT */
	DIAL_PROXY_CHOICE,   /* nobody says which proxy: EHOSTUNREACH */
	DIAL_CAPTIVE_PORTAL, /* 3xx: ENETUNREACH */
	DIAL_TARGET_UNREACH, /* 502, 503: EHOSTUNREACH */
	DIAL_TARGET_TIMEOUT, /* 504: ETIMEDOUT */
	DIAL_PROXY_TLS,      /* ECONNREFUSED */
	DIAL_TARGET_DNS,     /* direct: EHOSTUNREACH */
	DIAL_TARGET_REFUSED, /* direct: the kernel's errno */
	DIAL_RELAY_TLS,      /* ECONNREFUSED; the words name the certificate */
	DIAL_CANCELLED,      /* ECANCELED */
	DIAL_INTERNAL,       /* out of memory, descriptors … */
	DIAL_NUM_REASONS,
};

const char *dial_reason_name(enum dial_reason reason); /* "proxy_denied" */

#define DIAL_WORDS_MAX 480
/* HTTP from somebody who was not asked for it. */
#define DIAL_PORTAL_WORDS                                                \
	"this looks like a captive portal: sign in to the network with " \
	"a browser"

struct dial_failure {
	enum dial_reason reason;
	int error;                  /* for the app's connect() */
	char words[DIAL_WORDS_MAX]; /* for the log: names the hop, no secret */
};

/* `error`: the kernel's, for reasons that have no errno of their own. `hop`:
 * "proxy P:p", "proxy P:p: CONNECT T:t" or "T:t". Always false, so that a step
 * can end by it. */
bool dial_blame(struct dial_failure *f, enum dial_reason reason, int error,
		const char *hop, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* "host:port", with brackets around IPv6, cut to what fits. */
#define DIAL_HOST_PORT_MAX 80
void dial_format_host(char out[DIAL_HOST_PORT_MAX], const char *host,
		      uint16_t port);

#endif
