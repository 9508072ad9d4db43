/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace_filter.c - a seccomp filter that stops at the calls which can send
 * something out, so that all others run at full speed
 *
 * Calls of another ABI (a 32-bit program's) pass: their numbers are others.
 */
#include <config.h>

#include "trace_filter.h"

#include <errno.h>
#include <stddef.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define NATIVE_ARCH AUDIT_ARCH_S390X
#endif

#ifdef NATIVE_ARCH

/* To the last statement but one, RET_TRACE, over `left` others. */
#define STOP_AT(nr, left) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), (left), 0)

static struct sock_filter program[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, 6),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	STOP_AT(SYS_connect, 5),
	STOP_AT(SYS_sendto, 4),
	STOP_AT(SYS_sendmsg, 3),
	STOP_AT(SYS_sendmmsg, 2),
	STOP_AT(SYS_io_uring_setup, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
};

int trace_filter_install(void)
{
	const struct sock_fprog filter = {
		.len = ARRAY_SIZE(program),
		.filter = program,
	};

	/* A filter needs it, or a privilege that no user has. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return -errno;
	return 0;
}

#else

int trace_filter_install(void)
{
	return -ENOTSUP;
}

#endif
