/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thread_pool.c - threads for what blocks
 *
 * Theory of operation
 *
 * A job is QUEUED, RUNNING in one thread, then POSTED to its loop; only then
 * it leaves the pool's books. Threads are made when more jobs wait than
 * threads are idle, and end after a while without work. At the end a thread
 * may be stuck in a library: it becomes an orphan that owns its job and a
 * share of the pool, and clears both away if it ever comes back.
 */
#include <config.h>

#include "thread_pool.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* libcurl with OpenSSL and a resolver's plug-ins beside it. */
#define STACK_BYTES ((size_t)512 * 1024)
#define JOIN_MS     1000

TAILQ_HEAD(job_list, thread_job);

struct worker {
	struct thread_pool *pool;
	pthread_t thread;
	bool ended;
	bool orphan;
	TAILQ_ENTRY(worker) link;
};

struct thread_pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job_list urgent; /* QUEUED */
	struct job_list common; /* QUEUED */
	struct job_list out;    /* RUNNING, POSTED */
	TAILQ_HEAD(, worker) workers;
	unsigned int urgent_queued;
	unsigned int common_queued;
	unsigned int common_running;
	unsigned int common_max; /* of the running */
	unsigned int threads;
	unsigned int threads_max;
	unsigned int idle;   /* threads that are free or just starting */
	unsigned int owners; /* the caller and each orphan */
	uint32_t idle_ms;
	bool closing;
};

struct thread_pool *thread_pool_new(unsigned int threads_max, uint32_t idle_ms)
{
	struct thread_pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t attr;

	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->wake, &attr);
	pthread_condattr_destroy(&attr);
	TAILQ_INIT(&pool->urgent);
	TAILQ_INIT(&pool->common);
	TAILQ_INIT(&pool->out);
	TAILQ_INIT(&pool->workers);
	pool->threads_max = threads_max > 0 ? threads_max : 1;
	pool->common_max = pool->threads_max - pool->threads_max / 4;
	pool->idle_ms = idle_ms;
	pool->owners = 1;
	return pool;
}

/* With the lock held, which is given back. */
static void put_and_unlock(struct thread_pool *pool)
{
	unsigned int owners = --pool->owners;

	pthread_mutex_unlock(&pool->lock);
	if (owners > 0)
		return;
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* In the loop's thread. */
static void deliver(void *arg, uint64_t now_ms)
{
	struct thread_job *job = arg;
	struct thread_pool *pool = job->pool;

	pthread_mutex_lock(&pool->lock);
	TAILQ_REMOVE(&pool->out, job, link);
	job->state = THREAD_JOB_IDLE;
	pthread_mutex_unlock(&pool->lock);
	job->done(job->arg, now_ms);
}

/* Locked; `job` is in `out`. Posted inside the lock, so that the pool cannot
 * be freed, and after it the loop, between the two. */
static void post(struct thread_job *job)
{
	job->state = THREAD_JOB_POSTED;
	loop_post(job->loop, &job->task, deliver, job);
}

static void drop(struct thread_job *job)
{
	if (job->drop != NULL)
		job->drop(job->arg);
}

/* Locked. */
static void enqueue(struct thread_pool *pool, struct thread_job *job)
{
	job->state = THREAD_JOB_QUEUED;
	if (job->urgent) {
		TAILQ_INSERT_TAIL(&pool->urgent, job, link);
		pool->urgent_queued++;
	} else {
		TAILQ_INSERT_TAIL(&pool->common, job, link);
		pool->common_queued++;
	}
}

/* Locked. From a queue to `out`. */
static void dequeue(struct thread_pool *pool, struct thread_job *job)
{
	if (job->urgent) {
		TAILQ_REMOVE(&pool->urgent, job, link);
		pool->urgent_queued--;
	} else {
		TAILQ_REMOVE(&pool->common, job, link);
		pool->common_queued--;
	}
	TAILQ_INSERT_TAIL(&pool->out, job, link);
}

/* Locked. How many of the queued jobs may run now. */
static unsigned int runnable(const struct thread_pool *pool)
{
	unsigned int room = pool->common_max - pool->common_running;

	return pool->urgent_queued +
	       (pool->common_queued < room ? pool->common_queued : room);
}

/* Locked, and again at return. */
static void run_one(struct thread_pool *pool)
{
	bool urgent = !TAILQ_EMPTY(&pool->urgent);
	struct thread_job *job = urgent ? TAILQ_FIRST(&pool->urgent)
					: TAILQ_FIRST(&pool->common);

	dequeue(pool, job);
	pool->common_running += !urgent;
	job->state = THREAD_JOB_RUNNING;
	pthread_mutex_unlock(&pool->lock);
	job->work(job->arg);
	pthread_mutex_lock(&pool->lock);
	pool->common_running -= !urgent;
	if (!pool->closing) {
		post(job);
		return;
	}
	TAILQ_REMOVE(&pool->out, job, link);
	pthread_mutex_unlock(&pool->lock);
	drop(job);
	pthread_mutex_lock(&pool->lock);
}

/* Locked. False when there was nothing to do for `idle_ms`. */
static bool wait_for_work(struct thread_pool *pool)
{
	uint64_t until = clock_now_ms() + pool->idle_ms;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000),
			       .tv_nsec = (long)(until % 1000) * 1000000 };
	int rc = 0;

	pool->idle++;
	while (rc == 0 && !pool->closing && runnable(pool) == 0)
		rc = pthread_cond_timedwait(&pool->wake, &pool->lock, &ts);
	pool->idle--;
	return !pool->closing && runnable(pool) > 0;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct thread_pool *pool = w->pool;

	pthread_mutex_lock(&pool->lock);
	pool->idle--;
	do {
		while (runnable(pool) > 0)
			run_one(pool);
	} while (wait_for_work(pool));
	pool->threads--;
	w->ended = true;
	if (pool->closing && !w->orphan) {
		pthread_mutex_unlock(&pool->lock); /* `w` is joined */
		return NULL;
	}
	if (w->orphan) {
		free(w);
		put_and_unlock(pool);
		return NULL;
	}
	TAILQ_REMOVE(&pool->workers, w, link);
	pthread_detach(w->thread);
	free(w);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Locked. */
