/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * saslprep.c - usernames and passwords in the form that both ends hash
 *
 * Turns what a person has typed into one spelling of it (RFC 4013, RFC 3454).
 * Code points that Unicode 3.2 did not have pass as they are: what the user
 * types is a query to what the server has stored (RFC 3454, 7).
 */
#include <config.h>

#include "saslprep.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <stringprep.h>

#include <openssl/crypto.h>

#define USERNAME_MAX 508 /* RFC 8489, 14.3 */
#define PREPARED_MAX 8192

static bool is_plain_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static int to_errno(int rc)
{
	switch (rc) {
	case STRINGPREP_OK:
		return 0;
	case STRINGPREP_BIDI_BOTH_L_AND_RAL:
	case STRINGPREP_BIDI_LEADTRAIL_NOT_RAL:
		return -EDOM;
	case STRINGPREP_TOO_SMALL_BUFFER:
		return -ENOBUFS;
	case STRINGPREP_ICONV_ERROR:
		return -EILSEQ;
	case STRINGPREP_MALLOC_ERROR:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

int saslprep(const char *in, char *out, size_t max)
{
	size_t len = strlen(in);
	int r;

	if (max > 0)
		out[0] = '\0';
	if (len >= max)
		return -ENOBUFS;
	memcpy(out, in, len + 1);
	/* Nearly all are; and the library leaves copies on the heap. */
	if (is_plain_ascii(in))
		return 0;
	r = to_errno(stringprep(out, max, (Stringprep_profile_flags)0,
				stringprep_saslprep));
	if (r < 0)
		OPENSSL_cleanse(out, max);
	return r;
}

static const char *complaint(const char *text, size_t max, bool password)
{
	/* prepared; a password's is a secret, too */
	char out[PREPARED_MAX];
	int r = saslprep(text, out, max);

	OPENSSL_cleanse(out, sizeof(out));
	switch (r) {
	case -EILSEQ:
		return password ? "the password is not valid UTF-8"
				: "the username is not valid UTF-8";
	case -EBADMSG:
		return password ? "the password has a character that SASLprep"
				  " (RFC 4013) forbids, such as a control"
				  " character"
				: "the username has a character that SASLprep"
				  " (RFC 4013) forbids, such as a control"
				  " character";
	case -EDOM:
		return password ? "the password mixes right-to-left and other"
				  " letters, which SASLprep (RFC 4013) forbids"
				: "the username mixes right-to-left and other"
				  " letters, which SASLprep (RFC 4013) forbids";
	case -ENOBUFS:
		return password ? "the password is too long"
				: "the username is too long";
	default:
		return NULL;
	}
}

const char *saslprep_complaint(const char *username, const char *password)
{
	const char *words = NULL;

	if (username != NULL)
		words = complaint(username, USERNAME_MAX + 1, false);
	if (words == NULL && password != NULL)
		words = complaint(password, PREPARED_MAX, true);
	return words;
}
