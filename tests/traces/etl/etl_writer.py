# SPDX-License-Identifier: GPL-3.0-or-later
"""A small writer of ETL files for tests, after the published layouts (formats/etl.md 1, 3, 6-9) and
sharing nothing with src/encode. It writes what it is told, true or not; it checks nothing."""

import struct
import uuid

HEAP_GUID = "222962ab-6180-4b88-a825-346b75f2a24a"
IMAGE_ID_GUID = "b3e675d7-2554-4f18-830b-2762732560de"
T0 = 1_000_000  # time stamp of the log file header record
START_FILETIME = 133_000_000_000_000_000
NOBODY = 0xFFFFFFFF

EVENT_TRACE, PAGE_FAULT, PROCESS, THREAD, POOL, HEAP, IMAGE, STACK = (
    0x00, 0x02, 0x03, 0x05, 0x0E, 0x10, 0x14, 0x18)


def pointers(size, *values):
    return b"".join(struct.pack("<Q" if size == 8 else "<I", v & (256 ** size - 1)) for v in values)


def wide(text):
    return text.encode("utf-16-le") + b"\0\0"


# ---- records ------------------------------------------------------------------------------------

def system(group, opcode, time, payload, pid=NOBODY, tid=NOBODY, version=2, size=8):
    """SYSTEM32/64: 20 bytes of header (hex)."""
    head = struct.pack("<BBBBHBBIIqII", version, 0, 2 if size == 8 else 1, 0xC0,
                       0x20 + len(payload), opcode, group, tid, pid, time, 0, 0)
    return head + payload


def compact(group, opcode, time, payload, pid=NOBODY, tid=NOBODY, version=2, size=8):
    """COMPACT32/64: as SYSTEM without the two processor times."""
    head = struct.pack("<BBBBHBBIIq", version, 0, 4 if size == 8 else 3, 0xC0, 0x18 + len(payload),
                       opcode, group, tid, pid, time)
    return head + payload


def perfinfo(group, opcode, time, payload, version=2, size=8, counters=()):
    """PERFINFO32/64: no process, no thread; `counters` stand between header and payload."""
    extra = struct.pack("<%dQ" % len(counters), *counters)
    head = struct.pack("<BBBBHBBq", version, len(counters), 0x11 if size == 8 else 0x10, 0xC0,
                       0x10 + len(extra) + len(payload), opcode, group, time)
    return head + extra + payload


def full(guid, opcode, time, payload, pid=NOBODY, tid=NOBODY, version=2, size=8):
    """FULL_HEADER32/64: names its class by GUID."""
    head = struct.pack("<HBBBBHIIq", 0x30 + len(payload), 0x14 if size == 8 else 0x0A, 0xC0,
                       opcode, 0, version, tid, pid, time)
    return head + uuid.UUID(guid).bytes_le + bytes(8) + payload


def event(guid, opcode, time, payload, pid=NOBODY, tid=NOBODY, version=2, size=8, items=()):
    """EVENT_HEADER32/64 with extended items (type, data)."""
    extended = b""
    for number, (kind, data) in enumerate(items, 1):
        total = (8 + len(data) + 7) & ~7
        extended += struct.pack("<HHHH", total, kind, number < len(items), len(data))
        extended += data + bytes(total - 8 - len(data))
    head = struct.pack("<HBBHHIIq", 0x50 + len(extended) + len(payload),
                       0x13 if size == 8 else 0x12, 0xC0, 1 if items else 0, 0, tid, pid, time)
    head += uuid.UUID(guid).bytes_le + struct.pack("<HBBBBHQQ", 0, version, 0, 0, opcode, 0, 0, 0)
    return head + bytes(16) + extended + payload


# ---- payloads -----------------------------------------------------------------------------------

def create(heap, size=8):
    return pointers(size, heap) + struct.pack("<I", 2) + pointers(size, 0x100000, 0x1000, 0x1000)


def alloc(heap, address, n, size=8, source=3):
    return pointers(size, heap, n, address) + struct.pack("<I", source)


def free(heap, address, size=8, source=3):
    return pointers(size, heap, address) + struct.pack("<I", source)


def realloc(heap, new, old, new_n, old_n, size=8, source=3):
    return pointers(size, heap, new, old, new_n, old_n) + struct.pack("<I", source)


def process(pid, image, command="", size=8, flags=0, key=None):
    """Process record version 4."""
    return (pointers(size, pid << 8 if key is None else key) + struct.pack("<IIIi", pid, 4, 1, 259)
            + pointers(size, 0x1AA000) + struct.pack("<II", flags, 0) + image.encode() + b"\0"
            + wide(command) + wide("") + wide(""))


def image(base, n, pid, path, size=8):
    """Image record version 2."""
    return (pointers(size, base, n) + struct.pack("<IIII", pid, 0, 0, 0) + pointers(size, base)
            + bytes(16) + wide(path))


def stack(time, pid, tid, *frames, size=8):
    return struct.pack("<QII", time, pid, tid) + pointers(size, *frames)


def stack_key(time, pid, tid, key, size=8):
    return struct.pack("<QII", time, pid, tid) + pointers(size, key)


def key_definition(key, *frames, size=8):
    return pointers(size, key, *frames)


# ---- buffers and the file -----------------------------------------------------------------------

def buffer_header(n, used, sequence, cpu, kind=0, flags=0x20):
    return struct.pack("<IIIiqqQHHIIHHqq", n, used, used, 0, 0, sequence, 0, cpu, 1, 3, used, flags,
                       kind, 0, 0)


def buffer(records, sequence, cpu=0, n=0x400, **header):
    data = b""
    for record in records:
        data += bytes(-len(data) % 8) + record
    assert 0x48 + len(data) <= n, "%#x bytes do not fit" % (0x48 + len(data))
    head = buffer_header(n, 0x48 + len(data), sequence, cpu, **header)
    return head + data + b"\xff" * (n - 0x48 - len(data))


def log_file_header(n_buffers, n=0x400, size=8, clock=1, frequency=10_000_000, mode=0, lost=0):
    zone = bytes(172)
    body = struct.pack("<IBBBBIIqIIIIIIII", n, 10, 0, 1, 5, 19045, 2, START_FILETIME + 10 ** 7,
                       156250, 0, mode, n_buffers, 1, size, lost, 3000)
    body += pointers(size, 0, 0) + zone + bytes(4)
    body += struct.pack("<qqqII", START_FILETIME - 10 ** 9, frequency, START_FILETIME, clock, 0)
    body += wide("test") + wide("test.etl")
    return system(EVENT_TRACE, 0, T0, body, size=size)


def file(buffers, n=0x400, **header):
    """`buffers` is a list of (cpu, records) in file order behind the header buffer, numbered so, or
    of (cpu, records, sequence number)."""
    out = buffer([log_file_header(len(buffers) + 1, n=n, **header)], 0, n=n, kind=4, flags=0x21)
    for place, (cpu, records, *sequence) in enumerate(buffers, 1):
        last = {"flags": 0x21} if place == len(buffers) else {}
        out += buffer(records, sequence[0] if sequence else place, cpu=cpu, n=n, **last)
    return out


def filled(records, n):
    """As `file`: one buffer of `n` bytes after another, each as full as whole records make it."""
    buffers, room = [[]], 0x48
    for record in records:
        if room + len(record) + 8 > n:
            buffers.append([])
            room = 0x48
        buffers[-1].append(record)
        room += (len(record) + 7) & ~7
    return file([(0, some) for some in buffers], n=n)
