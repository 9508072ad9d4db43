/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_policy.c - what may leave directly: with a page, without one, with a
 * page that is none, after a reload and after a restart
 */
#include <config.h>

#include "policy.h"

#include "client.h"
#include "lib/unit.h"
#include "next.h"

#include <turnout/paths.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[] = "/tmp/test_policy.XXXXXX";
static char page_path[sizeof(dir) + 32];
static char spare_path[sizeof(dir) + 32];

static struct endpoint at(const char *ip, uint16_t port)
{
	struct endpoint e = { .family = ENDPOINT_IPV4, .port_be = htons(port) };

	if (inet_pton(AF_INET, ip, e.ip) == 1)
		return e;
	e.family = ENDPOINT_IPV6;
	CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, ip, e.ip), 1);
	return e;
}

static enum policy_action tcp(const char *ip, uint16_t port)
{
	struct endpoint e = at(ip, port);

	return policy_decide(POLICY_TCP, &e);
}

static enum policy_action udp(const char *ip, uint16_t port)
{
	struct endpoint e = at(ip, port);

	return policy_decide(POLICY_UDP, &e);
}

/* A page file of this size at `path`, mapped for writing. */
static struct page *make_page(const char *path, off_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct page *page;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, bytes), 0);
	page = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	close(fd);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(page, MAP_FAILED);
	page->magic = PAGE_MAGIC;
	page->version = PAGE_VERSION;
	page->state = PAGE_UP;
	page->epoch = 1;
	page->table[0].default_action[POLICY_TCP] = POLICY_PROXY;
	page->table[0].default_action[POLICY_UDP] = POLICY_TUNNEL;
	return page;
}

static void add_rule(struct page *page, uint8_t action, const char *ip,
		     uint8_t bits, uint16_t port)
{
	struct page_table *t = &page->table[0];
	struct page_rule *r = &t->rules[t->rule_count++];
	struct endpoint e = at(ip, 0);

	*r = (struct page_rule){ .action = action,
				 .family = e.family,
				 .prefix_bits = bits,
				 .port_min = port,
				 .port_max = port ? port : 65535 };
	memcpy(r->ip, e.ip, sizeof(r->ip));
}

/* The file is looked for again after a second. */
static void wait_for_look(void)
{
	usleep(1100000);
}

static void check_without_page(void)
{
	static const char *const local[] = { "127.0.0.1",
					     "127.9.9.9",
					     "0.0.0.0",
					     "10.1.2.3",
					     "172.16.0.1",
					     "172.31.255.255",
					     "192.168.7.7",
					     "169.254.1.1",
					     "224.0.0.251",
					     "239.255.255.250",
					     "255.255.255.255",
					     "::1",
					     "::",
					     "fe80::1",
					     "fd00::1",
					     "ff02::fb" };
	static const char *const outside[] = {
		"8.8.8.8",     "1.2.3.4",     "172.15.0.1",  "172.32.0.1",
		"11.0.0.1",    "192.169.0.1", "100.64.0.1",  "198.18.0.1",
		"223.255.1.1", "240.0.0.1",   "2001:db8::1", "64:ff9b::1",
		"fec0::1",     "::2"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(local); i++) {
		CU_ASSERT_EQUAL(tcp(local[i], 443), POLICY_DIRECT);
		CU_ASSERT_EQUAL(udp(local[i], 53), POLICY_DIRECT);
	}
	for (i = 0; i < ARRAY_SIZE(outside); i++) {
		CU_ASSERT_EQUAL(tcp(outside[i], 443), POLICY_BLOCK);
		CU_ASSERT_EQUAL(udp(outside[i], 53), POLICY_BLOCK);
	}
}

static void test_no_page(void)
{
	CU_ASSERT_TRUE(client_active());
	CU_ASSERT_PTR_NULL(client_page());
	check_without_page();
}

/* Too short, or of another version, or a link to somewhere: no page. */
static void test_bad_page(void)
{
	struct page *page = make_page(page_path, 4096);

	wait_for_look();
	CU_ASSERT_PTR_NULL(client_page());
	munmap(page, 4096);
	unlink(page_path);
	page = make_page(page_path, PAGE_BYTES);
	page->version = PAGE_VERSION + 1;
	wait_for_look();
	CU_ASSERT_PTR_NULL(client_page());
	page->version = PAGE_VERSION;
	CU_ASSERT_EQUAL(rename(page_path, spare_path), 0);
	CU_ASSERT_EQUAL(symlink(spare_path, page_path), 0);
	wait_for_look();
	CU_ASSERT_PTR_NULL(client_page());
	check_without_page();
	munmap(page, PAGE_BYTES);
	unlink(page_path);
	unlink(spare_path);
}

static pthread_barrier_t start;

