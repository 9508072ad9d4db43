/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_peers.c - connect(), getpeername() and getsockname() on UDP sockets, with
 * a tunnelled and with a direct peer
 */
#include <config.h>

#include "udp_lib.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

#define SA(addr) ((struct sockaddr *)&(addr))

static bool has_route(void)
{
	const char *network = getenv("NETWORK");

	return network != NULL && strcmp(network, "route") == 0;
}

static int port_of(int fd)
{
	struct sockaddr_in6 name = { 0 };
	socklen_t len = sizeof(name);

	CHECK_EQ(getsockname(fd, SA(name), &len), 0);
	return ntohs(name.sin6_port); /* at the same place in sockaddr_in */
}

static void expect_own_name(int fd)
{
	struct sockaddr_in name = { 0 };
	socklen_t len = sizeof(name);

	CHECK_EQ(getsockname(fd, SA(name), &len), 0);
	CHECK_EQ(len, sizeof(name));
	CHECK_EQ(name.sin_family, AF_INET);
	CHECK_EQ(name.sin_addr.s_addr, inet_addr(OWN4));
	CHECK(name.sin_port != 0);
}

static void expect_echo(int fd, const char *text)
{
	char got[64];
	size_t len = strlen(text);

	CHECK_EQ(send(fd, text, len, 0), len);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), len);
	CHECK(memcmp(got, text, len) == 0);
}

static void test_calls_on(const char *ip, int port)
{
	struct sockaddr_in far = at4(ip, port), name = { 0 };
	int fd = udp_at(AF_INET, NULL);
	socklen_t len = sizeof(name);
	char got[8];
	struct iovec iov = { got, sizeof(got) };

	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	expect_own_name(fd);
	CHECK_EQ(getpeername(fd, SA(name), &len), 0);
	CHECK_EQ(len, sizeof(name));
	CHECK(memcmp(&name, &far, sizeof(far)) == 0);
	len = 2;
	CHECK_EQ(getpeername(fd, SA(name), &len), 0);
	CHECK_EQ(len, sizeof(name));
	expect_echo(fd, "hello");
	expect_own_name(fd);
	CHECK_EQ(write(fd, "write", 5), 5);
	CHECK_EQ(read(fd, got, sizeof(got)), 5);
	iov.iov_len = 3;
	CHECK_EQ(writev(fd, &iov, 1), 3);
	iov.iov_len = sizeof(got);
	CHECK_EQ(readv(fd, &iov, 1), 3);
	CHECK_EQ(sendto(fd, "to", 2, 0, SA(far), sizeof(far)), 2);
	CHECK_EQ(recvfrom(fd, got, sizeof(got), 0, SA(name), &len), 2);
	CHECK(memcmp(&name, &far, sizeof(far)) == 0);
	CHECK_EQ(write(fd, "", 0), 0);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 0);
	CHECK_EQ(send(fd, "x", 1, MSG_DONTWAIT), 1);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 1);
	CHECK_EQ(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	close(fd);
}

static void test_tunnelled(void)
{
	test_calls_on(FAR4, PORT_ECHO);
}

static void test_direct(void)
{
	test_calls_on(OWN4, PORT_NATIVE_ECHO);
}

/* Only the peer is heard: neither another peer of the flow nor anybody who
 * knows our port. */
static void test_strangers(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_STRANGER_TOO);
	struct sockaddr_in own = at4(OWN4, 0);
	int fd = udp_at(AF_INET, OWN4), other = udp_at(AF_INET, OWN4);
	int ready = -1;
	char got[32];

	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	own.sin_port = htons((uint16_t)port_of(fd));
	expect_echo(fd, "first");
	CHECK_EQ(sendto(other, "intruder", 8, 0, SA(own), sizeof(own)), 8);
	usleep(50000);
	CHECK_EQ(ioctl(fd, FIONREAD, &ready), 0);
	CHECK_EQ(ready, 0);
	CHECK_EQ(sendto(other, "intruder", 8, 0, SA(own), sizeof(own)), 8);
	CHECK_EQ(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(send(fd, "more", 4, 0), 4);
	CHECK_EQ(recv(fd, got, sizeof(got), MSG_PEEK), 4);
	CHECK(memcmp(got, "more", 4) == 0);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 4);
	close(other);
	close(fd);
}

static void test_strangers_in_batches(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_STRANGER_TOO);
	int fd = udp_at(AF_INET, OWN4);
	char got[4][16];
	struct iovec iov[4];
	struct mmsghdr vec[4] = { 0 };

	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){ got[i], sizeof(got[i]) };
		vec[i].msg_hdr.msg_iov = &iov[i];
		vec[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	CHECK_EQ(send(fd, "one", 3, 0), 3);
	CHECK_EQ(send(fd, "two", 3, 0), 3);
	CHECK_EQ(recvmmsg(fd, vec, 2, 0, NULL), 2);
	CHECK(memcmp(got[0], "one", 3) == 0 && memcmp(got[1], "two", 3) == 0);
	CHECK_EQ(send(fd, "three", 5, 0), 5);
	CHECK_EQ(recvmmsg(fd, vec, 4, MSG_WAITFORONE, NULL), 1);
	CHECK_EQ(vec[0].msg_len, 5);
	close(fd);
}

