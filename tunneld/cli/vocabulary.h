/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vocabulary.h - every word that turnout itself can say; made at build time */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include <stddef.h>

extern const char *const vocabulary[]; /* in lower case, sorted */
extern const size_t vocabulary_count;

#endif
