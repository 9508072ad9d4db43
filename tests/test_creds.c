/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_creds.c - a relay's credentials: configured, made or fetched */
#include <config.h>

#include "../tunneld/creds.h"

#include "fake/http_server.h"
#include "lib/dial_lab.h"
#include "lib/unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct creds *make(enum creds_kind kind, const char *username,
			  const char *secret)
{
	const struct creds_opts opts = { .kind = kind,
					 .username = username,
					 .secret = secret };
	const char *words;

	return creds_new(&opts, &words);
}

static void test_static(void)
{
	struct creds *c = make(CREDS_STATIC, "alice", "pass ;word");
	struct creds_pair pair;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "alice");
	CU_ASSERT_STRING_EQUAL(pair.password, "pass ;word");
	CU_ASSERT_EQUAL(pair.expires, 0);
	CU_ASSERT_FALSE(creds_due(c));
	CU_ASSERT_FALSE(creds_refused(c, 1700000000, &pair));
	creds_put(c);
}

/* Passwords computed by
 * printf 1700043200:alice | openssl dgst -sha1 -hmac s3cret -binary | base64 */
static void test_rest(void)
{
	struct creds *c = make(CREDS_REST, "alice", "s3cret");
	struct creds_pair pair, later;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "1700043200:alice");
	CU_ASSERT_STRING_EQUAL(pair.password, "QwoaCWsbGyBTwZodZx/QxKnSykI=");
	CU_ASSERT_EQUAL(pair.expires, 1700043200);
	CU_ASSERT_EQUAL(creds_make(c, 1700000001, &later), 0);
	CU_ASSERT_FALSE(creds_same_user(&pair, &later));
	creds_put(c);

	c = make(CREDS_REST, "", "s3cret");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "1700043200:turnout");
	CU_ASSERT_STRING_EQUAL(pair.password, "liaD24ZlfwYrR9M5vzuMLAp8w6Q=");
	creds_put(c);
}

/* The same again helps only when the clock has been put right meanwhile. */
static void test_rest_refused(void)
{
	struct creds *c = make(CREDS_REST, "alice", "s3cret");
	struct creds_pair pair;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1000000000, &pair), 0);
	CU_ASSERT_FALSE(creds_refused(c, 1000000010, &pair));
	CU_ASSERT_TRUE(creds_refused(c, 1700000000, &pair));
	creds_put(c);
}

static void test_limits(void)
{
	char text[600];
	struct creds_pair pair;
	struct creds *c;

	memset(text, 'x', sizeof(text));
	text[599] = '\0';
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, text, "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "", "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, NULL, "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "u", text));
	CU_ASSERT_PTR_NULL(make(CREDS_REST, "u", ""));
	CU_ASSERT_PTR_NULL(make(CREDS_REST, text, "s"));
	CU_ASSERT_PTR_NULL(make(CREDS_URI, NULL, NULL));
	CU_ASSERT_PTR_NULL(make(CREDS_COMMAND, NULL, NULL));
	/* bytes that no server could have prepared (RFC 4013) */
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "u\xff", "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "u", "p\xff"));
	CU_ASSERT_PTR_NULL(make(CREDS_REST, "u\n", "s"));
	text[511] = '\0';
	c = make(CREDS_STATIC, "u", text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 0, &pair), 0);
	CU_ASSERT_EQUAL(strlen(pair.password), 511);
	creds_put(c);
	/* the longest name still leaves room for the time */
	text[CREDS_USERNAME_MAX - 21] = '\0';
	c = make(CREDS_REST, text, "s");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 99999999999, &pair), 0);
	CU_ASSERT_EQUAL(strlen(pair.username), strlen(text) + 13);
	creds_put(c);
}

static void test_wipe(void)
{
	static const struct creds_pair zero;
	struct creds *c = make(CREDS_STATIC, "u", "p");
	struct creds_pair pair;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 0, &pair), 0);
	creds_pair_wipe(&pair);
	CU_ASSERT_EQUAL(memcmp(&pair, &zero, sizeof(pair)), 0);
	creds_put(c);
}

/* Fetched ones. The clock is the test's. */

static _Atomic uint64_t test_clock_ms = 1000000;

static uint64_t read_clock(void)
{
	return test_clock_ms;
}

struct rig {
	struct lab lab;
	struct http_server *server;
	struct creds *c;
	struct cancel cancel;
	_Atomic int failing;
	_Atomic int served; /* the number in the username; it grows */
	bool stuck;         /* the same pair each time */
	uint32_t delay_ms;
	char words[CREDS_WORDS_MAX];
};

