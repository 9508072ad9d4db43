/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.c - the command line of tunneld */
#include <config.h>

#include "options.h"

#include <turnout/paths.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void usage(FILE *to)
{
	fputs("Usage: tunneld [OPTION]...\n"
	      "Carry the media of apps to a TURN relay, and their connections\n"
	      "through the HTTP proxy. Runs in the foreground.\n\n"
	      "  -c, --config FILE            instead of " SYSTEM_CONF "\n"
	      "  -s, --set SECTION.KEY=VALUE  a setting that wins over files\n"
	      "      --check [FILE...]        validate the configuration, or "
	      "files\n"
	      "      --as-policy              ... as if they stood in "
	      "policy.d\n"
	      "      --no-secrets             ... whose secrets are "
	      "elsewhere\n"
	      "      --show-config [WHAT]     print the configuration, with\n"
	      "      --origin, --json         ... where it comes from, as "
	      "JSON\n"
	      "      --explain TARGET         what it means for a "
	      "destination,\n"
	      "      --program P, --uid N     ... asked by these\n"
	      "      --system                 serve every user of the machine\n"
	      "      --socket PATH            listen here\n"
	      "      --user NAME              of root: be this user\n"
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
	if (o->source.set_count == OPTIONS_SETTINGS_MAX) {
		fprintf(stderr, "tunneld: at most %d --set\n",
			OPTIONS_SETTINGS_MAX);
		return -1;
	}
	o->set[o->source.set_count++] = text;
	return 0;
}

enum {
	OPT_CHECK = 256,
	OPT_AS_POLICY,
	OPT_NO_SECRETS,
	OPT_SHOW,
	OPT_ORIGIN,
	OPT_JSON,
	OPT_EXPLAIN,
	OPT_PROGRAM,
	OPT_UID,
	OPT_SYSTEM,
	OPT_SOCKET,
	OPT_USER,
	OPT_PRIVATE,
	OPT_PID,
	OPT_READY
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "set", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "as-policy", no_argument, NULL, OPT_AS_POLICY },
	{ "no-secrets", no_argument, NULL, OPT_NO_SECRETS },
	{ "show-config", no_argument, NULL, OPT_SHOW },
	{ "origin", no_argument, NULL, OPT_ORIGIN },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "program", required_argument, NULL, OPT_PROGRAM },
	{ "uid", required_argument, NULL, OPT_UID },
	{ "system", no_argument, NULL, OPT_SYSTEM },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "user", required_argument, NULL, OPT_USER },
	{ "private", no_argument, NULL, OPT_PRIVATE },
	{ "watch-pid", required_argument, NULL, OPT_PID },
	{ "ready-fd", required_argument, NULL, OPT_READY },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int take_asker(struct options *o, int c)
{
	int uid;

	if (c == OPT_PROGRAM) {
		o->program = optarg;
		return -1;
	}
	uid = parse_number(optarg, INT_MAX);
	if (uid < 0) {
		fputs("tunneld: --uid needs a number\n", stderr);
		return 2;
	}
	o->uid = (uint32_t)uid;
	o->has_uid = true;
	return -1;
}

/* What to do instead of serving. < 0: go on; else the exit status. */
static int take_task(struct options *o, int c)
{
	switch (c) {
	case OPT_CHECK:
		o->task = OPTIONS_CHECK;
		return -1;
	case OPT_AS_POLICY:
		o->source.only_policy = true;
		return -1;
	case OPT_NO_SECRETS:
		o->source.no_secrets = true;
		return -1;
	case OPT_SHOW:
		o->task = OPTIONS_SHOW;
		return -1;
	case OPT_ORIGIN:
		o->origin = true;
		return -1;
	case OPT_JSON:
		o->json = true;
		return -1;
	case OPT_EXPLAIN:
		o->task = OPTIONS_EXPLAIN;
		return -1;
	case OPT_PROGRAM:
	case OPT_UID:
		return take_asker(o, c);
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
	case OPT_SYSTEM:
		o->system = true;
		return -1;
	case OPT_SOCKET:
		o->socket = optarg;
		return -1;
	case OPT_USER:
		o->user = optarg;
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
	default:
		return take_task(o, c);
	}
}

/* What is left is files to check, or the one thing to show. 0 or 2. */
static int take_operands(struct options *o, int count, char **operand)
{
	if (o->task == OPTIONS_CHECK) {
		o->source.only = (const char *const *)operand;
		o->source.only_count = (size_t)count;
	} else if (o->task == OPTIONS_EXPLAIN && count == 0) {
		fputs("tunneld: --explain needs a destination\n", stderr);
		return 2;
	} else if ((o->task == OPTIONS_SHOW || o->task == OPTIONS_EXPLAIN) &&
		   count <= 1) {
		o->what = count > 0 ? operand[0] : NULL;
	} else if (count > 0) {
		fprintf(stderr, "tunneld: '%s' is not an option\n",
			operand[count - 1]);
		return 2;
	}
	if (o->source.only_policy && o->source.only_count == 0) {
		fputs("tunneld: --as-policy needs --check FILE\n", stderr);
		return 2;
	}
	if (o->source.no_secrets && o->task != OPTIONS_CHECK) {
		fputs("tunneld: --no-secrets needs --check\n", stderr);
		return 2;
	}
	return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int c, status = -1;

	*o = (struct options){ .ready_fd = -1 };
	o->source.set = o->set;
	while (status < 0 && (c = getopt_long(argc, argv, "c:s:qhV",
					      long_options, NULL)) >= 0)
		status = take_option(o, c);
	if (status < 0 && take_operands(o, argc - optind, argv + optind) != 0)
		status = 2;
	if (status < 0 && o->private_daemon && o->socket == NULL) {
		fputs("tunneld: --private needs --socket\n", stderr);
		status = 2;
	}
	if (status == 2)
		fputs("Try 'tunneld --help'.\n", stderr);
	return status;
}
