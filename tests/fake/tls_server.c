/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls_server.c - a TLS echo server with a throw-away certificate authority */
#include <config.h>

#include "tls_server.h"

#include "dtls_loop.h"
#include "tls_forward.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 128
#define DAY_S           (24L * 3600)

struct tls_server {
	struct tls_server_opts opts;
	SSL_CTX *ctx;
	int listen_fd;
	uint16_t port;
	char ca_file[64];
	char client_file[64];
	pthread_t acceptor;
	pthread_t threads[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	unsigned int connections;
	pthread_mutex_t lock;
	unsigned int handshakes, resumed;
	struct dtls_loop *udp;
	char alpn[32];
	char sni[256];
};

struct connection {
	struct tls_server *server;
	int fd;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext == NULL)
		abort();
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static X509 *new_cert(const char *common_name, EVP_PKEY *key, bool expired)
{
	static long serial = 1;
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2); /* v3 */
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(cert), -2 * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(cert), expired ? -DAY_S : DAY_S);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				   (const unsigned char *)common_name, -1, -1,
				   0);
	X509_set_pubkey(cert, key);
	return cert;
}

static X509 *new_authority(const char *name, EVP_PKEY *key)
{
	X509 *ca = new_cert(name, key, false);

	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(ca, ca, NID_key_usage, "critical,keyCertSign");
	add_extension(ca, ca, NID_subject_key_identifier, "hash");
	X509_sign(ca, key, EVP_sha256());
	return ca;
}

static X509 *new_leaf(const struct tls_server_opts *o, EVP_PKEY *key, X509 *ca,
		      EVP_PKEY *ca_key)
{
	const char *names[] = { o->common_name, o->name, "nobody" };
	X509 *leaf;
	char san[320];
	int i = 0;

	while (names[i] == NULL)
		i++;
	leaf = new_cert(names[i], key, o->expired);
	X509_set_issuer_name(leaf, X509_get_subject_name(ca));
	if (o->name != NULL || o->ip != NULL) {
		snprintf(san, sizeof(san), "%s%s%s%s%s", o->name ? "DNS:" : "",
			 o->name ? o->name : "", o->name && o->ip ? "," : "",
			 o->ip ? "IP:" : "", o->ip ? o->ip : "");
		add_extension(leaf, ca, NID_subject_alt_name, san);
	}
	X509_sign(leaf, ca_key, EVP_sha256());
	return leaf;
}

static void write_ca_file(struct tls_server *s, X509 *ca)
{
	FILE *f;
	int fd;

	snprintf(s->ca_file, sizeof(s->ca_file), "/tmp/turnout-ca.XXXXXX");
	fd = mkstemp(s->ca_file);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL || PEM_write_X509(f, ca) != 1 || fclose(f) != 0)
		abort();
}

