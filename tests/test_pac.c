/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_pac.c - scripts, good and bad, in processes of their own */
#include <config.h>

#include "../tunneld/pac.h"

#include "../tunneld/cancel.h"
#include "../tunneld/clock.h"
#include "lib/unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#define PROGRAM "../tunneld/turnout-pac"
#define FIND    "function FindProxyForURL(url, host) {"

static char folder[] = "/tmp/test-pac-XXXXXX";
static char path[sizeof(folder) + 16];

/* Another inode each time. */
static void write_script(const char *text)
{
	char other[sizeof(path) + 8];
	FILE *f;

	snprintf(path, sizeof(path), "%s/proxy.pac", folder);
	snprintf(other, sizeof(other), "%s.new", path);
	f = fopen(other, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT(fputs(text, f) >= 0);
	CU_ASSERT_EQUAL(fclose(f), 0);
	CU_ASSERT_EQUAL(rename(other, path), 0);
}

static struct pac *new_pac(const char *text, uint32_t answer_ms)
{
	struct pac_options o = { .from = { .place = path },
				 .program = PROGRAM,
				 .answer_ms = answer_ms };
	struct pac *p;

	write_script(text);
	p = pac_new(&o);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p;
}

struct found {
	struct pac_list list;
	char words[200];
	int rc;
};

static void find(struct pac *p, const char *host, uint16_t port,
		 struct found *f)
{
	f->rc = pac_find(p, host, port, clock_now_ms() + 30000, NULL, &f->list,
			 f->words);
}

/* The script says "PROXY name:1". */
static void names(struct pac *p, const char *host, uint16_t port,
		  const char *name)
{
	struct found f;

	find(p, host, port, &f);
	CU_ASSERT_EQUAL(f.rc, 0);
	if (f.rc == 0)
		CU_ASSERT_STRING_EQUAL(f.list.hop[0].host, name)
	else
		printf("%s: %s\n", host, f.words);
}

static void fails(struct pac *p, const char *host, int rc, const char *words)
{
	struct found f;

	find(p, host, 443, &f);
	CU_ASSERT_EQUAL(f.rc, rc);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.words, words));
	if (f.rc != rc || strstr(f.words, words) == NULL)
		printf("%s: %d %s\n", host, f.rc, f.words);
}

/* Our children; the last of them in `pid`. */
static unsigned int children(pid_t *pid)
{
	char name[64];
	unsigned int count = 0;
	FILE *f;
	int one;

	/* of this thread, which started them */
	snprintf(name, sizeof(name), "/proc/self/task/%d/children",
		 (int)gettid());
	f = fopen(name, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fscanf(f, "%d", &one) == 1) {
		*pid = one;
		count++;
	}
	fclose(f);
	return count;
}

struct url_row {
	const char *host;
	uint16_t port;
	const char *url, *name;
};

static const struct url_row url_rows[] = {
	{ "a.test", 443, "https://a.test/", "a.test" },
	{ "A.Test.", 443, "https://a.test/", "a.test" },
	{ "a.test", 80, "http://a.test/", "a.test" },
	{ "a.test", 8443, "https://a.test:8443/", "a.test" },
	{ "192.0.2.1", 3478, "https://192.0.2.1:3478/", "192.0.2.1" },
	{ "2001:db8::1", 443, "https://[2001:db8::1]/", "2001:db8::1" },
	{ "2001:db8::1", 81, "https://[2001:db8::1]:81/", "2001:db8::1" },
};

static void test_urls(void)
{
	char text[512];
	struct pac *p = new_pac("", 0);

	for (size_t i = 0; i < ARRAY_SIZE(url_rows); i++) {
		const struct url_row *row = &url_rows[i];

		snprintf(text, sizeof(text),
			 FIND "return url == '%s' && host == '%s' ? "
			      "'PROXY yes:1' : 'PROXY no:1'; }",
			 row->url, row->name);
		write_script(text);
		names(p, row->host, row->port, "yes");
	}
	fails(p, "", -EINVAL, "not a host name");
	fails(p, "a b", -EINVAL, "not a host name");
	fails(p, "a'b", -EINVAL, "not a host name");
	fails(p, "a\nb", -EINVAL, "not a host name");
	fails(p, "fe80::1%lo", -EINVAL, "not a host name");
	pac_put(p);
}

