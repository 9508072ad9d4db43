/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_control_send.c - long answers: they arrive whole, and a client that
 * does not read, or goes away, is let go of
 */
#include <config.h>

#include "clock.h"
#include "control_conn.h"
#include "loop.h"
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#define KIB 1024u

static uint64_t skew_ms;

uint64_t __real_clock_now_ms(void);
uint64_t __wrap_clock_now_ms(void);

uint64_t __wrap_clock_now_ms(void)
{
	return __real_clock_now_ms() + skew_ms;
}

struct rig {
	struct control control;
	struct conn *conn;
	int client;
	unsigned int gone;
	struct loop_timer stop, step;
};

static void on_gone(void *arg)
{
	struct rig *rig = arg;

	rig->gone++;
}

static void on_event(void *arg, uint32_t events, uint64_t now_ms)
{
	(void)now_ms;
	conn_send_event(arg, events);
}

static void open_rig(struct rig *rig)
{
	int pair[2];
	struct conn *conn = calloc(1, sizeof(*conn));

	*rig = (struct rig){ 0 };
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn);
	CU_ASSERT_EQUAL_FATAL(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	rig->control.opts.loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->control.opts.loop);
	conn->control = &rig->control;
	conn->fd = pair[0];
	conn->passed_fd = -1;
	conn->prev = &rig->control.conns;
	rig->control.conns = conn;
	CU_ASSERT_EQUAL_FATAL(loop_fd_add(rig->control.opts.loop, &conn->watch,
					  conn->fd, EPOLLIN | EPOLLRDHUP,
					  on_event, conn),
			      0);
	rig->conn = conn;
	rig->client = pair[1];
	conn_stream(conn, on_gone, rig);
}

static void close_rig(struct rig *rig)
{
	if (rig->control.conns != NULL)
		conn_close(rig->control.conns);
	loop_free(rig->control.opts.loop);
	if (rig->client >= 0)
		close(rig->client);
}

static void on_stop(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	loop_stop(arg);
}

/* The loop, for so long. */
static void run_for(struct rig *rig, uint64_t ms)
{
	struct loop *loop = rig->control.opts.loop;

	loop_timer_set(loop, &rig->stop, clock_now_ms() + ms, on_stop, loop);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
}

static void read_some(struct rig *rig, size_t *have)
{
	uint8_t bytes[64 * KIB];
	ssize_t n = recv(rig->client, bytes, sizeof(bytes), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		if (bytes[i] != (uint8_t)((*have + (size_t)i) % 251))
			CU_FAIL("a byte is not what was written");
	*have += n > 0 ? (size_t)n : 0;
	if (n == 0) {
		loop_stop(rig->control.opts.loop);
		close(rig->client);
		rig->client = -1;
	}
}

struct reader {
	struct rig *rig;
	size_t have;
};

static void on_step(void *arg, uint64_t now_ms)
{
	struct reader *reader = arg;
	struct rig *rig = reader->rig;

	read_some(rig, &reader->have);
	if (rig->client >= 0)
		loop_timer_set(rig->control.opts.loop, &rig->step, now_ms + 1,
			       on_step, reader);
}

static void fill(uint8_t *bytes, size_t len, size_t at)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((at + i) % 251);
}

/* More than any socket buffer, in pieces and at once. */
static void test_whole(void)
{
	static uint8_t bytes[700 * KIB];
	struct rig rig;
	struct reader reader = { .rig = &rig };

	open_rig(&rig);
	fill(bytes, 100, 0);
	CU_ASSERT_EQUAL(conn_write(rig.conn, bytes, 100), 0);
	fill(bytes, sizeof(bytes), 100);
	CU_ASSERT_EQUAL(conn_write(rig.conn, bytes, sizeof(bytes)), 0);
	fill(bytes, 200 * KIB, 100 + sizeof(bytes));
	CU_ASSERT_EQUAL(conn_write(rig.conn, bytes, 200 * KIB), 0);
	conn_finish(rig.conn);
	on_step(&reader, clock_now_ms());
	run_for(&rig, 10000);
	CU_ASSERT_EQUAL(reader.have, 100 + sizeof(bytes) + 200 * KIB);
	CU_ASSERT_EQUAL(rig.client, -1);
	CU_ASSERT_EQUAL(rig.gone, 0); /* it was told to end */
	close_rig(&rig);
}

