/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls.c - a TLS or DTLS client session over a descriptor: bytes in the clear
 * on one side, records on the other
 *
 * RFC 8446, RFC 5246 and RFC 6347 by OpenSSL; RFC 6066, 3 (server name), RFC
 * 7301 with the protocol of RFC 7443 (ALPN), RFC 9525 (which name is
 * verified).
 *
 * OpenSSL writes by write(2): the program ignores SIGPIPE.
 */
#include <config.h>

#include "tls.h"

#include "clock.h"
#include "tls_tickets.h"
#include "tls_words.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

/* RFC 7443, 5: "stun.turn", as a protocol name list of RFC 7301, 3.1. */
static const unsigned char alpn[] = "\x09stun.turn";
/* RFC 7301, 6. */
static const unsigned char alpn_http[] = "\x08http/1.1";

/* UDP payload of a handshake fragment: fits every path that carries IPv6
 * (RFC 8200, 5) with some room for tunnels. */
#define DTLS_MTU_BYTES 1200

/* RFC 6347, 4.2.4.1 would begin at a second and double up to a minute; who
 * waits here waits for a call, and the relay is at most some 100 ms away. */
#define DTLS_TIMER_MIN_US 300000U
#define DTLS_TIMER_MAX_US 2400000U

struct tls_ctx {
	atomic_uint refs;
	SSL_CTX *stream;
	SSL_CTX *datagram; /* the same trust, for DTLS */
	struct tls_tickets *tickets;
};

struct tls {
	SSL *ssl;
	struct tls_ctx *ctx;
	uint64_t dropped;
	bool offered;    /* a session to resume */
	bool handshaken; /* tls_handshake() has said IO_OK */
	bool broken;     /* OpenSSL: no further call, SSL_shutdown() neither */
	bool ended;      /* the peer has sent its last byte */
	bool dry;        /* the last read has used up what had arrived */
	bool http;       /* see tls_opts */
	bool met;        /* the first bytes have been looked at */
	bool heard;      /* something inside has been read */
	bool asked;      /* the server wants to know who we are */
	enum tls_fault fault;
	int cause;          /* -errno once broken */
	struct tls_key key; /* `key.name` is what is verified */
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

/* OpenSSL calls this for each certificate of the chain; after a failed check
 * the certificate is known only here. */
static int verify_cb(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = ssl != NULL ? SSL_get_app_data(ssl) : NULL;

	if (ok || t == NULL)
		return ok;
	tls_words_verify(store, t->key.name, t->error, sizeof(t->error));
	t->fault = tls_words_verify_fault(store);
	return 0;
}

/* OpenSSL calls this when the server asks who we are. */
static int cert_cb(SSL *ssl, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);

	(void)arg;
	if (t != NULL)
		t->asked = true;
	return 1;
}

/* The head of the first record that comes, before OpenSSL judges it: what is
 * not TLS at all is told by it. */
static void first_bytes(int write, int version, int type, const void *data,
			size_t len, SSL *ssl, void *arg)
{
	struct tls *t = arg;

	(void)version;
	(void)ssl;
	if (write || type != SSL3_RT_HEADER || t->met)
		return;
	t->met = true;
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		t->fault = TLS_FAULT_HTTP;
}

/* In TLS 1.3 tickets come with the data: this runs in the thread that reads,
 * once or twice a connection. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);

	if (t != NULL)
		tls_tickets_put(t->ctx->tickets, &t->key, session);
	return 0; /* OpenSSL's reference stays its own */
}

static bool set_up(SSL_CTX *c, int version_min)
{
	/* coturn of Debian 12 speaks TLS 1.2 at most. */
	if (SSL_CTX_set_min_proto_version(c, version_min) != 1 ||
	    SSL_CTX_set_alpn_protos(c, alpn, sizeof(alpn) - 1) != 0)
		return false;
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
				       SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
				    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				    SSL_MODE_RELEASE_BUFFERS);
	/* One read(2) for all records that have arrived, not two a record. */
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT |
						  SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c, on_session);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, verify_cb);
	SSL_CTX_set_cert_cb(c, cert_cb, NULL);
	return true;
}

