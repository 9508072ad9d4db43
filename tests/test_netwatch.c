/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_netwatch.c - a network namespace of the test's own, changed by ip(8)
 *
 * Skipped (77) where a namespace cannot be had.
 */
#include <config.h>

#include "netwatch.h"

#include "addr.h"
#include "clock.h"
#include "log.h"
#include "loop.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#define PATIENCE_MS 10000
#define SKIP        77

struct fixture {
	struct loop *loop;
	struct netwatch *watch;
	struct loop_timer deadline;
	unsigned int told, wanted;
	uint64_t fingerprint;
	bool moved, resumed;
	struct endpoint addrs[64];
	size_t addr_count;
};

static uint64_t slept;

static uint64_t slept_ms(void)
{
	return slept;
}

static void run(const char *command)
{
	int status = system(command);

	if (status != 0)
		fprintf(stderr, "\n%s: %d\n", command, status);
	CU_ASSERT_EQUAL(status, 0);
}

static void on_change(void *arg, const struct netwatch_event *event,
		      uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	f->fingerprint = event->fingerprint;
	f->moved = event->moved;
	f->resumed = event->resumed;
	f->addr_count = event->addr_count < ARRAY_SIZE(f->addrs)
				? event->addr_count
				: ARRAY_SIZE(f->addrs);
	memcpy(f->addrs, event->addrs, f->addr_count * sizeof(f->addrs[0]));
	if (++f->told == f->wanted)
		loop_stop(f->loop);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	loop_stop(f->loop);
}

static void open_fixture(struct fixture *f)
{
	struct netwatch_opts opts = { .on_change = on_change,
				      .arg = f,
				      .slept_ms = slept_ms };

	log_open(LOG_LEVEL_ERROR, false);
	memset(f, 0, sizeof(*f));
	run("ip link set lo up && ip link add v0 type veth peer name v1 && "
	    "ip link set v1 up && ip link set v0 up && "
	    "ip addr add 10.7.0.2/24 dev v0 && "
	    "ip route add default via 10.7.0.1");
	opts.loop = f->loop = loop_new();
	f->watch = netwatch_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->watch);
	f->fingerprint = netwatch_fingerprint(f->watch);
}

static void close_fixture(struct fixture *f)
{
	netwatch_free(f->watch);
	loop_free(f->loop);
	run("ip link del v0");
}

static void run_loop(struct fixture *f, uint64_t ms)
{
	loop_timer_set(f->loop, &f->deadline, clock_now_ms() + ms, on_deadline,
		       f);
	CU_ASSERT_EQUAL(loop_run(f->loop), 0);
	loop_timer_stop(f->loop, &f->deadline);
}

/* Run until it has told once more. */
static void wait_told(struct fixture *f)
{
	f->wanted = f->told + 1;
	run_loop(f, PATIENCE_MS);
	CU_ASSERT_EQUAL(f->told, f->wanted);
	f->wanted = 0;
}

static bool has(const struct fixture *f, const char *text)
{
	struct endpoint e;

	CU_ASSERT_FATAL(addr_parse_ip(text, &e));
	for (size_t i = 0; i < f->addr_count; i++) {
		if (endpoint_equal(&f->addrs[i], &e))
			return true;
	}
	return false;
}

static void test_addresses(void)
{
	struct fixture f;

	open_fixture(&f);
	run("ip addr add 10.8.0.2/24 dev v0");
	wait_told(&f);
	CU_ASSERT(has(&f, "10.8.0.2"));
	CU_ASSERT(has(&f, "10.7.0.2"));
	CU_ASSERT(has(&f, "127.0.0.1"));
	CU_ASSERT(has(&f, "::1"));
	CU_ASSERT_FALSE(f.resumed);
	run("ip addr del 10.8.0.2/24 dev v0");
	wait_told(&f);
	CU_ASSERT_FALSE(has(&f, "10.8.0.2"));
	CU_ASSERT(has(&f, "10.7.0.2"));
	close_fixture(&f);
}

static void test_route(void)
{
	struct fixture f;
	uint64_t before;

	open_fixture(&f);
	before = f.fingerprint;
	run("ip route replace default via 10.7.0.3");
	wait_told(&f);
	CU_ASSERT(f.moved);
	CU_ASSERT_NOT_EQUAL(f.fingerprint, before);
	CU_ASSERT_EQUAL(netwatch_fingerprint(f.watch), f.fingerprint);
	run("ip route replace default via 10.7.0.1");
	wait_told(&f);
	CU_ASSERT(f.moved);
	CU_ASSERT_EQUAL(f.fingerprint, before);
	close_fixture(&f);
}

