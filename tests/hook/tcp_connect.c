/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_connect.c - connect() as an app sees it: blocking and not, success,
 * failure, time-outs, signals, cancelling
 */
#include <config.h>

#include "hook.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <netinet/tcp.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/time.h>

#define FAILED_MASK (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP)

static void blocking_success(void)
{
	uint64_t start = now_ms();
	int fd = tcp_socket(0);

	errno = 4711;
	CHECK(dial(fd, OK_LATER) == 0);
	CHECK(errno == 4711);
	CHECK(now_ms() - start >= 290);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK(peer_is(fd, OK_LATER));
	CHECK_FAILS(dial(fd, OK_LATER), EISCONN);
	check_echo(fd);
	close(fd);
}

static void blocking_failure(void)
{
	int fd = tcp_socket(0);
	char byte;

	CHECK_FAILS(dial(fd, REFUSED_LATER), ECONNREFUSED);
	CHECK(so_error(fd) == 0);
	CHECK(recv(fd, &byte, 1, 0) == 0);
	CHECK_FAILS(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_FAILS(dial(fd, UNREACHABLE_LATER), EHOSTUNREACH);
	CHECK_FAILS(dial(fd, REFUSED_AT_ONCE), ECONNREFUSED);
	CHECK(dial(fd, OK_AT_ONCE) == 0);
	check_connected(fd, OK_AT_ONCE);
	close(fd);
}

static void blocking_new_socket(void)
{
	int fd = tcp_socket(0), alias = dup(fd), on = 1, value = 0;
	socklen_t len = sizeof(value);

	CHECK(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
	CHECK(fcntl(alias, F_SETFD, FD_CLOEXEC) == 0);
	CHECK(dial(fd, OK_NEW_SOCKET) == 0);
	check_connected(alias, OK_NEW_SOCKET);
	check_connected(fd, OK_NEW_SOCKET);
	CHECK(getsockopt(alias, SOL_SOCKET, SO_KEEPALIVE, &value, &len) == 0);
	CHECK(value == 1);
	CHECK(fcntl(alias, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(fd, F_GETFD) == 0);
	close(fd);
	close(alias);
}

/* SO_SNDTIMEO: EINPROGRESS, and the connect goes on. */
static void blocking_time_limit(void)
{
	struct timeval limit = { .tv_usec = 100000 };
	uint64_t start = now_ms();
	int fd = tcp_socket(0);

	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
	      0);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	CHECK(now_ms() - start >= 90 && now_ms() - start < 250);
	CHECK_FAILS(dial(fd, OK_LATER), EALREADY);
	check_connected(fd, OK_LATER);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
}

static void on_alarm(int number)
{
	(void)number;
}

static void arm(int flags, long after_us)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval timer = { .it_value.tv_usec = after_us };

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void interrupted(void)
{
	int fd = tcp_socket(0);

	arm(0, 100000);
	CHECK_FAILS(dial(fd, OK_LATER), EINTR);
	/* The second one waits for the first. */
	CHECK(dial(fd, OK_LATER) == 0);
	CHECK_FAILS(dial(fd, OK_LATER), EISCONN);
	check_connected(fd, OK_LATER);
	close(fd);
}

static void interrupted_then_polled(void)
{
	int fd = tcp_socket(0);

	arm(0, 100000);
	CHECK_FAILS(dial(fd, REFUSED_LATER), EINTR);
	CHECK(poll_events(fd, POLLOUT, 3000) != 0);
	CHECK(so_error(fd) == ECONNREFUSED);
	close(fd);
}

static void restarted(void)
{
	int fd = tcp_socket(0);

	arm(SA_RESTART, 100000);
	CHECK(dial(fd, OK_LATER) == 0);
	check_connected(fd, OK_LATER);
	close(fd);
}

static sigjmp_buf jump;

static void on_alarm_jump(int number)
{
	(void)number;
	siglongjmp(jump, 1);
}

/* As wget gives up on a connect. */
static void jumped_out(void)
{
	int fd = tcp_socket(0);

	arm(0, 100000);
	signal(SIGALRM, on_alarm_jump);
	if (sigsetjmp(jump, 1) == 0) {
		dial(fd, NEVER);
		CHECK(false);
	}
	close(fd);
}

static void nonblocking_success(void)
{
	int fd = tcp_socket(SOCK_NONBLOCK);
	uint64_t start = now_ms();
	char byte;

	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	CHECK(now_ms() - start < 100);
	CHECK(poll_events(fd, POLLIN | POLLOUT | POLLRDHUP, 0) == 0);
	CHECK(so_error(fd) == 0);
	CHECK_FAILS(dial(fd, OK_LATER), EALREADY);
	CHECK_FAILS(send(fd, "x", 1, 0), EAGAIN);
	CHECK_FAILS(write(fd, "x", 1), EAGAIN);
	CHECK_FAILS(recv(fd, &byte, 1, 0), EAGAIN);
	CHECK_FAILS(recv(fd, &byte, 1, MSG_PEEK), EAGAIN);
	CHECK_FAILS(read(fd, &byte, 1), EAGAIN);
	CHECK(!peer_is(fd, OK_LATER) && errno == ENOTCONN);
	CHECK(poll_events(fd, POLLOUT, 3000) == POLLOUT);
	CHECK(now_ms() - start >= 290);
	CHECK_FAILS(recv(fd, &byte, 1, MSG_PEEK), EAGAIN);
	/* The kernel says 0 once. */
	CHECK(dial(fd, OK_LATER) == 0);
	CHECK_FAILS(dial(fd, OK_LATER), EISCONN);
	CHECK(poll_events(fd, POLLIN | POLLOUT | POLLRDHUP, 0) == POLLOUT);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	check_connected(fd, OK_LATER);
	close(fd);
}

/* The hook never waits for the drain. */
static void drained_late(void)
{
	int fd = tcp_dialing(OK_DRAINED_LATE);
	uint64_t start = now_ms();

	CHECK(poll_events(fd, POLLIN | POLLOUT, 3000) & POLLIN);
	CHECK(so_error(fd) == 0);
	CHECK(peer_is(fd, OK_DRAINED_LATE));
	CHECK(now_ms() - start < 450);
	check_connected(fd, OK_DRAINED_LATE);
	close(fd);
}

static void nonblocking_select(void)
{
	int fd = tcp_dialing(OK_LATER);
	struct timeval limit = { .tv_sec = 3 }, none = { 0 };
	fd_set writable;

	FD_ZERO(&writable);
	FD_SET(fd, &writable);
	CHECK(select(fd + 1, NULL, &writable, NULL, &none) == 0);
	FD_SET(fd, &writable);
	CHECK(select(fd + 1, NULL, &writable, NULL, &limit) == 1);
	check_connected(fd, OK_LATER);
	close(fd);
}

static int dial_refused(enum outcome outcome)
{
	uint64_t end = now_ms() + 3000;
	int fd = tcp_dialing(outcome);

	/* The bits come one after the other: first the verdict, then the end
	 * of the stream, then the room that the filler leaves. */
	while (!(poll_events(fd, POLLOUT, 3000) & POLLOUT))
		CHECK(now_ms() < end);
	CHECK(poll_events(fd, POLLIN | POLLOUT | POLLRDHUP, 0) == FAILED_MASK);
	return fd;
}

/* The first call that can takes the error, then the socket is dead. */
static void failure_told_once(void)
{
	enum outcome outcomes[] = { REFUSED_AT_ONCE, REFUSED_LATER,
				    REFUSED_NEW_SOCKET };
	size_t i;
	char byte;
	int fd;

	for (i = 0; i < 3; i++) {
		fd = dial_refused(outcomes[i]);
		CHECK(so_error(fd) == ECONNREFUSED);
		CHECK(so_error(fd) == 0);
		CHECK(!(poll_events(fd, POLLIN | POLLOUT, 0) & POLLERR));
		CHECK(recv(fd, &byte, 1, 0) == 0);
		CHECK_FAILS(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
		close(fd);
		fd = dial_refused(outcomes[i]);
		CHECK_FAILS(send(fd, "x", 1, 0), ECONNREFUSED);
		CHECK(so_error(fd) == 0);
		close(fd);
		fd = dial_refused(outcomes[i]);
		CHECK_FAILS(read(fd, &byte, 1), ECONNREFUSED);
		CHECK(read(fd, &byte, 1) == 0);
		close(fd);
		fd = dial_refused(outcomes[i]);
		CHECK_FAILS(dial(fd, OK_LATER), ECONNREFUSED);
		CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
		check_connected(fd, OK_LATER);
		close(fd);
	}
}

static void sigpipe_after_failure(void)
{
	int fd = dial_refused(REFUSED_AT_ONCE), status;
	pid_t child = fork();

	if (child == 0) {
		CHECK(so_error(fd) == ECONNREFUSED);
		CHECK(write(fd, "x", 1) == -1);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	close(fd);
}

static void reconnect_after_failure(void)
{
	int fd = dial_refused(REFUSED_LATER);

	CHECK(so_error(fd) == ECONNREFUSED);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	check_connected(fd, OK_LATER);
	close(fd);
}

static void truthful_errno(void)
{
	int fd = tcp_dialing(UNREACHABLE_LATER);

	CHECK(poll_events(fd, POLLOUT, 3000) != 0);
	CHECK(so_error(fd) == EHOSTUNREACH);
	close(fd);
}

static void daemon_ends(void)
{
	int fd = tcp_dialing(ENDS);

	CHECK(poll_events(fd, POLLOUT, 3000) != 0);
	CHECK(so_error(fd) == ECONNABORTED);
	close(fd);
	fd = tcp_socket(0);
	CHECK_FAILS(dial(fd, ENDS), ECONNABORTED);
	close(fd);
}

/* The driver counts that tunneld has seen it. */
static void cancelled_by_close(void)
{
	int fd = tcp_dialing(NEVER);

	close(fd);
}

static void cancelled_by_shutdown(void)
{
	int fd = tcp_dialing(NEVER);

	CHECK(shutdown(fd, SHUT_RDWR) == 0);
	CHECK(poll_events(fd, POLLOUT, 3000) & POLLHUP);
	CHECK(so_error(fd) == ECONNRESET);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	check_connected(fd, OK_LATER);
	CHECK(shutdown(fd, SHUT_RDWR) == 0);
	close(fd);
}

static void cancelled_by_unspec(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = tcp_dialing(NEVER);

	CHECK(connect(fd, &none, sizeof(none)) == 0);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	check_connected(fd, OK_LATER);
	CHECK(connect(fd, &none, sizeof(none)) == 0);
	CHECK(!peer_is(fd, OK_LATER) && errno == ENOTCONN);
	CHECK_FAILS(dial(fd, OK_AT_ONCE), EINPROGRESS);
	check_connected(fd, OK_AT_ONCE);
	close(fd);
}

static void *shut_later(void *arg)
{
	usleep(150000);
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}

static void shut_by_another_thread(void)
{
	uint64_t start = now_ms();
	int fd = tcp_socket(0);
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, shut_later, &fd) == 0);
	CHECK_FAILS(dial(fd, NEVER), ECONNRESET);
	CHECK(now_ms() - start < 2000);
	pthread_join(thread, NULL);
	close(fd);
}

struct closer {
	pthread_t target;
	int fd;
};

/* As Java closes a socket that another thread is connecting. */
static void *replace_and_wake(void *arg)
{
	struct closer *c = arg;
	int pipes[2];

	usleep(150000);
	CHECK(pipe(pipes) == 0);
	CHECK(dup2(pipes[0], c->fd) == c->fd);
	pthread_kill(c->target, SIGALRM);
	close(pipes[0]);
	close(pipes[1]);
	return NULL;
}

static void replaced_by_another_thread(void)
{
	struct closer closer = { .target = pthread_self() };
	struct sigaction action = { .sa_handler = on_alarm };
	pthread_t thread;
	char byte;

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	closer.fd = tcp_socket(0);
	CHECK(pthread_create(&thread, NULL, replace_and_wake, &closer) == 0);
	CHECK(dial(closer.fd, NEVER) == -1);
	pthread_join(thread, NULL);
	/* What stands there now is the pipe, and stays it. */
	CHECK(read(closer.fd, &byte, 1) == 0);
	close(closer.fd);
}

static void *ask_when_cancelled(void *arg)
{
	int fd = *(int *)arg;

	/* No cancellation point from here on. */
	while (so_error(fd) == 0 && !peer_is(fd, OK_LATER))
		;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return arg;
}

/* What is no cancellation point stays none; a lock is not left behind. */
static void cancelled_thread(void)
{
	int fd = tcp_dialing(OK_LATER);
	pthread_t thread;
	void *result;

	CHECK(pthread_create(&thread, NULL, ask_when_cancelled, &fd) == 0);
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &result) == 0);
	CHECK(result == &fd);
	check_connected(fd, OK_LATER);
	close(fd);
}

