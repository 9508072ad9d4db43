/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* creds_obtain.c - credentials from a web service or a command */
#include <config.h>

#include "creds_private.h"

#include <errno.h>
#include <stdio.h>

int creds_obtain(const struct creds_errand *e, struct creds_served *out)
{
	(void)out;
	snprintf(e->words, CREDS_WORDS_MAX, "not in this version");
	return -ENOSYS;
}
