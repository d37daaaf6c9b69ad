"""Makes image files of every kind that microscopes and their programs write, each with its pixels beside it.

    python images-matrix.py FOLDER

FOLDER is new or empty, or holds what the other scripts made. A file NAME has its pixels in NAME.npy, [z, y, x, channel], or in NAME.refused a regular expression that the refusal must match. TIFF, Zarr, HDF5,
NIfTI and pictures are read back by tifffile, zarr, h5py, nibabel and imageio, and must hold what was meant: they are the judges.
"""

import itertools
import json
import os
import shutil
import struct
import warnings

import bz2
import gzip
import lzma
import zlib

import h5py
import hdf5plugin
import imagecodecs
import imageio.v3 as imageio
import nibabel
import numcodecs
import numpy as np
import tifffile
import zarr

from image_files import X, Y, pixels, plane, refused, right, rng, stack

warnings.filterwarnings("ignore")


def tiff(name, values, expected, judge=True, **options):
    tifffile.imwrite(name, values, **options)
    if judge:
        found = tifffile.imread(name)
        assert np.array_equal(np.squeeze(found), np.squeeze(values)), name
    right(name, expected)


def raw_tiff(name, data, bits, order, compression=1, extra=()):
    """A TIFF of one strip, for what tifffile does not write."""
    entries = [(256, 4, 1, X), (257, 4, 1, Y), (258, 3, 1, bits), (259, 3, 1, compression), (262, 3, 1, 1), (273, 4, 1, 200)]
    entries += [(277, 3, 1, 1), (278, 4, 1, Y), (279, 4, 1, len(data)), *extra]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in sorted(entries):
        head += struct.pack(order + "HHI", tag, kind, count)
        head += struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
    with open(name, "wb") as file:
        file.write((head + bytes(4)).ljust(200, b"\0") + data)


# TIFF: types, byte orders, compressions, predictors, strips and tiles
WHOLE = ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"]
WIDE = ["uint64", "int64", "float16"]
for order, dtype in itertools.product("<>", WHOLE + WIDE):
    values = pixels(dtype, Y, X)
    end = {"<": "le", ">": "be"}[order]
    tiff(f"type_{dtype}_{end}.tif", values, plane(values), byteorder=order)
    for compression in ["lzw", "zlib", "zstd", "packbits", "lzma"]:
        predictors = [None] if compression in ("packbits", "lzma") else [None, 2] + ([3] if dtype.startswith("float") else [])
        for predictor in predictors:
            if predictor == 2 and dtype.startswith("float"):
                continue
            for tile in [None, (16, 32)]:
                name = f"{compression}_{predictor}_{dtype}_{end}_{'tile' if tile else 'strip'}.tif"
                tiff(name, values, plane(values), byteorder=order, compression=compression, predictor=predictor, tile=tile, rowsperstrip=None if tile else 5)

# TIFF: rows in a strip, big files' offsets, tiles larger than the image
for rows in [1, 3, 7, Y]:
    for big in [False, True]:
        values = pixels("uint16", 4, Y, X)
        tiff(f"rows_{rows}_{big}.tif", values, stack(values), rowsperstrip=rows, bigtiff=big, photometric="minisblack", metadata=None)
for tile in [(16, 16), (32, 48), (64, 64)]:
    values = pixels("uint8", Y, X, 3)
    tiff(f"tiles_{tile[0]}_{tile[1]}.tif", values, values[None], tile=tile, photometric="rgb")

# TIFF: samples of a pixel together and apart
for samples, separate, compression, dtype in itertools.product([2, 3, 4, 5], [False, True], [None, "zlib", "lzw"], ["uint8", "uint16", "float32"]):
    values = pixels(dtype, Y, X, samples)
    stored = np.moveaxis(values, -1, 0).copy() if separate else values
    tiff(
        f"samples_{samples}_{'apart' if separate else 'together'}_{compression}_{dtype}.tif",
        stored,
        values[None],
        photometric="rgb" if samples == 3 else "minisblack",
        planarconfig="separate" if separate else "contig",
        compression=compression,
        predictor=2 if compression == "lzw" and dtype != "float32" else None,
        metadata=None,
    )
for samples in [3, 4]:
    values = pixels("uint8", 5, Y, X, samples)
    tiff(f"stack_of_{samples}.tif", values, values, photometric="rgb", metadata=None)

# TIFF: packed bits, reversed bits, white as zero, palettes
for bits in [1, 2, 4, 6, 10, 12, 14]:
    for order in "<>":
        values = rng.integers(0, 2**bits, (Y, X)).astype("uint8" if bits <= 8 else "uint16")
        name = f"bits_{bits}_{'le' if order == '<' else 'be'}.tif"
        if bits == 1:
            tifffile.imwrite(name, values.astype(bool), byteorder=order)
        else:
            rows = []
            for row in values:
                text = "".join(format(int(value), f"0{bits}b") for value in row)
                text += "0" * (-len(text) % 8)
                rows.append(bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8)))
            raw_tiff(name, b"".join(rows), bits, order)
        assert np.array_equal(tifffile.imread(name), values), name
        right(name, plane(values))
REVERSED = bytes(int(format(byte, "08b")[::-1], 2) for byte in range(256))
for kind, compression, encode in [("none", 1, bytes), ("deflate", 8, imagecodecs.zlib_encode), ("lzw", 5, imagecodecs.lzw_encode), ("packbits", 32773, imagecodecs.packbits_encode)]:
    for order in "<>":
        values = pixels("uint8", Y, X)
        name = f"fill_order_{kind}_{'le' if order == '<' else 'be'}.tif"
        raw_tiff(name, encode(values.tobytes()).translate(REVERSED), 8, order, compression, [(266, 3, 1, 2)])
        assert np.array_equal(tifffile.imread(name), values), name
        right(name, plane(values))
values = pixels("uint8", Y, X)
tiff("white_is_zero.tif", values, plane(values), photometric="miniswhite")
tiff("palette.tif", values, plane(values), photometric="palette", colormap=rng.integers(0, 65535, (3, 256)).astype("uint16"))
values = pixels("float32", Y, X)
raw_tiff("float24.tif", imagecodecs.float24_encode(values, byteorder="<"), 24, "<", extra=[(339, 3, 1, 3)])
assert tifffile.imread("float24.tif").dtype == "float32"
right("float24.tif", plane(tifffile.imread("float24.tif")))

