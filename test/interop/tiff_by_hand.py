"""Writes TIFFs tag by tag, for what tifffile does not write."""

import struct


def build(name, pages, order="<", big=False, header=b""):
    """
    A TIFF by hand: each page is its tags, {tag: (type, values)}, and its strips or tiles, whose places are filled in. Returns where the first
    strip of each page lies. `header` follows TIFF's own.
    """
    offset_type, word = (16, "Q") if big else (4, "I")
    data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 0) if big else (42, 0))))
    data += header
    link = 8 if big else 4
    firsts = []
    for tags, blocks in pages:
        places, lengths = [], []
        for block in blocks:
            places.append(len(data) if block else 0)
            lengths.append(len(block))
            data += block + bytes(-len(block) % 8)
        firsts.extend(places[:1])
        tiled = 322 in tags
        fields = dict(tags)
        if blocks:
            fields[324 if tiled else 273] = (offset_type, places)
            fields[325 if tiled else 279] = (offset_type, lengths)
        packed = {}
        for tag, (kind, values) in fields.items():
            if isinstance(values, (bytes, str)):
                values = values if isinstance(values, bytes) else values.encode() + b"\0"
                body, count = values, len(values)
            else:
                values = list(values) if isinstance(values, (list, tuple)) else [values]
                letter = {1: "B", 3: "H", 4: "I", 5: "II", 12: "d", 16: "Q"}[kind]
                body = b"".join(struct.pack(order + letter, *(value if kind == 5 else [value])) for value in values)
                count = len(values)
            packed[tag] = (kind, count, body)
        room = 8 if big else 4
        start = len(data)
        table = (8 if big else 2) + len(packed) * (20 if big else 12) + room
        behind = start + table + (-table % 8)
        head, more = struct.pack(order + ("Q" if big else "H"), len(packed)), b""
        for tag in sorted(packed):
            kind, count, body = packed[tag]
            head += struct.pack(order + "HH" + word, tag, kind, count)
            if len(body) <= room:
                head += body.ljust(room, b"\0")
            else:
                head += struct.pack(order + word, behind + len(more))
                more += body + bytes(-len(body) % 8)
        struct.pack_into(order + word, data, link, start)
        link = start + len(head)
        data += (head + bytes(room)).ljust(behind - start, b"\0") + more
    with open(name, "wb") as file:
        file.write(data)
    return firsts


def basic(height, width, bits=8, samples=1, compression=1, photometric=1, rows=None, **more):
    tags = {256: (4, width), 257: (4, height), 258: (3, [bits] * samples), 259: (3, compression), 262: (3, photometric), 277: (3, samples)}
    tags[278] = (4, rows or height)
    return {**tags, **{int(tag[1:]): value for tag, value in more.items()}}


def packed(values, bits):
    """Rows of integers of any number of bits; each row begins at a whole byte."""
    rows = values.reshape(len(values), -1)
    text = ["".join(format(int(value), f"0{bits}b") for value in row) for row in rows]
    return b"".join(int(line.ljust(-(-len(line) // 8) * 8, "0"), 2).to_bytes(-(-len(line) // 8), "big") for line in text)
