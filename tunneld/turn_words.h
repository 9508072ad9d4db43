/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn_words.h - what a STUN error code means to the person who reads the log
 * (RFC 8489, 14.8; RFC 8656, 19) */
#ifndef TURN_WORDS_H
#define TURN_WORDS_H

#include <stdbool.h>

/* `allocated`: the relay had given an allocation before. Never NULL. */
const char *turn_words(unsigned int code, bool allocated);

#endif
