"""TIFFs with quirks of other programs, each with its pixels beside it.

    python images-matrix-tiff-quirks.py FOLDER

The files are as those of images-matrix.py: combinations and layouts from public bug reports and from the formats' descriptions. tifffile
reads back what it can.
"""

import itertools
import lzma
import struct
import warnings
import zlib

import imagecodecs
import numcodecs
import numpy as np
import tifffile

from image_files import X, Y, examples, image_of, pixels, plane, refused, right, rng, stack
from tiff_by_hand import basic, build, packed

warnings.filterwarnings("ignore")
volume, channels, zyxc = examples()
gray, color = pixels("uint8", Y, X), pixels("uint8", Y, X, 3)


def same(name, expected):
    """Whether tifffile reads these pixels too."""
    found = tifffile.imread(name)
    assert np.array_equal(np.squeeze(found), np.squeeze(expected)), name


# TIFF: predictors of several samples, apart and together, in both byte orders, in strips and tiles
for order, samples, apart, tile, (predictor, dtype) in itertools.product("<>", [2, 3, 4], [False, True], [None, (16, 32)], [(2, "uint16"), (2, "int32"), (2, "uint64"), (3, "float32"), (3, "float64"), (3, "float16")]):
    if samples == 4 and (tile or apart) and dtype not in ("uint16", "float32"):
        continue
    values = pixels(dtype, Y, X, samples)
    stored = np.moveaxis(values, -1, 0).copy() if apart else values
    name = f"predictor_{predictor}_{dtype}_{'le' if order == '<' else 'be'}_{samples}_{'apart' if apart else 'together'}_{'tile' if tile else 'strip'}.tif"
    tifffile.imwrite(
        name, stored, byteorder=order, compression="zlib" if samples != 3 else "lzw", predictor=predictor, tile=tile, rowsperstrip=None if tile else 4,
        photometric="rgb" if samples == 3 else "minisblack", planarconfig="separate" if apart else "contig", metadata=None,
    )
    same(name, stored)
    right(name, values[None])

# TIFF: differences of floating-point numbers as integers, as GDAL and libtiff write them (predictor 2)
for order, dtype in itertools.product("<>", ["float32", "float64", "float16"]):
    values = pixels(dtype, Y, X)
    bits = values.view(f"u{values.itemsize}")
    differences = np.diff(bits, axis=1, prepend=bits[:, :1] * 0).astype(bits.dtype)
    name = f"predictor_2_{dtype}_{'le' if order == '<' else 'be'}.tif"
    data = zlib.compress(differences.astype(bits.dtype.newbyteorder(order)).tobytes())
    build(name, [(basic(Y, X, 8 * values.itemsize, compression=8, c317=(3, 2), c339=(3, 3)), [data])], order)
    right(name, plane(values))

# TIFF: uncompressed tiles, of every type and byte order
for order, dtype, samples in itertools.product("<>", ["uint8", "int16", "uint32", "float32", "float64", "int64", "float16"], [1, 3]):
    values = pixels(dtype, 40, 50, samples) if samples > 1 else pixels(dtype, 40, 50)
    name = f"plain_tiles_{dtype}_{samples}_{'le' if order == '<' else 'be'}.tif"
    tifffile.imwrite(name, values, byteorder=order, tile=(16, 32), photometric="rgb" if samples == 3 else "minisblack", bigtiff=samples == 3)
    same(name, values)
    right(name, image_of(values))


# TIFF: packed bits of any number, with several samples, in tiles, compressed, with reversed bits
def unpacked(values, bits):
    return values.astype("uint8" if bits <= 8 else "uint16" if bits <= 16 else "uint32")


for bits, order in itertools.product([3, 5, 7, 9, 11, 13, 15, 18, 20, 24, 28], "<>"):
    values = rng.integers(0, 2**bits, (Y, X))
    name = f"packed_{bits}_{'le' if order == '<' else 'be'}.tif"
    build(name, [(basic(Y, X, bits), [packed(values, bits)])], order)
    if bits == 24:
        refused(name, "24-bit uint")  # Writers disagree about its byte order.
    else:
        same(name, values)
        right(name, plane(unpacked(values, bits)))
