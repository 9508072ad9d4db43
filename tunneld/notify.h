/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify.h - tell systemd how we are (sd_notify(3), Type=notify-reload too)
 *
 * Each does nothing when NOTIFY_SOCKET is not set.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

/* The service manager is somebody else's: say nothing to it. */
void notify_leave(void);

void notify_ready(void);
void notify_reloading(void); /* notify_ready() ends it */
void notify_stopping(void);
/* One line for `systemctl status`. */
void notify_status(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Within so many ms it has to hear from us (sd_watchdog_enabled(3)); 0: it does
 * not care. */
uint64_t notify_watchdog_ms(void);
void notify_watchdog(void);

/* How many descriptors it keeps for us; 0: none. Systemd before 254 does not
 * tell: then the unit says it (Environment=FDSTORE=). */
size_t notify_store_max(void);
/* Have it keep a copy under that name. 0 or -errno; never waits. */
int notify_store(const char *name, int fd) MUST_CHECK;
/* … and let go of all of that name. */
void notify_store_remove(const char *name);

#endif
