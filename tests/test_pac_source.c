/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_pac_source.c - when a script is fetched, and which one is in force
 *
 * The clock is the test's.
 */
#include <config.h>

#include "../tunneld/pac_source.h"

#include "../tunneld/cancel.h"
#include "../tunneld/clock.h"
#include "../tunneld/pac_wait.h"
#include "lib/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic uint64_t now_ms = 1000;

uint64_t __wrap_clock_now_ms(void);

uint64_t __wrap_clock_now_ms(void)
{
	return now_ms;
}

/* A web server */
static atomic_uint fetches;
static const char *served;          /* NULL: down */
static struct pac_source *changing; /* in the middle of a fetch */

static int fetch(const struct pac_place *from, struct pac_fetched *f,
		 struct pac_wait *w)
{
	(void)w;
	fetches++;
	if (changing != NULL)
		pac_source_network_changed(changing);
	changing = NULL;
	if (served == NULL) {
		snprintf(f->words, sizeof(f->words), "down");
		return -ECONNREFUSED;
	}
	return pac_fetch_decode(from, f, NULL, served, strlen(served));
}

static struct pac_source *new_source(const char *place)
{
	struct pac_place from = { .place = place };
	struct pac_source *s = pac_source_new(&from, fetch);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	fetches = 0;
	served = "one";
	return s;
}

/* `text`: what is in force; NULL: nothing is. */
static void takes(struct pac_source *s, const char *text, unsigned int count)
{
	struct pac_wait w = { .deadline_ms = now_ms + 1000 };
	struct pac_script *script = NULL;
	int rc = pac_source_take(s, &w, &script);

	CU_ASSERT_EQUAL(rc, text != NULL ? 0 : -ECONNREFUSED);
	if (rc == 0 && text != NULL)
		CU_ASSERT_STRING_EQUAL(script->text, text)
	else
		CU_ASSERT_STRING_EQUAL(w.words, "down");
	CU_ASSERT_EQUAL(fetches, count);
	pac_script_put(script);
}

static void test_refresh(void)
{
	struct pac_source *s = new_source("http://wpad.test/x?key");

	CU_ASSERT_STRING_EQUAL(pac_source_name(s), "http://wpad.test");
	takes(s, "one", 1);
	served = "two";
	now_ms += 12 * 3600 * 1000 - 1;
	takes(s, "one", 1);
	now_ms += 1;
	takes(s, "two", 2);
	served = NULL;
	now_ms += 12 * 3600 * 1000;
	takes(s, "two", 3); /* the old one is better than none */
	takes(s, "two", 3);
	now_ms += 8000;
	takes(s, "two", 4);
	served = "three";
	now_ms += 32000;
	takes(s, "three", 5);
	pac_source_free(s);
}

static void test_retries(void)
{
	static const uint32_t pauses_ms[] = { 8000, 32000, 120000, 120000 };
	struct pac_source *s = new_source("http://wpad.test/");
	unsigned int count = 1;

	served = NULL;
	takes(s, NULL, 1);
	for (size_t i = 0; i < ARRAY_SIZE(pauses_ms); i++) {
		now_ms += pauses_ms[i] - 1;
		takes(s, NULL, count);
		now_ms += 1;
		takes(s, NULL, ++count);
	}
	served = "one";
	now_ms += 120000;
	takes(s, "one", ++count);
	pac_source_free(s);
}

static void test_network(void)
{
	struct pac_source *s = new_source("https://wpad.test/");

	takes(s, "one", 1);
	pac_source_network_changed(s);
	served = "two";
	takes(s, "two", 2);
	pac_source_network_changed(s);
	served = NULL;
	takes(s, NULL, 3); /* another network's is no script */
	takes(s, NULL, 3);
	pac_source_network_changed(s);
	takes(s, NULL, 4); /* at once, and from the first pause on */
	now_ms += 8000;
	served = "three";
	takes(s, "three", 5);
	pac_source_network_changed(s);
	changing = s;
	takes(s, "three", 6); /* still the last network's */
	takes(s, "three", 7);
	takes(s, "three", 7);
	pac_source_free(s);
}

static void *ask(void *arg)
{
	takes(arg, "one", 1);
	return NULL;
}

