/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_loopback.c - both ends of connections within this host: the app's own
 * socket is one, and a stranger never the other
 */
#include <config.h>

#include "loopback.h"

#include "cancel.h"
#include "clock.h"
#include "dial_lab.h"
#include "hop.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>

#include <sys/syscall.h>

/* A stranger that is at each listener before anybody else: the library's
 * listen() ends here. */
static int strangers;
static int stranger_fd = -1;

int listen(int fd, int backlog)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (syscall(SYS_listen, fd, backlog) != 0)
		return -1;
	if (strangers == 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return 0;
	stranger_fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(stranger_fd, (struct sockaddr *)&ss, len) != 0)
		abort();
	return 0;
}

static struct cancel cancel;

static int init(void)
{
	cancel_init(&cancel);
	return 0;
}

static struct hop hop_for(int socket)
{
	return (struct hop){ .socket = socket,
			     .deadline_ms = clock_now_ms() + 5000,
			     .cancel = &cancel };
}

/* Bytes written at one end come out of the other, which does not block. */
static void check_pair(int near, int far)
{
	struct pollfd p = { .fd = far, .events = POLLIN };
	char c = 0;

	CU_ASSERT((fcntl(far, F_GETFL) & O_NONBLOCK) != 0);
	CU_ASSERT((fcntl(far, F_GETFD) & FD_CLOEXEC) != 0);
	CU_ASSERT_EQUAL(send(near, "x", 1, MSG_NOSIGNAL), 1);
	CU_ASSERT_EQUAL(poll(&p, 1, 5000), 1);
	CU_ASSERT_EQUAL(recv(far, &c, 1, 0), 1);
	CU_ASSERT_EQUAL(c, 'x');
}

static void new_pair(void)
{
	struct hop h = hop_for(-1);
	int far = -1, fds = lab_count_fds();
	int near = loopback_pair(&h, 65536, &far);

	CU_ASSERT_FATAL(near >= 0);
	CU_ASSERT_EQUAL(lab_count_fds(), fds + 2); /* no listener is left */
	check_pair(near, far);
	close(near);
	close(far);
}

static void with_app(int app)
{
	struct hop h = hop_for(app);
	int far = -1, flags = fcntl(app, F_GETFL);
	int near = loopback_pair(&h, 65536, &far);

	CU_ASSERT_EQUAL_FATAL(near, app);
	check_pair(near, far);
	/* The app's again, as hop.h says. */
	hop_undo(&h);
	CU_ASSERT_EQUAL(fcntl(app, F_GETFL), flags);
	CU_ASSERT_EQUAL(send(app, "x", 1, MSG_NOSIGNAL), -1);
	close(far);
	close(app);
}

static void app_ipv4(void)
{
	with_app(lab_app_socket(AF_INET, false));
	with_app(lab_app_socket(AF_INET, true));
}

static void app_ipv6(void)
{
	int only = lab_app_socket(AF_INET6, true), one = 1;

	with_app(lab_app_socket(AF_INET6, true));
	CU_ASSERT_EQUAL(
		setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)),
		0);
	with_app(only);
}

/* A dual-stack socket that is bound to an IPv4 address has to go by IPv4. */
static void app_mapped(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int app = lab_app_socket(AF_INET6, true);

	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	CU_ASSERT_EQUAL_FATAL(bind(app, (struct sockaddr *)&in6, sizeof(in6)),
			      0);
	with_app(app);
}

static void app_keeps_its_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET }, after;
	socklen_t len = sizeof(in);
	int app = lab_app_socket(AF_INET, true), far = -1;
	struct hop h = hop_for(app);

	CU_ASSERT_EQUAL_FATAL(bind(app, (struct sockaddr *)&in, len), 0);
	CU_ASSERT_EQUAL(getsockname(app, (struct sockaddr *)&in, &len), 0);
	CU_ASSERT_EQUAL_FATAL(loopback_pair(&h, 65536, &far), app);
	CU_ASSERT_EQUAL(getsockname(app, (struct sockaddr *)&after, &len), 0);
	CU_ASSERT_EQUAL(in.sin_port, after.sin_port);
	close(far);
	close(app);
}

/* It may be unable to reach loopback: another socket goes in its place. */
static void app_of_a_device(void)
{
	int app = lab_app_socket(AF_INET, true), far = -1, near;
	struct hop h = hop_for(app);

	CU_ASSERT_EQUAL_FATAL(
		setsockopt(app, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	near = loopback_pair(&h, 65536, &far);
	CU_ASSERT_FATAL(near >= 0 && near != app);
	check_pair(near, far);
	close(near);
	close(far);
	close(app);
}

/* The app was not to touch it meanwhile, but it may. */
static void app_is_connected(void)
{
	struct hop other = hop_for(-1), h;
	int far = -1, far2 = -1, app = loopback_pair(&other, 65536, &far);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	/* The kernel's 0 for the connect(2) that did not block. */
	CU_ASSERT_EQUAL(getpeername(app, (struct sockaddr *)&ss, &len), 0);
	(void)connect(app, (struct sockaddr *)&ss, len);
	h = hop_for(app);
	CU_ASSERT_EQUAL(loopback_pair(&h, 65536, &far2), -EISCONN);
	check_pair(app, far);
	close(app);
	close(far);
}

static void stranger_is_sent_away(void)
{
	struct hop h = hop_for(lab_app_socket(AF_INET, true));
	int far = -1, near;
	char c;

	strangers = 1;
	near = loopback_pair(&h, 65536, &far);
	strangers = 0;
	CU_ASSERT_EQUAL_FATAL(near, h.socket);
	check_pair(near, far);
	CU_ASSERT_EQUAL(recv(stranger_fd, &c, 1, 0), 0);
	close(stranger_fd);
	close(near);
	close(far);
}

static void cancelled(void)
{
	struct hop h = hop_for(-1);
	int far = -1, fds = lab_count_fds();

	cancel_now(&cancel);
	CU_ASSERT_EQUAL(loopback_pair(&h, 65536, &far), -ECANCELED);
	CU_ASSERT_EQUAL(lab_count_fds(), fds);
	cancel_fini(&cancel);
	cancel_init(&cancel);
}

static CU_TestInfo tests[] = {
	{ "a pair of our own", new_pair },
	{ "the app's IPv4 socket is one end", app_ipv4 },
	{ "the app's IPv6 socket is one end", app_ipv6 },
	{ "an IPv6 socket at an IPv4 address", app_mapped },
	{ "a bound socket keeps its port", app_keeps_its_port },
	{ "a socket bound to a device stays aside", app_of_a_device },
	{ "a socket that the app has connected", app_is_connected },
	{ "a stranger is sent away", stranger_is_sent_away },
	{ "cancelled", cancelled },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "loopback", .pInitFunc = init, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