for bits, samples, compression in itertools.product([1, 2, 4, 12], [2, 3], [1, 5, 8, 32773]):
    values = rng.integers(0, 2**bits, (Y, X, samples))
    encode = {1: bytes, 5: imagecodecs.lzw_encode, 8: zlib.compress, 32773: imagecodecs.packbits_encode}[compression]
    name = f"packed_{bits}_of_{samples}_{compression}.tif"
    build(name, [(basic(Y, X, bits, samples, compression, 2 if samples == 3 else 1, rows=5), [encode(packed(values[y : y + 5], bits)) for y in range(0, Y, 5)])])
    right(name, unpacked(values, bits)[None])
REVERSED = bytes(int(format(byte, "08b")[::-1], 2) for byte in range(256))
for bits, compression in itertools.product([1, 4, 12, 16], [1, 5, 8]):
    values = rng.integers(0, 2**bits, (Y, X))
    encode = {1: bytes, 5: imagecodecs.lzw_encode, 8: zlib.compress}[compression]
    data = values.astype("<u2").tobytes() if bits == 16 else packed(values, bits)
    name = f"reversed_{bits}_{compression}.tif"
    build(name, [(basic(Y, X, bits, compression=compression, c266=(3, 2)), [encode(data).translate(REVERSED)])])
    right(name, plane(unpacked(values, bits)))
for bits in [1, 12]:
    values = rng.integers(0, 2**bits, (Y, X))
    blocks = []
    for y, x in itertools.product(range(0, Y, 16), range(0, X, 16)):
        block = np.zeros((16, 16), int)
        piece = values[y : y + 16, x : x + 16]
        block[: piece.shape[0], : piece.shape[1]] = piece
        blocks.append(packed(block, bits))
    tags = basic(Y, X, bits, c322=(4, 16), c323=(4, 16))
    del tags[278]
    build(f"packed_{bits}_tiles.tif", [(tags, blocks)])
    right(f"packed_{bits}_tiles.tif", plane(unpacked(values, bits)))

# TIFF: compressed data in rarer forms
for kind, filters in {
    "delta_1": [{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2, "preset": 6}],
    "delta_2": [{"id": lzma.FILTER_DELTA, "dist": 2}, {"id": lzma.FILTER_LZMA2, "preset": 6}],
    "x86": [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6}],
}.items():
    for check in [lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256]:
        name = f"lzma_{kind}_{check}.tif"
        build(name, [(basic(Y, X, 16, compression=34925), [lzma.compress(volume[0].tobytes(), check=check, filters=filters)])])
        same(name, volume[0])
        refused(name, "compressed by LZMA with the filter|SHA-256")
zstd = numcodecs.Zstd(3)
half = len(volume[0].tobytes()) // 2 // 2 * 2
for kind, data in {
    "two_frames": zstd.encode(volume[0].tobytes()[:half]) + zstd.encode(volume[0].tobytes()[half:]),
    "skippable": struct.pack("<II", 0x184D2A50, 4) + b"none" + zstd.encode(volume[0].tobytes()),
}.items():
    build(f"zstd_{kind}.tif", [(basic(Y, X, 16, compression=50000), [data])])
    refused(f"zstd_{kind}.tif", "Zstandard data")
