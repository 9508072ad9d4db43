/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * command.c - what a shell command prints
 *
 * The child leads a process group of its own, so that all that it starts can
 * be ended with it. Its end is seen by a pidfd: a pipe may be held open by
 * something that it left in the background.
 */
#include <config.h>

#include "command.h"

#include "cancel.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STDERR_BYTES 160
#define VARIABLES    32

struct child {
	struct command *c;
	pid_t pid;
	int pidfd;
	int out, err; /* our ends; -1: closed */
	char said[STDERR_BYTES];
	size_t said_len;
};

/* Neither the proxy's password (http_proxy), nor what would make our own
 * interposer or systemd's protocol take part. */
static const char *const passed_on[] = {
	"PATH",
	"HOME",
	"USER",
	"LOGNAME",
	"SHELL",
	"LANG",
	"LANGUAGE",
	"TZ",
	"TMPDIR",
	"XDG_RUNTIME_DIR",
	"XDG_CONFIG_HOME",
	"XDG_DATA_HOME",
	"XDG_CACHE_HOME",
	"XDG_STATE_HOME",
	"DBUS_SESSION_BUS_ADDRESS",
	/* which desktop it is */
	"XDG_CURRENT_DESKTOP",
	"DESKTOP_SESSION",
	"GNOME_DESKTOP_SESSION_ID",
	"KDE_FULL_SESSION",
	"DISPLAY",
	"WAYLAND_DISPLAY",
	"KRB5CCNAME",
	"KRB5_CONFIG",
	"SSL_CERT_FILE",
	"SSL_CERT_DIR",
	"CREDENTIALS_DIRECTORY",
};
_Static_assert(ARRAY_SIZE(passed_on) < VARIABLES, "room for LC_*, too");

extern char **environ;

static bool is_passed_on(const char *entry)
{
	if (strncmp(entry, "LC_", 3) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		size_t n = strlen(passed_on[i]);

		if (strncmp(entry, passed_on[i], n) == 0 && entry[n] == '=')
			return true;
	}
	return false;
}

static void make_environment(char *env[VARIABLES + 1])
{
	size_t n = 0;

	for (char **e = environ; *e != NULL && n < VARIABLES; e++)
		if (is_passed_on(*e))
			env[n++] = *e;
	env[n] = NULL;
}

/* Threads of the pool block all signals, and the daemon ignores SIGPIPE: the
 * child shall do neither. */
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

/* All of it lies in the pipe before anybody reads. */
static int open_input(const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;
	int p[2], error = 0;

	if (text == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (len > COMMAND_INPUT_MAX)
		return -E2BIG;
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	if (len > 0 && write(p[1], text, len) != (ssize_t)len)
		error = -EIO;
	close(p[1]);
	if (error < 0)
		close(p[0]);
	return error < 0 ? error : p[0];
}

static int spawn(struct child *ch, int in, int out, int err)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)ch->c->text,
			 NULL };
	char *env[VARIABLES + 1];
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc;

	make_environment(env);
	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	rc = posix_spawn_file_actions_adddup2(&files, in, 0) |
	     posix_spawn_file_actions_adddup2(&files, out, 1) |
	     posix_spawn_file_actions_adddup2(&files, err, 2) |
	     posix_spawn_file_actions_addclosefrom_np(&files, 3) |
	     set_attributes(&attr);
	rc = rc != 0 ? ENOMEM
		     : posix_spawn(&ch->pid, "/bin/sh", &files, &attr, argv,
				   env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int start(struct child *ch)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	int in = open_input(ch->c->input), rc = in < 0 ? in : 0;

	if (rc == 0 && (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 ||
			pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0))
		rc = -errno;
	/* the child's ends block, as everybody expects */
	if (rc == 0 &&
	    (fcntl(out[1], F_SETFL, 0) < 0 || fcntl(err[1], F_SETFL, 0) < 0))
		rc = -errno;
	if (rc == 0)
		rc = spawn(ch, in, out[1], err[1]);
	close_fd(&in);
	close_fd(&out[1]);
	close_fd(&err[1]);
	ch->out = out[0];
	ch->err = err[0];
	if (rc == 0)
		ch->pidfd = (int)syscall(SYS_pidfd_open, ch->pid, 0);
	return rc;
}

/* Reading */

