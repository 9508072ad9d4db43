/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_process.c - a script and a URL into a list of proxies, by a process that
 * can be killed
 *
 * The other end is pac_helper.c: a question goes out, a line comes back, within
 * the deadline or never. The helper starts with one socket, a few variables and
 * nothing else of ours.
 */
#include <config.h>

#include "pac_process.h"

#include "cancel.h"
#include "clock.h"
#include "pac_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/wait.h>

/* Starting */

/* Threads of the pool block all signals, and the daemon ignores SIGPIPE. */
static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	return posix_spawnattr_setsigmask(attr, &none) |
	       posix_spawnattr_setsigdefault(attr, &all) |
	       posix_spawnattr_setpgroup(attr, 0) |
	       posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
}

static int set_files(posix_spawn_file_actions_t *files, int fd)
{
	return posix_spawn_file_actions_adddup2(files, fd, 0) |
	       posix_spawn_file_actions_adddup2(files, fd, 1) |
	       posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY,
						0) |
	       posix_spawn_file_actions_addclosefrom_np(files, 3);
}

/* Scripts ask what time it is here. A resolver that is silent shall cost less
 * than the deadline: most scripts look names up that a closed network does not
 * know, and go on when there is no answer. */
static void make_environment(char *env[3], char tz[PATH_MAX])
{
	const char *zone = getenv("TZ");
	size_t n = 0;

	env[n++] = (char *)"RES_OPTIONS=timeout:1 attempts:1";
	if (zone != NULL && strlen(zone) < PATH_MAX - 3) {
		snprintf(tz, PATH_MAX, "TZ=%s", zone);
		env[n++] = tz;
	}
	env[n] = NULL;
}

static int spawn(struct pac_process *p, const char *program, int fd)
{
	char *argv[] = { (char *)"turnout-pac", NULL };
	char *env[3], tz[PATH_MAX];
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc;

	make_environment(env, tz);
	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	rc = set_files(&files, fd) | set_attributes(&attr);
	rc = rc != 0 ? ENOMEM
		     : posix_spawn(&p->pid, program, &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

int pac_process_open(struct pac_process *p, const char *program)
{
	int fd[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return -errno;
	rc = spawn(p, program, fd[1]);
	close(fd[1]);
	p->fd = fd[0];
	if (rc < 0)
		close(fd[0]);
	return rc;
}

void pac_process_close(struct pac_process *p)
{
	kill(p->pid, SIGKILL);
	close(p->fd);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*p = (struct pac_process){ .fd = -1 };
}

/* Question and answer */

/* 0: it can be read or written. */
static int wait_for(struct pac_process *p, short events, struct pac_wait *w)
{
	struct pollfd pfd = { .fd = p->fd, .events = events };
	uint64_t left;
	int rc;

	do {
		rc = pac_wait_over(w);
		if (rc < 0)
			return rc;
		left = w->deadline_ms - clock_now_ms();
		rc = poll(&pfd, 1, left < 60000 ? (int)left : 60000);
		if (rc < 0 && errno != EINTR)
			return pac_wait_fail(w, -errno, "%s", strerror(errno));
	} while (rc <= 0);
	return 0;
}

/* By its own limits, its crash, or somebody's kill. */
static int blame_end(struct pac_process *p, struct pac_wait *w)
{
	siginfo_t info = { .si_pid = 0 };

	if (w->cancel != NULL && cancel_is_set(w->cancel))
		return pac_wait_fail(w, -ECANCELED, "cancelled");
	if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) <
		    0 ||
	    info.si_pid == 0 || info.si_code == CLD_EXITED)
		return pac_wait_fail(w, -EPIPE,
				     "the script's process has ended");
	return pac_wait_fail(w, -EPIPE, "the script's process was ended by %s",
			     info.si_status == SIGXCPU
				     ? "its limit of processor time"
				     : strsignal(info.si_status));
}

static int send_all(struct pac_process *p, const char *data, size_t len,
		    struct pac_wait *w)
{
	while (len > 0) {
		ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc = 0;

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			rc = wait_for(p, POLLOUT, w);
		} else if (errno != EINTR) {
			rc = blame_end(p, w);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A line without its end. It is all that comes before the next question. */
static int read_line(struct pac_process *p, char *line, size_t max,
		     struct pac_wait *w)
{
	size_t len = 0;
	ssize_t n;
	int rc;

	for (;;) {
		rc = wait_for(p, POLLIN, w);
		if (rc < 0)
			return rc;
		n = recv(p->fd, line + len, max - len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return blame_end(p, w);
		len += (size_t)n;
		if (line[len - 1] == '\n')
			break;
		if (len == max)
			return pac_wait_fail(w, -EPIPE,
					     "the script's answer has no end");
	}
	line[len - 1] = '\0';
	if (strlen(line) != len - 1 || strchr(line, '\n') != NULL)
		return pac_wait_fail(w, -EPIPE,
				     "the script's process speaks nonsense");
	return 0;
}

static int read_answer(struct pac_process *p, char *list, size_t max,
		       struct pac_wait *w)
{
	/* the mark, a line end */
	char line[PAC_LIST_BYTES_MAX + 3];
	int rc = read_line(p, line, sizeof(line), w);

	if (rc < 0)
		return rc;
	if (line[0] == '!')
		return pac_wait_fail(w, -EBADMSG, "%s", line + 1);
	if (line[0] != '=' || strlen(line + 1) >= max)
		return pac_wait_fail(w, -EPIPE,
				     "the script's process speaks nonsense");
	strcpy(list, line + 1);
	return 0;
}

static void watch(struct pac_wait *w, int fd)
{
	if (w->cancel != NULL)
		cancel_watch(w->cancel, fd);
}

int pac_process_load(struct pac_process *p, const char *script, size_t len,
		     struct pac_wait *w)
{
	char line[64], none[1];
	int rc;

	snprintf(line, sizeof(line), "script %zu\n", len);
	watch(w, p->fd);
	rc = send_all(p, line, strlen(line), w);
	if (rc == 0)
		rc = send_all(p, script, len, w);
	if (rc == 0)
		rc = read_answer(p, none, sizeof(none), w);
	watch(w, -1);
	return rc;
}

int pac_process_ask(struct pac_process *p, const char *url, const char *host,
		    char list[PAC_LIST_BYTES_MAX + 1], struct pac_wait *w)
{
	char line[1024];
	int rc;

	if ((size_t)snprintf(line, sizeof(line), "%s %s\n", url, host) >=
	    sizeof(line))
		return pac_wait_fail(w, -EBADMSG, "the URL is too long");
	watch(w, p->fd);
	rc = send_all(p, line, strlen(line), w);
	if (rc == 0)
		rc = read_answer(p, list, PAC_LIST_BYTES_MAX + 1, w);
	watch(w, -1);
	return rc;
}
