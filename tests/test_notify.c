/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_notify.c - the datagrams that a service manager gets */
#include <config.h>

#include "../tunneld/notify.h"

#include "lib/unit.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char dir[] = "/tmp/test_notify.XXXXXX";
static char text[1024];

static int set_up(void)
{
	return mkdtemp(dir) == NULL;
}

static int tear_down(void)
{
	return rmdir(dir);
}

/* `name` as NOTIFY_SOCKET has it. */
static int listen_at(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len = strlen(name);

	memcpy(un.sun_path, name, len);
	if (name[0] == '@')
		un.sun_path[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(
		bind(fd, (struct sockaddr *)&un,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *received(int fd)
{
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void exchange(int fd)
{
	unsigned long long us;
	struct timespec now;

	notify_ready();
	CU_ASSERT_STRING_EQUAL(received(fd), "READY=1");
	notify_stopping();
	CU_ASSERT_STRING_EQUAL(received(fd), "STOPPING=1");
	notify_status("%d flows\nREADY=1", 3);
	CU_ASSERT_STRING_EQUAL(received(fd), "STATUS=3 flows READY=1");
	notify_reloading();
	clock_gettime(CLOCK_MONOTONIC, &now);
	CU_ASSERT_EQUAL(
		sscanf(received(fd), "RELOADING=1\nMONOTONIC_USEC=%llu", &us),
		1);
	CU_ASSERT(us / 1000000 <= (unsigned long long)now.tv_sec);
	CU_ASSERT(us / 1000000 + 5 > (unsigned long long)now.tv_sec);
}

static void test_path(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/notify", dir);
	fd = listen_at(path);
	exchange(fd);
	close(fd);
	unlink(path);
	notify_ready(); /* nobody listens: nothing happens */
}

static void test_abstract(void)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@test_notify.%d", (int)getpid());
	fd = listen_at(name);
	exchange(fd);
	close(fd);
}

static void test_none(void)
{
	char path[64], much[300];
	int fd;

	snprintf(path, sizeof(path), "%s/notify", dir);
	fd = listen_at(path);
	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	setenv("NOTIFY_SOCKET", "", 1);
	notify_ready();
	setenv("NOTIFY_SOCKET", "notify", 1);
	notify_ready();
	memset(much, '/', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	setenv("NOTIFY_SOCKET", much, 1);
	notify_ready();
	CU_ASSERT_STRING_EQUAL(received(fd), "");
	close(fd);
	unlink(path);
}

static void test_watchdog(void)
{
	char path[64], pid[24];
	int fd;

	snprintf(path, sizeof(path), "%s/notify", dir);
	fd = listen_at(path);
	CU_ASSERT_EQUAL(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	CU_ASSERT_EQUAL(notify_watchdog_ms(), 30000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	CU_ASSERT_EQUAL(notify_watchdog_ms(), 30000);
	setenv("WATCHDOG_PID", "1", 1);
	CU_ASSERT_EQUAL(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "30s", 1);
	CU_ASSERT_EQUAL(notify_watchdog_ms(), 0);
	notify_watchdog();
	CU_ASSERT_STRING_EQUAL(received(fd), "WATCHDOG=1");
	setenv("WATCHDOG_USEC", "30000000", 1);
	notify_leave();
	CU_ASSERT_EQUAL(notify_watchdog_ms(), 0);
	notify_watchdog();
	CU_ASSERT_STRING_EQUAL(received(fd), "");
	close(fd);
	unlink(path);
}

/* The descriptor that came with the message; -1: none. */
static int received_fd(int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	int passed = -1;

	text[n > 0 ? n : 0] = '\0';
	if (c != NULL)
		memcpy(&passed, CMSG_DATA(c), sizeof(passed));
	return passed;
}

static void test_store(void)
{
	struct stat sent, kept;
	char path[64];
	int fd, passed;

	snprintf(path, sizeof(path), "%s/notify", dir);
	fd = listen_at(path);
	unsetenv("FDSTORE");
	CU_ASSERT_EQUAL(notify_store_max(), 0);
	setenv("FDSTORE", "12", 1);
	CU_ASSERT_EQUAL(notify_store_max(), 12);
	CU_ASSERT_EQUAL(notify_store("one", fd), 0);
	passed = received_fd(fd);
	CU_ASSERT_STRING_EQUAL(text, "FDSTORE=1\nFDNAME=one\nFDPOLL=0");
	CU_ASSERT_EQUAL_FATAL(fstat(passed, &kept), 0);
	CU_ASSERT_EQUAL_FATAL(fstat(fd, &sent), 0);
	CU_ASSERT_EQUAL(kept.st_ino, sent.st_ino);
	close(passed);
	notify_store_remove("one");
	CU_ASSERT_EQUAL(received_fd(fd), -1);
	CU_ASSERT_STRING_EQUAL(text, "FDSTOREREMOVE=1\nFDNAME=one");
	close(fd);
	unlink(path);
	CU_ASSERT(notify_store("one", 0) < 0);
	notify_leave();
	CU_ASSERT_EQUAL(notify_store_max(), 0);
}

static CU_TestInfo tests[] = {
	{ "a path", test_path },
	{ "an abstract name", test_abstract },
	{ "none, or none that is one", test_none },
	{ "watchdog", test_watchdog },
	{ "descriptors in store", test_store },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "notify",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
