# SPDX-License-Identifier: GPL-3.0-or-later
"""A second reader of .hst, written from src/decode/hst/FORMAT.md and sharing nothing with ours.

read_hst (path) reads a sound file, checks what the format promises, and returns counts and sums.
"""

import struct
import subprocess

MASK = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def rotate(value, n):
    return (value << n | value >> (64 - n)) & MASK


def lane(acc, word):
    return rotate((acc + word * P2) & MASK, 31) * P1 & MASK


def sum32(data):
    """The low half of XXH64 with seed 0."""
    at, n = 0, len(data)
    if n >= 32:
        accs = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        for words in struct.iter_unpack("<4Q", data[:n - n % 32]):
            accs = [lane(acc, word) for acc, word in zip(accs, words)]
        at = n - n % 32
        acc = sum(rotate(a, r) for a, r in zip(accs, (1, 7, 12, 18))) & MASK
        for a in accs:
            acc = ((acc ^ lane(0, a)) * P1 + P4) & MASK
    else:
        acc = P5
    acc = (acc + n) & MASK
    while n - at >= 8:
        word, = struct.unpack_from("<Q", data, at)
        acc = (rotate(acc ^ lane(0, word), 27) * P1 + P4) & MASK
        at += 8
    if n - at >= 4:
        word, = struct.unpack_from("<I", data, at)
        acc = (rotate(acc ^ word * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        acc = rotate(acc ^ byte * P5 & MASK, 11) * P1 & MASK
    acc = (acc ^ acc >> 33) * P2 & MASK
    acc = (acc ^ acc >> 29) * P3 & MASK
    return (acc ^ acc >> 32) & 0xFFFFFFFF


class Bytes:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, form):
        value, = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value & MASK

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)


class Context:
    def __init__(self, number, fields):
        self.fields = fields
        self.successor = [number, number]
        self.last_local = [0, 0]
        self.last_born = self.last_dead = 0
        self.newest_birth = None
        self.salt = fields[1] * 0x9E37 & 0xFFFF

    def class_of(self, size):
        return (((size + 23 & MASK) >> 4) ^ self.salt) & 2047