static void test_small(void)
{
	struct rig rig;
	char bytes[8];

	open_rig(&rig);
	CU_ASSERT_EQUAL(conn_write(rig.conn, "words", 5), 0);
	conn_finish(rig.conn);
	CU_ASSERT_PTR_NULL(rig.control.conns);
	CU_ASSERT_EQUAL(recv(rig.client, bytes, sizeof(bytes), MSG_WAITALL), 5);
	close_rig(&rig);
}

static void test_piled_up(void)
{
	static uint8_t bytes[512 * KIB];
	int err = 0;
	struct rig rig;

	open_rig(&rig);
	for (int i = 0; i < 8 && err == 0; i++)
		err = conn_write(rig.conn, bytes, sizeof(bytes));
	CU_ASSERT_EQUAL(err, -ENOBUFS);
	CU_ASSERT_EQUAL(conn_write(rig.conn, "x", 1), -ENOBUFS);
	/* not under the writer's feet */
	CU_ASSERT_PTR_NOT_NULL(rig.control.conns);
	CU_ASSERT_EQUAL(rig.gone, 0);
	run_for(&rig, 10);
	CU_ASSERT_PTR_NULL(rig.control.conns);
	CU_ASSERT_EQUAL(rig.gone, 1);
	close_rig(&rig);
}

static void test_stuck(void)
{
	static uint8_t bytes[512 * KIB];
	struct rig rig;
	size_t have = 0;

	fill(bytes, sizeof(bytes), 0);
	open_rig(&rig);
	run_for(&rig, 1); /* the loop's time is that of a wake-up */
	CU_ASSERT_EQUAL(conn_write(rig.conn, bytes, sizeof(bytes)), 0);
	skew_ms += 9000;
	run_for(&rig, 10);
	CU_ASSERT_EQUAL(rig.gone, 0);
	while (have < 256 * KIB) { /* it reads: ten seconds more */
		read_some(&rig, &have);
		run_for(&rig, 1);
	}
	skew_ms += 9000;
	run_for(&rig, 10);
	CU_ASSERT_EQUAL(rig.gone, 0);
	skew_ms += 1500;
	run_for(&rig, 10);
	CU_ASSERT_EQUAL(rig.gone, 1);
	CU_ASSERT_PTR_NULL(rig.control.conns);
	close_rig(&rig);
}

/* It may be silent for long when nothing waits for it. */
static void test_idle(void)
{
	struct rig rig;
	char c;

	open_rig(&rig);
	run_for(&rig, 1);
	CU_ASSERT_EQUAL(conn_write(rig.conn, "x", 1), 0);
	skew_ms += 60000;
	run_for(&rig, 10);
	CU_ASSERT_EQUAL(rig.gone, 0);
	CU_ASSERT_EQUAL(recv(rig.client, &c, 1, 0), 1);
	shutdown(rig.client, SHUT_WR); /* it still reads */
	run_for(&rig, 10);
	CU_ASSERT_EQUAL(rig.gone, 0);
	CU_ASSERT_EQUAL(conn_write(rig.conn, "y", 1), 0);
	CU_ASSERT_EQUAL(recv(rig.client, &c, 1, 0), 1);
	CU_ASSERT_EQUAL(c, 'y');
	close(rig.client);
	rig.client = -1;
	run_for(&rig, 10);
	CU_ASSERT_EQUAL(rig.gone, 1);
	CU_ASSERT_PTR_NULL(rig.control.conns);
	close_rig(&rig);
}

/* It has gone, and the loop has not heard of it. */
static void test_gone(void)
{
	struct rig rig;

	open_rig(&rig);
	close(rig.client);
	rig.client = -1;
	CU_ASSERT_EQUAL(conn_write(rig.conn, "x", 1), -EPIPE);
	CU_ASSERT_EQUAL(rig.gone, 0);
	conn_finish(rig.conn);
	run_for(&rig, 10);
	CU_ASSERT_PTR_NULL(rig.control.conns);
	CU_ASSERT_EQUAL(rig.gone, 0);
	close_rig(&rig);
}

static CU_TestInfo tests[] = {
	{ "a long answer arrives whole", test_whole },
	{ "a short one is over at once", test_small },
	{ "a client that lets too much pile up", test_piled_up },
	{ "a client that does not read", test_stuck },
	{ "silence, half an end, and the end", test_idle },
	{ "a client that has gone", test_gone },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "control_send", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
