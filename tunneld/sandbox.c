/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sandbox.c - tunneld without what it never needs
 *
 * Theory of operation. The seccomp filter is inherited by exec, and what
 * tunneld starts are programs that others chose: a credential_command may be
 * anything, NSS, GSSAPI and OpenSSL load modules. So it does not list what is
 * allowed (the unit's SystemCallFilter= does, where systemd knows what is
 * common), but what none of them has any business with: the kernel itself,
 * other processes' memory, namespaces, other identities, raw packets, exotic
 * sockets, and io_uring, whose calls no filter sees. All of it is refused with
 * an errno, so that a program that only tries goes on without.
 *
 * No Landlock here: a ticket cache, a keyring's lock, a metrics file are
 * written where the user has them, and that may change with a reload. Files are
 * the unit's and the AppArmor profile's to guard; the process that runs
 * proxy auto-config scripts has a Landlock domain of its own (pac_helper.c).
 * No ban on memory that is written and executed either, for a
 * credential_command may be a program with a compiler inside.
 */
#include <config.h>

#include "sandbox.h"

#include "log.h"
#include "sandbox_seccomp.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* LeakSanitizer needs to look at it (ptrace(2)). */
void sandbox_hide_memory(void)
{
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	if (!SANDBOX_SANITIZED)
		(void)prctl(PR_SET_DUMPABLE, 0);
}

/* Another user */

/* Not even a program with file capabilities could get them back. */
static void drop_bounds(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int sandbox_become(const char *user, const char *const *dirs)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return errno != 0 ? -errno : -ENOENT;
	if (pw->pw_uid == 0)
		return -EINVAL;
	for (; *dirs != NULL; dirs++)
		if (chown(*dirs, pw->pw_uid, pw->pw_gid) < 0)
			return -errno;
	drop_bounds();
	if (initgroups(user, pw->pw_gid) < 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return -errno;
	/* Who changes the user is looked at anew. */
	sandbox_hide_memory();
	if (setenv("HOME", pw->pw_dir, 1) < 0 ||
	    setenv("USER", pw->pw_name, 1) < 0 ||
	    setenv("LOGNAME", pw->pw_name, 1) < 0)
		return -errno;
	return setuid(0) == 0 ? -EPERM : 0;
}

/* The filter */

#ifdef HAVE_SECCOMP
/* By name: some are not known to every architecture or library. */
static const char *const refused[] = {
	/* the kernel and the machine */
	"acct", "bpf", "delete_module", "finit_module", "init_module", "ioperm",
	"iopl", "kexec_file_load", "kexec_load", "lookup_dcookie", "modify_ldt",
	"nfsservctl", "perf_event_open", "quotactl", "quotactl_fd", "reboot",
	"swapoff", "swapon", "syslog", "userfaultfd", "vhangup", "vm86",
	"vm86old",
	/* its clock and its name */
	"adjtimex", "clock_adjtime", "clock_settime", "setdomainname",
	"sethostname", "settimeofday", "stime",
	/* other processes' memory and descriptors */
	"kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv",
	"process_vm_writev",
	/* file systems and namespaces */
	"chroot", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
	"mount", "mount_setattr", "move_mount", "name_to_handle_at",
	"open_by_handle_at", "open_tree", "pivot_root", "setns", "umount",
	"umount2", "unshare",
	/* rights */
	"capset", "mknod", "mknodat"
};

struct rule {
	const char *name;
	int error;
	unsigned int count;
	struct scmp_arg_cmp arg[2];
};

#define RULE(call, errno_, ...)                                           \
	{                                                                 \
		.name = (call), .error = (errno_),                        \
		.count = sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / \
			 sizeof(struct scmp_arg_cmp),                     \
		.arg = { __VA_ARGS__ }                                    \
	}
#define ARG(n, compare, value)                                  \
	(struct scmp_arg_cmp)                                   \
	{                                                       \
		.arg = (n), .op = (compare), .datum_a = (value) \
	}
/* Those of `mask` are `value`. The kernel looks at 32 bits of an int, and the
 * rest of the register may be anything. */
#define ARG_BITS(n, mask, value)                                         \
	(struct scmp_arg_cmp)                                            \
	{                                                                \
		.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), \
		.datum_b = (value)                                       \
	}
#define ARG_NOT(n, value)    ARG(n, SCMP_CMP_NE, value)
#define ARG_BIT(n, bit)      ARG_BITS(n, bit, bit)
#define ARG_IS_INT(n, value) ARG_BITS(n, 0xffffffffu, (uint32_t)(value))

static int add_rule(scmp_filter_ctx ctx, const struct rule *r)
{
	int number = seccomp_syscall_resolve_name(r->name);
	int rc;

	if (number == __NR_SCMP_ERROR)
		return 0; /* nobody can call it by that name */
	rc = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((unsigned int)r->error),
				    number, r->count, r->arg);
	/* -EDOM: not of this architecture */
	return rc == -EDOM ? 0 : rc;
}

static int add_rules(scmp_filter_ctx ctx, const struct rule *rules,
		     size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = add_rule(ctx, &rules[i]);
	return rc;
}

static int refuse(scmp_filter_ctx ctx, const char *name, int error)
{
	const struct rule r = { .name = name, .error = error };

	return add_rule(ctx, &r);
}

