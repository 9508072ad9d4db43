/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon.c - the parts of tunneld put together, signals, and the end
 *
 * Theory of operation. One control loop runs in this thread: the control
 * socket, signals, reloads. Media workers and the dialer pool have threads of
 * their own. Parts are started in an order in which each finds what it needs,
 * and ended in reverse.
 */
#include <config.h>

#include "daemon.h"

#include "clock.h"
#include "conf.h"
#include "control.h"
#include "dial.h"
#include "discover.h"
#include "egress.h"
#include "fd_store.h"
#include "hops.h"
#include "inside.h"
#include "learn.h"
#include "lifetime.h"
#include "log.h"
#include "names.h"
#include "notify.h"
#include "options.h"
#include "plan.h"
#include "policy.h"
#include "policy_page.h"
#include "relay.h"
#include "sandbox.h"
#include "worker.h"

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#define DIALERS_MAX 64

bool daemon_serves_everyone(const struct tunneld *d)
{
	return d->opts->system || (geteuid() == 0 && !d->opts->private_daemon);
}

/* Unless the service manager has chosen it. */
static int choose_socket(struct tunneld *d)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *path = d->opts->socket;
	int n;

	if (path == NULL && d->conf->socket[0] != '\0')
		path = d->conf->socket;
	if (d->listener >= 0)
		n = (int)strlen(d->socket);
	else if (path != NULL)
		n = snprintf(d->socket, sizeof(d->socket), "%s", path);
	else if (!d->opts->system && geteuid() != 0 && runtime != NULL)
		n = snprintf(d->socket, sizeof(d->socket), "%s%s", runtime,
			     USER_SOCKET_SUFFIX);
	else
		n = snprintf(d->socket, sizeof(d->socket), "%s", SYSTEM_SOCKET);
	if (n < 0 || (size_t)n >= sizeof(d->socket)) {
		log_err("the socket's path is too long: at most %d bytes",
			SOCKET_PATH_MAX);
		return -1;
	}
	snprintf(d->page_path, sizeof(d->page_path), "%s%s", d->socket,
		 PAGE_SUFFIX);
	return 0;
}

/* The directory of the socket: systemd makes it, or we do: 1. */
static int make_directory(const struct tunneld *d)
{
	char path[sizeof(d->socket)];
	const char *dir;

	snprintf(path, sizeof(path), "%s", d->socket);
	dir = dirname(path);
	if (mkdir(dir, 0700) == 0) {
		/* Whatever the umask: everybody has to reach the socket. */
		if (daemon_serves_everyone(d) && chmod(dir, 0755) < 0)
			log_warn("%s: %s", dir, strerror(errno));
		return 1;
	}
	if (errno == EEXIST)
		return 0;
	log_err("%s: %s", dir, strerror(errno));
	return -1;
}

/* One that was there is left to whom it belongs. */
int daemon_become(struct tunneld *d, const char *user)
{
	char socket[sizeof(d->socket)], state[PATH_MAX];
	const char *dirs[3] = { NULL };
	size_t count = 0;
	int made;

	d->listener = -1;
	if (choose_socket(d) < 0)
		return -ENAMETOOLONG;
	made = make_directory(d);
	if (made < 0)
		return -ENOTDIR;
	snprintf(socket, sizeof(socket), "%s", d->socket);
	if (made > 0)
		dirs[count++] = dirname(socket);
	/* A directory, or what names of files begin with. */
	if (daemon_state_path(d, "", state) == 0 &&
	    state[strlen(state) - 1] == '/' && mkdir(state, 0700) == 0)
		dirs[count++] = state;
	return sandbox_become(user, dirs);
}

/* Signals */

static void on_signal(void *arg, uint32_t events, uint64_t now_ms)
{
	struct tunneld *d = arg;
	struct signalfd_siginfo info;

	(void)events, (void)now_ms;
	if (read(d->signalfd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		(void)daemon_reload(d, NULL);
	else
		loop_stop(d->loop);
}

static int catch_signals(struct tunneld *d)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* Before any thread is made: they all inherit the mask. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signalfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signalfd < 0)
		return -errno;
	return loop_fd_add(d->loop, &d->signals, d->signalfd, EPOLLIN,
			   on_signal, d);
}

/* Start */