/* Not connected: a stranger of the flow is heard, with its address; and what
 * does not carry the secret is not taken for the flow's. */
static void test_unconnected_hears_all(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_STRANGER_TOO), from;
	struct sockaddr_in forged = at4(FAR4, PORT_FORGED_TOO);
	int fd = udp_at(AF_INET, OWN4);
	socklen_t len = sizeof(from);
	char got[64];

	CHECK_EQ(sendto(fd, "x", 1, 0, SA(far), sizeof(far)), 1);
	CHECK_EQ(recvfrom(fd, got, sizeof(got), 0, SA(from), &len), 8);
	CHECK_EQ(from.sin_addr.s_addr, inet_addr("203.0.113.99"));
	CHECK_EQ(from.sin_port, htons(9));
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 1);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(forged), sizeof(forged)), 1);
	CHECK_EQ(recvfrom(fd, got, sizeof(got), 0, SA(from), &len), 28 + 6);
	CHECK_EQ(from.sin_addr.s_addr, inet_addr("127.0.0.1"));
	CHECK(memcmp(got + 28, "forged", 6) == 0);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 1);
	close(fd);
}

/* libwebrtc finds its default address so; nothing may be registered by it. */
static void test_route_probe(void)
{
	struct sockaddr_in dns = at4("8.8.8.8", 53);
	struct sockaddr_in6 dns6 = at6("2001:4860:4860::8888", 53), name6;
	int fd = udp_at(AF_INET, NULL), asked = fake_count("asked");
	socklen_t len = sizeof(name6);

	CHECK_EQ(connect(fd, SA(dns), sizeof(dns)), 0);
	expect_own_name(fd);
	close(fd);
	fd = udp_at(AF_INET6, NULL);
	if (has_route()) {
		CHECK_EQ(connect(fd, SA(dns6), sizeof(dns6)), 0);
		CHECK_EQ(getsockname(fd, SA(name6), &len), 0);
		CHECK_EQ(len, sizeof(name6));
		CHECK_EQ(name6.sin6_addr.s6_addr[0], 0xfd);
	} else {
		CHECK_EQ(connect(fd, SA(dns6), sizeof(dns6)), -1);
		CHECK_EQ(errno, ENETUNREACH);
	}
	close(fd);
	CHECK_EQ(fake_count("asked"), asked);
}

static void test_mapped(void)
{
	struct sockaddr_in6 far = at6(FAR4, PORT_ECHO), name = { 0 };
	struct sockaddr_in6 own = at6(OWN4, 0);
	struct sockaddr_in far4 = at4(FAR4, PORT_ECHO);
	int fd = udp_at(AF_INET6, NULL), on = 1;
	socklen_t len = sizeof(name);

	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	CHECK_EQ(getsockname(fd, SA(name), &len), 0);
	CHECK_EQ(len, sizeof(name));
	CHECK(memcmp(&name.sin6_addr, &own.sin6_addr, 16) == 0);
	CHECK_EQ(getpeername(fd, SA(name), &len), 0);
	CHECK(memcmp(&name, &far, sizeof(far)) == 0);
	expect_echo(fd, "mapped");
	/* an IPv4 name does for a dual-stack socket */
	CHECK_EQ(connect(fd, SA(far4), sizeof(far4)), 0);
	CHECK_EQ(getpeername(fd, SA(name), &len), 0);
	CHECK(memcmp(&name, &far, sizeof(far)) == 0);
	expect_echo(fd, "again");
	close(fd);
	fd = udp_at(AF_INET6, NULL);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	CHECK_EQ(connect(fd, SA(far), sizeof(far)), -1);
	CHECK_EQ(errno, ENETUNREACH);
	close(fd);
}

static void test_disconnect(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO), name;
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	int fd = udp_at(AF_INET, NULL), port;
	socklen_t len = sizeof(name);
	char got[8];

	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	expect_echo(fd, "up");
	port = port_of(fd);
	CHECK_EQ(connect(fd, &unspec, sizeof(unspec)), 0);
	CHECK_EQ(getpeername(fd, SA(name), &len), -1);
	CHECK_EQ(errno, ENOTCONN);
	CHECK_EQ(send(fd, "x", 1, 0), -1);
	CHECK_EQ(errno, EDESTADDRREQ);
	CHECK_EQ(port_of(fd), port);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(far), sizeof(far)), 1);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 1);
	close(fd);
}

