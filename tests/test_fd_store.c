/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_fd_store.c - flows' sockets in a service manager's store, and what is
 * no such socket */
#include <config.h>

#include "../tunneld/fd_store.h"

#include "../tunneld/activation.h"
#include "../tunneld/local.h"
#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

static int manager;

static int set_up(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char name[64];
	int n = snprintf(name, sizeof(name), "@test_fd_store.%d",
			 (int)getpid());

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(sun.sun_path + 1, name + 1, (size_t)n - 1);
	setenv("NOTIFY_SOCKET", name, 1);
	return bind(manager, (struct sockaddr *)&sun,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				(size_t)n)) < 0;
}

static int tear_down(void)
{
	return close(manager);
}

/* What the manager hears next. */
static void hears(const char *fmt, const struct endpoint *at)
{
	char text[256] = "", want[256], name[32];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	snprintf(name, sizeof(name), "flow1-%u-%u", at->family,
		 ntohs(at->port_be));
	snprintf(want, sizeof(want), "%s%s%s", fmt, name,
		 fmt[7] == '=' ? "\nFDPOLL=0" : "");
	CU_ASSERT_STRING_EQUAL(text, want);
}

static void hears_nothing(void)
{
	char text[256];

	CU_ASSERT(recv(manager, text, sizeof(text), 0) < 0);
}

#define KEEP "FDSTORE=1\nFDNAME="
#define DROP "FDSTOREREMOVE=1\nFDNAME="

static struct fd_store *empty(size_t max)
{
	struct activation none = { .count = 0 };
	struct fd_store *s = fd_store_new(&none, max);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_FALSE(fd_store_has_more(s));
	return s;
}

static void test_kept(void)
{
	struct fd_store *s = empty(2);
	struct endpoint at[3];
	int fd[3];

	for (int i = 0; i < 3; i++)
		fd[i] = local_socket(i == 1 ? ENDPOINT_IPV6 : ENDPOINT_IPV4,
				     &at[i]);
	CU_ASSERT(fd_store_holds_all(s));
	fd_store_keep(s, &at[0], fd[0]);
	hears(KEEP, &at[0]);
	fd_store_keep(s, &at[1], fd[1]);
	hears(KEEP, &at[1]);
	CU_ASSERT(fd_store_holds_all(s));
	/* No more room. */
	fd_store_keep(s, &at[2], fd[2]);
	hears_nothing();
	CU_ASSERT_FALSE(fd_store_holds_all(s));
	fd_store_forget(s, &at[2]);
	hears_nothing();
	CU_ASSERT(fd_store_holds_all(s));
	fd_store_forget(s, &at[0]);
	hears(DROP, &at[0]);
	fd_store_keep(s, &at[2], fd[2]);
	hears(KEEP, &at[2]);
	/* What is in store stays there. */
	fd_store_free(s);
	hears_nothing();
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	s = empty(0);
	CU_ASSERT_FALSE(fd_store_holds_all(s));
	fd_store_free(s);
}

static void add(struct activation *a, int fd, const char *name)
{
	a->list = realloc(a->list, (a->count + 1) * sizeof(*a->list));
	CU_ASSERT_PTR_NOT_NULL_FATAL(a->list);
	a->list[a->count++] = (struct activation_fd){ .fd = fd,
						      .name = strdup(name) };
}

static int flow_socket(uint8_t family, struct endpoint *at, char name[32])
{
	int fd = local_socket(family, at);

	CU_ASSERT_FATAL(fd >= 0);
	snprintf(name, 32, "flow1-%u-%u", at->family, ntohs(at->port_be));
	return fd;
}