packer = zlib.compressobj(9, zlib.DEFLATED, 9)
build("deflate_small_window.tif", [(basic(Y, X, 16, compression=32946), [packer.compress(volume[0].tobytes()) + packer.flush()])])
same("deflate_small_window.tif", volume[0])
right("deflate_small_window.tif", plane(volume[0]))
build("deflate_padded.tif", [(basic(Y, X, 16, compression=8), [zlib.compress(volume[0].tobytes()) + bytes(37)])])
right("deflate_padded.tif", plane(volume[0]))
raw = zlib.compressobj(9, zlib.DEFLATED, -15)
build("deflate_without_header.tif", [(basic(Y, X, 16, compression=8), [raw.compress(volume[0].tobytes()) + raw.flush()])])
refused("deflate_without_header.tif", "damaged")
build("packbits_with_noop.tif", [(basic(Y, X, compression=32773), [b"\x80" + imagecodecs.packbits_encode(gray.tobytes()) + b"\x80"])])
right("packbits_with_noop.tif", plane(gray))
# The last strip is as long as the others; strips in any order; gaps; one length for all; no lengths; directories before and behind the pixels
build("last_strip_whole.tif", [(basic(Y, X, rows=8), [np.pad(gray, ((0, 5), (0, 0)))[y : y + 8].tobytes() for y in range(0, Y, 8)])])
right("last_strip_whole.tif", plane(gray))
build("last_strip_whole_lzw.tif", [(basic(Y, X, compression=5, rows=8), [imagecodecs.lzw_encode(np.pad(gray, ((0, 5), (0, 0)))[y : y + 8].tobytes()) for y in range(0, Y, 8)])])
right("last_strip_whole_lzw.tif", plane(gray))
for kind in ["together", "reversed"]:
    head = bytearray(b"MM\0*" + struct.pack(">I", 8))
    strips = [gray[y : y + 1].tobytes() for y in range(Y)]
    tags = {**basic(Y, X, rows=1)}
    body = b"".join(strips if kind == "together" else strips[::-1])
    start = 2000
    places = [start + (at if kind == "together" else Y - 1 - at) * X for at in range(Y)]
    entries = [(256, 3, [X]), (257, 3, [Y]), (258, 3, [8]), (259, 3, [1]), (262, 3, [1]), (273, 4, places), (277, 3, [1]), (278, 3, [1]), (279, 3, [X] * Y)]
    table, more = struct.pack(">H", len(entries)), b""
    for tag, field, values in entries:
        packed_values = b"".join(struct.pack(">H" if field == 3 else ">I", value) for value in values)
        table += struct.pack(">HHI", tag, field, len(values))
        if len(packed_values) <= 4:
            table += packed_values.ljust(4, b"\0")
        else:
            table += struct.pack(">I", 1000 + len(more))
            more += packed_values
    file = (bytes(head) + table + bytes(4)).ljust(1000, b"\0") + more
    open(f"strips_{kind}.tif", "wb").write(file.ljust(start, b"\0") + body)
    same(f"strips_{kind}.tif", gray)
    right(f"strips_{kind}.tif", plane(gray))
for missing in [262, 277, 278, 279, 259, 258]:
    if missing == 258:
        bit = pixels("uint8", Y, X) % 2
        tags, data, meant = basic(Y, X, 1), packed(bit, 1), bit
    else:
        tags, data, meant = basic(Y, X), gray.tobytes(), gray
    name = f"without_tag_{missing}.tif"
    build(name, [(tags, [data])])
    content = bytearray(open(name, "rb").read())
    start = struct.unpack_from("<I", content, 4)[0]
    for entry in range(struct.unpack_from("<H", content, start)[0]):
        if struct.unpack_from("<H", content, start + 2 + 12 * entry)[0] == missing:
            struct.pack_into("<H", content, start + 2 + 12 * entry, 65000)
    open(name, "wb").write(content)
    right(name, plane(meant))
build("one_bits_entry.tif", [({**basic(Y, X, 8, 3, 1, 2), 258: (3, [8]), 339: (3, [1])}, [color.tobytes()])])
right("one_bits_entry.tif", color[None])
build("long_tags.tif", [({tag: (4, value[1]) for tag, value in basic(Y, X, 16).items()}, [volume[0].tobytes()])])
same("long_tags.tif", volume[0])
right("long_tags.tif", plane(volume[0]))
build("wide_tags_of_big_tiff.tif", [({tag: (16, value[1]) for tag, value in basic(Y, X, 16).items()}, [volume[0].astype(">u2").tobytes()])], ">", True)
right("wide_tags_of_big_tiff.tif", plane(volume[0]))
build("next_page_beyond.tif", [(basic(Y, X, 16), [volume[0].tobytes()])])
with open("next_page_beyond.tif", "r+b") as file:
    content = file.read()
    start = struct.unpack_from("<I", content, 4)[0]
    file.seek(start + 2 + 12 * struct.unpack_from("<H", content, start)[0])
    file.write(struct.pack("<I", 2**31))
refused("next_page_beyond.tif", "cut short, or damaged")
build("data_beyond.tif", [(basic(Y, X, 16), [volume[0].tobytes()[:-40]])])
refused("data_beyond.tif", ".")

