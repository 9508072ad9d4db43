/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_cost.c - what libturnout.so adds to a call, in nanoseconds
 *
 * Runs itself without and with the library in turn, times batches of the same
 * calls in both and prints medians and tenth percentiles as JSON. A tunnelled
 * datagram is compared with a plain one to 127.0.0.1 that is as long with the
 * header (wire.h) as the tunnelled one, so that the kernel does the same work.
 * Needs no tunneld (see hook_peer.c), no privilege and no network.
 */
#include <config.h>

#include "hook_peer.h"

#include <turnout/paths.h>
#include <turnout/wire.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/wait.h>

#define ROUNDS        7 /* of each kind; one more of each comes first */
#define BATCHES       400
#define CALLS         16 /* a batch */
#define PAYLOAD_BYTES 200
/* What apps receive into: some a packet's worth, libwebrtc 64 KiB. */
#define ROOM_BYTES     2048
#define ROOM_BYTES_64K 65536

enum call {
	CALL_WRITE_UNTRACKED = 0,
	CALL_SENDTO_UNTRACKED,
	CALL_RECVFROM_UNTRACKED,
	CALL_SENDTO_NATIVE,
	CALL_RECVFROM_NATIVE,
	CALL_SENDTO_TUNNELLED,
	CALL_RECVFROM_TUNNELLED,
	CALL_RECVFROM_NATIVE_64K,
	CALL_RECVFROM_TUNNELLED_64K,
	CALL_NUM,
};

static const char *const call_names[] = {
	[CALL_WRITE_UNTRACKED] = "write_untracked",
	[CALL_SENDTO_UNTRACKED] = "sendto_untracked",
	[CALL_RECVFROM_UNTRACKED] = "recvfrom_untracked",
	[CALL_SENDTO_NATIVE] = "sendto_native",
	[CALL_RECVFROM_NATIVE] = "recvfrom_native",
	[CALL_SENDTO_TUNNELLED] = "sendto_tunnelled",
	[CALL_RECVFROM_TUNNELLED] = "recvfrom_tunnelled",
	[CALL_RECVFROM_NATIVE_64K] = "recvfrom_native_64k",
	[CALL_RECVFROM_TUNNELLED_64K] = "recvfrom_tunnelled_64k",
};
_Static_assert(ARRAY_SIZE(call_names) == CALL_NUM, "a name for each call");

struct figure {
	double median_ns, p10_ns;
};

