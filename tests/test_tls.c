/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_tls.c - handshakes that must and must not succeed, and how data ends */
#include <config.h>

#include "tls.h"

#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define WAIT_MS 5000

/* One server, one client on a non-blocking descriptor. */
struct pair {
	struct tls_server *server;
	struct tls_ctx *ctx;
	struct tls *tls;
	int fd;
};

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static int dial(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static int begin(struct pair *p, const struct tls_server_opts *opts,
		 const char *host)
{
	const char *words = NULL;

	p->server = tls_server_new(opts);
	p->ctx = tls_ctx_new(tls_server_ca_file(p->server), &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->ctx);
	p->fd = dial(tls_server_port(p->server));
	p->tls = tls_open(p->ctx, p->fd, &(struct tls_opts){ .name = host });
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->tls);
	return tls_handshake_wait(p->tls, WAIT_MS);
}

static void end(struct pair *p)
{
	tls_free(p->tls);
	close(p->fd);
	tls_ctx_put(p->ctx);
	tls_server_free(p->server);
}

/* Until data, the end, or failure. */
static enum io read_wait(struct pair *p, char *buf, size_t max, size_t *n)
{
	enum io io;

	for (;;) {
		struct pollfd fd = { .fd = p->fd, .events = POLLIN };

		io = tls_read(p->tls, buf, max, n);
		if (io != IO_WANT_READ)
			return io;
		CU_ASSERT_FATAL(poll(&fd, 1, WAIT_MS) == 1);
	}
}

static void by_name(void)
{
	struct pair p;

	CU_ASSERT_EQUAL(begin(&p,
			      &(struct tls_server_opts){ .name = "relay.test" },
			      "relay.test"),
			0);
	CU_ASSERT_STRING_EQUAL(tls_server_sni(p.server), "relay.test");
	CU_ASSERT_STRING_EQUAL(tls_server_alpn(p.server), "stun.turn");
	CU_ASSERT_STRING_EQUAL(tls_error(p.tls), "no error");
	end(&p);
}

static void by_name_with_dot(void)
{
	struct pair p;

	CU_ASSERT_EQUAL(begin(&p,
			      &(struct tls_server_opts){ .name = "relay.test" },
			      "relay.test."),
			0);
	CU_ASSERT_STRING_EQUAL(tls_server_sni(p.server), "relay.test");
	end(&p);
}

static void by_address(void)
{
	struct pair p;

	CU_ASSERT_EQUAL(begin(&p,
			      &(struct tls_server_opts){ .ip = "127.0.0.1" },
			      "127.0.0.1"),
			0);
	CU_ASSERT_STRING_EQUAL(tls_server_sni(p.server), "");
	end(&p);
	CU_ASSERT_EQUAL(begin(&p,
			      &(struct tls_server_opts){ .ip = "2001:db8::1" },
			      "2001:db8::1"),
			0);
	end(&p);
}

static void without_alpn(void)
{
	struct pair p;
	struct tls_server_opts opts = { .name = "relay.test", .no_alpn = true };

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	CU_ASSERT_STRING_EQUAL(tls_server_alpn(p.server), "stun.turn");
	end(&p);
}

static void only_tls12(void)
{
	struct pair p;
	struct tls_server_opts opts = { .name = "relay.test", .tls12 = true };

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	end(&p);
}

static void refuse(const struct tls_server_opts *opts, const char *host,
		   int error, const char *words)
{
	struct pair p;
	int rc = begin(&p, opts, host);

	CU_ASSERT_EQUAL(rc, error);
	if (strstr(tls_error(p.tls), words) == NULL) {
		CU_FAIL("tls_error()");
		fprintf(stderr, "%s, not %s\n", tls_error(p.tls), words);
	}
	CU_ASSERT_EQUAL(tls_handshake(p.tls), IO_FAIL);
	end(&p);
}

static void wrong_name(void)
{
	refuse(&(struct tls_server_opts){ .name = "other.test" }, "relay.test",
	       -EPROTO,
	       "certificate of relay.test: hostname mismatch (subject CN = "
	       "other.test, issuer CN = Test CA)");
	/* A name in the certificate's CN alone is nothing: RFC 9525, 2. */
	refuse(&(struct tls_server_opts){ .name = "relay.test",
					  .ip = "127.0.0.1" },
	       "127.0.0.2", -EPROTO, "IP address mismatch");
	/* Only the leftmost label may be a wildcard, and not part of one. */
	refuse(&(struct tls_server_opts){ .name = "re*.test" }, "relay.test",
	       -EPROTO, "hostname mismatch");
}

static void stranger(void)
{
	refuse(&(struct tls_server_opts){ .name = "relay.test",
					  .stranger = true },
	       "relay.test", -EPROTO, "issuer CN = Stranger CA");
}