static void *dial_for_ever(void *arg)
{
	dial(*(int *)arg, NEVER);
	return arg;
}

static void cancelled_in_connect(void)
{
	int fd = tcp_socket(0);
	pthread_t thread;
	void *result;

	CHECK(pthread_create(&thread, NULL, dial_for_ever, &fd) == 0);
	usleep(100000);
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &result) == 0);
	CHECK(result == PTHREAD_CANCELED);
	close(fd);
}

static void blocking_mode_while_pending(void)
{
	int fd = tcp_dialing(OK_LATER);
	char got[4];

	CHECK(fcntl(fd, F_SETFL, 0) == 0);
	CHECK(send(fd, "abc", 4, 0) == 4);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK(recv(fd, got, 4, MSG_WAITALL) == 4);
	CHECK(peer_is(fd, OK_LATER));
	close(fd);
	fd = tcp_dialing(REFUSED_LATER);
	CHECK(fcntl(fd, F_SETFL, 0) == 0);
	CHECK_FAILS(recv(fd, got, 4, 0), ECONNREFUSED);
	close(fd);
}

static void fast_open(void)
{
	struct sockaddr_in a = to4(OK_LATER);
	int fd = tcp_socket(SOCK_NONBLOCK), on = 1;
	char got[4];

	CHECK_FAILS(sendto(fd, "abc", 4, MSG_FASTOPEN, (struct sockaddr *)&a,
			   sizeof(a)),
		    EINPROGRESS);
	check_connected(fd, OK_LATER);
	close(fd);
	fd = tcp_socket(0);
	CHECK(sendto(fd, "abc", 4, MSG_FASTOPEN, (struct sockaddr *)&a,
		     sizeof(a)) == 4);
	CHECK(peer_is(fd, OK_LATER));
	CHECK(recv(fd, got, 4, MSG_WAITALL) == 4);
	close(fd);
	fd = tcp_socket(0);
	CHECK(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on,
			 sizeof(on)) == 0);
	CHECK(dial(fd, OK_LATER) == 0);
	check_connected(fd, OK_LATER);
	close(fd);
}

