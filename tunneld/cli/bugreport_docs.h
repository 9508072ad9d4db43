/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bugreport_docs.h - the documents of a bug report */
#ifndef BUGREPORT_DOCS_H
#define BUGREPORT_DOCS_H

#include <stdbool.h>

struct bundle;
struct redact;

struct bugreport {
	struct bundle *bundle;
	struct redact *redact;
	const char *socket; /* of the running tunneld; NULL: none runs */
	bool no_doctor;
};

/* All of them, and all that is to be said about what is not there. */
void bugreport_collect(struct bugreport *b);

#endif
