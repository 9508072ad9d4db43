/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * route.c - the local address that the kernel would choose for a peer
 *
 * Turns a UDP socket and a peer into a source address, by a kernel connect()
 * of a scratch socket that is bound like the app's: no packet is sent.
 */
#include <config.h>

#include "route.h"

#include "fdtab.h"
#include "next.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <string.h>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#define INTERFACES_MAX 64

static bool is_any(const struct endpoint *e)
{
	static const uint8_t any[16];

	return memcmp(e->ip, any, sizeof(any)) == 0;
}

static int name_of(int fd, struct endpoint *name)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (next.getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		return -errno;
	return endpoint_from_sockaddr(name, &sa, len) ? 0 : -EAFNOSUPPORT;
}

/* A local port, as connect() would choose one. */
static int bind_if_unbound(const struct sock *s, int fd, struct endpoint *name)
{
	/* The wildcard of either family: all zero but sa_family. */
	struct sockaddr_storage any = { .ss_family = (sa_family_t)s->family };
	socklen_t len = s->family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
	int err = name_of(fd, name);

	if (err != 0 || name->port_be != 0)
		return err;
	if (next.bind(fd, (struct sockaddr *)&any, len) != 0)
		return -errno;
	return name_of(fd, name);
}

static void copy_option(int from, int to, int level, int name)
{
	char value[64];
	socklen_t len = sizeof(value);

	if (next.getsockopt(from, level, name, value, &len) == 0 && len > 0)
		next.setsockopt(to, level, name, value, len);
}

/* What decides about a route besides the peer. */
static void copy_options(const struct sock *s, int from, int to)
{
	copy_option(from, to, SOL_SOCKET, SO_BINDTODEVICE);
	if (s->family == AF_INET6) {
		copy_option(from, to, IPPROTO_IPV6, IPV6_V6ONLY);
		copy_option(from, to, IPPROTO_IPV6, IPV6_UNICAST_IF);
	}
	copy_option(from, to, IPPROTO_IP, IP_UNICAST_IF);
}

static int ask_kernel(const struct sock *s, int fd, const struct endpoint *name,
		      const struct endpoint *peer, struct endpoint *source)
{
	int probe = next.socket(s->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct endpoint bind_to = *name;
	struct sockaddr_storage sa;
	socklen_t len;
	int err = 0;

	if (probe < 0)
		return -errno;
	copy_options(s, fd, probe);
	bind_to.port_be = 0;
	len = endpoint_to_sockaddr(&bind_to, s->family, &sa);
	if (!is_any(name) && next.bind(probe, (struct sockaddr *)&sa, len) != 0)
		err = -errno;
	len = endpoint_to_sockaddr(peer, s->family, &sa);
	if (err == 0 && next.connect(probe, (struct sockaddr *)&sa, len) != 0)
		err = -errno;
	if (err == 0)
		err = name_of(probe, source);
	next.close(probe);
	return err;
}

static bool is_usable(int fd, const struct ifreq *interface)
{
	struct ifreq flags = *interface;
	unsigned int want = IFF_UP | IFF_RUNNING;

	return interface->ifr_addr.sa_family == AF_INET &&
	       next.ioctl(fd, SIOCGIFFLAGS, &flags) == 0 &&
	       ((unsigned short)flags.ifr_flags & (want | IFF_LOOPBACK)) ==
		       want;
}

/* The IPv4 address of the first interface that is up. False: there is none. */
static bool first_interface(int fd, struct endpoint *source)
{
	struct ifreq interfaces[INTERFACES_MAX];
	struct ifconf conf = { .ifc_len = sizeof(interfaces),
			       .ifc_req = interfaces };
	size_t n;

	if (next.ioctl(fd, SIOCGIFCONF, &conf) != 0)
		return false;
	n = (size_t)conf.ifc_len / sizeof(interfaces[0]);
	for (size_t i = 0; i < n && i < INTERFACES_MAX; i++)
		if (is_usable(fd, &interfaces[i]))
			return endpoint_from_sockaddr(
				source, &interfaces[i].ifr_addr,
				sizeof(struct sockaddr_in));
	return false;
}

static bool is_v6only(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return next.getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len) == 0 &&
	       on;
}

int route_local(const struct sock *s, int fd, const struct endpoint *peer,
		struct sockaddr_storage *local, socklen_t *local_len)
{
	struct endpoint name, source;
	int err;

	if (s->family == AF_INET6 && peer->family == ENDPOINT_IPV4 &&
	    is_v6only(fd))
		return -ENETUNREACH;
	err = bind_if_unbound(s, fd, &name);
	if (err != 0)
		return err;
	err = ask_kernel(s, fd, &name, peer, &source);
	if (err != 0 && peer->family != ENDPOINT_IPV4)
		return err;
	if (err != 0 && !is_any(&name))
		source = name;
	else if (err != 0 && !first_interface(fd, &source))
		return err;
	source.port_be = name.port_be;
	*local_len = endpoint_to_sockaddr(&source, s->family, local);
	return *local_len > 0 ? 0 : -ENETUNREACH;
}