/* False: too much of it. */
static bool read_out(struct child *ch)
{
	struct command *c = ch->c;
	char more;

	while (ch->out >= 0) {
		size_t room = COMMAND_BYTES_MAX - c->len;
		ssize_t n = read(ch->out, room > 0 ? c->out + c->len : &more,
				 room > 0 ? room : 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			close_fd(&ch->out);
		else if (room == 0)
			return false;
		else
			c->len += (size_t)n;
	}
	return true;
}

/* Its first words are kept, and all of it is read: it must not be stuck. */
static void read_err(struct child *ch)
{
	char text[512];

	while (ch->err >= 0) {
		ssize_t n = read(ch->err, text, sizeof(text));
		size_t room = sizeof(ch->said) - 1 - ch->said_len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_fd(&ch->err);
			return;
		}
		if (room > (size_t)n)
			room = (size_t)n;
		memcpy(ch->said + ch->said_len, text, room);
		ch->said_len += room;
	}
}

static int fail(struct child *ch, int error, const char *words)
{
	char *line = ch->said;

	line[strcspn(line, "\n")] = '\0';
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	snprintf(ch->c->words, sizeof(ch->c->words), "%s%s%s", words,
		 *line != '\0' ? ": " : "", line);
	return error;
}

/* One wait; 0: it has ended, 1: go on. */
static int step(struct child *ch)
{
	struct pollfd p[] = { { .fd = ch->out, .events = POLLIN },
			      { .fd = ch->err, .events = POLLIN },
			      { .fd = ch->pidfd, .events = POLLIN } };
	siginfo_t info = { .si_pid = 0 };

	if (cancel_is_set(ch->c->cancel))
		return fail(ch, -ECANCELED, "cancelled");
	if (clock_now_ms() >= ch->c->deadline_ms)
		return fail(ch, -ETIMEDOUT, "did not end in time");
	if (poll(p, ARRAY_SIZE(p), CANCEL_POLL_MS) < 0 && errno != EINTR)
		return fail(ch, -errno, strerror(errno));
	/* before its pipes are read, so that nothing of it is missed */
	if (waitid(P_PID, (id_t)ch->pid, &info, WEXITED | WNOHANG | WNOWAIT) <
	    0)
		return fail(ch, -errno, strerror(errno));
	read_err(ch);
	if (!read_out(ch))
		return fail(ch, -E2BIG, "prints too much");
	return info.si_pid == 0;
}

/* Ending */

static bool ends_within(pid_t pid, uint64_t ms)
{
	uint64_t until = clock_now_ms() + ms;
	siginfo_t info = { .si_pid = 0 };

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		       0 &&
	       info.si_pid == 0 && clock_now_ms() < until)
		poll(NULL, 0, 10);
	return info.si_pid != 0;
}

/* The group lives as long as our child is not reaped: its number is not given
 * to others before. */
static int reap(struct child *ch, bool in_peace)
{
	int status = 0;

	if (!in_peace) {
		kill(-ch->pid, SIGTERM);
		ends_within(ch->pid, COMMAND_GRACE_MS);
	}
	kill(-ch->pid, SIGKILL);
	while (waitpid(ch->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int judge(struct child *ch, int status)
{
	char words[40];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		snprintf(words, sizeof(words), "killed by signal %d",
			 WTERMSIG(status));
	else
		snprintf(words, sizeof(words), "exit status %d",
			 WEXITSTATUS(status));
	return fail(ch, -ECHILD, words);
}

static int run(struct child *ch)
{
	int rc = start(ch), status;

	if (rc < 0)
		return fail(ch, rc, strerror(-rc));
	do
		rc = step(ch);
	while (rc == 1);
	status = reap(ch, rc == 0);
	return rc == 0 ? judge(ch, status) : rc;
}

int command_run(struct command *c)
{
	struct child ch = { .c = c, .pidfd = -1, .out = -1, .err = -1 };
	int rc = -ENOMEM;

	c->words[0] = '\0';
	c->len = 0;
	c->out = malloc(COMMAND_BYTES_MAX + 1);
	rc = c->out != NULL ? run(&ch) : fail(&ch, -ENOMEM, "out of memory");
	close_fd(&ch.out);
	close_fd(&ch.err);
	close_fd(&ch.pidfd);
	if (rc == 0)
		c->out[c->len] = '\0';
	else
		command_fini(c);
	return rc;
}

void command_fini(struct command *c)
{
	if (c->out != NULL)
		OPENSSL_cleanse(c->out, COMMAND_BYTES_MAX + 1);
	free(c->out);
	c->out = NULL;
	c->len = 0;
}
