"""HDF5, Zarr, N5, NIfTI, NumPy and picture files with quirks of other programs, each with its pixels beside it.

    python images-matrix-array-quirks.py FOLDER

The files are as those of images-matrix.py; h5py, zarr, nibabel, numpy and imageio read back what they can.
"""

import gzip
import io
import itertools
import json
import lzma
import os
import struct
import warnings
import zipfile
import zlib

import h5py
import imageio.v3 as imageio
import nibabel
import numcodecs
import numpy as np
import zarr
from PIL import Image
from zarr.codecs import BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

from image_files import X, Y, examples, image_of, pixels, plane, refused, right, rng, stack
from tiff_by_hand import packed

warnings.filterwarnings("ignore")
volume, channels, zyxc = examples()
gray, color = pixels("uint8", Y, X), pixels("uint8", Y, X, 3)


# HDF5: types with gaps, orders and exponents of their own
def h5_typed(name, kind, memory, values, chunks=None):
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
    layout = h5py.VirtualLayout(shape=volume.shape, dtype="u2")
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
    array = zarr.create_array(name, shape=values.shape, dtype=values.dtype, zarr_format=2, **{"chunks": (4, 16, 32)[-values.ndim :], **options})
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
    name = f"zarr2_filled_{str(fill).replace('-', 'minus_')}.zarr"
    values = pixels(dtype, 4, Y, X)
    array = zarr.create_array(name, shape=values.shape, dtype=dtype, chunks=(2, 16, 16), zarr_format=2, fill_value=0)
    array[:2] = values[:2]
    described = json.load(open(f"{name}/.zarray"))
    described["fill_value"] = fill
    json.dump(described, open(f"{name}/.zarray", "w"))
    if fill == 2**63:
        refused(name, "beyond 2\\^53")
        continue
    right(name, stack(zarr.open(name, mode="r")[...]))
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
    name = f"zarr2_type_{kind.strip('<|').split('[')[0]}.zarr"
    os.makedirs(name)
    json.dump({"zarr_format": 2, "shape": [9, 9], "chunks": [9, 9], "dtype": kind, "compressor": None, "fill_value": None, "order": "C", "filters": None}, open(f"{name}/.zarray", "w"))
    refused(name, "not pixels")
name = "zarr2_records.zarr"
os.makedirs(name)
json.dump({"zarr_format": 2, "shape": [9, 9], "chunks": [9, 9], "dtype": [["a", "<u2"], ["b", "<f4"]], "compressor": None, "fill_value": None, "order": "C", "filters": None}, open(f"{name}/.zarray", "w"))
refused(name, "not pixels")


