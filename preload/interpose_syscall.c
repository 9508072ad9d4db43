/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interpose_syscall.c - syscall(): turns the numbers of hooked calls into the
 * hooks, and passes everything else on with all six arguments
 *
 * libuv closes sockets with it, and programs that are older than a libc
 * function send batches with it.
 */
#undef _FORTIFY_SOURCE
#include <config.h>

#include "fdtab.h"
#include "next.h"

#include <turnout/compiler.h>

#include <fcntl.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

/* As in interpose.c: plain pointers for glibc's transparent unions. */
#pragma GCC diagnostic ignored "-Wpedantic"

struct raw {
	long nr;
	long arg[6];
};

#define RAW_INT(i)  ((int)r->arg[i])
#define RAW_UINT(i) ((unsigned int)r->arg[i])
#define RAW_LEN(i)  ((size_t)r->arg[i])
#define RAW_PTR(i)  ((void *)r->arg[i])

/* Calls that make, end or address a socket. */
static bool raw_descriptors(const struct raw *r, long *result)
{
	switch (r->nr) {
	case SYS_socket:
		*result = socket(RAW_INT(0), RAW_INT(1), RAW_INT(2));
		return true;
	case SYS_connect:
		*result = connect(RAW_INT(0), RAW_PTR(1), RAW_UINT(2));
		return true;
	case SYS_bind:
		*result = bind(RAW_INT(0), RAW_PTR(1), RAW_UINT(2));
		return true;
	case SYS_close:
		if (fdtab_find(RAW_INT(0)) == NULL)
			return false;
		*result = close(RAW_INT(0));
		return true;
#ifdef SYS_close_range
	case SYS_close_range:
		*result = close_range(RAW_UINT(0), RAW_UINT(1), RAW_INT(2));
		return true;
#endif
	case SYS_dup:
		*result = dup(RAW_INT(0));
		return true;
#ifdef SYS_dup2
	case SYS_dup2:
		*result = dup2(RAW_INT(0), RAW_INT(1));
		return true;
#endif
	case SYS_dup3:
		*result = dup3(RAW_INT(0), RAW_INT(1), RAW_INT(2));
		return true;
	case SYS_fcntl:
		if (RAW_INT(1) != F_DUPFD && RAW_INT(1) != F_DUPFD_CLOEXEC)
			return false;
		*result = fcntl(RAW_INT(0), RAW_INT(1), RAW_PTR(2));
		return true;
	case SYS_epoll_ctl:
		*result = epoll_ctl(RAW_INT(0), RAW_INT(1), RAW_INT(2),
				    RAW_PTR(3));
		return true;
	default:
		return false;
	}
}

static bool raw_send(const struct raw *r, long *result)
{
	int fd = RAW_INT(0);

	switch (r->nr) {
	case SYS_sendto:
		*result = sendto(fd, RAW_PTR(1), RAW_LEN(2), RAW_INT(3),
				 RAW_PTR(4), RAW_UINT(5));
		return true;
	case SYS_sendmsg:
		*result = sendmsg(fd, RAW_PTR(1), RAW_INT(2));
		return true;
	case SYS_sendmmsg:
		*result = sendmmsg(fd, RAW_PTR(1), RAW_UINT(2), RAW_INT(3));
		return true;
	case SYS_write:
		*result = write(fd, RAW_PTR(1), RAW_LEN(2));
		return true;
	case SYS_writev:
		*result = writev(fd, RAW_PTR(1), RAW_INT(2));
		return true;
	case SYS_sendfile:
		*result = sendfile(fd, RAW_INT(1), RAW_PTR(2), RAW_LEN(3));
		return true;
	default:
		return false;
	}
}

static bool raw_receive(const struct raw *r, long *result)
{
	int fd = RAW_INT(0);

	switch (r->nr) {
	case SYS_recvfrom:
		*result = recvfrom(fd, RAW_PTR(1), RAW_LEN(2), RAW_INT(3),
				   RAW_PTR(4), RAW_PTR(5));
		return true;
	case SYS_recvmsg:
		*result = recvmsg(fd, RAW_PTR(1), RAW_INT(2));
		return true;
	case SYS_recvmmsg:
		*result = recvmmsg(fd, RAW_PTR(1), RAW_UINT(2), RAW_INT(3),
				   RAW_PTR(4));
		return true;
	case SYS_read:
		*result = read(fd, RAW_PTR(1), RAW_LEN(2));
		return true;
	case SYS_readv:
		*result = readv(fd, RAW_PTR(1), RAW_INT(2));
		return true;
	default:
		return false;
	}
}

static bool raw_settings(const struct raw *r, long *result)
{
	int fd = RAW_INT(0);

	switch (r->nr) {
	case SYS_getsockname:
		*result = getsockname(fd, RAW_PTR(1), RAW_PTR(2));
		return true;
	case SYS_getpeername:
		*result = getpeername(fd, RAW_PTR(1), RAW_PTR(2));
		return true;
	case SYS_getsockopt:
		*result = getsockopt(fd, RAW_INT(1), RAW_INT(2), RAW_PTR(3),
				     RAW_PTR(4));
		return true;
	case SYS_setsockopt:
		*result = setsockopt(fd, RAW_INT(1), RAW_INT(2), RAW_PTR(3),
				     RAW_UINT(4));
		return true;
	case SYS_shutdown:
		*result = shutdown(fd, RAW_INT(1));
		return true;
	case SYS_ioctl:
		*result = ioctl(fd, (unsigned long)r->arg[1], RAW_PTR(2));
		return true;
	default:
		return false;
	}
}

/* Calls that only matter on a descriptor that we track, except those that name
 * an address, which an untracked socket may do too. */
static bool raw_io(const struct raw *r, long *result)
{
	bool names_address = (r->nr == SYS_sendto && r->arg[4] != 0) ||
			     r->nr == SYS_sendmsg || r->nr == SYS_sendmmsg;

	if (fdtab_find(RAW_INT(0)) == NULL && !names_address)
		return false;
	return raw_send(r, result) || raw_receive(r, result) ||
	       raw_settings(r, result);
}

EXPORTED long syscall(long nr, ...)
{
	struct raw r = { .nr = nr };
	va_list ap;
	long result;
	int i;

	next_ready();
	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		r.arg[i] = va_arg(ap, long);
	va_end(ap);
	if (raw_descriptors(&r, &result) || raw_io(&r, &result))
		return result;
	return next.syscall(nr, r.arg[0], r.arg[1], r.arg[2], r.arg[3],
			    r.arg[4], r.arg[5]);
}
