/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_words.h - times, sizes, losses and paths as people read them */
#ifndef STATUS_WORDS_H
#define STATUS_WORDS_H

#include <turnout/compiler.h>

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WORDS_TIME_MAX  16
#define WORDS_MS_MAX    16
#define WORDS_BYTES_MAX 16
#define WORDS_LOSS_MAX  8

/* So many columns of it at most, and nothing that moves a cursor. */
void words_put(FILE *to, const char *text, size_t columns);
/* "12 s", "3 min", "5 h", "2 d" */
void words_time(char out[WORDS_TIME_MAX], uint64_t ms);
/* "12.3 ms"; "-" for null */
void words_ms(char out[WORDS_MS_MAX], const json_t *ms);
/* "999", "1.2k", "34M", … */
void words_bytes(char out[WORDS_BYTES_MAX], uint64_t bytes);
/* The last part of a path; "?" for NULL. */
const char *words_program(const char *path);
/* The member's growth since `before` (NULL: since the start), as bits a second
 * over `ms`, or with 0 as bytes. */
void words_traffic(char out[WORDS_BYTES_MAX], const json_t *flow,
		   const json_t *before, const char *member, int64_t ms);
/* Percent, of what is known; "-": nothing is. */
void words_loss_up(char out[WORDS_LOSS_MAX], const json_t *flow,
		   const json_t *before);
void words_loss_down(char out[WORDS_LOSS_MAX], const json_t *flow,
		     const json_t *before);

#endif