static void write_client_file(struct tls_server *s, X509 *ca, EVP_PKEY *ca_key)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = new_cert("Test client", key, false);
	FILE *f;
	int fd;

	X509_set_issuer_name(cert, X509_get_subject_name(ca));
	X509_sign(cert, ca_key, EVP_sha256());
	snprintf(s->client_file, sizeof(s->client_file),
		 "/tmp/turnout-client.XXXXXX");
	fd = mkstemp(s->client_file);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL || PEM_write_X509(f, cert) != 1 ||
	    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    fclose(f) != 0)
		abort();
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void need_client(struct tls_server *s, X509 *ca, EVP_PKEY *ca_key)
{
	X509_STORE_add_cert(SSL_CTX_get_cert_store(s->ctx), ca);
	SSL_CTX_set_verify(s->ctx,
			   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	write_client_file(s, ca, ca_key);
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
		       const unsigned char *in, unsigned int in_len, void *arg)
{
	struct tls_server *s = arg;

	(void)ssl;
	pthread_mutex_lock(&s->lock);
	if (in_len > 0 && in[0] < sizeof(s->alpn) && in[0] < in_len) {
		memcpy(s->alpn, in + 1, in[0]);
		s->alpn[in[0]] = '\0';
	}
	pthread_mutex_unlock(&s->lock);
	if (s->opts.no_alpn || in_len == 0)
		return SSL_TLSEXT_ERR_NOACK;
	*out = in + 1;
	*len = in[0];
	return SSL_TLSEXT_ERR_OK;
}

static int see_sni(SSL *ssl, int *alert, void *arg)
{
	struct tls_server *s = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	pthread_mutex_lock(&s->lock);
	snprintf(s->sni, sizeof(s->sni), "%s", name != NULL ? name : "");
	pthread_mutex_unlock(&s->lock);
	return SSL_TLSEXT_ERR_OK;
}

static void make_context(struct tls_server *s)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	EVP_PKEY *other_key = EVP_EC_gen("P-256");
	X509 *ca = new_authority("Test CA", ca_key);
	X509 *other = new_authority("Stranger CA", other_key);
	bool stranger = s->opts.stranger;
	X509 *leaf = new_leaf(&s->opts, key, stranger ? other : ca,
			      stranger ? other_key : ca_key);

	s->ctx = SSL_CTX_new(s->opts.datagram ? DTLS_server_method()
					      : TLS_server_method());
	SSL_CTX_use_certificate(s->ctx, leaf);
	SSL_CTX_use_PrivateKey(s->ctx, key);
	SSL_CTX_set_alpn_select_cb(s->ctx, choose_alpn, s);
	SSL_CTX_set_tlsext_servername_callback(s->ctx, see_sni);
	SSL_CTX_set_tlsext_servername_arg(s->ctx, s);
	if (s->opts.tls12)
		SSL_CTX_set_max_proto_version(s->ctx, TLS1_2_VERSION);
	if (s->opts.tls11) {
		SSL_CTX_set_security_level(s->ctx, 0);
		SSL_CTX_set_min_proto_version(s->ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(s->ctx, TLS1_1_VERSION);
	}
	SSL_CTX_set_session_id_context(s->ctx, (const unsigned char *)"t", 1);
	SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_SERVER);
	if (s->opts.no_tickets) {
		SSL_CTX_set_options(s->ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(s->ctx, 0);
	}
	write_ca_file(s, ca);
	if (s->opts.need_client)
		need_client(s, ca, ca_key);
	X509_free(leaf);
	X509_free(other);
	X509_free(ca);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

static void echo(SSL *ssl)
{
	char buf[16384];
	int n;

	while ((n = SSL_read(ssl, buf, sizeof(buf))) > 0)
		if (SSL_write(ssl, buf, n) != n)
			return;
}

/* To what ends as the header of an HTTP request does. */
static void say(SSL *ssl, const char *answer)
{
	char buf[8192];
	int used = 0, n;

	while ((n = SSL_read(ssl, buf + used, (int)sizeof(buf) - 1 - used)) >
	       0) {
		used += n;
		buf[used] = '\0';
		if (strstr(buf, "\r\n\r\n") == NULL)
			continue;
		SSL_write(ssl, answer, (int)strlen(answer));
		SSL_shutdown(ssl);
		return;
	}
}

/* Records collected in memory, then one write(2). */
static void burst(SSL *ssl, int fd)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes, i;
	long n;

	SSL_set0_wbio(ssl, out);
	for (i = '0'; i < '8'; i++)
		SSL_write(ssl, &i, 1);
	n = BIO_get_mem_data(out, &bytes);
	if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
		abort();
	BIO_reset(out);
	(void)SSL_read(ssl, &i, 1); /* until the client goes */
}

static void wait_end(int fd)
{
	char c;

	while (recv(fd, &c, 1, 0) > 0)
		;
}

static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	/* RST by disconnecting, as close() would */
	connect(fd, &(struct sockaddr){ .sa_family = AF_UNSPEC },
		sizeof(struct sockaddr));
}

