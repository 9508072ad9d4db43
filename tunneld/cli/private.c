/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * private.c - options -> a tunneld of our own in a directory of its own
 *
 * Theory of operation. turnout becomes the command by exec, so tunneld must
 * not be its child: the command would be sent SIGCHLD for it, and a plain
 * wait() would return it. A child in between starts a session (^C at the
 * terminal is for the command), forks tunneld and ends at once. The pipe tells
 * how it went: tunneld writes one byte when its socket and page are there; end
 * of file before means that it has ended, after saying why. tunneld watches
 * our pid, so it goes when we do, and takes its directory along.
 */
#include <config.h>

#include "private.h"

#include "places.h"
#include "preload_env.h"
#include "say.h"

#include <turnout/page.h>
#include <turnout/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#define READY_TIMEOUT_MS 30000
#define READY_FD         3
#define TEMPLATE         "/turnout-run.XXXXXX"
#define CONTROL          "/control"

/* The fixed arguments of build_argv(), and its NULL. */
#define FIXED_ARGS 16

/* Whether a directory of ours can stand in `dir`, which must be the user's:
 * under sudo, $XDG_RUNTIME_DIR may be somebody else's. */
static bool runtime_ok(const char *dir)
{
	struct stat st;

	if (dir == NULL || dir[0] != '/' ||
	    strlen(dir) + strlen(TEMPLATE CONTROL) > SOCKET_PATH_MAX)
		return false;
	return stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid();
}

/* mkdtemp() makes it 0700. */
static int make_directory(char *dir, size_t max)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime_ok(runtime)) {
		snprintf(dir, max, "%s%s", runtime, TEMPLATE);
		if (mkdtemp(dir) != NULL)
			return 0;
	}
	snprintf(dir, max, "/tmp%s", TEMPLATE);
	if (mkdtemp(dir) != NULL)
		return 0;
	say("cannot make a directory for tunneld in $XDG_RUNTIME_DIR or /tmp: "
	    "%s",
	    strerror(errno));
	return -EIO;
}

/* What a tunneld that failed may have left. */
static void remove_directory(const char *dir)
{
	static const char *const names[] = { CONTROL, CONTROL PAGE_SUFFIX };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Our descriptors must not take the places of 0, 1 and 2, which the command
 * may want to find closed, and where messages would end up in them. */
static int open_ready_pipe(int fds[2])
{
	int low[2], err = 0;

	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, READY_FD + 1);
		if (fds[i] < 0)
			err = -errno;
		close(low[i]);
	}
	return err;
}

/* In tunneld's process: no descriptor of the caller stays open in it, or a
 * reader of the command's output would wait for tunneld too. */
static void arrange_descriptors(int ready)
{
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (fcntl(STDERR_FILENO, F_GETFD) < 0)
			dup2(null, STDERR_FILENO);
	}
	dup2(ready, READY_FD);
	close_range(READY_FD + 1, ~0u, 0);
}

/* tunneld must not be its own customer, nor that of the one around us. */
static void arrange_environment(void)
{
	char *others = preload_env_without(getenv("LD_PRELOAD"));

	if (others == NULL || others[0] == '\0')
		unsetenv("LD_PRELOAD");
	else
		setenv("LD_PRELOAD", others, 1);
	free(others);
	unsetenv(ENV_SOCKET);
}

static NORETURN void become_tunneld(const char *program,
				    const char *const *argv, int ready)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	arrange_descriptors(ready);
	arrange_environment();
	/* execv() does not write to the strings (POSIX, exec, RATIONALE). */
	execv(program, (char *const *)(uintptr_t)argv);
	say("cannot run %s: %s", program, strerror(errno));
	_exit(1);
}

/* Fork twice; 0 when tunneld's process exists. */
static int launch(const char *program, const char *const *argv, int ready)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		setsid();
		pid = fork();
		if (pid == 0)
			become_tunneld(program, argv, ready);
		_exit(pid < 0 ? errno : 0);
	}
	while (waitpid(pid, &status, 0) < 0) {
		/* SIGCHLD ignored: the pipe tells what there is to know. */
		if (errno != EINTR)
			return 0;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int await_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;
	int n;

	do {
		n = poll(&p, 1, READY_TIMEOUT_MS);
	} while (n < 0 && errno == EINTR);
	if (n == 0) {
		say("tunneld was not ready within %d s; try again with "
		    "--set daemon.log_level=debug",
		    READY_TIMEOUT_MS / 1000);
		return -ETIMEDOUT;
	}
	if (n > 0 && read(fd, &byte, 1) == 1)
		return 0;
	say("tunneld did not start: see above; 'turnout config check' looks "
	    "at a configuration");
	return -ECHILD;
}

/* Free the array; the strings are borrowed. */
static const char **build_argv(const struct private_opts *opts,
			       const char *program, const char *socket,
			       const char *pid)
{
	const char **argv = calloc(FIXED_ARGS + 2 * opts->set_count,
				   sizeof(*argv));
	size_t n = 0;

	if (argv == NULL)
		return NULL;
	argv[n++] = program;
	argv[n++] = "--private";
	argv[n++] = "--socket";
	argv[n++] = socket;
	argv[n++] = "--watch-pid";
	argv[n++] = pid;
	argv[n++] = "--ready-fd";
	argv[n++] = "3";
	_Static_assert(READY_FD == 3, "as in --ready-fd");
	if (opts->quiet)
		argv[n++] = "-q";
	if (opts->config != NULL) {
		argv[n++] = "--config";
		argv[n++] = opts->config;
	}
	for (size_t i = 0; i < opts->set_count; i++) {
		argv[n++] = "--set";
		argv[n++] = opts->set[i];
	}
	return argv;
}

static int start_in(const struct private_opts *opts, const char *program,
		    const char *socket)
{
	int fds[2] = { -1, -1 }, err;
	const char **argv;
	char pid[24];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	argv = build_argv(opts, program, socket, pid);
	err = argv == NULL ? -ENOMEM : open_ready_pipe(fds);
	if (!err)
		err = launch(program, argv, fds[1]);
	free(argv);
	if (fds[1] >= 0)
		close(fds[1]);
	if (!err)
		err = await_ready(fds[0]);
	else
		say("cannot start tunneld: %s", strerror(-err));
	if (fds[0] >= 0)
		close(fds[0]);
	return err;
}

int private_start(const struct private_opts *opts, char *socket, size_t max)
{
	char program[PATH_MAX], dir[SOCKET_PATH_MAX + 1];
	int err = places_tunneld(program, sizeof(program));

	if (err) {
		say("tunneld is not at %s; install it ('make install') or name "
		    "it in " ENV_TUNNELD,
		    program);
		return err;
	}
	err = make_directory(dir, sizeof(dir));
	if (err)
		return err;
	snprintf(socket, max, "%s%s", dir, CONTROL);
	err = start_in(opts, program, socket);
	if (err)
		remove_directory(dir);
	return err;
}
