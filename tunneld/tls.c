/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls.c - a TLS client session over a descriptor: bytes in the clear on one
 * side, records on the other
 *
 * RFC 8446 and RFC 5246 by OpenSSL; RFC 6066, 3 (server name), RFC 7301 with
 * the protocol of RFC 7443 (ALPN), RFC 9525 (which name is verified).
 *
 * OpenSSL writes by write(2): the program ignores SIGPIPE.
 */
#include <config.h>

#include "tls.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* RFC 7443, 5: "stun.turn", as a protocol name list of RFC 7301, 3.1. */
static const unsigned char alpn[] = "\x09stun.turn";

struct tls_ctx {
	SSL_CTX *ssl_ctx;
};

struct tls {
	SSL *ssl;
	bool handshaken; /* tls_handshake() has said IO_OK */
	bool broken;     /* OpenSSL: no further call, SSL_shutdown() neither */
	bool ended;      /* the peer has sent its last byte */
	bool dry;        /* the last read has used up what had arrived */
	int cause;       /* -errno once broken */
	char host[256];
	char error[256];
};

static void say(struct tls *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(struct tls *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
}

static const char *reason_words(unsigned long code)
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

/* OpenSSL calls this for each certificate of the chain; after a failed check
 * the certificate is known only here. */
static int verify_cb(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	char subject[72] = "", issuer[72] = "";

	if (ok || t == NULL)
		return ok;
	if (cert != NULL) {
		name_text(X509_get_subject_name(cert), subject,
			  sizeof(subject));
		name_text(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	}
	say(t, "certificate of %.80s: %s (subject %s, issuer %s)", t->host,
	    X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)),
	    subject, issuer);
	return 0;
}

struct tls_ctx *tls_ctx_new(const char *ca_file, const char **words)
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	SSL_CTX *c;
	int ok;

	*words = "out of memory";
	ERR_clear_error();
	if (ctx == NULL)
		return NULL;
	ctx->ssl_ctx = c = SSL_CTX_new(TLS_client_method());
	if (c == NULL)
		goto fail;
	/* coturn of Debian 12 speaks TLS 1.2 at most. */
	if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(c, alpn, sizeof(alpn) - 1) != 0)
		goto fail;
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
				    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				    SSL_MODE_RELEASE_BUFFERS);
	/* One read(2) for all records that have arrived, not two a record. */
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, verify_cb);
	ok = ca_file != NULL ? SSL_CTX_load_verify_file(c, ca_file)
			     : SSL_CTX_set_default_verify_paths(c);
	if (ok == 1)
		return ctx;
	*words = reason_words(ERR_peek_error());
fail:
	ERR_clear_error();
	tls_ctx_free(ctx);
	return NULL;
}

void tls_ctx_free(struct tls_ctx *ctx)
{
	if (ctx == NULL)
		return;
	SSL_CTX_free(ctx->ssl_ctx);
	free(ctx);
}

