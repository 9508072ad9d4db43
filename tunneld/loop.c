/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop.c - one thread's event loop over epoll
 *
 * Theory of operation. A turn is: wait, read the clock once, run posted tasks
 * and descriptor events, run timers that are due, then run deferred work until
 * none is left. A descriptor that is removed in the middle of a turn is also
 * removed from the batch that epoll_wait() gave, so that no event is delivered
 * for storage that its owner may have freed. Timers are a binary heap whose
 * entries know their place, so moving one costs log n and no search.
 */
#include <config.h>

#include "loop.h"

#include "clock.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/eventfd.h>

#define LOOP_BATCH 64

struct loop {
	int epfd;
	int wakefd; /* eventfd: a task was posted, or loop_stop() */
	uint64_t now_ms;
	atomic_bool stop;

	struct epoll_event batch[LOOP_BATCH];
	int batch_len, batch_at;

	struct loop_timer **heap;
	size_t heap_len, heap_max;

	struct loop_defer *deferred, **deferred_tail;

	pthread_mutex_t lock; /* posted tasks only */
	struct loop_task *posted, **posted_tail;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event ev = { .events = EPOLLIN };
	int saved;

	if (loop == NULL)
		return NULL;
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	loop->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->deferred_tail = &loop->deferred;
	loop->posted_tail = &loop->posted;
	pthread_mutex_init(&loop->lock, NULL);
	if (loop->epfd < 0 || loop->wakefd < 0 ||
	    epoll_ctl(loop->epfd, EPOLL_CTL_ADD, loop->wakefd, &ev) < 0) {
		saved = errno;
		loop_free(loop);
		errno = saved;
		return NULL;
	}
	loop->now_ms = clock_now_ms();
	return loop;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->epfd >= 0)
		close(loop->epfd);
	if (loop->wakefd >= 0)
		close(loop->wakefd);
	pthread_mutex_destroy(&loop->lock);
	free(loop->heap);
	free(loop);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

/* Descriptors */

int loop_fd_add(struct loop *loop, struct loop_fd *w, int fd, uint32_t events,
		loop_fd_fn *fn, void *arg)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	*w = (struct loop_fd){
		.fn = fn, .arg = arg, .fd = fd, .events = events
	};
	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		w->events = 0;
		return -errno;
	}
	return 0;
}

int loop_fd_set(struct loop *loop, struct loop_fd *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->events == events)
		return 0;
	if (epoll_ctl(loop->epfd, EPOLL_CTL_MOD, w->fd, &ev) < 0)
		return -errno;
	w->events = events;
	return 0;
}

void loop_fd_del(struct loop *loop, struct loop_fd *w)
{
	if (w->events == 0)
		return;
	epoll_ctl(loop->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	w->events = 0;
	for (int i = loop->batch_at; i < loop->batch_len; i++) {
		if (loop->batch[i].data.ptr == w)
			loop->batch[i].events = 0;
	}
}

/* Timers: heap[0] is due first */

static void heap_put(struct loop *loop, size_t at, struct loop_timer *t)
{
	loop->heap[at] = t;
	t->index = at + 1;
}

static void heap_up(struct loop *loop, size_t at, struct loop_timer *t)
{
	while (at > 0) {
		struct loop_timer *parent = loop->heap[(at - 1) / 2];

		if (parent->deadline_ms <= t->deadline_ms)
			break;
		heap_put(loop, at, parent);
		at = (at - 1) / 2;
	}
	heap_put(loop, at, t);
}

static void heap_down(struct loop *loop, size_t at, struct loop_timer *t)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= loop->heap_len)
			break;
		if (child + 1 < loop->heap_len &&
		    loop->heap[child + 1]->deadline_ms <
			    loop->heap[child]->deadline_ms)
			child++;
		if (loop->heap[child]->deadline_ms >= t->deadline_ms)
			break;
		heap_put(loop, at, loop->heap[child]);
		at = child;
	}
	heap_put(loop, at, t);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *t)
{
	struct loop_timer *last;
	size_t at;

	if (t->index == 0)
		return;
	at = t->index - 1;
	t->index = 0;
	last = loop->heap[--loop->heap_len];
	if (last == t)
		return;
	if (at > 0 && loop->heap[(at - 1) / 2]->deadline_ms > last->deadline_ms)
		heap_up(loop, at, last);
	else
		heap_down(loop, at, last);
}

static int heap_grow(struct loop *loop)
{
	size_t max = loop->heap_max ? loop->heap_max * 2 : 64;
	struct loop_timer **heap = realloc(loop->heap, max * sizeof(*heap));

	if (heap == NULL)
		return -ENOMEM;
	loop->heap = heap;
	loop->heap_max = max;
	return 0;
}

