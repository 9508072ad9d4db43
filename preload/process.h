/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.h - which process is this: ours, a fork child, or a vfork child that
 * runs in its parent's memory
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Set up at the first tracked socket; idempotent. */
void process_init(void);
/* Owner of this memory: the pid of this process, or of the parent in a vfork
 * child. */
uint32_t process_owner(void);
/* True in a child that shares its parent's memory but not its descriptors:
 * what it closes or duplicates must not be recorded. */
bool process_is_vfork_child(void);

#endif
