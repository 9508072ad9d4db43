/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_sockdiag.c - the kernel's answers for every way an app binds */
#include <config.h>

#include "sockdiag.h"

#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int nl = -1;

static int setup(void)
{
	nl = sockdiag_open();
	return nl < 0;
}

static int teardown(void)
{
	close(nl);
	return 0;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	CU_ASSERT(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0);
	return cookie;
}

static struct endpoint local_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint e;

	CU_ASSERT(getsockname(fd, (struct sockaddr *)&ss, &len) == 0);
	CU_ASSERT(endpoint_from_sockaddr(&e, &ss, len));
	return e;
}

static int udp(int family, const char *ip, uint16_t port)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t len = sizeof(struct sockaddr_in);

	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&ss;

		inet_pton(AF_INET, ip, &in->sin_addr);
		in->sin_port = htons(port);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

		len = sizeof(*in6);
		inet_pton(AF_INET6, ip, &in6->sin6_addr);
		in6->sin6_port = htons(port);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&ss, len) == 0);
	return fd;
}

/* tunneld's end on loopback, connected to where `app` sends from. */
static int flow_to(int app, int family, struct endpoint *seen,
		   struct endpoint *flow)
{
	bool v6 = family == AF_INET6;
	int fd = udp(family, v6 ? "::1" : "127.0.0.1", 0);
	int app_family = AF_INET;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(app_family);
	char byte = 0;

	*flow = local_of(fd);
	getsockopt(app, SOL_SOCKET, SO_DOMAIN, &app_family, &len);
	len = endpoint_to_sockaddr(flow, app_family, &ss);
	CU_ASSERT_FATAL(len > 0);
	CU_ASSERT_FATAL(sendto(app, &byte, 1, 0, (struct sockaddr *)&ss, len) ==
			1);
	len = sizeof(ss);
	CU_ASSERT_FATAL(
		recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&ss, &len) == 1);
	CU_ASSERT(endpoint_from_sockaddr(seen, &ss, len));
	CU_ASSERT(connect(fd, (struct sockaddr *)&ss, len) == 0);
	return fd;
}

static void check(int app_family, const char *bind_ip, int flow_family)
{
	int app = udp(app_family, bind_ip, 0), other;
	struct endpoint seen, flow;
	int fd = flow_to(app, flow_family, &seen, &flow);
	uint64_t cookie = cookie_of(app);

	CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow, cookie, NULL), 1);
	CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow, cookie + 1, NULL),
			0);
	close(app);
	CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow, cookie, NULL), 0);
	/* The port is somebody else's now. */
	other = udp(app_family, bind_ip, endpoint_port(&seen));
	CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow, cookie, NULL), 0);
	CU_ASSERT_EQUAL(
		sockdiag_udp_alive(nl, &seen, &flow, cookie_of(other), NULL),
		1);
	close(other);
	close(fd);
}

/* What a full receive buffer costs is the socket's to know. */
static void full_buffer(void)
{
	int app = udp(AF_INET, "127.0.0.1", 0), size = 4096;
	struct endpoint seen, flow;
	int fd = flow_to(app, AF_INET, &seen, &flow);
	uint32_t drops = 77;
	char data[1000] = { 0 };

	setsockopt(app, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	CU_ASSERT_EQUAL(
		sockdiag_udp_alive(nl, &seen, &flow, cookie_of(app), &drops),
		1);
	CU_ASSERT_EQUAL(drops, 0);
	for (int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(send(fd, data, sizeof(data), 0), sizeof(data));
	CU_ASSERT_EQUAL(
		sockdiag_udp_alive(nl, &seen, &flow, cookie_of(app), &drops),
		1);
	CU_ASSERT(drops > 50 && drops < 100);
	close(app);
	close(fd);
}

static void bound_to_any(void)
{
	check(AF_INET, "0.0.0.0", AF_INET);
}

static void bound_to_loopback(void)
{
	check(AF_INET, "127.0.0.1", AF_INET);
	check(AF_INET6, "::1", AF_INET6);
}

static void bound_to_any_v6(void)
{
	check(AF_INET6, "::", AF_INET6);
}

static void dual_stack_seen_by_ipv4(void)
{
	check(AF_INET6, "::", AF_INET);
}

/* The address that the kernel would take towards a documentation address is
 * one of an interface; without a route there is none to test. */
static bool interface_ip(char ip[INET_ADDRSTRLEN])
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct endpoint e = { .family = ENDPOINT_NONE };

	inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		e = local_of(fd);
	close(fd);
	return e.family == ENDPOINT_IPV4 &&
	       inet_ntop(AF_INET, e.ip, ip, INET_ADDRSTRLEN) != NULL;
}

static void bound_to_interface(void)
{
	char ip[INET_ADDRSTRLEN] = "127.0.0.2";

	(void)interface_ip(ip);
	check(AF_INET, ip, AF_INET);
}

/* What the exact look-up misses. */
static void bound_to_device(void)
{
	int app = udp(AF_INET, "0.0.0.0", 0);
	struct endpoint seen, flow;
	int fd = flow_to(app, AF_INET, &seen, &flow);

	if (setsockopt(app, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0)
		CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow,
						   cookie_of(app), NULL),
				1);
	close(app);
	close(fd);
}

