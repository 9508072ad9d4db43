/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * next.h - the real libc: one list of every hooked symbol, bound on first use
 *
 * NEXT_LIST is the single table: interpose.c exports exactly these names, the
 * version script lists them, a test compares.
 */
#ifndef NEXT_H
#define NEXT_H

#include <netdb.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

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
	X(int, dup, (int))                                                    \
	X(int, dup2, (int, int))                                              \
	X(int, dup3, (int, int, int))                                         \
	X(int, fcntl, (int, int, ...))                                        \
	X(int, fcntl64, (int, int, ...))                                      \
	X(int, ioctl, (int, unsigned long, ...))                              \
	X(int, shutdown, (int, int))                                          \
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
	   struct hostent **, int *))

/* next.sendto(...) and so on; each is bound by dlsym(RTLD_NEXT) at its first
 * call, without an allocation of ours. */
#define NEXT_FIELD(ret, name, params) ret(*name) params;
struct next {
	NEXT_LIST(NEXT_FIELD)
};
#undef NEXT_FIELD

extern struct next next;

/* Bind what the constructor can (idempotent; also called lazily). */
void next_init(void);

#endif
