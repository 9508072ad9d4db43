/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - tunneld: the parts put together, signals, reload, and the end
 *
 * Theory of operation. One control loop runs in this thread: the control
 * socket, signals, reloads. Media workers and the dialer pool have threads of
 * their own. What is configured is a snapshot that is never changed; a reload
 * builds a new one whole and swaps it in, or keeps the old one and says why.
 */
#include <config.h>

#include "addr.h"
#include "conf.h"
#include "control.h"
#include "dial.h"
#include "dns_serve.h"
#include "hops.h"
#include "learn.h"
#include "lifetime.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "notify.h"
#include "policy.h"
#include "policy_page.h"
#include "relay.h"
#include "snapshot.h"
#include "worker.h"

#include <turnout/page.h>
#include <turnout/paths.h>

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

/* Beside the socket: the names that have addresses. */
#define NAMES_SUFFIX ".names"
#define WORKERS_MAX  4
#define DIALERS_MAX  64
#define SETTINGS_MAX 64
/* sysexits.h: systemd does not restart a daemon that cannot start. */
#define EXIT_CONFIG 78

struct options {
	struct conf_source source;
	const char *set[SETTINGS_MAX];
	const char *socket;
	int watch_pid; /* 0: none */
	int ready_fd;  /* -1: none */
	bool private_daemon;
	bool system;
	bool quiet;
	bool check;
};

struct tunneld {
	const struct options *opts;
	char socket[SOCKET_PATH_MAX + 1];
	char page_path[SOCKET_PATH_MAX + sizeof(PAGE_SUFFIX)];
	char names_path[SOCKET_PATH_MAX + sizeof(NAMES_SUFFIX)];
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
	struct learn *learn;
	struct endpoint *hop_addrs; /* what `hops` has found */
	size_t hop_addr_count;
	struct worker *workers[WORKERS_MAX];
	size_t worker_count;
	struct control *control;
	struct lifetime *lifetime;
};

/* Options */

static void usage(FILE *to)
{
	fputs("Usage: tunneld [OPTION]...\n"
	      "Carry the media of apps to a TURN relay, and their connections\n"
	      "through the HTTP proxy. Runs in the foreground.\n\n"
	      "  -c, --config FILE            instead of " SYSTEM_CONF "\n"
	      "  -s, --set SECTION.KEY=VALUE  a setting that wins over files\n"
	      "      --check                  validate the configuration, "
	      "exit\n"
	      "      --system                 serve every user of the machine\n"
	      "      --socket PATH            listen here\n"
	      "      --private                serve one command (turnout run)\n"
	      "      --watch-pid PID          private: end with this process\n"
	      "      --ready-fd N             private: write a byte when "
	      "ready\n"
	      "  -q, --quiet                  log errors only\n"
	      "  -h, --help, -V, --version\n\n"
	      "Signals: SIGTERM ends, SIGHUP reads the configuration again.\n"
	      "Exit status: 0, 1 (failed), 2 (usage), 78 (configuration).\n"
	      "See tunneld(8), tunneld.conf(5).\n",
	      to);
}

static int parse_number(const char *text, int max)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < 0 || v > max)
		return -1;
	return (int)v;
}

static int add_setting(struct options *o, const char *text)
{
	if (o->source.set_count == SETTINGS_MAX) {
		fprintf(stderr, "tunneld: at most %d --set\n", SETTINGS_MAX);
		return -1;
	}
	o->set[o->source.set_count++] = text;
	return 0;
}

enum {
	OPT_CHECK = 256,
	OPT_SYSTEM,
	OPT_SOCKET,
	OPT_PRIVATE,
	OPT_PID,
	OPT_READY
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "set", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "system", no_argument, NULL, OPT_SYSTEM },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "private", no_argument, NULL, OPT_PRIVATE },
	{ "watch-pid", required_argument, NULL, OPT_PID },
	{ "ready-fd", required_argument, NULL, OPT_READY },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* < 0: go on; else the exit status. */
static int take_option(struct options *o, int c)
{
	switch (c) {
	case 'c':
		o->source.file = optarg;
		return -1;
	case 's':
		return add_setting(o, optarg) < 0 ? 2 : -1;
	case 'q':
		o->quiet = true;
		return -1;
	case OPT_CHECK:
		o->check = true;
		return -1;
	case OPT_SYSTEM:
		o->system = true;
		return -1;
	case OPT_SOCKET:
		o->socket = optarg;
		return -1;
	case OPT_PRIVATE:
		o->private_daemon = true;
		return -1;
	case OPT_PID:
		o->watch_pid = parse_number(optarg, INT_MAX);
		return o->watch_pid > 0 ? -1 : 2;
	case OPT_READY:
		o->ready_fd = parse_number(optarg, 65535);
		return o->ready_fd >= 0 ? -1 : 2;
	case 'h':
		usage(stdout);
		return 0;
	case 'V':
		puts("tunneld (turnout) " PACKAGE_VERSION);
		return 0;
	default:
		return 2;
	}
}

