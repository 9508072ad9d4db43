/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dtls_loop.h - the UDP half of tls_server: a thread, one SSL a client */
#ifndef FAKE_DTLS_LOOP_H
#define FAKE_DTLS_LOOP_H

#include "tls_server.h"

#include <openssl/ssl.h>

struct dtls_loop;

/* `fd`: a bound UDP socket, borrowed. `on_handshake` runs in the thread. */
struct dtls_loop *dtls_loop_new(SSL_CTX *ctx,
				const struct tls_server_opts *opts, int fd,
				void (*on_handshake)(void *arg, SSL *ssl),
				void *arg);
void dtls_loop_free(struct dtls_loop *d);

#endif
