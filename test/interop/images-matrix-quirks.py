"""Image files with quirks of other programs, each with its pixels beside it.

    python images-matrix-quirks.py FOLDER

The files are as those of images-matrix.py: combinations and layouts from public bug reports and from the formats' descriptions. tifffile,
zarr, h5py, nibabel and imageio read back what they can.
"""

import bz2
import gzip
import io
import itertools
import json
import lzma
import os
import shutil
import struct
import warnings
import zipfile
import zlib

import h5py
import imagecodecs
import imageio.v3 as imageio
import nibabel
import numcodecs
import numpy as np
import tifffile
import zarr
from PIL import Image
from zarr.codecs import BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

from image_files import X, Y, pixels, plane, refused, right, rng, stack
from tiff_by_hand import basic, build

warnings.filterwarnings("ignore")
volume = pixels("uint16", 6, Y, X)
channels = pixels("uint16", 2, 4, Y, X)  # c, z, y, x
zyxc = channels.transpose(1, 2, 3, 0)
gray, color = pixels("uint8", Y, X), pixels("uint8", Y, X, 3)


def fresh(name):
    shutil.rmtree(name, ignore_errors=True)
    return name


def same(name, expected):
    """Whether tifffile reads these pixels too."""
    found = tifffile.imread(name)
    assert np.array_equal(np.squeeze(found), np.squeeze(expected)), name


