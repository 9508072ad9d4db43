/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * epollreg.h - the epoll registrations of one TCP socket: recorded while the
 * app makes them, taken off before a swap and put back after it
 *
 * The kernel ties a registration to the open file, not to the number: dup3()
 * over a descriptor would lose it, or leave a stale one behind.
 */
#ifndef EPOLLREG_H
#define EPOLLREG_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/epoll.h>

#define EPOLLREG_MAX 8

struct epollreg {
	int epfd;
	int fd;
	uint32_t events;
	bool used;
	uint64_t data;
};

struct epollreg_set {
	struct epollreg entries[EPOLLREG_MAX];
};

/* What a successful epoll_ctl() has changed. */
void epollreg_note(struct epollreg_set *set, int epfd, int op, int fd,
		   const struct epoll_event *event);
bool epollreg_is_empty(const struct epollreg_set *set);
/* `fd` goes away: what was registered under it is none of ours. */
void epollreg_forget(struct epollreg_set *set, int fd);
/* Before and after another open file takes the place of `fd`. */
void epollreg_lift(struct epollreg_set *set, int fd);
void epollreg_replace(struct epollreg_set *set, int fd);

#endif