# TIFF: ImageJ's, with axes, units and orders
for axes, dtype, order in itertools.product(["YX", "ZYX", "TYX", "CYX", "ZCYX", "TCYX", "YXS", "ZYXS", "ZCYXS"], ["uint8", "uint16", "float32"], "<>"):
    if "S" in axes and dtype != "uint8":
        continue
    sizes = dict(T=3, Z=4, C=2, Y=Y, X=X, S=3)
    values = pixels(dtype, *(sizes[axis] for axis in axes))
    name = f"imagej_{axes}_{dtype}_{'le' if order == '<' else 'be'}.tif"
    tifffile.imwrite(name, values, imagej=True, byteorder=order, metadata={"axes": axes, "unit": "um", "spacing": 0.5}, resolution=(10, 10))
    assert np.array_equal(tifffile.imread(name), values), name
    full = values.reshape([sizes[axis] if axis in axes else 1 for axis in "TZCYXS"])
    full = full.reshape(-1, *full.shape[2:]) if full.shape[0] == 1 or full.shape[1] == 1 else full[0]
    right(name, full.transpose(0, 2, 3, 1, 4).reshape(full.shape[0], Y, X, -1))
channels = pixels("uint16", 2, 4, Y, X)  # c, z, y, x
zyxc = channels.transpose(1, 2, 3, 0)
for order in ["czt", "zct", "ctz", "tcz", "ztc", "tzc"]:
    name = f"imagej_order_{order}.tif"
    stored = np.moveaxis(channels, 0, 1 if order.index("c") < order.index("z") else 0)
    tifffile.imwrite(name, stored.reshape(-1, Y, X), photometric="minisblack", metadata=None, description=f"ImageJ=1.53c\nimages=8\nchannels=2\nslices=4\nhyperstack=true\norder={order}\n")
    right(name, zyxc)
for promised in [9, 100]:
    name = f"imagej_promises_{promised}.tif"
    tifffile.imwrite(name, channels[0], photometric="minisblack", metadata=None, description=f"ImageJ=1.53c\nimages={promised}\nslices={promised}\n")
    refused(name, "promises .* planes, and the file holds 4")
