/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_creds_parse.h - a login out of what a command or a file says */
#ifndef PROXY_CREDS_PARSE_H
#define PROXY_CREDS_PARSE_H

#include <turnout/compiler.h>

struct proxy_login_text;

/* Lines `username=…` and `password=…` as git-credential(1) has them; the last
 * of each counts, others are passed over. What is in `out` already stays where
 * nothing is said. 0, or -errno with words. */
int proxy_creds_parse_git(const char *text, struct proxy_login_text *out,
			  const char **words) MUST_CHECK;

/* A file in the form of ftp(1)'s: the first entry for `host`, or `default`,
 * and for the username that is in `out`, if there is one. */
int proxy_creds_parse_netrc(const char *text, const char *host,
			    struct proxy_login_text *out,
			    const char **words) MUST_CHECK;

#endif