struct tls_ctx *tls_ctx_new(const char *ca_file, const char **words)
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	int ok;

	*words = "out of memory";
	ERR_clear_error();
	if (ctx == NULL)
		return NULL;
	atomic_init(&ctx->refs, 1);
	ctx->tickets = tls_tickets_new();
	ctx->stream = SSL_CTX_new(TLS_client_method());
	ctx->datagram = SSL_CTX_new(DTLS_client_method());
	if (ctx->tickets == NULL || ctx->stream == NULL ||
	    ctx->datagram == NULL || !set_up(ctx->stream, TLS1_2_VERSION) ||
	    !set_up(ctx->datagram, DTLS1_2_VERSION))
		goto fail;
	ok = ca_file != NULL ? SSL_CTX_load_verify_file(ctx->stream, ca_file)
			     : SSL_CTX_set_default_verify_paths(ctx->stream);
	SSL_CTX_set1_cert_store(ctx->datagram,
				SSL_CTX_get_cert_store(ctx->stream));
	if (ok == 1)
		return ctx;
	*words = tls_words_reason(ERR_peek_error());
fail:
	ERR_clear_error();
	tls_ctx_put(ctx);
	return NULL;
}

struct tls_ctx *tls_ctx_get(struct tls_ctx *ctx)
{
	atomic_fetch_add(&ctx->refs, 1);
	return ctx;
}

/* Nobody is there to be asked for the key's passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

bool tls_ctx_identify(struct tls_ctx *ctx, const char *cert_file,
		      const char *key_file, const char **words)
{
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ctx->stream, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx->stream, cert_file) == 1 &&
	    SSL_CTX_use_PrivateKey_file(ctx->stream, key_file,
					SSL_FILETYPE_PEM) == 1)
		return true;
	*words = tls_words_reason(ERR_peek_error());
	ERR_clear_error();
	return false;
}

void tls_ctx_put(struct tls_ctx *ctx)
{
	if (ctx == NULL || atomic_fetch_sub(&ctx->refs, 1) != 1)
		return;
	SSL_CTX_free(ctx->stream);
	SSL_CTX_free(ctx->datagram);
	tls_tickets_free(ctx->tickets);
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

/* RFC 6066, 3: a server name has no trailing dot. An empty name would switch
 * the verification of the name off. */
static bool set_key(struct tls_key *key, const struct tls_opts *opts)
{
	const char *server = opts->server != NULL ? opts->server : opts->name;
	size_t len = strlen(opts->name);

	if (len == 0 || len >= sizeof(key->name) ||
	    strlen(server) >= sizeof(key->server))
		return false;
	memcpy(key->name, opts->name, len + 1);
	if (key->name[len - 1] == '.')
		key->name[len - 1] = '\0';
	strcpy(key->server, server);
	key->port = opts->port;
	key->datagram = opts->datagram;
	return true;
}

static unsigned int next_timer_us(SSL *ssl, unsigned int last_us)
{
	(void)ssl;
	if (last_us == 0)
		return DTLS_TIMER_MIN_US;
	return last_us < DTLS_TIMER_MAX_US ? 2 * last_us : DTLS_TIMER_MAX_US;
}

/* OpenSSL's datagram BIO sends to a peer that it has been told, by sendto(2);
 * told that the socket is connected, by write(2). */
static bool set_datagram(SSL *ssl, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	BIO *bio;

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		return false;
	bio = BIO_new_dgram(fd, BIO_NOCLOSE);
	if (bio == NULL)
		return false;
	(void)BIO_ctrl_set_connected(bio, &ss);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_mtu(ssl, DTLS_MTU_BYTES);
	DTLS_set_timer_cb(ssl, next_timer_us);
	return true;
}

static void offer_session(struct tls *t)
{
	SSL_SESSION *session = tls_tickets_take(t->ctx->tickets, &t->key);

	t->offered = session != NULL && SSL_set_session(t->ssl, session) == 1;
	SSL_SESSION_free(session);
}

