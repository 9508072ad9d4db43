/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace.c - `turnout trace`: a command behind turnout, and what of its traffic
 * turnout saw
 *
 * The command is a child here, since somebody has to follow it; the library
 * notes its decisions (turnout/trace.h), the kernel stops it at the calls that
 * can send something.
 */
#include <config.h>

#include "launch.h"
#include "run_args.h"
#include "say.h"
#include "trace_filter.h"
#include "trace_print.h"
#include "tracer.h"
#include "verbs.h"

#include <turnout/trace.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

struct trace_args {
	const char *output; /* NULL: standard error */
	bool json;
};

static volatile sig_atomic_t traced; /* whom signals are for */

static void pass_on(int signal)
{
	int error = errno;

	if (traced > 0)
		kill(traced, signal);
	errno = error;
}

/* What the terminal sends reaches the command, too, which decides. */
static void set_signals(void (*keys)(int), void (*others)(int))
{
	struct sigaction key = { .sa_handler = keys };
	struct sigaction other = { .sa_handler = others };

	sigaction(SIGINT, &key, NULL);
	sigaction(SIGQUIT, &key, NULL);
	sigaction(SIGTERM, &other, NULL);
	sigaction(SIGHUP, &other, NULL);
}

/* In the child: a word from the tracer comes first. */
static int become(const struct launch *l, int go)
{
	char word;
	int err;

	if (read(go, &word, 1) != 1)
		return VERB_RUN_FAILED;
	close(go);
	if (setenv(ENV_TRACE, "1", 1)) {
		say("out of memory");
		return VERB_RUN_FAILED;
	}
	err = trace_filter_install();
	if (err) {
		say("trace: the kernel does not let us follow a command "
		    "(seccomp: %s); see what it does with 'turnout flows'",
		    strerror(-err));
		return VERB_RUN_FAILED;
	}
	return launch(l);
}

static int explain_refusal(int err)
{
	say("trace: the kernel does not let us follow a command (ptrace: %s); "
	    "it may be forbidden here (kernel.yama.ptrace_scope=3, a "
	    "container, or another tracer)",
	    strerror(-err));
	return VERB_RUN_FAILED;
}

/* The exit status of the command, as a shell tells it. */
static int status_of(int status)
{
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int follow(pid_t child, int go, const struct trace_sink *sink)
{
	int err = tracer_seize(child), status;

	if (err == 0 && write(go, "", 1) != 1)
		err = -errno;
	close(go);
	if (err) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return explain_refusal(err);
	}
	traced = child;
	set_signals(SIG_IGN, pass_on);
	status = tracer_run(child, sink);
	traced = 0;
	set_signals(SIG_DFL, SIG_DFL);
	return status_of(status);
}

static int start(const struct launch *l, const struct trace_sink *sink)
{
	int go[2];
	pid_t child;

	if (pipe2(go, O_CLOEXEC) < 0) {
		say("trace: %s", strerror(errno));
		return VERB_RUN_FAILED;
	}
	child = fork();
	if (child == 0) {
		close(go[1]);
		_exit(become(l, go[0]));
	}
	close(go[0]);
	if (child < 0) {
		say("trace: %s", strerror(errno));
		close(go[1]);
		return VERB_RUN_FAILED;
	}
	return follow(child, go[1], sink);
}

static int trace(const struct launch *l, const struct trace_args *args,
		 FILE *to)
{
	const struct trace_print_opts opts = {
		.socket = l->socket,
		.to = to,
		.json = args->json,
	};
	struct trace_print *print = trace_print_new(&opts);
	const struct trace_sink sink = {
		.library = l->library,
		.on_event = trace_print_event,
		.arg = print,
	};
	int status, err;

	if (print == NULL) {
		say("trace: %s", strerror(errno));
		return VERB_RUN_FAILED;
	}
	status = start(l, &sink);
	err = trace_print_free(print);
	if (err)
		say("trace: not everything could be written to %s: %s",
		    args->output ? args->output : "standard error",
		    strerror(-err));
	return status;
}

enum {
	OPTION_JSON = VERB_LONG + 64, /* beyond those of `run` */
};

static const struct verb_option options[] = {
	{
		.name = "json",
		.code = OPTION_JSON,
		.help = "a line of JSON each, for programs",
	},
	{
		.name = "output",
		.code = 'o',
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "to FILE, not to standard error",
	},
	{ .name = NULL },
};

static int take_option(void *arg, int code, const char *value)
{
	struct trace_args *args = arg;

	if (code == 'o')
		args->output = value;
	else
		args->json = true;
	return 0;
}

static int open_and_trace(const struct run_args *run,
			  const struct trace_args *args)
{
	FILE *to = args->output != NULL ? fopen(args->output, "we") : stderr;
	int status = VERB_RUN_FAILED;
	struct launch l;

	if (to == NULL) {
		say("trace: cannot write %s: %s", args->output,
		    strerror(errno));
		return status;
	}
	status = launch_prepare(&l, run);
	if (status == 0)
		status = trace(&l, args, to);
	if (args->output != NULL)
		fclose(to);
	return status;
}

static int run_trace(int argc, char **argv)
{
	struct trace_args args = { .json = false };
	int status = VERB_RUN_FAILED;
	struct run_args run;

	if (run_args_init(&run, &trace_verb, argc, argv, take_option, &args) ==
	    0)
		status = open_and_trace(&run, &args);
	run_args_fini(&run);
	return status;
}

const struct verb trace_verb = {
	.name = "trace",
	.main = run_trace,
	.summary = "run a command and tell what of it turnout saw",
	.usage =
		(const char *const[]){
			"[OPTION...] [--] COMMAND [ARG...]",
			NULL,
		},
	.about =
		(const char *const[]){
			"Run COMMAND behind turnout, and tell which of its "
			"calls were "
			"intercepted, which rule decided, and what went around "
			"turnout: system calls that are not made through libc, "
			"io_uring, static and set-ID programs. Each is told "
			"once a "
			"process.",
			NULL,
		},
	.options = options,
	.more = run_args_options,
	.operand = VERB_KIND_COMMAND,
	.operands_max = -1,
	.notes =
		(const char *const[]){
			"The other OPTIONs are those of 'turnout run'. "
			"Set-user-ID "
			"programs have no privilege when they are traced.",
			NULL,
		},
	.status =
		(const struct verb_status[]){
			{ "COMMAND's own",
			  "(128 and the signal that ended it)" },
			{ "125", "if turnout itself failed" },
			{ "126", "if COMMAND cannot be run" },
			{ "127", "if it was not found" },
			{ NULL, NULL },
		},
};
