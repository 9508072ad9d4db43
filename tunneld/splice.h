/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * splice.h - a connected descriptor, offered as something to connect(2) to
 *
 * libcurl before 8.0 calls connect(2) on every socket that it is given, and the
 * kernel refuses that on one which has carried data (tests/platform).
 */
#ifndef SPLICE_H
#define SPLICE_H

#include <turnout/compiler.h>

#include <stdint.h>

struct splice;

/* `fd` is taken over, also on failure. Its bytes go, both ways, to and from the
 * one socket of splice_socket() when that connects to 127.0.0.1 at
 * splice_port(). NULL with errno. */
struct splice *splice_open(int fd) MUST_CHECK;
/* Ends the copying, whatever is under way. */
void splice_close(struct splice *s);
uint16_t splice_port(const struct splice *s);
/* A new TCP socket, bound; nobody else's connection is taken. The caller owns
 * it. To be called once. -errno. */
int splice_socket(struct splice *s) MUST_CHECK;

#endif