static void expired(void)
{
	refuse(&(struct tls_server_opts){ .name = "relay.test",
					  .expired = true },
	       "relay.test", -EPROTO, "certificate has expired");
}

static void old_protocol(void)
{
	refuse(&(struct tls_server_opts){ .name = "relay.test", .tls11 = true },
	       "relay.test", -EPROTO, "");
}

static void hang_up(void)
{
	refuse(&(struct tls_server_opts){ .way = TLS_SERVER_HANG_UP },
	       "relay.test", -ECONNRESET, "closed during the handshake");
}

static void plaintext(void)
{
	refuse(&(struct tls_server_opts){ .way = TLS_SERVER_PLAINTEXT },
	       "relay.test", -EPROTO, "the answer is plain HTTP");
}

static void silent(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_SILENT };
	struct tls_server *s = tls_server_new(&opts);
	const char *words;
	struct tls_ctx *ctx = tls_ctx_new(tls_server_ca_file(s), &words);
	int fd = dial(tls_server_port(s));
	struct tls *t = tls_open(ctx, fd,
				 &(struct tls_opts){ .name = "relay.test" });

	CU_ASSERT_EQUAL(tls_handshake(t), IO_WANT_READ);
	CU_ASSERT_EQUAL(tls_handshake_wait(t, 50), -ETIMEDOUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(tls_error(t), "in time"));
	tls_free(t);
	close(fd);
	tls_ctx_put(ctx);
	tls_server_free(s);
}

/* The name of a certificate is the peer's text: it must not break a line. */
static void hostile_name(void)
{
	struct tls_server_opts opts = { .common_name = "x\ny\x1b[31mz",
					.stranger = true };
	struct pair p;
	size_t i;

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(tls_error(p.tls), "[31mz"));
	for (i = 0; tls_error(p.tls)[i] != '\0'; i++)
		CU_ASSERT(tls_error(p.tls)[i] >= ' ');
	end(&p);
}

static void bad_arguments(void)
{
	const char *words = NULL;
	struct tls_ctx *ctx = tls_ctx_new(NULL, &words);
	char empty[] = "/tmp/turnout-empty.XXXXXX", name[300];
	int fd = mkstemp(empty);

	/* The machine's own store. */
	CU_ASSERT_PTR_NOT_NULL_FATAL(ctx);
	CU_ASSERT_PTR_NULL(tls_open(ctx, 0, &(struct tls_opts){ .name = "" }));
	CU_ASSERT_EQUAL(errno, EINVAL);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_PTR_NULL(
		tls_open(ctx, 0, &(struct tls_opts){ .name = name }));
	tls_ctx_put(ctx);
	CU_ASSERT_PTR_NULL(tls_ctx_new("/nonexistent/ca.pem", &words));
	CU_ASSERT_STRING_EQUAL(words, "No such file or directory");
	CU_ASSERT_PTR_NULL(tls_ctx_new(empty, &words));
	CU_ASSERT(strlen(words) > 0);
	close(fd);
	unlink(empty);
	tls_ctx_put(NULL);
	tls_free(NULL);
}

/* The machine's own store does not know the test authority. */
static void system_store(void)
{
	struct tls_server_opts opts = { .name = "relay.test" };
	struct tls_server *s = tls_server_new(&opts);
	const char *words;
	struct tls_ctx *ctx = tls_ctx_new(NULL, &words);
	int fd = dial(tls_server_port(s));
	struct tls *t = tls_open(ctx, fd,
				 &(struct tls_opts){ .name = "relay.test" });

	CU_ASSERT_EQUAL(tls_handshake_wait(t, WAIT_MS), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(tls_error(t), "issuer CN = Test CA"));
	tls_free(t);
	close(fd);
	tls_ctx_put(ctx);
	tls_server_free(s);
}

static void context_may_go_first(void)
{
	struct tls_server_opts opts = { .name = "relay.test" };
	struct pair p;
	char buf[8];
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	tls_ctx_put(p.ctx);
	p.ctx = NULL;
	CU_ASSERT_EQUAL(tls_write(p.tls, "hello", 5, &n), IO_OK);
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_OK);
	CU_ASSERT_EQUAL(n, 5);
	CU_ASSERT_EQUAL(memcmp(buf, "hello", 5), 0);
	end(&p);
}

static void ends(enum tls_server_way way, const char *text, const char *words)
{
	struct tls_server_opts opts = { .way = way, .name = "relay.test" };
	struct pair p;
	char buf[16];
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_OK);
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_EQUAL(memcmp(buf, text, 3), 0);
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_EOF);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_STRING_EQUAL(tls_error(p.tls), words);
	/* It stays ended. */
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_EOF);
	end(&p);
}