static int parse_options(struct options *o, int argc, char **argv)
{
	int c, status = -1;

	*o = (struct options){ .ready_fd = -1 };
	o->source.set = o->set;
	while (status < 0 && (c = getopt_long(argc, argv, "c:s:qhV",
					      long_options, NULL)) >= 0)
		status = take_option(o, c);
	if (status < 0 && optind < argc) {
		fprintf(stderr, "tunneld: '%s' is not an option\n",
			argv[optind]);
		status = 2;
	}
	if (status < 0 && o->private_daemon && o->socket == NULL) {
		fputs("tunneld: --private needs --socket\n", stderr);
		status = 2;
	}
	if (status == 2)
		fputs("Try 'tunneld --help'.\n", stderr);
	return status;
}

/* A daemon under the preload library would be its own customer: take the
 * library out and start afresh. Other preloaded libraries stay. */
static void leave_preload(char **argv)
{
	const char *value = getenv("LD_PRELOAD");
	char *kept, *list, *item, *save = NULL;

	if (value == NULL || strstr(value, "libturnout.so") == NULL)
		return;
	kept = calloc(1, strlen(value) + 2);
	list = strdup(value);
	if (kept == NULL || list == NULL)
		return;
	for (item = strtok_r(list, ": ", &save); item != NULL;
	     item = strtok_r(NULL, ": ", &save)) {
		if (strstr(item, "libturnout.so") != NULL)
			continue;
		if (kept[0] != '\0')
			strcat(kept, ":");
		strcat(kept, item);
	}
	if (kept[0] != '\0')
		setenv("LD_PRELOAD", kept, 1);
	else
		unsetenv("LD_PRELOAD");
	execv("/proc/self/exe", argv);
	fprintf(stderr, "tunneld: cannot start without LD_PRELOAD: %s\n",
		strerror(errno));
	exit(1);
}

/* Configuration */

static void report_line(void *arg, const char *line)
{
	(void)arg;
	log_err("%s", line);
}

static enum log_level wanted_level(const struct tunneld *d)
{
	if (d->opts->quiet)
		return LOG_LEVEL_ERROR;
	/* For one command: silent when all is well. */
	if (d->opts->private_daemon && d->conf->log_level == LOG_LEVEL_INFO)
		return LOG_LEVEL_WARN;
	return d->conf->log_level;
}

static int choose_socket(struct tunneld *d)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *path = d->opts->socket;
	int n;

	if (path == NULL && d->conf->socket[0] != '\0')
		path = d->conf->socket;
	if (path != NULL)
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

static bool serves_everyone(const struct tunneld *d)
{
	return d->opts->system || (geteuid() == 0 && !d->opts->private_daemon);
}

