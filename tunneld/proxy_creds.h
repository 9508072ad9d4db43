/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_creds.h - where the username and the password at the proxy come from;
 * they are read when they are needed, and again when they were refused
 */
#ifndef PROXY_CREDS_H
#define PROXY_CREDS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cancel;
struct proxy_creds;

#define PROXY_USERNAME_MAX 255
#define PROXY_PASSWORD_MAX 255

enum proxy_creds_kind {
	PROXY_CREDS_FIXED = 0, /* `username` and `password` (environment) */
	PROXY_CREDS_FILE,      /* `username`; the first line of `source` */
	PROXY_CREDS_COMMAND,   /* git-credential style: `source` is run */
	PROXY_CREDS_NETRC,     /* the machine's entry in the file `source` */
	PROXY_CREDS_NUM_KINDS,
};

struct proxy_creds_opts {
	enum proxy_creds_kind kind;
	const char *username; /* "": the command or netrc file tells it */
	const char *password; /* FIXED */
	const char *source;
};

struct proxy_login_text {
	char username[PROXY_USERNAME_MAX + 1];
	char password[PROXY_PASSWORD_MAX + 1];
};

/* Copies what `opts` points to. One reference; NULL with errno. */
struct proxy_creds *proxy_creds_new(const struct proxy_creds_opts *opts)
	MUST_CHECK;
struct proxy_creds *proxy_creds_get(struct proxy_creds *c);
void proxy_creds_put(struct proxy_creds *c); /* wipes at the last */

/* What is to be sent to the proxy host:port; blocks, in pool threads. 0, or
 * -errno with words that name the source and never the secret. The caller
 * wipes `out`. Thread-safe; what was read is kept until
 * proxy_creds_refused(), or until the file has changed. */
int proxy_creds_obtain(struct proxy_creds *c, const char *host, uint16_t port,
		       uint64_t deadline_ms, struct cancel *cancel,
		       struct proxy_login_text *out, char *words,
		       size_t words_max) MUST_CHECK;
/* The same, as far as it is known without a command; false: it is not. */
bool proxy_creds_peek(struct proxy_creds *c, const char *host, uint16_t port,
		      struct proxy_login_text *out);
/* The proxy did not take them: ask the source again before the next use. */
void proxy_creds_refused(struct proxy_creds *c);

#endif
