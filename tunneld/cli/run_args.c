/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run_args.c - the options of `turnout run`, and its environment variables,
 * -> settings for a private tunneld
 *
 * Arguments of a process can be read by everybody (/proc/PID/cmdline), so a
 * URL with a password in it is refused, and never repeated in a message.
 */
#include <config.h>

#include "run_args.h"

#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --proxy, --relay and the three variables can add one setting each. */
#define MADE_MAX 5

#define SEE_HELP "; see 'turnout help run'"

/* Whether an @ stands in the authority: "scheme://user:password@host/". */
static bool has_userinfo(const char *url)
{
	const char *authority = strstr(url, "://");
	size_t len;

	authority = authority ? authority + 3 : url;
	len = strcspn(authority, "/?#");
	return memchr(authority, '@', len) != NULL;
}

static int make_setting(struct run_args *args, const char *key,
			const char *value)
{
	char *text;

	for (size_t i = 0; i < args->made_count; i++) {
		if (strncmp(args->made[i], key, strlen(key)) != 0)
			continue;
		say("run: --proxy and --relay can be given once each" SEE_HELP);
		return -EINVAL;
	}
	if (asprintf(&text, "%s%s", key, value) < 0) {
		say("out of memory");
		return -ENOMEM;
	}
	args->made[args->made_count++] = text;
	args->set[args->set_count++] = text;
	return 0;
}

static int take_proxy(struct run_args *args, const char *url)
{
	if (has_userinfo(url)) {
		say("run: a user name or password in a URL can be read by "
		    "everybody on this machine; use --proxy http://HOST:PORT "
		    "--set proxy.username=USER --set proxy.password_file=FILE");
		return -EINVAL;
	}
	return make_setting(args, "proxy.url=", url);
}

int run_args_relay(struct run_args *args, const char *uri)
{
	args->own_daemon = true;
	args->relay = true;
	/* RFC 7065 has no place for credentials, but people try. */
	if (strchr(uri, '@') != NULL) {
		say("run: a relay's URI holds no user name; use --relay "
		    "turns:HOST:443?transport=tcp and put the name into the "
		    "environment, " ENV_RELAY_USERNAME
		    "=USER, and a file with the "
		    "password, " ENV_RELAY_PASSWORD_FILE "=FILE");
		return -EINVAL;
	}
	return make_setting(args, "relay.cli.uri=", uri);
}

static int take_setting(struct run_args *args, const char *setting)
{
	static const char proxy_url[] = "proxy.url=";
	const char *value = strchr(setting, '=');
	const char *dot = strchr(setting, '.');

	if (value == NULL || dot == NULL || dot > value) {
		say("run: --set needs SECTION.KEY=VALUE, for instance "
		    "--set daemon.log_level=debug" SEE_HELP);
		return -EINVAL;
	}
	if (strncmp(setting, proxy_url, strlen(proxy_url)) == 0 &&
	    has_userinfo(value + 1))
		return take_proxy(args, value + 1);
	args->set[args->set_count++] = setting;
	return 0;
}

static const struct {
	const char *variable, *key;
} relay_credentials[] = {
	{ ENV_RELAY_USERNAME, "relay.cli.username=" },
	{ ENV_RELAY_PASSWORD_FILE, "relay.cli.password_file=" },
	{ ENV_RELAY_SECRET_FILE, "relay.cli.secret_file=" },
};

/* Whether one of the settings is for `key`. */
static bool is_set(const struct run_args *args, const char *key)
{
	for (size_t i = 0; i < args->set_count; i++)
		if (strncmp(args->set[i], key, strlen(key)) == 0)
			return true;
	return false;
}

static bool has_relay_credentials(const struct run_args *args)
{
	return is_set(args, "relay.cli.secret_file=") ||
	       (is_set(args, "relay.cli.username=") &&
		is_set(args, "relay.cli.password_file="));
}

static int take_relay_credentials(struct run_args *args)
{
	const char *value;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(relay_credentials) && !err; i++) {
		value = getenv(relay_credentials[i].variable);
		if (value != NULL && value[0] != '\0')
			err = make_setting(args, relay_credentials[i].key,
					   value);
	}
	if (err || has_relay_credentials(args))
		return err;
	say("run: --relay needs credentials in the environment: the user name "
	    "in " ENV_RELAY_USERNAME
	    " and the name of a file with the password "
	    "in " ENV_RELAY_PASSWORD_FILE
	    ", or that of a file with a shared secret "
	    "in " ENV_RELAY_SECRET_FILE);
	return -EINVAL;
}

