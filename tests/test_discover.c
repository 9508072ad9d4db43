/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_discover.c - relays that DNS, or the service of their credentials, is
 * asked for: what comes first, what comes later, and what stays
 */
#include <config.h>

#include "../tunneld/discover.h"

#include "../tunneld/clock.h"
#include "../tunneld/conf_uri.h"
#include "../tunneld/creds.h"
#include "../tunneld/dial.h"
#include "../tunneld/log.h"
#include "../tunneld/loop.h"
#include "../tunneld/plan.h"
#include "../tunneld/policy.h"
#include "../tunneld/rules.h"
#include "../tunneld/tls.h"
#include "fake/dns_server.h"
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Longer than anything here takes on a loaded machine. */
#define PATIENCE_MS 20000

static struct dns_server dns;
static struct loop *loop;
static struct dial_pool *pool;
static struct plan *plan;
static struct relay_set *set; /* in force */
static struct discover *discover;
static unsigned int sets;
static bool late;

static void on_set(void *arg, struct relay_set *next, uint64_t now_ms)
{
	(void)now_ms;
	CU_ASSERT_PTR_EQUAL(arg, &sets);
	relay_set_put(set);
	set = next;
	sets++;
	loop_stop(loop);
}

static void on_late(void *arg, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
	late = true;
	loop_stop(loop);
}

/* The ways in force, one after another. */
static void expect(const char *wanted)
{
	char text[2048] = "", key[RELAY_KEY_MAX + 1];

	for (size_t i = 0; i < set->count; i++) {
		size_t len = strlen(text);

		relay_key(&set->relay[i], key);
		snprintf(text + len, sizeof(text) - len, "%s%s",
			 len ? ", " : "", key);
	}
	CU_ASSERT_STRING_EQUAL(text, wanted);
	if (strcmp(text, wanted) != 0)
		printf("\n%s\nwanted:\n%s\n", text, wanted);
}

/* False: nothing new within `ms`. */
static bool next_set(uint64_t ms)
{
	struct loop_timer timer = { 0 };
	unsigned int before = sets;

	late = false;
	CU_ASSERT_EQUAL(loop_timer_set(loop, &timer, clock_now_ms() + ms,
				       on_late, NULL),
			0);
	while (sets == before && !late)
		CU_ASSERT_EQUAL_FATAL(loop_run(loop), 0);
	loop_timer_stop(loop, &timer);
	return sets != before;
}

static void make_plan(const char *const *uris, size_t count,
		      const char *service)
{
	const struct creds_opts given = { .username = "u", .secret = "s" };
	const struct creds_opts fetched = { .kind = CREDS_URI, .uri = service };
	struct rules rules = { 0 };
	struct rules_context ctx = { .user = &rules };
	const char *why = "";
	char words[200];

	plan = plan_new(count);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
	plan->policy = policy_new(&ctx, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plan->policy);
	for (size_t i = 0; i < count; i++) {
		struct plan_relay *r = &plan->relay[i];

		snprintf(r->name, sizeof(r->name), "r%zu", i);
		r->creds = creds_new(uris[i] ? &given : &fetched, &why);
		CU_ASSERT_PTR_NOT_NULL_FATAL(r->creds);
		r->tls = tls_ctx_new(NULL, &why);
		CU_ASSERT_PTR_NOT_NULL_FATAL(r->tls);
		if (uris[i] == NULL)
			continue;
		CU_ASSERT_EQUAL_FATAL(
			conf_uri_turn(uris[i], &r->uri, words, sizeof(words)),
			0);
	}
}

