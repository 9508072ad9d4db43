/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_command.c - what a shell command prints, or does instead */
#include <config.h>

#include "../tunneld/command.h"

#include "../tunneld/cancel.h"
#include "../tunneld/clock.h"
#include "lib/unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	struct command c;
	struct cancel cancel;
	int rc;
};

static void run(struct run *r, const char *text, uint32_t timeout_ms)
{
	memset(r, 0, sizeof(*r));
	cancel_init(&r->cancel);
	r->c.text = text;
	r->c.cancel = &r->cancel;
	r->c.deadline_ms = clock_now_ms() + timeout_ms;
	r->rc = command_run(&r->c);
}

static void finish(struct run *r)
{
	command_fini(&r->c);
	cancel_fini(&r->cancel);
}

static void prints(const char *text, const char *out)
{
	struct run r;

	run(&r, text, 30000);
	CU_ASSERT_EQUAL(r.rc, 0);
	if (r.rc == 0)
		CU_ASSERT_STRING_EQUAL(r.c.out, out)
	else
		printf("%s: %s\n", text, r.c.words);
	finish(&r);
}

static void fails(const char *text, int rc, const char *words)
{
	struct run r;

	run(&r, text, 30000);
	CU_ASSERT_EQUAL(r.rc, rc);
	CU_ASSERT_STRING_EQUAL(r.c.words, words);
	CU_ASSERT_PTR_NULL(r.c.out);
	finish(&r);
}

static void test_input(void)
{
	struct run r = { .c.text = "cat; echo end",
			 .c.input = "a=b\n\n",
			 .c.cancel = &r.cancel };

	cancel_init(&r.cancel);
	r.c.deadline_ms = clock_now_ms() + 30000;
	r.rc = command_run(&r.c);
	CU_ASSERT_EQUAL_FATAL(r.rc, 0);
	CU_ASSERT_STRING_EQUAL(r.c.out, "a=b\n\nend\n");
	command_fini(&r.c);
	/* Nor does it matter whether anybody reads. */
	r.c.text = "echo done";
	CU_ASSERT_EQUAL_FATAL(command_run(&r.c), 0);
	CU_ASSERT_STRING_EQUAL(r.c.out, "done\n");
	finish(&r);
}

static void test_output(void)
{
	prints("echo a; echo b", "a\nb\n");
	prints("true", "");
	prints("cat", ""); /* its input is empty */
	prints("echo lots >&2; head -c 100000 /dev/zero >&2; echo ok", "ok\n");
	fails("echo no >&2; echo more >&2; exit 3", -ECHILD,
	      "exit status 3: no");
	fails("printf '\\033[1mx\\n' >&2; exit 1", -ECHILD,
	      "exit status 1: ?[1mx");
	fails("kill -KILL $$", -ECHILD, "killed by signal 9");
	fails("head -c 65537 /dev/zero", -E2BIG, "prints too much");
	fails("exec cat /dev/zero", -E2BIG, "prints too much");
}

static void test_full(void)
{
	struct run r;

	run(&r, "head -c 65536 /dev/zero", 30000);
	CU_ASSERT_EQUAL(r.rc, 0);
	CU_ASSERT_EQUAL(r.c.len, 65536);
	finish(&r);
}

/* No secrets, no interposer, no descriptors, no signals blocked. */
static void test_surroundings(void)
{
	sigset_t all, old;

	setenv("http_proxy", "http://u:p@proxy", 1);
	setenv("LD_PRELOAD", "", 1);
	setenv("TURNOUT_X", "1", 1);
	setenv("SECRET", "1", 1);
	setenv("NOTIFY_SOCKET", "/x", 1);
	setenv("LC_X", "kept", 1);
	prints("env | grep -c -E 'proxy|LD_PRELOAD|TURNOUT|SECRET|NOTIFY' || "
	       ":",
	       "0\n");
	prints("echo $LC_X", "kept\n");
	dup2(1, 77);
	prints("[ -e /proc/$$/fd/77 ] || echo closed", "closed\n");
	close(77);
	/* glibc takes the two signals of its own off by ignoring them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	prints("grep -E 'SigBlk|SigIgn' /proc/self/status | "
	       "grep -vcE '0000000(00|18)0000000' || :",
	       "0\n");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static bool is_gone(const char *path)
{
	FILE *f = fopen(path, "r");
	int pid = 0, n = f != NULL ? fscanf(f, "%d", &pid) : 0;

	if (f != NULL)
		fclose(f);
	for (int i = 0; n == 1 && i < 1000; i++) {
		char stat[64], state = '?';

		snprintf(stat, sizeof(stat), "/proc/%d/stat", pid);
		f = fopen(stat, "r");
		if (f == NULL)
			return true;
		n = fscanf(f, "%*d %*s %c", &state) == 1;
		fclose(f);
		/* nobody reaps what lost its parent, in some containers */
		if (state == 'Z')
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static void test_time(void)
{
	char dir[] = "/tmp/test_command.XXXXXX", text[300], path[100];
	uint64_t start = clock_now_ms();
	struct run r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pid", dir);
	/* all of its group, and in spite of a deaf ear for SIGTERM */
	snprintf(text, sizeof(text),
		 "trap '' TERM; sleep 300 & echo $! >%s; while :; do sleep 1; "
		 "done",
		 path);
	run(&r, text, 500);
	CU_ASSERT_EQUAL(r.rc, -ETIMEDOUT);
	CU_ASSERT(clock_now_ms() - start < 20000);
	CU_ASSERT_TRUE(is_gone(path));
	finish(&r);
	/* what is left in the background holds the pipe, and nothing up */
	start = clock_now_ms();
	snprintf(text, sizeof(text), "sleep 300 & echo $! >%s; echo done",
		 path);
	run(&r, text, 100000);
	CU_ASSERT_EQUAL(r.rc, 0);
	CU_ASSERT(clock_now_ms() - start < 50000);
	CU_ASSERT_STRING_EQUAL(r.c.out, "done\n");
	CU_ASSERT_TRUE(is_gone(path));
	finish(&r);
	unlink(path);
	rmdir(dir);
}

static void *cancel_soon(void *arg)
{
	poll(NULL, 0, 50);
	cancel_now(arg);
	return NULL;
}

static void test_cancel(void)
{
	uint64_t start = clock_now_ms();
	struct run r = { .c = { .text = "sleep 300",
				.deadline_ms = start + 200000 } };
	pthread_t thread;

	cancel_init(&r.cancel);
	r.c.cancel = &r.cancel;
	pthread_create(&thread, NULL, cancel_soon, &r.cancel);
	CU_ASSERT_EQUAL(command_run(&r.c), -ECANCELED);
	CU_ASSERT(clock_now_ms() - start < 30000);
	pthread_join(thread, NULL);
	finish(&r);
}

static CU_TestInfo tests[] = {
	{ "output, errors, exit status", test_output },
	{ "input", test_input },
	{ "as much as fits", test_full },
	{ "what it gets from us", test_surroundings },
	{ "its time, and that of what it starts", test_time },
	{ "it can be broken off", test_cancel },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "command", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return unit_run(suites);
}
