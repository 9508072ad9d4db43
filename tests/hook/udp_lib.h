/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_lib.h - what the UDP and names programs have in common: checks that
 * count, addresses, the fake daemon's counters, a native echo peer
 */
#ifndef UDP_LIB_H
#define UDP_LIB_H

#include <turnout/control.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* Addresses of the namespace that run-udp makes. */
#define OWN4     "10.99.0.2"
#define OWN6     "fd99::2"
#define DEVICE   "turnout0"
#define FAR4     "203.0.113.5" /* tunnelled */
#define FAR4B    "203.0.113.6"
#define FAR6     "2001:db8::5"
#define BLOCKED4 "192.0.2.66"

#define PORT_ECHO         7
#define PORT_STRANGER_TOO 8
#define PORT_NOTHING      10
#define PORT_FORGED_TOO   11
#define PORT_SEGMENTED    12
#define PORT_NATIVE_ECHO  7777
#define COMMAND_TYPE      99

static int lib_failed_here, lib_passed, lib_failed;

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			lib_failed_here++;                                     \
			printf("  %s:%d: %s (errno %d)\n", __FILE__, __LINE__, \
			       #cond, errno);                                  \
		}                                                              \
	} while (0)

#define CHECK_EQ(a, b)                                                       \
	do {                                                                 \
		long long left = (long long)(a), right = (long long)(b);     \
		if (left != right) {                                         \
			lib_failed_here++;                                   \
			printf("  %s:%d: %s is %lld, not %lld (errno %d)\n", \
			       __FILE__, __LINE__, #a, left, right, errno);  \
		}                                                            \
	} while (0)

struct lib_test {
	const char *name;
	void (*run)(void);
};

static inline void lib_run_one(const char *name, void (*run)(void))
{
	lib_failed_here = 0;
	run();
	if (lib_failed_here > 0) {
		lib_failed++;
		printf("FAIL %s\n", name);
	} else {
		lib_passed++;
		printf("PASS %s\n", name);
	}
	fflush(stdout);
}

/* Tests whose names contain one of the arguments, or all. */
static inline int lib_main(const struct lib_test *tests, size_t n, int argc,
			   char **argv)
{
	alarm(120);
	for (size_t i = 0; i < n; i++) {
		bool wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted |= strstr(tests[i].name, argv[k]) != NULL;
		if (wanted)
			lib_run_one(tests[i].name, tests[i].run);
	}
	return lib_failed > 0 || lib_passed == 0;
}

static inline struct sockaddr_in at4(const char *ip, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, ip, &in.sin_addr);
	return in;
}

/* An IPv4 text becomes v4-mapped. */
static inline struct sockaddr_in6 at6(const char *ip, int port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "%s%s",
		 strchr(ip, ':') ? "" : "::ffff:", ip);
	inet_pton(AF_INET6, mapped, &in6.sin6_addr);
	return in6;
}

/* A bound UDP socket that waits 2 s at most; `ip` NULL: unbound. */
static inline int udp_at(int family, const char *ip)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = 2 };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (ip == NULL)
		return fd;
	in = at4(ip, 0);
	in6 = at6(ip, 0);
	if (family == AF_INET)
		CHECK_EQ(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	else
		CHECK_EQ(bind(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	return fd;
}

/* One request to the fake daemon; the answer's text. */
static inline const char *fake_ask(uint16_t type, const char *body)
{
	static char text[4096];
	struct control_header header = { CONTROL_MAGIC, CONTROL_VERSION, type,
					 (uint32_t)strlen(body) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t have = 0;
	ssize_t n;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s",
		 getenv("TURNOUT_SOCKET"));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0 ||
	    send(fd, &header, sizeof(header), MSG_NOSIGNAL) < 0 ||
	    (*body != '\0' && send(fd, body, strlen(body), MSG_NOSIGNAL) < 0))
		perror("fake daemon");
	while ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	text[have] = '\0';
	close(fd);
	return text;
}

static inline void fake_command(const char *word)
{
	CHECK(strcmp(fake_ask(COMMAND_TYPE, word), "ok") == 0);
}

/* The value of a counter, as text; "0" when it has not been counted. */
static inline const char *fake_value(const char *key)
{
	static char value[128];
	const char *text = fake_ask(CONTROL_STATUS, "");
	size_t len = strlen(key);

	snprintf(value, sizeof(value), "0");
	for (; text != NULL && *text != '\0'; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, key, len) == 0 && text[len] == ' ')
			sscanf(text + len + 1, "%127s", value);
	}
	return value;
}

static inline int fake_count(const char *key)
{
	return atoi(fake_value(key));
}

/* Until a counter has that value; datagrams reach the fake when they do. */
static inline int fake_count_until(const char *key, int want)
{
	int have = fake_count(key);

	for (int i = 0; i < 100 && have != want; i++) {
		usleep(10000);
		have = fake_count(key);
	}
	return have;
}

static inline void *native_echo(void *arg)
{
	int fd = *(int *)arg;
	char data[2048];
	struct sockaddr_storage from;
	socklen_t len;
	ssize_t n;

	for (;;) {
		len = sizeof(from);
		n = recvfrom(fd, data, sizeof(data), 0,
			     (struct sockaddr *)&from, &len);
		if (n >= 0)
			sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from,
			       len);
	}
	return NULL;
}

/* A peer on this machine that policy calls direct, on [::]:7777. */
static inline void native_echo_start(void)
{
	static int fd;
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons(PORT_NATIVE_ECHO) };
	pthread_t thread;

	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0)
		perror("native echo");
	pthread_create(&thread, NULL, native_echo, &fd);
	pthread_detach(thread);
}

#endif