# TIFF: JPEG whose tags and data disagree, as many writers leave them
smooth = np.dstack([np.add.outer(np.arange(32), np.arange(64)) + 20, np.add.outer(np.arange(32), np.arange(64)[::-1]) + 60, np.full((32, 64), 90)]).astype("uint8")
for subsampling, tag in itertools.product(["444", "420", "422"], [None, [1, 1], [2, 1], [2, 2]]):
    name = f"jpeg_{subsampling}_tagged_{'none' if tag is None else ''.join(map(str, tag))}{'' if subsampling == '444' else '.near'}.tif"
    # JPEG files' colors are luminance and chrominance.
    data = imagecodecs.jpeg_encode(smooth, level=95, subsampling=subsampling)
    build(name, [({**basic(32, 64, 8, 3, 7, 6), **({530: (3, tag)} if tag else {})}, [data])])
    right(name, imagecodecs.jpeg_decode(data)[None] if subsampling == "444" else smooth[None])
for marked in [False, True]:
    data = imagecodecs.jpeg_encode(smooth, level=95, colorspace="rgb", outcolorspace="rgb") if marked else imagecodecs.jpeg_encode(smooth, level=95, colorspace="ycbcr", outcolorspace="ycbcr", subsampling="444")
    name = f"jpeg_rgb_{'marked' if marked else 'unmarked'}.tif"
    build(name, [(basic(32, 64, 8, 3, 7, 2 if marked else 6, c530=(3, [1, 1])), [data])])
    right(name, tifffile.imread(name)[None])
