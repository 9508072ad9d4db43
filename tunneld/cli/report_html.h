/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* report_html.h - a doctor's report as one page that needs nothing else */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include <jansson.h>
#include <stdio.h>

void report_html(FILE *to, const json_t *report);
/* The page's style sheet. */
extern const char report_html_style[];

#endif