static void late(SSL *ssl, const char *answer)
{
	char buf[16384];

	while (SSL_read(ssl, buf, sizeof(buf)) > 0)
		;
	if ((SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) == 0)
		return;
	SSL_write(ssl, answer, (int)strlen(answer));
	SSL_shutdown(ssl);
}

static void on_handshake(void *arg, SSL *ssl)
{
	struct tls_server *s = arg;

	pthread_mutex_lock(&s->lock);
	s->handshakes++;
	s->resumed += SSL_session_reused(ssl) == 1;
	pthread_mutex_unlock(&s->lock);
}

static void talk(struct connection *c, SSL *ssl)
{
	struct tls_server *s = c->server;

	if (SSL_accept(ssl) != 1)
		return;
	on_handshake(s, ssl);
	switch (s->opts.way) {
	case TLS_SERVER_TRUNCATE:
		SSL_write(ssl, "cut", 3);
		break;
	case TLS_SERVER_NOTIFY:
		SSL_write(ssl, "bye", 3);
		SSL_shutdown(ssl);
		break;
	case TLS_SERVER_SAY:
		say(ssl, s->opts.answer);
		break;
	case TLS_SERVER_BURST:
		burst(ssl, c->fd);
		break;
	case TLS_SERVER_DEAF:
		poll(NULL, 0, 1500);
		break;
	case TLS_SERVER_LATE:
		late(ssl, s->opts.answer);
		break;
	case TLS_SERVER_CUT:
		SSL_write(ssl, "cut", 3);
		reset(c->fd);
		break;
	case TLS_SERVER_FORWARD:
		tls_forward(ssl, s->opts.forward_port);
		break;
	default:
		echo(ssl);
		break;
	}
}

/* The ways that answer a ClientHello with bytes of their own. */
static void misbehave(int fd, enum tls_server_way way)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	/* A handshake record of 122 bytes that ends behind its first six. */
	static const char hello[] = "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03"
				    "\x03";
	char garbage[512];

	if (way == TLS_SERVER_PLAINTEXT) {
		(void)!send(fd, http, sizeof(http) - 1, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
	} else if (way == TLS_SERVER_GARBAGE) {
		memset(garbage, 0xa5, sizeof(garbage));
		(void)!send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
	} else if (way == TLS_SERVER_STALL) {
		(void)!send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL);
	} else if (way == TLS_SERVER_RESET) {
		(void)!recv(fd, garbage, 16, 0); /* the rest stays unread */
		reset(fd);
		return;
	}
	wait_end(fd);
}

static bool is_answer(enum tls_server_way way)
{
	return way == TLS_SERVER_SILENT || way == TLS_SERVER_PLAINTEXT ||
	       way == TLS_SERVER_GARBAGE || way == TLS_SERVER_STALL ||
	       way == TLS_SERVER_RESET;
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	enum tls_server_way way = c->server->opts.way;
	SSL *ssl = NULL;

	if (is_answer(way)) {
		misbehave(c->fd, way);
	} else if (way != TLS_SERVER_HANG_UP) {
		ssl = SSL_new(c->server->ctx);
		SSL_set_fd(ssl, c->fd);
		talk(c, ssl);
		/* Whatever the end was like, the session stays known. */
		SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
		SSL_free(ssl);
	}
	/* Closed by tls_server_free(); until then the end of file is enough. */
	shutdown(c->fd, way == TLS_SERVER_DEAF ? SHUT_RDWR : SHUT_WR);
	free(c);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct tls_server *s = arg;
	int fd;

	while ((fd = accept(s->listen_fd, NULL, NULL)) >= 0) {
		struct connection *c = malloc(sizeof(*c));
		unsigned int i = s->connections;

		if (c == NULL || i == CONNECTIONS_MAX)
			abort();
		*c = (struct connection){ .server = s, .fd = fd };
		s->fds[i] = fd;
		if (pthread_create(&s->threads[i], NULL, serve, c) != 0)
			abort();
		s->connections++;
	}
	return NULL;
}