static void end_of_data(void)
{
	ends(TLS_SERVER_NOTIFY, "bye", "closed by the peer");
	ends(TLS_SERVER_TRUNCATE, "cut", "closed without close_notify");
}

/* Read-ahead takes all eight from the kernel: the descriptor stays silent. */
static void pending(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_BURST,
					.name = "relay.test" };
	struct pair p;
	struct pollfd fd;
	char c;
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	CU_ASSERT_EQUAL(read_wait(&p, &c, 1, &n), IO_OK);
	CU_ASSERT_EQUAL(c, '0');
	for (char want = '1'; want < '8'; want++) {
		CU_ASSERT(tls_pending(p.tls) > 0);
		CU_ASSERT_EQUAL(tls_read(p.tls, &c, 1, &n), IO_OK);
		CU_ASSERT_EQUAL(c, want);
	}
	CU_ASSERT_EQUAL(tls_read(p.tls, &c, 1, &n), IO_WANT_READ);
	CU_ASSERT_EQUAL(tls_pending(p.tls), 0);
	fd = (struct pollfd){ .fd = p.fd, .events = POLLIN };
	CU_ASSERT_EQUAL(poll(&fd, 1, 0), 0);
	end(&p);
}

/* A full socket: part is written, then IO_WANT_WRITE; the same bytes go on
 * from another place in memory and arrive once. */
static void partial_writes(void)
{
	struct tls_server_opts opts = { .name = "relay.test" };
	enum {
		TOTAL = 3 << 20
	};
	struct pair p;
	unsigned char *bytes = malloc(TOTAL), *got = malloc(TOTAL);
	size_t sent = 0, read = 0, n;
	bool waited = false;
	int small = 8192;

	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 4096);
	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (sent < TOTAL) {
		unsigned char moved[40000];
		size_t len = TOTAL - sent < 40000 ? TOTAL - sent : 40000;
		enum io io;

		memcpy(moved, bytes + sent, len);
		io = tls_write(p.tls, moved, len, &n);
		memset(moved, 0xee, sizeof(moved));
		sent += n;
		if (io == IO_OK) {
			CU_ASSERT(n > 0 && n <= len);
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(io, IO_WANT_WRITE);
		CU_ASSERT_EQUAL(n, 0);
		waited = true;
		/* The server echoes: reading lets it go on. */
		while (tls_read(p.tls, got + read, TOTAL - read, &n) == IO_OK)
			read += n;
	}
	while (read < TOTAL) {
		CU_ASSERT_EQUAL_FATAL(
			read_wait(&p, (char *)got + read, TOTAL - read, &n),
			IO_OK);
		read += n;
	}
	CU_ASSERT_TRUE(waited);
	CU_ASSERT_EQUAL(memcmp(bytes, got, TOTAL), 0);
	free(bytes);
	free(got);
	end(&p);
}

/* close_notify to a peer that reads nothing must not block. */
static void free_does_not_block(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_DEAF,
					.name = "relay.test" };
	static char block[16384];
	struct pair p;
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	while (tls_write(p.tls, block, sizeof(block), &n) == IO_OK)
		;
	alarm(5);
	tls_free(p.tls);
	alarm(0);
	p.tls = NULL;
	end(&p);
}

static void write_after_reset(void)
{
	struct tls_server_opts opts = { .name = "relay.test" };
	struct pair p;
	enum io io = IO_OK;
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, &opts, "relay.test"), 0);
	tls_server_free(p.server);
	p.server = NULL;
	for (int i = 0; i < 100 && io == IO_OK; i++)
		io = tls_write(p.tls, "x", 1, &n);
	CU_ASSERT_EQUAL(io, IO_FAIL);
	CU_ASSERT_EQUAL(tls_write(p.tls, "x", 1, &n), IO_FAIL);
	CU_ASSERT(strlen(tls_error(p.tls)) > 0);
	end(&p);
}

static CU_TestInfo tests[] = {
	{ "name, server name and ALPN", by_name },
	{ "name with the root's dot", by_name_with_dot },
	{ "address, no server name", by_address },
	{ "server that selects no protocol", without_alpn },
	{ "server with TLS 1.2", only_tls12 },
	{ "wrong name or address", wrong_name },
	{ "unknown authority", stranger },
	{ "expired certificate", expired },
	{ "TLS 1.1", old_protocol },
	{ "end of file for an answer", hang_up },
	{ "not TLS at all", plaintext },
	{ "no answer", silent },
	{ "words are one line", hostile_name },
	{ "bad arguments and files", bad_arguments },
	{ "the system's store", system_store },
	{ "context freed before its session", context_may_go_first },
	{ "close_notify and its absence", end_of_data },
	{ "pending records", pending },
	{ "partial writes from moving memory", partial_writes },
	{ "free does not block", free_does_not_block },
	{ "write after the peer went", write_after_reset },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "tls", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