struct script_row {
	const char *text;
	int rc;            /* -ENOENT: see `words` for the name */
	const char *words; /* or the proxy's name */
};

static const struct script_row script_rows[] = {
	{ FIND "return 'PROXY a:1'; }", 0, "a" },
	{ "\xef\xbb\xbf" FIND "return 'PROXY a:1'; }", 0, "a" },
	{ FIND "return '; PROXY a:1; DIRECT'; }", 0, "a" },
	{ FIND "return 'SOCKS4 b:1; SOCKS5 a:1'; }", 0, "a" },
	{ FIND "return ''; }", 0, "" },
	{ FIND "return null; }", 0, "" },
	{ "function FindProxyForURLEx(u, h) { return 'PROXY a:1'; }", 0, "a" },
	{ FIND "alert('x'); return 'PROXY a:1'; }", 0, "a" },
	{ FIND "return host.startsWith('h.') && host.endsWith('.test') && "
	       "host.includes('.') && !host.endsWith('xh.test') && "
	       "' x '.trim() == 'x' && ['x'].includes('x') ? 'PROXY a:1' : "
	       "'DIRECT'; }",
	  0, "a" },
	{ FIND "return isInNet('192.0.2.9', '192.0.2.0', '255.255.255.0') && "
	       "dnsDomainIs(host, '.test') && shExpMatch(url, 'https://h.*') "
	       "&& !isPlainHostName(host) && dnsResolve('127.0.0.1') == "
	       "'127.0.0.1' ? 'PROXY a:1' : 'DIRECT'; }",
	  0, "a" },
	{ FIND "}", -EBADMSG, "FindProxyForURL() returned no string" },
	{ FIND "return 5; }", -EBADMSG, "returned no string" },
	{ FIND "return nothing.at.all; }", -EBADMSG,
	  "line 1: ReferenceError: nothing is not defined" },
	{ FIND "throw 'a\\nb\\u0007'; }", -EBADMSG, "exception: a b" },
	{ FIND "return 'SOCKS4 b:1'; }", -EPROTO, "SOCKS4 b:1" },
	{ FIND "return 'PROXY'; }", -EPROTO, "names no proxy" },
	{ FIND "function f() { f(); } f(); }", -EBADMSG, "too much recursion" },
	{ FIND "var s = 'x'; while (1) s += s; }", -EBADMSG, "out of memory" },
	{ FIND "var s = ''; for (var i = 0; i < 5000; i++) s += ' '; return s; "
	       "}",
	  -EBADMSG, "FindProxyForURL() returned too much" },
	{ "var x;", -EBADMSG, "it defines no FindProxyForURL()" },
	{ "var FindProxyForURL = 1;", -EBADMSG, "defines no FindProxyForURL" },
	{ "throw 'at the top'", -EBADMSG, "at the top" },
	{ "let x = 1;\n" FIND "return 'DIRECT'; }", -EBADMSG,
	  "ECMAScript 3: no let" },
	{ "\n" FIND "return `DIRECT`; }", -EBADMSG, "line 2: SyntaxError" },
	{ "var f = (a) => a;", -EBADMSG, "ECMAScript 3" },
};

static void test_scripts(void)
{
	struct pac *p = new_pac("", 0);

	for (size_t i = 0; i < ARRAY_SIZE(script_rows); i++) {
		const struct script_row *row = &script_rows[i];

		write_script(row->text);
		if (row->rc == 0)
			names(p, "h.test", 443, row->words);
		else
			fails(p, "h.test", row->rc, row->words);
	}
	pac_put(p);
}

/* A broken script starts one process, and that is the end of it. */
static void test_broken_once(void)
{
	struct pac *p = new_pac("let x;", 0);
	pid_t pid;

	for (int i = 0; i < 3; i++)
		fails(p, "h.test", -EBADMSG, "SyntaxError");
	CU_ASSERT_EQUAL(children(&pid), 0);
	write_script(FIND "return 'PROXY a:1'; }");
	names(p, "h.test", 443, "a");
	CU_ASSERT_EQUAL(children(&pid), 1);
	pac_put(p);
	CU_ASSERT_EQUAL(children(&pid), 0);
}

#define HANGS_FOR(name) FIND "while (host == '" name "'); return 'PROXY a:1'; }"