class Segment:
    """One events chunk: section 5 and 6."""

    def __init__(self, data, counts):
        self.counts, self.input = counts, Bytes(data)
        self.first_event, self.time, _, _ = struct.unpack_from("<Qqqq", data)
        self.n_ops, self.n_definitions = struct.unpack_from("<II", data, 32)
        self.input.at = 40
        self.contexts = [Context(0, (None, 0, 0, 0, 0))]
        self.current = 0
        self.locals, self.new_slot, self.ref = [0, 0], 0, 0
        self.next_stack, self.sizes, self.newest_death = ({}, {}), {}, {}
        self.births, self.deaths = [], []  # [address, class, link]
        for _ in range(self.n_ops):
            self.op()
        assert self.input.at == len(data), "bytes behind the last op"

    def context_code(self):
        code = self.input.varint()
        if code:
            return code - 1
        process, thread, heap, source, flags = (self.input.varint() for _ in range(5))
        self.contexts.append(Context(len(self.contexts),
                                     (process - 1 if process else None, thread, heap, source,
                                      flags)))
        return len(self.contexts) - 1

    def stack_code(self):
        code = self.input.varint()
        if code == 0:
            self.new_slot += self.input.zigzag()
            self.locals.append(self.new_slot)
            return len(self.locals) - 1
        if code == 1:
            self.input.varint()
            self.ref += self.input.zigzag()
            return 0
        self.ref += code - 2 == 1
        assert code - 2 < len(self.locals)
        return code - 2

    def full(self, last):
        code = self.input.varint()
        if code & 1:
            return last + self.input.zigzag() & MASK
        code >>= 1
        return last + 16 * (code >> 1 ^ -(code & 1)) & MASK

    def take_death(self, number):
        _, size_class, link = self.deaths[number]
        if size_class is not None:
            self.newest_death[size_class] = link

    def die(self, context, birth, address):
        if birth is None:
            self.deaths.append((address, None, None))
            return
        address, size_class, link = self.births[birth]
        context.newest_birth = link
        self.deaths.append((address, size_class, self.newest_death.get(size_class)))
        self.newest_death[size_class] = len(self.deaths) - 1

    def bear(self, context, address, size_class):
        self.births.append([address, size_class, context.newest_birth])
        context.newest_birth = len(self.births) - 1

    def op(self):
        op = self.input.take("B")
        if op >= 0xC0:
            self.other(op - 0xC0)
            return
        is_free = op >= 0x80
        before = self.contexts[self.current]
        if op & 0x20:
            before.successor[is_free] = self.context_code()
        self.current = before.successor[is_free]
        context = self.contexts[self.current]
        self.time += [lambda: 0, lambda: self.input.take("B"), lambda: self.input.take("H"),
                      self.input.zigzag][op & 3]()
        expected = self.next_stack[is_free].get(context.last_local[is_free] & 4095, 0)
        if op & 0x10:
            local = self.stack_code()
        else:
            local = expected
            self.ref += local == 1
        self.next_stack[is_free][context.last_local[is_free] & 4095] = local
        context.last_local[is_free] = local
        if is_free:
            address = self.free(context, op >> 2 & 3)
        else:
            if op & 0x40:
                self.sizes[local & 4095] = self.input.varint()
            size = self.sizes.get(local & 4095, 0)
            address = self.alloc(context, op >> 2 & 3, size)
            self.counts["bytes"] += size
        self.counts["frees" if is_free else "allocs"] += 1
        self.counts["block_events"] += 1
        self.counts["addresses"] = (self.counts["addresses"] * 31 + address) & MASK
        assert context.fields[0] is not None

    def distance(self, kind, things):
        return len(things) - self.input.take("BH"[kind - 1])

    def alloc(self, context, kind, size):
        size_class = context.class_of(size)
        if kind == 3:
            context.last_born = address = self.full(context.last_born)
        else:
            death = self.distance(kind, self.deaths) if kind else self.newest_death[size_class]
            address = self.deaths[death][0]
            self.take_death(death)
        self.bear(context, address, size_class)
        return address

    def free(self, context, kind):
        if kind == 3:
            context.last_dead = address = self.full(context.last_dead)
            self.die(context, None, address)
            return address
        birth = self.distance(kind, self.births) if kind else context.newest_birth
        self.die(context, birth, None)
        return self.births[birth][0]

    def realloc(self, context):
        old = self.input.varint()
        birth = len(self.births) - old if old else None
        if old:
            old_address = self.births[birth][0]
        else:
            context.last_dead = old_address = self.full(context.last_dead)
        new = self.input.varint()
        if new == 0:
            context.last_born = address = self.full(context.last_born)
        else:
            address = old_address if new == 1 else self.deaths[len(self.deaths) - (new - 1)][0]
        size_class = context.class_of(self.input.varint())
        self.input.varint()
        self.counts["reallocs"] += 1
        if new == 1 and old:
            self.births[birth][1] = size_class
            return
        if new != 1:
            if new:
                self.take_death(len(self.deaths) - (new - 1))
            self.die(context, birth, old_address)
        self.bear(context, address, size_class)

    def other(self, op):
        if op == 0:
            self.input.varint()
            return
        if op >= 32:
            self.input.at += self.input.varint()
            return
        self.time += 0 if op == 10 else self.input.zigzag()
        if op == 10:
            self.input.zigzag()
        else:
            self.current = self.context_code()
        self.stack_code()
        assert 1 <= op <= 10
        self.counts["block_events"] += op <= 5
        if op == 1:
            self.realloc(self.contexts[self.current])
        elif op == 5:
            self.input.take("B")
            self.input.zigzag()
        elif op in (6, 7, 8):
            for _ in range(3 if op == 7 else 2):
                self.input.varint()
            self.input.at += 5 if op == 8 else 1
        elif op == 9:
            self.input.varint()


