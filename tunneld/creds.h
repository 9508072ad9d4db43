/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds.h - where a relay's username and password come from: the
 * configuration, a shared secret (draft-uberti-behave-turn-rest-00, 2.2), a
 * web service or a command
 *
 * Thread-safe. New credentials are for new connections only: a server knows an
 * allocation by the username that made it (RFC 8656, 5), so nothing here ever
 * touches one that lives.
 */
#ifndef CREDS_H
#define CREDS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct cancel;
struct dial_pool;
struct egress;

#define CREDS_USERNAME_MAX 508 /* RFC 8489, 14.3 */
#define CREDS_PASSWORD_MAX 511
#define CREDS_URI_MAX      320
#define CREDS_URIS_MAX     32
#define CREDS_WORDS_MAX    256
/* How long REST credentials are good for. Only new allocations need them, so
 * this is how wrong the two clocks may be, too. */
#define CREDS_LIFETIME_S (12 * 3600)
/* Fetched ones of which nobody says how long they are. */
#define CREDS_TTL_DEFAULT_S 3600

enum creds_kind {
	CREDS_STATIC = 0,
	CREDS_REST,    /* `secret` makes a password for a few hours */
	CREDS_URI,     /* a web service hands them out */
	CREDS_COMMAND, /* a program prints them */
};

/* All strings are copied; NULL and "" are the same. */
struct creds_opts {
	enum creds_kind kind;
	const char *name;      /* of the relay, for the log */
	const char *username;  /* STATIC; REST: the id behind the time */
	const char *secret;    /* STATIC: password, REST: shared secret */
	const char *uri;       /* URI: http:// or https:// */
	const char *headers;   /* URI: "Name: value" lines; secret */
	const char *body;      /* URI: JSON; makes it a POST */
	const char *ca_file;   /* URI: trusted beside the system's store */
	struct egress *egress; /* URI: NULL: directly; reference taken */
	const char *command;   /* COMMAND: for /bin/sh -c */
	/* NULL: CLOCK_BOOTTIME, because credentials age in a suspend, too */
	uint64_t (*clock_ms)(void);
};

struct creds_pair {
	char username[CREDS_USERNAME_MAX + 1];
	char password[CREDS_PASSWORD_MAX + 1];
	time_t expires; /* REST: by `now` of creds_make(); else 0 */
};

struct creds;

/* One reference. NULL with `*words` (static): something missing, too long or
 * malformed, or no memory. Fetches nothing. */
struct creds *creds_new(const struct creds_opts *opts,
			const char **words) MUST_CHECK;
struct creds *creds_get(struct creds *c);
void creds_put(struct creds *c); /* wipes at the last; NULL is fine */

/* What can be had without waiting. `now`: dial_time(), the wall clock put
 * right. 0; -EAGAIN: creds_fetch() in a pool thread first (none yet, or they
 * have expired); -EIO: OpenSSL fails. Then `out` is empty. The caller wipes
 * it. */
int creds_make(struct creds *c, time_t now, struct creds_pair *out) MUST_CHECK;
void creds_pair_wipe(struct creds_pair *pair);
bool creds_same_user(const struct creds_pair *a, const struct creds_pair *b);

/* Blocks, for pool threads only: what creds_make() gave -EAGAIN for, or what
 * is due. One fetch at a time; who comes meanwhile waits for its outcome, and
 * after a failure nobody asks again for a while (1 s, doubled up to a minute)
 * but gets the same answer at once. `deadline_ms`: of clock_now_ms(); 10 s are
 * the most in any case. 0 (also when nothing had to be done), or -errno with
 * words for the log, never a secret. */
int creds_fetch(struct creds *c, struct dial_pool *pool, uint64_t deadline_ms,
		struct cancel *cancel, char words[CREDS_WORDS_MAX]) MUST_CHECK;
/* 80 % of their time are gone, or there are none yet: fetch in the background.
 * False while one runs or waits after a failure, and always for STATIC and
 * REST. */
bool creds_due(struct creds *c);
/* Milliseconds until creds_due() may turn true; UINT64_MAX: never. */
uint64_t creds_due_in_ms(struct creds *c);

/* The network has changed: a failure does not keep the next fetch back. */
void creds_hurry(struct creds *c);

/* The relay said 401 to `pair`: it is not given out again. True: creds_make()
 * has or creds_fetch() may get others, so one more try makes sense; false: no
 * try before the configuration changes (or the penalty of the relay ends). */
bool creds_refused(struct creds *c, time_t now,
		   const struct creds_pair *pair) MUST_CHECK;

/* The turn: and turns: URIs that came with the credentials, as they are. How
 * many (0 for other kinds). */
size_t creds_uris(struct creds *c, char (*out)[CREDS_URI_MAX], size_t max);

enum creds_kind creds_kind(const struct creds *c);

/* After a reload: what `old` has fetched, when it is of the same settings. */
void creds_inherit(struct creds *c, struct creds *old);

#endif