static void test_hang(void)
{
	struct pac *p = new_pac(HANGS_FOR("hang.test"), 400);
	uint64_t start = clock_now_ms();

	fails(p, "hang.test", -ETIMEDOUT, "did not answer in time");
	CU_ASSERT(clock_now_ms() - start >= 400);
	names(p, "h.test", 443, "a"); /* by another process */
	fails(p, "hang.test", -ETIMEDOUT, "did not answer in time");
	names(p, "h.test", 443, "a"); /* and without a pause */
	pac_put(p);
}

static void always_hangs(const char *text)
{
	struct pac *p = new_pac(text, 300);
	pid_t pid;

	fails(p, "a.test", -ETIMEDOUT, "did not answer in time");
	fails(p, "b.test", -ETIMEDOUT, "did not answer in time");
	fails(p, "c.test", -ETIMEDOUT, "is run again in");
	CU_ASSERT_EQUAL(children(&pid), 0);
	/* what may have been the network's fault gets another chance */
	pac_network_changed(p);
	fails(p, "a.test", -ETIMEDOUT, "did not answer in time");
	pac_put(p);
}

static void test_always_hangs(void)
{
	always_hangs(FIND "while (1); }");
	always_hangs("while (1);");
	always_hangs(FIND "return /(x+x+)+y/.test('xxxxxxxxxxxxxxxxxxxxxxxxxx"
			  "xxxxxxxxxxxxxxxxxxxxxxxxxx'); }");
}

/* Whose own deadline is short does not say that the script hangs. */
static void test_own_deadline(void)
{
	struct pac *p = new_pac(HANGS_FOR("hang.test"), 0);
	struct found f;

	for (int i = 0; i < 4; i++) {
		f.rc = pac_find(p, "hang.test", 443, clock_now_ms() + 100, NULL,
				&f.list, f.words);
		CU_ASSERT_EQUAL(f.rc, -ETIMEDOUT);
	}
	names(p, "h.test", 443, "a");
	pac_put(p);
}

static void *ask_hanging(void *arg)
{
	struct found f;

	find(arg, "hang.test", 443, &f);
	CU_ASSERT_EQUAL(f.rc, -ETIMEDOUT);
	return NULL;
}

/* Three wait for a host that hangs, and nobody waits for them. */
static void test_beside(void)
{
	struct pac *p = new_pac(HANGS_FOR("hang.test"), 3000);
	pthread_t thread[3];

	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&thread[i], NULL, ask_hanging, p), 0);
	for (int i = 0; i < 20; i++)
		names(p, "h.test", 443, "a");
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		CU_ASSERT_EQUAL(pthread_tryjoin_np(thread[i], NULL), EBUSY);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	names(p, "h.test", 443, "a"); /* it was one hang, of one host */
	pac_put(p);
}

static void *ask_many(void *arg)
{
	for (int i = 0; i < 20; i++)
		names(arg, "h.test", 443, "a");
	return NULL;
}

static void test_many(void)
{
	struct pac *p = new_pac(FIND "return 'PROXY a:1'; }", 0);
	pthread_t thread[16];

	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&thread[i], NULL, ask_many, p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	pac_put(p);
}

struct cancelled {
	struct pac *p;
	struct cancel cancel;
	_Atomic pid_t thread;
};

static void *ask_until_cancelled(void *arg)
{
	struct cancelled *c = arg;
	struct found f;

	c->thread = gettid();
	f.rc = pac_find(c->p, "hang.test", 443, clock_now_ms() + 60000,
			&c->cancel, &f.list, f.words);
	CU_ASSERT_EQUAL(f.rc, -ECANCELED);
	return NULL;
}

static bool has_child(pid_t thread)
{
	char name[64];
	FILE *f;
	int c = EOF;

	snprintf(name, sizeof(name), "/proc/self/task/%d/children",
		 (int)thread);
	f = fopen(name, "r");
	if (f != NULL) {
		c = fgetc(f);
		fclose(f);
	}
	return c != EOF;
}

