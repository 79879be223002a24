"""Shared libraries without what only a debugger or a linker reads, for any processor and without its tools.

A loader looks at the program headers and the segments that they name; the sections behind the last segment (symbols,
debug data, the section table itself) it never reads. Layout: ELF-64, System V ABI chapter 4 and 5.
"""

import struct

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little endian: every processor that Lambda has
_PROGRAM_HEADER_OFFSET, _SECTION_HEADER_OFFSET = 0x20, 0x28
_PROGRAM_HEADER_SIZE_AND_COUNT, _SECTION_COUNT_AND_NAMES = 0x36, 0x3C


def stripped(library: bytes) -> bytes:
    """`library` cut behind its last segment, or as it is where it is not a 64-bit little-endian ELF file."""
    if not library.startswith(_MAGIC):
        return library
    (table,) = struct.unpack_from("<Q", library, _PROGRAM_HEADER_OFFSET)
    size, count = struct.unpack_from("<HH", library, _PROGRAM_HEADER_SIZE_AND_COUNT)
    end = table + size * count
    for header in range(table, end, size):
        offset, in_file = (
            struct.unpack_from("<Q", library, header + 8)[0],
            struct.unpack_from("<Q", library, header + 32)[0],
        )
        end = max(end, offset + in_file)
    kept = bytearray(library[:end])
    struct.pack_into("<Q", kept, _SECTION_HEADER_OFFSET, 0)
    struct.pack_into("<HH", kept, _SECTION_COUNT_AND_NAMES, 0, 0)
    return bytes(kept)