static void *first_look(void *arg)
{
	pthread_barrier_wait(&start);
	return tcp("1.2.3.4", 443) == POLICY_PROXY ? NULL : arg;
}

/* In a process that has not looked yet: how many threads found no page. */
static int first_looks(void)
{
	pthread_t thread[8];
	void *missed;
	int count = 0;
	size_t i;

	pthread_barrier_init(&start, NULL, ARRAY_SIZE(thread));
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		if (pthread_create(&thread[i], NULL, first_look, &start) != 0)
			return -1;
	for (i = 0; i < ARRAY_SIZE(thread); i++) {
		pthread_join(thread[i], &missed);
		count += missed != NULL;
	}
	return count;
}

/* Threads whose first connections are made at once. */
static void check_first_look(void)
{
	int status, i;
	pid_t child;

	for (i = 0; i < 100; i++) {
		child = fork();
		if (child == 0)
			_exit(first_looks());
		CU_ASSERT_TRUE_FATAL(child > 0);
		CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
		CU_ASSERT_EQUAL(status, 0);
	}
}

static struct page *shown;

static void test_rules(void)
{
	shown = make_page(page_path, PAGE_BYTES);
	add_rule(shown, POLICY_BLOCK, "10.9.0.0", 16, 0);
	add_rule(shown, POLICY_DIRECT, "10.0.0.0", 8, 0);
	add_rule(shown, POLICY_TUNNEL, "2001:db8::", 33, 443);
	add_rule(shown, POLICY_BLOCK, "2001:db8::", 32, 443);
	wait_for_look();
	check_first_look();
	CU_ASSERT_PTR_NOT_NULL_FATAL(client_page());
	CU_ASSERT_EQUAL(tcp("10.1.0.1", 1), POLICY_DIRECT);
	CU_ASSERT_EQUAL(tcp("10.9.1.1", 1), POLICY_BLOCK);
	CU_ASSERT_EQUAL(tcp("1.2.3.4", 443), POLICY_PROXY);
	CU_ASSERT_EQUAL(udp("1.2.3.4", 443), POLICY_TUNNEL);
	/* Private, but no rule says direct. */
	CU_ASSERT_EQUAL(tcp("192.168.0.1", 443), POLICY_PROXY);
	/* Each protocol has its own way through. */
	CU_ASSERT_EQUAL(tcp("2001:db8::1", 443), POLICY_PROXY);
	CU_ASSERT_EQUAL(udp("2001:db8::1", 443), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(udp("2001:db8:8000::1", 443), POLICY_BLOCK);
	CU_ASSERT_EQUAL(udp("2001:db8:8000::1", 444), POLICY_TUNNEL);
}

static void test_loopback(void)
{
	add_rule(shown, POLICY_BLOCK, "127.0.0.0", 8, 8080);
	CU_ASSERT_EQUAL(tcp("127.0.0.1", 8080), POLICY_DIRECT);
	CU_ASSERT_EQUAL(udp("127.0.0.1", 8080), POLICY_DIRECT);
	CU_ASSERT_EQUAL(tcp("0.0.0.0", 8080), POLICY_DIRECT);
	CU_ASSERT_EQUAL(tcp("::1", 8080), POLICY_DIRECT);
	/* A name server on this machine is asked through tunneld. */
	CU_ASSERT_EQUAL(udp("127.0.0.53", 53), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(udp("::1", 53), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(tcp("127.0.0.53", 53), POLICY_PROXY);
	CU_ASSERT_EQUAL(tcp("127.0.0.53", 853), POLICY_DIRECT);
}

static void test_reload(void)
{
	CU_ASSERT_EQUAL(tcp("9.9.9.9", 1), POLICY_PROXY);
	/* The other table, then one step of `seq`. */
	shown->table[1] = shown->table[0];
	shown->table[1].default_action[POLICY_TCP] = POLICY_BLOCK;
	CU_ASSERT_EQUAL(tcp("9.9.9.9", 1), POLICY_PROXY);
	shown->seq++;
	CU_ASSERT_EQUAL(tcp("9.9.9.9", 1), POLICY_BLOCK);
	shown->seq++;
	CU_ASSERT_EQUAL(tcp("9.9.9.9", 1), POLICY_PROXY);
	add_rule(shown, POLICY_BLOCK, "9.9.9.9", 32, 0);
	CU_ASSERT_EQUAL(tcp("9.9.9.9", 1), POLICY_BLOCK);
}

/* Rules for this program and this user, and for others. */
static void test_who(void)
{
	static const struct {
		const char *program;
		bool by_user, other_user;
		enum policy_action action;
	} rows[] = {
		{ "test_policy", false, false, POLICY_BLOCK },
		{ "*test_policy", true, false, POLICY_BLOCK },
		{ "/*/test_policy", false, false, POLICY_BLOCK },
		{ "", true, false, POLICY_BLOCK },
		{ "test_policy", true, true, POLICY_PROXY },
		{ "test_polic", false, false, POLICY_PROXY },
		{ "/test_policy", false, false, POLICY_PROXY },
		{ "", true, true, POLICY_PROXY },
	};
	struct page_table *t = &shown->table[0];

	add_rule(shown, POLICY_BLOCK, "9.9.9.10", 32, 0);
	t->rules[t->rule_count - 1].who = 1;
	t->who_count = 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		t->who[0] = (struct page_who){
			.by_user = rows[i].by_user,
			.uid = geteuid() + rows[i].other_user,
		};
		strcpy(t->who[0].program, rows[i].program);
		CU_ASSERT_EQUAL(tcp("9.9.9.10", 1), rows[i].action);
	}
	t->rules[t->rule_count - 1].who = UINT16_MAX;
	CU_ASSERT_EQUAL(tcp("9.9.9.10", 1), POLICY_PROXY);
	/* A name that never ends. */
	t->rules[t->rule_count - 1].who = 1;
	t->who[0].by_user = 0;
	memset(t->who[0].program, '*', sizeof(t->who[0].program));
	CU_ASSERT_EQUAL(tcp("9.9.9.10", 1), POLICY_BLOCK);
}

/* An action that is none, and an index of nonsense: never a fault. */
static void test_hostile_page(void)
{
	struct page_table *t = &shown->table[0];
	struct page_table *saved = malloc(sizeof(*saved));

	CU_ASSERT_PTR_NOT_NULL_FATAL(saved);
	*saved = *t;
	t->default_action[POLICY_TCP] = 17;
	CU_ASSERT_EQUAL(tcp("1.1.1.1", 1), POLICY_BLOCK);
	t->rule_count = UINT32_MAX;
	CU_ASSERT(tcp("1.1.1.1", 1) < POLICY_NUM_ACTIONS);
	for (int fill = 0xff; fill > 0; fill -= 0x33) {
		memset(t, fill, sizeof(*t));
		t->addr_steps = fill == 0xff ? PAGE_STEPS_MAX : 7;
		t->port_steps = fill == 0xff ? 0 : PAGE_STEPS_MAX;
		for (uint32_t i = 0; i < PAGE_STEPS_MAX; i++)
			t->addr_set[i] = PAGE_ARENA_WORDS - 60 - i * 7;
		CU_ASSERT(tcp("1.1.1.1", 1) < POLICY_NUM_ACTIONS);
		CU_ASSERT(udp("2001:db8::1", 9999) < POLICY_NUM_ACTIONS);
		CU_ASSERT(udp("255.255.255.255", 65535) < POLICY_NUM_ACTIONS);
	}
	*t = *saved;
	free(saved);
	CU_ASSERT_EQUAL(tcp("10.1.0.1", 1), POLICY_DIRECT);
}

/* An ended tunneld's rules stay, until another one has made a new file. */
static void test_restart(void)
{
	struct page *page;

	shown->state = PAGE_DOWN;
	wait_for_look();
	CU_ASSERT_EQUAL(tcp("10.1.0.1", 1), POLICY_DIRECT);
	CU_ASSERT_EQUAL(tcp("1.2.3.4", 1), POLICY_PROXY);
	page = make_page(spare_path, PAGE_BYTES);
	page->table[0].default_action[POLICY_TCP] = POLICY_BLOCK;
	CU_ASSERT_EQUAL(rename(spare_path, page_path), 0);
	wait_for_look();
	CU_ASSERT_EQUAL(tcp("1.2.3.4", 1), POLICY_BLOCK);
	munmap(page, PAGE_BYTES);
}

static int set_up(void)
{
	char socket_path[sizeof(dir) + 16];

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(socket_path, sizeof(socket_path), "%s/control", dir);
	snprintf(page_path, sizeof(page_path), "%s" PAGE_SUFFIX, socket_path);
	snprintf(spare_path, sizeof(spare_path), "%s/spare", dir);
	setenv(ENV_SOCKET, socket_path, 1);
	next_init();
	client_init();
	policy_init();
	return 0;
}

static int tear_down(void)
{
	if (shown != NULL)
		munmap(shown, PAGE_BYTES);
	unlink(page_path);
	return rmdir(dir);
}

static CU_TestInfo tests[] = {
	{ "without a page only what is local", test_no_page },
	{ "a page that is none", test_bad_page },
	{ "rules", test_rules },
	{ "loopback is direct, name servers are not", test_loopback },
	{ "a reload is seen at once", test_reload },
	{ "rules about programs and users", test_who },
	{ "a hostile page", test_hostile_page },
	{ "a restart of tunneld", test_restart },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "policy",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
