/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_alias.c - one socket under many descriptors, in many processes, and
 * descriptors that change behind the library's back
 */
#include <config.h>

#include "hook.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>

#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void dup_before(void)
{
	int fd = tcp_socket(SOCK_NONBLOCK), other = dup(fd);
	int third = fcntl(fd, F_DUPFD_CLOEXEC, 40);

	CHECK(third >= 40);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	close(fd);
	CHECK(poll_events(third, POLLOUT, 0) == 0);
	check_connected(other, OK_LATER);
	check_connected(third, OK_LATER);
	CHECK(fcntl(third, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(other, F_GETFD) == 0);
	close(other);
	close(third);
}

static void dup_while_pending(void)
{
	int fd = tcp_dialing(OK_LATER), other = dup(fd);

	CHECK(dup2(fd, 50) == 50);
	CHECK(dup3(fd, 51, O_CLOEXEC) == 51);
	check_connected(51, OK_LATER);
	check_connected(fd, OK_LATER);
	CHECK(fcntl(51, F_GETFD) == FD_CLOEXEC);
	close(fd);
	check_connected(50, OK_LATER);
	check_connected(other, OK_LATER);
	close(other);
	close(50);
	close(51);
}

static void dup_failed_connect(void)
{
	int fd = tcp_dialing(REFUSED_LATER), other = dup(fd);

	CHECK(poll_events(other, POLLOUT, 3000) != 0);
	CHECK(so_error(other) == ECONNREFUSED);
	CHECK(so_error(fd) == 0);
	CHECK_FAILS(dial(other, OK_LATER), EINPROGRESS);
	check_connected(fd, OK_LATER);
	close(fd);
	close(other);
}

/* A number that is dup2'ed over stops being the socket. */
static void dup2_over(void)
{
	int fd = tcp_dialing(OK_LATER), pipes[2];
	char byte = 0;

	CHECK(pipe(pipes) == 0);
	CHECK_FAILS(dup2(4711, fd), EBADF); /* and changes nothing */
	CHECK_FAILS(dup3(4711, fd, 0), EBADF);
	check_connected(fd, OK_LATER);
	close(fd);
	fd = tcp_dialing(OK_LATER);
	CHECK(dup2(pipes[0], fd) == fd);
	CHECK(write(pipes[1], "x", 1) == 1);
	CHECK(read(fd, &byte, 1) == 1 && byte == 'x');
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static void wait_for(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK(status == 0);
}

static void fork_while_pending(void)
{
	int fd = tcp_dialing(OK_LATER);
	pid_t child = fork();

	if (child == 0) {
		check_connected(fd, OK_LATER);
		close(fd);
		_exit(0);
	}
	wait_for(child);
	check_connected(fd, OK_LATER);
	close(fd);
	fd = tcp_dialing(OK_LATER);
	child = fork();
	if (child == 0) {
		close(fd);
		_exit(0);
	}
	wait_for(child);
	check_connected(fd, OK_LATER);
	close(fd);
}

static void close_all(void)
{
	int fd;

	close_range(3, 20, 0);
	for (fd = 3; fd < 100; fd++)
		close(fd);
	closefrom(3);
	dup2(0, 3);
	dup2(0, 4);
}

/* A child in our memory with descriptors of its own. */
static void vfork_closes_all(void)
{
	int fd = tcp_dialing(OK_LATER);
	pid_t child = vfork();

	if (child == 0) {
		close_all();
		_exit(0);
	}
	wait_for(child);
	check_connected(fd, OK_LATER);
	close(fd);
}

static void vfork_in_fork(void)
{
	int fd = tcp_dialing(OK_LATER);
	pid_t child = fork(), grandchild;

	if (child == 0) {
		grandchild = vfork();
		if (grandchild == 0) {
			close_all();
			_exit(0);
		}
		wait_for(grandchild);
		check_connected(fd, OK_LATER);
		close(fd);
		CHECK(poll_events(fd, POLLOUT, 0) == POLLNVAL);
		_exit(0);
	}
	wait_for(child);
	check_connected(fd, OK_LATER);
	close(fd);
}

/* A vfork child may even use the socket, and leaves it to its parent. */
static void vfork_uses(void)
{
	int fd = tcp_dialing(OK_LATER);
	pid_t child;

	CHECK(poll_events(fd, POLLOUT, 3000) != 0);
	child = vfork();
	if (child == 0) {
		char byte;

		_exit(recv(fd, &byte, 1, 0) == 1);
	}
	wait_for(child);
	check_connected(fd, OK_LATER);
	close(fd);
}

static int clone_child(void *arg)
{
	(void)arg;
	close_all();
	return 0;
}

static void clone_vm(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int fd = tcp_dialing(OK_LATER);
	pid_t child = clone(clone_child, stack + sizeof(stack),
			    CLONE_VM | SIGCHLD, NULL);

	CHECK(child > 0);
	wait_for(child);
	check_connected(fd, OK_LATER);
	close(fd);
}

/* close() that nobody can hook: fclose() calls glibc's own. */
static void close_behind_our_back(int fd)
{
	FILE *stream = fdopen(fd, "r");

	CHECK(stream != NULL);
	fclose(stream);
	CHECK_FAILS(fcntl(fd, F_GETFD), EBADF);
}

static void number_used_again(void)
{
	int fd = tcp_dialing(OK_LATER), number = fd, pipes[2];
	char byte = 0;

	close_behind_our_back(fd);
	CHECK(pipe(pipes) == 0);
	CHECK(pipes[0] == number);
	CHECK(write(pipes[1], "x", 1) == 1);
	CHECK(read(pipes[0], &byte, 1) == 1 && byte == 'x');
	close(pipes[0]);
	close(pipes[1]);
}

/* A Unix socket looks like the placeholder, but is another one. */
static void number_used_again_by_unix(void)
{
	int fd = tcp_dialing(OK_LATER), pair[2];
	char byte = 0;

	close_behind_our_back(fd);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(pair[0] == fd);
	CHECK(send(pair[1], "x", 1, 0) == 1);
	CHECK(so_error(pair[0]) == 0);
	CHECK(recv(pair[0], &byte, 1, 0) == 1 && byte == 'x');
	close(pair[0]);
	close(pair[1]);
}

/* An alias whose number means something else is not overwritten. */
static void alias_used_again(void)
{
	int fd = tcp_dialing(OK_LATER), alias = dup(fd), pipes[2];
	char byte = 0;

	close_behind_our_back(alias);
	CHECK(pipe(pipes) == 0);
	CHECK(pipes[0] == alias);
	check_connected(fd, OK_LATER);
	CHECK(write(pipes[1], "x", 1) == 1);
	CHECK(read(pipes[0], &byte, 1) == 1 && byte == 'x');
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

static void number_used_again_by_socket(void)
{
	int fd = tcp_socket(SOCK_NONBLOCK), number = fd;

	close_behind_our_back(fd);
	fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	CHECK(fd == number);
	close(fd);
	fd = tcp_dialing(OK_LATER);
	CHECK(fd == number);
	check_connected(fd, OK_LATER);
	close(fd);
}

/* A socket of another family at a number that we take for an IPv4 one is not
 * let out past the policy. */
static void number_used_again_by_ipv6(void)
{
	struct sockaddr_in6 a = to6("2001:db8::", OK_LATER);
	int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int fd = tcp_socket(0), other = socket(AF_INET6, SOCK_STREAM, 0);

	CHECK(process >= 0 && other >= 0);
	close_behind_our_back(fd);
	CHECK(syscall(SYS_pidfd_getfd, process, other, 0) == fd);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	check_echo(fd);
	close(fd);
	close(other);
	close(process);
}

/* The old socket's peer is not that of the new one. */
static void number_used_again_by_accept(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, peer;
	int server = tcp_socket(0), client = tcp_socket(0), fd, accepted;
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(server, (struct sockaddr *)&a, len) == 0);
	CHECK(listen(server, 1) == 0);
	CHECK(getsockname(server, (struct sockaddr *)&a, &len) == 0);
	CHECK(connect(client, (struct sockaddr *)&a, sizeof(a)) == 0);
	fd = tcp_socket(0);
	CHECK(dial(fd, OK_AT_ONCE) == 0);
	close_behind_our_back(fd);
	accepted = accept(server, NULL, NULL);
	CHECK(accepted == fd);
	len = sizeof(peer);
	CHECK(getpeername(accepted, (struct sockaddr *)&peer, &len) == 0);
	CHECK(peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK_FAILS(dial(accepted, OK_AT_ONCE), EISCONN);
	close(accepted);
	close(client);
	close(server);
}

/* As libuv closes, and as others call what libc did not have once. */
static void raw_calls(void)
{
	struct sockaddr_in a = to4(OK_LATER), peer;
	socklen_t len = sizeof(peer);
	int number, error = 1;
	char got[4];
	long fd;

	fd = syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(fd >= 0);
	number = (int)fd;
	CHECK_FAILS(syscall(SYS_connect, fd, &a, sizeof(a)), EINPROGRESS);
	CHECK_FAILS(syscall(SYS_read, fd, got, 4), EAGAIN);
	CHECK_FAILS(syscall(SYS_sendto, fd, got, 4, 0, NULL, 0), EAGAIN);
	CHECK(poll_events((int)fd, POLLOUT, 3000) == POLLOUT);
	len = sizeof(error);
	CHECK(syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &len) ==
	      0);
	CHECK(error == 0);
	len = sizeof(peer);
	CHECK(syscall(SYS_getpeername, fd, &peer, &len) == 0);
	CHECK(memcmp(&peer, &a, sizeof(a)) == 0);
	CHECK(syscall(SYS_write, fd, "abc", 4) == 4);
	CHECK(poll_events((int)fd, POLLIN, 3000) == POLLIN);
	CHECK(syscall(SYS_read, fd, got, 4) == 4);
	CHECK(syscall(SYS_close, fd) == 0);
	fd = tcp_dialing(NEVER);
	CHECK(fd == number);
	CHECK(syscall(SYS_close, fd) == 0);
	CHECK(pipe((int[2]){ 0 }) == 0);
	CHECK_FAILS(read(number + 1, got, 1), EBADF);
	close(number);
	close(number + 1);
}

/* More arguments than most: all six arrive. */
static void raw_six_arguments(void)
{
	void *page = (void *)syscall(SYS_mmap, NULL, 4096UL, 3L, 0x22L, -1L,
				     0L);

	CHECK(page != (void *)-1);
	CHECK(syscall(SYS_munmap, page, 4096UL) == 0);
	CHECK(syscall(SYS_getpid) == getpid());
	CHECK_FAILS(syscall(100000L), ENOSYS);
}

/* A new program image knows nothing of the socket that it inherits. */
static void inherited_over_exec(void)
{
	int fd = tcp_socket(0);
	pid_t child = fork();
	char number[12];

	snprintf(number, sizeof(number), "%d", fd);
	if (child == 0) {
		execl("/proc/self/exe", "inherit", number, (char *)NULL);
		_exit(127);
	}
	wait_for(child);
	close(fd);
}

static int use_inherited(int fd)
{
	CHECK(dial(fd, OK_LATER) == 0);
	check_connected(fd, OK_LATER);
	return 0;
}

static void *fork_a_lot(void *arg)
{
	_Atomic bool *stop = arg;
	int status;

	while (!*stop) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		waitpid(child, &status, 0);
	}
	return NULL;
}

/* A lock that another thread held at fork() is nobody's in the child. */
static void fork_under_lock(void)
{
	_Atomic bool stop = false;
	pthread_t thread;
	int i, fd;

	CHECK(pthread_create(&thread, NULL, fork_a_lot, &stop) == 0);
	for (i = 0; i < 30; i++) {
		pid_t child;

		fd = tcp_dialing(OK_AT_ONCE);
		child = fork();
		if (child == 0) {
			check_connected(fd, OK_AT_ONCE);
			_exit(0);
		}
		wait_for(child); /* they would take each other's bytes */
		check_connected(fd, OK_AT_ONCE);
		close(fd);
	}
	stop = true;
	pthread_join(thread, NULL);
}

/* What the sandbox stops does not return 0. */
static volatile sig_atomic_t stopped;

static void on_stopped(int number)
{
	(void)number;
	stopped++;
}

/* Where a filter finds the lower half of madvise()'s third argument. */
#define ADVICE_AT                                 \
	(offsetof(struct seccomp_data, args[2]) + \
	 (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0))

static void forbid_wipe_on_fork(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ADVICE_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_WIPEONFORK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter),
				      filter };

	CHECK(signal(SIGSYS, on_stopped) != SIG_ERR);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* Firefox forbids it to the process that has its media sockets, and reports
 * each try. */
