/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook.h - the main() of a program that runs under libturnout.so: each case in
 * a process of its own, with a time limit and a count of open descriptors
 *
 * HOOK_PORT is the port of an echo server on this machine; fake_daemon.py says
 * what the addresses mean.
 */
#ifndef HOOK_H
#define HOOK_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CASE_LIMIT_S 20

enum outcome {
	OK_AT_ONCE = 1,
	OK_LATER = 2,
	REFUSED_AT_ONCE = 3,
	REFUSED_LATER = 4,
	NEVER = 5,
	ENDS = 6,
	OK_NEW_SOCKET = 7,
	UNREACHABLE_LATER = 8,
	REFUSED_NEW_SOCKET = 9,
	OK_DRAINED_LATE = 10,
};

struct hook_case {
	const char *name;
	void (*run)(void);
};

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			printf("# %s:%d: %s (errno %d)\n", __FILE__, __LINE__, \
			       #condition, errno);                             \
			fflush(stdout);                                        \
			_exit(1);                                              \
		}                                                              \
	} while (0)

/* The call fails with this errno. */
#define CHECK_FAILS(call, error)         \
	do {                             \
		errno = 0;               \
		CHECK((call) == -1);     \
		CHECK(errno == (error)); \
	} while (0)

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline uint16_t echo_port(void)
{
	const char *text = getenv("HOOK_PORT");

	CHECK(text != NULL);
	return htons((uint16_t)atoi(text));
}

static inline struct sockaddr_in to4(enum outcome outcome)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_addr.s_addr = htonl(0xc6336400u + (uint32_t)outcome);
	a.sin_port = echo_port();
	return a;
}

static inline struct sockaddr_in6 to6(const char *head, enum outcome outcome)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	char text[64];

	snprintf(text, sizeof(text), "%s%d", head, (int)outcome);
	CHECK(inet_pton(AF_INET6, text, &a.sin6_addr) == 1);
	a.sin6_port = echo_port();
	return a;
}

static inline int dial(int fd, enum outcome outcome)
{
	struct sockaddr_in a = to4(outcome);

	return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static inline int tcp_socket(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	CHECK(fd >= 0);
	return fd;
}

/* A non-blocking socket whose connect is under way. */
static inline int tcp_dialing(enum outcome outcome)
{
	int fd = tcp_socket(SOCK_NONBLOCK);

	CHECK_FAILS(dial(fd, outcome), EINPROGRESS);
	return fd;
}

static inline int poll_events(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, timeout_ms);

	CHECK(n >= 0);
	return n == 0 ? 0 : p.revents;
}

static inline int so_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
	CHECK(len == sizeof(error));
	return error;
}

static inline bool peer_is(int fd, enum outcome outcome)
{
	struct sockaddr_in want = to4(outcome), have;
	socklen_t len = sizeof(have);

	return getpeername(fd, (struct sockaddr *)&have, &len) == 0 &&
	       len == sizeof(have) && memcmp(&want, &have, len) == 0;
}

/* Bytes come back through the socket, whether it blocks or not. */
static inline void check_echo(int fd)
{
	char sent[] = "over there", got[sizeof(sent)];
	size_t have = 0;
	ssize_t n;

	CHECK(send(fd, sent, sizeof(sent), 0) == (ssize_t)sizeof(sent));
	while (have < sizeof(got)) {
		CHECK(poll_events(fd, POLLIN, 3000) & POLLIN);
		n = recv(fd, got + have, sizeof(got) - have, 0);
		CHECK(n > 0);
		have += (size_t)n;
	}
	CHECK(memcmp(sent, got, sizeof(sent)) == 0);
}

/* What a successful connect shows, once it is writable. */
static inline void check_connected(int fd, enum outcome outcome)
{
	CHECK(poll_events(fd, POLLOUT, 3000) == POLLOUT);
	CHECK(so_error(fd) == 0);
	CHECK(peer_is(fd, outcome));
	check_echo(fd);
}

static inline int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	CHECK(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static inline void hook_child(const struct hook_case *c)
{
	int before = count_descriptors();

	alarm(CASE_LIMIT_S);
	c->run();
	alarm(0);
	if (count_descriptors() != before) {
		printf("# %s: %d descriptors more than before\n", c->name,
		       count_descriptors() - before);
		fflush(stdout);
		_exit(1);
	}
	_exit(0);
}

static inline int hook_run(const struct hook_case *cases, size_t n,
			   const char *only)
{
	int failed = 0, status;
	size_t i;

	for (i = 0; i < n; i++) {
		pid_t child;

		if (only != NULL && strcmp(only, cases[i].name) != 0)
			continue;
		fflush(stdout);
		child = fork();
		if (child == 0)
			hook_child(&cases[i]);
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 1;
		if (status != 0)
			failed++;
		printf("%s: %s%s\n", status == 0 ? "PASS" : "FAIL",
		       cases[i].name,
		       WIFSIGNALED(status) ? " (killed by a signal)" : "");
	}
	return failed != 0;
}

#define HOOK_MAIN(cases)                                                   \
	int main(int argc, char **argv)                                    \
	{                                                                  \
		return hook_run((cases), sizeof(cases) / sizeof(*(cases)), \
				argc > 1 ? argv[1] : NULL);                \
	}

#endif