def image_of(values):
    return plane(values) if values.ndim == 2 else values[None]


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
def packed(values, bits):
    """Rows of values, each from a whole byte on."""
    rows = values.reshape(len(values), -1)
    text = ["".join(format(int(value), f"0{bits}b") for value in row) for row in rows]
    return b"".join(int(line.ljust(-(-len(line) // 8) * 8, "0"), 2).to_bytes(-(-len(line) // 8), "big") for line in text)


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
tifffile.imwrite("jpeg_gray_alpha.tif", np.dstack([smooth[..., 0], smooth[..., 1]]), photometric="minisblack", planarconfig="separate" if False else "contig", compression="zlib")
right("jpeg_gray_alpha.tif", np.dstack([smooth[..., 0], smooth[..., 1]])[None])
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
    build(f"beside_{name}.tif", [({**basic(Y, X, 16), tag: (1, list(b"a property of the file that changes no pixel"))} if tag != 34665 else basic(Y, X, 16), [volume[0].tobytes()])])
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


# HDF5: types with gaps, orders and exponents of their own
def h5_typed(name, kind, memory, values, chunks=None, expected=None):
    with h5py.File(name, "w") as file:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if chunks:
            settings.set_chunk(chunks)
            settings.set_deflate(4)
        data = h5py.h5d.create(file.id, b"raw", kind, h5py.h5s.create_simple(values.shape), settings)
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, values, mtype=memory)
    return name


for chunks, order in itertools.product([None, (2, 16, 32)], "<>"):
    kind = (h5py.h5t.STD_U16LE if order == "<" else h5py.h5t.STD_U16BE).copy()
    kind.set_precision(12)
    kind.set_offset(4)
    values = volume % 4096
    name = h5_typed(f"h5_12_bits_of_16_{'le' if order == '<' else 'be'}_{'chunks' if chunks else 'plain'}.h5", kind, h5py.h5t.NATIVE_UINT16, values, chunks)
    refused(name, "12 bits of 16")
kind = h5py.h5t.IEEE_F32LE.copy()
kind.set_ebias(1000)
kind.set_fields(31, 20, 11, 0, 20)
refused(h5_typed("h5_float_of_its_own.h5", kind, h5py.h5t.NATIVE_FLOAT, pixels("float32", 4, Y, X) + 100), "floats of another layout")
kind = h5py.h5t.IEEE_F16LE.copy()
kind.set_fields(15, 7, 8, 0, 7)
kind.set_ebias(127)
refused(h5_typed("h5_bfloat16.h5", kind, h5py.h5t.NATIVE_FLOAT, pixels("float32", 4, Y, X)), "floats of another layout")
for kind, words in {"bitfield": h5py.h5t.STD_B8LE, "opaque": h5py.h5t.create(h5py.h5t.OPAQUE, 2)}.items():
    with h5py.File(f"h5_{kind}.h5", "w") as file:
        h5py.h5d.create(file.id, b"raw", words, h5py.h5s.create_simple((9, 9)))
    refused(f"h5_{kind}.h5", "no dataset")
with h5py.File("h5_long_double.h5", "w") as file:
    file["raw"] = np.ones((9, 9), np.longdouble)
refused("h5_long_double.h5", "no dataset")
with h5py.File("h5_compound_of_one.h5", "w") as file:
    file["raw"] = np.zeros((9, 9), [("value", "u2")])
refused("h5_compound_of_one.h5", "no dataset")
# Chunks that are stored as they are, without the filters that the dataset names
with h5py.File("h5_filter_skipped.h5", "w") as file:
    data = file.create_dataset("raw", shape=(4, 16, 32), dtype="u2", chunks=(2, 16, 32), compression="gzip", shuffle=True)
    values = pixels("uint16", 4, 16, 32)
    data[2:] = values[2:]
    data.id.write_direct_chunk((0, 0, 0), values[:2].tobytes(), filter_mask=3)
right("h5_filter_skipped.h5", stack(h5py.File("h5_filter_skipped.h5")["raw"][:]))
with h5py.File("h5_external_data.h5", "w") as file:
    file.create_dataset("raw", shape=volume.shape, dtype="u2", external=[("h5_external_data.bin", 0, h5py.h5f.UNLIMITED)])
    file["raw"][:] = volume
refused("h5_external_data.h5", "external raw data file")  # The library looks for it in the working directory.
with h5py.File("h5_external_gone.h5", "w") as file:
    file.create_dataset("raw", shape=volume.shape, dtype="u2", external=[("gone.bin", 0, h5py.h5f.UNLIMITED)])
refused("h5_external_gone.h5", "external")
# Virtual datasets: several files, a dataset that is not there, a part that no file has
for at in range(3):
    with h5py.File(f"h5_part_{at}.h5", "w") as file:
        file["image"] = volume[2 * at : 2 * at + 2]
    right(f"h5_part_{at}.h5", stack(volume[2 * at : 2 * at + 2]))
for kind in ["whole", "lacking_dataset", "own"]:
    layout = h5py.VirtualLayout(shape=volume.shape, dtype="u2", **({} if kind != "hole" else {}))
    with h5py.File(f"h5_virtual_{kind}.h5", "w") as file:
        for at in range(3):
            if kind == "own":
                file[f"parts/{at}"] = volume[2 * at : 2 * at + 2]
            source = h5py.VirtualSource("." if kind == "own" else f"h5_part_{at}.h5", f"parts/{at}" if kind == "own" else "gone" if kind == "lacking_dataset" and at == 1 else "image", shape=(2, Y, X))
            layout[2 * at : 2 * at + 2] = source
        file.create_virtual_dataset("raw", layout, fillvalue=9)
    if kind == "lacking_dataset":
        refused("h5_virtual_lacking_dataset.h5", "lies partly in")
    else:
        right(f"h5_virtual_{kind}.h5", stack(volume))
with h5py.File("h5_virtual_pattern.h5", "w") as file:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    space = h5py.h5s.create_simple((2, Y, X), (h5py.h5s.UNLIMITED, Y, X))
    space.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (2, Y, X), (2, Y, X))
    settings.set_virtual(space, b"h5_part_%b.h5", b"image", h5py.h5s.create_simple((2, Y, X)))
    h5py.h5d.create(file.id, b"raw", h5py.h5t.STD_U16LE, h5py.h5s.create_simple((2, Y, X), (h5py.h5s.UNLIMITED, Y, X)), settings)
    h5py.h5d.open(file.id, b"raw")
refused("h5_virtual_pattern.h5", "pattern")
# Which dataset: datasets beside the image, and names
for place, others in {
    "entry/data/data": {"entry/instrument/detector/bad_pixels": (np.ones((200, 200)) > 0)},
    "t0/channel0": {"t0/segmentation": np.ones((9, 99, 99), "u4")},
    "images/raw": {"coordinates": np.ones((900, 3)), "images/mask": np.ones((6, 99, 99), "u1")},
    "volumes/raw": {"volumes/labels/neuron_ids": np.ones((9, 60, 60), "u8"), "annotations/locations": np.ones((99, 3))},
    "main": {"preview": np.ones((300, 300, 3), "u1")},
    "exported_data": {"predictions_probabilities": np.ones((9, 50, 50, 2), "f4")},
}.items():
    name = f"h5_beside_{place.replace('/', '_')}.h5"
    with h5py.File(name, "w") as file:
        for other, values in others.items():
            file[other] = values
        file[place] = volume
    right(name, stack(volume))
for letters, names in {"tzyxc": ["t", "z", "y", "x", "c"], "zcyx": ["z", "c", "y", "x"], "xyzc": ["x", "y", "z", "c"], "cxyz": ["c", "x", "y", "z"], "yxzc": ["y", "x", "z", "c"]}.items():
    sizes = dict(t=1, z=4, y=Y, x=X, c=2)
    values = pixels("uint16", *(sizes[letter] for letter in letters))
    missing = "".join(letter for letter in "tzyxc" if letter not in letters)
    expected = np.einsum(f"{missing}{letters}->tzyxc", values.reshape([1] * (5 - len(letters)) + list(values.shape)))[0]
    with h5py.File(f"h5_more_tags_{letters}.h5", "w") as file:
        data = file.create_dataset("volume/data", data=values, chunks=True, compression="lzf", shuffle=True, fletcher32=True)
        data.attrs["axistags"] = json.dumps({"axes": [{"key": letter} for letter in letters]}).encode()
    right(f"h5_more_tags_{letters}.h5", expected)
with h5py.File("h5_scales.h5", "w") as file:
    for axis, (letter, size) in enumerate({"z": 6, "y": Y, "x": X}.items()):
        file[letter] = np.arange(size) * 0.1
        file[letter].make_scale(letter)
    file["raw"] = volume
    for axis, letter in enumerate("zyx"):
        file["raw"].dims[axis].attach_scale(file[letter])
right("h5_scales.h5", stack(volume))
for version in ["earliest", "v108", "v110", "latest"]:
    with h5py.File(f"h5_version_{version}.h5", "w", libver=(version, "latest") if version != "latest" else "latest") as file:
        file.create_dataset("raw", data=volume, chunks=(1, Y, X) if version != "v110" else (6, 5, 5), compression="gzip", maxshape=(None, Y, X) if version != "v108" else (None, None, X))
    right(f"h5_version_{version}.h5", stack(volume))
with h5py.File("h5_paged.h5", "w", fs_strategy="page", fs_page_size=4096) as file:
    file["raw"] = volume
right("h5_paged.h5", stack(volume))
with h5py.File("h5_compact.h5", "w") as file:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_layout(h5py.h5d.COMPACT)
    small = pixels("int16", 3, 9, 11)
    h5py.h5d.create(file.id, b"raw", h5py.h5t.STD_I16BE, h5py.h5s.create_simple(small.shape), settings).write(h5py.h5s.ALL, h5py.h5s.ALL, small)
right("h5_compact.h5", stack(small))
with h5py.File("h5_many_links.h5", "w", track_order=True) as file:
    for at in range(40):
        file[f"group_{at}/notes"] = "words"
    file["images/image"] = volume
right("h5_many_links.h5", stack(volume))
with h5py.File("h5_named_type.h5", "w") as file:
    file["kind"] = np.dtype("u2")
    file.create_dataset("raw", data=volume, dtype=file["kind"])
right("h5_named_type.h5", stack(volume))
damaged = bytearray(open("h5_version_earliest.h5", "rb").read())
damaged[-3000:-2000] = bytes(1000)
open("h5_damaged.h5", "wb").write(damaged)
refused("h5_damaged.h5", "damaged")
with h5py.File("h5_checksum.h5", "w") as file:
    data = file.create_dataset("raw", data=volume, chunks=volume.shape, fletcher32=True)
    offset = data.id.get_chunk_info(0).byte_offset
with open("h5_checksum.h5", "r+b") as file:
    file.seek(offset + 100)
    file.write(b"\xaa\xbb")
refused("h5_checksum.h5", "damaged")


# Zarr 2: filters' arithmetic, filling values, types of other orders, folders that the metadata do not name
def store2(name, values, expected, words=None, **options):
    array = zarr.create_array(fresh(name), shape=values.shape, dtype=values.dtype, zarr_format=2, **{"chunks": (4, 16, 32)[-values.ndim :], **options})
    array[...] = values
    if words is not None:
        refused(name, words)
    else:
        right(name, expected(zarr.open(name, mode="r")[...]))


for name, filters, dtype in [
    ("scale_f4", [numcodecs.FixedScaleOffset(offset=1000.1, scale=0.3, dtype="<f4", astype="<f4")], "float32"),
    ("scale_u1", [numcodecs.FixedScaleOffset(offset=10, scale=0.5, dtype="<f8", astype="u1")], "float64"),
    ("scale_ints", [numcodecs.FixedScaleOffset(offset=3, scale=2, dtype="<i4", astype="<i4")], "int32"),
    ("scale_u2", [numcodecs.FixedScaleOffset(offset=0, scale=1, dtype="<u2", astype="<u2")], "uint16"),
    ("delta_f4", [numcodecs.Delta("<f4")], "float32"),
    ("delta_f8", [numcodecs.Delta("<f8")], "float64"),
    ("delta_u1", [numcodecs.Delta("u1", astype="i2")], "uint8"),
    ("delta_i2", [numcodecs.Delta("<i2")], "int16"),
    ("delta_u4", [numcodecs.Delta("<u4")], "uint32"),
    ("cast_f8", [numcodecs.AsType("<f8", "<f4")], "float32"),
    ("cast_narrow", [numcodecs.AsType("<i2", "<i4")], "int32"),
    ("shuffle_4", [numcodecs.Shuffle(4)], "float32"),
    ("shuffle_8", [numcodecs.Shuffle(8)], "float64"),
    ("round", [numcodecs.BitRound(keepbits=7)], "float64"),
    ("quantize_f8", [numcodecs.Quantize(digits=2, dtype="<f8")], "float64"),
    ("scale_then_delta", [numcodecs.FixedScaleOffset(offset=0, scale=10, dtype="<f8", astype="<i4"), numcodecs.Delta("<i4")], "float64"),
]:
    values = pixels(dtype, 6, Y, X)
    if name in ("scale_u1", "cast_narrow"):
        values = (values % 200).astype(dtype)
    for order, compressor in [("C", None), ("F", numcodecs.Zstd())]:
        store2(f"zarr2_more_{name}_{order}.zarr", values, stack, filters=filters, order=order, compressors=compressor)
for name, compressor in {
    "lzma_delta": numcodecs.LZMA(filters=[dict(id=lzma.FILTER_DELTA, dist=2), dict(id=lzma.FILTER_LZMA2, preset=1)]),
    "lzma_alone": numcodecs.LZMA(format=2),
    "lzma_raw": numcodecs.LZMA(format=3, filters=[dict(id=lzma.FILTER_DELTA, dist=2), dict(id=lzma.FILTER_LZMA2, preset=1)]),
    "lzma_check": numcodecs.LZMA(check=lzma.CHECK_SHA256),
    "zstd_checked": numcodecs.Zstd(level=1, checksum=True),
    "zstd_fast": numcodecs.Zstd(level=-5),
    "blosc_bits": numcodecs.Blosc("blosclz", 9, 2),
    "blosc_auto": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.AUTOSHUFFLE),
    "blosc_zlib_bits": numcodecs.Blosc("zlib", 1, 2, 1024),
    "bz2_1": numcodecs.BZ2(level=1),
    "lz4_fast": numcodecs.LZ4(acceleration=100),
    "zlib_9": numcodecs.Zlib(9),
}.items():
    words = "compressed by LZMA with" if name in ("lzma_delta", "lzma_check") else "lzma without its container" if name in ("lzma_alone", "lzma_raw") else None
    for dtype in ["uint8", "float32"]:
        store2(f"zarr2_packed_{name}_{dtype}.zarr", pixels(dtype, 6, Y, X), stack, words, compressors=compressor)
for compressor, words in {"snappy": "snappy", "blosc2": "blosc2", "zfpy": "zfpy", "pcodec": "pcodec", "jpeg2k": "jpeg2k", "imagecodecs_jpegxl": "imagecodecs_jpegxl"}.items():
    name = f"zarr2_compressor_{compressor}.zarr"
    store2(name, volume, stack, words, compressors=None)
    described = json.load(open(f"{name}/.zarray"))
    described["compressor"] = {"id": "blosc", "cname": "snappy", "clevel": 5, "shuffle": 1, "blocksize": 0} if compressor == "snappy" else {"id": compressor}
    json.dump(described, open(f"{name}/.zarray", "w"))
for fill, dtype in [(None, "uint16"), ("NaN", "float32"), ("-Infinity", "float64"), (True, "bool"), (-7, "int8"), (255, "uint8"), (1.5e300, "float64"), (2**63, "uint64"), (-(2**40), "int64")]:
    name = fresh(f"zarr2_filled_{str(fill).replace('-', 'minus_')}.zarr")
    values = pixels(dtype, 4, Y, X)
    array = zarr.create_array(name, shape=values.shape, dtype=dtype, chunks=(2, 16, 16), zarr_format=2, fill_value=0)
    array[:2] = values[:2]
    described = json.load(open(f"{name}/.zarray"))
    described["fill_value"] = fill
    json.dump(described, open(f"{name}/.zarray", "w"))
    if fill == 2**63:
        refused(name, "beyond 2\\^53")
        continue
    if fill in ("NaN", "-Infinity"):
        continue
    found = zarr.open(name, mode="r")[...]
    right(name, stack(found))
for dtype in [">i2", ">u4", ">f8", ">f2", ">i8", ">u8"]:
    values = pixels(np.dtype(dtype).newbyteorder("=").name, 6, Y, X).astype(dtype)
    for order, compressor in [("C", numcodecs.Blosc("lz4", 5, 1)), ("F", numcodecs.GZip())]:
        store2(f"zarr2_big_{dtype[1:]}_{order}.zarr", values, stack, order=order, compressors=compressor)
name = "zarr2_nested_unsaid.zarr"
store2(name, volume, stack, "dimension_separator", chunk_key_encoding={"name": "v2", "separator": "/"})
described = json.load(open(f"{name}/.zarray"))
del described["dimension_separator"]
json.dump(described, open(f"{name}/.zarray", "w"))
for kind in ["|S3", "<U2", "<M8[s]", "<c16", "|V4"]:
    name = fresh(f"zarr2_type_{kind.strip('<|').split('[')[0]}.zarr")
    os.makedirs(name)
    json.dump({"zarr_format": 2, "shape": [9, 9], "chunks": [9, 9], "dtype": kind, "compressor": None, "fill_value": None, "order": "C", "filters": None}, open(f"{name}/.zarray", "w"))
    refused(name, "not pixels")
name = fresh("zarr2_records.zarr")
os.makedirs(name)
json.dump({"zarr_format": 2, "shape": [9, 9], "chunks": [9, 9], "dtype": [["a", "<u2"], ["b", "<f4"]], "compressor": None, "fill_value": None, "order": "C", "filters": None}, open(f"{name}/.zarray", "w"))
refused(name, "not pixels")


# Zarr 3: codecs in every order, shards of shards, names in short form, checksums that do not fit
def store3(name, values, expected, words=None, **options):
    array = zarr.create_array(fresh(name), shape=values.shape, dtype=values.dtype, zarr_format=3, **{"chunks": (4, 16, 32)[-values.ndim :], **options})
    array[...] = values
    if words is not None:
        refused(name, words)
    else:
        right(name, expected(zarr.open(name, mode="r")[...]))


def edit3(name, change):
    described = json.load(open(f"{name}/zarr.json"))
    change(described)
    json.dump(described, open(f"{name}/zarr.json", "w"))


for order, endian, compressors in itertools.product([None, (2, 0, 1), (1, 2, 0)], ["little", "big"], [None, [GzipCodec(), Crc32cCodec()], [Crc32cCodec()], [ZstdCodec(level=-3)]]):
    name = f"zarr3_chain_{'' if order is None else ''.join(map(str, order))}_{endian}_{'none' if compressors is None else '_'.join(type(each).__name__[:4].lower() for each in compressors)}.zarr"
    store3(name, pixels("int32", 6, Y, X), stack, filters=[TransposeCodec(order=order)] if order else None, serializer=BytesCodec(endian=endian), compressors=compressors)
store3("zarr3_transposed_shards.zarr", volume, stack, "combines sharding with other codecs", chunks=(4, 16, 32), filters=[TransposeCodec(order=(2, 1, 0))], serializer=ShardingCodec(chunk_shape=(4, 8, 4)))
store3("zarr3_checked_shards.zarr", volume, stack, "combines sharding with other codecs", chunks=(4, 16, 32), serializer=ShardingCodec(chunk_shape=(2, 8, 8)), compressors=[Crc32cCodec()])
store3("zarr3_shards_of_shards.zarr", volume, stack, "shards hold shards", chunks=(4, 16, 32), serializer=ShardingCodec(chunk_shape=(4, 16, 16), codecs=[ShardingCodec(chunk_shape=(2, 8, 8))]))
store3("zarr3_transposed_twice.zarr", volume, stack, "transposed twice", filters=[TransposeCodec(order=(2, 0, 1)), TransposeCodec(order=(1, 0, 2))])
name = "zarr3_wrong_checksum.zarr"
store3(name, volume, stack, "checksum", compressors=[Crc32cCodec()])
with open(f"{name}/c/0/0/0", "r+b") as file:
    file.seek(50)
    file.write(b"\xde\xad")
name = "zarr3_wrong_index.zarr"
store3(name, volume, stack, "checksum|damaged", chunks=(2, 16, 16), shards=(4, 32, 48))
with open(f"{name}/c/0/0/0", "r+b") as file:
    file.seek(-4, 2)
    file.write(b"\xde\xad\xbe\xef")
name = "zarr2_wrong_checksum.zarr"
store2(name, volume, stack, "checksum", filters=[numcodecs.CRC32()], compressors=None)
with open(f"{name}/0.0.0", "r+b") as file:
    file.seek(50)
    file.write(b"\xde\xad")
store3("zarr3_short_names.zarr", volume, stack, compressors=None)
edit3("zarr3_short_names.zarr", lambda described: described.update(codecs=["bytes"], chunk_key_encoding="default") if False else described.update(attributes={"note": "words"}))
for grid, words in [({"name": "rectangular", "configuration": {"chunk_shape": [[4, 2], [19], [35]]}}, "chunk grid")]:
    store3("zarr3_rectangular.zarr", volume, stack, words)
    edit3("zarr3_rectangular.zarr", lambda described: described.update(chunk_grid=grid))
store3("zarr3_transformer.zarr", volume, stack, "storage transformers")
edit3("zarr3_transformer.zarr", lambda described: described.update(storage_transformers=[{"name": "other"}]))
for fill, dtype in [("0x7fc00000", "float32"), (-3, "int8"), (True, "bool"), (2**63, "uint64"), (0.1, "float32"), (1000.5, "float16")]:
    name = fresh(f"zarr3_filled_{str(fill).replace('-', 'minus_')}_{dtype}.zarr")
    values = pixels(dtype, 4, Y, X)
    array = zarr.create_array(name, shape=values.shape, dtype=dtype, chunks=(2, 16, 16), zarr_format=3, fill_value=0)
    array[:2] = values[:2]
    edit3(name, lambda described: described.update(fill_value=fill))
    if fill == 2**63:
        refused(name, "beyond 2\\^53")
    elif dtype != "float32" or fill != "0x7fc00000":
        right(name, stack(zarr.open(name, mode="r")[...]))
for name, values in {"odd": pixels("uint8", 5, 7, 11), "ones": pixels("uint8", 9, 9, 9), "larger": pixels("uint8", 3, 9, 9)}.items():
    chunks = {"odd": (2, 3, 4), "ones": (1, 1, 1), "larger": (50, 50, 50)}[name]
    store2(f"zarr2_chunks_{name}.zarr", values, stack, chunks=chunks)
    store3(f"zarr3_chunks_{name}.zarr", values, stack, chunks=chunks)
store3("zarr3_wide_shards.zarr", pixels("uint16", 5, 20, 30), stack, chunks=(2, 4, 5), shards=(10, 40, 50), fill_value=3)
for kind in ["string", "bytes", "int2", "bfloat16", "complex128", "r16"]:
    name = f"zarr3_type_{kind}.zarr"
    store3(name, volume, stack, "not pixels")
    edit3(name, lambda described: described.update(data_type=kind))


# OME-Zarr: axes in other orders, units, several images, coordinate systems, levels of other places
def ngff(name, version, axes, values, expected, words=None, multiscales=None, place="0"):
    group = zarr.open_group(fresh(name), mode="w", zarr_format=3 if version >= "0.5" else 2)
    group.create_array(place, data=values, chunks=tuple(max(1, size // 2) for size in values.shape))
    kinds = dict(t="time", c="channel")
    image = {"axes": [{"name": letter, "type": kinds.get(letter, "space")} for letter in axes], "datasets": [{"path": place, "coordinateTransformations": [{"type": "scale", "scale": [1.0] * values.ndim}]}]}
    image = {**image, **(multiscales or {})}
    image = {key: value for key, value in image.items() if value is not None}
    group.attrs.update({"ome": {"version": version, "multiscales": [image]}} if version >= "0.5" else {"multiscales": [{"version": version, **image}]})
    if words:
        refused(name, words)
    else:
        right(name, expected)
    return group


for version, axes in itertools.product(["0.4", "0.5"], ["zcyx", "tczyx", "cyx", "tcyx", "czxy", "xyzc"]):
    sizes = dict(t=1, z=4, y=Y, x=X, c=2)
    values = pixels("uint16", *(sizes[letter] for letter in axes))
    missing = "".join(letter for letter in "tzyxc" if letter not in axes)
    ngff(f"ngff_more_{version}_{axes}.zarr", version, axes, values, np.einsum(f"{missing}{axes}->tzyxc", values.reshape([1] * (5 - len(axes)) + list(values.shape)))[0])
ngff("ngff_named.zarr", "0.4", "czyx", channels, zyxc, multiscales={"axes": [{"name": "wavelength", "type": "channel"}, {"name": "z", "type": "space"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]})
ngff("ngff_untyped.zarr", "0.4", "czyx", channels, zyxc, multiscales={"axes": [{"name": letter} for letter in "czyx"]})
ngff("ngff_strings.zarr", "0.3", "czyx", channels, zyxc, multiscales={"axes": list("czyx")})
ngff("ngff_systems.zarr", "0.6", "czyx", channels, zyxc, multiscales={"axes": None, "coordinateSystems": [{"name": "physical", "axes": [{"name": letter, "type": "channel" if letter == "c" else "space"} for letter in "czyx"]}]})
ngff("ngff_systems_xy.zarr", "0.6", "xyzc", channels.transpose(3, 2, 1, 0).copy(), zyxc, multiscales={"axes": None, "coordinateSystems": [{"name": "physical", "axes": [{"name": letter, "type": "channel" if letter == "c" else "space"} for letter in "xyzc"]}]})
ngff("ngff_without_axes.zarr", "0.4", "zctyx", channels.transpose(1, 0, 2, 3)[:, :, None].copy(), None, "name no axes", multiscales={"axes": None})
ngff("ngff_deep.zarr", "0.4", "czyx", channels, zyxc, place="levels/full/0")
ngff("ngff_outside.zarr", "0.4", "zyx", volume, None, "no array there", multiscales={"datasets": [{"path": "../ngff_deep.zarr/levels/full/0"}]})
ngff("ngff_number_version.zarr", "0.4", "zyx", volume, stack(volume), multiscales={"version": 0.4})
ngff("ngff_angle.zarr", "0.4", "azyx", pixels("uint8", 3, 4, Y, X), None, "axes", multiscales={"axes": [{"name": "angle", "type": "angle"}, {"name": "z", "type": "space"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]})
group = zarr.open_group(fresh("spatial_data.zarr"), mode="w", zarr_format=3)
for place, values in {"images/cells": channels[:, 0], "labels/cells": channels[:1, 0] // 9}.items():
    image = group.create_group(place)
    image.create_array("0", data=values if place.startswith("im") else values[0])
    image.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": [{"name": letter, "type": "channel" if letter == "c" else "space"} for letter in ("cyx" if place.startswith("im") else "yx")], "datasets": [{"path": "0"}]}]}
group.create_array("tables/table/X", data=np.ones((300, 200)))
right("spatial_data.zarr", channels[:, 0].transpose(1, 2, 0)[None])
for version in [2, 3]:
    name = fresh(f"plate_without_first_well_{version}.zarr")
    group = zarr.open_group(name, mode="w", zarr_format=version)
    plate = {"columns": [{"name": "1"}, {"name": "2"}], "rows": [{"name": "A"}], "wells": [{"path": "A/1"}, {"path": "A/2"}], "version": "0.4"}
    well = {"images": [{"path": "3"}]}
    scales = [{"version": "0.4", "axes": [{"name": letter} for letter in "czyx"], "datasets": [{"path": "s0"}]}]
    said = lambda key, value: {key: value} if version == 2 else {"ome": {"version": "0.5", key: value}}
    group.attrs.update(said("plate", plate))
    cell = group.create_group("A/2")
    cell.attrs.update(said("well", well))
    cell.create_group("3").attrs.update(said("multiscales", scales))
    cell["3"].create_array("s0", data=channels)
    right(name, zyxc)
    right_folder = f"{name}"

# N5: blocks of a length of their own, other axes, older metadata, groups
def n5(folder, values, chunk, dtype, compression={"type": "raw"}, encode=bytes, mode=0, **attributes):
    os.makedirs(folder, exist_ok=True)
    described = {"dimensions": list(values.shape[::-1]), "blockSize": list(chunk[::-1]), "dataType": dtype, **({"compression": compression} if compression else {}), **attributes}
    json.dump(described, open(f"{folder}/attributes.json", "w"))
    for place in itertools.product(*(range(-(-size // step)) for size, step in zip(values.shape, chunk))):
        block = values[tuple(slice(at * step, (at + 1) * step) for at, step in zip(place, chunk))]
        path = os.path.join(folder, *(str(at) for at in place[::-1]))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        head = struct.pack(">HH", mode, block.ndim) + struct.pack(f">{block.ndim}I", *block.shape[::-1]) + (struct.pack(">I", block.size) if mode == 1 else b"")
        open(path, "wb").write(head + encode(block.astype(block.dtype.newbyteorder(">")).tobytes()))


for dtype in ["int8", "uint16", "uint32", "int64", "float64"]:
    values = pixels(dtype, 6, Y, X)
    n5(fresh(f"n5_counted_{dtype}.n5"), values, (4, 16, 32), dtype, {"type": "gzip", "level": 1}, gzip.compress, mode=1)
    right(f"n5_counted_{dtype}.n5", stack(values))
n5(fresh("n5_old_compression.n5"), volume, (4, 16, 32), "uint16", None, gzip.compress, compressionType="gzip")
right("n5_old_compression.n5", stack(volume))
n5(fresh("n5_old_raw.n5"), volume, (4, 16, 32), "uint16", None, compressionType="raw")
right("n5_old_raw.n5", stack(volume))
for axes in ["xyz", "xyzc", "xyczt", "xy"]:
    sizes = dict(t=1, z=4, y=Y, x=X, c=2)
    letters = axes[::-1]
    values = pixels("uint16", *(sizes[letter] for letter in letters))
    missing = "".join(letter for letter in "tzyxc" if letter not in letters)
    n5(fresh(f"n5_named_{axes}.n5") + "/setup0/s0", values, (1, 2, 2, 16, 16)[-values.ndim :], "uint16", axes=list(axes))
    right(f"n5_named_{axes}.n5", np.einsum(f"{missing}{letters}->tzyxc", values.reshape([1] * (5 - len(letters)) + list(values.shape)))[0])
n5(fresh("n5_unread.n5"), volume, (4, 16, 32), "uint16", {"type": "jpeg"})
refused("n5_unread.n5", "compressed by jpeg")
n5(fresh("n5_object.n5"), volume, (4, 16, 32), "object")
refused("n5_object.n5", "not pixels")
n5(fresh("n5_big_data_viewer.n5") + "/setup0/timepoint0/s0", volume, (4, 16, 32), "uint16")
n5("n5_big_data_viewer.n5/setup0/timepoint0/s1", volume[::2, ::2, ::2], (4, 16, 32), "uint16")
json.dump({"downsamplingFactors": [[1, 1, 1], [2, 2, 2]], "dataType": "uint16"}, open("n5_big_data_viewer.n5/setup0/attributes.json", "w"))
json.dump({"resolution": [0.1, 0.1, 0.5], "multiScale": True}, open("n5_big_data_viewer.n5/setup0/timepoint0/attributes.json", "w"))
right("n5_big_data_viewer.n5", stack(volume))

# NIfTI: scalings, offsets, byte orders in archives, axes of one entry, archives of several members
for slope, intercept, dtype, order in itertools.product([0.1, 3, float("nan")], [0, -0.7], ["uint8", "uint16", "int32", "float64"], "<>"):
    values = pixels(dtype, X, Y, 5)
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    name = f"nifti_more_slope_{slope}_{intercept}_{dtype}_{'le' if order == '<' else 'be'}.nii"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4), header), name)
    with open(name, "r+b") as file:
        file.seek(112)
        file.write(struct.pack(order + "ff", slope, intercept))
    right(name, stack(np.asanyarray(nibabel.load(name).dataobj).transpose(2, 1, 0)))
for kind, order, dtype in itertools.product([nibabel.Nifti1Image, nibabel.Nifti2Image], "<>", ["float32", "int64", "uint64", "int8"]):
    values = pixels(dtype, X, Y, 5)
    header = (nibabel.Nifti1Header if kind is nibabel.Nifti1Image else nibabel.Nifti2Header)(endianness=order)
    header.set_data_dtype(dtype)
    name = f"nifti_zipped_{kind.__name__}_{dtype}_{'le' if order == '<' else 'be'}.nii.gz"
    nibabel.save(kind(values, np.eye(4), header, dtype=dtype), name)
    right(name, stack(np.asanyarray(nibabel.load(name).dataobj).transpose(2, 1, 0)))
values = pixels("int16", X, Y, 5)
nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), "nifti_offset_0.nii")
content = open("nifti_offset_0.nii", "rb").read()
with open("nifti_offset_0.nii", "r+b") as file:
    file.seek(108)
    file.write(struct.pack("<f", 0))
refused("nifti_offset_0.nii", "offset")
with open("nifti_offset_400.nii", "wb") as file:
    file.write(content[:108] + struct.pack("<f", 400) + content[112:352] + bytes(48) + content[352:])
right("nifti_offset_400.nii", stack(np.asanyarray(nibabel.load("nifti_offset_400.nii").dataobj).transpose(2, 1, 0)))
open("nifti_two_members.nii.gz", "wb").write(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
right("nifti_two_members.nii.gz", stack(values.transpose(2, 1, 0)))
open("nifti_not_zipped.nii.gz", "wb").write(content)
right("nifti_not_zipped.nii.gz", stack(values.transpose(2, 1, 0)))
open("nifti_zipped_anyway.nii", "wb").write(gzip.compress(content))
right("nifti_zipped_anyway.nii", stack(values.transpose(2, 1, 0)))
open("nifti_behind.nii", "wb").write(content + b"more bytes")
right("nifti_behind.nii", stack(values.transpose(2, 1, 0)))
for shape in [(X, Y, 1, 1, 2), (X, Y, 4, 1, 3), (X, Y, 1, 5)]:
    values = pixels("uint8", *shape)
    name = f"nifti_more_axes_{'x'.join(map(str, shape))}.nii"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), name)
    right(name, values[:, :, 0, :].transpose(2, 1, 0)[..., None] if len(shape) == 4 else values[:, :, :, 0].transpose(2, 1, 0, 3))
nibabel.save(nibabel.Nifti1Image(pixels("uint8", X, Y, 2, 1, 1, 1), np.eye(4)), "nifti_six_axes.nii")
refused("nifti_six_axes.nii", "has 6 axes")
with open("nifti_pair.nii", "wb") as file:
    file.write(content[:344] + b"ni1\0" + content[348:])
refused("nifti_pair.nii", "pair")

# NumPy: archives of every kind
for kind, files in {"two_images": {"raw": volume, "raw_small": volume[:, ::2]}, "named": {"arr_0": volume}, "table_first": {"a": np.ones((9, 3)), "z": volume}, "booleans": {"mask": gray > 9}, "big": {"x": volume.astype(">u2")}, "column_major": {"x": np.asfortranarray(volume)}, "half": {"x": pixels("float16", 6, Y, X)}}.items():
    for save in [np.savez, np.savez_compressed]:
        name = f"npz_{kind}_{'stored' if save is np.savez else 'packed'}.npz"
        save(name, **files)
        meant = files.get("raw", list(files.values())[-1])
        right(name, plane(meant) if meant.ndim == 2 else stack(meant))
with zipfile.ZipFile("npz_streamed.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("raw.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, volume)
    archive.writestr("notes.txt", "words")
right("npz_streamed.npz", stack(volume))
with zipfile.ZipFile("npz_bzip2.npz", "w", zipfile.ZIP_BZIP2) as archive:
    buffer = io.BytesIO()
    np.save(buffer, volume)
    archive.writestr("raw.npy", buffer.getvalue())
refused("npz_bzip2.npz", ".")
content = bytearray(open("npz_named_stored.npz", "rb").read())
content[400:404] = b"\xde\xad\xbe\xef"
open("npz_damaged.npz", "wb").write(content)
refused("npz_damaged.npz", "checksum|damaged")
np.save("npy_behind.npy", volume)
with open("npy_behind.npy", "ab") as file:
    file.write(b"more")
right("npy_behind.npy", stack(volume))

# Pictures: PNG with a color that is transparent, 16 bits in passes, palettes of few bits; animations; JPEG cut short; BMP of other headers
def png(name, kind, depth, rows, width, height, extra=b"", interlace=0, more=b""):
    chunk = lambda tag, data: struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace))
    extra = b"".join(chunk(*each) for each in extra)
    open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def rows_of(values, bits):
    return b"".join(b"\0" + packed(row[None], bits) for row in values)


for depth in [1, 2, 4, 8]:
    values = rng.integers(0, 2**depth, (Y, X))
    palette = rng.integers(0, 256, (2**depth, 3)).astype("uint8")
    png(f"png_palette_{depth}.png", 3, depth, rows_of(values, depth), X, Y, [(b"PLTE", palette.tobytes())])
    right(f"png_palette_{depth}.png", palette[values][None])
for kind, values, transparent in [(0, gray, struct.pack(">H", 7)), (2, color, struct.pack(">HHH", 1, 2, 3))]:
    png(f"png_color_key_{kind}.png", kind, 8, rows_of(values.reshape(Y, -1), 8), X, Y, [(b"tRNS", transparent)])
    right(f"png_color_key_{kind}.png", image_of(values))
for extra in [[(b"gAMA", struct.pack(">I", 45455))], [(b"sBIT", b"\5")], [(b"pHYs", struct.pack(">IIB", 1000, 1000, 1))], [(b"tEXt", b"Comment\0words")], [(b"bKGD", b"\0\7")], [(b"tIME", bytes(7))]]:
    name = f"png_with_{extra[0][0].decode()}.png"
    png(name, 0, 8, rows_of(gray, 8), X, Y, extra)
    right(name, plane(gray))
adam = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
for kind, depth, values in [(0, 16, pixels("uint16", Y, X)), (2, 16, pixels("uint16", Y, X, 3)), (6, 8, pixels("uint8", Y, X, 4)), (4, 16, pixels("uint16", Y, X, 2)), (0, 1, gray % 2), (0, 4, gray % 16), (3, 2, gray % 4)]:
    rows = b"".join(rows_of(np.ascontiguousarray(values[y0::dy, x0::dx]).reshape(len(values[y0::dy]), -1), depth) for x0, y0, dx, dy in adam if x0 < X and y0 < Y)
    palette = rng.integers(0, 256, (4, 3)).astype("uint8")
    name = f"png_passes_{kind}_{depth}.png"
    png(name, kind, depth, rows, X, Y, [(b"PLTE", palette.tobytes())] if kind == 3 else [], interlace=1)
    if depth < 8:
        refused(name, "interlaced PNG")
    else:
        right(name, image_of(values))
for filters in range(5):
    Image.fromarray(color).save(f"png_filter_{filters}.png", compress_level=filters * 2)
    right(f"png_filter_{filters}.png", color[None])
Image.fromarray(color).save("animated.png", save_all=True, append_images=[Image.fromarray(255 - color)])
refused("animated.png", "2 frames")
Image.fromarray(gray).save("png_damaged.png")
content = bytearray(open("png_damaged.png", "rb").read())
content[len(content) // 2] ^= 0x55
open("png_damaged.png", "wb").write(content)
refused("png_damaged.png", ".")
noise = rng.integers(0, 255, (64, 96, 3)).astype("uint8")
for kind, options in {"plain": {}, "progressive": dict(progressive=True), "gray": {}}.items():
    Image.fromarray(noise[..., 0] if kind == "gray" else noise).save(f"whole_{kind}.jpg", quality=90, **options)
    found = imageio.imread(f"whole_{kind}.jpg")
    right(f"whole_{kind}.jpg", image_of(found))
    content = open(f"whole_{kind}.jpg", "rb").read()
    for share in [0.5, 0.9]:
        name = f"cut_short_{kind}_{int(share * 100)}.jpg"
        open(name, "wb").write(content[: int(len(content) * share)])
        refused(name, "cut short|damaged")
    open(f"padded_{kind}.jpg", "wb").write(content + bytes(50))
    right(f"padded_{kind}.jpg", image_of(found))
thumbnail = io.BytesIO()
Image.fromarray(noise[::8, ::8]).save(thumbnail, "jpeg")
exif = b"\xff\xe1" + struct.pack(">H", len(thumbnail.getvalue()) + 2) + thumbnail.getvalue()
content = open("whole_plain.jpg", "rb").read()
open("jpeg_thumbnail.jpg", "wb").write(content[:2] + exif + content[2:])
right("jpeg_thumbnail.jpg", imageio.imread("jpeg_thumbnail.jpg")[None])
open("cut_short_thumbnail.jpg", "wb").write((content[:2] + exif + content[2:])[:-900])
refused("cut_short_thumbnail.jpg", "cut short|damaged")
for quality, subsampling in itertools.product([10, 100], [0, 1, 2]):
    name = f"jpeg_quality_{quality}_{subsampling}.jpg"
    Image.fromarray(noise).save(name, quality=quality, subsampling=subsampling)
    right(name, imageio.imread(name)[None])


def bmp(name, depth, rows, width, height, palette=b"", compression=0, masks=b"", header=40):
    start = 14 + header + (len(masks) if header == 40 else 0) + len(palette)
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, depth)
    else:
        head = struct.pack("<IiiHHIIiiII", header, width, height, 1, depth, compression, len(rows), 2835, 2835, len(palette) // 4, 0) + (masks if header > 40 else b"")
    open(name, "wb").write(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head.ljust(header, b"\0") + (masks if header == 40 else b"") + palette + rows)


bgr = b"".join(row.tobytes().ljust(-(-3 * X // 4) * 4, b"\0") for row in color[::-1, :, ::-1])
for header in [108, 124]:
    bmp(f"bmp_header_{header}.bmp", 24, bgr, X, Y, header=header)
    right(f"bmp_header_{header}.bmp", color[None])
bmp("bmp_header_12.bmp", 24, bgr, X, Y, header=12)
refused("bmp_header_12.bmp", "BMP")
quads = {"bgra": ((0xFF0000, 0xFF00, 0xFF, 0xFF000000), [2, 1, 0]), "rgba": ((0xFF, 0xFF00, 0xFF0000, 0xFF000000), [0, 1, 2]), "abgr": ((0xFF000000, 0xFF0000, 0xFF00, 0xFF), None)}
for kind, (masks, order) in quads.items():
    rows = np.dstack([color[::-1][..., order], np.full((Y, X), 255, "uint8")]).tobytes() if order else np.dstack([np.full((Y, X), 255, "uint8"), color[::-1, :, ::-1]]).tobytes()
    name = f"bmp_masks_{kind}.bmp"
    bmp(name, 32, rows, X, Y, compression=3, masks=struct.pack("<IIII", *masks), header=124)
    if kind == "bgra":
        right(name, color[None])
    else:
        refused(name, "masks")
ramp = lambda colors: b"".join(bytes([at * 255 // (colors - 1)] * 3 + [0]) for at in range(colors))
four = gray % 16
bmp("bmp_gray_4.bmp", 4, b"".join(packed(row[None], 4).ljust(20, b"\0") for row in four[::-1]), X, Y, ramp(16))
right("bmp_gray_4.bmp", np.asarray(Image.open("bmp_gray_4.bmp").convert("RGB"))[None])
bit = gray % 2
for kind, palette in {"black_first": ramp(2), "white_first": ramp(2)[4:] + ramp(2)[:4], "colored": b"\1\2\3\0\xf0\xe0\xd0\0"}.items():
    bmp(f"bmp_bits_{kind}.bmp", 1, b"".join(packed(row[None], 1).ljust(8, b"\0") for row in bit[::-1]), X, Y, palette)
    found = np.asarray(Image.open(f"bmp_bits_{kind}.bmp").convert("RGB"))
    right(f"bmp_bits_{kind}.bmp", bit[None, :, :, None] if kind == "black_first" else found[None])
bmp("bmp_few_colors.bmp", 8, b"".join((row % 50).tobytes().ljust(36, b"\0") for row in gray[::-1]), X, Y, b"".join(bytes([at, 2 * at, 3 * at, 0]) for at in range(50)))
right("bmp_few_colors.bmp", np.asarray(Image.open("bmp_few_colors.bmp").convert("RGB"))[None])
bmp("bmp_gray_top_down.bmp", 8, b"".join(row.tobytes().ljust(36, b"\0") for row in gray), X, -Y, ramp(256))
right("bmp_gray_top_down.bmp", plane(gray))
bmp("bmp_cut_short.bmp", 24, bgr[:-500], X, Y)
refused("bmp_cut_short.bmp", "cut short|damaged")
