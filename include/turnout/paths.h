/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* paths.h - names of environment variables, files and defaults */
#ifndef TURNOUT_PATHS_H
#define TURNOUT_PATHS_H

/* Where tunneld listens; set by `turnout run` for the app. The policy page
 * stands beside it, PAGE_SUFFIX appended. */
#define ENV_SOCKET "TURNOUT_SOCKET"

/* A daemon of the machine; one of the user is at $XDG_RUNTIME_DIR + USER. */
#define SYSTEM_SOCKET      "/run/turnout/control"
#define USER_SOCKET_SUFFIX "/turnout/control"
/* SYSCONFDIR comes from the build: /etc, if the packager does not say else. */
#define SYSTEM_CONF     SYSCONFDIR "/turnout/tunneld.conf"
#define SYSTEM_CONF_DIR SYSCONFDIR "/turnout/conf.d"
/* What stands here is locked. */
#define SYSTEM_POLICY_DIR SYSCONFDIR "/turnout/policy.d"

/* sun_path without its NUL. */
#define SOCKET_PATH_MAX 107

#endif
