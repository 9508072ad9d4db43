/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_proxy_creds.c - usernames and passwords out of files and commands */
#include <config.h>

#include "proxy_creds.h"

#include "cancel.h"
#include "clock.h"
#include "proxy_creds_parse.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

static struct cancel nothing;
static char dir[] = "/tmp/turnout-creds-XXXXXX";
static char path[64], count_path[64];

static int setup(void)
{
	cancel_init(&nothing);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/secret", dir);
	snprintf(count_path, sizeof(count_path), "%s/count", dir);
	return 0;
}

static int teardown(void)
{
	cancel_fini(&nothing);
	unlink(path);
	unlink(count_path);
	return rmdir(dir);
}

static void put_file(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

static struct proxy_creds *make(enum proxy_creds_kind kind, const char *user,
				const char *source)
{
	struct proxy_creds_opts o = { .kind = kind,
				      .username = user,
				      .password = "fixed",
				      .source = source };
	struct proxy_creds *c = proxy_creds_new(&o);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

static _Thread_local char words[200];

static int obtain(struct proxy_creds *c, const char *host,
		  struct proxy_login_text *out)
{
	words[0] = '\0';
	return proxy_creds_obtain(c, host, 3128, clock_now_ms() + 20000,
				  &nothing, out, words, sizeof(words));
}

static void gives(struct proxy_creds *c, const char *user, const char *pw)
{
	struct proxy_login_text l;

	CU_ASSERT_EQUAL(obtain(c, "proxy.test", &l), 0);
	CU_ASSERT_STRING_EQUAL(l.username, user);
	CU_ASSERT_STRING_EQUAL(l.password, pw);
}

static void fails(struct proxy_creds *c, int error, const char *part)
{
	struct proxy_login_text l;

	CU_ASSERT_EQUAL(obtain(c, "proxy.test", &l), error);
	CU_ASSERT_PTR_NOT_NULL(strstr(words, part));
	CU_ASSERT_PTR_NULL(strstr(words, "hunter2"));
}

static void fixed(void)
{
	struct proxy_creds *c = make(PROXY_CREDS_FIXED, "alice", NULL);
	char longer[400];
	struct proxy_creds_opts o = { .kind = PROXY_CREDS_FIXED,
				      .username = longer };

	gives(c, "alice", "fixed");
	proxy_creds_put(proxy_creds_get(c));
	gives(c, "alice", "fixed");
	proxy_creds_put(c);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CU_ASSERT_PTR_NULL(proxy_creds_new(&o));
	CU_ASSERT_EQUAL(errno, EINVAL);
}

static void file(void)
{
	struct proxy_creds *c = make(PROXY_CREDS_FILE, "alice", path);

	put_file("hunter2\nmore\n", 0600);
	gives(c, "alice", "hunter2");
	put_file("hunter3", 0600); /* the very same second */
	gives(c, "alice", "hunter3");
	put_file("hunter2\n", 0640);
	fails(c, -EPERM, "chmod 600");
	put_file("\nhunter2\n", 0600);
	fails(c, -ENODATA, path);
	unlink(path);
	fails(c, -ENOENT, path);
	proxy_creds_put(c);
}

static void netrc(void)
{
	struct proxy_creds *c = make(PROXY_CREDS_NETRC, "", path);
	struct proxy_creds *bob = make(PROXY_CREDS_NETRC, "bob", path);
	struct proxy_login_text l;

	put_file("machine other login x password y\n"
		 "machine PROXY.test\n\tlogin alice\n\tpassword \"a b\\\"c\"\n"
		 "machine proxy.test login bob password hunter2\n"
		 "default login guest password none\n",
		 0600);
	gives(c, "alice", "a b\"c");
	gives(bob, "bob", "hunter2");
	CU_ASSERT_EQUAL(obtain(c, "elsewhere.test", &l), 0);
	CU_ASSERT_STRING_EQUAL(l.username, "guest");
	put_file("machine proxy.test login carol password hunter2\n", 0600);
	fails(bob, -ENODATA, "no entry");
	put_file("machine proxy.test login bob password hunter2\n", 0604);
	fails(bob, -EPERM, "chmod 600");
	proxy_creds_put(c);
	proxy_creds_put(bob);
}

static void netrc_text(const char *text, int rc, const char *user,
		       const char *pw)
{
	struct proxy_login_text l = { .username = "" };
	const char *why = "";

	CU_ASSERT_EQUAL(proxy_creds_parse_netrc(text, "p", &l, &why), rc);
	if (rc != 0)
		return;
	CU_ASSERT_STRING_EQUAL(l.username, user);
	CU_ASSERT_STRING_EQUAL(l.password, pw);
}

static void netrc_forms(void)
{
	char text[700] = "machine p login a password ";

	netrc_text("# machine p login x password y\nmachine p password b "
		   "account z login a",
		   0, "a", "b");
	netrc_text("macdef init\nmachine p login x password y\n\n"
		   "machine p login a password b\n",
		   0, "a", "b");
	netrc_text("machine p login a password #b", 0, "a", "#b");
	netrc_text("machine p login a password \"#b\"", 0, "a", "#b");
	netrc_text("machine p login a password", -ENODATA, "", "");
	netrc_text("machine p password b", -ENODATA, "", "");
	netrc_text("machine", -ENODATA, "", "");
	netrc_text("macdef", -ENODATA, "", "");
	netrc_text("", -ENODATA, "", "");
	netrc_text("machine p login a password \"b", 0, "a", "b");
	netrc_text("machine p login a password \"b\\", 0, "a", "b\\");
	memset(text + strlen(text), 'x', 300);
	netrc_text(text, -E2BIG, "", "");
}

/* Prints, and counts that it was called. */
static struct proxy_creds *make_command(const char *user, const char *text)
{
	static char command[400];

	snprintf(command, sizeof(command), "echo >>%s; %s", count_path, text);
	unlink(count_path);
	return make(PROXY_CREDS_COMMAND, user, command);
}

static unsigned int runs(void)
{
	struct stat st;

	return stat(count_path, &st) == 0 ? (unsigned int)st.st_size : 0;
}

static void command(void)
{
	struct proxy_creds *c = make_command(
		"", "echo username=x; echo username=alice; echo "
		    "password=a=b; echo nonsense");

	gives(c, "alice", "a=b");
	gives(c, "alice", "a=b");
	CU_ASSERT_EQUAL(runs(), 1);
	/* Refused, but it was asked a moment ago. */
	proxy_creds_refused(c);
	gives(c, "alice", "a=b");
	CU_ASSERT_EQUAL(runs(), 1);
	proxy_creds_put(c);
}

static void command_is_told(void)
{
	struct proxy_creds *c = make_command(
		"bob", "cat >&2; echo password=$(cat /dev/null)x");
	struct proxy_creds *host = make_command(
		"", "sed -n 's/^host=/username=/p;s/^protocol=/password=/p'");
	struct proxy_login_text l;

	gives(c, "bob", "x");
	CU_ASSERT_EQUAL(obtain(host, "2001:db8::1", &l), 0);
	CU_ASSERT_STRING_EQUAL(l.username, "[2001:db8::1]:3128");
	CU_ASSERT_STRING_EQUAL(l.password, "http");
	/* Another proxy is another question. */
	CU_ASSERT_EQUAL(obtain(host, "b.test", &l), 0);
	CU_ASSERT_STRING_EQUAL(l.username, "b.test:3128");
	proxy_creds_put(c);
	proxy_creds_put(host);
}

static void command_fails(void)
{
	struct proxy_creds *c = make_command(
		"", "echo password=hunter2; echo no >&2; exit 3");
	struct proxy_creds *quit = make_command("a", "echo quit=1");
	struct proxy_creds *none = make_command("a", "echo username=b");

	fails(quit, -EACCES, "quit=1");
	fails(none, -ENODATA, "password=");
	unlink(count_path);
	fails(c, -ECHILD, "exit status 3: no");
	fails(c, -ECHILD, "exit status 3: no");
	CU_ASSERT_EQUAL(runs(), 1);
	proxy_creds_put(c);
	proxy_creds_put(quit);
	proxy_creds_put(none);
}

static void *crowd_main(void *arg)
{
	gives(arg, "alice", "b");
	return NULL;
}

static void command_once_for_all(void)
{
	struct proxy_creds *c = make_command(
		"", "read l; sleep 0.2; echo username=alice; echo password=b");
	pthread_t t[20];

	for (int i = 0; i < 20; i++)
		pthread_create(&t[i], NULL, crowd_main, c);
	for (int i = 0; i < 20; i++)
		pthread_join(t[i], NULL);
	CU_ASSERT_EQUAL(runs(), 1);
	proxy_creds_put(c);
}

static void command_cancelled(void)
{
	struct proxy_creds *c = make_command(
		"",
		"test -e $HOME/never; echo username=alice; echo password=b");
	struct proxy_login_text l;
	struct cancel set;

	cancel_init(&set);
	cancel_now(&set);
	CU_ASSERT_EQUAL(proxy_creds_obtain(c, "proxy.test", 3128,
					   clock_now_ms() + 5000, &set, &l,
					   words, sizeof(words)),
			-ECANCELED);
	/* It has not been asked: the next one may. */
	gives(c, "alice", "b");
	cancel_fini(&set);
	proxy_creds_put(c);
}

static CU_TestInfo tests[] = {
	{ "fixed", fixed },
	{ "a password file", file },
	{ "a netrc file", netrc },
	{ "forms of netrc", netrc_forms },
	{ "a command", command },
	{ "what a command is told", command_is_told },
	{ "a command that fails", command_fails },
	{ "twenty at once run it once", command_once_for_all },
	{ "a command that is cancelled", command_cancelled },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_creds",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