static void no_wipe_on_fork(void)
{
	int fd, i, status;
	pid_t child;

	forbid_wipe_on_fork();
	for (i = 0; i < 3; i++) {
		fd = tcp_dialing(OK_LATER);
		check_connected(fd, OK_LATER);
		close(fd);
	}
	CHECK(stopped == 1);
	fd = tcp_dialing(OK_LATER);
	child = fork();
	if (child == 0) {
		close(fd);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	check_connected(fd, OK_LATER);
	close(fd);
}

static const struct hook_case cases[] = {
	{ "dup before connect", dup_before },
	{ "dup while pending", dup_while_pending },
	{ "dup, failure, connect again", dup_failed_connect },
	{ "dup2 over a pending socket", dup2_over },
	{ "fork while pending", fork_while_pending },
	{ "fork while others hold locks", fork_under_lock },
	{ "vfork child closes everything", vfork_closes_all },
	{ "vfork child of a fork child", vfork_in_fork },
	{ "vfork child uses the socket", vfork_uses },
	{ "clone(CLONE_VM) child closes everything", clone_vm },
	{ "closed behind our back, pipe there", number_used_again },
	{ "closed behind our back, Unix socket there",
	  number_used_again_by_unix },
	{ "alias closed behind our back", alias_used_again },
	{ "closed behind our back, socket there", number_used_again_by_socket },
	{ "closed behind our back, IPv6 socket there",
	  number_used_again_by_ipv6 },
	{ "closed behind our back, accepted there",
	  number_used_again_by_accept },
	{ "syscall() reaches the hooks", raw_calls },
	{ "syscall() passes all arguments", raw_six_arguments },
	{ "socket inherited over exec", inherited_over_exec },
	{ "a sandbox that forbids MADV_WIPEONFORK", no_wipe_on_fork },
};

int main(int argc, char **argv)
{
	if (strcmp(argv[0], "inherit") == 0)
		return use_inherited(atoi(argv[1]));
	return hook_run(cases, sizeof(cases) / sizeof(*cases),
			argc > 1 ? argv[1] : NULL);
}
