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
#include <getopt.h>
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

static int take_relay(struct run_args *args, const char *uri)
{
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

enum option_code {
	OPTION_CONFIG = 'c',
	OPTION_PROXY = 256,
	OPTION_RELAY,
	OPTION_SET,
	OPTION_STRICT,
};

static int refuse_option(int c, char **argv)
{
	/* optind has passed a long option; optopt names a short one. */
	if (optopt > 0 && optopt < OPTION_PROXY && c == '?')
		say("run: unknown option '-%c'" SEE_HELP, optopt);
	else if (c == ':')
		say("run: '%s' needs a value" SEE_HELP, argv[optind - 1]);
	else
		say("run: unknown option '%.*s'" SEE_HELP,
		    (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
	return -EINVAL;
}

static int take_option(struct run_args *args, int c, char **argv)
{
	switch (c) {
	case OPTION_CONFIG:
		args->own_daemon = true;
		args->config = optarg;
		return 0;
	case OPTION_PROXY:
		args->own_daemon = true;
		return take_proxy(args, optarg);
	case OPTION_RELAY:
		args->own_daemon = true;
		return take_relay(args, optarg);
	case OPTION_SET:
		args->own_daemon = true;
		return take_setting(args, optarg);
	case OPTION_STRICT:
		args->strict = true;
		return 0;
	case 'q':
		args->quiet = true;
		return 0;
	default:
		return refuse_option(c, argv);
	}
}

int run_args_init(struct run_args *args, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, OPTION_CONFIG },
		{ "proxy", required_argument, NULL, OPTION_PROXY },
		{ "relay", required_argument, NULL, OPTION_RELAY },
		{ "set", required_argument, NULL, OPTION_SET },
		{ "strict", no_argument, NULL, OPTION_STRICT },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	int c, err = 0;

	memset(args, 0, sizeof(*args));
	args->set = calloc((size_t)argc + MADE_MAX, sizeof(*args->set));
	args->made = calloc((size_t)argc + MADE_MAX, sizeof(*args->made));
	if (args->set == NULL || args->made == NULL) {
		say("out of memory");
		return -ENOMEM;
	}
	optind = 1;
	/* +: the command's own options are not ours. */
	while (!err &&
	       (c = getopt_long(argc, argv, "+:c:q", options, NULL)) != -1)
		err = take_option(args, c, argv);
	if (!err && args->relay)
		err = take_relay_credentials(args);
	if (!err && optind >= argc) {
		say("run: no command given" SEE_HELP);
		err = -EINVAL;
	}
	args->command = argv + optind;
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
