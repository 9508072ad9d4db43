/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace_print.c - events of a trace -> a line each, with the reason that
 * tunneld gives for the decision
 *
 * Events that are news go through a pipe to a thread, which asks tunneld
 * (CONTROL_EXPLAIN) once for each destination and program, and prints.
 */
#include <config.h>

#include "trace_print.h"

#include "daemon.h"
#include "trace_count.h"

#include <turnout/control.h>
#include <turnout/page.h>
#include <turnout/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#define REASONS    256 /* that are remembered; older ones are asked again */
#define PIPE_BYTES (1 << 20)
#define TARGET_MAX 64

/* Why something is decided about a destination, for a program. */
struct reason {
	struct endpoint dest;
	uint8_t protocol;
	bool known;
	char program[512];
	char host[256]; /* the name that an address stands for, or the address
			 */
	char decision[16];
	char because[512];
};

struct trace_print {
	struct trace_count count;
	pthread_t thread;
	int pipe[2];
	char socket[SOCKET_PATH_MAX + 1];
	FILE *to;
	bool json;
	struct reason reason[REASONS];
};

/* Reasons */

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case POLICY_TCP:
		return "tcp";
	case POLICY_UDP:
		return "udp";
	default:
		return "ip";
	}
}

static void format_target(const struct trace_event *event, char *out)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	bool v6 = event->dest.family == ENDPOINT_IPV6;

	inet_ntop(v6 ? AF_INET6 : AF_INET, event->dest.ip, ip, sizeof(ip));
	snprintf(out, TARGET_MAX, "%s%s%s%s:%u",
		 event->protocol == POLICY_UDP ? "udp://" : "", v6 ? "[" : "",
		 ip, v6 ? "]" : "", endpoint_port(&event->dest));
}

/* From outside: a name may be anything. */
static void copy_clean(char *out, size_t max, const char *text)
{
	size_t n = 0;

	if (text == NULL)
		text = "";
	for (; *text != '\0' && n + 1 < max; text++, n++)
		out[n] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?'
								      : *text;
	out[n] = '\0';
}

static void take_answer(struct reason *r, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	const char *because, *decision, *host;

	decision = json_string_value(json_object_get(root, "decision"));
	because = json_string_value(json_object_get(root, "because"));
	host = json_string_value(json_object_get(root, "name"));
	copy_clean(r->decision, sizeof(r->decision), decision);
	copy_clean(r->because, sizeof(r->because), because);
	if (host != NULL)
		copy_clean(r->host, sizeof(r->host), host);
	json_decref(root);
}

static void ask(const struct trace_print *p, const struct trace_event *event,
		struct reason *r)
{
	struct control_explain body = { .flags = CONTROL_EXPLAIN_JSON };
	char target[TARGET_MAX], *text;
	uint32_t status;

	format_target(event, target);
	memcpy(body.target, target, sizeof(target));
	memcpy(body.program, event->program, sizeof(body.program));
	if (daemon_explain(p->socket, &body, &status, &text))
		return;
	take_answer(r, text);
	free(text);
}

static struct reason *reason_of(struct trace_print *p,
				const struct trace_event *event)
{
	struct trace_event key = { .protocol = event->protocol,
				   .dest = event->dest };
	struct reason *r;

	memcpy(key.program, event->program, sizeof(key.program));
	r = &p->reason[trace_hash(&key) % REASONS];
	if (r->known && r->protocol == event->protocol &&
	    endpoint_equal(&r->dest, &event->dest) &&
	    strcmp(r->program, event->program) == 0)
		return r;
	memset(r, 0, sizeof(*r));
	r->known = true;
	r->protocol = event->protocol;
	r->dest = event->dest;
	memcpy(r->program, event->program, sizeof(r->program));
	ask(p, event, r);
	return r;
}

/* Lines */

static const char *verdict(const struct trace_event *event)
{
	static const char *const words[POLICY_NUM_ACTIONS] = {
		[POLICY_DIRECT] = "direct",
		[POLICY_PREFER_DIRECT] = "direct",
		[POLICY_PROXY] = "intercepted",
		[POLICY_TUNNEL] = "intercepted",
		[POLICY_BLOCK] = "blocked",
	};

	switch (event->kind) {
	case TRACE_DECIDED:
		return event->action < POLICY_NUM_ACTIONS ? words[event->action]
							  : "blocked";
	case TRACE_NAME:
		return "name";
	case TRACE_PROGRAM:
		return "not-preloaded";
	case TRACE_URING:
		return "io_uring";
	case TRACE_LOST:
		return "not-readable";
	default:
		return "UNSEEN";
	}
}

static bool has_dest(const struct trace_event *event)
{
	return event->kind == TRACE_DECIDED || event->kind == TRACE_UNSEEN;
}

