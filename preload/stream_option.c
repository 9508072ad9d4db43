/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream_option.c - turns questions about names and options of a socket into
 * what TCP would answer while a placeholder stands for it
 */
#include <config.h>

#include "connect.h"
#include "fdtab.h"
#include "next.h"
#include "stream.h"
#include "stream_state.h"

#include <errno.h>
#include <string.h>

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

static int tell_address(const union tcp_address *from, struct sockaddr *addr,
			socklen_t *len)
{
	socklen_t whole = from->any.sa_family == AF_INET6 ? sizeof(from->in6)
							  : sizeof(from->in);

	if ((int)*len < 0)
		return stream_fail(EINVAL);
	memcpy(addr, from, *len < whole ? *len : whole);
	*len = whole;
	return 0;
}

int stream_bind(struct sock *s, int fd, const struct sockaddr *addr,
		socklen_t len)
{
	enum tcp_state state = stream_state(s, fd);

	if (state == TCP_STATE_WAITING || state == TCP_STATE_PENDING)
		return stream_fail(EINVAL);
	if (state == TCP_STATE_FAILED && stream_restore(s, fd, state) != 0)
		return stream_fail(ENOBUFS);
	return next.bind(fd, addr, len);
}

int stream_getsockname(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len)
{
	enum tcp_state state = stream_state(s, fd);

	if (state == TCP_STATE_PENDING || state == TCP_STATE_FAILED)
		return tell_address(&s->tcp.local, addr, len);
	return next.getsockname(fd, addr, len);
}

int stream_getpeername(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len)
{
	enum tcp_state state = stream_state(s, fd);
	socklen_t room = *len;
	int result;

	if (state != TCP_STATE_PLAIN && state != TCP_STATE_CONNECTED)
		return stream_fail(ENOTCONN);
	result = next.getpeername(fd, addr, len);
	if (result != 0 || state == TCP_STATE_PLAIN)
		return result;
	if (!connect_is_ours(s, fd)) {
		fdtab_forget(fd);
		return result;
	}
	*len = room;
	return tell_address(&s->tcp.peer, addr, len);
}

/* What the kernel would say of a socket with the same options. */
static int ask_scratch(struct sock *s, int level, int name, void *value,
		       socklen_t *len)
{
	int scratch = connect_scratch(s), result, error;

	if (scratch < 0)
		return stream_fail(-scratch);
	result = next.getsockopt(scratch, level, name, value, len);
	error = errno;
	connect_discard(scratch);
	errno = error;
	if (result == 0 && level == IPPROTO_TCP && name == TCP_INFO &&
	    *len > 0 && atomic_load(&s->tcp.state) == TCP_STATE_PENDING)
		*(uint8_t *)value = TCP_SYN_SENT;
	return result;
}

static int tell_bytes(const void *from, socklen_t bytes, void *value,
		      socklen_t *len)
{
	if ((int)*len < 0)
		return stream_fail(EINVAL);
	if (*len > bytes)
		*len = bytes;
	memcpy(value, from, *len);
	return 0;
}

int stream_getsockopt(struct sock *s, int fd, int level, int name, void *value,
		      socklen_t *len)
{
	enum tcp_state state = stream_state(s, fd);
	int error = 0;

	if (level == SOL_SOCKET && name == SO_ERROR &&
	    state != TCP_STATE_PLAIN && state != TCP_STATE_CONNECTED) {
		if (state != TCP_STATE_PENDING)
			error = stream_take_error(s, fd);
		return tell_bytes(&error, sizeof(error), value, len);
	}
	if (state != TCP_STATE_PENDING && state != TCP_STATE_FAILED)
		return next.getsockopt(fd, level, name, value, len);
	if (level == SOL_SOCKET && name == SO_COOKIE)
		return tell_bytes(&s->tcp.native_cookie,
				  sizeof(s->tcp.native_cookie), value, len);
	return ask_scratch(s, level, name, value, len);
}

/* A scratch socket says whether the kernel would take it. */
static int set_while_pending(struct sock *s, int level, int name,
			     const void *value, socklen_t len)
{
	int scratch = connect_scratch(s), result, error;
	bool kept;

	if (scratch < 0)
		return stream_fail(-scratch);
	result = next.setsockopt(scratch, level, name, value, len);
	error = errno;
	connect_discard(scratch);
	errno = error;
	if (result != 0)
		return result;
	sock_lock(s);
	kept = journal_set(&s->tcp.journal, level, name, value, len, true);
	sock_unlock(s);
	return kept ? 0 : stream_fail(ENOBUFS);
}

int stream_setsockopt(struct sock *s, int fd, int level, int name,
		      const void *value, socklen_t len)
{
	enum tcp_state state = stream_state(s, fd);
	int result;

	if (state == TCP_STATE_PENDING)
		return set_while_pending(s, level, name, value, len);
	if (state == TCP_STATE_FAILED && stream_restore(s, fd, state) != 0)
		return stream_fail(ENOBUFS);
	result = next.setsockopt(fd, level, name, value, len);
	if (result != 0 || state != TCP_STATE_PLAIN ||
	    atomic_load(&s->tcp.direct))
		return result;
	sock_lock(s);
	journal_set(&s->tcp.journal, level, name, value, len, false);
	sock_unlock(s);
	return result;
}

int stream_ioctl(struct sock *s, int fd, unsigned long request, void *arg)
{
	enum tcp_state state = TCP_STATE_PLAIN;

	if (!connect_is_native(&s->tcp) &&
	    (request == FIONREAD || request == SIOCOUTQ ||
	     request == SIOCOUTQNSD || request == SIOCATMARK))
		state = stream_state(s, fd);
	if (state == TCP_STATE_PENDING || state == TCP_STATE_FAILED) {
		*(int *)arg = 0;
		return 0;
	}
	return next.ioctl(fd, request, arg);
}
