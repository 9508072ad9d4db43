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

int options_parse(struct options *o, int argc, char **argv)
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
