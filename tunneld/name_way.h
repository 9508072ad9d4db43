/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name_way.h - who answers when an app looks a name up
 */
#ifndef NAME_WAY_H
#define NAME_WAY_H

struct names;
struct policy;
struct policy_client;

enum name_way {
	NAME_WAY_SYSTEM = 0, /* the machine's resolver; direct names do not
				leave by another way */
	NAME_WAY_INSIDE, /* the same, if it finds the name inside; else … */
	NAME_WAY_OURS,   /* … a synthetic address */
	NAME_WAY_NONE,   /* nobody: there is no such name */
	NAME_WAY_EMPTY,  /* nobody: the name has no records */
};

/* `name` is normalised (hostname.h); `client`: see policy.h. */
enum name_way name_way(const struct policy *policy, struct names *names,
		       const char *name, const struct policy_client *client);

#endif
