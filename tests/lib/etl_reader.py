# SPDX-License-Identifier: GPL-3.0-or-later
"""A second ETL reader, written from formats/etl.md alone, to check what our encoder writes.

Not for users and not fast: it shares no line and no idea with src/decode, so that a mistake in one
of them shows as a difference. Reads containers (plain and XPRESS buffers, every record header,
the merge over CPUs), kernel, image, heap, virtual memory and stack records.
Numbers of sections are those of formats/etl.md.
"""

import struct
import uuid

MAX_BUFFER = 16 << 20

GROUP_NAMES = {
    0x00: "EventTrace", 0x01: "DiskIo", 0x02: "PageFault", 0x03: "Process", 0x04: "FileIo",
    0x05: "Thread", 0x06: "TcpIp", 0x07: "Job", 0x08: "UdpIp", 0x09: "Registry", 0x0a: "DbgPrint",
    0x0b: "SystemConfig", 0x0c: "Spare1", 0x0d: "Wnf", 0x0e: "Pool", 0x0f: "PerfInfo",
    0x10: "Heap", 0x11: "Object", 0x12: "Power", 0x13: "ModBound", 0x14: "Image", 0x15: "Dpc",
    0x16: "Cc", 0x17: "CritSec", 0x18: "StackWalk", 0x19: "Ums", 0x1a: "Alpc", 0x1b: "SplitIo",
    0x1c: "ThreadPool", 0x1d: "Hypervisor", 0x1e: "HypervisorX"}

GROUP_GUIDS = {
    "68fdd900-4a3e-11d1-84f4-0000f80464e3": 0x00, "3d6fa8d3-fe05-11d0-9dda-00c04fd7ba7c": 0x02,
    "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c": 0x03, "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c": 0x05,
    "01853a65-418f-4f36-aefc-dc0f1d2fd235": 0x0b, "0268a8b6-74fd-4302-9dd0-6e8f1795c0cf": 0x0e,
    "ce1dbfb4-137e-4da6-87b0-3f59aa102cbc": 0x0f, "222962ab-6180-4b88-a825-346b75f2a24a": 0x10,
    "2cb15d1d-5fc1-11d2-abe1-00a0c911f518": 0x14, "3ac66736-cc59-4cff-8115-8df50e39816b": 0x17,
    "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3": 0x18, "d781ca11-61c0-4387-b83d-af52d3d2dd6a": 0x02}
IMAGE_ID = "b3e675d7-2554-4f18-830b-2762732560de"

HEAP_CREATE, HEAP_ALLOC, HEAP_REALLOC, HEAP_DESTROY, HEAP_FREE = 0x20, 0x21, 0x22, 0x23, 0x24


class Damage(Exception):
    """The bytes break the format."""


def xpress(data, size):
    """Section 2.1: XPRESS plain LZ77 to exactly `size` bytes."""
    out = bytearray()
    at, flags, n_flags, half = 0, 0, 0, None
    while len(out) < size:
        if n_flags == 0:
            if at + 4 > len(data):
                raise Damage("XPRESS: flags behind the end")
            flags, n_flags = struct.unpack_from("<I", data, at)[0], 32
            at += 4
        n_flags -= 1
        if not flags >> n_flags & 1:
            if at >= len(data):
                raise Damage("XPRESS: literal behind the end")
            out.append(data[at])
            at += 1
            continue
        if at >= len(data):
            break
        token = struct.unpack_from("<H", data, at)[0]
        at += 2
        length, distance = token & 7, (token >> 3) + 1
        if length == 7:
            if half is None:
                half, length = at, data[at] & 15
                at += 1
            else:
                length, half = data[half] >> 4, None
            if length == 15:
                length, at = data[at] + 15, at + 1
                if length == 255 + 15:
                    word, at = struct.unpack_from("<H", data, at)[0], at + 2
                    if word == 0:
                        word, at = struct.unpack_from("<I", data, at)[0], at + 4
                    if word < 22:
                        raise Damage("XPRESS: length below its own encoding")
                    length = word - 22 + 15
            length += 7
        length += 3
        if distance > len(out) or length > size - len(out):
            raise Damage("XPRESS: match outside the output")
        for _ in range(length):
            out.append(out[-distance])
    if len(out) != size:
        raise Damage("XPRESS: %d bytes where %d were announced" % (len(out), size))
    return bytes(out)


