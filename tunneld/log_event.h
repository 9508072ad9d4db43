/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log_event.h - what operators want to know of without reading every line
 *
 * Each has a MESSAGE_ID (systemd.journal-fields(7)), under which the journal's
 * catalog (conf/turnout.catalog) tells what to do. They never change.
 */
#ifndef LOG_EVENT_H
#define LOG_EVENT_H

/* X(name, message id) */
#define LOG_EVENT_LIST(X)                                           \
	X(READY, "9cc14e563e6642fdb947ce12190d77e2")                \
	X(CONFIG_RELOADED, "6868711ab32b4bf3880544fcdd48c6e3")      \
	X(CONFIG_REJECTED, "6a27513026ae42dba37410a9a2c330a5")      \
	X(RELAY_FAILED, "73e28bdc85544e40bab54cb9b2f5f5ea")         \
	X(RELAY_WORKS, "0185969477f14184a6090c088d444928")          \
	X(CREDENTIALS_FAILED, "9b448e0fded54d7b8d5f610aad23919d")   \
	X(CREDENTIALS_OBTAINED, "45b879dbca6b4a23825c3ecad01f87d1") \
	X(CONNECT_FAILED, "0f09554cff034bac81d41b73f81f3028")       \
	X(PROXY_UNREACHABLE, "b05a75d7e4d14da6a59cf8620d1f7e25")    \
	X(CLOCK_WRONG, "1f4ec63d5e6045abb685a52bb1585cd3")          \
	X(NETWORK_CHANGED, "44590fa9e2e542ceb7d1af24a72537c9")

enum log_event {
	LOG_EVENT_NONE = 0,
#define LOG_EVENT_NAME(name, id) LOG_EVENT_##name,
	LOG_EVENT_LIST(LOG_EVENT_NAME)
#undef LOG_EVENT_NAME
	LOG_NUM_EVENTS,
};

#endif