static void print_text(const struct trace_print *p,
		       const struct trace_event *event, const struct reason *r)
{
	const char *slash = strrchr(event->program, '/');
	char program[64], words[sizeof(event->words)], target[TARGET_MAX];

	copy_clean(program, sizeof(program),
		   slash != NULL ? slash + 1 : event->program);
	copy_clean(words, sizeof(words), event->words);
	fprintf(p->to, "%s[%d] %s", program, event->pid, verdict(event));
	if (r != NULL) {
		format_target(event, target);
		fprintf(p->to, " %s%s", protocol_name(event->protocol),
			event->protocol == POLICY_UDP ? target + 5 : " ");
		if (event->protocol != POLICY_UDP)
			fputs(target, p->to);
		if (r->host[0] != '\0')
			fprintf(p->to, " (%s)", r->host);
	}
	if (words[0] != '\0')
		fprintf(p->to, "%s %s", r != NULL ? ":" : "", words);
	if (r != NULL && r->decision[0] != '\0')
		fprintf(p->to, "%s %s, because %s",
			words[0] ? "; policy:" : ":", r->decision, r->because);
	putc('\n', p->to);
}

static void print_json(const struct trace_print *p,
		       const struct trace_event *event, const struct reason *r)
{
	json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:s}", "schema",
			      "turnout-trace/1", "event", verdict(event), "pid",
			      (int)event->pid, "program", event->program,
			      "words", event->words);
	char target[TARGET_MAX];

	if (o == NULL)
		return;
	if (r != NULL) {
		format_target(event, target);
		json_object_set_new(
			o, "protocol",
			json_string(protocol_name(event->protocol)));
		json_object_set_new(
			o, "address",
			json_string(target + (event->protocol == POLICY_UDP
						      ? strlen("udp://")
						      : 0)));
		json_object_set_new(o, "name",
				    r->host[0] ? json_string(r->host)
					       : json_null());
		json_object_set_new(o, "decision",
				    r->decision[0] ? json_string(r->decision)
						   : json_null());
		json_object_set_new(o, "because",
				    r->because[0] ? json_string(r->because)
						  : json_null());
	}
	json_dumpf(o, p->to, JSON_COMPACT);
	putc('\n', p->to);
	json_decref(o);
}

static void print(struct trace_print *p, const struct trace_event *event)
{
	const struct reason *r = has_dest(event) ? reason_of(p, event) : NULL;

	if (p->json)
		print_json(p, event, r);
	else
		print_text(p, event, r);
	fflush(p->to);
}

static void *work(void *arg)
{
	struct trace_print *p = arg;
	struct trace_event event;

	/* Each was written whole, so each is read whole. */
	while (read(p->pipe[0], &event, sizeof(event)) ==
	       (ssize_t)sizeof(event))
		print(p, &event);
	return NULL;
}

/* Life */

static int start(struct trace_print *p)
{
	sigset_t all, old;
	int err;

	if (pipe2(p->pipe, O_CLOEXEC) < 0)
		return errno;
	/* More room where we may have it. */
	if (fcntl(p->pipe[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		errno = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&p->thread, NULL, work, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err != 0) {
		close(p->pipe[0]);
		close(p->pipe[1]);
	}
	return err;
}

struct trace_print *trace_print_new(const struct trace_print_opts *opts)
{
	struct trace_print *p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return NULL;
	p->to = opts->to;
	p->json = opts->json;
	snprintf(p->socket, sizeof(p->socket), "%s", opts->socket);
	err = start(p);
	if (err == 0)
		return p;
	free(p);
	errno = err;
	return NULL;
}

void trace_print_event(void *print, const struct trace_event *event)
{
	struct trace_print *p = print;
	ssize_t n;

	if (!trace_count_add(&p->count, event))
		return;
	/* The reader ends after us: this waits, and does not fail. */
	do {
		n = write(p->pipe[1], event, sizeof(*event));
	} while (n < 0 && errno == EINTR);
}

static void print_summary(const struct trace_print *p)
{
	const struct trace_count *c = &p->count;

	if (!p->json) {
		fprintf(p->to,
			"turnout trace: %llu intercepted, %llu direct, %llu "
			"blocked, %llu past the library, %llu programs without "
			"it\n",
			c->intercepted, c->direct, c->blocked, c->unseen,
			c->without);
		return;
	}
	fprintf(p->to,
		"{\"schema\":\"turnout-trace/1\",\"event\":\"summary\","
		"\"intercepted\":%llu,\"direct\":%llu,\"blocked\":%llu,"
		"\"unseen\":%llu,\"names\":%llu,\"without\":%llu}\n",
		c->intercepted, c->direct, c->blocked, c->unseen, c->names,
		c->without);
}

int trace_print_free(struct trace_print *p)
{
	int err;

	if (p == NULL)
		return 0;
	close(p->pipe[1]);
	pthread_join(p->thread, NULL);
	close(p->pipe[0]);
	print_summary(p);
	err = fflush(p->to) != 0 || ferror(p->to) ? -EIO : 0;
	free(p);
	return err;
}
