/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * next.h - the real libc: one list of every hooked symbol, bound on first use
 *
 * NEXT_LIST is the single table: interpose.c exports exactly these names, the
 * version script lists them, a test compares.
 */
#ifndef NEXT_H
#define NEXT_H

#include <turnout/compiler.h>

#include <netdb.h>
#include <resolv.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* X(return type, name, parameter types) */
#define NEXT_LIST(X)                                                          \
	X(int, socket, (int, int, int))                                       \
	X(int, bind, (int, const struct sockaddr *, socklen_t))               \
	X(int, connect, (int, const struct sockaddr *, socklen_t))            \
	X(ssize_t, sendto,                                                    \
	  (int, const void *, size_t, int, const struct sockaddr *,           \
	   socklen_t))                                                        \
	X(ssize_t, sendmsg, (int, const struct msghdr *, int))                \
	X(int, sendmmsg, (int, struct mmsghdr *, unsigned int, int))          \
	X(ssize_t, send, (int, const void *, size_t, int))                    \
	X(ssize_t, write, (int, const void *, size_t))                        \
	X(ssize_t, writev, (int, const struct iovec *, int))                  \
	X(ssize_t, recvfrom,                                                  \
	  (int, void *, size_t, int, struct sockaddr *, socklen_t *))         \
	X(ssize_t, recvmsg, (int, struct msghdr *, int))                      \
	X(int, recvmmsg,                                                      \
	  (int, struct mmsghdr *, unsigned int, int, struct timespec *))      \
	X(ssize_t, recv, (int, void *, size_t, int))                          \
	X(ssize_t, read, (int, void *, size_t))                               \
	X(ssize_t, readv, (int, const struct iovec *, int))                   \
	X(int, getsockname, (int, struct sockaddr *, socklen_t *))            \
	X(int, getpeername, (int, struct sockaddr *, socklen_t *))            \
	X(int, getsockopt, (int, int, int, void *, socklen_t *))              \
	X(int, setsockopt, (int, int, int, const void *, socklen_t))          \
	X(int, close, (int))                                                  \
	X(int, close_range, (unsigned int, unsigned int, int))                \
	X(void, closefrom, (int))                                             \
	X(int, dup, (int))                                                    \
	X(int, dup2, (int, int))                                              \
	X(int, dup3, (int, int, int))                                         \
	X(int, fcntl, (int, int, ...))                                        \
	X(int, fcntl64, (int, int, ...))                                      \
	X(int, ioctl, (int, unsigned long, ...))                              \
	X(int, shutdown, (int, int))                                          \
	X(ssize_t, sendfile, (int, int, off_t *, size_t))                     \
	X(ssize_t, sendfile64, (int, int, off64_t *, size_t))                 \
	X(ssize_t, splice,                                                    \
	  (int, off64_t *, int, off64_t *, size_t, unsigned int))             \
	X(ssize_t, __recv_chk, (int, void *, size_t, size_t, int))            \
	X(ssize_t, __recvfrom_chk,                                            \
	  (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *)) \
	X(ssize_t, __read_chk, (int, void *, size_t, size_t))                 \
	X(int, epoll_ctl, (int, int, int, struct epoll_event *))              \
	X(long, syscall, (long, ...))                                         \
	X(int, getaddrinfo,                                                   \
	  (const char *, const char *, const struct addrinfo *,               \
	   struct addrinfo **))                                               \
	X(void, freeaddrinfo, (struct addrinfo *))                            \
	X(int, getnameinfo,                                                   \
	  (const struct sockaddr *, socklen_t, char *, socklen_t, char *,     \
	   socklen_t, int))                                                   \
	X(struct hostent *, gethostbyname, (const char *))                    \
	X(struct hostent *, gethostbyname2, (const char *, int))              \
	X(int, gethostbyname_r,                                               \
	  (const char *, struct hostent *, char *, size_t, struct hostent **, \
	   int *))                                                            \
	X(int, gethostbyname2_r,                                              \
	  (const char *, int, struct hostent *, char *, size_t,               \
	   struct hostent **, int *))                                         \
	X(struct hostent *, gethostbyaddr, (const void *, socklen_t, int))    \
	X(int, gethostbyaddr_r,                                               \
	  (const void *, socklen_t, int, struct hostent *, char *, size_t,    \
	   struct hostent **, int *))                                         \
	X(int, res_query, (const char *, int, int, unsigned char *, int))     \
	X(int, res_search, (const char *, int, int, unsigned char *, int))    \
	X(int, res_nquery,                                                    \
	  (res_state, const char *, int, int, unsigned char *, int))          \
	X(int, res_nsearch,                                                   \
	  (res_state, const char *, int, int, unsigned char *, int))

/* next.sendto(...) and so on, bound all at once by dlsym(RTLD_NEXT), without
 * an allocation of ours. What this libc lacks fails with ENOSYS, or does
 * nothing when it returns nothing. */
#define NEXT_FIELD(ret, name, params) ret(*name) params;
struct next {
	NEXT_LIST(NEXT_FIELD)
};
#undef NEXT_FIELD

extern struct next next;
extern _Atomic bool next_bound;

/* Idempotent; called by the constructor, or by the first hook before it. */
void next_init(void);

static inline void next_ready(void)
{
	if (unlikely(!atomic_load_explicit(&next_bound, memory_order_acquire)))
		next_init();
}

#endif