struct tls *tls_open(struct tls_ctx *ctx, int fd, const struct tls_opts *opts)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	if (!set_key(&t->key, opts)) {
		free(t);
		errno = EINVAL;
		return NULL;
	}
	t->ctx = tls_ctx_get(ctx);
	t->ssl = SSL_new(opts->datagram ? ctx->datagram : ctx->stream);
	if (t->ssl == NULL || SSL_set_app_data(t->ssl, t) != 1 ||
	    !(opts->datagram ? set_datagram(t->ssl, fd)
			     : SSL_set_fd(t->ssl, fd) == 1) ||
	    !set_host(t->ssl, t->key.name)) {
		ERR_clear_error();
		tls_free(t);
		errno = ENOMEM;
		return NULL;
	}
	t->http = opts->http;
	if (t->http)
		(void)SSL_set_alpn_protos(t->ssl, alpn_http,
					  sizeof(alpn_http) - 1);
	SSL_set_msg_callback(t->ssl, first_bytes);
	SSL_set_msg_callback_arg(t->ssl, t);
	if (opts->unverified)
		SSL_set_verify(t->ssl, SSL_VERIFY_NONE, NULL);
	else
		offer_session(t);
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
	tls_ctx_put(t->ctx);
	free(t);
}

void tls_abort(struct tls *t)
{
	if (t != NULL)
		t->broken = true;
	tls_free(t);
}

static bool have_cert(const struct tls *t)
{
	return SSL_get_certificate(t->ssl) != NULL;
}

/* A failure of the protocol, or of the peer's certificate: verify_cb() and
 * first_bytes() know more than OpenSSL's code then. */
static enum io fail_ssl(struct tls *t, unsigned long code)
{
	t->broken = true;
	t->cause = -EPROTO;
	if (t->fault == TLS_FAULT_NONE)
		t->fault = tls_words_fault(code, t->asked, have_cert(t));
	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		t->cause = -ECONNRESET;
		say(t, "%s",
		    t->handshaken ? "closed without close_notify"
				  : "closed during the handshake");
		return t->handshaken ? IO_EOF : IO_FAIL;
	}
	if (t->fault == TLS_FAULT_HTTP)
		say(t, "the answer is plain HTTP");
	else if (ERR_GET_REASON(code) != SSL_R_CERTIFICATE_VERIFY_FAILED ||
		 t->error[0] == '\0')
		say(t, "%s", tls_words_reason(code));
	return IO_FAIL;
}

/* What the kernel has to say; a socket that is not a stream survives some of
 * it. */
static enum io fail_kernel(struct tls *t, int error)
{
	/* A datagram without content, or news of the path's MTU. */
	if (t->key.datagram && t->handshaken &&
	    (error == 0 || error == EMSGSIZE))
		return IO_WANT_READ;
	if (t->key.datagram && error == ENOBUFS)
		return IO_WANT_WRITE;
	t->broken = true;
	t->cause = error != 0 ? -error : -ECONNRESET;
	/* In TLS 1.3 the server finds out after the handshake, and its alert
	 * may be overtaken by the end of the connection. */
	t->fault = t->asked && !have_cert(t) && !t->heard
			   ? TLS_FAULT_CERT_WANTED
			   : TLS_FAULT_OTHER;
	say(t, "%s", error != 0 ? strerror(error) : "closed");
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
		return fail_kernel(t, saved_errno);
	default:
		return fail_ssl(t, ERR_peek_error());
	}
}

/* TLS 1.2 tells on_session() nothing of a ticket that came with an abbreviated
 * handshake (RFC 5077, 3.3). */
static void keep_renewed(struct tls *t)
{
	const SSL_SESSION *session = SSL_get0_session(t->ssl);

	if (SSL_version(t->ssl) != TLS1_3_VERSION &&
	    SSL_SESSION_is_resumable(session))
		tls_tickets_put(t->ctx->tickets, &t->key, session);
}