class Buffer:
    """Section 1.1; `data` is the unpacked buffer with its header, up to the bytes in use."""

    def __init__(self, raw, position):
        (self.size, self.saved, self.current, self.references, self.time, self.sequence,
         _clock, cpu, self.logger, self.state, self.used, self.flag, self.kind) = \
            struct.unpack_from("<IIIiqqQHHIIHH", raw, position)
        self.position = position
        self.cpu = cpu & 0x7ff if self.flag & 0x20 else cpu & 0xff
        self.problem = None
        self.data = b""
        self.fill = b""

    def is_plausible(self, left):
        return 0x48 <= self.size <= min(left, MAX_BUFFER) and self.kind < 8 and \
            0x48 <= self.used <= (MAX_BUFFER if self.flag & 0x40 else self.size)

    def load(self, raw):
        whole = raw[self.position:self.position + self.size]
        if self.flag & 0x40:
            self.data = whole[:0x48] + xpress(whole[0x48:], self.used - 0x48)
        else:
            self.data = whole[:self.used]
            self.fill = whole[self.used:]


class Record:
    """One record of any header: `group` is a system group or a GUID as text."""

    __slots__ = ("time", "cpu", "group", "opcode", "version", "pid", "tid", "pointer", "payload",
                 "form", "buffer", "offset", "size", "event_id", "stack")

    def name(self):
        group = self.group if isinstance(self.group, str) else \
            GROUP_NAMES.get(self.group, "group%d" % self.group)
        return "%s/%d" % (group, self.opcode)

    def pointer_at(self, offset):
        return struct.unpack_from("<Q" if self.pointer == 8 else "<I", self.payload, offset)[0]

    def pointers_from(self, offset):
        count = (len(self.payload) - offset) // self.pointer
        form = "<%d%s" % (count, "Q" if self.pointer == 8 else "I")
        return struct.unpack_from(form, self.payload, offset)

    def u32_at(self, offset):
        return struct.unpack_from("<I", self.payload, offset)[0]

    def u64_at(self, offset):
        return struct.unpack_from("<Q", self.payload, offset)[0]


def _classic(record, data, at, form):
    """SYSTEM, COMPACT and PERFINFO (3.2 to 3.4); returns (size, header size)."""
    extension = data[at + 1]
    size, = struct.unpack_from("<H", data, at + 4)
    record.opcode, record.group, record.version = data[at + 6], data[at + 7], data[at]
    if form in (16, 17):
        record.time, = struct.unpack_from("<q", data, at + 8)
        header = 0x10
    else:
        record.tid, record.pid, record.time = struct.unpack_from("<IIq", data, at + 8)
        header = 0x20 if form < 3 else 0x18
    header += (extension >> 7) * 8 + (extension & 7) * 8
    record.pointer = 4 if form in (1, 3, 16) else 8
    return size, header


def _with_guid(record, data, at, form):
    """FULL_HEADER, INSTANCE (3.5), EVENT_HEADER (3.6); returns (size, header size)."""
    size, = struct.unpack_from("<H", data, at)
    record.tid, record.pid, record.time = struct.unpack_from("<IIq", data, at + 8)
    guid = str(uuid.UUID(bytes_le=bytes(data[at + 0x18:at + 0x28])))
    record.group = GROUP_GUIDS.get(guid, guid)
    record.pointer = 4 if form in (10, 11, 18) else 8
    if form in (10, 20, 11, 21):
        record.opcode, record.version = data[at + 4], struct.unpack_from("<H", data, at + 6)[0]
        return size, 0x30 if form in (10, 20) else 0x48
    flags, = struct.unpack_from("<H", data, at + 4)
    record.event_id, record.version = struct.unpack_from("<HB", data, at + 0x28)
    record.opcode = data[at + 0x2d]
    if flags & 0x20:
        record.pointer = 4
    elif flags & 0x40:
        record.pointer = 8
    header = 0x50
    while flags & 1:
        total, kind, more, n = struct.unpack_from("<HHHH", data, at + header)
        if total < 8 or total % 8 or n > total - 8 or header + total > size:
            raise Damage("extended item over the record")
        item = data[at + header + 8:at + header + 8 + n]
        if kind in (5, 6):
            width, code = (4, "I") if kind == 5 else (8, "Q")
            count = (n - 8) // width
            record.stack = struct.unpack_from("<%d%s" % (count, code), item, 8)
        header += total
        if not more & 1:
            break
    return size, header


def _message(record, data, at):
    """WPP message (3.7), fields in the order of the option bits; returns (size, header size)."""
    size, _, _number, options = struct.unpack_from("<HHHH", data, at)
    record.group, record.opcode, record.version, record.pointer = "Message", 0, 0, 8
    record.time, header = None, 8
    if options & 1:
        header += 4
    if options & 2:
        record.group = str(uuid.UUID(bytes_le=bytes(data[at + header:at + header + 16])))
        header += 16
    elif options & 4:
        header += 4
    if options & 0x18:
        record.time, = struct.unpack_from("<q", data, at + header)
        header += 8
    if options & 0x20:
        record.tid, record.pid = struct.unpack_from("<II", data, at + header)
        header += 8
    return size, header


