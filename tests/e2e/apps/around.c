/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * around.c - a program that goes around a preloaded library: around HOST PORT
 * tcp|udp|uring
 *
 * Its system calls are its own, so a library that is in front of libc's does
 * not see them. Prints how the call ended.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
#error "no system calls of our own on this machine type"
#endif
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char params[256] = { 0 };
	int fd;
	long n;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((unsigned short)atoi(argv[2]));
	if (strcmp(argv[3], "uring") == 0) {
		n = call(SYS_io_uring_setup, 1, (long)params, 0, 0, 0, 0);
	} else if (strcmp(argv[3], "udp") == 0) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		n = call(SYS_sendto, fd, (long)"hello", 5, 0, (long)&to,
			 sizeof(to));
	} else {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		n = call(SYS_connect, fd, (long)&to, sizeof(to), 0, 0, 0);
	}
	printf("%s\n", n < 0 ? strerror((int)-n) : "done");
	return 0;
}