static int start_workers(struct tunneld *d)
{
	struct worker_opts opts = {
		.pool = d->pool,
		.names = d->names,
		.policy = d->policy,
		.relays = d->snapshot.relays,
		.on_flow_gone = daemon_flow_gone,
		.on_flow_known = daemon_flow_known,
		.on_relay = daemon_relay_found,
		.learn = daemon_want_name,
		.on_stun = daemon_stun_asked,
		.arg = d,
	};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t want = cpus > 3 ? (size_t)cpus / 2 : 1;

	if (want > DAEMON_WORKERS_MAX)
		want = DAEMON_WORKERS_MAX;
	while (d->worker_count < want) {
		struct worker *w = worker_new(&opts);

		if (w == NULL) {
			log_err("a media worker: %s", strerror(errno));
			return -1;
		}
		d->workers[d->worker_count++] = w;
	}
	return 0;
}

static int on_reload(void *arg, FILE *told)
{
	return daemon_reload(arg, told);
}

static int start_control(struct tunneld *d)
{
	const char *words;
	struct control_opts opts = {
		.path = d->socket,
		.listener = d->listener > 0 ? d->listener : 0,
		.any_user = daemon_serves_everyone(d),
		.loop = d->loop,
		.pool = d->pool,
		.names = d->names,
		.policy = d->policy,
		.relays = d->snapshot.relays,
		.learn = d->learn,
		.inside = d->inside,
		.want_name = daemon_want_name,
		.workers = d->workers,
		.worker_count = d->worker_count,
		.on_flows = daemon_flows_changed,
		.on_socket = daemon_flow_socket,
		.on_reload = on_reload,
		.on_status = daemon_put_status,
		.arg = d,
	};

	/* The page first: a socket that answers has a page beside it. */
	d->page = policy_page_open(
		d->page_path, daemon_serves_everyone(d) ? 0644 : 0600,
		d->store != NULL && fd_store_has_more(d->store));
	if (d->page == NULL) {
		log_err("%s: %s", d->page_path, strerror(errno));
		return -1;
	}
	opts.epoch = policy_page_epoch(d->page);
	d->control = control_new(&opts, &words);
	if (d->control == NULL) {
		log_err("%s: %s", d->socket, words);
		return -1;
	}
	daemon_take_up_flows(d);
	return daemon_publish(d) < 0 ? -1 : 0;
}

static void on_nobody_left(void *arg, uint64_t now_ms)
{
	struct tunneld *d = arg;

	(void)now_ms;
	loop_stop(d->loop);
}

static bool is_busy(void *arg)
{
	struct tunneld *d = arg;

	/* Flows whose apps were killed are found by looking. */
	for (size_t i = 0; i < d->worker_count; i++)
		worker_sweep(d->workers[i]);
	return control_is_busy(d->control);
}

static int start(struct tunneld *d)
{
	struct names_opts pools = {
		.pool4 = d->conf->pool4,
		.pool6 = d->conf->pool6,
		.pool4_bits = d->conf->pool4_bits,
		.pool6_bits = d->conf->pool6_bits,
	};
	int err;

	d->policy = policy_get(d->snapshot.policy);
	snprintf(d->names_path, sizeof(d->names_path), "%s%s", d->socket,
		 NAMES_SUFFIX);
	if (!d->opts->private_daemon)
		snprintf(d->flows_path, sizeof(d->flows_path), "%s%s",
			 d->socket, FLOWS_SUFFIX);
	d->loop = loop_new();
	d->started_ms = clock_now_ms();
	d->names = names_new(&pools);
	if (d->loop == NULL || d->names == NULL || catch_signals(d) < 0) {
		log_err("cannot start: %s", strerror(errno));
		return -1;
	}
	d->pool = dial_pool_new(DIALERS_MAX);
	if (d->pool != NULL)
		d->learn = learn_new(d->loop, d->pool, daemon_learned, d);
	if (d->pool != NULL)
		d->inside = inside_new(d->loop, d->pool);
	if (d->learn == NULL || d->inside == NULL) {
		log_err("the dialer pool: %s", strerror(errno));
		return -1;
	}
	if (make_directory(d) < 0)
		return -1;
	err = names_keep(d->names, d->names_path);
	if (err < 0)
		log_warn("%s: %s: addresses of names will change at the next "
			 "start",
			 d->names_path, strerror(-err));
	daemon_keep_logins(d);
	daemon_watch_network(d);
	if (start_workers(d) < 0 || start_control(d) < 0)
		return -1;
	daemon_look_up_hops(d);
	daemon_discover(d);
	daemon_metrics_apply(d);
	/* Made for an app that is about to start. */
	for (size_t i = 0; d->opts->private_daemon && i < d->worker_count; i++)
		worker_attach(d->workers[i]);
	if (d->opts->watch_pid > 0)
		d->lifetime = lifetime_new(d->loop, d->opts->watch_pid,
					   d->socket, is_busy, on_nobody_left,
					   d);
	return d->opts->watch_pid > 0 && d->lifetime == NULL ? -1 : 0;
}

