/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_sandbox.c - what is refused inside, and what goes on: in children, for
 * nobody comes out again */
#include <config.h>

#include "../tunneld/sandbox.h"

#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char dir[] = "/tmp/test_sandbox.XXXXXX";

static const char *const dirs[] = { dir, NULL };

static int set_up(void)
{
	return mkdtemp(dir) == NULL;
}

static int tear_down(void)
{
	return rmdir(dir);
}

/* How many of the expectations of `fn` failed in a child. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	CU_ASSERT_FATAL(pid > 0);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_FATAL(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* 0, or 1 when the call did not end like this. */
static int expect(const char *what, long rc, int error)
{
	int got = rc < 0 ? errno : 0;

	if (got == error)
		return 0;
	fprintf(stderr, "%s: %s instead of %s\n", what, strerror(got),
		strerror(error));
	return 1;
}

#define EXPECT(call, error) expect(#call, (errno = 0, (long)(call)), error)

static int refused(void)
{
	char buffer[8];
	int bad = 0;

	sandbox_enter();
#ifdef HAVE_SECCOMP
	bad += EXPECT(unshare(CLONE_NEWUSER), EPERM);
	bad += EXPECT(mount("none", dir, "tmpfs", 0, NULL), EPERM);
	bad += EXPECT(chroot(dir), EPERM);
	bad += EXPECT(syscall(SYS_bpf, 0, NULL, 0), EPERM);
	bad += EXPECT(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0), EPERM);
	bad += EXPECT(syscall(SYS_userfaultfd, 0), EPERM);
	bad += EXPECT(
		syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0),
		EPERM);
	bad += EXPECT(syscall(SYS_io_uring_setup, 1, NULL), ENOSYS);
	bad += EXPECT(syscall(SYS_clone3, NULL, 0), ENOSYS);
	bad += EXPECT(syscall(SYS_clone, CLONE_NEWNET, 0, 0, 0, 0), EPERM);
	bad += EXPECT(setuid(geteuid() + 1), EPERM);
	bad += EXPECT(setresuid((uid_t)-1, geteuid() + 1, (uid_t)-1), EPERM);
	bad += EXPECT(setgid(getegid() + 1), EPERM);
	bad += EXPECT(chmod(dir, 04700), EPERM);
	bad += EXPECT(chmod(dir, 02700), EPERM);
	bad += EXPECT(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	bad += EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	bad += EXPECT(socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	bad += EXPECT(socket(AF_AX25, SOCK_DGRAM, 0), EAFNOSUPPORT);
	bad += EXPECT(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP),
		      EPERM);
	bad += EXPECT(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), EPERM);
	/* Bits that the kernel does not look at. */
	bad += EXPECT(syscall(SYS_ioctl, 0, (1UL << 32) | TIOCSTI, "x"), EPERM);
	bad += EXPECT(
		syscall(SYS_socket, (1UL << 32) | AF_VSOCK, SOCK_STREAM, 0),
		EAFNOSUPPORT);
	if (!SANDBOX_SANITIZED)
		bad += EXPECT(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
#endif
	bad += EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) - 1, 0);
	/* … and an ordinary one fails as it always does. */
	bad += EXPECT(read(-1, buffer, sizeof(buffer)), EBADF);
	return bad;
}

static void *answer(void *arg)
{
	return arg;
}

static int goes_on(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	pthread_t thread;
	void *result;
	int bad = 0;

	sandbox_enter();
	bad += EXPECT(chmod(dir, 0700), 0);
	bad += EXPECT(setuid(geteuid()), 0);
	bad += EXPECT(setresgid(getegid(), getegid(), getegid()), 0);
	bad += EXPECT(socket(AF_NETLINK, SOCK_RAW, 0) < 0 ? -1 : 0, 0);
	bad += EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? -1 : 0, 0);
	bad += EXPECT(socket(AF_INET6, SOCK_DGRAM, 0) < 0 ? -1 : 0, 0);
	bad += EXPECT(-pthread_create(&thread, NULL, answer, &bad), 0);
	bad += EXPECT(-pthread_join(thread, &result), 0);
	bad += EXPECT(getaddrinfo("localhost", "80", &hints, &list) ? -1 : 0,
		      0);
	if (list != NULL)
		freeaddrinfo(list);
	/* A command, and a shell's own children. */
	bad += EXPECT(system("test \"$(echo one | cat)\" = one") ? -1 : 0, 0);
	return bad;
}

static int says(void)
{
	char words[SANDBOX_WORDS_MAX];
	int bad = 0;

	sandbox_words(words);
	bad += strstr(words, "no new privileges") != NULL;
	sandbox_hide_memory();
	sandbox_enter();
	sandbox_words(words);
	bad += strstr(words, "no new privileges") == NULL;
#ifdef HAVE_SECCOMP
	bad += strstr(words, "system calls filtered") == NULL;
#endif
	bad += (strstr(words, "memory hidden") == NULL) != SANDBOX_SANITIZED;
	bad += (strstr(words, "not root") == NULL) != (geteuid() == 0);
	return bad;
}

static void test_refused(void)
{
	CU_ASSERT_EQUAL(in_child(refused), 0);
}

static void test_goes_on(void)
{
	CU_ASSERT_EQUAL(in_child(goes_on), 0);
}

static void test_says(void)
{
	CU_ASSERT_EQUAL(in_child(says), 0);
}

static int becomes(void)
{
	const struct passwd *pw = getpwnam("nobody");
	struct stat st;
	uid_t uid = pw->pw_uid;
	int bad = 0;

	bad += EXPECT(sandbox_become("nobody", dirs), 0);
	bad += EXPECT(geteuid() == uid && getuid() == uid ? 0 : -1, 0);
	bad += EXPECT(setuid(0), EPERM);
	bad += EXPECT(setgid(0), EPERM);
	bad += EXPECT(prctl(PR_CAPBSET_READ, 0, 0, 0, 0), 0);
	bad += EXPECT(stat(dir, &st), 0);
	bad += EXPECT(st.st_uid == uid ? 0 : -1, 0);
	bad += EXPECT(open("/etc/shadow", O_RDONLY), EACCES);
	return bad;
}

static void test_become(void)
{
	CU_ASSERT_EQUAL(sandbox_become("no-such-user-here", dirs), -ENOENT);
	CU_ASSERT_EQUAL(sandbox_become("root", dirs), -EINVAL);
	if (geteuid() != 0) {
		CU_ASSERT(sandbox_become("nobody", dirs) < 0);
		return;
	}
	CU_ASSERT_EQUAL(in_child(becomes), 0);
}

static CU_TestInfo tests[] = {
	{ "what nobody needs is refused", test_refused },
	{ "what everybody needs goes on", test_goes_on },
	{ "it says what is in force", test_says },
	{ "root becomes somebody else", test_become },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "sandbox",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