static void test_down_up(void)
{
	struct fixture f;
	uint64_t before;

	open_fixture(&f);
	before = f.fingerprint;
	run("ip link set v0 down");
	wait_told(&f);
	CU_ASSERT_NOT_EQUAL(f.fingerprint, before);
	CU_ASSERT_FALSE(has(&f, "10.7.0.2"));
	run("ip link set v0 up && ip route add default via 10.7.0.1");
	for (int i = 0; i < 5 && f.fingerprint != before; i++)
		wait_told(&f);
	CU_ASSERT_EQUAL(f.fingerprint, before);
	CU_ASSERT(has(&f, "10.7.0.2"));
	/* another plug, and another lease of the same network */
	netwatch_free(f.watch);
	run("ip link del v0 && ip link add v0 type veth peer name v1 && "
	    "ip link set v1 up && ip link set v0 up && "
	    "ip addr add 10.7.0.77/24 dev v0 && "
	    "ip route add default via 10.7.0.1");
	f.watch = netwatch_new(&(struct netwatch_opts){
		.loop = f.loop, .on_change = on_change, .arg = &f });
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.watch);
	CU_ASSERT_EQUAL(netwatch_fingerprint(f.watch), before);
	close_fixture(&f);
}

/* Gone and there again between two looks: connections may not have noticed. */
static void test_flap(void)
{
	struct fixture f;
	uint64_t before;

	open_fixture(&f);
	before = f.fingerprint;
	run("ip addr del 10.7.0.2/24 dev v0 && ip addr add 10.7.0.2/24 dev v0 "
	    "&& ip route add default via 10.7.0.1");
	wait_told(&f);
	CU_ASSERT_FALSE(f.moved);
	CU_ASSERT_EQUAL(f.fingerprint, before);
	close_fixture(&f);
}

static void test_debounce(void)
{
	struct fixture f;

	open_fixture(&f);
	run("for i in $(seq 20); do ip addr add 10.9.0.$i/24 dev v0; done");
	wait_told(&f);
	CU_ASSERT(has(&f, "10.9.0.1"));
	CU_ASSERT(has(&f, "10.9.0.20"));
	/* … and no more is owed */
	run_loop(&f, 3 * NETWATCH_DEBOUNCE_MS);
	CU_ASSERT_EQUAL(f.told, 1);
	close_fixture(&f);
}

static void test_quiet(void)
{
	struct fixture f;

	open_fixture(&f);
	run("ip link add c0 type veth peer name c1 && ip link set c0 up && "
	    "ip link set c1 up && ip route add 10.77.0.0/16 via 10.7.0.9");
	run_loop(&f, NETWATCH_PATIENCE_MS + 2 * NETWATCH_DEBOUNCE_MS);
	CU_ASSERT_EQUAL(f.told, 0);
	run("ip link del c0");
	run_loop(&f, NETWATCH_PATIENCE_MS + 2 * NETWATCH_DEBOUNCE_MS);
	CU_ASSERT_EQUAL(f.told, 0);
	close_fixture(&f);
}

/* More notifications than the socket holds. */
static void test_overrun(void)
{
	struct fixture f;

	open_fixture(&f);
	run("(for i in $(seq 4000); do echo addr add 10.9.$((i / 250)).$((i % "
	    "250 + 1))/32 dev v0; done) | ip -batch -");
	wait_told(&f);
	while (!has(&f, "10.7.0.2"))
		wait_told(&f);
	CU_ASSERT(f.addr_count == ARRAY_SIZE(f.addrs));
	run_loop(&f, NETWATCH_PATIENCE_MS);
	run("ip addr del 10.9.3.3/32 dev v0");
	wait_told(&f);
	close_fixture(&f);
}

static void test_sleep(void)
{
	struct fixture f;

	open_fixture(&f);
	slept += 1500; /* a tick that the two clocks are apart is no sleep */
	run("ip link set v0 mtu 1400");
	run_loop(&f, NETWATCH_PATIENCE_MS);
	CU_ASSERT_EQUAL(f.told, 0);
	slept += 600000;
	/* what comes first on waking: here, a notification of no other worth */
	run("ip link set v0 mtu 1300");
	wait_told(&f);
	CU_ASSERT(f.resumed);
	CU_ASSERT_FALSE(f.moved);
	run("ip link set v0 mtu 1200");
	run_loop(&f, NETWATCH_PATIENCE_MS);
	CU_ASSERT_EQUAL(f.told, 1);
	close_fixture(&f);
}

static CU_TestInfo tests[] = {
	{ "an address comes and goes", test_addresses },
	{ "the default route changes, and back", test_route },
	{ "the same network after down and up, and another plug",
	  test_down_up },
	{ "lost for a moment", test_flap },
	{ "a shower is told once", test_debounce },
	{ "containers and other routes are not told", test_quiet },
	{ "more than the socket holds", test_overrun },
	{ "a sleep", test_sleep },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "netwatch", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	close(fd);
}

/* A user that is root in a namespace with a network of its own. */
static bool enter_namespace(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return unshare(CLONE_NEWNET) == 0;
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", map);
	return true;
}

int main(void)
{
	if (!enter_namespace()) {
		printf("skipped: no namespace: %s\n", strerror(errno));
		return SKIP;
	}
	if (system("ip link add v0 type veth peer name v1 2>/dev/null && "
		   "ip link del v0") != 0) {
		puts("skipped: ip(8) cannot add a link here");
		return SKIP;
	}
	return unit_run(suites);
}
