/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pump_pair.c - one plain TCP connection on one TLS session: bytes through,
 * ends and resets told from one side to the other
 *
 * Theory of operation. There are two directions: up, from the plain side into
 * TLS, and down. Each moves what its source has through the loop's scratch
 * memory into its sink. What a sink does not take at once is held, in memory
 * that the direction has from then on, and as long as something is held
 * nothing more is read: the pressure goes back to the source. OpenSSL wants the
 * same bytes again after a write that could not go on (it may be at another
 * place: tls.h), and the held ones are.
 *
 * A direction is done when its source's end has been told to its sink (FIN to
 * close_notify and back), or when the sink is gone. A source or sink that broke
 * is told to the other side by RST, once what had come before it has been
 * passed on. The pair ends when both directions are done.
 *
 * A descriptor that has hung up would wake a level-triggered loop for ever, so
 * it is watched only while something is wanted of it.
 */
#include <config.h>

#include "pump_pair.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

/* So many chunks a direction and turn; then the other pairs come first. */
#define CHUNKS_PER_TURN 16

struct direction {
	uint8_t *held; /* NULL until its sink was full for the first time */
	size_t len;    /* in `held` */
	bool ended;    /* the source has */
	bool done;
	enum io wait; /* what of `outer` it waits for; IO_OK: nothing */
};

struct end {
	struct loop_fd watch;
	int fd;
	bool hung_up; /* its end was told, and would be again and again */
	bool reset;   /* to be closed by RST */
};

struct pump_pair {
	struct pump_pair_opts opts;
	struct end inner, outer;
	struct direction up, down;
	bool want_room; /* down goes on when `inner` is writable */
	bool broken;    /* TLS is, and says why */
	uint64_t bytes, moved_ms;
	struct loop_timer idle;
};

struct pump_pair *pump_pair_new(const struct pump_pair_opts *opts)
{
	struct pump_pair *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->opts = *opts;
	p->inner.fd = opts->inner;
	p->outer.fd = opts->outer;
	return p;
}

static void close_end(struct loop *loop, struct end *e)
{
	static const struct linger now = { .l_onoff = 1 };

	loop_fd_del(loop, &e->watch);
	if (e->reset)
		(void)setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &now,
				 sizeof(now));
	close(e->fd);
}

static void release(struct pump_pair *p)
{
	loop_timer_stop(p->opts.loop, &p->idle);
	if (p->outer.reset)
		tls_abort(p->opts.tls);
	else
		tls_free(p->opts.tls);
	close_end(p->opts.loop, &p->outer);
	close_end(p->opts.loop, &p->inner);
	free(p->up.held);
	free(p->down.held);
	free(p);
}

void pump_pair_free(struct pump_pair *p)
{
	if (p == NULL)
		return;
	p->inner.reset = p->outer.reset = true;
	release(p);
}

const struct tls *pump_pair_broken(const struct pump_pair *p)
{
	return p->broken ? p->opts.tls : NULL;
}

uint64_t pump_pair_bytes(const struct pump_pair *p)
{
	return p->bytes;
}

/* TLS broke: nothing goes into it and nothing comes any more. What has come
 * may still go down. */
static void lose_outer(struct pump_pair *p)
{
	p->broken = true;
	p->up.done = true;
	p->down.ended = true;
	p->inner.reset = p->outer.reset = true;
}

/* Nobody is there to read, and what was sent has been passed on. */
static void lose_inner(struct pump_pair *p)
{
	p->up.done = p->down.done = true;
	p->outer.reset = true;
}

/* No memory, no epoll: the pair cannot go on. */
static void lose_both(struct pump_pair *p)
{
	lose_inner(p);
	p->inner.reset = true;
}

/* The sink did not take these; they may be part of what is held already. */
static void hold(struct pump_pair *p, struct direction *d, const uint8_t *data,
		 size_t len)
{
	d->len = len;
	if (len == 0)
		return;
	if (d->held == NULL)
		d->held = malloc(PUMP_CHUNK_BYTES);
	if (d->held == NULL)
		lose_both(p);
	else
		memmove(d->held, data, len);
}

/* FIN becomes close_notify. */
static void end_up(struct pump_pair *p)
{
	p->up.wait = tls_close_write(p->opts.tls);
	if (p->up.wait == IO_OK)
		p->up.done = true;
	else if (p->up.wait != IO_WANT_READ && p->up.wait != IO_WANT_WRITE)
		lose_outer(p);
}

/* 0: nothing is there now. */
static size_t read_inner(struct pump_pair *p)
{
	ssize_t n = recv(p->inner.fd, p->opts.scratch, PUMP_CHUNK_BYTES, 0);

	if (n > 0)
		return (size_t)n;
	if (n == 0)
		p->up.ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		lose_inner(p);
	return 0;
}

static void write_outer(struct pump_pair *p, const uint8_t *data, size_t len)
{
	enum io io = IO_OK;

	while (len > 0 && io == IO_OK) {
		size_t n;

		io = tls_write(p->opts.tls, data, len, &n);
		data += n;
		len -= n;
		p->bytes += n;
	}
	p->up.wait = io;
	if (io != IO_OK && io != IO_WANT_READ && io != IO_WANT_WRITE)
		lose_outer(p);
	else
		hold(p, &p->up, data, len);
}

/* A chunk at most; false when it cannot go on now. */
static bool move_up(struct pump_pair *p)
{
	const uint8_t *data = p->up.held;
	size_t len = p->up.len;

	if (len == 0 && !p->up.ended) {
		data = p->opts.scratch;
		len = read_inner(p);
		if (len == 0 && !p->up.ended)
			return false;
	}
	if (len > 0)
		write_outer(p, data, len);
	else
		end_up(p);
	return p->up.wait == IO_OK && !p->up.done;
}

