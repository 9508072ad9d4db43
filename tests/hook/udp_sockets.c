/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_sockets.c - sockets of each family, bound in each way; registration with
 * the daemon, its restarts and its absence
 */
#include <config.h>

#include "udp_lib.h"

#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define SA(addr) ((struct sockaddr *)&(addr))

static void echo4(int fd, const char *ip, int port)
{
	struct sockaddr_in to = at4(ip, port), from = { 0 };
	socklen_t len = sizeof(from);
	char got[32] = "";

	CHECK_EQ(sendto(fd, "echo", 4, 0, SA(to), sizeof(to)), 4);
	CHECK_EQ(recvfrom(fd, got, sizeof(got), 0, SA(from), &len), 4);
	CHECK(memcmp(got, "echo", 4) == 0);
	CHECK(memcmp(&from, &to, sizeof(to)) == 0);
}

static void echo6(int fd, const char *ip, int port)
{
	struct sockaddr_in6 to = at6(ip, port), from = { 0 };
	socklen_t len = sizeof(from);
	char got[32] = "";

	CHECK_EQ(sendto(fd, "echo", 4, 0, SA(to), sizeof(to)), 4);
	CHECK_EQ(recvfrom(fd, got, sizeof(got), 0, SA(from), &len), 4);
	CHECK(memcmp(got, "echo", 4) == 0);
	CHECK(memcmp(&from, &to, sizeof(to)) == 0);
}

static void test_ipv4(void)
{
	int fd = udp_at(AF_INET, "0.0.0.0");

	echo4(fd, FAR4, PORT_ECHO);
	echo4(fd, OWN4, PORT_NATIVE_ECHO);
	echo4(fd, FAR4B, PORT_ECHO);
	close(fd);
	fd = udp_at(AF_INET, OWN4);
	echo4(fd, FAR4, PORT_ECHO);
	CHECK(strcmp(fake_value("source"), OWN4) == 0);
	close(fd);
	fd = udp_at(AF_INET, NULL);
	echo4(fd, FAR4, PORT_ECHO);
	close(fd);
}

static void test_dual_stack(void)
{
	int fd = udp_at(AF_INET6, "::");
	struct sockaddr_in to = at4(FAR4, PORT_ECHO);
	struct sockaddr_in6 from, want = at6(FAR4, PORT_ECHO);
	socklen_t len = sizeof(from);
	char c;

	echo6(fd, FAR4, PORT_ECHO);
	echo6(fd, FAR6, PORT_ECHO);
	echo6(fd, OWN4, PORT_NATIVE_ECHO);
	echo6(fd, OWN6, PORT_NATIVE_ECHO);
	/* An IPv4 name to an IPv6 socket, answered v4-mapped */
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(to), sizeof(to)), 1);
	CHECK_EQ(recvfrom(fd, &c, 1, 0, SA(from), &len), 1);
	CHECK(memcmp(&from, &want, sizeof(want)) == 0);
	close(fd);
	fd = udp_at(AF_INET6, OWN4); /* v4-mapped */
	echo6(fd, FAR4, PORT_ECHO);
	close(fd);
}

static void test_v6only(void)
{
	struct sockaddr_in6 mapped = at6(FAR4, PORT_ECHO);
	struct sockaddr_in to = at4(FAR4, PORT_ECHO);
	int fd = udp_at(AF_INET6, NULL), on = 1;

	CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	echo6(fd, FAR6, PORT_ECHO);
	CHECK(strcmp(fake_value("source"), "::1") == 0);
	echo6(fd, OWN6, PORT_NATIVE_ECHO);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(mapped), sizeof(mapped)), -1);
	CHECK_EQ(errno, ENETUNREACH);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(to), sizeof(to)), -1);
	CHECK_EQ(errno, ENETUNREACH);
	close(fd);
}

static void test_bound6(void)
{
	int fd = udp_at(AF_INET6, OWN6);

	echo6(fd, FAR6, PORT_ECHO);
	CHECK(strcmp(fake_value("source"), OWN6) == 0);
	echo6(fd, OWN6, PORT_NATIVE_ECHO);
	close(fd);
}

