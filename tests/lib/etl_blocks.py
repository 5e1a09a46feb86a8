# SPDX-License-Identifier: GPL-3.0-or-later
"""The block rules of formats/etl.md 7.4 once more, over tests/lib/etl_reader.py: an oracle for the
totals of `heapstrata summary --json`, sharing no code with src/trace."""

from etl_reader import (HEAP_ALLOC, HEAP_CREATE, HEAP_DESTROY, HEAP_FREE, HEAP_REALLOC,
                        process_fields)

NAMES = ("allocs", "frees", "reallocs", "realloc_inplace", "realloc_summary", "realloc_standalone",
         "realloc_failed", "unmatched_frees", "duplicate_allocs", "opened", "opened_bytes",
         "destroy_count", "destroy_bytes", "exit_count", "exit_bytes")


class Block:
    __slots__ = ("size", "tid", "is_claimed", "by_alloc", "order")

    def __init__(self, size, tid, by_alloc, order):
        self.size, self.tid, self.by_alloc, self.order = size, tid, by_alloc, order
        self.is_claimed = False


class Totals:
    """Sums over all processes; `peak_bytes` and `peak_time` (raw stamp) are those of the sum."""

    def __init__(self):
        self.count = dict.fromkeys(NAMES, 0)
        self.live_count = self.live_bytes = self.peak_bytes = 0
        self.peak_time = None
        self.heaps = {}        # (instance, handle) -> {address: Block}
        self.created = set()   # heaps that a Create record began
        self.instances = {}    # pid -> (instance number, key of the process)
        self.last_free = {}    # (instance, tid) -> (handle, address, order)
        self.order = 0
        self.live_addresses_twice = 0

    def _instance(self, pid):
        return pid, self.instances.setdefault(pid, (0, None))[0]

    def _heap(self, pid, handle):
        return self.heaps.setdefault((self._instance(pid), handle), {})

    def _open(self, heap, address, size, record, by_alloc):
        heap[address] = Block(size, record.tid, by_alloc, self.order)
        self.count["opened"] += 1
        self.count["opened_bytes"] += size
        self.live_count += 1
        self.live_bytes += size
        if self.live_bytes > self.peak_bytes:
            self.peak_bytes, self.peak_time = self.live_bytes, record.time

    def _close(self, heap, address):
        block = heap.pop(address)
        self.live_count -= 1
        self.live_bytes -= block.size
        return block

    def _empty(self, heap, reason):
        for address in list(heap):
            block = self._close(heap, address)
            self.count[reason + "_count"] += 1
            self.count[reason + "_bytes"] += block.size

    def _alloc(self, heap, record):
        p = record.pointer
        size, address = record.pointer_at(p), record.pointer_at(2 * p)
        self.count["allocs"] += 1
        if address == 0:
            return
        if address in heap:
            self.count["duplicate_allocs"] += 1
            self._close(heap, address)
        self._open(heap, address, size, record, True)

    def _free(self, heap, record):
        handle, address = record.pointer_at(0), record.pointer_at(record.pointer)
        self.count["frees"] += 1
        if address == 0:
            return
        self.last_free[self._instance(record.pid), record.tid] = (handle, address, self.order)
        if address in heap:
            self._close(heap, address)
        else:
            self.count["unmatched_frees"] += 1

    def _realloc(self, heap, record):
        p = record.pointer
        handle, new, old, size = (record.pointer_at(i * p) for i in range(4))
        self.count["reallocs"] += 1
        if new == 0:
            self.count["realloc_failed"] += 1
            return
        if new == old:
            self.count["realloc_inplace"] += 1
            if old in heap:
                self._close(heap, old)
            self._open(heap, new, size, record, False)
            return
        block = heap.get(new)
        if block and block.by_alloc and block.tid == record.tid and block.size == size and \
                not block.is_claimed:
            self.count["realloc_summary"] += 1
            block.is_claimed = True
            freed = self.last_free.get((self._instance(record.pid), record.tid))
            if freed and freed[:2] == (handle, old) and freed[2] >= block.order:
                return
            if old in heap and heap[old].order <= block.order:
                self._close(heap, old)
            return
        self.count["realloc_standalone"] += 1
        if old in heap:
            self._close(heap, old)
        if new in heap:
            self.count["duplicate_allocs"] += 1
            self._close(heap, new)
        self._open(heap, new, size, record, False)

    def heap_record(self, record):
        self.order += 1
        handle = record.pointer_at(0)
        name = (self._instance(record.pid), handle)
        heap = self._heap(record.pid, handle)
        if record.opcode == HEAP_ALLOC:
            self._alloc(heap, record)
        elif record.opcode == HEAP_FREE:
            self._free(heap, record)
        elif record.opcode == HEAP_REALLOC:
            self._realloc(heap, record)
        elif record.opcode == HEAP_DESTROY:
            self._empty(heap, "destroy")
            self.created.discard(name)
        elif record.opcode == HEAP_CREATE:
            if name in self.created:
                self._empty(heap, "destroy")
            self.created.add(name)

    def process_record(self, record):
        fields = process_fields(record)
        if fields is None:
            return
        pid = fields["pid"]
        number, key = self.instances.get(pid, (0, None))
        if record.opcode == 1:
            if key is not None and key != fields["key"]:
                self._end(pid)
                number = self.instances.get(pid, (0, None))[0]
            self.instances[pid] = (number, fields["key"])
        elif record.opcode == 2:
            self._end(pid)
        else:
            self.instances[pid] = (number, key if key is not None else fields["key"])

    def _end(self, pid):
        instance = self._instance(pid)
        for (owner, handle), heap in self.heaps.items():
            if owner == instance:
                self._empty(heap, "exit")
        self.instances[pid] = (instance[1] + 1, None)

    def report(self):
        return dict(self.count, live_count=self.live_count, live_bytes=self.live_bytes,
                    outstanding_count=self.live_count + self.count["exit_count"],
                    outstanding_bytes=self.live_bytes + self.count["exit_bytes"],
                    peak_bytes=self.peak_bytes)


def totals(trace):
    """Totals of the whole trace."""
    sums = Totals()
    for record in trace.records:
        if record.group == 0x10 and record.opcode in (HEAP_CREATE, HEAP_ALLOC, HEAP_REALLOC,
                                                      HEAP_DESTROY, HEAP_FREE):
            sums.heap_record(record)
        elif record.group == 0x03 and record.opcode in (1, 2, 3, 4, 39):
            sums.process_record(record)
    return sums
