/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * screen.h - the whole of a terminal, drawn in place, and given back as it was
 * however this process ends (but by SIGKILL)
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* Are stdin and stdout one that can be drawn on? */
bool screen_is_there(void);
/* 0 or -errno. */
int screen_open(void) MUST_CHECK;
void screen_close(void);
/* 80 and 24 where the terminal does not know. */
void screen_size(size_t *columns, size_t *rows);
/* Lines with their ends; no more than there are rows. */
void screen_draw(const char *text, size_t len);

enum screen_event {
	SCREEN_TIME = 0, /* nothing has happened */
	SCREEN_RESIZED,  /* or given back to us: draw again */
	SCREEN_QUIT,     /* q, or the terminal has gone */
	SCREEN_KEY,      /* another key */
};
enum screen_event screen_wait(int timeout_ms);

#endif
