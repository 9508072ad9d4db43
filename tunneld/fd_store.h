/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fd_store.h - flows' sockets that the service manager keeps over a restart
 *
 * A port that is held is nobody else's, and what apps send meanwhile waits in
 * the socket. What the sockets are for stands in the file of flows
 * (flow_store.h). In the control loop only.
 */
#ifndef FD_STORE_H
#define FD_STORE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>

struct activation;
struct fd_store;

/* Takes flows' sockets, those that really are some, out of `a`. `max`: so many
 * are kept, see notify_store_max(). NULL with errno. */
struct fd_store *fd_store_new(struct activation *a, size_t max) MUST_CHECK;
/* What is in store stays there. */
void fd_store_free(struct fd_store *s);

/* Is there anything of before that nobody has taken? */
bool fd_store_has_more(const struct fd_store *s);
/* The socket that is bound here, non-blocking; it stays in store. -ENOENT. */
int fd_store_take(struct fd_store *s, const struct endpoint *bound) MUST_CHECK;
/* What nobody has taken is of no use: the manager lets go of it. How many. */
size_t fd_store_drop_rest(struct fd_store *s);
/* A flow has this socket now; it is borrowed. */
void fd_store_keep(struct fd_store *s, const struct endpoint *bound, int fd);
/* … and has ended. */
void fd_store_forget(struct fd_store *s, const struct endpoint *bound);
/* Are the ports of all flows held, whatever becomes of us? */
bool fd_store_holds_all(const struct fd_store *s);

#endif
