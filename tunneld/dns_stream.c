/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_stream.c - DNS over TCP, as the name server that an app connected to
 * (RFC 7766)
 *
 * Theory of operation. The app owns one end of a loopback connection, a stream
 * the other. Its queries, as many and as fast as it likes, go through
 * dns_serve.c; what that passes on goes to the real server by a connection of
 * the stream's own, which is made with the first one. Answers come in any
 * order. Nothing is read from an app that does not read its answers. A stream
 * that is silent, or owes answers that its server will not give, is closed:
 * then the app asks elsewhere. Streams are freed at the end of the turn, as
 * answers may be under way inside dns_serve.c.
 */
#include <config.h>

#include "dns_stream.h"

#include "caller.h"
#include "dns_frames.h"
#include "loop.h"
#include "tcp_pair.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/socket.h>

#define STREAMS_MAX 64
/* RFC 7766, 6.2.3: seconds; apps that go on ask for another connection. */
#define IDLE_MS 30000

/* One side of a stream. */
struct side {
	struct loop_fd watch;
	struct dns_frames frames;
};

struct stream {
	struct dns_streams *all;
	struct endpoint server;
	struct policy_client *client; /* heap */
	struct dns_serve *serve;
	struct side app;
	struct side *real; /* NULL: not needed yet */
	size_t owed;       /* answers, by the real server */
	bool over;
	struct loop_timer idle;
	struct loop_defer end;
	struct stream *next, **prev;
};

struct dns_streams {
	struct dns_streams_opts opts;
	size_t count;
	struct stream *streams;
};

struct dns_streams *dns_streams_new(const struct dns_streams_opts *opts)
{
	struct dns_streams *all = calloc(1, sizeof(*all));

	if (all != NULL)
		all->opts = *opts;
	return all;
}

void dns_streams_reload(struct dns_streams *all, struct policy *policy)
{
	all->opts.policy = policy;
}

/* The end */

static void side_close(struct stream *s, struct side *side)
{
	loop_fd_del(s->all->opts.loop, &side->watch);
	close(side->frames.fd);
}

static void stream_free(struct stream *s)
{
	struct loop *loop = s->all->opts.loop;

	loop_timer_stop(loop, &s->idle);
	loop_defer_cancel(loop, &s->end);
	dns_serve_free(s->serve);
	free(s->client);
	side_close(s, &s->app);
	if (s->real != NULL)
		side_close(s, s->real);
	free(s->real);
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	s->all->count--;
	free(s);
}

void dns_streams_free(struct dns_streams *all)
{
	while (all != NULL && all->streams != NULL)
		stream_free(all->streams);
	free(all);
}

static void on_end(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	stream_free(arg);
}

static void end(struct stream *s)
{
	s->over = true;
	loop_fd_set(s->all->opts.loop, &s->app.watch, 0);
	if (s->real != NULL)
		loop_fd_set(s->all->opts.loop, &s->real->watch, 0);
	loop_defer(s->all->opts.loop, &s->end, on_end, s);
}

static void on_idle(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	end(arg);
}

static void stay(struct stream *s, uint64_t now_ms)
{
	loop_timer_set(s->all->opts.loop, &s->idle, now_ms + IDLE_MS, on_idle,
		       s);
}

/* Writing */

/* An app that does not read is not read from, nor is its server. */
static void watch(struct stream *s)
{
	uint32_t in = dns_frames_has_room(&s->app.frames) ? EPOLLIN : 0;
	struct side *sides[] = { &s->app, s->real };

	for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
		if (sides[i] != NULL)
			loop_fd_set(s->all->opts.loop, &sides[i]->watch,
				    in | (sides[i]->frames.out_len > 0
						  ? EPOLLOUT
						  : 0));
}

static void flush(struct stream *s, struct side *side)
{
	if (s->over)
		return;
	if (dns_frames_flush(&side->frames) < 0)
		end(s);
	else
		watch(s);
}

static void put(struct stream *s, struct side *side, const uint8_t *data,
		size_t len)
{
	if (s->over)
		return;
	if (dns_frames_put(&side->frames, data, len))
		flush(s, side);
	else
		end(s);
}

static void on_reply(void *arg, const struct endpoint *server,
		     const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct stream *s = arg;

	(void)server;
	stay(s, now_ms);
	put(s, &s->app, data, len);
}

/* The real server */

