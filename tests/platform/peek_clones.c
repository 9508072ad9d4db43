/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peek_clones.c - MSG_PEEK makes a new descriptor of a passed one at each look,
 * and the message outlives its sender: preload/connect.c rests on it
 */
#include <config.h>

#include "platform.h"

#include <sys/wait.h>

static void pass(int sock, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (char[]){ "verdict" }, .iov_len = 7 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	FACT(sendmsg(sock, &msg, 0) == 7);
}

static int look(int sock)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char bytes[7];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	FACT(recvmsg(sock, &msg, MSG_PEEK | MSG_DONTWAIT) == 7);
	c = CMSG_FIRSTHDR(&msg);
	FACT(c != NULL && c->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static uint64_t cookie(int fd)
{
	uint64_t value = 0;
	socklen_t len = sizeof(value);

	FACT(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &len) == 0);
	return value;
}

int main(void)
{
	int pair[2], sock = socket(AF_INET, SOCK_STREAM, 0), first, second;
	uint64_t own;
	int status;
	pid_t child;

	FACT(sock >= 0);
	FACT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	own = cookie(sock);
	FACT(own != 0 && own != cookie(pair[0]));
	pass(pair[1], sock);
	close(pair[1]);
	close(sock);
	first = look(pair[0]);
	second = look(pair[0]);
	FACT(first != second);
	FACT(cookie(first) == own && cookie(second) == own);
	child = fork();
	if (child == 0)
		exit(cookie(look(pair[0])) == own ? 0 : 1);
	FACT(waitpid(child, &status, 0) == child && status == 0);
	return 0;
}
