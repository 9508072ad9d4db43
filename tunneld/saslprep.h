/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * saslprep.h - usernames and passwords in the form that both ends hash
 * (RFC 4013; RFC 8489, 9.2.2 says OpaqueString, and prints SASLprep's result)
 */
#ifndef SASLPREP_H
#define SASLPREP_H

#include <turnout/compiler.h>

#include <stddef.h>

/* `out` gets `in` prepared, with its NUL, and stays empty on failure. ASCII
 * without control characters comes out as it is. 0, or
 *	-EILSEQ		not UTF-8
 *	-EBADMSG	a character that is not allowed, such as a control
 *	-EDOM		right-to-left and left-to-right letters mixed
 *	-ENOBUFS	longer than `max` with its NUL
 *	-ENOMEM
 */
int saslprep(const char *in, char *out, size_t max) MUST_CHECK;
/* What keeps these two from being used, as a sentence for whoever configured
 * them ("the password is not valid UTF-8"). NULL: nothing, or no memory to
 * tell. Either may be NULL: not looked at. */
const char *saslprep_complaint(const char *username, const char *password);

#endif
