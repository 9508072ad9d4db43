/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wipe_on_fork.c - a wiped page tells a fork child from a vfork child, and
 * kcmp() tells whose memory it is: preload/process.c rests on it
 */
#include <config.h>

#include "platform.h"

#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile uint32_t *page;

static int parents_memory(void)
{
	return syscall(SYS_kcmp, getpid(), getppid(), KCMP_VM, 0, 0) == 0;
}

static void wait_for(pid_t child)
{
	int status;

	FACT(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	pid_t child;

	page = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FACT(page != MAP_FAILED);
	FACT(madvise((void *)page, bytes, MADV_WIPEONFORK) == 0);
	*page = 1;
	child = fork();
	if (child == 0)
		_exit(*page == 0 && !parents_memory() ? 0 : 1);
	wait_for(child);
	child = vfork();
	if (child == 0)
		_exit(*page == 1 && parents_memory() ? 0 : 1);
	wait_for(child);
	FACT(*page == 1);
	return 0;
}
