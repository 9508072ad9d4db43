/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_proxy_auth.c - how often a password is sent */
#include <config.h>

#include "proxy_auth.h"

#include "cancel.h"
#include "clock.h"
#include "unit.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#define CROWD 50

static const struct proxy_login alice = { "proxy.test", 3128, "alice", "pw" };
static struct cancel nothing;
static char dir[] = "/tmp/turnout-auth-XXXXXX";
static char path[64], lock_path[64];

static int setup(void)
{
	cancel_init(&nothing);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/logins", dir);
	snprintf(lock_path, sizeof(lock_path), "%s/logins.lock", dir);
	return 0;
}

static void clean(void)
{
	unlink(path);
	unlink(lock_path);
}

static int teardown(void)
{
	cancel_fini(&nothing);
	clean();
	return rmdir(dir);
}

static int begin(struct proxy_auth *a, const struct proxy_login *l)
{
	return proxy_auth_begin(a, l, clock_now_ms() + 100, &nothing);
}

static void refused_stays_refused(void)
{
	struct proxy_auth *a = proxy_auth_new();
	struct proxy_login other = alice;

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_FALSE(proxy_auth_is_refused(a, &alice));
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED);
	CU_ASSERT_TRUE(proxy_auth_is_refused(a, &alice));
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	/* Any other login is another matter. */
	other.password = "pw2";
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	other = alice;
	other.port = 8080;
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	other = alice;
	other.host = "PROXY.test"; /* the same one */
	CU_ASSERT_EQUAL(begin(a, &other), -EACCES);
	other.host = "proxy2.test";
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	/* Where one field ends and the next begins. */
	other = alice;
	other.username = "alicep";
	other.password = "w";
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	/* A late 200 of a dial that was under way proves nothing. */
	proxy_auth_end(a, &alice, PROXY_AUTH_ACCEPTED);
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	CU_ASSERT_EQUAL(proxy_auth_retry(a), 1);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_free(a);
}

static void accepted_until_refused(void)
{
	struct proxy_auth *a = proxy_auth_new();

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), -ETIMEDOUT); /* one at a time */
	proxy_auth_end(a, &alice, PROXY_AUTH_ACCEPTED);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED); /* it was changed */
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	proxy_auth_free(a);
}

static void unknown_lets_the_next_try(void)
{
	struct proxy_auth *a = proxy_auth_new();

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_UNKNOWN);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_free(a);
}

/* A trial may take as long as it likes: the login is not sent twice. One that
 * was accepted before, and is only tried anew, does not hold the others. */
static void slow_trial(void)
{
	struct proxy_auth *a = proxy_auth_new(), *later;
	uint64_t start;

	CU_ASSERT_EQUAL(proxy_auth_keep(a, path), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), -ETIMEDOUT);
	CU_ASSERT_EQUAL(begin(a, &alice), -ETIMEDOUT);
	proxy_auth_end(a, &alice, PROXY_AUTH_ACCEPTED);
	later = proxy_auth_new();
	CU_ASSERT_EQUAL(proxy_auth_keep(later, path), 0);
	start = clock_now_ms();
	CU_ASSERT_EQUAL(begin(later, &alice), 0);
	CU_ASSERT_EQUAL(proxy_auth_begin(later, &alice, start + 9000, &nothing),
			0);
	CU_ASSERT(clock_now_ms() - start >= 1000);
	CU_ASSERT(clock_now_ms() - start < 6000);
	proxy_auth_free(later);
	proxy_auth_free(a);
	clean();
}

static void cancelled(void)
{
	struct proxy_auth *a = proxy_auth_new();
	struct cancel c;
	uint64_t start = clock_now_ms();

	cancel_init(&c);
	cancel_now(&c);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(proxy_auth_begin(a, &alice, start + 5000, &c),
			-ECANCELED);
	CU_ASSERT(clock_now_ms() - start < 500);
	cancel_fini(&c);
	proxy_auth_free(a);
}

/* The table is small; refused logins are the last to be forgotten. */
static void many_logins(void)
{
	struct proxy_auth *a = proxy_auth_new();
	struct proxy_login l = alice;
	char name[16];

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		l.username = name;
		CU_ASSERT_EQUAL(begin(a, &l), 0);
		proxy_auth_end(a, &l, PROXY_AUTH_ACCEPTED);
	}
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	proxy_auth_free(a);
}

struct crowd {
	struct proxy_auth *auth;
	atomic_uint sent, refused;
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	int rc = proxy_auth_begin(c->auth, &alice, clock_now_ms() + 20000,
				  &nothing);

	if (rc == 0) {
		atomic_fetch_add(&c->sent, 1);
		poll(NULL, 0, 20);
		proxy_auth_end(c->auth, &alice, PROXY_AUTH_REFUSED);
	} else if (rc == -EACCES) {
		atomic_fetch_add(&c->refused, 1);
	}
	return NULL;
}

static void run_crowd(struct crowd *c, const char *file)
{
	pthread_t t[CROWD];

	c->auth = proxy_auth_new();
	if (file != NULL)
		CU_ASSERT_EQUAL(proxy_auth_keep(c->auth, file), 0);
	for (int i = 0; i < CROWD; i++)
		pthread_create(&t[i], NULL, crowd_main, c);
	for (int i = 0; i < CROWD; i++)
		pthread_join(t[i], NULL);
	proxy_auth_free(c->auth);
}

static void crowd_sends_once(void)
{
	struct crowd c = { .sent = 0 };

	run_crowd(&c, NULL);
	CU_ASSERT_EQUAL(c.sent, 1);
	CU_ASSERT_EQUAL(c.refused, CROWD - 1);
}