def read_definitions(data, counts):
    n, first_node, first_string, zero = struct.unpack_from("<IIII", data)
    records, at = 0, Bytes(data, 16)
    assert (first_node, first_string, zero) == (counts["nodes"], counts["strings"], 0)
    while at.at < len(data):
        kind, size = at.take("B"), at.varint()
        end = at.at + size
        assert end <= len(data)
        if kind == 1:
            counts["strings"] += 1
        else:
            records += 1
            mask = at.take("B")
            for _ in range(bin(mask).count("1")):
                at.varint()
            if kind == 6:
                at.zigzag()
                assert at.varint() < counts["nodes"]
                counts["nodes"] += at.varint()
                counts["stacks"] += 1
        at.at = end
    assert records == n
    counts["records"] += n


def read_chunk(data, at, number):
    head = data[at:at + 32]
    magic, kind, flags, told, stored, raw, n_events, check = struct.unpack_from("<4sHHIIIII", head)
    assert magic == b"HSTC" and told == number
    assert struct.unpack_from("<I", head, 28)[0] == sum32(head[:28])
    payload = data[at + 32:at + 32 + stored]
    assert check == sum32(payload)
    if flags & 1:
        payload = subprocess.run(["zstd", "-dqc"], input=payload, stdout=subprocess.PIPE,
                                 check=True).stdout
    assert len(payload) == raw
    return kind, payload, n_events, at + 32 + stored


# section 9: bytes of a value of each column, and which count of the head says how many there are
LEVELS = (8, 8, 8, 8, 8, 8, 4, 4, 4)
SIZES = (4, 4, 4, 4, 4, 4, 8, 2, 4, 8, 8, 4, 4, 4, 4, 4, 4, 4, 4, 4, *LEVELS, *LEVELS, 4, 8, 4,
         8, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 8, 4, 4, 8, 8, 8, 4, 4, 4, 4, 4)
COUNTS = (1, 1, 1, 1, 1, 10, 10, 0, 4, 4, 0, 0, 5, 5, 5, 5, 5, *(6,) * 12, *(7,) * 9, 8, 8, 9,
          *(11,) * 6, *(12,) * 5, *(13,) * 11)


def read_column(index, head, at, column, n):
    values = []
    limit = (1 << 8 * SIZES[column]) - 1
    while len(values) < n:
        offset, base, check, width = struct.unpack_from("<QQIB", head, at)
        here = min(n - len(values), 65536)
        stored = index[offset:offset + here * width]
        assert len(stored) == here * width and check == sum32(stored)
        values += [base + int.from_bytes(stored[i * width:(i + 1) * width], "little") & limit
                   for i in range(here)]
        at += 24
    return values, at


def check_levels(steps, told, n_rows):
    """What lived after each part of the time, against the rows."""
    least, most, live, born, first_time, last_time, births, live_count, _ = steps
    if not live:
        assert n_rows == 0
        return
    assert all(low <= end <= high for low, end, high in zip(least, live, most))
    assert all(begin <= end for begin, end in zip(first_time, last_time))
    assert all(end <= begin for end, begin in zip(last_time, first_time[1:]))
    # what lived when its process ended is outstanding, but lives no more
    assert live[-1] <= told["outstanding_bytes"] and live_count[-1] <= told["outstanding"]
    assert (born[-1], births[-1]) == (told["bytes"], n_rows)