volume = pixels("uint16", 6, Y, X)
for order in "<>":
    name = f"imagej_behind_one_page_{'le' if order == '<' else 'be'}.tif"
    tifffile.imwrite(name, volume[0], byteorder=order, metadata=None, description="ImageJ=1.54f\nimages=6\nslices=6\n")
    with tifffile.TiffFile(name) as file:
        end = file.pages[0].dataoffsets[0] + file.pages[0].databytecounts[0]
    with open(name, "r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write(volume[1:].astype(order + "u2").tobytes())
    right(name, stack(volume))

# TIFF: OME's
for axes, dtype in itertools.product(["YX", "ZYX", "CYX", "TYX", "ZCYX", "CZYX", "TCYX", "CTYX", "YXS", "ZYXS", "CYXS"], ["uint8", "uint16", "float32"]):
    sizes = dict(T=3, Z=4, C=2, Y=Y, X=X, S=3)
    values = pixels(dtype, *(sizes[axis] for axis in axes))
    name = f"ome_{axes}_{dtype}.ome.tif"
    tifffile.imwrite(name, values, metadata={"axes": axes, "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm"}, photometric="rgb" if "S" in axes else "minisblack")
    full = values
    for axis in "ZCS":
        if axis not in axes:
            full = np.expand_dims(full, 0)
    letters = "".join(axis for axis in "SCZ" if axis not in axes) + axes
    if "T" in axes:
        full = full.squeeze(letters.index("Z"))
        letters = letters.replace("Z", "").replace("T", "Z")
    full = np.einsum(f"{letters.lower()}->zyxcs", full)
    right(name, full.reshape(*full.shape[:3], -1))


def ome_xml(order, places, sizes, dtype="uint16", extra="", uuid=""):
    tags = "".join(places)
    return (
        f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{uuid}><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XY{order}" '
        f'Type="{dtype}" SizeX="{X}" SizeY="{Y}" SizeC="{sizes["C"]}" SizeZ="{sizes["Z"]}" SizeT="{sizes.get("T", 1)}">{tags}</Pixels></Image>{extra}</OME>'
    )


def ome(name, planes, description, **options):
    tifffile.imwrite(name, planes, photometric="minisblack", metadata=None, description=description, **options)


for order in ["CZT", "ZCT", "ZTC", "CTZ", "TCZ", "TZC"]:
    # The order's first axis varies fastest; without TiffData the pages follow it.
    stored = np.moveaxis(channels, 0, 1 if order.index("C") < order.index("Z") else 0).reshape(-1, Y, X)
    ome(f"ome_order_{order}.ome.tif", stored, ome_xml(order, [], dict(C=2, Z=4)))
    right(f"ome_order_{order}.ome.tif", zyxc)
    pages = [(c, z) for z in range(4) for c in range(2)]
    shuffled = rng.permutation(8)
    places = [f'<TiffData FirstC="{pages[at][0]}" FirstZ="{pages[at][1]}" FirstT="0" IFD="{page}" PlaneCount="1"/>' for page, at in enumerate(shuffled)]
    ome(f"ome_shuffled_{order}.ome.tif", np.stack([channels[pages[at]] for at in shuffled]), ome_xml(order, places, dict(C=2, Z=4)))
    right(f"ome_shuffled_{order}.ome.tif", zyxc)
# A set of files, one a channel; and one file of it without the others
names = ["set_c0.ome.tif", "set_c1.ome.tif"]
for own in range(2):
    places = [f'<TiffData FirstC="{c}" FirstZ="0" FirstT="0" IFD="0" PlaneCount="4"><UUID FileName="{names[c]}">urn:uuid:{c}</UUID></TiffData>' for c in range(2)]
    ome(names[own], channels[own], ome_xml("ZCT", places, dict(C=2, Z=4), uuid=f' UUID="urn:uuid:{own}"'))
    right(names[own], zyxc)
places = [f'<TiffData FirstC="{c}" FirstZ="0" FirstT="0" IFD="0" PlaneCount="4"><UUID FileName="alone_c{c}.ome.tif">urn:uuid:{c}</UUID></TiffData>' for c in range(2)]
ome("alone_c0.ome.tif", channels[0], ome_xml("ZCT", places, dict(C=2, Z=4), uuid=' UUID="urn:uuid:0"'))
refused("alone_c0.ome.tif", "part of its image only: alone_c1.ome.tif")
ome("outside.ome.tif", channels[0], ome_xml("ZCT", ['<TiffData IFD="0"><UUID FileName="../etc/passwd">urn:uuid:9</UUID></TiffData>'], dict(C=1, Z=4)))
refused("outside.ome.tif", "not a file beside it")
ome("too_few.ome.tif", channels[0], ome_xml("ZCT", [], dict(C=2, Z=4)))
refused("too_few.ome.tif", "places 8 planes, and the file holds 4")
with open("companion.companion.ome", "w", encoding="utf8") as file:
    places = [f'<TiffData FirstC="{c}" FirstZ="0" FirstT="0" IFD="0" PlaneCount="4"><UUID FileName="companion_{c}.ome.tif">urn:uuid:{c}</UUID></TiffData>' for c in range(2)]
    file.write(ome_xml("ZCT", places, dict(C=2, Z=4)))
for own in range(2):
    ome(f"companion_{own}.ome.tif", channels[own], '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><BinaryOnly MetadataFile="companion.companion.ome" UUID="urn:uuid:7"/></OME>')
    right(f"companion_{own}.ome.tif", zyxc)
with tifffile.TiffWriter("two_images.ome.tif") as file:
    file.write(channels[0], metadata={"axes": "ZYX", "Name": "first"})
    file.write(pixels("uint8", 3, 20, 20), metadata={"axes": "ZYX", "Name": "second"})
right("two_images.ome.tif", stack(channels[0]))
with tifffile.TiffWriter("pyramid.ome.tif", bigtiff=True) as file:
    file.write(channels, subifds=2, metadata={"axes": "CZYX"}, tile=(32, 32))
    for level in [2, 4]:
        file.write(channels[..., ::level, ::level].copy(), subfiletype=1, tile=(16, 16))
right("pyramid.ome.tif", zyxc)

# TIFF: tifffile's own headers
for axes in ["ZYX", "CYX", "ZCYX", "CZYX", "YXC", "ZYXC", "TYX", "QYX", "TCYX"]:
    sizes = dict(T=3, Z=4, C=2, Y=Y, X=X, Q=5)
    values = pixels("uint16", *(sizes[axis] for axis in axes))
    letters = axes.replace("T", "Z").replace("Q", "Z")
    for letter in "ZC":
        if letter not in letters:
            letters = letter + letters
    full = values.reshape([1] * (len(letters) - len(axes)) + list(values.shape))
    contig = {"planarconfig": "contig"} if axes.endswith("C") else {}
    tifffile.imwrite(f"shaped_{axes}.tif", values, photometric="minisblack", metadata={"axes": axes}, **contig)
    right(f"shaped_{axes}.tif", np.einsum(f"{letters.lower()}->zyxc", full))
for order, big in itertools.product("<>", [False, True]):
    # One page, with the rest of the planes behind it.
    values, name = volume.astype(order + "u2"), f"shaped_truncated_{'le' if order == '<' else 'be'}_{big}.tif"
    tifffile.imwrite(name, values, photometric="minisblack", metadata={"axes": "ZYX"}, truncate=True, byteorder=order, bigtiff=big)
    with tifffile.TiffFile(name) as file:
        assert len(file.pages) == 1, name
    right(name, stack(volume))
with tifffile.TiffWriter("shaped_two_series.tif") as file:
    file.write(volume, photometric="minisblack")
    file.write(pixels("float32", 20, 20))
right("shaped_two_series.tif", stack(volume))
tifffile.imwrite("shaped_without_axes.tif", channels.transpose(1, 0, 2, 3).copy(), photometric="minisblack")
right("shaped_without_axes.tif", zyxc)

# TIFF: pages that differ, pyramids and thumbnails
with tifffile.TiffWriter("differ_in_type.tif") as file:
    file.write(volume[0].astype("uint8"), metadata=None)
    file.write(volume[0], metadata=None)
refused("differ_in_type.tif", "page 2 is uint16, page 1 uint8")
with tifffile.TiffWriter("differ_in_size.tif") as file:
    for part in [volume[0], volume[1, :, :-3], volume[2]]:
        file.write(part, photometric="minisblack", metadata=None)
refused("differ_in_size.tif", "page 2 is .* pixels and the first")
with tifffile.TiffWriter("differ_in_samples.tif") as file:
    file.write(pixels("uint8", Y, X), metadata=None)
    file.write(pixels("uint8", Y, X, 3), photometric="rgb", metadata=None)
refused("differ_in_samples.tif", "page 2 has 3 samples a pixel, page 1 1")
for marked in [0, 1]:
    large = pixels("uint16", 128, 128)
    with tifffile.TiffWriter(f"flat_pyramid_{marked}.tif") as file:
        for level in [1, 2, 4]:
            file.write(large[::level, ::level].copy(), subfiletype=marked if level > 1 else 0, metadata=None)
    right(f"flat_pyramid_{marked}.tif", plane(large))
with tifffile.TiffWriter("thumbnails.tif") as file:
    for index in range(3):
        file.write(volume[index], metadata=None)
        file.write(pixels("uint8", 10, 10, 3), subfiletype=1, photometric="rgb", metadata=None)
right("thumbnails.tif", stack(volume[:3]))
with tifffile.TiffWriter("slide_label.tif") as file:
    file.write(pixels_of_slide := pixels("uint8", 200, 300, 3), photometric="rgb", tile=(64, 64), metadata=None, description="Aperio Image Library v1\n300x200")
    file.write(pixels("uint8", 90, 100, 3), photometric="rgb", metadata=None)
right("slide_label.tif", pixels_of_slide[None])

# TIFF: what is refused by name
for compression, words in [("jpegxl", "JPEG XL"), ("jpegxr", "JPEG XR")]:
    tifffile.imwrite(f"refused_{compression}.tif", pixels("uint8", Y, X, 3), photometric="rgb", compression=compression)
    refused(f"refused_{compression}.tif", f"compressed by {words}")
for dtype in ["complex64", "complex128"]:
    tifffile.imwrite(f"refused_{dtype}.tif", pixels(dtype, Y, X))
    refused(f"refused_{dtype}.tif", "complex")

# TIFF: JPEG; gray and full chrominance as libjpeg decodes them, subsampled chrominance near what was stored
for quality, tile, separate in itertools.product([75, 95], [None, (32, 32)], [False, True]):
    gray = (np.add.outer(np.arange(64), np.arange(96)) % 200 + 20).astype("uint8")
    if not separate:
        name = f"jpeg_gray_{quality}_{'tile' if tile else 'strip'}.tif"
        tifffile.imwrite(name, gray, compression="jpeg", compressionargs={"level": quality}, tile=tile, rowsperstrip=None if tile else 16)
        right(name, plane(tifffile.imread(name)))
    color = np.stack([gray, gray[::-1], np.full_like(gray, 90)], -1)
    name = f"jpeg_444_{quality}_{'tile' if tile else 'strip'}_{separate}.tif"
    if separate:
        tifffile.imwrite(name, np.moveaxis(color, -1, 0).copy(), photometric="rgb", planarconfig="separate", compression="jpeg", compressionargs={"level": quality}, tile=tile, rowsperstrip=None if tile else 16)
        right(name, np.moveaxis(tifffile.imread(name), 0, -1)[None])
    else:
        tifffile.imwrite(name, color, photometric="rgb", subsampling=(1, 1), compression="jpeg", compressionargs={"level": quality}, tile=tile, rowsperstrip=None if tile else 16)
        right(name, tifffile.imread(name)[None])
blocks = np.kron(rng.integers(0, 255, (4, 6, 3)), np.ones((16, 16, 1))).astype("uint8")
for tile in [None, (32, 32), (64, 96)]:
    for order in "<>":
        name = f"jpeg_420_{tile}_{'le' if order == '<' else 'be'}.near.tif".replace(" ", "")
        tifffile.imwrite(name, blocks, photometric="rgb", byteorder=order, compression="jpeg", compressionargs={"level": 95}, tile=tile)
        right(name, blocks[None])

# HDF5: types, chunks, filters
FILTERS = {
    "none": {},
    "gzip": dict(compression="gzip"),
    "gzip_shuffle": dict(compression="gzip", shuffle=True),
    "fletcher": dict(compression="gzip", fletcher32=True),
    "lzf": dict(compression="lzf"),
    "szip": dict(compression="szip"),
    "zstd": hdf5plugin.Zstd(),
    "blosc": hdf5plugin.Blosc(),
    "blosc_zstd": hdf5plugin.Blosc(cname="zstd", shuffle=2),
    "blosc2": hdf5plugin.Blosc2(),
    "lz4": hdf5plugin.LZ4(),
    "bitshuffle": hdf5plugin.Bitshuffle(),
    "bitshuffle_zstd": hdf5plugin.Bitshuffle(cname="zstd"),
    "bzip2": hdf5plugin.BZip2(),
}
for dtype, (name, options) in itertools.product(["uint8", "uint16", "int16", "int64", "float32", "float16", ">u2", ">f4", "bool"], FILTERS.items()):
    if name == "szip" and dtype in ("bool",):
        continue
    values = pixels(dtype.lstrip(">"), 6, Y, X).astype(dtype)
    file_name = f"h5_{name}_{dtype.replace('>', 'be_')}.h5"
    with h5py.File(file_name, "w") as file:
        file.create_dataset("raw", data=values, chunks=(2, 16, 32), **options)
    with h5py.File(file_name) as file:
        assert np.array_equal(file["raw"][:], values), file_name
    right(file_name, stack(values))
with h5py.File("h5_scaleoffset.h5", "w") as file:
    file.create_dataset("raw", data=volume, chunks=(2, 16, 32), scaleoffset=0)
right("h5_scaleoffset.h5", stack(volume))
with h5py.File("h5_zfp.h5", "w") as file:
    file.create_dataset("raw", data=volume.astype("int32"), chunks=(2, 16, 32), **hdf5plugin.Zfp(reversible=True))
right("h5_zfp.h5", stack(volume.astype("int32")))
with h5py.File("h5_sz3.h5", "w") as file:
    file.create_dataset("raw", data=volume.astype("float32"), chunks=(2, 16, 32), **hdf5plugin.SZ3(absolute=0.1))
refused("h5_sz3.h5", r"/raw is compressed by a filter that cannot be read here \(sz3\); save it with gzip")
with h5py.File("h5_nbit.h5", "w") as file:
    kind = h5py.h5t.STD_U16LE.copy()
    kind.set_precision(12)
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((2, 16, 32))
    settings.set_filter(h5py.h5z.FILTER_NBIT, 0, ())
    data = h5py.h5d.create(file.id, b"raw", kind, h5py.h5s.create_simple(volume.shape), settings)
    data.write(h5py.h5s.ALL, h5py.h5s.ALL, (volume % 4096).copy())
right("h5_nbit.h5", stack(volume % 4096))

# HDF5: which dataset, which axes
with h5py.File("h5_tables_first.h5", "w") as file:
    file["a_locations"] = np.ones((9, 3))
    file["s00/resolutions"] = np.ones((2, 3))
    file["t00000/s00/0/cells"] = volume.astype("int16")
    file["t00000/s00/1/cells"] = volume[:, ::2, ::2].astype("int16")
right("h5_tables_first.h5", stack(volume))
for letters in ["zyx", "zyxc", "tzyxc", "czyx", "tczyx", "xyz", "yxc", "yx", "cyx"]:
    sizes = dict(t=1, z=4, y=Y, x=X, c=2)
    values = pixels("uint16", *(sizes[letter] for letter in letters))
    full = values.reshape([1] * (5 - len(letters)) + list(values.shape))
    missing = "".join(letter for letter in "tzyxc" if letter not in letters)
    expected = np.einsum(f"{missing}{letters}->tzyxc", full)[0]
    with h5py.File(f"h5_axistags_{letters}.h5", "w") as file:
        data = file.create_dataset("exported_data", data=values)
        data.attrs["axistags"] = json.dumps({"axes": [{"key": letter, "typeFlags": 2, "resolution": 0, "description": ""} for letter in letters]})
    right(f"h5_axistags_{letters}.h5", expected)
    with h5py.File(f"h5_labels_{letters}.h5", "w") as file:
        data = file.create_dataset("data", data=values)
        for axis, letter in enumerate(letters):
            data.dims[axis].label = letter
    right(f"h5_labels_{letters}.h5", expected)
with h5py.File("h5_labels_beside.h5", "w") as file:
    file["label"] = (volume % 7).astype("uint8")
    file["raw"] = volume
    file["weights"] = volume.astype("float64")
right("h5_labels_beside.h5", stack(volume))
with h5py.File("h5_links.h5", "w") as file:
    group = file.create_group("loop")
    group["again"] = group
    group["up"] = h5py.SoftLink("/loop")
    file["gone"] = h5py.SoftLink("/nowhere")
    file["elsewhere"] = h5py.ExternalLink("nowhere.h5", "/raw")
    file["volumes/raw"] = volume
    file["text"] = "words"
right("h5_links.h5", stack(volume))
with h5py.File("h5_only_tables.h5", "w") as file:
    file["table"] = np.zeros(5, dtype=[("x", "f4"), ("name", "S5")])
    file["list"] = np.arange(9)
refused("h5_only_tables.h5", "no dataset with two to five axes")
with h5py.File("h5_complex.h5", "w") as file:
    file["raw"] = volume.astype("complex64")
refused("h5_complex.h5", "no dataset with two to five axes")
layout = h5py.VirtualLayout(shape=volume.shape, dtype="u2")
layout[...] = h5py.VirtualSource("h5_none_uint16.h5", "raw", shape=volume.shape)
with h5py.File("h5_virtual.h5", "w") as file:
    file.create_virtual_dataset("raw", layout)
right("h5_virtual.h5", np.load("h5_none_uint16.h5.npy"))
layout = h5py.VirtualLayout(shape=volume.shape, dtype="u2")
layout[...] = h5py.VirtualSource("nowhere.h5", "raw", shape=volume.shape)
with h5py.File("h5_virtual_lacking.h5", "w") as file:
    file.create_virtual_dataset("raw", layout)
refused("h5_virtual_lacking.h5", "lies partly in nowhere.h5")
with h5py.File("h5_user_block.h5", "w", userblock_size=1024) as file:
    file["raw"] = volume
right("h5_user_block.h5", stack(volume))
for count in [1, 2]:
    with h5py.File(f"imaris_{count}.ims", "w") as file:
        info = file.create_group("DataSetInfo/Image")
        text = lambda value: np.array([letter.encode() for letter in str(value)], dtype="S1")
        for key, value in dict(X=X, Y=Y, Z=4, ExtMin0=0, ExtMin1=0, ExtMin2=0, ExtMax0=X * 0.1, ExtMax1=Y * 0.1, ExtMax2=2.0, Unit="um").items():
            info.attrs[key] = text(value)
        for channel in range(count):
            padded = np.zeros((8, 64, 64), "uint16")
            padded[:4, :Y, :X] = channels[channel]
            file.create_dataset(f"DataSet/ResolutionLevel 0/TimePoint 0/Channel {channel}/Data", data=padded, chunks=(4, 32, 32), compression="gzip")
            file.create_dataset(f"DataSet/ResolutionLevel 1/TimePoint 0/Channel {channel}/Data", data=padded[::2, ::2, ::2])
            file.create_dataset(f"DataSet/ResolutionLevel 0/TimePoint 0/Channel {channel}/Histogram", data=np.ones(256, "uint64"))
    right(f"imaris_{count}.ims", zyxc[..., :count])

# Zarr 2 and 3: types, chunks, compressions, orders
def store(name, values, expected, version, **options):
    array = zarr.create_array(name, shape=values.shape, dtype=values.dtype, zarr_format=version, **options)
    array[...] = values
    assert np.array_equal(zarr.open(name, mode="r")[...], values), name
    right(name, expected)


for dtype in ["uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "uint64", "float16", "float32", "float64", "bool", ">u2", ">f4", ">i4"]:
    values = pixels(dtype.lstrip(">"), 6, Y, X).astype(dtype)
    for version in [2, 3]:
        store(f"zarr{version}_{dtype.replace('>', 'be_')}.zarr", values, stack(values), version, chunks=(2, 16, 32))
V2 = {
    "none": None,
    "gzip": numcodecs.GZip(),
    "zlib": numcodecs.Zlib(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
    "lz4": numcodecs.LZ4(),
    "zstd": numcodecs.Zstd(),
    "blosc_lz4": numcodecs.Blosc("lz4"),
    "blosc_lz4hc": numcodecs.Blosc("lz4hc"),
    "blosc_blosclz": numcodecs.Blosc("blosclz"),
    "blosc_zlib": numcodecs.Blosc("zlib"),
    "blosc_zstd": numcodecs.Blosc("zstd", shuffle=2),
}
for name, compressor in V2.items():
    for order in "CF":
        store(f"zarr2_{name}_{order}.zarr", volume, stack(volume), 2, chunks=(4, 16, 32), compressors=compressor, order=order)
for name, filters in {
    "delta": [numcodecs.Delta("<u2")],
    "delta_i4": [numcodecs.Delta("<u2", astype="<i4")],
    "shuffle": [numcodecs.Shuffle(2)],
    "astype": [numcodecs.AsType("<u4", "<u2")],
    "delta_be": [numcodecs.Delta(">u2")],
}.items():
    for order in "CF":
        values = volume.astype(">u2") if name == "delta_be" else volume
        store(f"zarr2_filter_{name}_{order}.zarr", values, stack(volume), 2, chunks=(4, 16, 32), filters=filters, order=order)
values = (volume % 200 / 10).astype("float32")
array = zarr.create_array("zarr2_filter_scale.zarr", shape=values.shape, dtype="float32", zarr_format=2, chunks=(4, 16, 32), filters=[numcodecs.FixedScaleOffset(offset=3, scale=10, dtype="<f4", astype="<i2")])
array[...] = values
right("zarr2_filter_scale.zarr", stack(zarr.open("zarr2_filter_scale.zarr", mode="r")[...]))
for separator in "./":
    store(f"zarr2_separator_{'dot' if separator == '.' else 'slash'}.zarr", volume, stack(volume), 2, chunks=(2, 16, 32), chunk_key_encoding={"name": "v2", "separator": separator})
    store(f"zarr3_separator_{'dot' if separator == '.' else 'slash'}.zarr", volume, stack(volume), 3, chunks=(2, 16, 32), chunk_key_encoding={"name": "default", "separator": separator})
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, TransposeCodec, ZstdCodec

V3 = {
    "none": None,
    "gzip": GzipCodec(),
    "zstd": ZstdCodec(checksum=True),
    "blosc": BloscCodec(typesize=2),
    "blosc_zlib": BloscCodec(typesize=2, cname="zlib"),
    "two": [BloscCodec(typesize=2), GzipCodec()],
}
for name, compressors in V3.items():
    store(f"zarr3_{name}.zarr", volume, stack(volume), 3, chunks=(4, 16, 32), compressors=compressors)
    store(f"zarr3_sharded_{name}.zarr", volume, stack(volume), 3, chunks=(2, 16, 16), shards=(4, 32, 48), compressors=compressors)
for axes in itertools.permutations(range(3)):
    store(f"zarr3_transpose_{''.join(map(str, axes))}.zarr", volume, stack(volume), 3, chunks=(4, 16, 32), filters=[TransposeCodec(order=axes)])
    store(f"zarr3_sharded_transpose_{''.join(map(str, axes))}.zarr", volume, stack(volume), 3, chunks=(2, 16, 16), shards=(4, 32, 48), filters=[TransposeCodec(order=axes)])
for endian in ["little", "big"]:
    store(f"zarr3_endian_{endian}.zarr", volume, stack(volume), 3, chunks=(4, 16, 32), serializer=BytesCodec(endian=endian))
for codec in ["BZ2", "LZMA", "LZ4", "Zlib", "Zstd", "GZip"]:
    import zarr.codecs.numcodecs as v3_numcodecs

    store(f"zarr3_numcodecs_{codec}.zarr", volume, stack(volume), 3, chunks=(4, 16, 32), compressors=getattr(v3_numcodecs, codec)())
array = zarr.create_array(
    "zarr3_index_first.zarr", shape=volume.shape, dtype="uint16", chunks=(4, 32, 64),
    serializer=zarr.codecs.ShardingCodec(chunk_shape=(2, 16, 16), index_location="start"), compressors=None,
)
array[...] = volume
right("zarr3_index_first.zarr", stack(volume))
for version, fill in itertools.product([2, 3], [0, 7, 65535]):
    name = f"zarr{version}_fill_{fill}.zarr"
    array = zarr.create_array(name, shape=volume.shape, dtype="uint16", chunks=(2, 16, 32), fill_value=fill, zarr_format=version)
    array[:2] = volume[:2]
    right(name, stack(zarr.open(name, mode="r")[...]))
    name = f"zarr{version}_fill_float_{fill}.zarr"
    array = zarr.create_array(name, shape=volume.shape, dtype="float32", chunks=(2, 16, 32), fill_value=fill + 0.5, zarr_format=version)
    array[:2, :10] = volume[:2, :10]
    right(name, stack(zarr.open(name, mode="r")[...]))
for part in ["compressor", "filters"]:
    name = f"zarr2_unknown_{part}.zarr"
    zarr.create_array(name, shape=volume.shape, dtype="uint16", zarr_format=2, chunks=(4, 16, 32), compressors=None)[...] = volume
    described = json.load(open(name + "/.zarray"))
    described[part] = {"id": "unheard_of"} if part == "compressor" else [{"id": "unheard_of"}]
    json.dump(described, open(name + "/.zarray", "w"))
    refused(name, "unheard_of")
zarr.create_array("zarr3_strings.zarr", shape=(3, 3), dtype="S5", zarr_format=3)
refused("zarr3_strings.zarr", "not pixels|no array")

# Zarr: axes and layouts
for version in [2, 3]:
    for letters in ["zyx", "zyxc", "tczyx", "czyx", "tzcyx", "xyz", "yxc", "cyx", "yx"]:
        sizes = dict(t=1, z=4, y=Y, x=X, c=2)
        values = pixels("uint16", *(sizes[letter] for letter in letters))
        missing = "".join(letter for letter in "tzyxc" if letter not in letters)
        expected = np.einsum(f"{missing}{letters}->tzyxc", values.reshape([1] * (5 - len(letters)) + list(values.shape)))[0]
        name = f"zarr{version}_names_{letters}.zarr"
        if version == 3:
            store(name, values, expected, 3, chunks=values.shape, dimension_names=list(letters))
        else:
            store(name, values, expected, 2, chunks=values.shape, attributes={"_ARRAY_DIMENSIONS": list(letters)})
        ngff = "0.4" if version == 2 else "0.5"
        name = f"ngff_{ngff}_{letters}.ome.zarr"
        group = zarr.open_group(name, mode="w", zarr_format=version)
        kinds = dict(t="time", c="channel", z="space", y="space", x="space")
        image = {
            "axes": [{"name": letter, "type": kinds[letter], **({"unit": "micrometer"} if kinds[letter] == "space" else {})} for letter in letters],
            "datasets": [{"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [dict(t=1, c=1, z=0.5, y=0.1, x=0.1)[letter] * 2**level for letter in letters]}]} for level in range(2)],
            "name": "image",
        }
        group.create_array("0", data=values, chunks=values.shape)
        group.create_array("1", data=values, chunks=values.shape)
        labels = group.create_group("labels")
        labels.attrs["labels"] = ["cells"]
        labels.create_array("cells/0", data=values, chunks=values.shape)
        if version == 2:
            group.attrs["multiscales"] = [{"version": ngff, **image}]
        else:
            group.attrs["ome"] = {"version": ngff, "multiscales": [image]}
        right(name, expected)
five = channels[None]  # t, c, z, y, x
for ngff, axes in [("0.1", None), ("0.2", None), ("0.3", list("tczyx")), ("0.4", [{"name": name} for name in ["time", "channel", "z", "y", "x"]])]:
    name = f"ngff_old_{ngff}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=2)
    group.create_array("0", data=five, chunks=(1, 1, 1, 16, 32), chunk_key_encoding={"name": "v2", "separator": "." if ngff == "0.1" else "/"})
    group.attrs["multiscales"] = [{"version": ngff, "datasets": [{"path": "0"}], **({"axes": axes} if axes else {})}]
    right(name, zyxc)
for version in [2, 3]:
    name = f"bioformats2raw_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=version)
    ome_attributes = {"bioformats2raw.layout": 3}
    if version == 3:
        group.attrs["ome"] = {"version": "0.5", **ome_attributes}
    else:
        group.attrs.update(ome_attributes)
    group.create_group("OME").attrs.update({"series": ["1", "0"]} if version == 2 else {"ome": {"version": "0.5", "series": ["1", "0"]}})
    for series in "01":
        image = group.create_group(series)
        image.create_array("0", data=five if series == "1" else five[:, :, :1] // 2, chunks=(1, 1, 1, 16, 32))
        scales = [{"version": "0.4", "axes": [{"name": letter} for letter in "tczyx"], "datasets": [{"path": "0"}]}]
        image.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"version": "0.5", "multiscales": scales}})
    right(name, zyxc)
    name = f"plate_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=version)
    plate = {"columns": [{"name": "1"}], "rows": [{"name": "A"}], "wells": [{"path": "A/1"}], "version": "0.4"}
    well = {"images": [{"path": "0"}, {"path": "1"}]}
    group.attrs.update({"plate": plate} if version == 2 else {"ome": {"version": "0.5", "plate": plate}})
    cell = group.create_group("A/1")
    cell.attrs.update({"well": well} if version == 2 else {"ome": {"version": "0.5", "well": well}})
    for field in "01":
        image = cell.create_group(field)
        image.create_array("0", data=five if field == "0" else five // 2, chunks=(1, 1, 1, 16, 32))
        scales = [{"version": "0.4", "axes": [{"name": letter} for letter in "tczyx"], "datasets": [{"path": "0"}]}]
        image.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"version": "0.5", "multiscales": scales}})
    right(name, zyxc)
    name = f"groups_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=version)
    group.create_array("a_table", data=np.ones((9, 3)))
    group.create_array("volumes/labels", data=(volume % 9).astype("uint64"))
    group.create_array("volumes/raw", data=volume)
    right(name, stack(volume))
    zarr.consolidate_metadata(name)

# N5: each compression, blocks at the border, types
def java_lz4(data):
    compressed = imagecodecs.lz4_encode(data)
    block = b"LZ4Block" + bytes([0x20 | 6]) + struct.pack("<III", len(compressed), len(data), 0) + compressed
    return block + b"LZ4Block" + bytes([0x10 | 6]) + struct.pack("<III", 0, 0, 0)


N5 = {
    "raw": ({"type": "raw"}, lambda data: data),
    "gzip": ({"type": "gzip", "level": -1, "useZlib": False}, gzip.compress),
    "zlib": ({"type": "gzip", "level": -1, "useZlib": True}, zlib.compress),
    "bzip2": ({"type": "bzip2", "blockSize": 9}, bz2.compress),
    "xz": ({"type": "xz", "preset": 6}, lzma.compress),
    "lz4": ({"type": "lz4", "blockSize": 65536}, java_lz4),
    "blosc": ({"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0, "nthreads": 1}, lambda data: numcodecs.Blosc("lz4").encode(data)),
    "zstd": ({"type": "zstd", "level": 3}, lambda data: numcodecs.Zstd().encode(data)),
}


def n5(folder, values, chunk, compression, dtype, attributes={}):
    described, encode = N5[compression]
    os.makedirs(folder, exist_ok=True)
    json.dump({"dimensions": list(values.shape[::-1]), "blockSize": list(chunk[::-1]), "dataType": dtype, "compression": described, **attributes}, open(folder + "/attributes.json", "w"))
    for place in itertools.product(*(range(-(-size // step)) for size, step in zip(values.shape, chunk))):
        block = values[tuple(slice(at * step, (at + 1) * step) for at, step in zip(place, chunk))]
        path = os.path.join(folder, *(str(at) for at in place[::-1]))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        head = struct.pack(">HH", 0, block.ndim) + struct.pack(f">{block.ndim}I", *block.shape[::-1])
        with open(path, "wb") as file:
            file.write(head + encode(block.astype(block.dtype.newbyteorder(">")).tobytes()))


for compression in N5:
    name = f"n5_{compression}.n5"
    os.makedirs(name)
    json.dump({"n5": "4.0.0"}, open(name + "/attributes.json", "w"))
    n5(f"{name}/volumes/raw", volume, (4, 16, 32), compression, "uint16")
    right(name, stack(volume))
for dtype in ["uint8", "int16", "int32", "uint64", "float32", "float64"]:
    name = f"n5_type_{dtype}.n5"
    values = pixels(dtype, 6, Y, X)
    n5(name, values, (4, 16, 32), "gzip", dtype)
    right(name, stack(values))
n5("n5_axes.n5/c0/s0", channels.transpose(1, 0, 2, 3).copy(), (4, 2, 16, 32), "gzip", "uint16", {"axes": ["x", "y", "c", "z"], "pixelResolution": {"dimensions": [0.1, 0.1, 1, 0.5], "unit": "um"}})
right("n5_axes.n5", zyxc)

# NumPy
for dtype in WHOLE + WIDE + ["bool", ">u2", ">f8"]:
    values = pixels(dtype.lstrip(">"), 6, Y, X).astype(dtype)
    for order in "CF":
        name = f"npy_{dtype.replace('>', 'be_')}_{order}.npy"
        np.save(name, np.asarray(values, order=order))
        right(name, stack(values))
for shape in [(Y, X), (6, Y, X), (Y, X, 3), (6, 2, Y, X), (2, 6, Y, X), (6, Y, X, 3), (1, 6, 2, Y, X), (1, 2, 6, Y, X)]:
    values = pixels("uint16", *shape)
    name = f"npy_shape_{'x'.join(map(str, shape))}.npy"
    np.save(name, values)
    letters = {2: "yx", 3: "yxc" if shape[-1] == 3 else "zyx", 4: "zyxc" if shape[-1] == 3 else "zcyx" if shape[1] == 2 else "czyx", 5: "tczyx" if shape[1] == 2 else "tzcyx"}[len(shape)]
    missing = "".join(letter for letter in "tzyxc" if letter not in letters)
    right(name, np.einsum(f"{missing}{letters}->tzyxc", values.reshape([1] * (5 - len(shape)) + list(shape)))[0])
np.save("npy_complex.npy", pixels("complex64", Y, X))
refused("npy_complex.npy", "type <c8")
np.save("npy_ambiguous.npy", pixels("uint8", 6, 7, Y, X))
refused("npy_ambiguous.npy", "nothing says which of its axes")
np.save("npy_six_axes.npy", pixels("uint8", 1, 1, 1, 2, 9, 9))
refused("npy_six_axes.npy", "six|6 axes")
np.save("npy_records.npy", np.zeros((9, 9), dtype=[("a", "f4"), ("b", "u1")]))
refused("npy_records.npy", "records")
np.save("npy_beyond.npy", np.full((9, 9), 2**60 + 1, "int64"))
refused("npy_beyond.npy", "beyond 2\\^53")
for save in [np.savez, np.savez_compressed]:
    name = f"npz_{save.__name__}.npz"
    save(name, labels=(volume % 9).astype("uint8"), data=volume, table=np.ones((9, 3)))
    right(name, stack(volume))

# NIfTI
for dtype, suffix in itertools.product(["uint8", "int16", "uint16", "int32", "float32", "float64", "int8", "uint32"], [".nii", ".nii.gz"]):
    values = pixels(dtype, X, Y, 6)
    image = nibabel.Nifti1Image(values, np.diag([0.1, 0.1, 0.5, 1]))
    image.header.set_xyzt_units("micron")
    name = f"nifti_{dtype}{suffix}"
    nibabel.save(image, name)
    assert np.array_equal(np.asanyarray(nibabel.load(name).dataobj), values)
    right(name, stack(values.transpose(2, 1, 0)))
for kind in [nibabel.Nifti1Image, nibabel.Nifti2Image]:
    for order in "<>":
        values = pixels("int16", X, Y, 6)
        header = (nibabel.Nifti1Header if kind is nibabel.Nifti1Image else nibabel.Nifti2Header)(endianness=order)
        header.set_data_dtype("int16")
        name = f"nifti_{kind.__name__}_{'le' if order == '<' else 'be'}.nii"
        nibabel.save(kind(values, np.eye(4), header), name)
        right(name, stack(np.asanyarray(nibabel.load(name).dataobj).transpose(2, 1, 0)))
values = pixels("int16", X, Y, 6)
image = nibabel.Nifti1Image(values, np.eye(4))
image.header.set_slope_inter(0.5, 10)
nibabel.save(image, "nifti_scaled.nii")
right("nifti_scaled.nii", stack(nibabel.load("nifti_scaled.nii").get_fdata().transpose(2, 1, 0)))
nibabel.save(nibabel.Nifti1Image(pixels("uint8", X, Y), np.eye(4)), "nifti_plane.nii")
right("nifti_plane.nii", plane(np.asanyarray(nibabel.load("nifti_plane.nii").dataobj).T))
values = pixels("uint8", X, Y, 4, 1, 2)
nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), "nifti_channels.nii.gz")
right("nifti_channels.nii.gz", values[:, :, :, 0].transpose(2, 1, 0, 3))
nibabel.save(nibabel.Nifti1Image(pixels("uint8", X, Y, 4, 3), np.eye(4)), "nifti_times.nii")
refused("nifti_times.nii", "3 time points of 4 slices")

# Pictures: imageio reads what it wrote
from PIL import Image

color, gray = pixels("uint8", Y, X, 3), pixels("uint8", Y, X)
picture = {
    "gray.png": Image.fromarray(gray),
    "bit.png": Image.fromarray(gray > 100),
    "rgb.png": Image.fromarray(color),
    "rgba.png": Image.fromarray(np.dstack([color, gray])),
    "gray_alpha.png": Image.fromarray(np.dstack([gray, gray[::-1]])),
    "palette_16.png": Image.fromarray(color).quantize(16),
    "palette_200.png": Image.fromarray(color).quantize(200),
    "gray16.png": Image.fromarray(gray.astype("uint16") * 251),
    "gray.jpg": Image.fromarray(gray),
    "rgb.jpg": Image.fromarray(color),
    "gray.bmp": Image.fromarray(gray),
    "bit.bmp": Image.fromarray(gray > 100),
    "rgb.bmp": Image.fromarray(color),
    "rgba.bmp": Image.fromarray(np.dstack([color, gray])),
    "palette.bmp": Image.fromarray(color).quantize(16),
}
for name, image in picture.items():
    image.save(name)
    found = imageio.imread(name)
    right(name, found[None] if found.ndim == 3 else plane(found))
for name, options in {"progressive.jpg": dict(progressive=True), "full_chroma.jpg": dict(subsampling=0), "quality_30.jpg": dict(quality=30), "optimized.jpeg": dict(optimize=True)}.items():
    Image.fromarray(color).save(name, **options)
    right(name, imageio.imread(name)[None])
Image.fromarray(color).convert("CMYK").save("cmyk.jpg")
refused("cmyk.jpg", "CMYK")
deep = rng.integers(0, 65535, (Y, X, 3)).astype("uint16")
open("rgb16.png", "wb").write(imagecodecs.png_encode(deep))
right("rgb16.png", deep[None])

# Files that are not what their names say, and damaged ones
shutil.copy("gray.png", "really_a_png.tif")
right("really_a_png.tif", np.load("gray.png.npy"))
shutil.copy("h5_gzip_uint16.h5", "really_hdf5.tif")
right("really_hdf5.tif", np.load("h5_gzip_uint16.h5.npy"))
for name in ["zlib_None_uint16_le_strip.tif", "h5_gzip_uint16.h5", "npy_uint16_C.npy", "nifti_int16.nii", "nifti_int16.nii.gz", "rgb.png", "ome_ZCYX_uint16.ome.tif"]:
    data = open(name, "rb").read()
    cut = f"cut_short_{name}"
    open(cut, "wb").write(data[: len(data) * 2 // 3])
    refused(cut, ".")
for extension in ["tif", "h5", "npy", "npz", "nii", "nii.gz", "png", "jpg", "bmp"]:
    open(f"empty.{extension}", "wb").close()
    refused(f"empty.{extension}", "empty")
    open(f"text.{extension}", "w").write("This is not an image, whatever its name says. " * 20)
    refused(f"text.{extension}", ".")
