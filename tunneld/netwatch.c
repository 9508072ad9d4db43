/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netwatch.c - rtnetlink(7) groups, and the clock that a sleep sets
 *
 * Theory of operation. Notifications are only a hint: those that say something
 * new arm a timer, and when it has run out everything is read again, whole.
 * So a lost one (ENOBUFS) is no more than a hint, too. A dump never waits: the
 * kernel makes the answer while it is read. The callback comes when what was
 * read differs from what was told last, when something in use was lost in
 * between (be it back by now: its connections may not be), and after a sleep.
 *
 * A sleep shows as CLOCK_BOOTTIME running ahead of CLOCK_MONOTONIC. Nothing
 * polls for it: a timer on CLOCK_REALTIME that never comes is cancelled when
 * that clock is set, as it is on waking (timerfd_create(2)).
 */
#include <config.h>

#include "netwatch.h"

#include "clock.h"
#include "log.h"
#include "loop.h"
#include "network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define READ_BYTES  32768 /* the kernel's own limit of a dump's buffer */
#define NOTICES_MAX 256   /* a wake-up */
#define READ_TRIES  5
#define SLEEP_MS    2000 /* shorter than this is not one */
#define RETRY_MS    1000
#define GROUPS                                                   \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | \
	 RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

struct netwatch {
	struct netwatch_opts opts;
	struct network *network;
	int notices; /* netlink, the groups */
	int clockfd; /* -1: none */
	struct loop_fd notices_watch, clock_watch;
	struct loop_timer timer;
	uint64_t since_ms; /* of the first hint; 0: none is waiting */
	bool lost, resumed;
	uint64_t told_fingerprint, told_digest;
	uint64_t slept_ms;
	_Alignas(struct nlmsghdr) uint8_t buf[READ_BYTES];
};

static uint64_t kernel_slept_ms(void)
{
	struct timespec boot, mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (uint64_t)((boot.tv_sec - mono.tv_sec) * 1000 +
			  (boot.tv_nsec - mono.tv_nsec) / 1000000);
}

static bool is_wireless(const char *ifname)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", ifname);
	return access(path, F_OK) == 0;
}

/* Reading all */

