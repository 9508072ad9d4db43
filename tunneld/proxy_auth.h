/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_auth.h - which proxy passwords may be sent: one that a proxy has
 * refused is not sent to it again
 */
#ifndef PROXY_AUTH_H
#define PROXY_AUTH_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;
struct proxy_auth;

struct proxy_login {
	const char *host;
	uint16_t port;
	const char *username;
	const char *password;
};

enum proxy_auth_outcome {
	PROXY_AUTH_UNKNOWN = 0, /* the proxy said nothing about it */
	PROXY_AUTH_ACCEPTED,
	PROXY_AUTH_REFUSED, /* 407 */
};

struct proxy_auth *proxy_auth_new(void) MUST_CHECK;
void proxy_auth_free(struct proxy_auth *a);

/* Was this login refused before? Does not block. */
bool proxy_auth_is_refused(struct proxy_auth *a,
			   const struct proxy_login *login);
/* May this login be sent now? 0: yes, and proxy_auth_end() follows.
 * -EACCES: it was refused before. -ETIMEDOUT, -ECANCELED. Blocks for a short
 * while when another thread is just finding out. */
int proxy_auth_begin(struct proxy_auth *a, const struct proxy_login *login,
		     uint64_t deadline_ms, struct cancel *cancel) MUST_CHECK;
void proxy_auth_end(struct proxy_auth *a, const struct proxy_login *login,
		    enum proxy_auth_outcome outcome);
/* Somebody says that the same password is right now. */
void proxy_auth_forget(struct proxy_auth *a);

#endif
