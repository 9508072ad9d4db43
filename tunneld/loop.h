/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop.h - an epoll event loop: descriptors, timers, end-of-turn work, and
 * tasks posted by other threads
 *
 * One loop belongs to one thread. All structs are the caller's storage,
 * zero-initialised before first use. The clock is read once per wake-up.
 */
#ifndef LOOP_H
#define LOOP_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/epoll.h>

struct loop;

typedef void(loop_fd_fn)(void *arg, uint32_t events, uint64_t now_ms);
typedef void(loop_fn)(void *arg, uint64_t now_ms);

struct loop_fd {
	loop_fd_fn *fn;
	void *arg;
	int fd;
	uint32_t events; /* EPOLL*; 0: not registered */
};

struct loop_timer {
	loop_fn *fn;
	void *arg;
	uint64_t deadline_ms;
	size_t index; /* place in the heap + 1; 0: not armed */
};

struct loop_task {
	loop_fn *fn;
	void *arg;
	struct loop_task *next;
};

struct loop_defer {
	loop_fn *fn;
	void *arg;
	struct loop_defer *next, **prev; /* prev NULL: not queued */
};

/* NULL with errno on failure. */
struct loop *loop_new(void) MUST_CHECK;
void loop_free(struct loop *loop);

/* Level-triggered. 0 or -errno. */
int loop_fd_add(struct loop *loop, struct loop_fd *w, int fd, uint32_t events,
		loop_fd_fn *fn, void *arg) MUST_CHECK;
int loop_fd_set(struct loop *loop, struct loop_fd *w, uint32_t events);
/* Also drops an event of `w` that this turn has not delivered yet. Call it
 * before the descriptor is closed. Idempotent. */
void loop_fd_del(struct loop *loop, struct loop_fd *w);

/* Arm, or move, a timer. CLOCK_NEVER stops it. 0 or -ENOMEM. */
int loop_timer_set(struct loop *loop, struct loop_timer *t,
		   uint64_t deadline_ms, loop_fn *fn, void *arg);
void loop_timer_stop(struct loop *loop, struct loop_timer *t);
static inline bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->index != 0;
}

/* Run `fn` once at the end of this turn (or of the next one, when called from
 * outside a turn). Nothing happens when it is queued already. */
void loop_defer(struct loop *loop, struct loop_defer *d, loop_fn *fn,
		void *arg);
void loop_defer_cancel(struct loop *loop, struct loop_defer *d);

/* From any thread: run the task in the loop's thread. The task's storage
 * belongs to the loop until `fn` is called. Wakes the loop. */
void loop_post(struct loop *loop, struct loop_task *task, loop_fn *fn,
	       void *arg);

/* The time of this wake-up. */
uint64_t loop_now_ms(const struct loop *loop);

/* Until loop_stop(). Returns 0, or -errno when epoll itself fails. */
int loop_run(struct loop *loop);
/* Run what was posted and deferred, without waiting: for the end, when the
 * loop does not run any more but its tasks hold what must be freed. */
void loop_drain(struct loop *loop);
/* From any thread and from signal handlers. */
void loop_stop(struct loop *loop);

#endif