static const char *serve(void *arg, const char *request)
{
	static __thread char text[300];
	struct rig *r = arg;

	(void)request;
	poll(NULL, 0, (int)r->delay_ms);
	if (r->failing)
		return "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
	if (!r->stuck)
		r->served++;
	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\n\r\n{\"username\":\"u%d\",\"password\":"
		 "\"p\",\"ttl\":100,\"uris\":[\"turn:a\",\"turns:b\"]}",
		 r->served);
	return text;
}

static struct creds *make_fetched(struct rig *r, const char *body)
{
	char url[64];
	const struct creds_opts opts = { .kind = CREDS_URI,
					 .name = "test",
					 .uri = url,
					 .body = body,
					 .clock_ms = read_clock };
	const char *words;
	struct creds *c;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/",
		 http_server_port(r->server));
	c = creds_new(&opts, &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	lab_open(&r->lab);
	cancel_init(&r->cancel);
	r->server = http_server_new(serve, r);
	r->c = make_fetched(r, NULL);
}

static void rig_close(struct rig *r)
{
	creds_put(r->c);
	http_server_free(r->server);
	cancel_fini(&r->cancel);
	lab_close(&r->lab);
}

static int rig_fetch(struct rig *r)
{
	return creds_fetch(r->c, r->lab.pool, clock_now_ms() + 10000,
			   &r->cancel, r->words);
}

static void has(struct rig *r, const char *username)
{
	struct creds_pair pair;
	int rc = creds_make(r->c, 0, &pair);

	CU_ASSERT_EQUAL(rc, username != NULL ? 0 : -EAGAIN);
	CU_ASSERT_STRING_EQUAL(pair.username, username != NULL ? username : "");
}

static void test_life(void)
{
	char uris[4][CREDS_URI_MAX];
	struct rig r;

	rig_open(&r);
	has(&r, NULL);
	CU_ASSERT_TRUE(creds_due(r.c));
	CU_ASSERT_EQUAL(creds_uris(r.c, uris, 4), 0);
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	has(&r, "u1");
	CU_ASSERT_EQUAL(creds_uris(r.c, uris, 4), 2);
	CU_ASSERT_STRING_EQUAL(uris[1], "turns:b");
	CU_ASSERT_EQUAL(creds_uris(r.c, uris, 1), 1);
	CU_ASSERT_FALSE(creds_due(r.c));
	CU_ASSERT_EQUAL(creds_due_in_ms(r.c), 80000);
	CU_ASSERT_EQUAL(rig_fetch(&r), 0); /* not needed, not done */
	CU_ASSERT_EQUAL(http_server_requests(r.server), 1);
	test_clock_ms += 80000;
	CU_ASSERT_TRUE(creds_due(r.c));
	has(&r, "u1");
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	has(&r, "u2");
	test_clock_ms += 100000;
	has(&r, NULL);
	rig_close(&r);
}

/* The old ones are good until their end, and the service is left alone. */
static void test_outage(void)
{
	struct rig r;

	rig_open(&r);
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	r.failing = 1;
	test_clock_ms += 85000;
	CU_ASSERT_EQUAL(rig_fetch(&r), -ECONNABORTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.words, "503"));
	has(&r, "u1");
	CU_ASSERT_FALSE(creds_due(r.c));
	CU_ASSERT_EQUAL(creds_due_in_ms(r.c), 1000);
	CU_ASSERT_EQUAL(rig_fetch(&r), -ECONNABORTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.words, "503"));
	CU_ASSERT_EQUAL(http_server_requests(r.server), 2);
	test_clock_ms += 1000;
	CU_ASSERT_TRUE(creds_due(r.c));
	CU_ASSERT_EQUAL(rig_fetch(&r), -ECONNABORTED);
	CU_ASSERT_EQUAL(creds_due_in_ms(r.c), 2000);
	creds_hurry(r.c);
	CU_ASSERT_TRUE(creds_due(r.c));
	test_clock_ms += 20000;
	has(&r, NULL);
	r.failing = 0;
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	has(&r, "u2");
	rig_close(&r);
}

