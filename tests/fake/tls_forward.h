/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls_forward.h - what is inside a TLS connection, to a port and back */
#ifndef FAKE_TLS_FORWARD_H
#define FAKE_TLS_FORWARD_H

#include <stdint.h>

#include <openssl/ssl.h>

/* Until one side ends: an https:// proxy is an http:// one behind this. */
void tls_forward(SSL *ssl, uint16_t port);

#endif