int loop_timer_set(struct loop *loop, struct loop_timer *t,
		   uint64_t deadline_ms, loop_fn *fn, void *arg)
{
	if (t->index != 0 && t->deadline_ms == deadline_ms && t->fn == fn &&
	    t->arg == arg)
		return 0;
	loop_timer_stop(loop, t);
	if (deadline_ms == CLOCK_NEVER)
		return 0;
	if (loop->heap_len == loop->heap_max && heap_grow(loop) < 0)
		return -ENOMEM;
	t->fn = fn;
	t->arg = arg;
	t->deadline_ms = deadline_ms;
	heap_up(loop, loop->heap_len++, t);
	return 0;
}

static void run_timers(struct loop *loop)
{
	while (loop->heap_len > 0 &&
	       loop->heap[0]->deadline_ms <= loop->now_ms) {
		struct loop_timer *t = loop->heap[0];

		loop_timer_stop(loop, t);
		t->fn(t->arg, loop->now_ms);
	}
}

/* Deferred work */

void loop_defer(struct loop *loop, struct loop_defer *d, loop_fn *fn, void *arg)
{
	if (d->prev != NULL)
		return;
	*d = (struct loop_defer){ .fn = fn,
				  .arg = arg,
				  .prev = loop->deferred_tail };
	*loop->deferred_tail = d;
	loop->deferred_tail = &d->next;
}

void loop_defer_cancel(struct loop *loop, struct loop_defer *d)
{
	if (d->prev == NULL)
		return;
	*d->prev = d->next;
	if (d->next != NULL)
		d->next->prev = d->prev;
	else
		loop->deferred_tail = d->prev;
	d->next = NULL;
	d->prev = NULL;
}

static void run_deferred(struct loop *loop)
{
	while (loop->deferred != NULL) {
		struct loop_defer *d = loop->deferred;

		loop_defer_cancel(loop, d);
		d->fn(d->arg, loop->now_ms);
	}
}

/* Tasks from other threads */

static void wake(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t n = write(loop->wakefd, &one, sizeof(one));

	(void)n; /* EAGAIN: the counter is not zero, so the loop will wake */
}

void loop_post(struct loop *loop, struct loop_task *task, loop_fn *fn,
	       void *arg)
{
	*task = (struct loop_task){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&loop->lock);
	*loop->posted_tail = task;
	loop->posted_tail = &task->next;
	/* Inside the lock: once it is released, the loop may run the task and
	 * its owner may free the loop. */
	wake(loop);
	pthread_mutex_unlock(&loop->lock);
}

static void run_posted(struct loop *loop)
{
	struct loop_task *task, *next;
	uint64_t count;
	ssize_t n = read(loop->wakefd, &count, sizeof(count));

	(void)n;
	pthread_mutex_lock(&loop->lock);
	task = loop->posted;
	loop->posted = NULL;
	loop->posted_tail = &loop->posted;
	pthread_mutex_unlock(&loop->lock);
	for (; task != NULL; task = next) {
		next = task->next;
		task->fn(task->arg, loop->now_ms);
	}
}

void loop_drain(struct loop *loop)
{
	run_posted(loop);
	run_deferred(loop);
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	wake(loop);
}

static int wait_ms(const struct loop *loop)
{
	uint64_t left;

	if (loop->deferred != NULL)
		return 0;
	if (loop->heap_len == 0)
		return -1;
	if (loop->heap[0]->deadline_ms <= loop->now_ms)
		return 0;
	left = loop->heap[0]->deadline_ms - loop->now_ms;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static int run_turn(struct loop *loop)
{
	int n;

	/* The last turn's work took time that its timers must not wait again */
	loop->now_ms = clock_now_ms();
	n = epoll_wait(loop->epfd, loop->batch, LOOP_BATCH, wait_ms(loop));
	if (n < 0 && errno != EINTR)
		return -errno;
	loop->now_ms = clock_now_ms();
	loop->batch_len = n > 0 ? n : 0;
	for (loop->batch_at = 0; loop->batch_at < loop->batch_len;) {
		struct epoll_event *ev = &loop->batch[loop->batch_at++];
		struct loop_fd *w = ev->data.ptr;

		if (w == NULL)
			run_posted(loop);
		else if (ev->events != 0)
			w->fn(w->arg, ev->events, loop->now_ms);
	}
	loop->batch_len = loop->batch_at = 0;
	run_timers(loop);
	run_deferred(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	while (err == 0 && !atomic_load(&loop->stop))
		err = run_turn(loop);
	atomic_store(&loop->stop, false);
	return err;
}