static void on_real_answer(void *arg, const uint8_t *data, size_t len,
			   uint64_t now_ms)
{
	struct stream *s = arg;

	/* A transfer of a zone has more answers than queries. */
	s->owed -= s->owed > 0;
	stay(s, now_ms);
	put(s, &s->app, data, len);
}

/* It may close when it owes nothing; the next query makes a new one. */
static void lose_real(struct stream *s)
{
	if (s->owed > 0) {
		end(s);
		return;
	}
	side_close(s, s->real);
	free(s->real);
	s->real = NULL;
}

static void on_real(void *arg, uint32_t events, uint64_t now_ms)
{
	struct stream *s = arg;
	int n;

	if (events & EPOLLOUT)
		flush(s, s->real);
	if (s->over || (events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	n = dns_frames_read(&s->real->frames, on_real_answer, s, now_ms);
	if (n < 0 && n != -EAGAIN && !s->over)
		lose_real(s);
}

static bool open_real(struct stream *s)
{
	int af = s->server.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	int fd = socket(af, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct side *real = calloc(1, sizeof(*real));
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&s->server, af, &sa);

	if (fd < 0 || real == NULL ||
	    (connect(fd, (struct sockaddr *)&sa, len) < 0 &&
	     errno != EINPROGRESS) ||
	    loop_fd_add(s->all->opts.loop, &real->watch, fd, EPOLLIN | EPOLLOUT,
			on_real, s) < 0) {
		if (fd >= 0)
			close(fd);
		free(real);
		return false;
	}
	dns_frames_init(&real->frames, fd);
	s->real = real;
	return true;
}

static bool on_pass(void *arg, const struct endpoint *server,
		    const uint8_t *data, size_t len)
{
	struct stream *s = arg;

	(void)server;
	if (s->over || (s->real == NULL && !open_real(s)) ||
	    !dns_frames_put(&s->real->frames, data, len))
		return false;
	s->owed++;
	watch(s); /* it may not be connected yet */
	return true;
}

/* The app */

static void on_query(void *arg, const uint8_t *data, size_t len,
		     uint64_t now_ms)
{
	struct stream *s = arg;

	if (!s->over)
		dns_serve_query(s->serve, s->all->opts.policy, &s->server, data,
				len, now_ms);
}

static void on_app(void *arg, uint32_t events, uint64_t now_ms)
{
	struct stream *s = arg;
	int n;

	if (events & EPOLLOUT)
		flush(s, &s->app);
	if (s->over || (events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	n = dns_frames_read(&s->app.frames, on_query, s, now_ms);
	if (n > 0)
		stay(s, now_ms);
	else if (n != -EAGAIN)
		end(s);
}

static struct stream *stream_new(struct dns_streams *all, int fd,
				 const struct endpoint *server,
				 const struct policy_client *client)
{
	struct loop *loop = all->opts.loop;
	struct stream *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->serve = dns_serve_new(loop, all->opts.names, all->opts.stats,
					 on_reply, s);
		s->client = caller_keep(client);
	}
	if (s == NULL || s->serve == NULL || s->client == NULL ||
	    loop_fd_add(loop, &s->app.watch, fd, EPOLLIN, on_app, s) < 0) {
		if (s != NULL) {
			dns_serve_free(s->serve);
			free(s->client);
		}
		free(s);
		return NULL;
	}
	s->all = all;
	s->server = *server;
	dns_frames_init(&s->app.frames, fd);
	dns_serve_set_client(s->serve, s->client);
	dns_serve_set_pass(s->serve, on_pass, s);
	if (all->opts.learn != NULL)
		dns_serve_set_learn(s->serve, all->opts.learn, all->opts.arg);
	s->next = all->streams;
	s->prev = &all->streams;
	if (s->next != NULL)
		s->next->prev = &s->next;
	all->streams = s;
	all->count++;
	return s;
}

int dns_streams_open(struct dns_streams *all, int af,
		     const struct endpoint *server,
		     const struct policy_client *client)
{
	struct stream *s;
	int fd[2], err;

	if (all->count >= STREAMS_MAX)
		return -ECONNREFUSED;
	err = tcp_pair_open(af, fd);
	if (err < 0)
		return err;
	s = stream_new(all, fd[1], server, client);
	if (s == NULL) {
		close(fd[0]);
		close(fd[1]);
		return -ENOMEM;
	}
	stay(s, loop_now_ms(all->opts.loop));
	return fd[0];
}
