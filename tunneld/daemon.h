/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon.h - tunneld as a whole: its parts, and what holds them together
 *
 * One of these a process; every part finds the others through it. Everything
 * here runs in the control loop's thread, but what is said to be called by
 * workers.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "leg.h"
#include "log.h"
#include "loop.h"
#include "snapshot.h"
#include "stats.h"
#include "udp_probe.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>
#include <turnout/page.h>
#include <turnout/paths.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct conf;
struct control;
struct dial_pool;
struct discover;
struct dns_learn;
struct fd_store;
struct flow;
struct hops;
struct inside;
struct json_t;
struct learn;
struct lifetime;
struct memory;
struct metrics_server;
struct names;
struct netwatch;
struct options;
struct policy;
struct policy_page;
struct worker;

/* Beside the socket: the names that have addresses. */
#define NAMES_SUFFIX ".names"
/* … and the flows that are open. */
#define FLOWS_SUFFIX       ".flows"
#define DAEMON_WORKERS_MAX 4

/* Does UDP need the relay in this network? */
struct daemon_media {
	struct udp_probe *probe; /* under way */
	struct udp_stun *stun;   /* under way */
	enum udp_verdict verdict;
	bool outside; /* somebody who is no relay has answered here */
	struct loop_timer again;
	struct leg_env env; /* of legs in the control loop */
	struct worker_stats stats;
};

struct tunneld {
	const struct options *opts;
	char socket[SOCKET_PATH_MAX + 1];
	char page_path[SOCKET_PATH_MAX + sizeof(PAGE_SUFFIX)];
	char names_path[SOCKET_PATH_MAX + sizeof(NAMES_SUFFIX)];
	char flows_path[SOCKET_PATH_MAX + sizeof(FLOWS_SUFFIX)]; /* or empty */
	struct loop *loop;
	struct loop_fd signals;
	int signalfd;
	struct dial_pool *pool;
	struct names *names;
	struct policy_page *page;
	struct conf *conf;
	struct snapshot snapshot;
	struct policy *policy; /* the snapshot's, or one that knows more hops */
	struct hops *hops;
	struct discover *discover;
	struct learn *learn;
	struct inside *inside;
	struct endpoint *hop_addrs; /* what `hops` has found */
	size_t hop_addr_count;
	struct worker *workers[DAEMON_WORKERS_MAX];
	size_t worker_count;
	struct control *control;
	struct lifetime *lifetime;
	struct daemon_media media;
	bool ready_said;
	uint64_t started_ms;
	struct loop_timer save_flows;
	int flows_error;        /* that the log has told */
	struct fd_store *store; /* NULL: of a private one */
	int listener;           /* of the service manager; < 0: none */
	struct loop_timer watchdog;
	uint64_t watchdog_ms; /* 0: nobody watches */
	bool watchdog_late;
	struct netwatch *netwatch;
	struct memory *memory;
	struct loop_timer remember;
	struct metrics_server *metrics_server;
	char *metrics_file; /* that is written; NULL: none */
	int metrics_error;  /* that the log has told */
	struct loop_timer write_metrics;
	uint64_t network; /* network_fingerprint_via(); 0: not known yet */
};

/* Root becomes this user, to whom the socket's directory is given. `conf` may
 * be NULL. 0 or -errno. */
int daemon_become(struct tunneld *d, const char *user) MUST_CHECK;

/* daemon.c: from the start to the end; `opts`, `conf`, `snapshot` are there.
 * The exit status. */
int daemon_run(struct tunneld *d) MUST_CHECK;
/* Not one user's alone. */
bool daemon_serves_everyone(const struct tunneld *d);
/* To systemd, the log, and whoever started us; once. */
void daemon_say_ready(struct tunneld *d);

/* daemon_service.c: the service manager */

/* The descriptors that it has for us; `socket` is where its listener is. 0, or
 * -1 when that was logged. */