static int add_worker(struct thread_pool *pool)
{
	struct worker *w = calloc(1, sizeof(*w));
	sigset_t all, old;
	pthread_attr_t attr;
	int rc;

	if (w == NULL)
		return -ENOMEM;
	w->pool = pool;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, &attr, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc != 0) {
		free(w);
		return -rc;
	}
	TAILQ_INSERT_TAIL(&pool->workers, w, link);
	pool->threads++;
	pool->idle++; /* until it has come to take a job */
	return 0;
}

void thread_pool_run(struct thread_pool *pool, struct thread_job *job)
{
	pthread_mutex_lock(&pool->lock);
	job->pool = pool;
	enqueue(pool, job);
	pthread_cond_signal(&pool->wake);
	if (runnable(pool) > pool->idle && pool->threads < pool->threads_max)
		(void)add_worker(pool);
	/* No thread, and none to come: the job ends without its work. */
	if (pool->threads == 0) {
		dequeue(pool, job);
		post(job);
	}
	pthread_mutex_unlock(&pool->lock);
}

void thread_pool_cancel(struct thread_job *job)
{
	struct thread_pool *pool = job->pool;

	pthread_mutex_lock(&pool->lock);
	if (job->state == THREAD_JOB_QUEUED) {
		dequeue(pool, job);
		post(job);
	} else if (job->state == THREAD_JOB_RUNNING && job->cancel != NULL) {
		job->cancel(job->arg);
	}
	pthread_mutex_unlock(&pool->lock);
}

unsigned int thread_pool_threads(struct thread_pool *pool)
{
	unsigned int n;

	pthread_mutex_lock(&pool->lock);
	n = pool->threads;
	pthread_mutex_unlock(&pool->lock);
	return n;
}

/* Takes the jobs that no thread has, and stops the others. */
static void close_jobs(struct thread_pool *pool, struct job_list *dropped)
{
	struct thread_job *job, *next;

	TAILQ_CONCAT(dropped, &pool->urgent, link);
	TAILQ_CONCAT(dropped, &pool->common, link);
	pool->urgent_queued = 0;
	pool->common_queued = 0;
	for (job = TAILQ_FIRST(&pool->out); job != NULL; job = next) {
		next = TAILQ_NEXT(job, link);
		if (job->state == THREAD_JOB_POSTED) {
			TAILQ_REMOVE(&pool->out, job, link);
			TAILQ_INSERT_TAIL(dropped, job, link);
		} else if (job->cancel != NULL) {
			job->cancel(job->arg);
		}
	}
}

static void join(struct thread_pool *pool, struct worker *w,
		 const struct timespec *until)
{
	/* pthread_timedjoin_np() knows the real-time clock only. */
	if (pthread_timedjoin_np(w->thread, NULL, until) == 0) {
		free(w);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	if (!w->ended) {
		w->orphan = true;
		pool->owners++;
		pthread_detach(w->thread);
		pthread_mutex_unlock(&pool->lock);
		return;
	}
	pthread_mutex_unlock(&pool->lock);
	pthread_join(w->thread, NULL);
	free(w);
}

bool thread_pool_free(struct thread_pool *pool)
{
	struct job_list dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct thread_job *job;
	struct worker *w;
	struct timespec until;
	bool all;

	if (pool == NULL)
		return true;
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	close_jobs(pool, &dropped);
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	while ((job = TAILQ_FIRST(&dropped)) != NULL) {
		TAILQ_REMOVE(&dropped, job, link);
		drop(job);
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOIN_MS / 1000;
	/* No thread takes itself off the list once `closing` is set. */
	while ((w = TAILQ_FIRST(&pool->workers)) != NULL) {
		TAILQ_REMOVE(&pool->workers, w, link);
		join(pool, w, &until);
	}
	pthread_mutex_lock(&pool->lock);
	all = pool->owners == 1;
	put_and_unlock(pool);
	return all;
}