static bool peer6_is(int fd, const struct sockaddr_in6 *want)
{
	struct sockaddr_in6 have;
	socklen_t len = sizeof(have);

	return getpeername(fd, (struct sockaddr *)&have, &len) == 0 &&
	       len == sizeof(have) && memcmp(want, &have, len) == 0;
}

static void ipv6(void)
{
	static const char *const heads[] = { "2001:db8::",
					     "::ffff:198.51.100." };
	enum outcome outcomes[] = { OK_LATER, OK_NEW_SOCKET };
	struct sockaddr_in6 a;
	size_t i, j;
	int fd;

	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			a = to6(heads[i], outcomes[j]);
			fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
			CHECK_FAILS(
				connect(fd, (struct sockaddr *)&a, sizeof(a)),
				EINPROGRESS);
			CHECK(poll_events(fd, POLLOUT, 3000) == POLLOUT);
			CHECK(so_error(fd) == 0);
			CHECK(peer6_is(fd, &a));
			check_echo(fd);
			close(fd);
		}
	}
}

static void wrong_addresses(void)
{
	struct sockaddr_in6 mapped = to6("::ffff:198.51.100.", OK_AT_ONCE);
	struct sockaddr_in a = to4(OK_AT_ONCE);
	int fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	CHECK_FAILS(connect(fd, (struct sockaddr *)&a, sizeof(a)), EINVAL);
	CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0);
	CHECK_FAILS(connect(fd, (struct sockaddr *)&mapped, sizeof(mapped)),
		    ENETUNREACH);
	close(fd);
	fd = tcp_socket(0);
	CHECK_FAILS(connect(fd, (struct sockaddr *)&mapped, sizeof(mapped)),
		    EAFNOSUPPORT);
	CHECK_FAILS(connect(fd, (struct sockaddr *)&a, 8), EINVAL);
	CHECK_FAILS(connect(fd, NULL, sizeof(a)), EFAULT);
	close(fd);
}