def parse_record(data, at, end, buffer_index, cpu):
    """The record at `at`, or None where a buffer ends early (1.6)."""
    marker, = struct.unpack_from("<I", data, at)
    if marker == 0xffffffff:
        return None
    record = Record()
    record.cpu, record.buffer, record.offset = cpu, buffer_index, at
    record.pid = record.tid = 0xffffffff
    record.event_id, record.stack = None, None
    form = marker >> 16 & 0xff
    record.form = form
    if marker >> 24 == 0x90:
        size, header = _message(record, data, at)
    elif marker >> 24 != 0xc0:
        raise Damage("no record marker at 0x%x: %08x" % (at, marker))
    elif form in (1, 2, 3, 4, 16, 17):
        size, header = _classic(record, data, at, form)
    elif form in (10, 20, 11, 21, 18, 19):
        size, header = _with_guid(record, data, at, form)
    else:
        raise Damage("header type %d at 0x%x" % (form, at))
    if size < header or at + size > end:
        raise Damage("record size %d at 0x%x" % (size, at))
    record.size = size
    record.payload = data[at + header:at + size]
    return record


class Trace:
    """`header` (1.4), `buffers` in file order, `records` in time order (4.2), `problems`."""

    def __init__(self, raw):
        self.problems = []
        self.buffers = []
        self.header = None
        self._read_buffers(raw)
        self.records = self._merge()

    def _read_buffers(self, raw):
        position, session, step_from = 0, 0, 0
        while position + 0x48 <= len(raw):
            buffer = Buffer(raw, position)
            if not self.buffers and buffer.kind != 4:
                raise Damage("the first buffer is no header buffer")
            if not buffer.is_plausible(len(raw) - position):
                position = self._after_damage(raw, buffer, session, step_from)
                continue
            try:
                buffer.load(raw)
                self.buffers.append(buffer)
                if len(self.buffers) == 1:
                    self.header = self._log_header(buffer)
                    session, step_from = self.header["buffer_size"], position + buffer.size
            except (Damage, struct.error, IndexError) as error:
                self.problems.append("buffer at 0x%x: %s" % (position, error))
            position += buffer.size
        if not self.buffers:
            raise Damage("not an ETL file")

    def _after_damage(self, raw, buffer, session, step_from):
        left = len(raw) - buffer.position
        cut = 0x48 <= buffer.size <= MAX_BUFFER and buffer.size > left and buffer.used >= 0x48 and \
            not buffer.flag & 0x40 and buffer.kind < 8
        self.problems.append("buffer at 0x%x: %s" % (buffer.position, "cut" if cut else "damaged"))
        if cut:
            buffer.used = min(buffer.used, left)
            buffer.load(raw)
            self.buffers.append(buffer)
            return len(raw)
        if not session:
            raise Damage("the first buffer is damaged")
        done = buffer.position - step_from
        return step_from + (done // session + 1) * session

    def _log_header(self, buffer):
        record = parse_record(buffer.data, 0x48, buffer.used, 0, buffer.cpu)
        if record is None or record.group != 0 or record.opcode != 0 or record.form not in (1, 2):
            raise Damage("the first record is no log file header")
        wide = record.pointer == 8
        payload = record.payload
        strings, at = [], 0x118 if wide else 0x110
        while len(strings) < 2 and at + 1 < len(payload):
            end = at
            while end + 1 < len(payload) and payload[end:end + 2] != b"\0\0":
                end += 2
            strings.append(payload[at:end].decode("utf-16-le", "replace"))
            at = end + 2
        late = 0x100 if wide else 0xf8
        return {
            "buffer_size": record.u32_at(0), "version": tuple(payload[4:8]),
            "processors": record.u32_at(0x0c), "end_filetime": record.u64_at(0x10),
            "mode": record.u32_at(0x20), "buffers_written": record.u32_at(0x24),
            "pointer_size": record.u32_at(0x2c), "events_lost": record.u32_at(0x30),
            "cpu_mhz": record.u32_at(0x34), "boot_filetime": record.u64_at(late - 8),
            "perf_freq": record.u64_at(late), "start_filetime": record.u64_at(late + 8),
            "clock": record.u32_at(late + 16), "buffers_lost": record.u32_at(late + 20),
            "record_ts": record.time, "session_name": strings[0] if strings else "",
            "log_file_name": strings[1] if len(strings) > 1 else ""}

    def _records_of(self, index, buffer):
        at, last = 0x48, None
        while at + 8 <= buffer.used:
            try:
                record = parse_record(buffer.data, at, buffer.used, index, buffer.cpu)
            except (Damage, struct.error, IndexError) as error:
                self.problems.append("buffer %d: %s" % (index, error))
                return
            if record is None:
                return
            if record.time is None:
                record.time = last if last is not None else buffer.time
            last = record.time
            yield record
            at += record.size + 7 & ~7

    def _merge(self):
        """Chain by chain, then a stable sort by time: equal to the merge of 4.2 for sound files."""
        order = sorted(range(len(self.buffers)),
                       key=lambda i: (self.buffers[i].cpu, self.buffers[i].sequence))
        records = []
        for index in order:
            if self.buffers[index].kind < 6:
                records.extend(self._records_of(index, self.buffers[index]))
        records.sort(key=lambda record: record.time)
        return records

    def seconds(self, time):
        """Section 4.3."""
        ticks = time - self.header["record_ts"]
        if self.header["clock"] == 2:
            return ticks / 1e7
        if self.header["clock"] == 3:
            return ticks / (self.header["cpu_mhz"] * 1e6)
        return ticks / (self.header["perf_freq"] or 10000000)

    def counts(self):
        """Records per "Group/opcode"."""
        counts = {}
        for record in self.records:
            counts[record.name()] = counts.get(record.name(), 0) + 1
        return counts


def ansi(payload, at):
    """(text, offset behind it) of a NUL-terminated byte string."""
    end = payload.find(b"\0", at)
    end = len(payload) if end < 0 else end
    return payload[at:end].decode("latin-1"), end + 1


def wide(payload, at):
    """(text, offset behind it) of a NUL-terminated UTF-16LE string."""
    end = at
    while end + 1 < len(payload) and payload[end:end + 2] != b"\0\0":
        end += 2
    return payload[at:end].decode("utf-16-le", "replace"), end + 2


def process_fields(record):
    """Section 6.1, version 2 and up; None for others."""
    if record.version < 2 or len(record.payload) < 0x20:
        return None
    p = record.pointer
    fields = {"key": record.pointer_at(0), "pid": record.u32_at(p), "parent": record.u32_at(p + 4),
              "exit_status": record.u32_at(p + 12), "flags": 0}
    at = p + 16
    if record.version >= 3:
        at += p
    if record.version >= 4:
        fields["flags"], at = record.u32_at(at), at + 4
    if record.u32_at(at) == 0 and not (
            record.payload[at:at + 2 * p] == bytes(2 * p) and record.payload[at + 2 * p] == 1 and
            1 <= record.payload[at + 2 * p + 1] <= 15 and
            record.payload[at + 2 * p + 2:at + 2 * p + 7] == bytes(5)):
        at += 4
    else:
        at += 2 * p + 8 + 4 * record.payload[at + 2 * p + 1]
    fields["image"], at = ansi(record.payload, at)
    fields["command_line"], at = wide(record.payload, at)
    fields["is_32bit"] = bool(fields["flags"] & 2)
    return fields


def image_fields(record):
    """Section 6.3, versions 2 and 3."""
    if record.version < 2:
        return None
    p = record.pointer
    return {"base": record.pointer_at(0), "size": record.pointer_at(p), "pid": record.u32_at(2 * p),
            "path": wide(record.payload, 0x38 if p == 8 else 0x2c)[0]}


def resolve_stacks(records):
    """{(raw time, pid, tid): [addresses of each part in order]} (9.1 to 9.3) and the number of
    key references that nothing defines."""
    definitions = ({}, {})  # user, kernel: key -> [(position, addresses, is_delete)]
    for position, record in enumerate(records):
        if record.group == 0x18 and record.opcode in (34, 35, 36):
            p = record.pointer
            addresses = record.pointers_from(p)
            is_kernel = bool(addresses) and addresses[-1] >= (0xffff000000000000 if p == 8
                                                              else 0x80000000)
            definitions[is_kernel].setdefault(record.pointer_at(0), []).append(
                (position, addresses, record.opcode == 35))
    parts, unresolved = {}, 0
    for position, record in enumerate(records):
        if record.group != 0x18:
            continue
        if record.opcode == 32:
            addresses = record.pointers_from(16)
        elif record.opcode in (37, 38):
            known = definitions[record.opcode == 37].get(record.pointer_at(16), [])
            before = [d for d in known if d[0] < position]
            after = [d for d in known if d[0] > position]
            found = before[-1] if before and not before[-1][2] else after[0] if after else None
            if found is None:
                unresolved += 1
                continue
            addresses = found[1]
        else:
            continue
        time, pid, tid = struct.unpack_from("<qII", record.payload, 0)
        parts.setdefault((time, pid, tid), []).append(
            (0 if record.opcode == 37 or (addresses and addresses[-1] >= 0xffff000000000000) else 1,
             addresses))
    return parts, unresolved


def read(path):
    with open(path, "rb") as stream:
        return Trace(stream.read())
