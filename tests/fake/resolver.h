/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolver.h - a getaddrinfo() for test programs, that libraries call too
 *
 * two.test    127.0.0.3, then 127.0.0.2
 * one.test    127.0.0.1
 * both.test   ::1, then 127.0.0.1
 * six.test    ::1
 * slow.test   127.0.0.1, after resolver_slow_ms; all that begin so are slow
 * inside.test, outside.test, mixed.test, filtered.test (0.0.0.0)
 * dead.test   EAI_AGAIN
 * other names ending in ".test": EAI_NONAME; anything else: libc
 */
#ifndef FAKE_RESOLVER_H
#define FAKE_RESOLVER_H

#include <stdatomic.h>

extern atomic_uint resolver_slow_ms;
extern atomic_uint resolver_calls; /* for names, not literals */

#endif
