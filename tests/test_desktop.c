/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_desktop.c - proxies of the desktop, by a `proxy` of the test's own and
 * by libproxy's
 */
#include <config.h>

#include "../tunneld/desktop.h"

#include "../tunneld/cancel.h"
#include "../tunneld/clock.h"
#include "lib/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

static char folder[] = "/tmp/test-desktop-XXXXXX";
static char program[64], asked[64], old_path[4096];

/* `text`: what it does; it counts how often it runs. */
static void write_program(const char *text)
{
	FILE *f = fopen(program, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fprintf(f, "#!/bin/sh\necho \"$*\" >>%s\n%s\n", asked, text);
	CU_ASSERT_EQUAL(fclose(f), 0);
	CU_ASSERT_EQUAL(chmod(program, 0755), 0);
	unlink(asked);
}

static unsigned int runs(void)
{
	FILE *f = fopen(asked, "r");
	unsigned int lines = 0;
	int c;

	if (f == NULL)
		return 0;
	while ((c = fgetc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	return lines;
}

static void was_asked(const char *text)
{
	char line[300] = "";
	FILE *f = fopen(asked, "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), f));
	line[strcspn(line, "\n")] = '\0';
	CU_ASSERT_STRING_EQUAL(line, text);
	fclose(f);
}

static int find(struct desktop *d, const char *host, uint16_t port,
		struct pac_list *list, char words[200])
{
	struct cancel cancel;
	int rc;

	cancel_init(&cancel);
	rc = desktop_find(d, host, port, clock_now_ms() + 30000, &cancel, list,
			  words);
	cancel_fini(&cancel);
	return rc;
}

static struct desktop *new_desktop(void)
{
	struct desktop *d = desktop_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	return d;
}

static void test_list(void)
{
	struct desktop *d = new_desktop();
	struct pac_list list;
	char words[200];

	write_program("echo http://u:p@a.test:3128 socks5://b.test direct://");
	CU_ASSERT_EQUAL_FATAL(find(d, "h.test", 443, &list, words), 0);
	CU_ASSERT_EQUAL(list.count, 3);
	CU_ASSERT_EQUAL(list.hop[0].kind, PAC_HOP_HTTP);
	CU_ASSERT_STRING_EQUAL(list.hop[0].host, "a.test");
	CU_ASSERT_EQUAL(list.hop[0].port, 3128);
	CU_ASSERT_EQUAL(list.hop[1].kind, PAC_HOP_SOCKS5);
	CU_ASSERT_EQUAL(list.hop[2].kind, PAC_HOP_DIRECT);
	was_asked("https://h.test/");
	desktop_put(d);
}

static void test_urls(void)
{
	struct desktop *d = new_desktop();
	struct pac_list list;
	char words[200];

	write_program("echo direct://");
	CU_ASSERT_EQUAL(find(d, "h.test", 80, &list, words), 0);
	was_asked("http://h.test/");
	unlink(asked);
	CU_ASSERT_EQUAL(find(d, "2001:db8::1", 3478, &list, words), 0);
	was_asked("https://[2001:db8::1]:3478/");
	/* nothing that a shell would understand */
	CU_ASSERT_EQUAL(find(d, "a';id;'", 80, &list, words), -EINVAL);
	CU_ASSERT_EQUAL(find(d, "$(id)", 80, &list, words), -EINVAL);
	CU_ASSERT_EQUAL(find(d, "", 80, &list, words), -EINVAL);
	CU_ASSERT_EQUAL(runs(), 1);
	desktop_put(d);
}

static void test_kept(void)
{
	struct desktop *d = new_desktop();
	struct pac_list list;
	char words[200], host[16];

	write_program("echo http://a.test");
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(find(d, "h.test", 443, &list, words), 0);
	CU_ASSERT_EQUAL(runs(), 1);
	CU_ASSERT_EQUAL(find(d, "h.test", 80, &list, words), 0);
	CU_ASSERT_EQUAL(runs(), 2);
	desktop_network_changed(d);
	CU_ASSERT_EQUAL(find(d, "h.test", 443, &list, words), 0);
	CU_ASSERT_EQUAL(runs(), 3);
	/* more than are kept */
	for (int i = 0; i < 40; i++) {
		snprintf(host, sizeof(host), "h%d.test", i);
		CU_ASSERT_EQUAL(find(d, host, 443, &list, words), 0);
	}
	CU_ASSERT_EQUAL(runs(), 43);
	CU_ASSERT_EQUAL(find(d, "h39.test", 443, &list, words), 0);
	CU_ASSERT_EQUAL(runs(), 43);
	CU_ASSERT_EQUAL(find(d, "h.test", 443, &list, words), 0);
	CU_ASSERT_EQUAL(runs(), 44);
	desktop_put(d);
}

static void *ask(void *arg)
{
	struct pac_list list;
	char words[200];

	CU_ASSERT_EQUAL(find(arg, "h.test", 443, &list, words), 0);
	CU_ASSERT_STRING_EQUAL(list.hop[0].host, "a.test");
	return NULL;
}

static void test_many(void)
{
	struct desktop *d = new_desktop();
	pthread_t thread[12];

	write_program("echo http://a.test");
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, ask, d),
				      0);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	CU_ASSERT_EQUAL(runs(), 1);
	desktop_put(d);
}

static void fails(struct desktop *d, int rc, const char *text)
{
	struct pac_list list;
	char words[200];

	CU_ASSERT_EQUAL(find(d, "h.test", 443, &list, words), rc);
	CU_ASSERT_PTR_NOT_NULL(strstr(words, text));
	if (strstr(words, text) == NULL)
		printf("%s\n", words);
}

static void test_failures(void)
{
	struct desktop *d = new_desktop();
	struct pac_list list;
	struct cancel cancel;
	char words[200];

	unlink(program);
	setenv("PATH", folder, 1);
	fails(d, -ENOENT, "libproxy-tools");
	setenv("PATH", old_path, 1);
	write_program("echo 'no bus' >&2; exit 1");
	fails(d, -ECHILD, "exit status 1: no bus");
	write_program("echo socks4://a.test");
	fails(d, -EPROTO, "socks4");
	write_program(":");
	fails(d, -EPROTO, "name no proxy");
	write_program("while :; do :; done");
	cancel_init(&cancel);
	CU_ASSERT_EQUAL(desktop_find(d, "h.test", 443, clock_now_ms() + 200,
				     &cancel, &list, words),
			-ETIMEDOUT);
	cancel_now(&cancel);
	CU_ASSERT_EQUAL(desktop_find(d, "h.test", 443, clock_now_ms() + 30000,
				     &cancel, &list, words),
			-ECANCELED);
	cancel_fini(&cancel);
	/* failures are not kept */
	write_program("echo direct://");
	CU_ASSERT_EQUAL(find(d, "h.test", 443, &list, words), 0);
	desktop_put(d);
}

/* libproxy's own, where it is installed: without a desktop it knows none, and
 * the proxy of tunneld's environment is none of the desktop's. */
static void test_libproxy(void)
{
	struct desktop *d = new_desktop();
	struct pac_list list;
	char words[200];

	unlink(program);
	setenv("https_proxy", "http://environment.test:1", 1);
	if (access("/usr/bin/proxy", X_OK) == 0) {
		CU_ASSERT_EQUAL_FATAL(find(d, "h.test", 443, &list, words), 0);
		CU_ASSERT_EQUAL(list.count, 1);
		CU_ASSERT_EQUAL(list.hop[0].kind, PAC_HOP_DIRECT);
	} else {
		fails(d, -ENOENT, "libproxy-tools");
	}
	unsetenv("https_proxy");
	desktop_put(d);
}

static int make_folder(void)
{
	char path[sizeof(old_path)];

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(program, sizeof(program), "%s/proxy", folder);
	snprintf(asked, sizeof(asked), "%s/asked", folder);
	snprintf(path, sizeof(path), "%s:%.4000s", folder, getenv("PATH"));
	strcpy(old_path, path);
	return setenv("PATH", path, 1);
}

static int remove_folder(void)
{
	unlink(asked);
	unlink(program);
	return rmdir(folder);
}

static CU_TestInfo tests[] = {
	{ "a list", test_list },
	{ "what is asked", test_urls },
	{ "answers are kept", test_kept },
	{ "many who ask for the same", test_many },
	{ "failures", test_failures },
	{ "libproxy", test_libproxy },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "desktop",
	  .pInitFunc = make_folder,
	  .pCleanupFunc = remove_folder,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
