/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* page_index.h - the index of a table of the policy page; pure */
#ifndef PAGE_INDEX_H
#define PAGE_INDEX_H

#include <turnout/compiler.h>

struct page_table;

/* Of its rules, which are in place. 0 or -ENOMEM. */
int page_index_build(struct page_table *t) MUST_CHECK;

#endif
