/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * epollreg.c - epoll registrations: turns what epoll_ctl() was told into the
 * calls that carry it from one open file to the next
 *
 * Only registrations that could be taken off are put back: when the app has
 * changed them through another descriptor of the epoll instance, or when the
 * number names another instance by now, EPOLL_CTL_DEL fails and the record is
 * dropped.
 */
#include <config.h>

#include "epollreg.h"

#include "next.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What epoll keeps of a one-shot registration that has fired. */
#define PRIVATE_BITS ((uint32_t)EPOLLONESHOT | (uint32_t)EPOLLET)

/* "/proc/self/fdinfo/" and ten digits. */
#define FDINFO_PATH_MAX 32

static struct epollreg *find(struct epollreg_set *set, int epfd, int fd)
{
	size_t i;

	for (i = 0; i < EPOLLREG_MAX; i++) {
		struct epollreg *r = &set->entries[i];

		if (r->used && r->epfd == epfd && r->fd == fd)
			return r;
	}
	return NULL;
}

static struct epollreg *unused(struct epollreg_set *set)
{
	size_t i;

	for (i = 0; i < EPOLLREG_MAX; i++)
		if (!set->entries[i].used)
			return &set->entries[i];
	return NULL;
}

void epollreg_note(struct epollreg_set *set, int epfd, int op, int fd,
		   const struct epoll_event *event)
{
	struct epollreg *r = find(set, epfd, fd);

	if (op == EPOLL_CTL_DEL) {
		if (r != NULL)
			r->used = false;
		return;
	}
	if (r == NULL)
		r = unused(set);
	if (r == NULL)
		return;
	*r = (struct epollreg){
		.epfd = epfd,
		.fd = fd,
		.events = event->events,
		.used = true,
		.data = event->data.u64,
	};
}

bool epollreg_is_empty(const struct epollreg_set *set)
{
	size_t i;

	for (i = 0; i < EPOLLREG_MAX; i++)
		if (set->entries[i].used)
			return false;
	return true;
}

void epollreg_forget(struct epollreg_set *set, int fd)
{
	size_t i;

	for (i = 0; i < EPOLLREG_MAX; i++)
		if (set->entries[i].fd == fd)
			set->entries[i].used = false;
}

/* stdio and its locale are out of bounds in a hook. */
static void fdinfo_path(char path[FDINFO_PATH_MAX], int fd)
{
	static const char head[] = "/proc/self/fdinfo/";
	char digits[12];
	size_t n = 0, at = sizeof(head) - 1;

	memcpy(path, head, sizeof(head) - 1);
	do
		digits[n++] = (char)('0' + fd % 10);
	while ((fd /= 10) > 0);
	while (n > 0)
		path[at++] = digits[--n];
	path[at] = '\0';
}

/* "tfd:        5 events: 40000019 data: …": the mask when it is `fd`'s. */
static bool parse_line(const char *line, int fd, uint32_t *mask)
{
	char *end;

	if (strncmp(line, "tfd:", 4) != 0 ||
	    strtol(line + 4, &end, 10) != (long)fd)
		return false;
	while (*end == ' ')
		end++;
	if (strncmp(end, "events:", 7) != 0)
		return false;
	*mask = (uint32_t)strtoul(end + 7, NULL, 16);
	return true;
}

/* All whole lines in `text`: true when one was `fd`'s. `*used` bytes are done
 * with. */
static bool parse_lines(char *text, size_t len, int fd, uint32_t *mask,
			size_t *used)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', len - (size_t)(line - text)))) {
		*end = '\0';
		if (parse_line(line, fd, mask))
			return true;
		line = end + 1;
	}
	*used = (size_t)(line - text);
	return false;
}

/* The mask that the kernel holds for `fd` in `epfd`. */
static bool read_mask(int epfd, int fd, uint32_t *mask)
{
	char path[FDINFO_PATH_MAX], text[4096];
	size_t have = 0, used;
	bool found = false;
	ssize_t n = 0;
	int info;

	fdinfo_path(path, epfd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return false;
	while (!found && have < sizeof(text) - 1 &&
	       (n = next.read(info, text + have, sizeof(text) - 1 - have)) >
		       0) {
		have += (size_t)n;
		found = parse_lines(text, have, fd, mask, &used);
		if (found)
			break;
		memmove(text, text + used, have - used);
		have -= used;
	}
	next.close(info);
	return found;
}

/* A one-shot registration that has fired must not be armed by the way. */
static void keep_fired(struct epollreg *r)
{
	uint32_t mask;

	if ((r->events & (uint32_t)EPOLLONESHOT) &&
	    read_mask(r->epfd, r->fd, &mask) && (mask & ~PRIVATE_BITS) == 0)
		r->events = mask;
}

void epollreg_lift(struct epollreg_set *set, int fd)
{
	struct epoll_event unused_event = { 0 };
	int saved = errno;
	size_t i;

	for (i = 0; i < EPOLLREG_MAX; i++) {
		struct epollreg *r = &set->entries[i];

		if (!r->used || r->fd != fd)
			continue;
		keep_fired(r);
		if (next.epoll_ctl(r->epfd, EPOLL_CTL_DEL, fd, &unused_event) !=
		    0)
			r->used = false;
	}
	errno = saved;
}

void epollreg_replace(struct epollreg_set *set, int fd)
{
	int saved = errno;
	size_t i;

	for (i = 0; i < EPOLLREG_MAX; i++) {
		struct epollreg *r = &set->entries[i];
		struct epoll_event event = { .events = r->events,
					     .data.u64 = r->data };

		if (r->used && r->fd == fd)
			next.epoll_ctl(r->epfd, EPOLL_CTL_ADD, fd, &event);
	}
	errno = saved;
}
