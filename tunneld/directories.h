/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* directories.h - places for files that are to be made */
#ifndef DIRECTORIES_H
#define DIRECTORIES_H

/* The directories above the file at `path` that are missing, for nobody but
 * us. Whether that worked shows when the file is made. */
void directories_make(const char *path);

#endif
