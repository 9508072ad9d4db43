/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_fetch.h - proxy auto-config scripts, and how they are got
 */
#ifndef PAC_FETCH_H
#define PAC_FETCH_H

#include <turnout/compiler.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <sys/stat.h>

struct pac_wait;

#define PAC_SCRIPT_BYTES_MAX (1U << 20) /* as Chromium */

/* Immutable but for its last field; shared by reference count. */
struct pac_script {
	atomic_uint refs;
	char *text; /* UTF-8, NUL-terminated */
	size_t len;
	char broken[200]; /* pac.c's: why it cannot be run; empty: it can */
};

struct pac_script *pac_script_get(struct pac_script *script);
void pac_script_put(struct pac_script *script);

/* Which file it was, and in which state. */
struct pac_signature {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

void pac_signature_set(struct pac_signature *sig, const struct stat *st);
bool pac_signature_same(const struct pac_signature *a,
			const struct pac_signature *b);

struct pac_place {
	const char *place; /* a path that begins with "/", or a URL */
	const char
		*name; /* for people: what follows a URL's host may be a key */
	const char *ca_file; /* trusted beside the system's store; NULL: none */
};

struct pac_fetched {
	struct pac_script *script;      /* one reference; NULL: failed */
	struct pac_signature signature; /* of a file */
	char words[200];
};

/* All: `f` zeroed before. 0, or -errno with words. */
int pac_fetch_file(const struct pac_place *from,
		   struct pac_fetched *f) MUST_CHECK;
/* For who has the bytes; `type` is their Content-Type, or NULL. */
int pac_fetch_decode(const struct pac_place *from, struct pac_fetched *f,
		     const char *type, const char *bytes,
		     size_t len) MUST_CHECK;
/* Fetches a URL, within w->deadline_ms; pac_http_fetch() is one. */
typedef int(pac_fetch_fn)(const struct pac_place *from, struct pac_fetched *f,
			  struct pac_wait *w);

#endif
