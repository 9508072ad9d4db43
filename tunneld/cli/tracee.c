/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tracee.c - memory, descriptors and mappings of a stopped process, by /proc,
 * process_vm_readv(2) and pidfd_getfd(2)
 */
#include <config.h>

#include "tracee.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define LIBRARY "/libturnout.so"

int tracee_read(pid_t tid, uint64_t address, void *data, size_t len)
{
	struct iovec here = { .iov_base = data, .iov_len = len };
	struct iovec there = { .iov_base = (void *)(uintptr_t)address,
			       .iov_len = len };
	ssize_t n = process_vm_readv(tid, &here, 1, &there, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

pid_t tracee_process(pid_t tid)
{
	FILE *f = open_proc(tid, "status");
	char line[256];
	int pid = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			break;
	fclose(f);
	return pid;
}

void tracee_program(pid_t pid, char *path, size_t max)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, path, max - 1);
	path[n > 0 ? n : 0] = '\0';
}

int tracee_protocol(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), copy, err = 0;
	socklen_t len = sizeof(int);
	int protocol = 0;

	if (pidfd < 0)
		return -errno;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0 ||
	    getsockopt(copy, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0)
		err = -errno;
	if (copy >= 0)
		close(copy);
	close(pidfd);
	return err < 0 ? err : protocol;
}

/* `list`: paths between colons or blanks (ld.so(8)). */
static bool lists(const char *list, const char *path)
{
	size_t len = strlen(path);

	while (*list != '\0') {
		size_t n = strcspn(list, ": ");

		if (n == len && memcmp(list, path, n) == 0)
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}

bool tracee_has_env(pid_t pid, const char *name, const char *value)
{
	FILE *f = open_proc(pid, "environ");
	size_t size = 0, len = strlen(name);
	char *entry = NULL;
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && getdelim(&entry, &size, '\0', f) > 0)
		if (strncmp(entry, name, len) == 0 && entry[len] == '=')
			found = lists(entry + len + 1, value);
	free(entry);
	fclose(f);
	return found;
}

/* A line of proc(5), /proc/PID/maps: "from-to perms offset dev inode path". */
static void take_mapping(char *line, uint64_t address, struct tracee_place *out)
{
	uint64_t from, to;
	const char *path;
	int at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &from,
		   &to, &at) < 2 ||
	    at == 0)
		return;
	path = line + at;
	if (strstr(path, LIBRARY) != NULL)
		out->preloaded = true;
	if (address >= from && address < to)
		snprintf(out->file, sizeof(out->file), "%s", path);
}

void tracee_place(pid_t pid, uint64_t address, struct tracee_place *out)
{
	FILE *f = open_proc(pid, "maps");
	char *line = NULL;
	size_t size = 0;

	*out = (struct tracee_place){ .preloaded = false };
	if (f == NULL)
		return;
	while (getline(&line, &size, f) > 0)
		take_mapping(line, address, out);
	free(line);
	fclose(f);
}