static void shared_port(void)
{
	int app[8], fd, i;
	struct endpoint seen, flow;
	uint64_t cookie;

	app[0] = udp(AF_INET, "0.0.0.0", 0);
	fd = flow_to(app[0], AF_INET, &seen, &flow);
	for (i = 1; i < 8; i++)
		app[i] = udp(AF_INET, "0.0.0.0", endpoint_port(&seen));
	/* Whichever the kernel would choose for a datagram: all are there. */
	for (i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow,
						   cookie_of(app[i]), NULL),
				1);
	cookie = cookie_of(app[0]);
	close(app[0]);
	CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow, cookie, NULL), 0);
	for (i = 1; i < 8; i++)
		close(app[i]);
	close(fd);
}

static void connected_elsewhere(void)
{
	int app = udp(AF_INET, "127.0.0.1", 0);
	int peer = udp(AF_INET, "127.0.0.1", 0);
	struct endpoint seen, flow, e = local_of(peer);
	int fd = flow_to(app, AF_INET, &seen, &flow);
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&e, AF_INET, &ss);

	CU_ASSERT(connect(app, (struct sockaddr *)&ss, len) == 0);
	CU_ASSERT_EQUAL(
		sockdiag_udp_alive(nl, &seen, &flow, cookie_of(app), NULL), 1);
	close(app);
	close(peer);
	close(fd);
}

/* A listing of many sockets takes several buffers; none may stay behind. */
static void many_sockets(void)
{
	int app[300], fd, i;
	struct endpoint seen, flow;

	app[0] = udp(AF_INET, "0.0.0.0", 0);
	fd = flow_to(app[0], AF_INET, &seen, &flow);
	for (i = 1; i < 300; i++)
		app[i] = udp(AF_INET, "0.0.0.0", endpoint_port(&seen));
	for (i = 0; i < 300; i += 23)
		CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow,
						   cookie_of(app[i]), NULL),
				1);
	CU_ASSERT_EQUAL(sockdiag_udp_alive(nl, &seen, &flow, 12345, NULL), 0);
	for (i = 0; i < 300; i++)
		close(app[i]);
	CU_ASSERT_EQUAL(recv(nl, &i, sizeof(i), MSG_DONTWAIT), -1);
	CU_ASSERT_EQUAL(errno, EAGAIN);
	close(fd);
}

static void bad_descriptor(void)
{
	struct endpoint e = { .family = ENDPOINT_IPV4 };

	CU_ASSERT_EQUAL(sockdiag_udp_alive(-1, &e, &e, 1, NULL), -EBADF);
}

static CU_TestInfo tests[] = {
	{ "a full receive buffer", full_buffer },
	{ "bound to 0.0.0.0", bound_to_any },
	{ "bound to loopback", bound_to_loopback },
	{ "bound to an interface", bound_to_interface },
	{ "bound to ::", bound_to_any_v6 },
	{ "bound to ::, seen by IPv4", dual_stack_seen_by_ipv4 },
	{ "bound to a device", bound_to_device },
	{ "port shared by SO_REUSEPORT", shared_port },
	{ "connected elsewhere", connected_elsewhere },
	{ "many sockets on the port", many_sockets },
	{ "bad descriptor", bad_descriptor },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "sockdiag",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