/* 0: nothing is there now. */
static size_t read_outer(struct pump_pair *p)
{
	size_t n;
	enum io io = tls_read(p->opts.tls, p->opts.scratch, PUMP_CHUNK_BYTES,
			      &n);

	p->down.wait = io;
	if (io == IO_EOF)
		p->down.ended = true;
	else if (io == IO_FAIL)
		lose_outer(p);
	return n;
}

static void write_inner(struct pump_pair *p, const uint8_t *data, size_t len)
{
	ssize_t n = send(p->inner.fd, data, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* The app does not read any more; what it has written before
		 * goes on its way. */
		p->down.done = true;
		p->outer.reset = true;
		return;
	}
	if (n < 0)
		n = 0;
	p->bytes += (size_t)n;
	p->want_room = (size_t)n < len;
	hold(p, &p->down, data + n, len - (size_t)n);
}

/* A chunk at most; false when it cannot go on now. */
static bool move_down(struct pump_pair *p)
{
	const uint8_t *data = p->down.held;
	size_t len = p->down.len;

	if (len == 0 && !p->down.ended) {
		data = p->opts.scratch;
		len = read_outer(p);
		if (len == 0 && !p->down.ended)
			return false;
	}
	if (len > 0) {
		write_inner(p, data, len);
		return !p->want_room && !p->down.done;
	}
	/* A reset is told when the pair ends. */
	if (!p->inner.reset)
		(void)shutdown(p->inner.fd, SHUT_WR);
	p->down.done = true;
	return false;
}

static uint32_t events_of(enum io wait)
{
	return wait == IO_WANT_WRITE ? EPOLLOUT : EPOLLIN;
}

static uint32_t outer_events(const struct pump_pair *p)
{
	uint32_t events = 0;

	if (!p->down.done && !p->down.ended && p->down.len == 0)
		events |= events_of(p->down.wait);
	if (!p->up.done && p->up.wait != IO_OK)
		events |= events_of(p->up.wait);
	return events;
}

static uint32_t inner_events(const struct pump_pair *p)
{
	uint32_t events = 0;

	if (!p->down.done && p->want_room)
		events |= EPOLLOUT;
	if (!p->up.done && !p->up.ended && p->up.len == 0)
		events |= EPOLLIN;
	return events;
}

static void step(struct pump_pair *p, uint64_t now_ms);

static void on_inner(void *arg, uint32_t events, uint64_t now_ms)
{
	struct pump_pair *p = arg;

	p->inner.hung_up |= (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;
	step(p, now_ms);
}

static void on_outer(void *arg, uint32_t events, uint64_t now_ms)
{
	struct pump_pair *p = arg;

	p->outer.hung_up |= (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;
	step(p, now_ms);
}

/* When nothing is wanted: the end, which the kernel tells of in any case but
 * for that of one half. */
#define ONLY_THE_END (EPOLLERR | EPOLLRDHUP)

static int watch(struct pump_pair *p, struct end *e, uint32_t events,
		 loop_fd_fn *fn)
{
	struct loop *loop = p->opts.loop;

	if (events == 0 && !e->hung_up)
		events = ONLY_THE_END;
	if (events == 0)
		loop_fd_del(loop, &e->watch);
	else if (e->watch.events == 0)
		return loop_fd_add(loop, &e->watch, e->fd, events, fn, p);
	else
		return loop_fd_set(loop, &e->watch, events);
	return 0;
}

static bool is_over(const struct pump_pair *p)
{
	return p->up.done && p->down.done;
}

static void on_idle(void *arg, uint64_t now_ms)
{
	struct pump_pair *p = arg;

	/* An app may let what it has got wait as long as it likes. */
	if (p->down.len > 0)
		p->moved_ms = now_ms;
	else if (now_ms >= p->moved_ms + p->opts.half_idle_ms)
		lose_both(p);
	step(p, now_ms);
}

/* Half of it has ended: the other half may never tell. */
static int limit(struct pump_pair *p)
{
	if (!p->up.ended && !p->down.ended && !p->down.done &&
	    !p->inner.hung_up && !p->outer.hung_up)
		return 0;
	return loop_timer_set(p->opts.loop, &p->idle,
			      p->moved_ms + p->opts.half_idle_ms, on_idle, p);
}

/* What has come goes down before a write can find TLS broken. */
static void move(struct pump_pair *p)
{
	unsigned int i = 0;

	p->want_room = false;
	while (!p->down.done && i < CHUNKS_PER_TURN && move_down(p))
		i++;
	/* OpenSSL may hold the rest, of which the descriptor knows nothing. */
	if (i == CHUNKS_PER_TURN)
		p->want_room = true;
	for (i = 0; !p->up.done && i < CHUNKS_PER_TURN && move_up(p);)
		i++;
	while (p->down.ended && !p->down.done && move_down(p))
		;
}

static void step(struct pump_pair *p, uint64_t now_ms)
{
	uint64_t before = p->bytes;

	move(p);
	if (p->bytes != before)
		p->moved_ms = now_ms;
	if (!is_over(p) &&
	    (watch(p, &p->inner, inner_events(p), on_inner) != 0 ||
	     watch(p, &p->outer, outer_events(p), on_outer) != 0 ||
	     limit(p) != 0))
		lose_both(p);
	if (!is_over(p))
		return;
	p->opts.ended(p->opts.arg, p);
	release(p);
}

void pump_pair_start(struct pump_pair *p, uint64_t now_ms)
{
	p->moved_ms = now_ms;
	step(p, now_ms);
}
