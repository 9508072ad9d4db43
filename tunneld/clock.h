/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clock.h - monotonic milliseconds; read once per wake-up and passed down */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX /* a deadline that does not come */

uint64_t clock_now_ms(void);
/* Finer, of the same clock: for what is measured, not for deadlines. */
uint64_t clock_now_us(void);

#endif