/* From a tunnelled peer to another, to a direct one, and back. */
static void test_reconnect(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);
	struct sockaddr_in far2 = at4(FAR4B, PORT_ECHO);
	struct sockaddr_in own = at4(OWN4, PORT_NATIVE_ECHO), name;
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	int fd = udp_at(AF_INET, NULL), opened = fake_count("opened"), port;
	socklen_t len = sizeof(name);

	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	expect_echo(fd, "first");
	CHECK_EQ(connect(fd, SA(far2), sizeof(far2)), 0);
	expect_echo(fd, "second");
	CHECK_EQ(connect(fd, SA(own), sizeof(own)), 0);
	expect_echo(fd, "direct");
	port = port_of(fd);
	CHECK_EQ(getpeername(fd, SA(name), &len), 0);
	CHECK(memcmp(&name, &own, sizeof(own)) == 0);
	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	expect_echo(fd, "tunnelled");
	CHECK_EQ(port_of(fd), port);
	CHECK_EQ(connect(fd, SA(own), sizeof(own)), 0);
	CHECK_EQ(connect(fd, &unspec, sizeof(unspec)), 0);
	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	expect_echo(fd, "tunnelled");
	CHECK_EQ(fake_count("opened"), opened + 1);
	close(fd);
}

static void test_refused(void)
{
	struct sockaddr_in blocked = at4(BLOCKED4, 9);
	struct sockaddr_in6 v6 = at6(FAR6, 9);
	int fd = udp_at(AF_INET, NULL);

	CHECK_EQ(connect(fd, SA(blocked), sizeof(blocked)), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(blocked), sizeof(blocked)), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(connect(fd, SA(v6), sizeof(v6)), -1);
	CHECK_EQ(errno, EAFNOSUPPORT);
	CHECK_EQ(connect(fd, SA(blocked), 3), -1);
	CHECK_EQ(errno, EINVAL);
	close(fd);
}

static void *shut_later(void *arg)
{
	usleep(100000);
	CHECK_EQ(shutdown(*(int *)arg, SHUT_RDWR), 0);
	return NULL;
}

/* shutdown() wakes a reader. */
static void test_shutdown(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);
	int fd = udp_at(AF_INET, NULL);
	pthread_t thread;
	char c;

	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	expect_echo(fd, "x");
	pthread_create(&thread, NULL, shut_later, &fd);
	CHECK_EQ(recv(fd, &c, 1, 0), 0);
	pthread_join(thread, NULL);
	close(fd);
}

/* Port 53 is answered by tunneld, also where the name server is private. */
static void test_name_server(void)
{
	struct sockaddr_in ns = at4("10.99.0.53", 53),
			   lo = at4("127.0.0.53", 53);
	int fd = udp_at(AF_INET, NULL);

	CHECK_EQ(connect(fd, SA(ns), sizeof(ns)), 0);
	expect_echo(fd, "query");
	close(fd);
	fd = udp_at(AF_INET, NULL);
	CHECK_EQ(connect(fd, SA(lo), sizeof(lo)), 0);
	expect_echo(fd, "query");
	close(fd);
}

static void test_not_connected(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO), name;
	int fd = udp_at(AF_INET, NULL);
	socklen_t len = sizeof(name);
	char got[8];

	CHECK_EQ(getpeername(fd, SA(name), &len), -1);
	CHECK_EQ(errno, ENOTCONN);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(far), sizeof(far)), 1);
	CHECK_EQ(recv(fd, got, sizeof(got), 0), 1);
	CHECK_EQ(getpeername(fd, SA(name), &len), -1);
	CHECK_EQ(errno, ENOTCONN);
	close(fd);
}

static void test_nothing_leaked(void)
{
	CHECK_EQ(fake_count("leaked"), 0);
	CHECK_EQ(fake_count("malformed"), 0);
	CHECK_EQ(fake_count("wrong_secret"), 0);
}

static const struct lib_test tests[] = {
	{ "calls on a direct connection", test_direct },
	{ "calls on a tunnelled connection", test_tunnelled },
	{ "a connection hears its peer alone", test_strangers },
	{ "… also by recvmmsg", test_strangers_in_batches },
	{ "an unconnected socket hears all", test_unconnected_hears_all },
	{ "route probe", test_route_probe },
	{ "v4-mapped", test_mapped },
	{ "connect(AF_UNSPEC)", test_disconnect },
	{ "connect() again", test_reconnect },
	{ "refused peers", test_refused },
	{ "shutdown() wakes a reader", test_shutdown },
	{ "name servers", test_name_server },
	{ "getpeername() without connect()", test_not_connected },
	{ "nothing has leaked", test_nothing_leaked },
};

int main(int argc, char **argv)
{
	native_echo_start();
	return lib_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
