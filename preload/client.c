/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * client.c - tunneld's client: turns a request into an answer over the control
 * socket, and the policy page's file into a mapping
 *
 * The paths are fixed in the constructor and never change. With ENV_SOCKET
 * there is one; else the user's daemon comes before the machine's, each time
 * anew, because either may start or end while we run.
 */
#include <config.h>

#include "client.h"

#include "next.h"

#include <turnout/page.h>
#include <turnout/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>

#define DIAL_TIMEOUT_S   3
#define ANSWER_TIMEOUT_S 5
#define REMAP_AFTER_MS   1000

struct place {
	char socket[SOCKET_PATH_MAX + 1];
	char page[SOCKET_PATH_MAX + sizeof(PAGE_SUFFIX)];
};

/* Written by client_init() only. */
static struct place places[2];
static size_t num_places;
static char program[CONTROL_PROGRAM_BYTES]; /* empty: not to be told */

static _Atomic(const struct page *) mapped;
static _Atomic uint64_t mapped_inode;
static _Atomic uint64_t looked_ms;

static void add_place(const char *head, const char *tail)
{
	struct place *p = &places[num_places];
	size_t head_len = strlen(head), tail_len = strlen(tail);

	if (head_len == 0 || head_len + tail_len > SOCKET_PATH_MAX)
		return;
	memcpy(p->socket, head, head_len);
	memcpy(p->socket + head_len, tail, tail_len + 1);
	memcpy(p->page, p->socket, head_len + tail_len);
	memcpy(p->page + head_len + tail_len, PAGE_SUFFIX, sizeof(PAGE_SUFFIX));
	num_places++;
}

void client_init(void)
{
	const char *path;

	if (num_places > 0 || getauxval(AT_SECURE) != 0)
		return;
	path = getenv(ENV_SOCKET);
	if (path != NULL && *path != '\0') {
		add_place(path, "");
		return;
	}
	path = getenv("XDG_RUNTIME_DIR");
	if (path != NULL)
		add_place(path, USER_SOCKET_SUFFIX);
	add_place(SYSTEM_SOCKET, "");
}

void client_set_program(const char *path)
{
	size_t len = strlen(path);

	if (len < sizeof(program))
		memcpy(program, path, len + 1);
}

bool client_active(void)
{
	return num_places > 0;
}

/* A thread that is cancelled within these few calls would leave a descriptor
 * behind, and some of them serve functions that are no cancellation points. */
struct hold {
	int error;
	int cancel_state;
};

static struct hold hold(void)
{
	struct hold h = { .error = errno };

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &h.cancel_state);
	return h;
}

static void release(const struct hold *h)
{
	pthread_setcancelstate(h->cancel_state, NULL);
	errno = h->error;
}

/* Milliseconds of a clock that is read without a system call; never 0. */
static uint64_t coarse_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}

static bool is_page_file(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	       st->st_size == (off_t)PAGE_BYTES;
}

/* The page at `path` when it is a valid one other than inode `known`. */
static const struct page *map_page(const char *path, uint64_t known,
				   uint64_t *inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const struct page *page = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (is_page_file(fd, &st) && st.st_ino != known)
		page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	next.close(fd);
	if (page == MAP_FAILED)
		return NULL;
	if (page->magic != PAGE_MAGIC || page->version != PAGE_VERSION) {
		munmap((void *)(uintptr_t)page, PAGE_BYTES);
		return NULL;
	}
	*inode = st.st_ino;
	return page;
}

/* A page that has been given out is never unmapped: other threads may be
 * reading it. Only a daemon that made a new file costs us one more. */
static const struct page *look_for_page(const struct page *old)
{
	const struct page *page = NULL;
	uint64_t known = old != NULL ? atomic_load(&mapped_inode) : 0, inode;
	size_t i;

	for (i = 0; i < num_places; i++) {
		page = map_page(places[i].page, known, &inode);
		if (page != NULL &&
		    (old == NULL || atomic_load(&page->state) == PAGE_UP))
			break;
		if (page != NULL)
			munmap((void *)(uintptr_t)page, PAGE_BYTES);
		page = NULL;
	}
	if (page == NULL)
		return old;
	atomic_store(&mapped_inode, inode);
	if (atomic_compare_exchange_strong(&mapped, &old, page))
		return page;
	munmap((void *)(uintptr_t)page, PAGE_BYTES);
	return old;
}

/* Threads that come while one looks do so, too: without a page they would find
 * that nothing may leave. So the time is noted afterwards, and whoever sees it
 * sees what was found. */
const struct page *client_page(void)
{
	const struct page *page = atomic_load(&mapped);
	uint64_t now, looked;
	struct hold h;

	if (likely(page != NULL && atomic_load(&page->state) == PAGE_UP))
		return page;
	now = coarse_ms();
	looked = atomic_load(&looked_ms);
	if (looked != 0 && now - looked < REMAP_AFTER_MS)
		return atomic_load(&mapped);
	h = hold();
	page = look_for_page(page);
	atomic_store(&looked_ms, now);
	release(&h);
	return page;
}

