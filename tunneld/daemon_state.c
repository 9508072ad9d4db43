/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_state.c - where what tunneld has found out outlives it: files of one
 * user, which all the daemons of that user share
 */
#include <config.h>

#include "conf.h"
#include "daemon.h"
#include "dial.h"
#include "log.h"
#include "options.h"
#include "proxy_auth.h"
#include "tunnel.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM_STATE LOCALSTATEDIR "/lib/turnout"
#define LOGINS_FILE  "proxy-logins"

/* State that outlives a reboot: what systemd made for it, or the user's own
 * (XDG Base Directory Specification); for a socket at a place of its own,
 * beside that. */
int daemon_state_path(const struct tunneld *d, const char *file,
		      char path[PATH_MAX])
{
	const char *given = getenv("STATE_DIRECTORY");
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	bool own_place = d->opts->socket != NULL || d->conf->socket[0] != '\0';
	int n;

	if (given != NULL && given[0] == '/')
		n = snprintf(path, PATH_MAX, "%.*s/%s",
			     (int)strcspn(given, ":"), given, file);
	else if (own_place && !d->opts->private_daemon)
		n = snprintf(path, PATH_MAX, "%s.%s", d->socket, file);
	else if (d->opts->system)
		n = snprintf(path, PATH_MAX, SYSTEM_STATE "/%s", file);
	else if (xdg != NULL && xdg[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/turnout/%s", xdg, file);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/.local/state/turnout/%s", home,
			     file);
	else
		return -ENOENT;
	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

void daemon_keep_logins(struct tunneld *d)
{
	char path[PATH_MAX];
	int rc = daemon_state_path(d, LOGINS_FILE, path);

	if (rc == 0)
		rc = proxy_auth_keep(dial_tunnel_env(d->pool)->auth, path);
	if (rc < 0)
		log_warn("which proxy passwords were refused is known until "
			 "the end only: %s",
			 strerror(-rc));
}