/* libnice (P1): without a pin the datagram vanishes. */
static void test_unicast_if(void)
{
	uint32_t index = htonl(if_nametoindex(DEVICE));
	int fd = udp_at(AF_INET, OWN4);

	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_UNICAST_IF, &index,
			    sizeof(index)),
		 0);
	echo4(fd, FAR4, PORT_ECHO);
	CHECK(strcmp(fake_value("source"), OWN4) == 0);
	close(fd);
	/* set after the first datagram, wildcard */
	fd = udp_at(AF_INET, "0.0.0.0");
	echo4(fd, FAR4, PORT_ECHO);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_UNICAST_IF, &index,
			    sizeof(index)),
		 0);
	echo4(fd, FAR4, PORT_ECHO);
	close(fd);
	fd = udp_at(AF_INET6, OWN6);
	CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, &index,
			    sizeof(index)),
		 0);
	echo6(fd, FAR6, PORT_ECHO);
	close(fd);
	fd = udp_at(AF_INET6, "::");
	CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, &index,
			    sizeof(index)),
		 0);
	echo6(fd, FAR4, PORT_ECHO);
	echo6(fd, FAR6, PORT_ECHO);
	close(fd);
}

static void test_bind_to_device(void)
{
	static const char *const at[] = { OWN4, "0.0.0.0" };
	struct sockaddr_in probe = at4("8.8.8.8", 53);
	int fd;

	for (int i = 0; i < 2; i++) {
		fd = udp_at(AF_INET, at[i]);
		CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, DEVICE,
				    sizeof(DEVICE)),
			 0);
		echo4(fd, FAR4, PORT_ECHO);
		CHECK(strcmp(fake_value("source"), OWN4) == 0);
		CHECK_EQ(connect(fd, SA(probe), sizeof(probe)), 0);
		close(fd);
	}
	fd = udp_at(AF_INET6, "::");
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, DEVICE,
			    sizeof(DEVICE)),
		 0);
	echo6(fd, FAR4, PORT_ECHO);
	close(fd);
}

static void test_loopback_stays_native(void)
{
	struct sockaddr_in to = at4(FAR4, PORT_ECHO);
	int fd = udp_at(AF_INET, "127.0.0.1"), asked = fake_count("asked");

	echo4(fd, "127.0.0.1", PORT_NATIVE_ECHO);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(to), sizeof(to)), -1);
	CHECK(errno == EINVAL || errno == ENETUNREACH);
	close(fd);
	fd = udp_at(AF_INET6, "::1");
	echo6(fd, "::1", PORT_NATIVE_ECHO);
	close(fd);
	CHECK_EQ(fake_count("asked"), asked);
}

/* A link-local source would leave the machine. */
static void test_link_local_stays_off(void)
{
	struct sockaddr_in6 at = at6("fe80::99", 0), to = at6(FAR6, PORT_ECHO);
	struct sockaddr_in6 own = at6("fe80::99", PORT_NATIVE_ECHO);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), asked = fake_count("asked");
	char c;

	at.sin6_scope_id = own.sin6_scope_id = if_nametoindex(DEVICE);
	CHECK_EQ(bind(fd, SA(at), sizeof(at)), 0);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(own), sizeof(own)), 1);
	CHECK_EQ(recv(fd, &c, 1, 0), 1);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(to), sizeof(to)), -1);
	CHECK_EQ(errno, ENETUNREACH);
	CHECK_EQ(connect(fd, SA(to), sizeof(to)), -1);
	CHECK_EQ(errno, ENETUNREACH);
	close(fd);
	CHECK_EQ(fake_count("asked"), asked);
	CHECK_EQ(fake_count("leaked"), 0);
}

struct reader {
	int fd;
	int how;
	char got[64];
	ssize_t n;
	struct sockaddr_in from;
};

static void *read_blocking(void *arg)
{
	struct reader *r = arg;
	socklen_t len = sizeof(r->from);
	struct iovec iov = { r->got, sizeof(r->got) };
	struct mmsghdr vec = { .msg_hdr = { .msg_name = &r->from,
					    .msg_namelen = sizeof(r->from),
					    .msg_iov = &iov,
					    .msg_iovlen = 1 } };

	if (r->how == 0)
		r->n = recvfrom(r->fd, r->got, sizeof(r->got), 0, SA(r->from),
				&len);
	else if (r->how == 1)
		r->n = recvmsg(r->fd, &vec.msg_hdr, 0);
	else if (recvmmsg(r->fd, &vec, 1, 0, NULL) == 1)
		r->n = vec.msg_len;
	return NULL;
}

static void test_reader_first(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);

	for (int how = 0; how < 3; how++) {
		struct reader r = { .fd = udp_at(AF_INET, OWN4), .how = how };
		pthread_t thread;

		pthread_create(&thread, NULL, read_blocking, &r);
		usleep(100000);
		CHECK_EQ(sendto(r.fd, "wake up", 7, 0, SA(far), sizeof(far)),
			 7);
		pthread_join(thread, NULL);
		CHECK_EQ(r.n, 7);
		CHECK(memcmp(r.got, "wake up", 7) == 0);
		CHECK(memcmp(&r.from, &far, sizeof(far)) == 0);
		close(r.fd);
	}
}