static void policy(void)
{
	struct sockaddr_in a = to4(OK_AT_ONCE);
	uint64_t start = now_ms();
	int fd = tcp_socket(0);

	a.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 is blocked */
	CHECK_FAILS(connect(fd, (struct sockaddr *)&a, sizeof(a)),
		    ECONNREFUSED);
	CHECK(now_ms() - start < 200);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* direct */
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	check_echo(fd);
	close(fd);
}

static void sendfile_first(void)
{
	int fd = tcp_dialing(OK_LATER);
	int file = open("/proc/self/exe", O_RDONLY);
	char magic[4];

	CHECK(file >= 0);
	CHECK_FAILS(sendfile(fd, file, NULL, 4), EAGAIN);
	CHECK(poll_events(fd, POLLOUT, 3000) == POLLOUT);
	CHECK(sendfile(fd, file, NULL, 4) == 4);
	CHECK(poll_events(fd, POLLIN, 3000) == POLLIN);
	CHECK(recv(fd, magic, 4, 0) == 4);
	CHECK(memcmp(magic, "\177ELF", 4) == 0);
	close(file);
	close(fd);
}

static const struct hook_case cases[] = {
	{ "blocking connect, success", blocking_success },
	{ "blocking connect, failure, again", blocking_failure },
	{ "blocking connect, new socket", blocking_new_socket },
	{ "blocking connect, SO_SNDTIMEO", blocking_time_limit },
	{ "blocking connect, EINTR, connect again", interrupted },
	{ "blocking connect, EINTR, poll", interrupted_then_polled },
	{ "blocking connect, SA_RESTART", restarted },
	{ "blocking connect, longjmp out of it", jumped_out },
	{ "blocking connect, shutdown by a thread", shut_by_another_thread },
	{ "blocking connect, dup2 by a thread", replaced_by_another_thread },
	{ "blocking connect, thread cancelled", cancelled_in_connect },
	{ "non-blocking connect, thread cancelled", cancelled_thread },
	{ "non-blocking connect, poll", nonblocking_success },
	{ "non-blocking connect, select", nonblocking_select },
	{ "non-blocking connect, drained late", drained_late },
	{ "non-blocking connect, error told once", failure_told_once },
	{ "non-blocking connect, SIGPIPE", sigpipe_after_failure },
	{ "non-blocking connect, again", reconnect_after_failure },
	{ "non-blocking connect, truthful errno", truthful_errno },
	{ "non-blocking connect, then blocking", blocking_mode_while_pending },
	{ "tunneld ends meanwhile", daemon_ends },
	{ "cancel by close", cancelled_by_close },
	{ "cancel by shutdown", cancelled_by_shutdown },
	{ "cancel by AF_UNSPEC", cancelled_by_unspec },
	{ "TCP fast open", fast_open },
	{ "IPv6 and v4-mapped", ipv6 },
	{ "addresses that the kernel refuses", wrong_addresses },
	{ "policy: block and direct", policy },
	{ "sendfile is the first call", sendfile_first },
};

HOOK_MAIN(cases)
