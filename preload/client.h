/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * client.h - one request to tunneld and its answer, and the policy page
 *
 * Everything is lazy: nothing is opened before the first call, no descriptor
 * stays open. Without ENV_SOCKET, the default sockets are tried (user's, then
 * the machine's). Calls block, but never longer than a few seconds.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than a quarter of the smallest send buffer that the kernel grants (4608
 * bytes), so that it counts as full; with the request less than half of it, so
 * that it is one piece and its reading one event. */
#define CLIENT_FILLER_BYTES 1792

struct page;

/* Read the environment; called from the constructor and never again (no
 * getenv() in a hook). Inert (client_active() false) in set-id programs, and
 * when neither ENV_SOCKET nor a default socket path can be formed. */
void client_init(void);
bool client_active(void);

/* Called from the constructor, too: what to tell tunneld of who asks. One that
 * is too long is not told. */
void client_set_program(const char *path);

/* The mapped page, or NULL when there is none. Maps on first use; maps anew
 * when the mapped one is DOWN and a second has passed. */
const struct page *client_page(void);

/* A close-on-exec stream connection to the control socket: a descriptor, or
 * -errno. */
int client_dial(void);
/* Send one request, with `pass_fd` (-1: none) on its first byte. 0/-errno. */
int client_send(int sock, uint16_t type, const void *body, uint32_t bytes,
		int pass_fd);
/* The same for a small body, in one piece with as much filler as makes `sock`
 * not writable until the other end has read it. */
int client_send_filled(int sock, uint16_t type, const void *body,
		       uint32_t bytes, int pass_fd);
/* client_dial + client_send + read an answer of exactly `answer_bytes`, within
 * 5 s, + close. 0 or -errno (-ECONNREFUSED: no daemon). */
int client_ask(uint16_t type, const void *body, uint32_t bytes, void *answer,
	       uint32_t answer_bytes);

#endif
