/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify.h - tell systemd how we are (sd_notify(3), Type=notify-reload too)
 *
 * Each does nothing when NOTIFY_SOCKET is not set.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <turnout/compiler.h>

void notify_ready(void);
void notify_reloading(void); /* notify_ready() ends it */
void notify_stopping(void);
/* One line for `systemctl status`. */
void notify_status(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
