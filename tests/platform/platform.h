/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* platform.h - a fact of the kernel that the code rests on, or exit status 1 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#define FACT(condition)                                                   \
	do {                                                              \
		if (!(condition)) {                                       \
			fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", \
				__FILE__, __LINE__, #condition, errno);   \
			exit(1);                                          \
		}                                                         \
	} while (0)

#endif