# Zarr 3: codecs in every order, shards of shards, names in short form, checksums that do not fit
def store3(name, values, expected, words=None, **options):
    array = zarr.create_array(name, shape=values.shape, dtype=values.dtype, zarr_format=3, **{"chunks": (4, 16, 32)[-values.ndim :], **options})
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
store3("zarr3_short_names.zarr", gray, plane, compressors=None)
edit3("zarr3_short_names.zarr", lambda described: described.update(codecs=["bytes"], chunk_key_encoding="default"))
store3("zarr3_rectangular.zarr", volume, stack, "chunk grid")
edit3("zarr3_rectangular.zarr", lambda described: described.update(chunk_grid={"name": "rectangular", "configuration": {"chunk_shape": [[4, 2], [19], [35]]}}))
store3("zarr3_transformer.zarr", volume, stack, "storage transformers")
edit3("zarr3_transformer.zarr", lambda described: described.update(storage_transformers=[{"name": "other"}]))
for fill, dtype in [("0x7fc00000", "float32"), (-3, "int8"), (True, "bool"), (2**63, "uint64"), (0.1, "float32"), (1000.5, "float16")]:
    name = f"zarr3_filled_{str(fill).replace('-', 'minus_')}_{dtype}.zarr"
    values = pixels(dtype, 4, Y, X)
    array = zarr.create_array(name, shape=values.shape, dtype=dtype, chunks=(2, 16, 16), zarr_format=3, fill_value=0)
    array[:2] = values[:2]
    edit3(name, lambda described: described.update(fill_value=fill))
    if fill == 2**63:
        refused(name, "beyond 2\\^53")
    else:
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
    group = zarr.open_group(name, mode="w", zarr_format=3 if version >= "0.5" else 2)
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
group = zarr.open_group("spatial_data.zarr", mode="w", zarr_format=3)
for place, values in {"images/cells": channels[:, 0], "labels/cells": channels[:1, 0] // 9}.items():
    image = group.create_group(place)
    image.create_array("0", data=values if place.startswith("im") else values[0])
    image.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": [{"name": letter, "type": "channel" if letter == "c" else "space"} for letter in ("cyx" if place.startswith("im") else "yx")], "datasets": [{"path": "0"}]}]}
group.create_array("tables/table/X", data=np.ones((300, 200)))
right("spatial_data.zarr", channels[:, 0].transpose(1, 2, 0)[None])
for version in [2, 3]:
    name = f"plate_without_first_well_{version}.zarr"
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
    n5(f"n5_counted_{dtype}.n5", values, (4, 16, 32), dtype, {"type": "gzip", "level": 1}, gzip.compress, mode=1)
    right(f"n5_counted_{dtype}.n5", stack(values))
n5("n5_old_compression.n5", volume, (4, 16, 32), "uint16", None, gzip.compress, compressionType="gzip")
right("n5_old_compression.n5", stack(volume))
n5("n5_old_raw.n5", volume, (4, 16, 32), "uint16", None, compressionType="raw")
right("n5_old_raw.n5", stack(volume))
for axes in ["xyz", "xyzc", "xyczt", "xy"]:
    sizes = dict(t=1, z=4, y=Y, x=X, c=2)
    letters = axes[::-1]
    values = pixels("uint16", *(sizes[letter] for letter in letters))
    missing = "".join(letter for letter in "tzyxc" if letter not in letters)
    n5(f"n5_named_{axes}.n5" + "/setup0/s0", values, (1, 2, 2, 16, 16)[-values.ndim :], "uint16", axes=list(axes))
    right(f"n5_named_{axes}.n5", np.einsum(f"{missing}{letters}->tzyxc", values.reshape([1] * (5 - len(letters)) + list(values.shape)))[0])
n5("n5_unread.n5", volume, (4, 16, 32), "uint16", {"type": "jpeg"})
refused("n5_unread.n5", "compressed by jpeg")
n5("n5_object.n5", volume, (4, 16, 32), "object")
refused("n5_object.n5", "not pixels")
n5("n5_big_data_viewer.n5" + "/setup0/timepoint0/s0", volume, (4, 16, 32), "uint16")
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
for shape in [(X, Y, 2, 1, 3, 1), (X, Y, 2, 1, 1, 1, 1), (X, Y, 4, 1, 2, 1, 1)]:
    for kind, suffix in [(nibabel.Nifti1Image, ".nii"), (nibabel.Nifti2Image, ".nii.gz")]:
        name = f"nifti_axes_{'x'.join(map(str, shape))}{suffix}"
        nibabel.save(kind(pixels("uint8", *shape), np.eye(4)), name)
        read = np.asanyarray(nibabel.load(name).dataobj)
        assert read.shape == shape, name
        right(name, read.reshape(shape[:5])[:, :, :, 0].transpose(2, 1, 0, 3))
nibabel.save(nibabel.Nifti1Image(pixels("uint8", X, Y, 2, 1, 1, 3), np.eye(4)), "nifti_six_long_axes.nii")
refused("nifti_six_long_axes.nii", r"has 6 axes \(35 x 19 x 2 x 1 x 1 x 3\)")
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
for kind in range(5):
    # Each row's filter: the differences to the pixel to the left, above, their mean, and the nearest of both and the one between.
    whole = color.astype(int)
    left, above = np.pad(whole, ((0, 0), (1, 0), (0, 0)))[:, :-1], np.pad(whole, ((1, 0), (0, 0), (0, 0)))[:-1]
    corner = np.pad(whole, ((1, 0), (1, 0), (0, 0)))[:-1, :-1]
    far = [abs(left + above - corner - each) for each in (left, above, corner)]
    paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], above, corner))
    rest = (whole - [0 * left, left, above, (left + above) // 2, paeth][kind]).astype("uint8")
    name = f"png_filter_{kind}.png"
    png(name, 2, 8, b"".join(bytes([kind]) + row.tobytes() for row in rest), X, Y)
    assert np.array_equal(imageio.imread(name), color), name
    right(name, color[None])
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
quads = {"bgra": ((0xFF0000, 0xFF00, 0xFF, 0xFF000000), [2, 1, 0]), "bgrx": ((0xFF0000, 0xFF00, 0xFF, 0), [2, 1, 0]), "rgba": ((0xFF, 0xFF00, 0xFF0000, 0xFF000000), [0, 1, 2]), "abgr": ((0xFF000000, 0xFF0000, 0xFF00, 0xFF), None)}
for kind, (masks, order) in quads.items():
    rows = np.dstack([color[::-1][..., order], gray[::-1]]).tobytes() if order else np.dstack([np.full((Y, X), 255, "uint8"), color[::-1, :, ::-1]]).tobytes()
    name = f"bmp_masks_{kind}.bmp"
    bmp(name, 32, rows, X, Y, compression=3, masks=struct.pack("<IIII", *masks), header=124)
    if kind.startswith("bgr"):
        right(name, imageio.imread(name)[None])
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