static int refuse_calls(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(refused) && rc == 0; i++)
		rc = refuse(ctx, refused[i], EPERM);
	if (rc == 0 && !SANDBOX_SANITIZED)
		rc = refuse(ctx, "ptrace", EPERM);
	/* Who finds that there is none goes on in the old way. */
	if (rc == 0)
		rc = refuse(ctx, "io_uring_setup", ENOSYS);
	if (rc == 0)
		rc = refuse(ctx, "io_uring_enter", ENOSYS);
	return rc == 0 ? refuse(ctx, "io_uring_register", ENOSYS) : rc;
}

/* New namespaces by clone(2). What clone3(2) is to do stands in memory, where
 * no filter looks: libc goes on with the former when there is no such call. */
static int refuse_namespaces(scmp_filter_ctx ctx)
{
	static const uint64_t flags[] = { 0x00020000, 0x02000000, 0x04000000,
					  0x08000000, 0x10000000, 0x20000000,
					  0x40000000 };
	int rc = refuse(ctx, "clone3", ENOSYS);

	for (size_t i = 0; i < ARRAY_SIZE(flags) && rc == 0; i++) {
		const struct rule r = RULE("clone", EPERM,
					   ARG_BIT(0, flags[i]));

		rc = add_rule(ctx, &r);
	}
	return rc;
}

/* To become who one is already is no change, and some programs do it. */
static int refuse_identities(scmp_filter_ctx ctx)
{
	const uint64_t uid = geteuid(), gid = getegid();
	const struct rule rules[] = {
		RULE("setuid", EPERM, ARG_NOT(0, uid)),
		RULE("setgid", EPERM, ARG_NOT(0, gid)),
		RULE("setreuid", EPERM, ARG_NOT(1, uid)),
		RULE("setregid", EPERM, ARG_NOT(1, gid)),
		RULE("setresuid", EPERM, ARG_NOT(1, uid)),
		RULE("setresgid", EPERM, ARG_NOT(1, gid)),
		RULE("setfsuid", EPERM, ARG_NOT(0, uid)),
		RULE("setfsgid", EPERM, ARG_NOT(0, gid)),
	};
	int rc = refuse(ctx, "setgroups", EPERM);

	return rc == 0 ? add_rules(ctx, rules, ARRAY_SIZE(rules)) : rc;
}

/* Files that lend their owner's rights, and words put into a terminal's mouth.
 */
static int refuse_tricks(scmp_filter_ctx ctx)
{
	const struct rule rules[] = {
		RULE("chmod", EPERM, ARG_BIT(1, S_ISUID)),
		RULE("chmod", EPERM, ARG_BIT(1, S_ISGID)),
		RULE("fchmod", EPERM, ARG_BIT(1, S_ISUID)),
		RULE("fchmod", EPERM, ARG_BIT(1, S_ISGID)),
		RULE("fchmodat", EPERM, ARG_BIT(2, S_ISUID)),
		RULE("fchmodat", EPERM, ARG_BIT(2, S_ISGID)),
		RULE("ioctl", EPERM, ARG_IS_INT(1, TIOCSTI)),
		RULE("ioctl", EPERM, ARG_IS_INT(1, TIOCLINUX)),
	};

	return add_rules(ctx, rules, ARRAY_SIZE(rules));
}

static bool is_used(int family)
{
	return family == AF_UNSPEC || family == AF_UNIX || family == AF_INET ||
	       family == AF_INET6 || family == AF_NETLINK;
}

static int refuse_sockets(scmp_filter_ctx ctx)
{
	const struct rule rules[] = {
		RULE("socket", EAFNOSUPPORT, ARG(0, SCMP_CMP_GT, AF_NETLINK)),
		RULE("socket", EPERM, ARG(0, SCMP_CMP_EQ, AF_INET),
		     ARG_BITS(1, 0xf, SOCK_RAW)),
		RULE("socket", EPERM, ARG(0, SCMP_CMP_EQ, AF_INET6),
		     ARG_BITS(1, 0xf, SOCK_RAW)),
	};
	int rc = add_rules(ctx, rules, ARRAY_SIZE(rules));

	for (int family = 0; family < AF_NETLINK && rc == 0; family++) {
		const struct rule r = RULE(
			"socket", EAFNOSUPPORT,
			ARG(0, SCMP_CMP_EQ, (uint64_t)family));

		if (!is_used(family))
			rc = add_rule(ctx, &r);
	}
	return rc;
}

static int load_filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (ctx == NULL)
		return -ENOMEM;
	rc = refuse_calls(ctx);
	if (rc == 0)
		rc = refuse_namespaces(ctx);
	if (rc == 0)
		rc = refuse_identities(ctx);
	if (rc == 0)
		rc = refuse_tricks(ctx);
	if (rc == 0)
		rc = refuse_sockets(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}
#else
static int load_filter(void)
{
	return 0; /* sandbox_words() will not have it */
}
#endif

void sandbox_enter(void)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warn("programs that tunneld starts may gain privileges: %s",
			 strerror(errno));
	rc = load_filter();
	if (rc < 0)
		log_warn("system calls are not filtered: %s", strerror(-rc));
}

/* Words */

static bool is_filtered(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
}

void sandbox_words(char words[SANDBOX_WORDS_MAX])
{
	const char *const parts[] = {
		geteuid() == 0 ? "root" : "not root",
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
			? "no new privileges"
			: NULL,
		prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? "memory hidden"
							: NULL,
		is_filtered() ? "system calls filtered" : NULL,
	};
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i] == NULL)
			continue;
		snprintf(words + len, SANDBOX_WORDS_MAX - len, "%s%s",
			 len > 0 ? ", " : "", parts[i]);
		len = strlen(words);
	}
}
