/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_advice.h - for each cause of a failure: who must act, and what exactly
 * to change
 */
#ifndef DOCTOR_ADVICE_H
#define DOCTOR_ADVICE_H

#include <stdint.h>

struct doctor_line;

enum doctor_cause {
	DOCTOR_CAUSE_NO_RELAY = 0,
	DOCTOR_CAUSE_NO_SUCH_RELAY,
	DOCTOR_CAUSE_RELOAD,
	DOCTOR_CAUSE_RESOLVER,
	DOCTOR_CAUSE_NO_PROXY,
	DOCTOR_CAUSE_PAC,
	DOCTOR_CAUSE_PROXY_NAME,
	DOCTOR_CAUSE_PROXY_REFUSED,
	DOCTOR_CAUSE_PROXY_SILENT,
	DOCTOR_CAUSE_PROXY_UNTRUSTED,
	DOCTOR_CAUSE_PROXY_TLS,
	DOCTOR_CAUSE_PROXY_NOT_TLS,
	DOCTOR_CAUSE_PROXY_CERT_WANTED,
	DOCTOR_CAUSE_PROXY_CERT_REFUSED,
	DOCTOR_CAUSE_LOGIN_MISSING,
	DOCTOR_CAUSE_LOGIN_REFUSED,
	DOCTOR_CAUSE_LOGIN_UNKNOWN,
	DOCTOR_CAUSE_BASIC_OVER_HTTP,
	DOCTOR_CAUSE_TICKET,
	DOCTOR_CAUSE_TICKET_REFUSED,
	DOCTOR_CAUSE_TICKET_BY_IP,
	DOCTOR_CAUSE_KDC,
	DOCTOR_CAUSE_NTLM,
	DOCTOR_CAUSE_DENIED,
	DOCTOR_CAUSE_PORTAL,
	DOCTOR_CAUSE_NO_CONNECT_ANSWER,
	DOCTOR_CAUSE_NOT_A_PROXY,
	DOCTOR_CAUSE_RELAY_UNREACHED,
	DOCTOR_CAUSE_RELAY_NAME,
	DOCTOR_CAUSE_RELAY_REFUSED,
	DOCTOR_CAUSE_RELAY_SILENT,
	DOCTOR_CAUSE_RELAY_INSPECTED,
	DOCTOR_CAUSE_RELAY_UNTRUSTED,
	DOCTOR_CAUSE_RELAY_CERTIFICATE,
	DOCTOR_CAUSE_RELAY_TLS,
	DOCTOR_CAUSE_LOCAL,
	DOCTOR_NUM_CAUSES,
};

/* What the templates name; NULL: unknown. */
struct doctor_names {
	const char *proxy;      /* "proxy.example.com:3128" */
	const char *proxy_host; /* without the port */
	const char *relay;      /* NAME of [relay NAME] */
	const char *host;       /* the relay's */
	uint16_t port;
};

/* Who, and the lines to change. */
void doctor_advise(struct doctor_line *l, enum doctor_cause cause,
		   const struct doctor_names *names);

#endif
