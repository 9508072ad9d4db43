/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cancel.c - break off what another thread does with a descriptor */
#include <config.h>

#include "cancel.h"

#include <sys/socket.h>

void cancel_init(struct cancel *c)
{
	*c = (struct cancel){ .fd = -1 };
	pthread_mutex_init(&c->lock, NULL);
}

void cancel_fini(struct cancel *c)
{
	pthread_mutex_destroy(&c->lock);
}

void cancel_now(struct cancel *c)
{
	pthread_mutex_lock(&c->lock);
	c->set = true;
	if (c->fd >= 0)
		(void)shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&c->lock);
}

bool cancel_is_set(struct cancel *c)
{
	bool set;

	pthread_mutex_lock(&c->lock);
	set = c->set;
	pthread_mutex_unlock(&c->lock);
	return set;
}

void cancel_watch(struct cancel *c, int fd)
{
	pthread_mutex_lock(&c->lock);
	c->fd = fd;
	pthread_mutex_unlock(&c->lock);
}