static void test_refused(void)
{
	struct creds_pair pair, old;
	struct rig r;

	rig_open(&r);
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	CU_ASSERT_EQUAL(creds_make(r.c, 0, &old), 0);
	CU_ASSERT_TRUE(creds_refused(r.c, 0, &old));
	has(&r, NULL);
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	has(&r, "u2");
	/* another leg comes with the old pair: the new one stays */
	CU_ASSERT_TRUE(creds_refused(r.c, 0, &old));
	has(&r, "u2");
	/* the new one is not taken either: that is not tried for ever */
	CU_ASSERT_EQUAL(creds_make(r.c, 0, &pair), 0);
	CU_ASSERT_FALSE(creds_refused(r.c, 0, &pair));
	has(&r, NULL);
	CU_ASSERT_EQUAL(rig_fetch(&r), -EACCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.words, "refuses"));
	CU_ASSERT_EQUAL(http_server_requests(r.server), 2);
	test_clock_ms += 60000;
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	has(&r, "u3");
	rig_close(&r);
}

static void *run_fetch(void *arg)
{
	char words[CREDS_WORDS_MAX];
	struct creds_pair pair;
	struct rig *r = arg;

	if (creds_fetch(r->c, r->lab.pool, clock_now_ms() + 60000, &r->cancel,
			words) != 0 ||
	    creds_make(r->c, 0, &pair) != 0)
		return NULL;
	return r;
}

static void test_together(void)
{
	pthread_t threads[8];
	struct rig r;
	void *ok;

	rig_open(&r);
	r.delay_ms = 100;
	for (size_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, run_fetch, &r);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(threads[i], &ok);
		CU_ASSERT_PTR_NOT_NULL(ok);
	}
	CU_ASSERT_EQUAL(http_server_requests(r.server), 1);
	rig_close(&r);
}

static void test_cancelled(void)
{
	struct rig r;

	rig_open(&r);
	cancel_now(&r.cancel);
	CU_ASSERT_EQUAL(rig_fetch(&r), -ECANCELED);
	/* that says nothing about the service */
	CU_ASSERT_TRUE(creds_due(r.c));
	rig_close(&r);
}

static void test_inherit(void)
{
	struct creds *same, *other;
	struct rig r;

	rig_open(&r);
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	same = make_fetched(&r, NULL);
	other = make_fetched(&r, "{}");
	creds_inherit(same, r.c);
	creds_inherit(other, r.c);
	CU_ASSERT_TRUE(creds_due(other));
	creds_put(other);
	creds_put(r.c);
	r.c = same;
	has(&r, "u1");
	CU_ASSERT_EQUAL(creds_due_in_ms(same), 80000);
	rig_close(&r);
}

static struct creds *make_command(const char *command)
{
	const struct creds_opts opts = { .kind = CREDS_COMMAND,
					 .command = command,
					 .clock_ms = read_clock };
	const char *words;

	return creds_new(&opts, &words);
}

static void test_command(void)
{
	struct rig r;

	rig_open(&r);
	creds_put(r.c);
	r.c = make_command("echo username=c; echo password=p");
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	has(&r, "c");
	CU_ASSERT_EQUAL(creds_due_in_ms(r.c), CREDS_TTL_DEFAULT_S * 800);
	creds_put(r.c);
	r.c = make_command("echo username=c; echo password=p; echo "
			   "password_expiry_utc=$(($(date +%s) + 1000))");
	CU_ASSERT_EQUAL(rig_fetch(&r), 0);
	CU_ASSERT(creds_due_in_ms(r.c) > 700000);
	CU_ASSERT(creds_due_in_ms(r.c) <= 800000);
	creds_put(r.c);
	r.c = make_command("echo S3CRET; echo why >&2; exit 4");
	CU_ASSERT_EQUAL(rig_fetch(&r), -ECHILD);
	CU_ASSERT_STRING_EQUAL(r.words,
			       "credential_command: exit status 4: why");
	creds_put(r.c);
	r.c = make_command("echo S3CRET");
	CU_ASSERT_EQUAL(rig_fetch(&r), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.words, "username"));
	CU_ASSERT_PTR_NULL(strstr(r.words, "S3CRET"));
	rig_close(&r);
}

static CU_TestInfo tests[] = {
	{ "static credentials", test_static },
	{ "REST credentials, as openssl computes them", test_rest },
	{ "REST credentials refused", test_rest_refused },
	{ "what is too long or missing", test_limits },
	{ "a pair is wiped", test_wipe },
	{ "fetched, renewed, expired", test_life },
	{ "a service that does not answer", test_outage },
	{ "fetched ones that the relay refuses", test_refused },
	{ "one fetch for all who wait", test_together },
	{ "who goes away", test_cancelled },
	{ "what outlives a reload", test_inherit },
	{ "a command's", test_command },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "creds", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return unit_run(suites);
}
