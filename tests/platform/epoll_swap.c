/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * epoll_swap.c - a registration follows the open file, not the number, and
 * fdinfo shows what is left of one that has fired: preload/epollreg.c rests on
 * it
 */
#include <config.h>

#include "platform.h"

#include <sys/epoll.h>

static struct epoll_event event = { .events = EPOLLIN };

/* dup3() alone loses it, or leaves a stale one while others hold the file. */
static void lost(void)
{
	int epfd = epoll_create1(0), a[2], b[2], held;

	FACT(pipe(a) == 0 && pipe(b) == 0);
	FACT(epoll_ctl(epfd, EPOLL_CTL_ADD, a[0], &event) == 0);
	held = dup(a[0]);
	FACT(dup3(b[0], a[0], 0) == a[0]);
	FACT(epoll_ctl(epfd, EPOLL_CTL_MOD, a[0], &event) == -1);
	FACT(errno == ENOENT);
	FACT(write(a[1], "x", 1) == 1);
	FACT(epoll_wait(epfd, &event, 1, 0) == 1);
	close(held);
	FACT(epoll_wait(epfd, &event, 1, 0) == 0);
	close(epfd);
}

/* DEL before and ADD after carry it over. */
static void carried(void)
{
	int epfd = epoll_create1(0), a[2], b[2], held;

	FACT(pipe(a) == 0 && pipe(b) == 0);
	event.events = EPOLLIN;
	FACT(epoll_ctl(epfd, EPOLL_CTL_ADD, a[0], &event) == 0);
	held = dup(a[0]);
	FACT(epoll_ctl(epfd, EPOLL_CTL_DEL, a[0], &event) == 0);
	FACT(dup3(b[0], a[0], 0) == a[0]);
	FACT(epoll_ctl(epfd, EPOLL_CTL_ADD, a[0], &event) == 0);
	FACT(write(a[1], "x", 1) == 1);
	FACT(epoll_wait(epfd, &event, 1, 0) == 0);
	FACT(write(b[1], "x", 1) == 1);
	FACT(epoll_wait(epfd, &event, 1, 0) == 1);
	close(held);
	close(epfd);
}

static unsigned long shown_mask(int epfd, int fd)
{
	unsigned long mask = 0;
	char path[64], line[256];
	FILE *info;
	int tfd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epfd);
	info = fopen(path, "r");
	FACT(info != NULL);
	while (fgets(line, sizeof(line), info) != NULL)
		if (sscanf(line, "tfd: %d events: %lx", &tfd, &mask) == 2 &&
		    tfd == fd)
			break;
	fclose(info);
	return mask;
}

/* Only private bits are left of a one-shot registration that has fired. */
static void fired(void)
{
	unsigned long left = (unsigned int)EPOLLONESHOT | (unsigned int)EPOLLET;
	int epfd = epoll_create1(0), a[2];

	FACT(pipe(a) == 0);
	event.events = EPOLLIN | (uint32_t)EPOLLONESHOT | (uint32_t)EPOLLET;
	FACT(epoll_ctl(epfd, EPOLL_CTL_ADD, a[0], &event) == 0);
	FACT(shown_mask(epfd, a[0]) & EPOLLIN);
	FACT(write(a[1], "x", 1) == 1);
	FACT(epoll_wait(epfd, &event, 1, 0) == 1);
	FACT((shown_mask(epfd, a[0]) & ~left) == 0);
	close(epfd);
}

int main(void)
{
	lost();
	carried();
	fired();
	return 0;
}
