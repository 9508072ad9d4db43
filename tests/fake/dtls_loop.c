/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dtls_loop.c - a DTLS echo server on one UDP socket */
#include <config.h>

#include "dtls_loop.h"

#include <turnout/compiler.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define CLIENTS_MAX 64

struct client {
	struct sockaddr_storage addr;
	socklen_t len;
	SSL *ssl;
	bool established;
	/* the datagram that is being worked on; taken: NULL */
	const char *in;
	size_t in_len;
	struct dtls_loop *loop;
};

struct dtls_loop {
	SSL_CTX *ctx;
	const struct tls_server_opts *opts;
	int fd;
	int stop_fd;
	pthread_t thread;
	BIO_METHOD *method;
	void (*on_handshake)(void *arg, SSL *ssl);
	void *arg;
	unsigned int lost_in, lost_out;
	unsigned int count;
	struct client clients[CLIENTS_MAX];
};

/* One BIO a client: reads give the datagram at hand, writes send one. */

static int bio_read(BIO *bio, char *out, int max)
{
	struct client *c = BIO_get_data(bio);
	size_t n = c->in_len;

	BIO_clear_retry_flags(bio);
	if (c->in == NULL) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n > (size_t)max)
		n = (size_t)max;
	memcpy(out, c->in, n);
	c->in = NULL;
	return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	struct client *c = BIO_get_data(bio);

	if (c->loop->lost_out < c->loop->opts->lose_out) {
		c->loop->lost_out++;
		return len;
	}
	return (int)sendto(c->loop->fd, data, (size_t)len, 0,
			   (struct sockaddr *)&c->addr, c->len);
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static struct client *find_client(struct dtls_loop *d,
				  const struct sockaddr_storage *addr,
				  socklen_t len)
{
	struct client *c;
	BIO *bio;
	unsigned int i;

	for (i = 0; i < d->count; i++)
		if (d->clients[i].len == len &&
		    memcmp(&d->clients[i].addr, addr, len) == 0)
			return &d->clients[i];
	if (d->count == CLIENTS_MAX)
		abort();
	c = &d->clients[d->count++];
	*c = (struct client){ .addr = *addr, .len = len, .loop = d };
	c->ssl = SSL_new(d->ctx);
	bio = BIO_new(d->method);
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_options(c->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(c->ssl, 1200);
	SSL_set_accept_state(c->ssl);
	return c;
}

static void echo(struct client *c)
{
	char buf[SSL3_RT_MAX_PLAIN_LENGTH];
	int n;

	while ((n = SSL_read(c->ssl, buf, sizeof(buf))) > 0)
		SSL_write(c->ssl, buf, n);
	ERR_clear_error();
}

/* Between datagrams that are nothing: an empty one, one that is no record. */
static void say_bye(struct client *c)
{
	BIO *bio = SSL_get_wbio(c->ssl);

	bio_write(bio, "", 0);
	bio_write(bio, "\x17\xfe\xfd no record", 13);
	SSL_write(c->ssl, "bye", 3);
	bio_write(bio, "", 0);
	SSL_shutdown(c->ssl);
}

static void feed(struct client *c, const char *data, size_t len)
{
	c->in = data;
	c->in_len = len;
	if (!c->established) {
		c->established = SSL_do_handshake(c->ssl) == 1;
		ERR_clear_error();
		if (!c->established)
			return;
		c->loop->on_handshake(c->loop->arg, c->ssl);
		if (c->loop->opts->way == TLS_SERVER_NOTIFY)
			say_bye(c);
	}
	echo(c);
	c->in = NULL;
}

static void take(struct dtls_loop *d)
{
	static const char garbage[] = "\x17garbage, and not a record";
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	char data[65536];
	ssize_t n = recvfrom(d->fd, data, sizeof(data), 0,
			     (struct sockaddr *)&addr, &len);

	if (n < 0)
		return;
	if (d->lost_in < d->opts->lose_in)
		d->lost_in++;
	else if (d->opts->way == TLS_SERVER_GARBAGE)
		(void)!sendto(d->fd, garbage, sizeof(garbage), 0,
			      (struct sockaddr *)&addr, len);
	else if (d->opts->way != TLS_SERVER_SILENT)
		feed(find_client(d, &addr, len), data, (size_t)n);
}

static void run_timers(struct dtls_loop *d)
{
	unsigned int i;

	for (i = 0; i < d->count; i++)
		if (!d->clients[i].established)
			(void)DTLSv1_handle_timeout(d->clients[i].ssl);
	ERR_clear_error();
}

static void *run(void *arg)
{
	struct dtls_loop *d = arg;
	struct pollfd p[2] = { { .fd = d->fd, .events = POLLIN },
			       { .fd = d->stop_fd, .events = POLLIN } };

	while (p[1].revents == 0) {
		if (poll(p, 2, 50) < 0)
			abort();
		if (p[0].revents != 0)
			take(d);
		run_timers(d);
	}
	return NULL;
}

struct dtls_loop *dtls_loop_new(SSL_CTX *ctx,
				const struct tls_server_opts *opts, int fd,
				void (*on_handshake)(void *arg, SSL *ssl),
				void *arg)
{
	struct dtls_loop *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->ctx = ctx;
	d->opts = opts;
	d->fd = fd;
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	d->on_handshake = on_handshake;
	d->arg = arg;
	d->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				 "dtls_loop");
	BIO_meth_set_read(d->method, bio_read);
	BIO_meth_set_write(d->method, bio_write);
	BIO_meth_set_ctrl(d->method, bio_ctrl);
	if (pthread_create(&d->thread, NULL, run, d) != 0)
		abort();
	return d;
}

void dtls_loop_free(struct dtls_loop *d)
{
	unsigned int i;

	if (d == NULL)
		return;
	if (eventfd_write(d->stop_fd, 1) != 0)
		abort();
	pthread_join(d->thread, NULL);
	for (i = 0; i < d->count; i++)
		SSL_free(d->clients[i].ssl);
	BIO_meth_free(d->method);
	close(d->stop_fd);
	free(d);
}
