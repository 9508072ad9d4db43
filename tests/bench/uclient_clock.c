/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uclient_clock.c - a finer clock for turnutils_uclient
 *
 * coturn's client tells round trips by a clock of 1 ms and reads only the
 * first of several messages in a TLS record. Preloaded, this notes when each
 * numbered message goes to SSL_write() and when it comes out of SSL_read(),
 * splits the stream (RFC 8656, 12.4 and 12.5), and writes one line of JSON to
 * the file that UCLIENT_CLOCK names when the program ends. With UCLIENT_EXPECT
 * it ends when so many have come: by itself it waits ten seconds for those it
 * has overlooked.
 */
#include <config.h>

#include <turnout/compiler.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX  16
#define MESSAGES_MAX (1 << 17)
#define STREAM_MAX   (1 << 17)

/* OpenSSL's own headers would make these names macros in some versions. */
struct ssl_st;
EXPORTED int SSL_write(struct ssl_st *ssl, const void *data, int len);
EXPORTED int SSL_read(struct ssl_st *ssl, void *data, int len);

struct client {
	struct ssl_st *ssl;
	uint64_t sent_ns[MESSAGES_MAX]; /* by the message's number */
	uint8_t stream[STREAM_MAX];     /* what is not yet a whole message */
	size_t stream_bytes;
};

static struct client *clients[CLIENTS_MAX];
static uint32_t rtt_ns[MESSAGES_MAX];
static size_t sent, received;
static uint64_t first_ns, last_ns, first_cpu_ns;

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct client *find_client(struct ssl_st *ssl)
{
	size_t i;

	for (i = 0; i < CLIENTS_MAX && clients[i] != NULL; i++) {
		if (clients[i]->ssl == ssl)
			return clients[i];
	}
	if (i == CLIENTS_MAX)
		return NULL;
	clients[i] = calloc(1, sizeof(*clients[i]));
	if (clients[i] != NULL)
		clients[i]->ssl = ssl;
	return clients[i];
}

static size_t be16(const uint8_t *p)
{
	return (size_t)(p[0] << 8 | p[1]);
}

/* The program still uses all channels of RFC 5766, 11. */
static bool is_channel(const uint8_t *message)
{
	return message[0] >= 0x40 && message[0] <= 0x7f;
}

/* The program's message begins with its number, an int of the host. */
static bool numbered(const uint8_t *message, size_t bytes, uint32_t *number)
{
	if (bytes < 8 || !is_channel(message))
		return false;
	memcpy(number, message + 4, sizeof(*number));
	return *number < MESSAGES_MAX;
}

static void note_sent(struct client *c, const uint8_t *message, size_t bytes)
{
	uint32_t number;

	if (!numbered(message, bytes, &number))
		return;
	if (first_ns == 0) {
		first_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		first_ns = clock_ns(CLOCK_MONOTONIC);
	}
	sent++;
	last_ns = clock_ns(CLOCK_MONOTONIC);
	c->sent_ns[number] = last_ns;
}

static void note_received(struct client *c, const uint8_t *message,
			  size_t bytes)
{
	uint32_t number;

	if (!numbered(message, bytes, &number) || c->sent_ns[number] == 0 ||
	    received == MESSAGES_MAX)
		return;
	rtt_ns[received++] = (uint32_t)(clock_ns(CLOCK_MONOTONIC) -
					c->sent_ns[number]);
	c->sent_ns[number] = 0;
}

static void note_stream(struct client *c, const void *data, size_t bytes)
{
	size_t at = 0, whole;

	if (bytes > STREAM_MAX - c->stream_bytes)
		return;
	memcpy(c->stream + c->stream_bytes, data, bytes);
	c->stream_bytes += bytes;
	while (c->stream_bytes - at >= 4) {
		whole = be16(c->stream + at + 2);
		whole += is_channel(c->stream + at) ? 4 : 20;
		whole = (whole + 3) & ~(size_t)3;
		if (c->stream_bytes - at < whole)
			break;
		note_received(c, c->stream + at, whole);
		at += whole;
	}
	c->stream_bytes -= at;
	memmove(c->stream, c->stream + at, c->stream_bytes);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void __attribute__((destructor)) report(void)
{
	const char *path = getenv("UCLIENT_CLOCK");
	FILE *f = path != NULL ? fopen(path, "we") : NULL;
	double sum = 0;
	size_t i;

	if (f == NULL)
		return;
	qsort(rtt_ns, received, sizeof(rtt_ns[0]), compare);
	for (i = 0; i < received; i++)
		sum += rtt_ns[i];
	fprintf(f,
		"{\"sent\": %zu, \"received\": %zu, \"seconds\": %.3f, "
		"\"app_cpu_us\": %.0f",
		sent, received, (double)(last_ns - first_ns) / 1e9,
		(double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - first_cpu_ns) /
			1e3);
	if (received > 0)
		fprintf(f,
			", \"p50_us\": %.1f, \"p99_us\": %.1f, "
			"\"mean_us\": %.1f",
			rtt_ns[received / 2] / 1e3,
			rtt_ns[received * 99 / 100] / 1e3,
			sum / (double)received / 1e3);
	fputs("}\n", f);
	fclose(f);
}

static void end_when_all_came(void)
{
	static size_t expected;
	const char *text;

	if (expected == 0) {
		text = getenv("UCLIENT_EXPECT");
		expected = text != NULL ? (size_t)atol(text) : SIZE_MAX;
	}
	if (received < expected)
		return;
	report();
	_exit(0);
}

int SSL_write(struct ssl_st *ssl, const void *data, int len)
{
	static int (*real)(struct ssl_st *, const void *, int);
	struct client *c = find_client(ssl);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "SSL_write");
	if (c != NULL && len > 0)
		note_sent(c, data, (size_t)len);
	return real(ssl, data, len);
}

int SSL_read(struct ssl_st *ssl, void *data, int len)
{
	static int (*real)(struct ssl_st *, void *, int);
	struct client *c = find_client(ssl);
	int n;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "SSL_read");
	n = real(ssl, data, len);
	if (c != NULL && n > 0)
		note_stream(c, data, (size_t)n);
	end_when_all_came();
	return n;
}
