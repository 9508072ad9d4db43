/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * redact_words.c - what turnout can say
 *
 * The words of its own sources are collected at build time (vocabulary.awk);
 * those of libc's messages are asked of libc, and those that OpenSSL and
 * systemd say to us stand here.
 */
#include <config.h>

#include "redact_private.h"
#include "vocabulary.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX   32
#define ERRNOS_MAX 134

static const char library_words[] =
	/* X509_verify_cert_error_string(3), SSL_get_error(3) */
	"ok unable to get local issuer certificate self signed certificate in "
	"chain expired has not yet valid hostname mismatch ip address "
	"revoked untrusted verify failed handshake alert protocol version "
	"wrong number unexpected eof while reading unknown ca bad shutdown "
	"key usage purpose invalid depth exceeded signature failure "
	"unsupported "
	/* systemctl(1) show */
	"active inactive activating deactivating failed running dead start "
	"stop sub state result success exit code signal timeout watchdog "
	"core dump restarts main status memory current tasks "
	"loaded enabled disabled static masked type notify reload simple ";

/* In `text`, between bytes that are no letters? Any case. */
static bool has_word(const char *text, const char *word, size_t len)
{
	for (const char *at = text; *at != '\0';) {
		size_t n = 0;

		while (isalpha((unsigned char)at[n]))
			n++;
		if (n == len && strncasecmp(at, word, len) == 0)
			return true;
		at += n > 0 ? n : 1;
	}
	return false;
}

static int compare(const void *key, const void *row)
{
	return strcmp(key, *(const char *const *)row);
}

static bool libc_says(const char *word, size_t len)
{
	for (int i = 1; i < ERRNOS_MAX; i++)
		if (has_word(strerror(i), word, len))
			return true;
	return false;
}

bool redact_word_is_ours(struct piece word)
{
	char lower[WORD_MAX + 1];

	if (word.len == 0 || word.len > WORD_MAX)
		return false;
	for (size_t i = 0; i < word.len; i++)
		lower[i] = (char)tolower((unsigned char)word.at[i]);
	lower[word.len] = '\0';
	return bsearch(lower, vocabulary, vocabulary_count,
		       sizeof(vocabulary[0]), compare) != NULL ||
	       has_word(library_words, lower, word.len) ||
	       libc_says(lower, word.len);
}

static bool is_one_of(struct piece p, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strlen(*list) == p.len && memcmp(*list, p.at, p.len) == 0)
			return true;
	return false;
}

bool redact_path_is_ours(struct piece path)
{
	static const char *const paths[] = {
		"/etc/turnout/tunneld.conf",
		"/etc/turnout/conf.d",
		"/etc/turnout/policy.d",
		"/run/turnout/control",
		"/metrics",
		NULL,
	};

	return is_one_of(path, paths);
}

bool redact_file_is_ours(struct piece name)
{
	static const char *const names[] = {
		"tunneld.conf",   "tunneld.service", "tunneld-user.service",
		"tunneld.socket", "libturnout.so",   NULL,
	};

	return is_one_of(name, names);
}
