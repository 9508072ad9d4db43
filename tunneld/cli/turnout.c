/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turnout.c - the command line: a table of verbs, help and version */
#include <config.h>

#include "say.h"
#include "verbs.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *summary;
	const char *help;
};

static int verb_help(int argc, char **argv);

static const struct verb verbs[] = {
	{
		.name = "run",
		.main = verb_run,
		.summary = "run a command behind turnout",
		.help = "Usage: turnout run [OPTION...] [--] COMMAND [ARG...]\n"
			"\n"
			"Run COMMAND with its connections and its media going "
			"through the HTTP proxy\nand the TURN relay.\n"
			"\n"
			"  -c, --config FILE        read FILE instead of "
			"/etc/turnout/tunneld.conf\n"
			"      --proxy URL          http://HOST:PORT, env or "
			"none\n"
			"      --relay URI          "
			"'turns:HOST:443?transport=tcp'\n"
			"      --set SEC.KEY=VALUE  one setting of "
			"tunneld.conf(5); may be repeated\n"
			"      --strict             refuse a COMMAND that "
			"turnout cannot serve\n"
			"  -q, --quiet              no warnings, errors only\n"
			"\n"
			"Without the first four, the tunneld of the user or "
			"of the machine serves; with\n"
			"them, or when none runs, one is started that ends "
			"with COMMAND.\n"
			"\n"
			"Credentials for --relay come from the environment: "
			"TURNOUT_RELAY_USERNAME and\n"
			"TURNOUT_RELAY_PASSWORD_FILE, or "
			"TURNOUT_RELAY_SECRET_FILE.\n"
			"\n"
			"Exit status: COMMAND's own; 125 if turnout itself "
			"failed, 126 if COMMAND cannot\n"
			"be run, 127 if it was not found.\n",
	},
	{
		.name = "shell",
		.main = verb_shell,
		.summary = "a shell whose children all are behind turnout",
		.help = "Usage: turnout shell [OPTION...]\n"
			"\n"
			"Start your shell ($SHELL) behind turnout: whatever is "
			"run in it, is, too. OPTIONs\nare those of 'turnout "
			"run'. TURNOUT_SHELL=1 stands in the environment, for "
			"prompts.\n"
			"\n"
			"Exit status: the shell's own; 125 if turnout itself "
			"failed.\n",
	},
	{
		.name = "trace",
		.main = verb_trace,
		.summary = "run a command and tell what of it turnout saw",
		.help = "Usage: turnout trace [--json] [-o FILE] [OPTION...] "
			"[--] COMMAND [ARG...]\n"
			"\n"
			"Run COMMAND behind turnout, and tell which of its "
			"calls were intercepted, which\nrule decided, and "
			"what went around turnout: system calls that are not "
			"made through\nlibc, io_uring, static and set-ID "
			"programs. Each is told once a process.\n"
			"\n"
			"      --json               a line of JSON each, for "
			"programs\n"
			"  -o, --output FILE        to FILE, not to standard "
			"error\n"
			"\n"
			"These come first; the other OPTIONs are those of "
			"'turnout run'. Set-user-ID\nprograms have no "
			"privilege when they are traced.\n"
			"\n"
			"Exit status: COMMAND's own (128 and the signal that "
			"ended it); 125 if turnout\nitself failed, 126 if "
			"COMMAND cannot be run, 127 if it was not found.\n",
	},
	{
		.name = "status",
		.main = verb_status,
		.summary = "show what the running tunneld does",
		.help = "Usage: turnout status [--json | --counters]\n"
			"       turnout status "
			"--check[=live|ready|relay|call]\n"
			"\n"
			"Show the tunneld that apps of this user would use on "
			"one screen: the way out,\nwhat apps have asked for, "
			"and their UDP sockets with round trip, losses and "
			"queue.\nUsers are shown what is theirs; root, and "
			"the user that tunneld runs as, all.\n"
			"\n"
			"      --json               all of it, for programs "
			"(turnout-status/1)\n"
			"      --counters           sums, one 'key value' a "
			"line\n"
			"      --check[=STATE]      say nothing, unless it is "
			"not so: live (it answers),\n"
			"                           ready (it has started), "
			"relay (it has an address at a\n"
			"                           relay), call (an app "
			"talks to a peer); without: ready\n"
			"\n"
			"L.UP is what tunneld had to drop, in percent; L.DN "
			"what was lost before it came\nhere, by the sequence "
			"numbers of RTP, or had no room at the app. QUEUE: "
			"how long\ndatagrams waited that had to, half of "
			"them and the longest.\n"
			"\n"
			"Exit status: 0; 1 if it is not so, or did not "
			"answer; 2 for wrong usage; with\n--check 3 if no "
			"tunneld answers.\n",
	},
	{
		.name = "flows",
		.main = verb_flows,
		.summary = "show the UDP sockets of apps, one by one",
		.help = "Usage: turnout flows [--json]\n"
			"\n"
			"Show all that tunneld knows of each UDP socket: who "
			"has it, its address at the\nrelay and the way to "
			"it, what went both ways, what was lost, and where.\n"
			"\n"
			"      --json               for programs: the document "
			"of turnout status\n"
			"\n"
			"Exit status: 0 if tunneld answered, 1 if not, 2 for "
			"wrong usage.\n",
	},
	{
		.name = "metrics",
		.main = verb_metrics,
		.summary = "what tunneld counts, for Prometheus",
		.help = "Usage: turnout metrics [OPTION...]\n"
			"\n"
			"Print what the running tunneld counts, in the text "
			"format of Prometheus. To have\nit scraped, see "
			"[metrics] in tunneld.conf(5).\n"
			"\n"
			"  -o, --output FILE        to FILE, which is replaced "
			"whole\n"
			"      --openmetrics        as OpenMetrics 1.0\n"
			"\n"
			"Exit status: 0, 1 if there is no tunneld or FILE "
			"cannot be written, 2 for wrong\nusage.\n",
	},
	{
		.name = "log",
		.main = verb_log,
		.summary = "what tunneld has logged, and goes on to log",
		.help = "Usage: turnout log [OPTION...]\n"
			"\n"
			"Print the log of the running tunneld: what the "
			"journal has of it, or the last\nlines that it keeps "
			"itself (512). For root, and the user that tunneld "
			"runs as.\n"
			"\n"
			"  -f, --follow             go on with what comes, "
			"until tunneld ends\n"
			"  -n, --lines N            the last N only; 10 with "
			"--follow, else all\n"
			"      --level LEVEL        nothing less important: "
			"error, warn, info, debug\n"
			"\n"
			"Exit status: 0, 1 if there is no tunneld, or none any "
			"more, 2 for wrong usage.\n",
	},
	{
		.name = "config",
		.main = verb_config,
		.summary = "show the configuration, or check files for it",
		.help = "Usage: turnout config show [OPTION...] [WHAT]\n"
			"       turnout config check [OPTION...] [FILE...]\n"
			"\n"
			"show: print each value that a tunneld started now "
			"would have; WHAT is a SECTION,\nSECTION.KEY, "
			"relay.NAME or relay.NAME.KEY.\n"
			"\n"
			"  -c, --config FILE        read FILE instead of "
			"/etc/turnout/tunneld.conf\n"
			"      --set SEC.KEY=VALUE  one setting of "
			"tunneld.conf(5); may be repeated\n"
			"      --origin             where each value comes "
			"from, "
			"and if it is locked\n"
			"      --json               the same for programs\n"
			"\n"
			"check: tell what is wrong with FILEs, which are read "
			"in this order and alone;\nwithout them, with what is "
			"installed.\n"
			"\n"
			"      --as-policy          as if they stood in "
			"/etc/turnout/policy.d\n"
			"      --no-secrets         they are for another "
			"machine, where their secrets are\n"
			"\n"
			"Exit status: 0; 1 if something is wrong or not set, 2 "
			"for wrong usage.\n",
	},
	{
		.name = "reload",
		.main = verb_reload,
		.summary = "have tunneld read its configuration again",
		.help = "Usage: turnout reload\n"
			"\n"
			"The tunneld that apps of this user would use reads "
			"its configuration again.\nRunning apps follow, "
			"connections stay. If something is wrong, it says "
			"what, "
			"and\nall is as before. For root, and the user that "
			"tunneld runs as.\n"
			"\n"
			"Exit status: 0, 1 if it was not read, 2 for wrong "
			"usage.\n",
	},
	{
		.name = "explain",
		.main = verb_explain,
		.summary = "what is done with a destination, and why",
		.help = "Usage: turnout explain [OPTION...] TARGET\n"
			"\n"
			"Tell which rule decides about TARGET, the way that it "
			"would take, and why.\nTARGET is a URL, HOST:PORT or "
			"udp://HOST:PORT. Nothing is connected.\n"
			"\n"
			"      --program PROGRAM    for this one (path or "
			"name)\n"
			"      --user USER          for this one (name or "
			"number)\n"
			"      --json               for programs\n"
			"  -c, --config FILE        with the configuration in "
			"FILE\n"
			"      --set SEC.KEY=VALUE  with one setting of "
			"tunneld.conf(5); may be repeated\n"
			"\n"
			"Without the last two, the tunneld that apps of this "
			"user would use answers,\nif one runs.\n"
			"\n"
			"Exit status: 0 if it would go, 1 if it is blocked or "
			"there is no way, 2 for\nwrong usage.\n",
	},
	{
		.name = "proxy",
		.main = verb_proxy,
		.summary = "let a password be sent that the proxy refused",
		.help = "Usage: turnout proxy retry\n"
			"\n"
			"A password that the proxy has refused is not sent "
			"again until it changes, so that\nno account gets "
			"locked. After this, tunneld tries it once more: say "
			"it when the\nsame password is right now.\n"
			"\n"
			"Exit status: 0 if tunneld will, 1 if not, 2 for wrong "
			"usage.\n",
	},
	{
		.name = "help",
		.main = verb_help,
		.summary = "explain turnout, or one of these",
		.help = "Usage: turnout help [VERB]\n",
	},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int print_usage(void)
{
	printf("Usage: turnout VERB [ARG...]\n"
	       "\n"
	       "turnout takes an unmodified WebRTC app through a firewall that "
	       "lets out nothing\nbut an HTTP proxy.\n"
	       "\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-8s %s\n", verbs[i].name, verbs[i].summary);
	printf("\n"
	       "  --help, --version\n"
	       "\n"
	       "For instance: turnout run --proxy http://proxy:3128 \\\n"
	       "            --relay "
	       "'turns:relay.example.net:443?transport=tcp' "
	       "-- chromium\n"
	       "See turnout(1), tunneld(8) and tunneld.conf(5).\n");
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static int print_version(void)
{
	printf("turnout " PACKAGE_VERSION "\n"
	       "Licence: LGPL-2.1-or-later. There is no warranty.\n");
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static int verb_help(int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 2)
		return print_usage();
	verb = find_verb(argv[1]);
	if (verb == NULL || argc > 2) {
		say("help: '%s' is not a verb; see 'turnout help'",
		    argv[argc - 1]);
		return VERB_USAGE;
	}
	fputs(verb->help, stdout);
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static bool is_option(const char *arg, const char *name, const char *brief)
{
	return strcmp(arg, name) == 0 || strcmp(arg, brief) == 0;
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 2) {
		say("no verb given; see 'turnout help'");
		return VERB_USAGE;
	}
	if (is_option(argv[1], "--help", "-h"))
		return print_usage();
	if (is_option(argv[1], "--version", "-V"))
		return print_version();
	verb = find_verb(argv[1]);
	if (verb == NULL) {
		say("'%s' is not a verb of turnout; see 'turnout help', or use "
		    "'turnout run -- COMMAND'",
		    argv[1]);
		return VERB_USAGE;
	}
	if (argc > 2 && is_option(argv[2], "--help", "-h"))
		return verb_help(2, argv);
	return verb->main(argc - 1, argv + 1);
}