static void limit_time(int sock, int option, time_t seconds)
{
	struct timeval limit = { .tv_sec = seconds };

	next.setsockopt(sock, SOL_SOCKET, option, &limit, sizeof(limit));
}

static int dial_place(const struct place *p)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = next.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (sock < 0)
		return -errno;
	memcpy(addr.sun_path, p->socket, sizeof(p->socket));
	limit_time(sock, SO_SNDTIMEO, DIAL_TIMEOUT_S);
	do {
		error = next.connect(sock, (struct sockaddr *)&addr,
				     sizeof(addr)) == 0
				? 0
				: errno;
	} while (error == EINTR);
	if (error == 0)
		return sock;
	next.close(sock);
	return -error;
}

int client_dial(void)
{
	struct hold h = hold();
	int sock = -ECONNREFUSED;
	size_t i;

	for (i = 0; i < num_places && sock < 0; i++)
		sock = dial_place(&places[i]);
	release(&h);
	return sock;
}

static int send_all(int sock, struct msghdr *msg)
{
	struct iovec *iov = msg->msg_iov;
	ssize_t n;

	while (msg->msg_iovlen > 0) {
		n = next.sendmsg(sock, msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		msg->msg_control = NULL;
		msg->msg_controllen = 0;
		while (msg->msg_iovlen > 0 && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			msg->msg_iov = ++iov;
			msg->msg_iovlen--;
		}
		if (msg->msg_iovlen > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

struct request {
	struct control_header header;
	struct iovec iov[4]; /* header, body, program, filler */
	struct msghdr msg;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

/* `r` points into itself: it is filled in place and not copied. */
static void request_init(struct request *r, uint16_t type, const void *body,
			 uint32_t bytes, int pass_fd)
{
	uint32_t more = type <= CONTROL_RESOLVE && program[0] != '\0'
				? (uint32_t)sizeof(program)
				: 0;
	struct cmsghdr *c;

	memset(r, 0, sizeof(*r));
	r->header = (struct control_header){
		.magic = CONTROL_MAGIC,
		.version = CONTROL_VERSION,
		.type = type,
		.bytes = bytes + more,
	};
	r->iov[0].iov_base = &r->header;
	r->iov[0].iov_len = sizeof(r->header);
	r->iov[1].iov_base = (void *)(uintptr_t)body;
	r->iov[1].iov_len = bytes;
	r->iov[2].iov_base = program;
	r->iov[2].iov_len = more;
	r->msg.msg_iov = r->iov;
	r->msg.msg_iovlen = 3;
	if (pass_fd < 0)
		return;
	r->msg.msg_control = r->control;
	r->msg.msg_controllen = sizeof(r->control);
	c = CMSG_FIRSTHDR(&r->msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
}

int client_send(int sock, uint16_t type, const void *body, uint32_t bytes,
		int pass_fd)
{
	struct hold h = hold();
	struct request r;
	int error;

	request_init(&r, type, body, bytes, pass_fd);
	error = send_all(sock, &r.msg);
	release(&h);
	return error;
}

int client_send_filled(int sock, uint16_t type, const void *body,
		       uint32_t bytes, int pass_fd)
{
	static char filler[CLIENT_FILLER_BYTES];
	struct hold h = hold();
	int error = 0, least = 1;
	struct request r;
	ssize_t n;

	next.setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	request_init(&r, type, body, bytes, pass_fd);
	r.iov[3].iov_base = filler;
	r.iov[3].iov_len = sizeof(filler);
	r.msg.msg_iovlen = 4;
	n = next.sendmsg(sock, &r.msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < (ssize_t)(sizeof(r.header) + r.header.bytes))
		error = n < 0 ? -errno : -EMSGSIZE;
	release(&h);
	return error;
}

/* A deadline over all reads: a daemon that drips bytes cannot hold us. */
static int receive_all(int sock, void *data, size_t len)
{
	uint64_t deadline_ms = coarse_ms() + ANSWER_TIMEOUT_S * 1000;
	ssize_t n;

	limit_time(sock, SO_RCVTIMEO, ANSWER_TIMEOUT_S);
	while (len > 0) {
		n = next.recv(sock, data, len, 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (coarse_ms() > deadline_ms)
			return -ETIMEDOUT;
		if (n > 0) {
			data = (char *)data + n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int client_ask(uint16_t type, const void *body, uint32_t bytes, void *answer,
	       uint32_t answer_bytes)
{
	struct hold h = hold();
	int sock = client_dial(), error = sock;

	if (sock >= 0) {
		error = client_send(sock, type, body, bytes, -1);
		if (error == 0)
			error = receive_all(sock, answer, answer_bytes);
		next.close(sock);
	}
	release(&h);
	return error;
}