static void test_taken(void)
{
	struct activation a = { .count = 0 };
	struct endpoint four, six,
		other = { .family = ENDPOINT_IPV4,
			  .ip = { 127, 0, 0, 1 },
			  .port_be = htons(1) };
	struct fd_store *s;
	char name[32];
	int fd;

	fd = flow_socket(ENDPOINT_IPV4, &four, name);
	fcntl(fd, F_SETFL, 0);
	add(&a, fd, name);
	fd = flow_socket(ENDPOINT_IPV6, &six, name);
	add(&a, fd, name);
	s = fd_store_new(&a, 8);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(activation_fini(&a), 0);
	hears_nothing();
	CU_ASSERT(fd_store_has_more(s));
	CU_ASSERT_EQUAL(fd_store_take(s, &other), -ENOENT);
	fd = fd_store_take(s, &four);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CU_ASSERT_EQUAL(fd_store_take(s, &four), -ENOENT);
	/* It is there already. */
	fd_store_keep(s, &four, fd);
	hears_nothing();
	CU_ASSERT(fd_store_holds_all(s));
	CU_ASSERT_EQUAL(fd_store_drop_rest(s), 1);
	hears(DROP, &six);
	CU_ASSERT_FALSE(fd_store_has_more(s));
	fd_store_forget(s, &four);
	hears(DROP, &four);
	fd_store_free(s);
	close(fd);
}

/* Sockets at `at` of some kind, under the name of a flow. */
static void refuse(int fd, const char *name)
{
	struct activation a = { .count = 0 };
	char text[128], want[128];
	struct fd_store *s;
	ssize_t n;

	CU_ASSERT_FATAL(fd >= 0);
	add(&a, fd, name);
	s = fd_store_new(&a, 8);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_FALSE(fd_store_has_more(s));
	CU_ASSERT_EQUAL(activation_fini(&a), 1);
	n = recv(manager, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	snprintf(want, sizeof(want), DROP "%s", name);
	CU_ASSERT_STRING_EQUAL(text, want);
	fd_store_free(s);
	CU_ASSERT(fcntl(fd, F_GETFD) < 0);
}

static void test_odd(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	socklen_t len = sizeof(any);
	struct endpoint at;
	char name[32];
	int fd;

	refuse(flow_socket(ENDPOINT_IPV4, &at, name), "flow2-4-1");
	refuse(flow_socket(ENDPOINT_IPV4, &at, name), "");
	refuse(flow_socket(ENDPOINT_IPV4, &at, name), "flow1-4-1");
	refuse(open("/dev/null", O_RDONLY), "flow1-4-1");
	refuse(socket(AF_INET, SOCK_DGRAM, 0), "flow1-4-0");
	refuse(socket(AF_UNIX, SOCK_DGRAM, 0), "flow1-4-0");
	/* One that strangers could send to. */
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&any, len), 0);
	getsockname(fd, (struct sockaddr *)&any, &len);
	snprintf(name, sizeof(name), "flow1-4-%u", ntohs(any.sin_port));
	refuse(fd, name);
	/* TCP at a loopback address. */
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	any.sin_port = 0; /* the same may be somebody else's */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&any, len), 0);
	getsockname(fd, (struct sockaddr *)&any, &len);
	snprintf(name, sizeof(name), "flow1-4-%u", ntohs(any.sin_port));
	refuse(fd, name);
}

/* A manager that nobody can reach keeps nothing. */
static void test_lost(void)
{
	struct fd_store *s = empty(8);
	char *before = strdup(getenv("NOTIFY_SOCKET"));
	struct endpoint at;
	int fd = local_socket(ENDPOINT_IPV4, &at);

	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	fd_store_keep(s, &at, fd);
	CU_ASSERT_FALSE(fd_store_holds_all(s));
	setenv("NOTIFY_SOCKET", before, 1);
	fd_store_forget(s, &at);
	CU_ASSERT(fd_store_holds_all(s));
	fd_store_free(s);
	close(fd);
	free(before);
}

static CU_TestInfo tests[] = {
	{ "kept, and let go", test_kept },
	{ "taken over", test_taken },
	{ "odd ones are closed", test_odd },
	{ "a manager that is gone", test_lost },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "fd_store",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
