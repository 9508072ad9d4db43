/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls.h - a TLS or DTLS client session over a descriptor; tls*.c are the only
 * files that include <openssl/ssl.h>
 *
 * OpenSSL writes by write(2): a program that uses this ignores SIGPIPE.
 */
#ifndef TLS_H
#define TLS_H

#include <turnout/compiler.h>

#include <stdbool.h>
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

/* What is behind a failure, for those who can say what to do about it. */
enum tls_fault {
	TLS_FAULT_NONE = 0,
	TLS_FAULT_OTHER,
	TLS_FAULT_UNTRUSTED,    /* signed by nobody that we trust */
	TLS_FAULT_HTTP,         /* an answer in plain HTTP */
	TLS_FAULT_CERT_WANTED,  /* the server wants a certificate; we have none
				 */
	TLS_FAULT_CERT_REFUSED, /* the server does not take ours */
};

struct tls_ctx;
struct tls;

/* Trust `ca_file` (PEM), or the system's store when NULL. TLS 1.2 or DTLS 1.2
 * at least, ALPN "stun.turn" (RFC 7443); sessions are resumed among those of
 * one context only. One reference. NULL: `*words` says what is wrong (static
 * or thread-local text). All calls on it are for any thread. */
struct tls_ctx *tls_ctx_new(const char *ca_file, const char **words) MUST_CHECK;
struct tls_ctx *tls_ctx_get(struct tls_ctx *ctx);
void tls_ctx_put(struct tls_ctx *ctx);
/* What we show to a server that wants to know who we are: PEM files, the
 * certificate's with what its issuer needs behind it. Before the first
 * tls_open(). False: `*words` as above. */
bool tls_ctx_identify(struct tls_ctx *ctx, const char *cert_file,
		      const char *key_file, const char **words) MUST_CHECK;

struct tls_opts {
	/* What the certificate must be for: name or IP literal; a name is sent
	 * as SNI. */
	const char *name;
	/* Where the server is, for the choice of a session to resume. NULL: as
	 * `name`; port 0: no resumption, nothing is kept. */
	const char *server;
	uint16_t port;
	bool datagram; /* DTLS; `fd` is a connected UDP socket */
	/* HTTP inside: its ALPN, and an end without close_notify is one as
	 * good as any, for both directions */
	bool http;
	/* For a diagnosis, to see who is there: the certificate is not checked,
	 * so nothing may be sent that is worth anything; no resumption. */
	bool unverified;
};

/* `fd` is borrowed; a reference to `ctx` is taken. NULL with errno. */
struct tls *tls_open(struct tls_ctx *ctx, int fd,
		     const struct tls_opts *opts) MUST_CHECK;
void tls_free(struct tls *t);  /* close_notify if it goes without blocking */
void tls_abort(struct tls *t); /* without */

/* Once. DTLS: lost flights are only repeated by tls_handshake_wait(). */
enum io tls_handshake(struct tls *t) MUST_CHECK;
/* Blocking descriptor or not: poll until done, at most `timeout_ms`.
 * 0, -ETIMEDOUT, -EPROTO or the kernel's errno (then tls_error()). */
int tls_handshake_wait(struct tls *t, uint32_t timeout_ms) MUST_CHECK;
/* DTLS: one record, the content of one datagram; IO_WANT_READ when it was
 * longer than `max` and has been dropped. */
enum io tls_read(struct tls *t, void *data, size_t max, size_t *n) MUST_CHECK;
/* May write part. After WANT_* the same bytes come first next time; the
 * memory may have moved. DTLS: all or nothing, one datagram; one that is too
 * big for the way is dropped and counts as written. */
enum io tls_write(struct tls *t, const void *data, size_t len,
		  size_t *n) MUST_CHECK;
/* close_notify: nothing is written after it, reading goes on. Only after a
 * tls_write() that left nothing to repeat. */
enum io tls_close_write(struct tls *t) MUST_CHECK;
/* Not 0: call tls_read() again, the descriptor may never turn readable for
 * what has been fetched already (it may still say IO_WANT_READ; then 0). */
size_t tls_pending(const struct tls *t);
/* After the handshake: was it an abbreviated one? */
bool tls_resumed(const struct tls *t);
/* After the handshake, for people; the texts of the certificate are printable.
 */
struct tls_facts {
	const char *version; /* "TLSv1.3"; static */
	char alpn[32];       /* what the server selected; empty: nothing */
	char subject[72], issuer[72];
};
void tls_look(const struct tls *t, struct tls_facts *out);
/* When the certificate that the server has shown ends: seconds since 1970; 0:
 * it has shown none, or says nothing that can be read. */
int64_t tls_cert_end_s(const struct tls *t);
/* Datagrams that tls_read() and tls_write() have dropped for their size. */
uint64_t tls_dropped(const struct tls *t);
/* Why: "certificate of relay.example: unable to get local issuer (issuer
 * …)". Never NULL. */
const char *tls_error(const struct tls *t);
enum tls_fault tls_fault(const struct tls *t);

#endif