/* The directory of the socket: systemd makes it, or we do. */
static int make_directory(const struct tunneld *d)
{
	char path[sizeof(d->socket)];
	const char *dir;

	snprintf(path, sizeof(path), "%s", d->socket);
	dir = dirname(path);
	if (mkdir(dir, 0700) == 0) {
		/* Whatever the umask: everybody has to reach the socket. */
		if (serves_everyone(d) && chmod(dir, 0755) < 0)
			log_warn("%s: %s", dir, strerror(errno));
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	log_err("%s: %s", dir, strerror(errno));
	return -1;
}

/* Policy: published to apps, workers and the control socket at once. */
static void apply_policy(struct tunneld *d)
{
	for (size_t i = 0; i < d->worker_count; i++)
		worker_reload(d->workers[i], d->policy, d->snapshot.relays);
	if (d->control != NULL)
		control_reload(d->control, d->policy, d->snapshot.relays);
	policy_page_publish(d->page, policy_compiled(d->policy));
}

/* What was looked up goes into the page. */
static void apply_found(struct tunneld *d)
{
	struct snapshot_found found = { .hops = d->hop_addrs,
					.hop_count = d->hop_addr_count };
	struct policy *policy;

	found.learned = learn_known(d->learn, &found.learned_count);
	policy = snapshot_policy(&d->snapshot, d->conf, &found);
	if (policy == NULL) {
		log_err("addresses that were looked up: %s", strerror(errno));
		return;
	}
	policy_put(d->policy);
	d->policy = policy;
	apply_policy(d);
}

static void on_learned(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	apply_found(arg);
}

static void forget_hop_addrs(struct tunneld *d)
{
	free(d->hop_addrs);
	d->hop_addrs = NULL;
	d->hop_addr_count = 0;
}

static void on_hops(void *arg, const struct endpoint *addrs, size_t count)
{
	struct tunneld *d = arg;

	forget_hop_addrs(d);
	d->hop_addrs = calloc(count, sizeof(*addrs));
	if (d->hop_addrs == NULL)
		return;
	memcpy(d->hop_addrs, addrs, count * sizeof(*addrs));
	d->hop_addr_count = count;
	apply_found(d);
}

static void look_up_hops(struct tunneld *d)
{
	hops_free(d->hops);
	d->hops = hops_new(d->loop, d->pool, d->snapshot.hop,
			   d->snapshot.hop_count, on_hops, d);
}

/* What running apps hold on to cannot change under them. */
static void keep_fixed(const struct conf *old, struct conf *new)
{
	if (strcmp(old->socket, new->socket) != 0)
		log_warn("[daemon] socket: takes effect at the next start");
	if (!endpoint_equal(&old->pool4, &new->pool4) ||
	    !endpoint_equal(&old->pool6, &new->pool6) ||
	    old->pool4_bits != new->pool4_bits ||
	    old->pool6_bits != new->pool6_bits)
		log_warn("[names] pools: take effect at the next start");
	new->pool4 = old->pool4;
	new->pool6 = old->pool6;
	new->pool4_bits = old->pool4_bits;
	new->pool6_bits = old->pool6_bits;
}

static void reload(struct tunneld *d)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct snapshot next;
	struct conf *conf;

	notify_reloading();
	conf = conf_load(&d->opts->source, report_line, NULL);
	if (conf != NULL)
		keep_fixed(d->conf, conf);
	if (conf == NULL || snapshot_init(&next, conf, words) < 0) {
		if (conf != NULL)
			log_err("%s", words);
		log_err("the configuration was not read again: the one in "
			"force stays");
		conf_free(conf);
		notify_ready();
		return;
	}
	policy_put(d->policy);
	snapshot_fini(&d->snapshot);
	conf_free(d->conf);
	d->conf = conf;
	d->snapshot = next;
	d->policy = policy_get(next.policy);
	log_set_level(wanted_level(d));
	dial_forget_refusals(d->pool);
	forget_hop_addrs(d);
	apply_found(d);
	look_up_hops(d);
	log_info("the configuration was read again");
	notify_ready();
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
		reload(d);
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

/* Flows end in a worker; what was promised for them lives in the control
 * loop. */
struct gone_task {
	struct loop_task task;
	struct tunneld *tunneld;
	uint64_t cookie, secret;
};

static void run_gone(void *arg, uint64_t now_ms)
{
	struct gone_task *t = arg;

	(void)now_ms;
	if (t->tunneld->control != NULL)
		control_flow_gone(t->tunneld->control, t->cookie, t->secret);
	free(t);
}

static void on_flow_gone(void *arg, uint64_t cookie, uint64_t secret)
{
	struct tunneld *d = arg;
	struct gone_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* the record stays; the app finds a silent port */
	t->tunneld = d;
	t->cookie = cookie;
	t->secret = secret;
	loop_post(d->loop, &t->task, run_gone, t);
}

/* Resolvers inside apps ask in a worker; names are learned here. */
static void give_back(void *arg, uint64_t now_ms)
{
	struct dns_learn *query = arg;

	(void)now_ms;
	loop_post(query->loop, &query->task, dns_serve_learned, query);
}

struct want_task {
	struct loop_task task;
	struct tunneld *tunneld;
	struct dns_learn *query;
};

static void run_want(void *arg, uint64_t now_ms)
{
	struct want_task *t = arg;
	struct tunneld *d = t->tunneld;
	struct dns_learn *query = t->query;

	free(t);
	if (!learn_want(d->learn, query->name, &query->wait, give_back, query))
		give_back(query, now_ms);
}

static void on_want(void *arg, struct dns_learn *query)
{
	struct tunneld *d = arg;
	struct want_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		give_back(query, 0);
		return;
	}
	t->tunneld = d;
	t->query = query;
	loop_post(d->loop, &t->task, run_want, t);
}

/* Start */