static void test_cancel(void)
{
	struct cancelled c = { .p = new_pac(HANGS_FOR("hang.test"), 60000) };
	uint64_t start = clock_now_ms();
	pthread_t thread;

	cancel_init(&c.cancel);
	CU_ASSERT_EQUAL_FATAL(
		pthread_create(&thread, NULL, ask_until_cancelled, &c), 0);
	while (c.thread == 0 || !has_child(c.thread))
		poll(NULL, 0, 5);
	cancel_now(&c.cancel);
	pthread_join(thread, NULL);
	CU_ASSERT(clock_now_ms() - start < 30000);
	names(c.p, "h.test", 443, "a");
	cancel_fini(&c.cancel);
	pac_put(c.p);
}

/* One that died while it was idle is replaced, and nobody hears of it. */
static void test_killed(void)
{
	struct pac *p = new_pac(FIND "return 'PROXY a:1'; }", 0);
	pid_t pid = 0;

	names(p, "h.test", 443, "a");
	CU_ASSERT_EQUAL_FATAL(children(&pid), 1);
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	names(p, "h.test", 443, "a");
	CU_ASSERT_EQUAL(children(&pid), 1);
	pac_put(p);
}

/* All the memory that a script has taken is given back. */
static void test_memory(void)
{
	struct pac *p = new_pac("var all = [];" FIND "if (host == 'eat.test') "
				"for (var s = 'x'; ; s += s) all.push(s); "
				"return 'PROXY n' + all.length + ':1'; }",
				0);

	names(p, "h.test", 443, "n0");
	fails(p, "eat.test", -EBADMSG, "out of memory");
	names(p, "h.test", 443, "n0");
	pac_put(p);
}

/* What it has seen of one network is not for the next. */
static void test_network(void)
{
	struct pac *p = new_pac(
		"var n = 0;" FIND "return 'PROXY n' + ++n + ':1'; }", 0);

	names(p, "h.test", 443, "n1");
	names(p, "h.test", 443, "n2");
	pac_network_changed(p);
	names(p, "h.test", 443, "n1");
	pac_put(p);
}

static bool says(pid_t pid, const char *file, const char *text)
{
	char name[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, file);
	f = fopen(name, "r");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, text, strlen(text)) == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

static void test_confined(void)
{
	static const char *const limits[] = {
		"Max file size             0                    0 ",
		"Max core file size        0                    0 ",
		"Max processes             0                    0 ",
		"Max open files            16                   16 ",
		"Max address space         268435456            268435456 ",
	};
	struct pac *p = new_pac(FIND "return 'PROXY a:1'; }", 0);
	pid_t pid = 0;

	names(p, "h.test", 443, "a");
	CU_ASSERT_EQUAL_FATAL(children(&pid), 1);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		CU_ASSERT(says(pid, "limits", limits[i]));
	CU_ASSERT(!says(pid, "limits", "Max cpu time              unlimited"));
	CU_ASSERT(says(pid, "status", "NoNewPrivs:\t1"));
	pac_put(p);
}

static void test_no_program(void)
{
	struct pac_options o = { .from = { .place = path },
				 .program = "/nonexistent/turnout-pac" };
	struct pac *p;

	write_script(FIND "return 'DIRECT'; }");
	p = pac_new(&o);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	fails(p, "h.test", -ENOENT, "/nonexistent/turnout-pac");
	pac_put(p);
}

/* As the units' MemoryDenyWriteExecute=, for us and the helpers; kernels before
 * 6.3 have none. */
static void deny_write_execute(void)
{
	(void)prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
}

static int make_folder(void)
{
	deny_write_execute();
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void)
{
	return unlink(path) | rmdir(folder);
}

static CU_TestInfo tests[] = {
	{ "URLs as Chromium writes them", test_urls },
	{ "scripts", test_scripts },
	{ "a broken script is tried once", test_broken_once },
	{ "a host that hangs", test_hang },
	{ "a script that always hangs", test_always_hangs },
	{ "one's own deadline", test_own_deadline },
	{ "nobody stands behind a host that hangs", test_beside },
	{ "many at once", test_many },
	{ "cancellation", test_cancel },
	{ "a process that was killed", test_killed },
	{ "memory", test_memory },
	{ "changes of networks", test_network },
	{ "limits", test_confined },
	{ "no helper", test_no_program },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "pac",
	  .pInitFunc = make_folder,
	  .pCleanupFunc = remove_folder,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	return pac_is_built_in() ? unit_run(suites) : 77;
}
