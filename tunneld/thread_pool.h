/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thread_pool.h - threads for what blocks; results come back as tasks of the
 * loop that asked
 */
#ifndef THREAD_POOL_H
#define THREAD_POOL_H

#include "loop.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

struct thread_pool;
typedef void(thread_job_fn)(void *arg);

enum thread_job_state {
	THREAD_JOB_IDLE = 0,
	THREAD_JOB_QUEUED,
	THREAD_JOB_RUNNING,
	THREAD_JOB_POSTED, /* `done` waits in the loop */
};

/* The caller's storage, from thread_pool_run() until `done` or `drop` runs:
 * exactly one of them does. `work` does not run when the job was cancelled
 * before its turn, or when no thread could be made. */
struct thread_job {
	thread_job_fn *work; /* in a pool thread, all signals blocked */
	loop_fn *done;       /* then in `loop` */
	/* NULL, or: makes `work` end soon; called in any thread, with the
	 * pool locked, at most while `work` runs */
	thread_job_fn *cancel;
	/* NULL, or: frees `arg` when the pool ends first */
	thread_job_fn *drop;
	void *arg;
	struct loop *loop;
	/* goes first, and may use the quarter of the threads that is kept from
	 * the others, so that none of them can hold it up */
	bool urgent;
	/* private */
	enum thread_job_state state;
	struct thread_pool *pool;
	TAILQ_ENTRY(thread_job) link;
	struct loop_task task;
};

struct thread_pool *thread_pool_new(unsigned int threads_max,
				    uint32_t idle_ms) MUST_CHECK;
/* Cancels what runs, waits for the threads, drops what was not delivered. A
 * thread that does not come back within a second is left to itself. The loops
 * of its jobs must have stopped for good, and not be freed yet. False: such a
 * thread is left, and what its job uses must stay. */
bool thread_pool_free(struct thread_pool *pool);

void thread_pool_run(struct thread_pool *pool, struct thread_job *job);
/* In the job's loop thread, before `done`. */
void thread_pool_cancel(struct thread_job *job);
unsigned int thread_pool_threads(struct thread_pool *pool);

#endif
