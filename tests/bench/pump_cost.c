/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pump_cost.c - what an https:// proxy costs tunneld, compared with an http://
 * one
 *
 * An echo server in a child process stands for the proxy, once in the clear and
 * once behind TLS; this process is tunneld, and its CPU time is what counts.
 * Turns of each way follow each other. Prints JSON: microseconds of CPU for a
 * datagram of 1200 bytes there and back, 5000 a second; the time that each
 * takes there and back; and MB/s of a stream in one direction.
 *
 *	make -C tests bench/pump_cost && tests/bench/pump_cost
 */
#include <config.h>

#include "../../tunneld/cancel.h"
#include "../../tunneld/clock.h"
#include "../../tunneld/hop.h"
#include "../../tunneld/proxy_pump.h"
#include "../../tunneld/tls.h"
#include "../fake/tls_server.h"

#include <turnout/compiler.h>

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define BYTES         1200
#define PPS           5000
#define ROUNDS        5
#define ROUND_PACKETS 5000
#define STREAM_BYTES  (64 << 20)

/* Told by the child. */
struct places {
	uint16_t plain, tls, drain, tls_drain;
	char ca_file[64];
};

struct figure {
	double cpu_us, p50_us, p99_us;
};

static uint64_t ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The child */

struct service {
	int listen_fd;
	bool drain; /* reads all, says one byte at the end of it */
};

static void *serve_one(void *arg)
{
	struct service s = *(struct service *)arg;
	int fd = accept(s.listen_fd, NULL, NULL), one = 1;
	static _Thread_local char buf[65536];
	pthread_t next;
	ssize_t n;

	pthread_create(&next, NULL, serve_one, arg);
	pthread_detach(next);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (size_t got = 0; (n = recv(fd, buf, sizeof(buf), 0)) > 0;) {
		got += (size_t)n;
		if (!s.drain || got >= STREAM_BYTES)
			(void)!send(fd, buf, s.drain ? 1 : (size_t)n,
				    MSG_NOSIGNAL);
	}
	close(fd);
	return NULL;
}

static uint16_t start(struct service *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	pthread_t thread;

	s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(s->listen_fd, (struct sockaddr *)&in, len) < 0 ||
	    listen(s->listen_fd, 8) < 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&in, &len) < 0)
		err(1, "listen");
	pthread_create(&thread, NULL, serve_one, s);
	return ntohs(in.sin_port);
}

static uint16_t behind_tls(uint16_t port, struct places *at)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_FORWARD,
					.name = "proxy.test",
					.forward_port = port };
	struct tls_server *s = tls_server_new(&opts);

	strcpy(at->ca_file, tls_server_ca_file(s));
	return tls_server_port(s);
}