static void listen_at(struct tls_server *s)
{
	int family = s->opts.ipv6 ? AF_INET6 : AF_INET;
	struct endpoint e = { .family = s->opts.ipv6 ? ENDPOINT_IPV6
						     : ENDPOINT_IPV4 };
	struct sockaddr_storage ss;
	socklen_t len;

	if (s->opts.ipv6)
		memcpy(e.ip, &in6addr_loopback, 16);
	else
		memcpy(e.ip, "\x7f\0\0\1", 4);
	len = endpoint_to_sockaddr(&e, family, &ss);
	s->listen_fd = socket(family,
			      (s->opts.datagram ? SOCK_DGRAM : SOCK_STREAM) |
				      SOCK_CLOEXEC,
			      0);
	if (bind(s->listen_fd, (struct sockaddr *)&ss, len) != 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&ss, &len) != 0 ||
	    !endpoint_from_sockaddr(&e, &ss, len))
		abort();
	s->port = endpoint_port(&e);
}

struct tls_server *tls_server_new(const struct tls_server_opts *opts)
{
	struct tls_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->opts = *opts;
	pthread_mutex_init(&s->lock, NULL);
	make_context(s);
	listen_at(s);
	if (opts->datagram)
		s->udp = dtls_loop_new(s->ctx, &s->opts, s->listen_fd,
				       on_handshake, s);
	else if (listen(s->listen_fd, CONNECTIONS_MAX) != 0 ||
		 pthread_create(&s->acceptor, NULL, accept_main, s) != 0)
		abort();
	return s;
}

static void free_connections(struct tls_server *s)
{
	unsigned int i;

	shutdown(s->listen_fd, SHUT_RDWR); /* ends accept() */
	pthread_join(s->acceptor, NULL);
	for (i = 0; i < s->connections; i++)
		shutdown(s->fds[i], SHUT_RDWR);
	for (i = 0; i < s->connections; i++) {
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
}

void tls_server_free(struct tls_server *s)
{
	if (s == NULL)
		return;
	if (s->udp != NULL)
		dtls_loop_free(s->udp);
	else
		free_connections(s);
	close(s->listen_fd);
	SSL_CTX_free(s->ctx);
	unlink(s->ca_file);
	if (s->client_file[0] != '\0')
		unlink(s->client_file);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint16_t tls_server_port(const struct tls_server *s)
{
	return s->port;
}

const char *tls_server_ca_file(const struct tls_server *s)
{
	return s->ca_file;
}

const char *tls_server_client_file(const struct tls_server *s)
{
	return s->client_file;
}

/* Not written any more once a handshake is done, so it may be read after the
 * lock has shown it to this thread. */
const char *tls_server_alpn(struct tls_server *s)
{
	(void)tls_server_handshakes(s);
	return s->alpn;
}

const char *tls_server_sni(struct tls_server *s)
{
	(void)tls_server_handshakes(s);
	return s->sni;
}

unsigned int tls_server_handshakes(struct tls_server *s)
{
	unsigned int n;

	pthread_mutex_lock(&s->lock);
	n = s->handshakes;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned int tls_server_resumed(struct tls_server *s)
{
	unsigned int n;

	pthread_mutex_lock(&s->lock);
	n = s->resumed;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void tls_server_forget(struct tls_server *s)
{
	unsigned char keys[80];

	if (SSL_CTX_get_tlsext_ticket_keys(s->ctx, NULL, 0) != sizeof(keys) ||
	    RAND_bytes(keys, sizeof(keys)) != 1 ||
	    SSL_CTX_set_tlsext_ticket_keys(s->ctx, keys, sizeof(keys)) != 1)
		abort();
	SSL_CTX_flush_sessions(s->ctx, 0);
}
