#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the small ETL files beside it and those in ../broken; run it by hand after a change here.

Each shows one thing that the format allows, or that a damaged file does, in at most 4 KB. The
golden test dumps them; what the dump should say is worked out from the comments here, not from the
reader."""

import os
import struct

import etl_writer as w
from etl_writer import HEAP, IMAGE, PAGE_FAULT, POOL, PROCESS, STACK, T0

HERE = os.path.dirname(os.path.abspath(__file__))
PID, TID, HEAP_AT = 4242, 77, 0x1F0000
KERNEL = 0xFFFFF80000001000
ON = {"pid": PID, "tid": TID}


def at(ticks):
    return T0 + ticks


def started(image="demo.exe", size=8, **more):
    return w.system(PROCESS, 3, at(1), w.process(PID, image, image + " --run", size=size, **more),
                    version=4, size=size)


def both_pointer_sizes():
    """A 64-bit process and a 32-bit one whose heap records are SYSTEM32: 60h bytes stay."""
    small = {"pid": 99, "tid": 5, "size": 4}
    return w.file([(0, [
        started(),
        w.system(PROCESS, 3, at(2), w.process(99, "wow.exe", flags=2), version=4),
        w.system(HEAP, 0x20, at(10), w.create(HEAP_AT), version=3, **ON),
        w.system(HEAP, 0x20, at(11), w.create(0x300000, size=4), version=3, **small),
        w.system(HEAP, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40), **ON),
        w.system(HEAP, 0x21, at(21), w.alloc(0x300000, 0x301000, 0x20, size=4), **small),
        w.system(HEAP, 0x21, at(22), w.alloc(0x300000, 0x302000, 0x10, size=4), **small),
        w.system(HEAP, 0x24, at(30), w.free(0x300000, 0x302000, size=4), **small)])])


def event_header_stacks():
    """Heap records by GUID in EVENT_HEADER, their stacks as extended items beside a TS_ID item; the
    last record's is of type 6 with wide addresses, as WOW64 processes write it."""
    stack64 = struct.pack("<Q", 0) + w.pointers(8, 0x7FF600001010, 0x7FF600002020)
    stack32 = struct.pack("<Q", 0) + w.pointers(4, 0x401010, 0x402020, 0x403030)
    wow = struct.pack("<Q", 0) + w.pointers(8, 0x401010, 0x402020)
    session = struct.pack("<I", 1)
    return w.file([(0, [
        started(),
        w.event(w.HEAP_GUID, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40),
                items=[(3, session), (6, stack64)], **ON),
        w.event(w.HEAP_GUID, 0x21, at(21), w.alloc(HEAP_AT, 0x1F2000, 0x50, size=4), size=4,
                items=[(5, stack32)], **ON),
        w.event(w.HEAP_GUID, 0x21, at(22), w.alloc(HEAP_AT, 0x1F3000, 0x60, size=4), size=4,
                items=[(6, wow), (3, session)], **ON),
        w.event(w.HEAP_GUID, 0x24, at(30), w.free(HEAP_AT, 0x1F2000), **ON)])])


def stack_parts():
    """An event with a kernel part and a user part, one with a user part only, a stack that belongs
    to no event, and two with a kernel part of which the second only has a user part: the parts of
    a heap record's stack bear the same time stamp."""
    return w.file([(0, [
        started(),
        w.system(HEAP, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40), **ON),
        w.perfinfo(STACK, 32, at(25), w.stack(at(20), PID, TID, KERNEL, KERNEL + 8)),
        w.perfinfo(STACK, 32, at(26), w.stack(at(20), PID, TID, 0x7FF600001010, 0x7FF600002020)),
        w.system(HEAP, 0x21, at(30), w.alloc(HEAP_AT, 0x1F2000, 0x50), **ON),
        w.perfinfo(STACK, 32, at(35), w.stack(at(30), PID, TID, 0x7FF600005050, 0)),
        w.perfinfo(STACK, 32, at(40), w.stack(at(39), PID, TID, 0x7FF600009090))]),
        (0, [w.system(HEAP, 0x21, at(50), w.alloc(HEAP_AT, 0x1F3000, 0x60), **ON),
             w.perfinfo(STACK, 32, at(51), w.stack(at(50), PID, TID, KERNEL)),
             w.system(HEAP, 0x21, at(60), w.alloc(HEAP_AT, 0x1F4000, 0x70), **ON),
             w.perfinfo(STACK, 32, at(61), w.stack(at(60), PID, TID, KERNEL)),
             w.perfinfo(STACK, 32, at(70), w.stack(at(60), PID, TID, 0x7FF600007070))])])