static int start_workers(struct tunneld *d)
{
	struct worker_opts opts = {
		.pool = d->pool,
		.names = d->names,
		.policy = d->policy,
		.relays = d->snapshot.relays,
		.on_flow_gone = on_flow_gone,
		.learn = on_want,
		.arg = d,
	};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t want = cpus > 3 ? (size_t)cpus / 2 : 1;

	if (want > WORKERS_MAX)
		want = WORKERS_MAX;
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

static int start_control(struct tunneld *d)
{
	const char *words;
	struct control_opts opts = {
		.path = d->socket,
		.any_user = serves_everyone(d),
		.loop = d->loop,
		.pool = d->pool,
		.names = d->names,
		.policy = d->policy,
		.relays = d->snapshot.relays,
		.learn = d->learn,
		.workers = d->workers,
		.worker_count = d->worker_count,
	};

	/* The page first: a socket that answers has a page beside it. */
	d->page = policy_page_open(d->page_path,
				   serves_everyone(d) ? 0644 : 0600);
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
	policy_page_publish(d->page, policy_compiled(d->policy));
	return 0;
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
	d->loop = loop_new();
	d->names = names_new(&pools);
	if (d->loop == NULL || d->names == NULL || catch_signals(d) < 0) {
		log_err("cannot start: %s", strerror(errno));
		return -1;
	}
	d->pool = dial_pool_new(DIALERS_MAX);
	if (d->pool != NULL)
		d->learn = learn_new(d->loop, d->pool, on_learned, d);
	if (d->learn == NULL) {
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
	if (start_workers(d) < 0 || start_control(d) < 0)
		return -1;
	look_up_hops(d);
	if (d->opts->watch_pid > 0)
		d->lifetime = lifetime_new(d->loop, d->opts->watch_pid,
					   d->socket, is_busy, on_nobody_left,
					   d);
	return d->opts->watch_pid > 0 && d->lifetime == NULL ? -1 : 0;
}

static void say_ready(const struct tunneld *d)
{
	ssize_t n;

	if (d->snapshot.proxy == NULL && d->snapshot.relays->count == 0)
		log_warn("neither a proxy nor a relay is configured, so apps "
			 "connect directly; see tunneld.conf(5)");
	if (d->opts->ready_fd >= 0) {
		n = write(d->opts->ready_fd, "\n", 1);
		(void)n;
		close(d->opts->ready_fd);
	}
	if (d->snapshot.proxy != NULL)
		log_info("ready at %s; proxy %s:%u, %zu relay(s)", d->socket,
			 d->snapshot.proxy->host, d->snapshot.proxy->port,
			 d->snapshot.relays->count);
	else
		log_info("ready at %s; no proxy, %zu relay(s)", d->socket,
			 d->snapshot.relays->count);
	notify_ready();
}

/* End: in reverse. The threads stop first; then what they had in hand is
 * cancelled, and only when the pool has let go of it are the loops freed. */
static void stop(struct tunneld *d)
{
	notify_stopping();
	lifetime_free(d->lifetime);
	for (size_t i = 0; i < d->worker_count; i++)
		worker_stop(d->workers[i]);
	if (d->page != NULL)
		policy_page_close(d->page, d->opts->private_daemon);
	hops_free(d->hops);
	if (d->loop != NULL)
		loop_drain(d->loop); /* what the workers posted last */
	control_free(d->control);
	d->control = NULL;
	learn_free(d->learn);
	forget_hop_addrs(d);
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

static int run(struct tunneld *d)
{
	int err = -1;

	if (choose_socket(d) < 0)
		return 1;
	raise_descriptor_limit();
	if (start(d) == 0) {
		say_ready(d);
		err = loop_run(d->loop);
		if (err < 0)
			log_err("the control loop ended: %s", strerror(-err));
	}
	stop(d);
	return err < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct options opts;
	struct tunneld d = { .opts = &opts, .signalfd = -1 };
	int status;

	leave_preload(argv);
	status = parse_options(&opts, argc, argv);
	if (status >= 0)
		return status;
	log_open(LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	d.conf = conf_load(&opts.source, report_line, NULL);
	if (d.conf == NULL)
		return EXIT_CONFIG;
	log_set_level(wanted_level(&d));
	if (snapshot_init(&d.snapshot, d.conf, words) < 0) {
		log_err("%s", words);
		conf_free(d.conf);
		return EXIT_CONFIG;
	}
	status = opts.check ? 0 : run(&d);
	snapshot_fini(&d.snapshot);
	conf_free(d.conf);
	return status;
}