const struct verb_option run_args_options[] = {
	{
		.name = "config",
		.code = RUN_ARGS_CONFIG,
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "read FILE instead of /etc/turnout/tunneld.conf",
	},
	{
		.name = "proxy",
		.code = RUN_ARGS_PROXY,
		.value = "URL",
		.kind = VERB_KIND_WORD,
		.words = "env none http://",
		.help = "http://HOST:PORT, env or none",
	},
	{
		.name = "relay",
		.code = RUN_ARGS_RELAY,
		.value = "URI",
		.kind = VERB_KIND_WORD,
		.words = "turns: turn:",
		.help = "'turns:HOST:443?transport=tcp'",
	},
	{
		.name = "set",
		.code = RUN_ARGS_SET,
		.value = "SEC.KEY=VALUE",
		.kind = VERB_KIND_SETTING,
		.repeatable = true,
		.help = "one setting of tunneld.conf(5); may be repeated",
	},
	{
		.name = "strict",
		.code = RUN_ARGS_STRICT,
		.help = "refuse a COMMAND that turnout cannot serve",
	},
	{
		.name = "quiet",
		.code = 'q',
		.help = "no warnings, errors only",
	},
	{ .name = NULL },
};

const struct verb_status run_args_status[] = {
	{ "COMMAND's own", NULL },
	{ "125", "if turnout itself failed" },
	{ "126", "if COMMAND cannot be run" },
	{ "127", "if it was not found" },
	{ NULL, NULL },
};

const struct verb_variable run_args_environment[] = {
	{ ENV_RELAY_USERNAME, "The user name at the relay of --relay." },
	{ ENV_RELAY_PASSWORD_FILE,
	  "The file that holds its password; only you may have access to it." },
	{ ENV_RELAY_SECRET_FILE,
	  "Instead of the two: the file that holds the secret of a relay with "
	  "time-limited credentials (coturn: use-auth-secret)." },
	{ NULL, NULL },
};

struct taker {
	struct run_args *args;
	verb_option_fn *other;
	void *other_arg;
};

static int take_option(void *arg, int code, const char *value)
{
	struct taker *t = arg;

	switch (code) {
	case RUN_ARGS_CONFIG:
		t->args->own_daemon = true;
		t->args->config = value;
		return 0;
	case RUN_ARGS_PROXY:
		t->args->own_daemon = true;
		return take_proxy(t->args, value);
	case RUN_ARGS_RELAY:
		return run_args_relay(t->args, value);
	case RUN_ARGS_SET:
		t->args->own_daemon = true;
		return take_setting(t->args, value);
	case RUN_ARGS_STRICT:
		t->args->strict = true;
		return 0;
	case 'q':
		t->args->quiet = true;
		return 0;
	default:
		return t->other(t->other_arg, code, value);
	}
}

int run_args_init(struct run_args *args, const struct verb *verb, int argc,
		  char **argv, verb_option_fn *other, void *other_arg)
{
	struct taker taker = { args, other, other_arg };
	int at, err = 0;

	memset(args, 0, sizeof(*args));
	args->set = calloc((size_t)argc + MADE_MAX, sizeof(*args->set));
	args->made = calloc((size_t)argc + MADE_MAX, sizeof(*args->made));
	if (args->set == NULL || args->made == NULL) {
		say("out of memory");
		return -ENOMEM;
	}
	at = verb_options(verb, verb->name, argc, argv, take_option, &taker);
	if (at < 0)
		return at;
	if (args->relay)
		err = take_relay_credentials(args);
	if (!err && at >= argc && verb->operands_max != 0) {
		say("%s: no command given; see 'turnout help %s'", verb->name,
		    verb->name);
		err = -EINVAL;
	}
	args->command = argv + at;
	return err;
}

void run_args_fini(struct run_args *args)
{
	for (size_t i = 0; i < args->made_count; i++)
		free(args->made[i]);
	free(args->made);
	free(args->set);
	memset(args, 0, sizeof(*args));
}