def stack_keys():
    """Key 5 is used, evicted with stack A, used again and rundown as stack B; key 6 never comes."""
    return w.file([(0, [
        started(),
        w.system(HEAP, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40), **ON),
        w.perfinfo(STACK, 38, at(21), w.stack_key(at(20), PID, TID, 5)),
        w.perfinfo(STACK, 35, at(25), w.key_definition(5, 0x7FF60000A010, 0x7FF60000A020)),
        w.system(HEAP, 0x21, at(30), w.alloc(HEAP_AT, 0x1F2000, 0x50), **ON),
        w.perfinfo(STACK, 38, at(31), w.stack_key(at(30), PID, TID, 5)),
        w.system(HEAP, 0x21, at(40), w.alloc(HEAP_AT, 0x1F3000, 0x60), **ON),
        w.perfinfo(STACK, 38, at(41), w.stack_key(at(40), PID, TID, 6)),
        w.perfinfo(STACK, 36, at(90), w.key_definition(5, 0x7FF60000B010))])])


def stack_keys_in_two_parts():
    """Kernel and user key of the same value 7 are two keys; the kernel part comes first."""
    return w.file([(0, [
        started(),
        w.system(HEAP, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40), **ON),
        w.perfinfo(STACK, 37, at(21), w.stack_key(at(20), PID, TID, 7)),
        w.perfinfo(STACK, 38, at(22), w.stack_key(at(20), PID, TID, 7)),
        w.perfinfo(STACK, 36, at(90), w.key_definition(7, 0x7FF60000B010, 0x7FF60000B020)),
        w.perfinfo(STACK, 36, at(91), w.key_definition(7, KERNEL, KERNEL + 16))])])


def circular_two_processors():
    """A circular file whose oldest buffers stand last; two processors to be merged by time. The
    free on processor 1 belongs to the allocation on processor 0, buffers away."""
    return w.file([
        (0, [w.system(HEAP, 0x21, at(50), w.alloc(HEAP_AT, 0x1F5000, 0x5), **ON)], 3),
        (1, [w.system(HEAP, 0x24, at(40), w.free(HEAP_AT, 0x1F1000), **ON),
             w.system(HEAP, 0x21, at(60), w.alloc(HEAP_AT, 0x1F6000, 0x6), **ON)], 2),
        (0, [started(),
             w.system(HEAP, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x1), **ON)], 1)], mode=2)


def compact_headers():
    """COMPACT64 and COMPACT32: SYSTEM without the processor times."""
    return w.file([(0, [
        started(),
        w.compact(HEAP, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40), **ON),
        w.compact(HEAP, 0x21, at(21), w.alloc(HEAP_AT, 0x1F2000, 0x50, size=4), size=4, **ON),
        w.compact(HEAP, 0x24, at(30), w.free(HEAP_AT, 0x1F1000), **ON)])])


def virtual_memory():
    """PERFINFO without ids, the payload names the process; extra counters stand before the payload.
    Reserve 16 pages, commit 4 and again 2 of those and 2 more (6 in all), decommit 1, release."""
    def region(base, n, flags):
        return w.pointers(8, base, n) + struct.pack("<II", PID, flags)
    base = 0x10000000
    return w.file([(0, [
        started(),
        w.perfinfo(PAGE_FAULT, 98, at(20), region(base, 0x10000, 0x2000)),
        w.perfinfo(PAGE_FAULT, 98, at(21), region(base, 0x4000, 0x1000), counters=(1, 2)),
        w.perfinfo(PAGE_FAULT, 98, at(22), region(base + 0x2000, 0x4000, 0x1000)),
        w.perfinfo(PAGE_FAULT, 99, at(23), region(base, 0x1000, 0x4000)),
        w.perfinfo(PAGE_FAULT, 99, at(90), region(base, 0x10000, 0x8000))])])


def realloc_forms():
    """In place; the summary of a move (Alloc, Free, ReAlloc); one that stands alone; a failure."""
    def heap(opcode, ticks, payload):
        return w.system(HEAP, opcode, at(ticks), payload, **ON)
    return w.file([(0, [
        started(),
        heap(0x21, 20, w.alloc(HEAP_AT, 0x1F1000, 0x10)),
        heap(0x22, 21, w.realloc(HEAP_AT, 0x1F1000, 0x1F1000, 0x18, 0x10)),
        heap(0x21, 30, w.alloc(HEAP_AT, 0x1F2000, 0x200)),
        heap(0x24, 31, w.free(HEAP_AT, 0x1F1000)),
        heap(0x22, 32, w.realloc(HEAP_AT, 0x1F2000, 0x1F1000, 0x200, 0x18)),
        heap(0x22, 40, w.realloc(HEAP_AT, 0x1F3000, 0x1F2000, 0x300, 0x200)),
        heap(0x22, 50, w.realloc(HEAP_AT, 0, 0x1F3000, 0x7FFFFFFF, 0x300))]),
        (0, [heap(0x24, 60, w.free(HEAP_AT, 0x1F9000)),
             heap(0x21, 61, w.alloc(HEAP_AT, 0x1F3000, 0x8))])])


