/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * adopt.c - turns an untracked descriptor that is told an Internet address
 * into a tracked socket, so that no socket reaches the world past the policy
 *
 * Asking the kernel what a descriptor is costs a system call, and a sandboxed
 * process may die of it: so only calls that name an IPv4 or IPv6 address ask.
 */
#include <config.h>

#include "adopt.h"

#include "client.h"
#include "datagram.h"
#include "fdtab.h"
#include "next.h"

#include <errno.h>
#include <string.h>

#include <netinet/in.h>

static int int_option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (next.getsockopt(fd, SOL_SOCKET, name, &value, &len) != 0)
		return -1;
	return value;
}

static bool is_inet_address(const struct sockaddr *addr, socklen_t len)
{
	sa_family_t family;

	if (addr == NULL || len < (socklen_t)sizeof(struct sockaddr_in))
		return false;
	memcpy(&family, &addr->sa_family, sizeof(family));
	return family == AF_INET || family == AF_INET6;
}

static enum sock_kind kind_of(int fd)
{
	int type = int_option(fd, SO_TYPE);
	int protocol = int_option(fd, SO_PROTOCOL);

	if (type == SOCK_STREAM &&
	    (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP))
		return SOCK_KIND_TCP;
	if (type == SOCK_DGRAM && protocol == IPPROTO_UDP)
		return SOCK_KIND_UDP;
	return SOCK_KIND_NONE;
}

struct sock *adopt_socket(int fd, const struct sockaddr *addr, socklen_t len)
{
	enum sock_kind kind = SOCK_KIND_NONE;
	struct sock *s = NULL;
	int saved = errno, family;

	if (!is_inet_address(addr, len) || !client_active())
		return NULL;
	kind = kind_of(fd);
	family = kind != SOCK_KIND_NONE ? int_option(fd, SO_DOMAIN) : -1;
	if ((family == AF_INET || family == AF_INET6) &&
	    !fdtab_is_vfork_child())
		s = fdtab_add(fd, kind, family);
	if (s != NULL)
		s->owner = 0; /* others may have it: never ours alone */
	if (s != NULL && kind == SOCK_KIND_UDP)
		datagram_adopted(s, fd);
	errno = saved;
	return s;
}