static void on_handshaken(struct tls *t)
{
	t->handshaken = true;
	SSL_set_msg_callback(t->ssl, NULL);
	if (t->http)
		SSL_set_options(t->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
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
	if (io == IO_OK)
		on_handshaken(t);
	if (io == IO_OK && tls_resumed(t))
		keep_renewed(t);
	else if (io == IO_FAIL && t->offered)
		tls_tickets_forget(t->ctx->tickets, &t->key);
	return io;
}

/* poll(2)'s timeout until the deadline, or until a flight of DTLS is to be
 * repeated. */
static int wait_ms(struct tls *t, uint64_t left_ms)
{
	struct timeval tv;
	uint64_t timer_ms;

	if (t->key.datagram && DTLSv1_get_timeout(t->ssl, &tv) == 1) {
		timer_ms = (uint64_t)tv.tv_sec * 1000 +
			   (uint64_t)(tv.tv_usec + 999) / 1000;
		if (timer_ms < left_ms)
			left_ms = timer_ms;
	}
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

static enum io repeat_flight(struct tls *t)
{
	int rc;

	if (!t->key.datagram)
		return IO_OK;
	ERR_clear_error();
	errno = 0;
	rc = (int)DTLSv1_handle_timeout(t->ssl);
	return rc < 0 ? outcome(t, rc, errno) : IO_OK;
}

static int fail_shut_down(struct tls *t)
{
	t->broken = true;
	t->cause = -ECONNRESET;
	say(t, "shut down during the handshake");
	return t->cause;
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
		if (poll(&p, 1, wait_ms(t, deadline - now)) < 0 &&
		    errno != EINTR)
			return -errno;
		/* cancel.h; a read would go on to say EAGAIN
		 * (tests/platform/udp_connected.c). */
		if (t->key.datagram && (p.revents & POLLHUP) != 0)
			return fail_shut_down(t);
		if (repeat_flight(t) == IO_FAIL)
			return t->cause;
	}
}

/* The rest of a record that did not fit: a datagram is whole or nothing. */
static enum io drop_rest(struct tls *t, size_t *n)
{
	char rest[1024];

	while (SSL_pending(t->ssl) > 0 &&
	       SSL_read_ex(t->ssl, rest, sizeof(rest), n) == 1)
		;
	ERR_clear_error();
	OPENSSL_cleanse(rest, sizeof(rest));
	t->dropped++;
	*n = 0;
	return IO_WANT_READ;
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
	t->heard = t->heard || ok;
	io = ok ? IO_OK : outcome(t, 0, errno);
	t->ended = io == IO_EOF;
	if (ok && t->key.datagram && *n == max && SSL_pending(t->ssl) > 0)
		return drop_rest(t, n);
	return io;
}

/* By the kernel, or as a record (RFC 6347, 4.1: 2^14). */
static bool is_too_big(int error)
{
	unsigned long code = ERR_peek_error();

	return error == EMSGSIZE ||
	       (ERR_GET_LIB(code) == ERR_LIB_SSL &&
		ERR_GET_REASON(code) == SSL_R_DTLS_MESSAGE_TOO_BIG);
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
	if (t->key.datagram && is_too_big(errno)) {
		ERR_clear_error();
		t->dropped++;
		*n = len;
		return IO_OK;
	}
	return outcome(t, 0, errno);
}

enum io tls_close_write(struct tls *t)
{
	int rc;

	if (t->broken)
		return IO_FAIL;
	ERR_clear_error();
	errno = 0;
	rc = SSL_shutdown(t->ssl);
	return rc >= 0 ? IO_OK : outcome(t, rc, errno);
}

size_t tls_pending(const struct tls *t)
{
	int n = SSL_pending(t->ssl);

	if (n > 0)
		return (size_t)n;
	/* Read-ahead may hold further records, or the first part of one. */
	return !t->dry && SSL_has_pending(t->ssl) ? 1 : 0;
}

bool tls_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}

void tls_look(const struct tls *t, struct tls_facts *out)
{
	const unsigned char *chosen;
	unsigned int len;

	*out = (struct tls_facts){ .version = SSL_get_version(t->ssl) };
	SSL_get0_alpn_selected(t->ssl, &chosen, &len);
	if (len < sizeof(out->alpn))
		memcpy(out->alpn, chosen, len);
	tls_words_names(SSL_get0_peer_certificate(t->ssl), out->subject,
			out->issuer, sizeof(out->subject));
}

int64_t tls_cert_end_s(const struct tls *t)
{
	const X509 *cert = SSL_get0_peer_certificate(t->ssl);
	struct tm tm;

	if (cert == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm);
}

uint64_t tls_dropped(const struct tls *t)
{
	return t->dropped;
}

const char *tls_error(const struct tls *t)
{
	return t->error[0] != '\0' ? t->error : "no error";
}

enum tls_fault tls_fault(const struct tls *t)
{
	return t->fault;
}