def read_index(index, whole, seal):
    """Counts and sums of the closing index, whose parts must fit together."""
    magic, told = struct.unpack_from("<8sQ", index)
    assert magic == b"HSTIDX\r\n" and told == whole
    magic, told, n_head, check = struct.unpack_from("<8sQQI", index, len(index) - 32)
    assert magic == b"HSTINX\r\n" and told == whole
    assert struct.unpack_from("<I", index, len(index) - 4)[0] == sum32(index[-32:-4])
    head = index[len(index) - 32 - n_head:len(index) - 32]
    assert check == sum32(head)
    assert struct.unpack_from("<IIQII", head) == (5, 63, whole, seal, 24)
    counts = struct.unpack_from("<14I", head, 24)
    for where in (104, 128):
        first, n_bytes, check = struct.unpack_from("<QQI", head, where)
        assert check == sum32(index[first:first + n_bytes])
    columns, at = [], 152
    for column in range(len(SIZES)):
        n = counts[COUNTS[column]]
        n = (n + 63) // 64 if column in (10, 11) else n
        values, at = read_column(index, head, at, column, n)
        columns.append(values)
    assert at == n_head
    births = [word * 64 + bit for word, bits in enumerate(columns[10])
              for bit in range(64) if bits >> bit & 1]
    ends = [(end or 1 << 32) - 1 for end in columns[0]]
    assert len(births) == counts[1] == len(ends)
    assert all(birth <= end for birth, end in zip(births, ends)), "a block ends before its birth"
    assert all(context < counts[5] for context in columns[4])
    large = dict(zip(columns[5], columns[6]))
    sizes = [large[row] if size == 0xFFFFFFFF else size for row, size in enumerate(columns[1])]
    first = counts[3]
    shift, n_blocks = struct.unpack_from("<II", index, struct.unpack_from("<Q", head, 128)[0])
    assert n_blocks == 0 or counts[1] >> shift > 0
    told = {"events": counts[0], "rows": counts[1], "bytes": sum(sizes[first:]),
            "outstanding": sum(end == 0xFFFFFFFF for end in ends[first:]),
            "outstanding_bytes": sum(size for size, end in zip(sizes[first:], ends[first:])
                                     if end == 0xFFFFFFFF)}
    check_levels(columns[29:38], told, counts[1] - first)
    if counts[13] > 0:
        assert sum(columns[56]) == told["outstanding_bytes"]
        assert sum(columns[59]) == told["outstanding"]
        assert sum(columns[55]) + sum(columns[56]) == told["bytes"]
        assert sum(columns[58]) + sum(columns[59]) == counts[1] - first
    return told


def read_hst(path):
    with open(path, "rb") as file:
        data = file.read()
    counts = dict.fromkeys("block_events allocs frees reallocs bytes addresses stacks records"
                           .split(), 0)
    counts.update(nodes=1, strings=1)
    assert data[:8] == b"\x89HST\r\n\x1a\n"
    major, _, at = struct.unpack_from("<HHI", data, 8)
    assert major == 1 and struct.unpack_from("<I", data, 28)[0] == sum32(data[:28])
    offsets, kind, number = [], None, 0
    while kind != 3:
        offsets.append(at)
        kind, payload, n_events, at = read_chunk(data, at, number)
        number += 1
        if kind == 1:
            read_definitions(payload, counts)
        elif kind == 2:
            before = counts["block_events"]
            segment = Segment(payload, counts)
            assert segment.first_event == before
            assert counts["block_events"] - before == n_events
            counts["records"] += segment.n_ops
    size, n, events, allocs, frees, reallocs, records = struct.unpack_from("<II5Q", payload)
    assert (allocs, frees, reallocs) == (counts["allocs"], counts["frees"], counts["reallocs"])
    assert records == counts["records"] and n == len(offsets) - 1
    for entry, offset in enumerate(offsets[:-1]):
        assert struct.unpack_from("<Q", payload, 72 + entry * size)[0] == offset
    magic, footer, whole = struct.unpack_from("<8sQQ", data, at)
    assert magic == b"HSTEND\r\n" and footer == offsets[-1] and whole == at + 32
    counts["footer_block_events"] = events
    if len(data) > whole:
        seal = sum32(data[offsets[-1]:offsets[-1] + 32] + data[at:whole])
        counts["index"] = read_index(data[whole:], whole, seal)
    return counts