/* RFC 6066, 3: literal addresses are not permitted in the server name. */
static bool set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	unsigned char ip[16];

	if (inet_pton(AF_INET, host, ip) == 1 ||
	    inet_pton(AF_INET6, host, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct tls *tls_open(struct tls_ctx *ctx, int fd, const char *host)
{
	struct tls *t;
	size_t len = strlen(host);

	/* An empty name would switch the verification of the name off. */
	if (len == 0 || len >= sizeof(t->host)) {
		errno = EINVAL;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	memcpy(t->host, host, len + 1);
	/* RFC 6066, 3: a server name has no trailing dot. */
	if (t->host[len - 1] == '.')
		t->host[len - 1] = '\0';
	t->ssl = SSL_new(ctx->ssl_ctx);
	if (t->ssl == NULL || SSL_set_app_data(t->ssl, t) != 1 ||
	    SSL_set_fd(t->ssl, fd) != 1 || !set_host(t->ssl, t->host)) {
		ERR_clear_error();
		tls_free(t);
		errno = ENOMEM;
		return NULL;
	}
	SSL_set_connect_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->ssl != NULL && t->handshaken && !t->broken) {
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
	}
	SSL_free(t->ssl);
	ERR_clear_error();
	free(t);
}

/* A failure that no certificate explains. */
static enum io fail_ssl(struct tls *t, unsigned long code)
{
	t->broken = true;
	t->cause = -EPROTO;
	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		t->cause = -ECONNRESET;
		say(t, "%s",
		    t->handshaken ? "closed without close_notify"
				  : "closed during the handshake");
		return t->handshaken ? IO_EOF : IO_FAIL;
	}
	if (ERR_GET_REASON(code) != SSL_R_CERTIFICATE_VERIFY_FAILED ||
	    t->error[0] == '\0')
		say(t, "%s", reason_words(code));
	return IO_FAIL;
}

/* Every way an OpenSSL call can end. */
static enum io outcome(struct tls *t, int rc, int saved_errno)
{
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_NONE:
		return IO_OK;
	case SSL_ERROR_WANT_READ:
		return IO_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return IO_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		say(t, "closed by the peer");
		return IO_EOF;
	case SSL_ERROR_SYSCALL:
		t->broken = true;
		t->cause = -ECONNRESET;
		say(t, "%s", saved_errno ? strerror(saved_errno) : "closed");
		return IO_FAIL;
	default:
		return fail_ssl(t, ERR_peek_error());
	}
}

enum io tls_handshake(struct tls *t)
{
	enum io io;
	int rc;

	if (t->broken)
		return IO_FAIL;
	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(t->ssl);
	io = outcome(t, rc, errno);
	/* A close_notify instead of an answer is no session. */
	if (io == IO_EOF) {
		t->broken = true;
		t->cause = -ECONNRESET;
		io = IO_FAIL;
	}
	t->handshaken = io == IO_OK;
	return io;
}

int tls_handshake_wait(struct tls *t, uint32_t timeout_ms)
{
	uint64_t now = clock_now_ms(), deadline = now + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = SSL_get_fd(t->ssl) };
		enum io io = tls_handshake(t);

		if (io == IO_OK)
			return 0;
		if (io != IO_WANT_READ && io != IO_WANT_WRITE)
			return t->cause;
		p.events = io == IO_WANT_READ ? POLLIN : POLLOUT;
		now = clock_now_ms();
		if (now >= deadline) {
			say(t, "no answer to the handshake in time");
			return -ETIMEDOUT;
		}
		if (poll(&p, 1, (int)(deadline - now)) < 0 && errno != EINTR)
			return -errno;
	}
}

enum io tls_read(struct tls *t, void *data, size_t max, size_t *n)
{
	enum io io;
	bool ok;

	*n = 0;
	if (t->ended)
		return IO_EOF;
	if (t->broken)
		return IO_FAIL;
	ERR_clear_error();
	errno = 0;
	ok = SSL_read_ex(t->ssl, data, max, n) == 1;
	t->dry = !ok;
	io = ok ? IO_OK : outcome(t, 0, errno);
	t->ended = io == IO_EOF;
	return io;
}

enum io tls_write(struct tls *t, const void *data, size_t len, size_t *n)
{
	*n = 0;
	if (t->broken)
		return IO_FAIL;
	if (len == 0)
		return IO_OK;
	ERR_clear_error();
	errno = 0;
	if (SSL_write_ex(t->ssl, data, len, n) == 1)
		return IO_OK;
	return outcome(t, 0, errno);
}

size_t tls_pending(const struct tls *t)
{
	int n = SSL_pending(t->ssl);

	if (n > 0)
		return (size_t)n;
	/* Read-ahead may hold further records, or the first part of one. */
	return !t->dry && SSL_has_pending(t->ssl) ? 1 : 0;
}

const char *tls_error(const struct tls *t)
{
	return t->error[0] != '\0' ? t->error : "no error";
}