static void begin(void)
{
	log_open(LOG_LEVEL_ERROR, false);
	loop = loop_new();
	pool = dial_pool_new(4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	dns_server_open(&dns);
	sets = 0;
}

static void start(const char *const *uris, size_t count, const char *service)
{
	struct discover_opts opts = { .loop = loop,
				      .pool = pool,
				      .server = &dns.at,
				      .on_set = on_set,
				      .arg = &sets };

	make_plan(uris, count, service);
	opts.plan = plan;
	opts.relays = set = plan_relays(plan, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	discover = discover_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(discover);
}

static void end(void)
{
	discover_free(discover);
	dial_pool_free(pool);
	dns_server_close(&dns);
	loop_free(loop);
	relay_set_put(set);
	plan_put(plan);
}

static void test_nothing_to_do(void)
{
	static const char *const uris[] = { "turns:a.test:1",
					    "turn:127.0.0.1" };

	begin();
	start(uris, 2, NULL);
	expect("r0 tls a.test:1 direct, r0 dtls a.test:1 direct, "
	       "r1 udp 127.0.0.1:3478 direct, r1 tcp 127.0.0.1:3478 direct");
	CU_ASSERT_FALSE(next_set(100));
	discover_refresh(discover, clock_now_ms());
	CU_ASSERT_FALSE(next_set(100));
	CU_ASSERT_EQUAL(atomic_load(&dns.queries), 0);
	end();
}

static void test_found(void)
{
	static const char *const uris[] = { "turn:a.test?transport=udp",
					    "turns:b.test:1?transport=tcp",
					    "turns:c.test?transport=tcp" };

	begin();
	dns_server_add_srv(&dns, "_turn._udp.a.test", 600, 1, 1, 99, "x.test");
	dns_server_add_srv(&dns, "_turns._tcp.c.test", 600, 1, 1, 98, "y.test");
	start(uris, 3, NULL);
	/* What needs no answer is there at once. */
	expect("r1 tls b.test:1 direct");
	CU_ASSERT_TRUE(relay_set_put_winner(set, "r1 tls b.test:1 direct", 5));
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	if (set->count < 3)
		CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	expect("r0 udp x.test:99 direct, r1 tls b.test:1 direct, "
	       "r2 tls y.test:98 direct");
	CU_ASSERT_STRING_EQUAL(set->relay[2].tls_name, "c.test");
	/* What was known stays known. */
	CU_ASSERT_PTR_EQUAL(relay_set_winner(set), &set->relay[1]);
	end();
}

static void test_refresh(void)
{
	static const char *const uris[] = { "turn:a.test?transport=udp" };

	begin();
	dns_server_add_srv(&dns, "_turn._udp.a.test", 600, 1, 1, 1, "x.test");
	dns_server_add_srv(&dns, "_turn._udp.a.test", 600, 1, 1, 2, "y.test");
	start(uris, 1, NULL);
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	CU_ASSERT_EQUAL(set->count, 2);
	/* The same answer is no new set, in whichever order. */
	for (int i = 0; i < 4; i++) {
		unsigned int asked = atomic_load(&dns.queries);

		discover_refresh(discover, clock_now_ms());
		CU_ASSERT_FALSE(next_set(100));
		CU_ASSERT(atomic_load(&dns.queries) > asked);
	}
	dns_server_clear(&dns);
	dns_server_add_srv(&dns, "_turn._udp.a.test", 600, 1, 1, 3, "z.test");
	discover_refresh(discover, clock_now_ms());
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	expect("r0 udp z.test:3 direct");
	/* A name server that is ill takes nothing away. */
	dns.rcode = ns_r_servfail;
	discover_refresh(discover, clock_now_ms());
	CU_ASSERT_FALSE(next_set(200));
	expect("r0 udp z.test:3 direct");
	/* One that says so does. */
	dns.rcode = 0;
	dns_server_clear(&dns);
	dns_server_add_srv(&dns, "_turn._udp.a.test", 600, 0, 0, 0, ".");
	discover_refresh(discover, clock_now_ms());
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	expect("");
	end();
}

/* A name server that fails is asked again soon. */
static void test_ill(void)
{
	static const char *const uris[] = { "turns:a.test?transport=tcp" };

	begin();
	dns.rcode = ns_r_servfail;
	dns_server_add_srv(&dns, "_turns._tcp.a.test", 600, 1, 1, 99, "x.test");
	start(uris, 1, NULL);
	expect("");
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	expect("r0 tls a.test:5349 direct");
	dns.rcode = 0;
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	expect("r0 tls x.test:99 direct");
	end();
}

/* One that is silent does not hold anything up for long; its answer, when it
 * comes, counts. */
static void test_silent(void)
{
	static const char *const uris[] = { "turns:a.test" };

	begin();
	dns.silent = true;
	dns_server_add_srv(&dns, "_turns._tcp.a.test", 600, 1, 1, 99, "x.test");
	start(uris, 1, NULL);
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	expect("r0 tls a.test:5349 direct, r0 dtls a.test:5349 direct");
	dns.silent = false;
	CU_ASSERT_TRUE(next_set(2 * PATIENCE_MS));
	expect("r0 tls x.test:99 direct");
	end();
}

/* It ends while a name server is asked. */
static void test_end(void)
{
	static const char *const uris[] = { "turns:a.test", "turn:b.test" };
	uint64_t start_ms = clock_now_ms();

	begin();
	dns.silent = true;
	start(uris, 2, NULL);
	while (atomic_load(&dns.queries) == 0 &&
	       clock_now_ms() < start_ms + PATIENCE_MS)
		usleep(1000);
	discover_free(discover);
	discover = NULL;
	CU_ASSERT_FALSE(next_set(50));
	end();
}

/* ---- URIs that come with the credentials ---- */

struct service {
	int fd;
	pthread_t thread;
	const char *body;
};

/* One answer to each request, whatever it is. */
static void *serve(void *arg)
{
	struct service *s = arg;
	char text[2048];
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		ssize_t n = recv(fd, text, sizeof(text), 0);

		n = snprintf(text, sizeof(text),
			     "HTTP/1.1 200 OK\r\nContent-Type: "
			     "application/json\r\nContent-Length: %zu\r\n"
			     "Connection: close\r\n\r\n%s",
			     strlen(s->body), s->body);
		n = send(fd, text, (size_t)n, MSG_NOSIGNAL);
		(void)n;
		close(fd);
	}
	return NULL;
}

static void service_open(struct service *s, const char *body, char *url,
			 size_t max)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->body = body;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(s->fd, 4), 0);
	CU_ASSERT_EQUAL(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	snprintf(url, max, "http://127.0.0.1:%u/turn", ntohs(a.sin_port));
	CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void service_close(struct service *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

static void test_listed(void)
{
	static const char *const uris[] = { NULL, "turn:b.test:1" };
	struct service service;
	char url[64];

	begin();
	service_open(&service,
		     "{\"username\":\"u\",\"password\":\"p\",\"ttl\":86400,"
		     "\"uris\":[\"stun:s.test:3478\","
		     "\"turns:s.test:443?transport=tcp\","
		     "\"turn:s.test:3478?transport=udp\",\"turn:\","
		     "\"turn:t.test?transport=tcp\","
		     "\"turn:s.test:3478?transport=udp\"]}",
		     url, sizeof(url));
	dns_server_add_srv(&dns, "_turn._tcp.t.test", 600, 1, 1, 77, "x.test");
	start(uris, 2, url);
	expect("r1 udp b.test:1 direct, r1 tcp b.test:1 direct");
	CU_ASSERT_TRUE(next_set(PATIENCE_MS));
	expect("r0 udp s.test:3478 direct, r0 tcp x.test:77 direct, "
	       "r0 tls s.test:443 direct, "
	       "r1 udp b.test:1 direct, r1 tcp b.test:1 direct");
	service_close(&service);
	end();
}

static void test_none_listed(void)
{
	static const char *const uris[] = { NULL };
	struct service service;
	char url[64];

	begin();
	service_open(&service,
		     "{\"username\":\"u\",\"password\":\"p\",\"ttl\":86400,"
		     "\"uris\":[\"stun:s.test:3478\"]}",
		     url, sizeof(url));
	start(uris, 1, url);
	CU_ASSERT_FALSE(next_set(500));
	expect("");
	service_close(&service);
	end();
}

static CU_TestInfo tests[] = {
	{ "nothing to find out", test_nothing_to_do },
	{ "what DNS knows", test_found },
	{ "asked again", test_refresh },
	{ "a name server that fails", test_ill },
	{ "a name server that is silent", test_silent },
	{ "the end while it is asked", test_end },
	{ "URIs that come with the credentials", test_listed },
	{ "none that comes with them", test_none_listed },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "discover", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
