/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls_words.c - OpenSSL's errors told in words, and sorted by what to do */
#include <config.h>

#include "tls_words.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

const char *tls_words_reason(unsigned long code)
{
	const char *words = NULL;

	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	if (code != 0)
		words = ERR_reason_error_string(code);
	return words != NULL ? words : "unknown error";
}

/* One name of a certificate, control characters escaped: it is the peer's
 * text and ends in our log. */
static void name_text(const X509_NAME *name, char *text, size_t max)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio != NULL && name != NULL &&
	    X509_NAME_print_ex(bio, name, 0,
			       XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(bio, text, (int)max - 1);
	text[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

void tls_words_names(const X509 *cert, char *subject, char *issuer, size_t max)
{
	subject[0] = issuer[0] = '\0';
	if (cert == NULL)
		return;
	name_text(X509_get_subject_name(cert), subject, max);
	name_text(X509_get_issuer_name(cert), issuer, max);
}

void tls_words_verify(X509_STORE_CTX *store, const char *name, char *out,
		      size_t max)
{
	/* Of the server's own, not of the one in its chain that fails: who has
	 * signed it is what tells a re-signing proxy from the server. */
	X509 *cert = X509_STORE_CTX_get0_cert(store);
	char subject[72], issuer[72];

	tls_words_names(cert, subject, issuer, sizeof(subject));
	snprintf(out, max, "certificate of %.80s: %s (subject %s, issuer %s)",
		 name,
		 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)),
		 subject, issuer);
}

enum tls_fault tls_words_verify_fault(const X509_STORE_CTX *store)
{
	switch (X509_STORE_CTX_get_error(store)) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return TLS_FAULT_UNTRUSTED;
	default:
		return TLS_FAULT_OTHER;
	}
}

/* RFC 8446, 6.2; before it there was no alert of its own for a certificate
 * that is missing. */
enum tls_fault tls_words_fault(unsigned long code, bool asked, bool shown)
{
	if (!asked || ERR_GET_LIB(code) != ERR_LIB_SSL)
		return TLS_FAULT_OTHER;
	switch (ERR_GET_REASON(code)) {
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
	case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return shown ? TLS_FAULT_CERT_REFUSED : TLS_FAULT_CERT_WANTED;
	default:
		return TLS_FAULT_OTHER;
	}
}
