# SPDX-License-Identifier: GPL-3.0-or-later
"""PDB files taken apart and put together again, for what the tools at hand do not write: streams
in blocks of any size, and ids that modules take from each other as after whole-program
optimisation. (Layout: LLVM's "The MSF File Format" and "The PDB DBI (Debug Info) Stream".)"""

import struct

MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
DBI = 3
S_INLINESITE, INLINEES, IMPORTS, EXPORTS = 0x114D, 0xF6, 0xF7, 0xF8


def read_streams(path):
    with open(path, "rb") as file:
        data = file.read()
    size, _, _, n_directory, _, map_at = struct.unpack_from("<6I", data, 32)

    def gather(numbers, n):
        return b"".join(data[i * size:(i + 1) * size] for i in numbers)[:n]

    def u32s(content, at, n):
        return struct.unpack_from("<%dI" % n, content, at)

    directory = gather(u32s(data, map_at * size, -(-n_directory // size)), n_directory)
    sizes = u32s(directory, 4, u32s(directory, 0, 1)[0])
    streams, at = [], 4 + 4 * len(sizes)
    for n in sizes:
        n = 0 if n == 0xFFFFFFFF else n
        n_blocks = -(-n // size)
        streams.append(bytearray(gather(u32s(directory, at, n_blocks), n)))
        at += 4 * n_blocks
    return streams


def write_streams(path, streams, size):
    """Blocks of `size` bytes; 1 and 2 of each `size` blocks are the map of free ones."""
    blocks = {}

    def put(content):
        numbers = []
        for at in range(0, len(content), size):
            number = max(blocks, default=2) + 1
            while number % size in (1, 2):
                number += 1
            blocks[number] = bytes(content[at:at + size])
            numbers.append(number)
        return numbers

    numbers = [put(stream) for stream in streams]
    numbers = [n[::-1] for n in numbers]  # out of order, as after many an incremental link
    for stream, its in zip(streams, numbers):
        for i, number in enumerate(its):
            blocks[number] = bytes(stream[i * size:(i + 1) * size])
    directory = struct.pack("<I", len(streams)) + b"".join(
        struct.pack("<I", len(stream)) for stream in streams) + b"".join(
        struct.pack("<I", number) for its in numbers for number in its)
    at = put(directory)
    map_at = put(struct.pack("<%dI" % len(at), *at))[0]
    assert len(at) * 4 <= size, "the directory's own map is one block"
    n_blocks = max(blocks) + 1
    blocks[0] = MAGIC + struct.pack("<6I", size, 1, n_blocks, len(directory), 0, map_at)
    with open(path, "wb") as file:
        for i in range(n_blocks):
            file.write(blocks.get(i, b"").ljust(size, b"\0"))


class Module:
    """One of the DBI stream's list: `info` is where it stands there."""

    def __init__(self, dbi, info):
        self.info = info
        self.stream, self.n_symbols, self.n_c11, self.n_c13 = struct.unpack_from("<H3I", dbi,
                                                                                  info + 34)
        end = dbi.index(b"\0", info + 64)
        self.name = dbi[info + 64:end].decode()
        self.end = (dbi.index(b"\0", end + 1) + 4) & ~3


def modules(dbi):
    found, at = [], 64
    while at < 64 + struct.unpack_from("<I", dbi, 24)[0]:
        found.append(Module(dbi, at))
        at = found[-1].end
    return found


def symbol_records(stream, module):
    at = 4
    while at < module.n_symbols:
        length, kind = struct.unpack_from("<2H", stream, at)
        yield kind, at + 4
        at += 2 + length


def subsections(stream, module):
    at = module.n_symbols + module.n_c11
    end = at + module.n_c13
    while at < end:
        kind, length = struct.unpack_from("<2I", stream, at)
        yield kind, at + 8, length
        at += 8 + ((length + 3) & ~3)


def append_c13(streams, module, kind, content):
    """A subsection more, behind the module's others."""
    stream = streams[module.stream]
    at = module.n_symbols + module.n_c11 + module.n_c13
    part = struct.pack("<2I", kind, len(content)) + content
    stream[at:at] = part
    module.n_c13 += len(part)
    struct.pack_into("<I", streams[DBI], module.info + 44, module.n_c13)


def add_name(streams, names_stream, text):
    """A text more in "/names"; where it stands among them."""
    names = streams[names_stream]
    n = struct.unpack_from("<I", names, 8)[0]
    names[12 + n:12 + n] = text.encode() + b"\0"
    struct.pack_into("<I", names, 8, n + len(text) + 1)
    return n


def import_inlinees(streams, taker, giver, name_at):
    """What is inlined into the code of `taker` gets numbers of `giver` (u32 u32: name of a module,
    how many; their numbers there; as the second of two such lists); how many."""
    local, imported = {}, {}

    def replace(stream, at):
        number = struct.unpack_from("<I", stream, at)[0]
        index = imported.setdefault(number, len(imported))
        local[number] = 0x80001000 + 7 * index
        struct.pack_into("<I", stream, at, 0x80000000 | 1 << 20 | index)

    stream = streams[taker.stream]
    for kind, at in symbol_records(stream, taker):
        if kind == S_INLINESITE:
            replace(stream, at + 8)
    for kind, at, length in subsections(stream, taker):
        if kind == INLINEES:
            for entry in range(at + 4, at + length, 12):
                replace(stream, entry)
    append_c13(streams, taker, IMPORTS, struct.pack("<3I", 0, 1, 0x80007777) + struct.pack(
        "<2I", name_at, len(imported)) + b"".join(struct.pack("<I", local[n]) for n in imported))
    append_c13(streams, giver, EXPORTS, b"".join(struct.pack("<2I", local[n], n)
                                                 for n in imported))
    return len(imported)
