#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""asyncio_many.py - 300 connects in one event loop, which must not stall

One half succeeds, one third of the others is refused, the others are given up.
"""
import asyncio
import errno
import os
import resource
import sys
import time

PORT = int(os.environ["HOOK_PORT"])
OK, REFUSED, NEVER = "198.51.100.2", "198.51.100.4", "198.51.100.5"
MANY = 300


async def succeed():
    reader, writer = await asyncio.open_connection(OK, PORT)
    assert writer.get_extra_info("peername") == (OK, PORT)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    await writer.wait_closed()


async def be_refused():
    try:
        await asyncio.open_connection(REFUSED, PORT)
    except OSError as error:
        assert error.errno == errno.ECONNREFUSED, error
        return
    raise AssertionError("connected")


async def give_up():
    try:
        await asyncio.wait_for(asyncio.open_connection(NEVER, PORT), 0.5)
    except asyncio.TimeoutError:
        return
    raise AssertionError("connected")


async def measure_stall(stall):
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.01)
        stall[0] = max(stall[0], time.monotonic() - before - 0.01)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


async def main():
    before, stall = descriptors(), [0.0]
    watcher = asyncio.create_task(measure_stall(stall))
    jobs = [(succeed, be_refused, succeed, give_up)[i % 4]()
            for i in range(MANY)]
    await asyncio.gather(*jobs)
    watcher.cancel()
    assert descriptors() == before, "descriptors leaked"
    print("# longest stall of the loop: %d ms" % (stall[0] * 1000))
    # All of them start in one turn of the loop; if they blocked, that turn
    # would take 300 ms for each.
    assert stall[0] < 2, stall[0]


resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 4096))
asyncio.run(main())
sys.exit(0)
