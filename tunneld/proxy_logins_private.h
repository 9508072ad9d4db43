/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_logins_private.h - for proxy_logins*.c alone */
#ifndef PROXY_LOGINS_PRIVATE_H
#define PROXY_LOGINS_PRIVATE_H

#include "proxy_logins.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

#include <sys/stat.h>

struct proxy_logins {
	unsigned char key[PROXY_LOGIN_BYTES];
	uint64_t clock;
	struct proxy_login_known known[PROXY_LOGINS_MAX];
	char *path; /* NULL: no file */
	int lock_fd;
	bool failed; /* it was said that the file does not work */
	/* of the file that was read last */
	struct stat stamp;
};

/* The table */
struct proxy_login_known *proxy_logins_find_hash(struct proxy_logins *l,
						 const unsigned char *hash);
/* A place for a new login: free, or that of the one not seen for longest;
 * refused ones are forgotten last. NULL: all are being tried. */
struct proxy_login_known *proxy_logins_place(struct proxy_logins *l,
					     const unsigned char *hash);

/* The file */

/* 0; -ENOENT; -EBADMSG: made anew then; or why it cannot be used. */
int proxy_logins_read(struct proxy_logins *l) MUST_CHECK;
int proxy_logins_write(struct proxy_logins *l) MUST_CHECK;
bool proxy_logins_changed(const struct proxy_logins *l);
/* Only what is our own, and nobody else's to read. */
bool proxy_logins_is_ours(int fd, struct stat *st);

#endif
