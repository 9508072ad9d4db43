/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sandbox_seccomp.h - libseccomp, where it is there */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#endif