static void test_many(void)
{
	struct pac_source *s = new_source("http://wpad.test/");
	pthread_t thread[16];

	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, ask, s),
				      0);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	CU_ASSERT_EQUAL(fetches, 1);
	pac_source_free(s);
}

/* The same text again is the same script, so its processes go on. */
static void test_same(void)
{
	struct pac_source *s = new_source("http://wpad.test/");
	struct pac_wait w = { .deadline_ms = now_ms + 1000 };
	struct pac_script *one = NULL, *two = NULL;

	CU_ASSERT_EQUAL_FATAL(pac_source_take(s, &w, &one), 0);
	pac_source_network_changed(s);
	CU_ASSERT_EQUAL_FATAL(pac_source_take(s, &w, &two), 0);
	CU_ASSERT_EQUAL(fetches, 2);
	CU_ASSERT_PTR_EQUAL(one, two);
	pac_script_put(one);
	pac_script_put(two);
	pac_source_free(s);
}

static void test_waits(void)
{
	struct pac_source *s = new_source("http://wpad.test/");
	struct pac_wait w = { .deadline_ms = now_ms };
	struct pac_script *script;
	struct cancel cancel;

	CU_ASSERT_EQUAL(pac_source_take(s, &w, &script), -ETIMEDOUT);
	cancel_init(&cancel);
	cancel_now(&cancel);
	w.deadline_ms = now_ms + 1000;
	w.cancel = &cancel;
	CU_ASSERT_EQUAL(pac_source_take(s, &w, &script), -ECANCELED);
	CU_ASSERT_EQUAL(fetches, 0);
	cancel_fini(&cancel);
	pac_source_free(s);
}

/* Files */

static char folder[] = "/tmp/test-pac-source-XXXXXX";

static void path_of(const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", folder, name);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
	char other[160];
	FILE *f;

	snprintf(other, sizeof(other), "%s.new", path);
	f = fopen(other, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fwrite(bytes, 1, len, f), len);
	CU_ASSERT_EQUAL(fclose(f), 0);
	CU_ASSERT_EQUAL(rename(other, path), 0);
}

static void file_fails(const char *path, int error, const char *words)
{
	struct pac_place from = { .place = path };
	struct pac_source *s = pac_source_new(&from, fetch);
	struct pac_wait w = { .deadline_ms = now_ms + 1000 };
	struct pac_script *script;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(pac_source_take(s, &w, &script), error);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.words, words));
	CU_ASSERT_EQUAL(strncmp(w.words, path, strlen(path)), 0);
	pac_source_free(s);
}

static void test_file(void)
{
	char path[128];
	struct pac_source *s;

	path_of("proxy.pac", path);
	write_file(path, "one", 3);
	s = new_source(path);
	CU_ASSERT_STRING_EQUAL(pac_source_name(s), path);
	takes(s, "one", 0);
	pac_source_network_changed(s);
	takes(s, "one", 0);
	write_file(path, "two", 3);
	takes(s, "two", 0);
	pac_source_free(s);
	unlink(path);
}

static void test_bad_files(void)
{
	char path[128], *big = calloc(1, PAC_SCRIPT_BYTES_MAX + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(big);
	memset(big, 'x', PAC_SCRIPT_BYTES_MAX + 1);
	path_of("proxy.pac", path);
	file_fails(path, -ENOENT, "No such file");
	file_fails(folder, -EINVAL, "is not a file");
	write_file(path, "", 0);
	file_fails(path, -EBADMSG, "is empty, or not a text");
	write_file(path, "a\0b", 3);
	file_fails(path, -EBADMSG, "is empty, or not a text");
	write_file(path, big, PAC_SCRIPT_BYTES_MAX + 1);
	file_fails(path, -E2BIG, "is larger than 1 MB");
	free(big);
	unlink(path);
}

static int make_folder(void)
{
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void)
{
	return rmdir(folder);
}

static CU_TestInfo tests[] = {
	{ "every 12 hours", test_refresh },
	{ "pauses after failures", test_retries },
	{ "changes of networks", test_network },
	{ "many who ask", test_many },
	{ "the same script again", test_same },
	{ "deadline and cancellation", test_waits },
	{ "a file that changes", test_file },
	{ "files that are no scripts", test_bad_files },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "pac_source",
	  .pInitFunc = make_folder,
	  .pCleanupFunc = remove_folder,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
