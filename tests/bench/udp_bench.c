/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_bench.c - a plain UDP app that measures the way to an echo server
 *
 * Turns an address and a load into one line of JSON: round trips at a steady
 * rate (rtt), the highest rate that is carried (rate), bursts (burst), first
 * contact of many sockets (pool). It knows nothing of tunnels. `ready` on
 * standard output marks the end of the warm-up: what is measured comes after
 * it.
 */
#include <config.h>

#include "udp_packet.h"

#include <turnout/compiler.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/prctl.h>

#define PACKETS_MAX (1 << 24)
#define SOCKETS_MAX 1000
#define BURST_MAX   1000
#define POOL_BYTES  200

/* Round-trip times by arrival. */
struct times {
	uint32_t *ns;
	size_t count, max;
};

static void times_init(struct times *t, size_t max)
{
	*t = (struct times){ .ns = calloc(max, sizeof(*t->ns)), .max = max };
	if (t->ns == NULL)
		fail("calloc");
}

static void times_fini(struct times *t)
{
	free(t->ns);
	t->ns = NULL;
}

static void times_add(struct times *t, uint64_t ns)
{
	if (t->count < t->max)
		t->ns[t->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void times_print(struct times *t)
{
	static const struct {
		const char *name;
		double share;
	} points[] = { { "p50_us", 0.5 },
		       { "p90_us", 0.9 },
		       { "p99_us", 0.99 } };
	double sum = 0;
	size_t i;

	if (t->count == 0)
		return;
	qsort(t->ns, t->count, sizeof(*t->ns), compare);
	for (i = 0; i < t->count; i++)
		sum += t->ns[i];
	for (i = 0; i < ARRAY_SIZE(points); i++)
		printf(", \"%s\": %.1f", points[i].name,
		       t->ns[(size_t)(points[i].share * (double)t->count)] /
			       1e3);
	printf(", \"mean_us\": %.1f, \"max_us\": %.1f",
	       sum / (double)t->count / 1e3, t->ns[t->count - 1] / 1e3);
}

static uint64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* rtt: round trips at a steady rate */

struct rtt {
	struct peer to;
	union datagram out;
	struct times times;
	uint8_t *seen; /* by number */
	uint32_t packets, sent, refused, twice;
};

static void rtt_take(struct rtt *r)
{
	union datagram in;
	uint32_t number;

	while (packet_take(r->to.sock, r->out.head.run, &in)) {
		number = in.head.number;
		if (number >= r->packets || r->seen[number]) {
			r->twice++;
			continue;
		}
		r->seen[number] = 1;
		times_add(&r->times, now_ns() - in.head.sent_ns);
	}
}

static void rtt_exchange(struct rtt *r, size_t bytes, uint32_t rate_pps)
{
	uint64_t begin = now_ns(), due;

	for (; r->sent < r->packets; r->sent++) {
		due = begin + r->sent * NS_PER_S / rate_pps;
		while (readable_before(r->to.sock, due))
			rtt_take(r);
		r->out.head.number = r->sent;
		r->out.head.sent_ns = now_ns();
		r->refused += !packet_send(&r->to, &r->out, bytes);
	}
	due = now_ns() + TAIL_NS;
	while (r->times.count < r->packets && readable_before(r->to.sock, due))
		rtt_take(r);
}

static int run_rtt(char **words)
{
	size_t bytes = (size_t)atoi(words[2]);
	uint32_t rate_pps = (uint32_t)atoi(words[3]);
	struct rtt r = {
		.to = peer_find(words[0], words[1]),
		.out = packet_new(KIND_ECHO, new_run(), bytes),
		.packets = (uint32_t)(atof(words[4]) * rate_pps) + 1,
	};
	uint64_t cpu;

	times_init(&r.times, r.packets);
	r.seen = calloc(r.packets, 1);
	if (r.seen == NULL)
		fail("calloc");
	warm_up(&r.to, bytes);
	cpu = cpu_us();
	rtt_exchange(&r, bytes, rate_pps);
	cpu = cpu_us() - cpu;
	printf("{\"sent\": %u, \"received\": %zu, \"twice\": %u, "
	       "\"refused\": %u, \"app_cpu_us\": %" PRIu64,
	       r.sent, r.times.count, r.twice, r.refused, cpu);
	times_print(&r.times);
	puts("}");
	free(r.seen);
	times_fini(&r.times);
	return 0;
}

/* pool: many sockets that send at once */

struct pool {
	struct peer peers[SOCKETS_MAX];
	struct pollfd polls[SOCKETS_MAX];
	struct times times;
	uint32_t run, wrong;
	int sockets;
};

static void pool_take(struct pool *p, int i)
{
	union datagram in;

	while (p->polls[i].fd >= 0 &&
	       packet_take(p->peers[i].sock, p->run, &in)) {
		if (in.head.number != (uint32_t)i) {
			p->wrong++;
			continue;
		}
		times_add(&p->times, now_ns() - in.head.sent_ns);
		p->polls[i].fd = -1;
	}
}

static void pool_wait(struct pool *p, uint64_t deadline_ns)
{
	int i;

	while (p->times.count < p->times.max && now_ns() < deadline_ns) {
		poll(p->polls, (nfds_t)p->sockets, 100);
		for (i = 0; i < p->sockets; i++) {
			if (p->polls[i].revents != 0)
				pool_take(p, i);
		}
	}
}

/* No warm-up: first contact is what is measured, and nothing is sent twice. */
static int run_pool(char **words)
{
	static struct pool p;
	union datagram d;
	int i;

	p.sockets = atoi(words[2]);
	p.run = new_run();
	times_init(&p.times, (size_t)p.sockets);
	for (i = 0; i < p.sockets; i++) {
		p.peers[i] = peer_find(words[0], words[1]);
		p.polls[i].fd = p.peers[i].sock;
		p.polls[i].events = POLLIN;
	}
	d = packet_new(KIND_ECHO, p.run, POOL_BYTES);
	for (i = 0; i < p.sockets; i++) {
		d.head.number = (uint32_t)i;
		d.head.sent_ns = now_ns();
		packet_send(&p.peers[i], &d, POOL_BYTES);
	}
	pool_wait(&p, now_ns() + (uint64_t)atoi(words[3]) * NS_PER_S);
	printf("{\"sockets\": %d, \"answered\": %zu, \"lost\": %zu, "
	       "\"wrong\": %u",
	       p.sockets, p.times.count, p.times.max - p.times.count, p.wrong);
	times_print(&p.times);
	puts("}");
	times_fini(&p.times);
	return p.times.count != p.times.max || p.wrong != 0;
}

static bool is_size(const char *word)
{
	int bytes = atoi(word);

	return bytes >= (int)sizeof(struct packet) && bytes <= PACKET_BYTES_MAX;
}

/* Whether the words after address and port are what the arrays can hold. */
static bool is_rtt(char **words)
{
	return is_size(words[2]) && atoi(words[3]) > 0 && atof(words[4]) > 0 &&
	       atof(words[4]) * atoi(words[3]) < PACKETS_MAX;
}

static bool is_rate(char **words)
{
	return is_size(words[2]) && atoi(words[3]) > 0;
}

static bool is_burst(char **words)
{
	return is_size(words[2]) && atoi(words[3]) > 0 &&
	       atoi(words[3]) <= BURST_MAX;
}

static bool is_pool(char **words)
{
	int sockets = atoi(words[2]);

	return sockets >= 1 && sockets <= SOCKETS_MAX && atoi(words[3]) > 0;
}

static const struct {
	const char *name;
	int words;
	bool (*is)(char **words);
	int (*run)(char **words);
	const char *usage;
} modes[] = {
	{ "echo", 2, NULL, udp_echo_run, "ADDR PORT" },
	{ "rtt", 5, is_rtt, run_rtt, "ADDR PORT SIZE PPS SECONDS" },
	{ "rate", 5, is_rate, udp_rate_run, "ADDR PORT SIZE START up|down" },
	{ "burst", 4, is_burst, udp_burst_run, "ADDR PORT SIZE PACKETS" },
	{ "pool", 4, is_pool, run_pool, "ADDR PORT SOCKETS TIMEOUT_S" },
};

int main(int argc, char **argv)
{
	char **words = argv + 2;
	size_t i;

	/* The kernel may else wake us 50 us late. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	for (i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++) {
		if (strcmp(argv[1], modes[i].name) == 0 &&
		    argc == 2 + modes[i].words &&
		    (modes[i].is == NULL || modes[i].is(words)))
			return modes[i].run(words);
	}
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		fprintf(stderr, "%s udp_bench %s %s\n",
			i ? "      " : "usage:", modes[i].name, modes[i].usage);
	return 2;
}
