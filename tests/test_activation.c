/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_activation.c - descriptors of a service manager, and what is none */
#include <config.h>

#include "../tunneld/activation.h"

#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

static char dir[] = "/tmp/test_activation.XXXXXX";
static char path[sizeof(dir) + 16];

static int set_up(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/control", dir);
	return 0;
}

static int tear_down(void)
{
	unlink(path);
	return rmdir(dir);
}

static void put(int at, int fd)
{
	if (fd == at)
		return;
	CU_ASSERT_EQUAL_FATAL(dup2(fd, at), at);
	close(fd);
}

static int listener(int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	unlink(path);
	strcpy(sun.sun_path, path);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sun, sizeof(sun)),
			      0);
	if (type == SOCK_STREAM)
		CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
	/* Not where it is to go. */
	CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_DUPFD_CLOEXEC, 20), 20);
	close(fd);
	return 20;
}

static void announce(const char *count, const char *names, int pid_off)
{
	char pid[24];

	snprintf(pid, sizeof(pid), "%d", (int)getpid() + pid_off);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	if (names[0] == '\0')
		unsetenv("LISTEN_FDNAMES");
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_taken(void)
{
	struct activation a;
	char where[108];
	int fd;

	put(3, open("/dev/null", O_RDONLY));
	put(4, listener(SOCK_STREAM));
	put(5, open("/dev/null", O_RDONLY));
	announce("3", "one:control:", 0);
	CU_ASSERT_EQUAL_FATAL(activation_init(&a), 0);
	CU_ASSERT_EQUAL_FATAL(a.count, 3);
	CU_ASSERT_STRING_EQUAL(a.list[0].name, "one");
	CU_ASSERT_STRING_EQUAL(a.list[2].name, "");
	CU_ASSERT_EQUAL(fcntl(3, F_GETFD), FD_CLOEXEC);
	CU_ASSERT_PTR_NULL(getenv("LISTEN_FDS"));
	CU_ASSERT_PTR_NULL(getenv("LISTEN_PID"));
	CU_ASSERT_PTR_NULL(getenv("LISTEN_FDNAMES"));
	fd = activation_take_control(&a, where, sizeof(where));
	CU_ASSERT_EQUAL(fd, 4);
	CU_ASSERT_STRING_EQUAL(where, path);
	CU_ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CU_ASSERT_EQUAL(activation_take_control(&a, where, sizeof(where)),
			-ENOENT);
	CU_ASSERT_EQUAL(activation_take(&a, 2), 5);
	CU_ASSERT_EQUAL(activation_fini(&a), 1);
	CU_ASSERT(!is_open(3));
	CU_ASSERT(is_open(4) && is_open(5));
	close(4);
	close(5);
}

/* Of the environment alone. */
static void test_none(void)
{
	struct activation a;

	put(3, open("/dev/null", O_RDONLY));
	unsetenv("LISTEN_PID");
	CU_ASSERT_EQUAL(activation_init(&a), 0);
	CU_ASSERT_EQUAL(a.count, 0);
	announce("1", "control", 1); /* somebody else's */
	CU_ASSERT_EQUAL(activation_init(&a), 0);
	CU_ASSERT_EQUAL(a.count, 0);
	CU_ASSERT_PTR_NULL(getenv("LISTEN_FDS"));
	for (size_t i = 0; i < 7; i++) {
		static const char *const counts[] = {
			"", "0", "-1", "1x", " 1", "70000", "99999999999999999"
		};

		announce(counts[i], "control", 0);
		CU_ASSERT_EQUAL(activation_init(&a), -EINVAL);
		CU_ASSERT_EQUAL(a.count, 0);
	}
	CU_ASSERT(is_open(3));
	/* More than there are: what there is is closed, too. */
	CU_ASSERT(!is_open(4));
	announce("2", "", 0);
	CU_ASSERT_EQUAL(activation_init(&a), -EBADF);
	CU_ASSERT_EQUAL(a.count, 0);
	CU_ASSERT(!is_open(3));
}

static void refuse(int fd, int error)
{
	struct activation a;
	char where[108];

	put(3, fd);
	announce("1", ACTIVATION_CONTROL, 0);
	CU_ASSERT_EQUAL_FATAL(activation_init(&a), 0);
	CU_ASSERT_EQUAL(activation_take_control(&a, where, sizeof(where)),
			error);
	CU_ASSERT(!is_open(3));
	activation_fini(&a);
}

static void test_odd(void)
{
	struct activation a;
	char little[8];

	refuse(open("/dev/null", O_RDONLY), -ENOTSOCK);
	refuse(socket(AF_INET, SOCK_STREAM, 0), -ENOTSOCK);
	refuse(socket(AF_UNIX, SOCK_STREAM, 0), -ENOTSOCK);
	refuse(listener(SOCK_DGRAM), -ENOTSOCK);
	put(3, listener(SOCK_STREAM));
	announce("1", ACTIVATION_CONTROL, 0);
	CU_ASSERT_EQUAL_FATAL(activation_init(&a), 0);
	CU_ASSERT_EQUAL(activation_take_control(&a, little, sizeof(little)),
			-ENAMETOOLONG);
	activation_fini(&a);
}

static CU_TestInfo tests[] = {
	{ "taken over", test_taken },
	{ "none, or not for us", test_none },
	{ "a control socket that is none", test_odd },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "activation",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