/* In a process of its own; its exit status is how often it has sent it. */
static pid_t start_crowd(void)
{
	struct crowd c = { .sent = 0 };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	run_crowd(&c, path);
	_exit((int)(c.sent + c.refused == CROWD ? c.sent : 99));
}

static void processes_send_once(void)
{
	struct crowd c = { .sent = 0 };
	int sent = 0;
	pid_t pid[3];

	for (int i = 0; i < 3; i++)
		pid[i] = start_crowd();
	for (int i = 0; i < 3; i++) {
		int status = 0;

		CU_ASSERT_EQUAL(waitpid(pid[i], &status, 0), pid[i]);
		CU_ASSERT_TRUE(WIFEXITED(status));
		sent += WEXITSTATUS(status);
	}
	CU_ASSERT_EQUAL(sent, 1);
	/* And after a restart nobody does. */
	run_crowd(&c, path);
	CU_ASSERT_EQUAL(c.sent, 0);
	CU_ASSERT_EQUAL(c.refused, CROWD);
	clean();
}

/* Who dies in the middle of a trial leaves the next one to it. */
static void dead_trial(void)
{
	struct proxy_auth *a = proxy_auth_new();
	int ready[2], status = 0;
	pid_t pid;
	char c;

	CU_ASSERT_EQUAL(proxy_auth_keep(a, path), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		c = begin(a, &alice) == 0 ? 'y' : 'n';
		(void)!write(ready[1], &c, 1);
		pause();
	}
	CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
	CU_ASSERT_EQUAL(c, 'y');
	CU_ASSERT_EQUAL(begin(a, &alice), -ETIMEDOUT);
	kill(pid, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	close(ready[0]);
	close(ready[1]);
	proxy_auth_free(a);
	clean();
}

static void kept_until_forgiven(void)
{
	struct proxy_auth *a = proxy_auth_new(), *b = proxy_auth_new();
	struct stat st;

	CU_ASSERT_EQUAL(proxy_auth_keep(a, path), 0);
	CU_ASSERT_EQUAL(proxy_auth_keep(b, path), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(begin(b, &alice), -ETIMEDOUT);
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED);
	CU_ASSERT_EQUAL(begin(b, &alice), -EACCES);
	CU_ASSERT(proxy_auth_refused_since_s(b, &alice) > 1700000000);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(proxy_auth_retry(b), 1);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_ACCEPTED);
	/* Accepted there, refused here: the account has expired. */
	CU_ASSERT_EQUAL(begin(b, &alice), 0);
	proxy_auth_end(b, &alice, PROXY_AUTH_REFUSED);
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	proxy_auth_free(a);
	proxy_auth_free(b);
	clean();
}

static void put_text(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
	close(fd);
}

/* Whatever is in the file, one more try at the most. */
static void broken_file(void)
{
	static const char *const texts[] = {
		"",
		"nonsense",
		"turnout proxy logins 1\n",
		"turnout proxy logins 1\nkey 00\n",
		"turnout proxy logins 2\nkey 00\n",
		"\n\n\n",
		"turnout proxy logins 1\nkey 0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef\nrefused x\nrefused 00 1\n"
		"refused",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct proxy_auth *a = proxy_auth_new();

		put_text(texts[i], 0600);
		CU_ASSERT_EQUAL(proxy_auth_keep(a, path), 0);
		CU_ASSERT_EQUAL(begin(a, &alice), 0);
		proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED);
		CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
		proxy_auth_free(a);
		a = proxy_auth_new();
		CU_ASSERT_EQUAL(proxy_auth_keep(a, path), 0);
		CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
		proxy_auth_free(a);
	}
	clean();
}

/* Others could have written it: then it is known until the end alone. */
static void file_of_others(void)
{
	struct proxy_auth *a = proxy_auth_new();

	put_text("turnout proxy logins 1\n", 0666);
	CU_ASSERT_EQUAL(proxy_auth_keep(a, path), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED);
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	proxy_auth_free(a);
	clean();
}

/* The directories above are made; the password is nowhere. */
static void file_holds_no_password(void)
{
	static const struct proxy_login bob = { "proxy.test", 3128, "bobby",
						"correct horse" };
	struct proxy_auth *a = proxy_auth_new();
	char deep[128], text[4096] = "";
	FILE *f;

	snprintf(deep, sizeof(deep), "%s/a/b/logins", dir);
	CU_ASSERT_EQUAL(proxy_auth_keep(a, deep), 0);
	CU_ASSERT_EQUAL(begin(a, &bob), 0);
	proxy_auth_end(a, &bob, PROXY_AUTH_REFUSED);
	f = fopen(deep, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT(fread(text, 1, sizeof(text) - 1, f) > 100);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nrefused "));
	CU_ASSERT_PTR_NULL(strstr(text, "bobby"));
	CU_ASSERT_PTR_NULL(strstr(text, "horse"));
	proxy_auth_free(a);
	unlink(deep);
	snprintf(deep, sizeof(deep), "%s/a/b/logins.lock", dir);
	unlink(deep);
	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	rmdir(deep);
	snprintf(deep, sizeof(deep), "%s/a", dir);
	rmdir(deep);
}

static CU_TestInfo tests[] = {
	{ "refused stays refused", refused_stays_refused },
	{ "accepted until refused", accepted_until_refused },
	{ "no judgement: the next may try", unknown_lets_the_next_try },
	{ "a slow trial", slow_trial },
	{ "cancelled while it waits", cancelled },
	{ "more logins than places", many_logins },
	{ "fifty at once send it once", crowd_sends_once },
	{ "so do three processes, and a restart", processes_send_once },
	{ "a process that dies in a trial", dead_trial },
	{ "kept until it is forgiven", kept_until_forgiven },
	{ "a broken file", broken_file },
	{ "a file that others can write", file_of_others },
	{ "the file holds no password", file_holds_no_password },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_auth",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