static int ask(int fd, uint16_t type, uint32_t seq)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} request = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(request.body)),
			    .nlmsg_type = type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			    .nlmsg_seq = seq },
		.body.rtgen_family = AF_UNSPEC,
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (sendto(fd, &request, request.header.nlmsg_len, 0,
		   (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

/* The kernel's next words, and nobody else's. Bytes, 0: of somebody else, or
 * -errno. */
static ssize_t receive(struct netwatch *w, int fd)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct iovec iov = { w->buf, sizeof(w->buf) };
	struct msghdr msg = { .msg_name = &from,
			      .msg_namelen = sizeof(from),
			      .msg_iov = &iov,
			      .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	if (msg.msg_flags & MSG_TRUNC)
		return -ENOBUFS;
	return from.nl_pid == 0 ? n : 0;
}

static int read_table(struct netwatch *w, int fd, uint16_t type)
{
	int err = ask(fd, type, type);

	while (err == 0) {
		ssize_t n = receive(w, fd);

		if (n > 0)
			err = network_read(w->network, w->buf, (size_t)n, type);
		else if (n != -EINTR)
			err = (int)n;
	}
	return err > 0 ? 0 : err;
}

static int read_once(struct netwatch *w)
{
	static const uint16_t tables[] = { RTM_GETLINK, RTM_GETADDR,
					   RTM_GETROUTE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);
	int err = fd < 0 ? -errno : 0;

	network_clear(w->network);
	for (size_t i = 0; err == 0 && i < ARRAY_SIZE(tables); i++)
		err = read_table(w, fd, tables[i]);
	if (fd >= 0)
		close(fd);
	return err;
}

static int read_all(struct netwatch *w)
{
	int err = -EAGAIN;

	for (int i = 0; err < 0 && i < READ_TRIES; i++)
		err = read_once(w);
	return err;
}

/* Hints */

static void tell(struct netwatch *w, uint64_t now_ms)
{
	uint64_t digest = network_digest(w->network);
	struct netwatch_event event = {
		.fingerprint = network_fingerprint(w->network),
		.resumed = w->resumed,
	};
	struct endpoint *addrs;

	event.moved = event.fingerprint != w->told_fingerprint;
	if (digest == w->told_digest && !event.moved && !w->lost && !w->resumed)
		return;
	addrs = network_addresses(w->network, &event.addr_count);
	if (addrs == NULL)
		return;
	event.addrs = addrs;
	w->told_digest = digest;
	w->told_fingerprint = event.fingerprint;
	w->lost = false;
	w->resumed = false;
	w->opts.on_change(w->opts.arg, &event, now_ms);
	free(addrs);
}

static void on_timer(void *arg, uint64_t now_ms)
{
	struct netwatch *w = arg;
	int err = read_all(w);

	if (err < 0) {
		log_debug("reading the network: %s", strerror(-err));
		loop_timer_set(w->opts.loop, &w->timer, now_ms + RETRY_MS,
			       on_timer, w);
		return;
	}
	w->since_ms = 0;
	tell(w, now_ms);
}

static void hint(struct netwatch *w, uint64_t now_ms)
{
	uint64_t at_ms = now_ms + NETWATCH_DEBOUNCE_MS;

	if (w->since_ms == 0)
		w->since_ms = now_ms;
	if (at_ms > w->since_ms + NETWATCH_PATIENCE_MS)
		at_ms = w->since_ms + NETWATCH_PATIENCE_MS;
	loop_timer_set(w->opts.loop, &w->timer, at_ms, on_timer, w);
}

static void check_sleep(struct netwatch *w, uint64_t now_ms)
{
	uint64_t slept_ms = w->opts.slept_ms();

	if (slept_ms > w->slept_ms + SLEEP_MS) {
		log_info("the machine has slept for %llu s",
			 (unsigned long long)(slept_ms - w->slept_ms) / 1000);
		w->resumed = true;
		hint(w, now_ms);
	}
	w->slept_ms = slept_ms;
}

static void on_notice(void *arg, uint32_t events, uint64_t now_ms)
{
	struct netwatch *w = arg;

	(void)events;
	check_sleep(w, now_ms);
	for (int i = 0; i < NOTICES_MAX; i++) {
		enum network_news news = NETWORK_NEWS_CHANGE;
		ssize_t n = receive(w, w->notices);

		if (n == -EAGAIN)
			return;
		if (n == -EINTR || n == 0)
			continue;
		if (n < 0 && n != -ENOBUFS) {
			log_warn("changes of the network are not seen: %s",
				 strerror((int)-n));
			loop_fd_del(w->opts.loop, &w->notices_watch);
			return;
		}
		/* Some were lost, or did not fit: anything may have been. */
		if (n > 0)
			news = network_news(w->network, w->buf, (size_t)n);
		w->lost |= news == NETWORK_NEWS_LOSS;
		if (news != NETWORK_NEWS_NONE)
			hint(w, now_ms);
	}
}

/* The clock */

static int arm_clock(int fd)
{
	/* In a future that does not come, but that the kernel can count. */
	struct itimerspec never = { .it_value.tv_sec = time(NULL) +
						       100 * 365 * 86400L };

	if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			    &never, NULL) < 0 &&
	    errno != ECANCELED)
		return -errno;
	return 0;
}

static void on_clock(void *arg, uint32_t events, uint64_t now_ms)
{
	struct netwatch *w = arg;
	uint64_t count;
	ssize_t n = read(w->clockfd, &count, sizeof(count));

	(void)events;
	if (n < 0 && errno != ECANCELED)
		return;
	if (arm_clock(w->clockfd) < 0)
		loop_fd_del(w->opts.loop, &w->clock_watch);
	check_sleep(w, now_ms);
}

static void watch_clock(struct netwatch *w)
{
	int err;

	w->slept_ms = w->opts.slept_ms();
	w->clockfd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	err = w->clockfd < 0 ? -errno : arm_clock(w->clockfd);
	if (err == 0)
		err = loop_fd_add(w->opts.loop, &w->clock_watch, w->clockfd,
				  EPOLLIN, on_clock, w);
	if (err < 0)
		log_debug("sleeps of the machine are not seen at once: %s",
			  strerror(-err));
}

/* Life */

static int open_notices(struct netwatch *w)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
				      .nl_groups = GROUPS };

	w->notices = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    NETLINK_ROUTE);
	if (w->notices < 0 ||
	    bind(w->notices, (struct sockaddr *)&groups, sizeof(groups)) < 0)
		return -errno;
	return loop_fd_add(w->opts.loop, &w->notices_watch, w->notices, EPOLLIN,
			   on_notice, w);
}

struct netwatch *netwatch_new(const struct netwatch_opts *opts)
{
	struct netwatch *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	if (w == NULL)
		return NULL;
	w->opts = *opts;
	w->notices = w->clockfd = -1;
	if (w->opts.slept_ms == NULL)
		w->opts.slept_ms = kernel_slept_ms;
	w->network = network_new(is_wireless);
	/* The groups first: nothing is missed between the two. */
	if (w->network != NULL)
		err = open_notices(w);
	if (err == 0)
		err = read_all(w);
	if (err < 0) {
		netwatch_free(w);
		errno = -err;
		return NULL;
	}
	w->told_fingerprint = network_fingerprint(w->network);
	w->told_digest = network_digest(w->network);
	watch_clock(w);
	return w;
}

void netwatch_free(struct netwatch *w)
{
	if (w == NULL)
		return;
	loop_timer_stop(w->opts.loop, &w->timer);
	loop_fd_del(w->opts.loop, &w->notices_watch);
	loop_fd_del(w->opts.loop, &w->clock_watch);
	if (w->notices >= 0)
		close(w->notices);
	if (w->clockfd >= 0)
		close(w->clockfd);
	network_free(w->network);
	free(w);
}

uint64_t netwatch_fingerprint(const struct netwatch *w)
{
	return w->told_fingerprint;
}
