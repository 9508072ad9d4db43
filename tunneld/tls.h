/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls.h - a TLS client session over a descriptor; tls.c is the only file that
 * includes <openssl/ssl.h>
 *
 * OpenSSL writes by write(2): a program that uses this ignores SIGPIPE.
 */
#ifndef TLS_H
#define TLS_H

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

/* How a call on a non-blocking stream can end. */
enum io {
	IO_OK = 0,
	IO_WANT_READ,
	IO_WANT_WRITE,
	IO_EOF, /* end by the peer; tls_error() tells if without close_notify */
	IO_FAIL, /* see tls_error() */
};

struct tls_ctx;
struct tls;

/* Trust `ca_file` (PEM), or the system's store when NULL. TLS 1.2 at least,
 * ALPN "stun.turn" (RFC 7443). NULL: `*words` says what is wrong (static or
 * thread-local text). Thread-safe for tls_open() afterwards. */
struct tls_ctx *tls_ctx_new(const char *ca_file, const char **words) MUST_CHECK;
void tls_ctx_free(struct tls_ctx *ctx);
/* A session takes its own reference: the context may be freed (SIGHUP) while
 * sessions live. */

/* `fd` is borrowed; `host` is verified (name or IP literal) and sent as SNI
 * when it is a name. NULL with errno. */
struct tls *tls_open(struct tls_ctx *ctx, int fd, const char *host) MUST_CHECK;
void tls_free(struct tls *t); /* close_notify if it goes without blocking */

enum io tls_handshake(struct tls *t) MUST_CHECK;
/* Blocking descriptor or not: poll until done, at most `timeout_ms`.
 * 0, -ETIMEDOUT, -ECONNRESET, -EPROTO (then tls_error()). */
int tls_handshake_wait(struct tls *t, uint32_t timeout_ms) MUST_CHECK;
enum io tls_read(struct tls *t, void *data, size_t max, size_t *n) MUST_CHECK;
/* May write part. After WANT_* the same bytes come first next time; the
 * memory may have moved. */
enum io tls_write(struct tls *t, const void *data, size_t len,
		  size_t *n) MUST_CHECK;
/* Not 0: call tls_read() again, the descriptor may never turn readable for
 * what has been fetched already (it may still say IO_WANT_READ; then 0). */
size_t tls_pending(const struct tls *t);
/* Why: "certificate of relay.example: unable to get local issuer (issuer
 * …)". Never NULL. */
const char *tls_error(const struct tls *t);

#endif