def destroy_exit_and_reuse():
    """A heap destroyed with a block in it and its handle used again; the process ends with a block
    left; its pid comes back as another process."""
    heap = 0x500000
    return w.file([
        (0, [started(),
             w.system(HEAP, 0x20, at(10), w.create(heap), version=3, **ON),
             w.system(HEAP, 0x21, at(20), w.alloc(heap, 0x501000, 0x11), **ON),
             w.system(HEAP, 0x23, at(30), w.pointers(8, heap), **ON),
             w.system(HEAP, 0x20, at(31), w.create(heap), version=3, **ON),
             w.system(HEAP, 0x21, at(32), w.alloc(heap, 0x501000, 0x22), **ON)]),
        (0, [w.system(PROCESS, 2, at(40), w.process(PID, "demo.exe"), version=4),
             w.system(PROCESS, 1, at(50), w.process(PID, "again.exe", key=0xBEEF), version=4),
             w.system(HEAP, 0x24, at(60), w.free(heap, 0x501000), **ON),
             w.system(HEAP, 0x21, at(61), w.alloc(heap, 0x501000, 0x33), **ON)])])


def heap_ranges(ticks, claimed):
    """A rundown of two ranges that says it has `claimed`."""
    return w.system(PAGE_FAULT, 100, at(ticks), w.pointers(8, HEAP_AT)
                    + struct.pack("<IIII", 2, PID, claimed, 0)
                    + w.pointers(8, 0x1F0000, 0x10000, 0x400000, 0x20000), version=3, **ON)


def pool_and_heap_ranges():
    """Kernel pool by tag, and the cheap heap range records."""
    def pool(tag, n, address, more=b""):
        return struct.pack("<I4s", 0x201, tag) + w.pointers(8, n, address) + more
    return w.file([(0, [
        started(),
        w.perfinfo(POOL, 0x20, at(20), pool(b"Ntfs", 0x100, KERNEL)),
        w.perfinfo(POOL, 0x21, at(21), pool(b"Gh05", 0x80, KERNEL + 0x1000, struct.pack("<I", 1))),
        w.perfinfo(POOL, 0x22, at(22), pool(b"Ntfs", 0, KERNEL)),
        heap_ranges(30, 2),
        w.system(PAGE_FAULT, 102, at(31), w.pointers(8, HEAP_AT, 0x700000, 0x1000), **ON)])])


def image_and_debug_name():
    """A module with its RSDS name, so that addresses can be shown as module + offset."""
    rsds = (w.pointers(8, 0x7FF600000000) + struct.pack("<I", PID) + bytes(range(16))
            + struct.pack("<I", 3) + b"demo.pdb\0")
    return w.file([(0, [
        started(),
        w.system(IMAGE, 3, at(2), w.image(0x7FF600000000, 0x10000, PID,
                                          r"\Device\HarddiskVolume2\demo.exe")),
        w.full(w.IMAGE_ID_GUID, 36, at(2), rsds, pid=PID),
        w.full(w.HEAP_GUID, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40), **ON),
        w.perfinfo(STACK, 32, at(21), w.stack(at(20), PID, TID, 0x7FF600001234))])])


def clock(kind, **more):
    return w.file([(0, [
        started(),
        w.system(HEAP, 0x21, at(20_000_000), w.alloc(HEAP_AT, 0x1F1000, 0x40), **ON)])],
        clock=kind, **more)


def header_of_32_bit():
    """The log file header record itself in its 32-bit form, as 32-bit Windows writes it."""
    return w.file([(0, [
        started(size=4),
        w.system(HEAP, 0x21, at(20), w.alloc(HEAP_AT, 0x1F1000, 0x40, size=4), size=4, **ON)])],
        size=4)


# ---- broken -------------------------------------------------------------------------------------

def three_buffers(middle):
    def one(ticks, address):
        return w.system(HEAP, 0x21, at(ticks), w.alloc(HEAP_AT, address, 0x40), **ON)
    return w.file([(0, [started(), one(20, 0x1F1000)]), (0, middle), (0, [one(90, 0x1F9000)])])


def heap_alloc(ticks, address, n=0x40):
    return w.system(HEAP, 0x21, at(ticks), w.alloc(HEAP_AT, address, n), **ON)


def record_of_no_size():
    """The second record of the middle buffer says size 0: it costs the rest of that buffer."""
    bad = bytearray(heap_alloc(41, 0x1F3000))
    bad[4:6] = b"\0\0"
    return three_buffers([heap_alloc(40, 0x1F2000), bytes(bad), heap_alloc(42, 0x1F4000)])


