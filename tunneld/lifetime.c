/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lifetime.c - a pidfd for the command, and then a look at /proc
 *
 * The command is watched by pidfd, which costs nothing. Only when it has ended
 * are other processes looked for: those that inherited TURNOUT_SOCKET with our
 * socket's path. A descriptor that they inherit would be simpler, but browsers
 * close every descriptor that they do not know.
 */
#include <config.h>

#include "lifetime.h"

#include <turnout/paths.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/syscall.h>

/* How long after the last process the daemon may linger. */
#define LOOK_MS 250
/* An environment is at most 128 KiB an entry; ours stands early or late. */
#define ENVIRON_BYTES_MAX (4u << 20)

struct lifetime {
	struct loop *loop;
	struct loop_fd watch;
	struct loop_timer look;
	int pidfd; /* -1: the command has ended */
	char *needle;
	size_t needle_len; /* with its NUL: a whole entry */
	bool (*is_busy)(void *arg);
	loop_fn *on_end;
	void *arg;
};

/* Is `entry` (NUL-terminated) one of the NUL-separated strings in `data`? */
static bool has_entry(const char *data, size_t len, const char *entry,
		      size_t entry_len)
{
	const char *at = data, *end = data + len;

	while (at < end) {
		size_t left = (size_t)(end - at);
		size_t n = strnlen(at, left) + 1;

		if (n == entry_len && left >= n &&
		    memcmp(at, entry, entry_len) == 0)
			return true;
		at += n;
	}
	return false;
}

static bool is_served(const struct lifetime *l, const char *pid)
{
	char path[64], *data = NULL;
	size_t len = 0, max = 0;
	bool found = false;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* gone, or another user's: not ours */
	do {
		if (len == max) {
			char *more = realloc(data, max + 65536);

			if (more == NULL || max > ENVIRON_BYTES_MAX)
				break;
			data = more;
			max += 65536;
		}
		n = read(fd, data + len, max - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	found = data != NULL && has_entry(data, len, l->needle, l->needle_len);
	free(data);
	close(fd);
	return found;
}

static bool somebody_is_served(const struct lifetime *l)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	bool found = false;

	if (dir == NULL)
		return false;
	while (!found && (d = readdir(dir)) != NULL)
		found = isdigit((unsigned char)d->d_name[0]) &&
			atoi(d->d_name) != getpid() && is_served(l, d->d_name);
	closedir(dir);
	return found;
}

static void look(void *arg, uint64_t now_ms)
{
	struct lifetime *l = arg;

	if (somebody_is_served(l) || l->is_busy(l->arg))
		loop_timer_set(l->loop, &l->look, now_ms + LOOK_MS, look, l);
	else
		l->on_end(l->arg, now_ms);
}

static void on_exit_of_command(void *arg, uint32_t events, uint64_t now_ms)
{
	struct lifetime *l = arg;

	(void)events;
	loop_fd_del(l->loop, &l->watch);
	close(l->pidfd);
	l->pidfd = -1;
	look(l, now_ms);
}

struct lifetime *lifetime_new(struct loop *loop, int pid,
			      const char *socket_path,
			      bool (*is_busy)(void *arg), loop_fn *on_end,
			      void *arg)
{
	struct lifetime *l = calloc(1, sizeof(*l));
	int err = 0;

	if (l == NULL)
		return NULL;
	*l = (struct lifetime){
		.loop = loop, .is_busy = is_busy, .on_end = on_end, .arg = arg
	};
	l->needle_len = sizeof(ENV_SOCKET "=") + strlen(socket_path);
	l->needle = malloc(l->needle_len);
	if (l->needle == NULL) {
		free(l);
		errno = ENOMEM;
		return NULL;
	}
	snprintf(l->needle, l->needle_len, "%s=%s", ENV_SOCKET, socket_path);
	l->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (l->pidfd >= 0)
		err = loop_fd_add(loop, &l->watch, l->pidfd, EPOLLIN,
				  on_exit_of_command, l);
	else
		err = loop_timer_set(loop, &l->look,
				     loop_now_ms(loop) + LOOK_MS, look, l);
	if (err < 0) {
		lifetime_free(l);
		errno = -err;
		return NULL;
	}
	return l;
}

void lifetime_free(struct lifetime *l)
{
	if (l == NULL)
		return;
	loop_fd_del(l->loop, &l->watch);
	loop_timer_stop(l->loop, &l->look);
	if (l->pidfd >= 0)
		close(l->pidfd);
	free(l->needle);
	free(l);
}
