/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn_words.h - what a STUN error code means: to the person who reads the
 * log, and to whom looks for another way (RFC 8489, 14.8; RFC 8656, 19;
 * RFC 8016, 5) */
#ifndef TURN_WORDS_H
#define TURN_WORDS_H

#include "turn.h"

#include <stdbool.h>

/* `allocated`: the relay had given an allocation before. Never NULL. */
const char *turn_words(unsigned int code, bool allocated);
/* What the code says about, when the allocation is refused or lost for it. */
enum turn_blame turn_words_blame(unsigned int code);

#endif