static void *send_some(void *arg)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);

	for (int i = 0; i < 20; i++)
		CHECK_EQ(sendto(*(int *)arg, "t", 1, 0, SA(far), sizeof(far)),
			 1);
	return NULL;
}

/* Threads that send first at once share one flow. */
static void test_threads(void)
{
	int fd = udp_at(AF_INET, OWN4), opened = fake_count("opened");
	pthread_t thread[4];
	char got[8];

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, send_some, &fd);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 80; i++)
		CHECK_EQ(recv(fd, got, sizeof(got), 0), 1);
	CHECK_EQ(fake_count("opened"), opened + 1);
	close(fd);
}

static void test_restart(void)
{
	int fd = udp_at(AF_INET, OWN4), opened = fake_count("opened");

	echo4(fd, FAR4, PORT_ECHO);
	CHECK_EQ(fake_count("opened"), opened + 1);
	fake_command("restart");
	echo4(fd, FAR4, PORT_ECHO);
	echo4(fd, FAR4, PORT_ECHO);
	CHECK_EQ(fake_count("opened"), opened + 2);
	for (int i = 0; i < 6; i++) {
		fake_command("restart");
		echo4(fd, FAR4, PORT_ECHO);
	}
	close(fd);
}

/* What the old daemon sent is still the flow's. */
static void test_restart_with_queue(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);
	struct sockaddr_in silent = at4(FAR4, PORT_NOTHING), from;
	int fd = udp_at(AF_INET, OWN4);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	socklen_t len = sizeof(from);
	char got[8];

	CHECK_EQ(sendto(fd, "old", 3, 0, SA(far), sizeof(far)), 3);
	CHECK_EQ(poll(&p, 1, 2000), 1);
	fake_command("restart");
	CHECK_EQ(sendto(fd, "new", 3, 0, SA(silent), sizeof(silent)), 3);
	CHECK_EQ(recvfrom(fd, got, sizeof(got), 0, SA(from), &len), 3);
	CHECK(memcmp(got, "old", 3) == 0);
	CHECK(memcmp(&from, &far, sizeof(far)) == 0);
	close(fd);
}

/* Between two daemons datagrams are lost; new sockets fail at once. */
static void test_down(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);
	int fd = udp_at(AF_INET, OWN4), new = udp_at(AF_INET, OWN4);
	char c;

	echo4(fd, FAR4, PORT_ECHO);
	fake_command("down");
	fake_command("refuse");
	CHECK_EQ(sendto(fd, "lost", 4, 0, SA(far), sizeof(far)), 4);
	CHECK_EQ(sendto(new, "x", 1, 0, SA(far), sizeof(far)), -1);
	CHECK_EQ(errno, ENETUNREACH);
	CHECK_EQ(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	echo4(fd, OWN4, PORT_NATIVE_ECHO);
	fake_command("accept");
	fake_command("restart");
	echo4(fd, FAR4, PORT_ECHO);
	usleep(300000);
	echo4(new, FAR4, PORT_ECHO);
	close(fd);
	close(new);
}

/* The daemon is gone without a word, and the app wants to know of errors: its
 * peers have none. */