int daemon_take_over(struct tunneld *d);
/* A line for it, now that something has changed. */
void daemon_tell_status(const struct tunneld *d);
/* From now on it hears that we are alive, if it cares. */
void daemon_watchdog(struct tunneld *d);

/* daemon_reload.c: what is configured and what was looked up, put in force */

/* A loop_fn: names that are direct have addresses; `arg` is the tunneld. */
void daemon_learned(void *arg, uint64_t now_ms);
/* Where the relays are, asked anew. */
void daemon_discover(struct tunneld *d);
/* Addresses of proxy and relays, asked anew. */
void daemon_look_up_hops(struct tunneld *d);
void daemon_forget_hops(struct tunneld *d);
/* Read the configuration again; one that is wrong leaves all as it is,
 * -EBADMSG. `told` NULL, or: what is wrong is written there as well as to the
 * log. */
int daemon_reload(struct tunneld *d, FILE *told);
/* Of the log, as options and configuration have it. */
void daemon_set_log_level(const struct tunneld *d);
/* For conf_load(); `arg` is such a `told`. */
void daemon_report_line(void *arg, enum log_level level, const char *line);

/* Show the policy to apps. 0, or -errno when that was logged. */
int daemon_publish(struct tunneld *d);
/* What was looked up and found out goes into the page. */
void daemon_apply_found(struct tunneld *d);

/* daemon_media.c: [media] mode = auto */

/* Ask anew: at the start, in another network, after a reload. What was decided
 * before stays in force until the answer. True: daemon_say_ready() will be
 * called when it is there. */
bool daemon_media_decide(struct tunneld *d);
/* Media need not go through the relay. */
bool daemon_media_is_direct(const struct tunneld *d);
/* Another network; `works`: direct UDP worked when we were there before. That
 * holds until the answer. */
void daemon_media_expect(struct tunneld *d, bool works);
/* An app has asked this STUN server. */
void daemon_media_stun(struct tunneld *d, const struct endpoint *server);
void daemon_media_stop(struct tunneld *d);

/* daemon_metrics.c: for those who do not ask by the control socket */

/* As the configuration says; again after a reload. */
void daemon_metrics_apply(struct tunneld *d);
void daemon_metrics_stop(struct tunneld *d);

/* daemon_status.c: control_opts.on_status; `arg` is the tunneld. */
void daemon_put_status(void *arg, struct json_t *doc);

/* daemon_flows.c: open flows over a restart */

/* Of the control socket: what is promised has changed; `arg` is the tunneld. */
void daemon_flows_changed(void *arg);
/* Of the control socket: a flow has this socket now; `fd` < 0: no more. */
void daemon_flow_socket(void *arg, const struct endpoint *bound, int fd);
/* The workers stand still: write all that a successor needs. */
void daemon_save_flows(struct tunneld *d);
/* What a predecessor has written; before anybody can ask. */
void daemon_take_up_flows(struct tunneld *d);

/* daemon_network.c: where the machine is */

/* From now on, and what is known of this network. */
/* Where the state file of that name is. 0 or -errno. */
int daemon_state_path(const struct tunneld *d, const char *file,
		      char path[PATH_MAX]) MUST_CHECK;
void daemon_keep_logins(struct tunneld *d);
void daemon_watch_network(struct tunneld *d);
/* What is remembered of direct UDP here holds until it has been asked; the
 * answer of another network does not. */
void daemon_recall_media(struct tunneld *d);
/* Relays or proxy are others now: what is remembered is put in force. */
void daemon_relays_changed(struct tunneld *d);
void daemon_remember(struct tunneld *d);
void daemon_leave_network(struct tunneld *d);

/* daemon_tasks.c: called in workers' threads, done in the control loop's */

void daemon_flow_gone(void *arg, uint64_t cookie, uint64_t secret);
void daemon_relay_found(void *arg);
void daemon_flow_known(void *arg, const struct flow *flow);
void daemon_want_name(void *arg, struct dns_learn *query);
void daemon_stun_asked(void *arg, const struct endpoint *server);

#endif
