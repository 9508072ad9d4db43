/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls_words.h - what OpenSSL has against a peer, for people and for callers */
#ifndef TLS_WORDS_H
#define TLS_WORDS_H

#include "tls.h"

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

/* An entry of OpenSSL's error queue; static or thread-local text. */
const char *tls_words_reason(unsigned long code);
/* "certificate of relay.example: unable to get local issuer certificate
 * (subject …, issuer …)", of the check that has failed last; printable. */
void tls_words_verify(X509_STORE_CTX *store, const char *name, char *out,
		      size_t max);
/* Whose a certificate is, and who has signed it; printable, at most `max` bytes
 * each. `cert` may be NULL. */
void tls_words_names(const X509 *cert, char *subject, char *issuer, size_t max);
enum tls_fault tls_words_verify_fault(const X509_STORE_CTX *store);
/* What an entry of the error queue says about our own certificate: whether the
 * server has asked for one, and whether we have shown one. */
enum tls_fault tls_words_fault(unsigned long code, bool asked, bool shown);

#endif
