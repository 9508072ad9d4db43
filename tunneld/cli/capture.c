/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture.c - what a program prints, within bounds */
#include <config.h>

#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/wait.h>

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int start(const struct capture *c, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err != 0)
		return -err;
	err = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
					       "/dev/null", O_RDONLY, 0);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(&actions, out,
						       STDOUT_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	/* It does not write to the strings (POSIX, exec, RATIONALE). */
	if (err == 0)
		err = posix_spawnp(pid, c->argv[0], &actions, NULL,
				   (char *const *)(uintptr_t)c->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* Bytes, 0 at the end, or -errno. */
static ssize_t read_some(int fd, char *out, size_t max, uint64_t end_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = now_ms();
	ssize_t n;

	if (now >= end_ms || poll(&p, 1, (int)(end_ms - now)) == 0)
		return -ETIMEDOUT;
	n = read(fd, out, max);
	return n < 0 ? -errno : n;
}

static int read_all(int fd, uint64_t end_ms, char **text, size_t *bytes)
{
	size_t room = 65536;
	char *more = malloc(room);
	ssize_t n = -ENOMEM;

	*bytes = 0;
	while (more != NULL) {
		*text = more;
		n = read_some(fd, *text + *bytes, room - 1 - *bytes, end_ms);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		*bytes += (size_t)n;
		if (*bytes < room - 1)
			continue;
		room *= 2;
		n = room > CAPTURE_MAX ? -EMSGSIZE : -ENOMEM;
		more = room > CAPTURE_MAX ? NULL : realloc(*text, room);
	}
	if (n == 0)
		(*text)[*bytes] = '\0';
	return (int)n;
}

int capture(const struct capture *c, char **text, size_t *bytes)
{
	int fds[2], status, err;
	pid_t pid;

	*text = NULL;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	err = start(c, fds[1], &pid);
	close(fds[1]);
	if (err == 0) {
		err = read_all(fds[0], now_ms() + (uint64_t)c->timeout_ms, text,
			       bytes);
		if (err < 0)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (err == 0)
			err = WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
	}
	close(fds[0]);
	if (err < 0) {
		free(*text);
		*text = NULL;
	}
	return err;
}