def record_past_the_buffer():
    bad = bytearray(heap_alloc(41, 0x1F3000))
    bad[4:6] = b"\xf0\xff"
    return three_buffers([heap_alloc(40, 0x1F2000), bytes(bad)])


def unknown_marker():
    return three_buffers([heap_alloc(40, 0x1F2000), b"\x02\0\x02\xa7" + bytes(60)])


def garbage_buffer():
    """The header of the middle buffer is noise; it goes on at the next multiple of its size."""
    out = bytearray(three_buffers([heap_alloc(40, 0x1F2000)]))
    out[0x800:0x848] = bytes((i * 37 + 11) & 0xFF for i in range(0x48))
    return bytes(out)


def truncated_tail():
    """The file ends inside the last buffer, behind its record."""
    return three_buffers([heap_alloc(40, 0x1F2000)])[:0xC00 + 0xC0]


def compressed_nonsense():
    """The middle buffer claims XPRESS data that copies from before its own start."""
    out = bytearray(three_buffers([heap_alloc(40, 0x1F2000)]))
    struct.pack_into("<H", out, 0x800 + 0x34, 0x60)
    out[0x848:0x848 + 8] = struct.pack("<IHH", 0xFFFFFFFF, 0x1007, 0xFFFF)
    return bytes(out)


def sizes_of_nobody():
    """Blocks of 2^64 - 1 and 2^47 + 1 bytes: told, not added."""
    return three_buffers([heap_alloc(40, 0x1F2000, 2 ** 64 - 1),
                          heap_alloc(41, 0x1F3000, 2 ** 47 + 1)])


def absurd_time():
    """One record 30,000 years on; the time line must not follow it."""
    return three_buffers([heap_alloc(40, 0x1F2000), heap_alloc(10 ** 18, 0x1F3000)])


def short_payload():
    """An Alloc whose payload ends before its address."""
    return three_buffers([w.system(HEAP, 0x21, at(40), w.pointers(8, HEAP_AT, 0x40), **ON),
                          heap_alloc(41, 0x1F2000)])


def extended_item_too_long():
    """The extended item claims more than the record holds: no stack, no payload, no crash."""
    bad = bytearray(w.event(w.HEAP_GUID, 0x21, at(41), w.alloc(HEAP_AT, 0x1F3000, 0x40),
                            items=[(6, bytes(8) + w.pointers(8, 1))], **ON))
    struct.pack_into("<H", bad, 0x50, 0x7FF8)
    return three_buffers([heap_alloc(40, 0x1F2000), bytes(bad), heap_alloc(42, 0x1F4000)])


def range_count():
    """A heap range rundown that claims 1,000 ranges and holds two."""
    return three_buffers([heap_ranges(40, 1000), heap_alloc(41, 0x1F2000)])


def no_first_record():
    """The first buffer's first record is no log file header."""
    out = bytearray(three_buffers([]))
    out[0x48 + 7] = 9
    return bytes(out)


GOOD = {
    "both-pointer-sizes": both_pointer_sizes, "event-header-stacks": event_header_stacks,
    "stack-parts": stack_parts, "stack-keys": stack_keys,
    "stack-keys-in-two-parts": stack_keys_in_two_parts,
    "circular-two-processors": circular_two_processors, "compact-headers": compact_headers,
    "virtual-memory": virtual_memory, "realloc-forms": realloc_forms,
    "destroy-exit-and-reuse": destroy_exit_and_reuse, "pool-and-heap-ranges": pool_and_heap_ranges,
    "image-and-debug-name": image_and_debug_name, "header-of-32-bit": header_of_32_bit,
    "clock-system-time": lambda: clock(2), "clock-cycles": lambda: clock(3),
    "clock-frequency-0": lambda: clock(1, frequency=0),
    "lost-events": lambda: clock(1, lost=17),
}

BROKEN = {
    "record-of-no-size": record_of_no_size, "record-past-the-buffer": record_past_the_buffer,
    "unknown-marker": unknown_marker, "garbage-buffer": garbage_buffer,
    "truncated-tail": truncated_tail, "compressed-nonsense": compressed_nonsense,
    "sizes-of-nobody": sizes_of_nobody, "absurd-time": absurd_time, "short-payload": short_payload,
    "extended-item-too-long": extended_item_too_long, "no-first-record": no_first_record,
    "range-count": range_count,
    "empty": lambda: b"", "text": lambda: b"This is no trace at all.\n",
}


def main():
    for folder, cases in ((HERE, GOOD), (os.path.join(HERE, "..", "broken"), BROKEN)):
        os.makedirs(folder, exist_ok=True)
        for name, make in cases.items():
            data = make()
            assert len(data) <= 4096, "%s: %d bytes" % (name, len(data))
            with open(os.path.join(folder, name + ".etl"), "wb") as out:
                out.write(data)


if __name__ == "__main__":
    main()