static void child(int fd)
{
	static struct service echo, drain = { .drain = true };
	struct places at[2] = { { .plain = 0 } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	at[0].plain = start(&echo);
	at[0].tls = behind_tls(at[0].plain, &at[0]);
	at[1].plain = start(&drain);
	at[1].tls = behind_tls(at[1].plain, &at[1]);
	if (write(fd, at, sizeof(at)) != sizeof(at))
		err(1, "write");
	pause();
}

/* tunneld */

static int dial(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		err(1, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int dial_pumped(struct proxy_pump *pump, const struct places *at)
{
	static struct cancel cancel;
	struct hop hop = { .socket = -1,
			   .deadline_ms = clock_now_ms() + 5000,
			   .cancel = &cancel };
	const char *words = "";
	struct proxy_pump_call call = { .outer = dial(at->tls),
					.host = "proxy.test",
					.port = at->tls,
					.inner = &hop };
	int fd;

	cancel_init(&cancel);
	call.tls = tls_ctx_new(at->ca_file, &words);
	if (call.tls == NULL)
		errx(1, "%s", words);
	fd = proxy_pump_connect(pump, &call);
	if (fd < 0)
		errx(1, "%s", call.words);
	tls_ctx_put(call.tls);
	return fd;
}

/* Paced as media is; each datagram is awaited before the next is due. */
static struct figure exchange(int fd)
{
	static uint64_t took[ROUND_PACKETS];
	uint64_t cpu = ns_of(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t due = ns_of(CLOCK_MONOTONIC);
	char buf[BYTES] = "";

	for (int i = 0; i < ROUND_PACKETS; i++) {
		struct timespec t;
		uint64_t begin;
		size_t got = 0;

		due += 1000000000U / PPS;
		t = (struct timespec){ .tv_sec = (time_t)(due / 1000000000U),
				       .tv_nsec = (long)(due % 1000000000U) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		begin = ns_of(CLOCK_MONOTONIC);
		if (send(fd, buf, BYTES, MSG_NOSIGNAL) != BYTES)
			err(1, "send");
		while (got < BYTES) {
			struct pollfd p = { .fd = fd, .events = POLLIN };
			ssize_t n;

			(void)poll(&p, 1, 5000);
			n = recv(fd, buf + got, BYTES - got, 0);
			if (n <= 0)
				err(1, "recv");
			got += (size_t)n;
		}
		took[i] = ns_of(CLOCK_MONOTONIC) - begin;
	}
	cpu = ns_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	qsort(took, ROUND_PACKETS, sizeof(took[0]), by_size);
	return (struct figure){
		.cpu_us = (double)cpu / 1000 / ROUND_PACKETS,
		.p50_us = (double)took[ROUND_PACKETS / 2] / 1000,
		.p99_us = (double)took[ROUND_PACKETS * 99 / 100] / 1000,
	};
}

static double stream(int fd)
{
	static char block[65536];
	uint64_t begin = ns_of(CLOCK_MONOTONIC);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	for (size_t sent = 0; sent < STREAM_BYTES;) {
		ssize_t n;

		(void)poll(&p, 1, 5000);
		n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
	}
	p.events = POLLIN;
	if (poll(&p, 1, 60000) != 1)
		errx(1, "the stream does not arrive");
	return STREAM_BYTES / 1e6 /
	       ((double)(ns_of(CLOCK_MONOTONIC) - begin) / 1e9);
}

static void print(const char *way, const struct figure *f, double mb_s)
{
	printf("  \"%s\": {\"cpu_us\": %.1f, \"p50_us\": %.0f, "
	       "\"p99_us\": %.0f, \"stream_mb_s\": %.0f}",
	       way, f->cpu_us, f->p50_us, f->p99_us, mb_s);
}

int main(void)
{
	struct proxy_pump *pump;
	struct places at[2];
	int pipes[2], plain, pumped;

	signal(SIGPIPE, SIG_IGN);
	if (pipe(pipes) < 0)
		err(1, "pipe");
	if (fork() == 0)
		child(pipes[1]);
	if (read(pipes[0], at, sizeof(at)) != sizeof(at))
		err(1, "read");
	pump = proxy_pump_new();
	if (pump == NULL)
		err(1, "pump");
	plain = dial(at[0].plain);
	pumped = dial_pumped(pump, &at[0]);
	printf("[\n");
	for (int i = 0; i < ROUNDS; i++) {
		struct figure f[2] = { exchange(plain), exchange(pumped) };
		int fd[2] = { dial(at[1].plain), dial_pumped(pump, &at[1]) };
		double mb_s[2] = { stream(fd[0]), stream(fd[1]) };

		printf(" {\n");
		print("http", &f[0], mb_s[0]);
		printf(",\n");
		print("https", &f[1], mb_s[1]);
		printf("\n }%s\n", i + 1 < ROUNDS ? "," : "");
		close(fd[0]);
		close(fd[1]);
	}
	printf("]\n");
	close(plain);
	close(pumped);
	proxy_pump_free(pump);
	unlink(at[0].ca_file);
	unlink(at[1].ca_file);
	return 0;
}