data = imagecodecs.jpeg_encode(smooth[..., 0].copy(), level=95)
build("jpeg_cut_short.tif", [(basic(32, 64, 8, 1, 7), [data[: len(data) // 2]])])
refused("jpeg_cut_short.tif", "cut short|damaged")
build("jpeg_padded.tif", [(basic(32, 64, 8, 1, 7), [data + bytes(99)])])
right("jpeg_padded.tif", plane(imagecodecs.jpeg_decode(data)))
tifffile.imwrite("jpeg_rgba_apart.tif", np.stack([smooth[..., 0], smooth[..., 1], smooth[..., 2], smooth[..., 0]]), photometric="rgb", planarconfig="separate", compression="jpeg", compressionargs={"level": 90})
right("jpeg_rgba_apart.tif", np.moveaxis(tifffile.imread("jpeg_rgba_apart.tif"), 0, -1)[None])
build("jpeg_rgba.tif", [(basic(32, 64, 8, 4, 7, 2, c338=(3, 2)), [imagecodecs.jpeg_encode(np.dstack([smooth, smooth[..., 0]]), level=90)])])
refused("jpeg_rgba.tif", "JPEG with 4 components")

# TIFF: headers of ImageJ and of programs that follow it
for sizes, text in {
    "leftover": "ImageJ=1.53t\nimages=6\nchannels=2\nslices=2\nhyperstack=true\n",
    "frames_missing": "ImageJ=1.53t\nimages=6\nchannels=2\nhyperstack=true\n",
    "no_images": "ImageJ=1.53t\nslices=6\n",
    "dos_lines": "ImageJ=1.53t\r\nimages=6\r\nchannels=2\r\nslices=3\r\nhyperstack=true\r\n",
    "info_after": "ImageJ=1.53t\nimages=6\nslices=6\nunit=micron\nspacing=-0.3\nloop=false\nmin=0.0\nmax=65535.0\nvunit=Gray Value\ncf=0\nc0=-32768.0\nc1=1.0\n",
    "frames": "ImageJ=1.53t\nimages=6\nframes=6\nfinterval=0.5\n",
}.items():
    name = f"imagej_{sizes}.tif"
    tifffile.imwrite(name, volume, photometric="minisblack", metadata=None, description=text)
    if sizes == "leftover":
        refused(name, "ImageJ header")
    else:
        right(name, volume.reshape(3, 2, Y, X).transpose(0, 2, 3, 1) if "channels=2" in text else stack(volume))
for order in ["X,Y,Channel,Z", "X,Y,Z,Channel", "X,Y,Z,Time"]:
    letters = order.split(",")[::-1]
    lengths = dict(X=X, Y=Y, Z=4, Channel=2, Time=1)
    stored = channels.transpose(1, 0, 2, 3) if letters[0] == "Z" else channels if letters[0] == "Channel" else channels[0][None]
    text = f"SCIFIO=0.42.0\naxes={order}\nlengths={','.join(str(lengths[axis]) for axis in order.split(','))}\nscales=1.0,1.0,1.0,1.0\nunits=null,null,null,null\nbitsPerPixel=16\nimages={stored.shape[0] * stored.shape[1]}\nchannels={2 if 'Channel' in order else 1}\nslices=4\nframes=1\nhyperstack=true\nmode=composite\nunit=null\n"
    name = f"scifio_{order.replace(',', '')}.tif"
    tifffile.imwrite(name, stored.reshape(-1, Y, X), photometric="minisblack", metadata=None, description=text)
    if order == "X,Y,Z,Channel":
        refused(name, "SCIFIO header")
    else:
        same(name, stored)
        right(name, zyxc if "Channel" in order else stack(channels[0]))
for order, planes in itertools.product("<>", [3, 6]):
    name = f"imagej_rgb_behind_one_page_{planes}_{'le' if order == '<' else 'be'}.tif"
    values = pixels("uint8", planes, Y, X, 3)
    tifffile.imwrite(name, values[0], photometric="rgb", byteorder=order, metadata=None, description=f"ImageJ=1.54f\nimages={planes}\nslices={planes}\n")
    with tifffile.TiffFile(name) as file:
        end = file.pages[0].dataoffsets[0] + file.pages[0].databytecounts[0]
    with open(name, "r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write(values[1:].tobytes())
    right(name, values)
tifffile.imwrite("imagej_latin_unit.tif", volume, photometric="minisblack", metadata=None, description=b"ImageJ=1.53t\nimages=6\nslices=6\nunit=\xb5m\nspacing=0.5\n")
right("imagej_latin_unit.tif", stack(volume))


# TIFF: OME-XML as other writers leave it
def ome(name, pages, attributes, inside="", outside="", root="", head='<?xml version="1.0" encoding="UTF-8"?>', **options):
    description = f'{head}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{root}><Image ID="Image:0"><Pixels ID="Pixels:0" {attributes}>{inside}</Pixels></Image>{outside}</OME>'
    tifffile.imwrite(name, pages, metadata=None, description=description.encode(), photometric=options.pop("photometric", "minisblack"), **options)


sized = lambda c, z, t=1, order="XYCZT", kind="uint16": f'DimensionOrder="{order}" Type="{kind}" SizeX="{X}" SizeY="{Y}" SizeC="{c}" SizeZ="{z}" SizeT="{t}"'
pages = channels.transpose(1, 0, 2, 3).reshape(-1, Y, X)  # channels vary fastest
ome("ome_empty_tiff_data.ome.tif", pages, sized(2, 4), "<TiffData/>")
right("ome_empty_tiff_data.ome.tif", zyxc)
ome("ome_counted.ome.tif", pages, sized(2, 4), '<TiffData IFD="0" PlaneCount="8"/>')
right("ome_counted.ome.tif", zyxc)
ome("ome_num_planes.ome.tif", pages, sized(2, 4), '<TiffData IFD="0" NumPlanes="8"/>')
right("ome_num_planes.ome.tif", zyxc)
ome("ome_pages_in_reverse.ome.tif", pages[::-1], sized(2, 4), "".join(f'<TiffData IFD="{7 - at}" FirstC="{at % 2}" FirstZ="{at // 2}" PlaneCount="1"/>' for at in range(8)))
right("ome_pages_in_reverse.ome.tif", zyxc)
ome("ome_renamed.ome.tif", pages, sized(2, 4), '<TiffData IFD="0" PlaneCount="8"><UUID FileName="before it was renamed.ome.tif">urn:uuid:7</UUID></TiffData>', root=' UUID="urn:uuid:7"')
right("ome_renamed.ome.tif", zyxc)
ome("ome_two_blocks.ome.tif", np.concatenate([channels[1], channels[0]]), sized(2, 4, order="XYZCT"), '<TiffData IFD="4" FirstC="0" PlaneCount="4"/><TiffData IFD="0" FirstC="1" PlaneCount="4"/>')
right("ome_two_blocks.ome.tif", zyxc)
ome("ome_without_a_plane.ome.tif", pages, sized(2, 4), "".join(f'<TiffData IFD="{at}" FirstC="{at % 2}" FirstZ="{at // 2}"/>' for at in range(8) if at != 3))
refused("ome_without_a_plane.ome.tif", "does not say where plane")
ome("ome_plane_beyond.ome.tif", pages, sized(2, 4), '<TiffData IFD="0" FirstZ="9" PlaneCount="1"/>')
refused("ome_plane_beyond.ome.tif", "OME-XML")
ome("ome_mark.ome.tif", pages, sized(2, 4), head='\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- made by <OME> hand -->')
right("ome_mark.ome.tif", zyxc)
prefixed = f'<?xml version="1.0"?><ome:OME xmlns:ome="http://www.openmicroscopy.org/Schemas/OME/2016-06"><ome:Image ID="Image:0"><ome:Pixels ID="Pixels:0" {sized(2, 4)}><ome:TiffData/></ome:Pixels></ome:Image></ome:OME>'
tifffile.imwrite("ome_prefixed.ome.tif", pages, metadata=None, photometric="minisblack", description=prefixed)
right("ome_prefixed.ome.tif", zyxc)
ome("ome_annotated.ome.tif", pages, sized(2, 4), outside='<StructuredAnnotations><XMLAnnotation ID="Annotation:0"><Value><Image><Pixels SizeX="1"/></Image></Value></XMLAnnotation></StructuredAnnotations>')
right("ome_annotated.ome.tif", zyxc)
for kind, inside in {"channel": '<Channel ID="Channel:0:0" SamplesPerPixel="3"/>', "no_channel": "", "bare_channel": '<Channel ID="Channel:0:0"/>', "three_channels": "".join(f'<Channel ID="Channel:0:{at}"/>' for at in range(3))}.items():
    name = f"ome_rgb_{kind}.ome.tif"
    values = pixels("uint8", 4, Y, X, 3)
    ome(name, values, sized(3, 4, kind="uint8"), inside, photometric="rgb")
    right(name, values)
values = pixels("uint8", 3, 2, Y, X, 3)  # z, c
ome("ome_rgb_of_two_channels.ome.tif", values.reshape(-1, Y, X, 3), sized(6, 3, kind="uint8"), '<Channel ID="Channel:0:0" SamplesPerPixel="3"/><Channel ID="Channel:0:1" SamplesPerPixel="3"/>', photometric="rgb")
right("ome_rgb_of_two_channels.ome.tif", values.transpose(0, 2, 3, 1, 4).reshape(3, Y, X, 6))
ome("ome_times_as_slices.ome.tif", volume, sized(1, 1, 6))
right("ome_times_as_slices.ome.tif", stack(volume))
for order in ["<", ">"]:
    name = f"ome_{'le' if order == '<' else 'be'}_compressed.ome.tif"
    ome(name, pages, sized(2, 4) + ' BigEndian="false"', "<TiffData/>", byteorder=order, compression="lzw", predictor=2, bigtiff=True)
    right(name, zyxc)
three = [f"set3_{at}.ome.tif" for at in range(3)]
inside = "".join(f'<TiffData FirstZ="{2 * at + half}" IFD="{half}" PlaneCount="1"><UUID FileName="{three[at]}">urn:uuid:{at}</UUID></TiffData>' for at in range(3) for half in range(2))
for own in range(3):
    ome(three[own], volume[2 * own : 2 * own + 2], sized(1, 6), inside, root=f' UUID="urn:uuid:{own}"')
    right(three[own], stack(volume))
# tifffile's header: more axes, another shape than its pages have
for axes, shape in {"ICYX": (4, 2, Y, X), "RCYX": (4, 2, Y, X), "TCYXS": (1, 2, Y, X, 3), "CYXS": (2, Y, X, 3), "SYX": (3, Y, X), "ZSYX": (4, 3, Y, X), "ZYXA": (4, Y, X, 2)}.items():
    values = pixels("uint8", *shape)
    name = f"tifffile_more_axes_{axes}.tif"
    apart = "SYX" in axes
    tifffile.imwrite(name, values, photometric="rgb" if "S" in axes else "minisblack", planarconfig="separate" if apart else None, metadata={"axes": axes})
    meant = {"ICYX": "zcyx", "RCYX": "zcyx", "TCYXS": "tcyxs", "CYXS": "cyxs", "SYX": "syx", "ZSYX": "zsyx", "ZYXA": None}[axes]
    if meant is None:
        refused(name, "axes")
        continue
    letters = meant
    for letter in "tzcs":
        if letter not in letters:
            values, letters = values[None], letter + letters
    values = np.einsum(f"{letters}->tzyxcs", values)[0]
    right(name, values.reshape(*values.shape[:3], -1))
tifffile.imwrite("tifffile_two_sequences.tif", pixels("uint8", 3, 4, Y, X), photometric="minisblack", metadata={"axes": "QRYX"})
refused("tifffile_two_sequences.tif", "axes")
# Programs that keep the values in another form, or the image elsewhere
build("molecular_dynamics.gel.tif", [(basic(Y, X, 16, c33445=(4, 2), c33446=(5, [(1, 100)])), [volume[0].tobytes()])])
refused("molecular_dynamics.gel.tif", "Molecular Dynamics")
for tag, name in {34665: "exif", 34675: "color_profile", 37724: "photoshop", 700: "xmp", 33723: "iptc", 34118: "zeiss_sem", 34680: "fei", 65000: "private"}.items():
    # EXIF's tag is the place of a directory, which nothing has to follow: here it is among the pixels.
    value = (4, 8) if name == "exif" else (1, list(b"a property of the file that changes no pixel"))
    build(f"beside_{name}.tif", [({**basic(Y, X, 16), tag: value}, [volume[0].tobytes()])])
    right(f"beside_{name}.tif", plane(volume[0]))
build("old_subfile_type.tif", [({**basic(128, 128, 16), 255: (3, 1)}, [(large := pixels("uint16", 128, 128)).tobytes()]), ({**basic(64, 64, 16), 255: (3, 2)}, [large[::2, ::2].tobytes()])])
right("old_subfile_type.tif", plane(large))
build("marked_pages.tif", [({**basic(Y, X, 16), 254: (4, 2), 297: (3, [at, 6])}, [volume[at].tobytes()]) for at in range(6)])
right("marked_pages.tif", stack(volume))
build("mask_page.tif", [(basic(Y, X, 16), [volume[0].tobytes()]), ({**basic(Y, X, 1), 254: (4, 4)}, [packed(gray % 2, 1)])])
right("mask_page.tif", plane(volume[0]))
build("photometrics_differ.tif", [(basic(Y, X, 8, photometric=at % 2), [gray.tobytes()]) for at in range(2)])
refused("photometrics_differ.tif", ".")
for compression in [(1, 8), (5, 1), (8, 5)]:
    encode = {1: bytes, 5: imagecodecs.lzw_encode, 8: zlib.compress}
    name = f"compressions_differ_{compression[0]}_{compression[1]}.tif"
    build(name, [(basic(Y, X, 16, compression=kind), [encode[kind](volume[at].tobytes())]) for at, kind in enumerate(compression)])
    right(name, stack(volume[:2]))
build("layouts_differ.tif", [(basic(Y, X, 8, 3, 1, 2, c284=(3, 1)), [color.tobytes()]), (basic(Y, X, 8, 3, 1, 2, rows=Y, c284=(3, 2)), [np.ascontiguousarray(color[..., at]).tobytes() for at in range(3)])])
right("layouts_differ.tif", np.stack([color, color]))
build("predictors_differ.tif", [(basic(Y, X, 8, compression=8, c317=(3, 1)), [zlib.compress(gray.tobytes())]), (basic(Y, X, 8, compression=8, c317=(3, 2)), [zlib.compress(np.diff(gray, axis=1, prepend=gray[:, :1] * 0).tobytes())])])
right("predictors_differ.tif", np.stack([gray, gray])[..., None])
build("formats_differ.tif", [(basic(Y, X, 16, c339=(3, at + 1)), [volume[0].tobytes()]) for at in range(2)])
refused("formats_differ.tif", "page 2 is int16, page 1 uint16")