void daemon_say_ready(struct tunneld *d)
{
	char sandbox[SANDBOX_WORDS_MAX];
	ssize_t n;

	if (d->ready_said)
		return;
	d->ready_said = true;
	control_note_ready(d->control);
	if (d->snapshot.egress == NULL && d->snapshot.plan->count == 0)
		log_warn("neither a proxy nor a relay is configured, so apps "
			 "connect directly; see tunneld.conf(5)");
	if (d->opts->ready_fd >= 0) {
		n = write(d->opts->ready_fd, "\n", 1);
		(void)n;
		close(d->opts->ready_fd);
	}
	if (d->snapshot.egress != NULL)
		log_event(LOG_LEVEL_INFO, LOG_EVENT_READY, NULL,
			  "ready at %s; proxy %s, %zu relay(s)", d->socket,
			  egress_words(d->snapshot.egress),
			  d->snapshot.plan->count);
	else
		log_event(LOG_LEVEL_INFO, LOG_EVENT_READY, NULL,
			  "ready at %s; no proxy, %zu relay(s)", d->socket,
			  d->snapshot.plan->count);
	sandbox_words(sandbox);
	log_info("sandbox: %s", sandbox);
	notify_ready();
	daemon_tell_status(d);
}

/* End: in reverse. The threads stop first; then what they had in hand is
 * cancelled, and only when the pool has let go of it are the loops freed. */
static void stop(struct tunneld *d)
{
	notify_stopping();
	lifetime_free(d->lifetime);
	daemon_leave_network(d);
	for (size_t i = 0; i < d->worker_count; i++)
		worker_halt(d->workers[i]);
	if (d->page != NULL && d->store != NULL && fd_store_holds_all(d->store))
		policy_page_hold(d->page);
	if (d->page != NULL)
		policy_page_close(d->page, d->opts->private_daemon);
	hops_free(d->hops);
	discover_free(d->discover);
	if (d->loop != NULL)
		daemon_media_stop(d);
	if (d->loop != NULL)
		daemon_metrics_stop(d);
	if (d->loop != NULL)
		loop_drain(d->loop); /* what the workers posted last */
	daemon_save_flows(d);
	for (size_t i = 0; i < d->worker_count; i++)
		worker_stop(d->workers[i]);
	if (d->loop != NULL)
		loop_drain(d->loop); /* what was cancelled */
	control_free(d->control);
	d->control = NULL;
	fd_store_free(d->store);
	learn_free(d->learn);
	inside_free(d->inside);
	daemon_forget_hops(d);
	dial_pool_free(d->pool);
	for (size_t i = 0; i < d->worker_count; i++)
		worker_free(d->workers[i]);
	if (d->loop != NULL)
		loop_fd_del(d->loop, &d->signals);
	if (d->signalfd >= 0)
		close(d->signalfd);
	policy_put(d->policy);
	names_free(d->names);
	loop_free(d->loop);
	if (d->opts->private_daemon) {
		unlink(d->names_path);
		rmdir(dirname(d->socket));
	}
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int daemon_run(struct tunneld *d)
{
	int err = -1;

	if (daemon_take_over(d) < 0 || choose_socket(d) < 0)
		return 1;
	raise_descriptor_limit();
	if (start(d) == 0) {
		daemon_recall_media(d);
		if (!daemon_media_decide(d))
			daemon_say_ready(d);
		daemon_watchdog(d);
		err = loop_run(d->loop);
		if (err < 0)
			log_err("the control loop ended: %s", strerror(-err));
	}
	stop(d);
	return err < 0 ? 1 : 0;
}