static void test_killed(void)
{
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);
	int fd = udp_at(AF_INET, OWN4), on = 1;
	char data[128];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	echo4(fd, FAR4, PORT_ECHO);
	fake_command("kill");
	CHECK_EQ(sendto(fd, "lost", 4, 0, SA(far), sizeof(far)), 4);
	usleep(50000);
	CHECK_EQ(recv(fd, data, sizeof(data), MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(sendto(fd, "lost", 4, 0, SA(far), sizeof(far)), 4);
	usleep(50000);
	/* the pending error makes this one register again */
	echo4(fd, FAR4, PORT_ECHO);
	CHECK_EQ(recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	close(fd);
}

/* A direct peer's error is told. */
static void test_native_error(void)
{
	struct sockaddr_in nobody = at4(OWN4, 9), name = { 0 };
	int fd = udp_at(AF_INET, OWN4), on = 1;
	char data[128];
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_name = &name,
			      .msg_namelen = sizeof(name),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	echo4(fd, FAR4, PORT_ECHO);
	CHECK_EQ(sendto(fd, "abc", 3, 0, SA(nobody), sizeof(nobody)), 3);
	usleep(50000);
	CHECK_EQ(recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT), 3);
	CHECK_EQ(name.sin_port, nobody.sin_port);
	CHECK_EQ(msg.msg_flags & MSG_ERRQUEUE, MSG_ERRQUEUE);
	close(fd);
}

static void test_close(void)
{
	int fd = udp_at(AF_INET, OWN4), copy, closed = fake_count("closed");

	echo4(fd, FAR4, PORT_ECHO);
	copy = dup(fd);
	close(fd);
	usleep(20000);
	CHECK_EQ(fake_count("closed"), closed);
	echo4(copy, FAR4, PORT_ECHO);
	close(copy);
	CHECK_EQ(fake_count_until("closed", closed + 1), closed + 1);
}

/* A child shares the flow, and ends without ending it. */
static void test_fork(void)
{
	int fd = udp_at(AF_INET, OWN4), closed = fake_count("closed");
	int opened, status = -1;
	pid_t child;

	echo4(fd, FAR4, PORT_ECHO);
	opened = fake_count("opened");
	child = fork();
	if (child == 0) {
		lib_failed_here = 0;
		echo4(fd, FAR4, PORT_ECHO);
		close(fd);
		_exit(lib_failed_here);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	echo4(fd, FAR4, PORT_ECHO);
	CHECK_EQ(fake_count("opened"), opened);
	CHECK_EQ(fake_count("closed"), closed);
	close(fd);
	CHECK_EQ(fake_count_until("closed", closed + 1), closed + 1);
}

/* Bursts that tunneld sends segmented must not come back in one piece. */
static void test_gro(void)
{
	int fd = udp_at(AF_INET, OWN4), on = 1;
	struct sockaddr_in far = at4(FAR4, PORT_SEGMENTED);
	char got[256];

	CHECK_EQ(setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
	echo4(fd, FAR4, PORT_ECHO);
	CHECK_EQ(setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
	CHECK_EQ(sendto(fd, "burst", 5, 0, SA(far), sizeof(far)), 5);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(recv(fd, got, sizeof(got), 0), 5);
	CHECK_EQ(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	close(fd);
}

static void test_nonblocking(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	CHECK_EQ(recv(fd, &c, 1, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(sendto(fd, "x", 1, 0, SA(far), sizeof(far)), 1);
	CHECK_EQ(poll(&p, 1, 2000), 1);
	CHECK_EQ(recv(fd, &c, 1, 0), 1);
	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	CHECK_EQ(recv(fd, &c, 1, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	close(fd);
}

static void test_time_out(void)
{
	int fd = udp_at(AF_INET, OWN4);
	struct timeval limit = { .tv_usec = 100000 };
	struct sockaddr_in far = at4(FAR4, PORT_ECHO);
	char c;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	CHECK_EQ(connect(fd, SA(far), sizeof(far)), 0);
	CHECK_EQ(recv(fd, &c, 1, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	close(fd);
}

static void test_nothing_leaked(void)
{
	CHECK_EQ(fake_count("leaked"), 0);
	CHECK_EQ(fake_count("malformed"), 0);
	CHECK_EQ(fake_count("wrong_secret"), 0);
}

static const struct lib_test tests[] = {
	{ "IPv4", test_ipv4 },
	{ "IPv6 and IPv4 on one socket", test_dual_stack },
	{ "IPV6_V6ONLY", test_v6only },
	{ "bound to an IPv6 address", test_bound6 },
	{ "IP_UNICAST_IF, IPV6_UNICAST_IF", test_unicast_if },
	{ "SO_BINDTODEVICE", test_bind_to_device },
	{ "bound to loopback", test_loopback_stays_native },
	{ "bound to a link-local address", test_link_local_stays_off },
	{ "a reader before the first send", test_reader_first },
	{ "four threads send first", test_threads },
	{ "tunneld restarts", test_restart },
	{ "tunneld restarts, datagrams waiting", test_restart_with_queue },
	{ "tunneld is down", test_down },
	{ "tunneld is killed, IP_RECVERR", test_killed },
	{ "IP_RECVERR of a direct peer", test_native_error },
	{ "close() of the last descriptor", test_close },
	{ "fork()", test_fork },
	{ "UDP_GRO", test_gro },
	{ "O_NONBLOCK", test_nonblocking },
	{ "SO_RCVTIMEO", test_time_out },
	{ "nothing has leaked", test_nothing_leaked },
};

int main(int argc, char **argv)
{
	native_echo_start();
	return lib_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