static NORETURN void fail(const char *what)
{
	fprintf(stderr, "hook_cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figure figure_of(double *ns, size_t count)
{
	qsort(ns, count, sizeof(*ns), compare);
	return (struct figure){ ns[count / 2], ns[count / 10] };
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* In the app: the calls that are timed */

struct lane {
	int in, out; /* the descriptors that are read and written */
	struct sockaddr_in to;
	socklen_t to_len; /* 0: connected */
	size_t bytes, room;
	bool by_write; /* write() only; there is nothing to receive */
	enum call send_as, receive_as;
};

static double batches[CALL_NUM][BATCHES];

static double time_sends(const struct lane *l)
{
	static const char data[PAYLOAD_BYTES + WIRE_HEADER_BYTES];
	const struct sockaddr *to = l->to_len ? (const void *)&l->to : NULL;
	double begin = now_ns();
	ssize_t n;

	for (int i = 0; i < CALLS; i++) {
		n = l->by_write
			    ? write(l->out, data, l->bytes)
			    : sendto(l->out, data, l->bytes, 0, to, l->to_len);
		if (n != (ssize_t)l->bytes)
			fail(call_names[l->send_as]);
	}
	return (now_ns() - begin) / CALLS;
}

static double time_receives(const struct lane *l)
{
	static char data[ROOM_BYTES_64K];
	struct sockaddr_storage from;
	double begin = now_ns();
	socklen_t len;

	for (int i = 0; i < CALLS; i++) {
		len = sizeof(from);
		if (recvfrom(l->in, data, l->room, 0, (void *)&from, &len) !=
		    (ssize_t)l->bytes)
			fail(call_names[l->receive_as]);
	}
	return (now_ns() - begin) / CALLS;
}

static void run_lane(const struct lane *l, int peer)
{
	char byte = 'e';

	for (int i = 0; i < BATCHES; i++) {
		batches[l->send_as][i] = time_sends(l);
		if (l->by_write)
			continue;
		if (write(peer, &byte, 1) != 1 || read(peer, &byte, 1) != 1)
			fail("peer");
		batches[l->receive_as][i] = time_receives(l);
	}
}

static struct lane untracked_lane(void)
{
	struct timeval limit = { .tv_sec = 5 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		fail("socketpair");
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return (struct lane){
		.in = pair[0],
		.out = pair[1],
		.bytes = PAYLOAD_BYTES,
		.room = PAYLOAD_BYTES, /* a stream */
		.send_as = CALL_SENDTO_UNTRACKED,
		.receive_as = CALL_RECVFROM_UNTRACKED,
	};
}

static struct lane udp_lane(const char *address, int port, size_t bytes)
{
	struct lane l = {
		.in = socket(AF_INET, SOCK_DGRAM, 0),
		.to = { .sin_family = AF_INET,
			.sin_port = htons((uint16_t)port) },
		.to_len = sizeof(l.to),
		.bytes = bytes,
	};
	struct timeval limit = { .tv_sec = 5 };

	l.out = l.in;
	inet_pton(AF_INET, address, &l.to.sin_addr);
	setsockopt(l.in, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return l;
}

static void run_udp(struct lane l, int peer, enum call send_as,
		    enum call receive_as, enum call receive_64k_as)
{
	l.send_as = send_as;
	l.room = ROOM_BYTES_64K;
	l.receive_as = receive_64k_as;
	run_lane(&l, peer);
	l.room = ROOM_BYTES;
	l.receive_as = receive_as;
	run_lane(&l, peer);
}

/* hook_cost --app PEER_FD NATIVE_PORT ADDRESS PORT BYTES: the figures go to
 * standard output as they are in memory. */
static int be_app(char **words)
{
	int peer = atoi(words[0]);
	struct lane null = {
		.out = open("/dev/null", O_WRONLY | O_CLOEXEC),
		.bytes = PAYLOAD_BYTES,
		.by_write = true,
		.send_as = CALL_WRITE_UNTRACKED,
	};
	struct lane untracked = untracked_lane();
	struct figure figures[CALL_NUM];

	run_lane(&null, peer);
	run_lane(&untracked, peer);
	run_udp(udp_lane("127.0.0.1", atoi(words[1]), PAYLOAD_BYTES), peer,
		CALL_SENDTO_NATIVE, CALL_RECVFROM_NATIVE,
		CALL_RECVFROM_NATIVE_64K);
	run_udp(udp_lane(words[2], atoi(words[3]), (size_t)atoi(words[4])),
		peer, CALL_SENDTO_TUNNELLED, CALL_RECVFROM_TUNNELLED,
		CALL_RECVFROM_TUNNELLED_64K);
	for (int i = 0; i < CALL_NUM; i++)
		figures[i] = figure_of(batches[i], BATCHES);
	return write(STDOUT_FILENO, figures, sizeof(figures)) ==
			       (ssize_t)sizeof(figures)
		       ? 0
		       : 1;
}

/* Around it: rounds without and with the library */

static NORETURN void become_app(const struct hook_peer *p, const char *library,
				int peer, int out)
{
	char numbers[4][16];
	bool with = library != NULL;
	const char *argv[] = { "hook_cost", "--app",    numbers[0], numbers[1],
			       NULL,        numbers[2], numbers[3], NULL };

	argv[4] = with ? HOOK_PEER_TUNNELLED : "127.0.0.1";
	snprintf(numbers[0], sizeof(numbers[0]), "%d", peer);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", p->native_port);
	snprintf(numbers[2], sizeof(numbers[2]), "%d",
		 with ? HOOK_PEER_TUNNELLED_PORT : p->flow_port);
	snprintf(numbers[3], sizeof(numbers[3]), "%d",
		 PAYLOAD_BYTES + (with ? 0 : WIRE_HEADER_BYTES));
	if (with) {
		setenv("LD_PRELOAD", library, 1);
		setenv(ENV_SOCKET, p->socket, 1);
	}
	dup2(out, STDOUT_FILENO);
	execv("/proc/self/exe", (char **)(uintptr_t)argv);
	fail("exec");
}

static void run_app(struct hook_peer *p, const char *library,
		    struct figure figures[CALL_NUM])
{
	int control[2], out[2], status;
	size_t bytes = sizeof(figures[0]) * CALL_NUM;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, control) < 0 || pipe(out) < 0)
		fail("pipe");
	pid = fork();
	if (pid == 0) {
		close(control[0]);
		become_app(p, library, control[1], out[1]);
	}
	close(control[1]);
	close(out[1]);
	hook_peer_serve(p, control[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0 ||
	    read(out[0], figures, bytes) != (ssize_t)bytes) {
		fputs("hook_cost: the app has failed\n", stderr);
		exit(1);
	}
	close(control[0]);
	close(out[0]);
}

/* Medians over the rounds of what each round found. */
static struct figure combine(struct figure rounds[][CALL_NUM], int call)
{
	double medians[ROUNDS], p10s[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		medians[i] = rounds[i][call].median_ns;
		p10s[i] = rounds[i][call].p10_ns;
	}
	return (struct figure){ figure_of(medians, ROUNDS).median_ns,
				figure_of(p10s, ROUNDS).median_ns };
}

static void print_figure(const char *name, struct figure f)
{
	printf("\"%s\": {\"median_ns\": %.1f, \"p10_ns\": %.1f}", name,
	       f.median_ns, f.p10_ns);
}

int main(int argc, char **argv)
{
	static struct figure without[ROUNDS][CALL_NUM], with[ROUNDS][CALL_NUM];
	struct hook_peer peer;
	int err;

	if (argc == 7 && strcmp(argv[1], "--app") == 0)
		return be_app(argv + 2);
	if (argc != 2) {
		fputs("usage: hook_cost LIBTURNOUT.SO\n", stderr);
		return 2;
	}
	err = hook_peer_init(&peer);
	if (err) {
		errno = -err;
		fail("peer");
	}
	/* The first round is overwritten: it has warmed the caches. */
	for (int i = -1; i < ROUNDS; i++) {
		run_app(&peer, NULL, without[i < 0 ? 0 : i]);
		run_app(&peer, argv[1], with[i < 0 ? 0 : i]);
	}
	for (int call = 0; call < CALL_NUM; call++) {
		printf("%s\"%s\": {", call ? ",\n" : "{", call_names[call]);
		print_figure("without", combine(without, call));
		printf(", ");
		print_figure("with", combine(with, call));
		printf("}");
	}
	puts("}");
	hook_peer_fini(&peer);
	return 0;
}
