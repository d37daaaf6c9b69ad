"""HDF5, Zarr, N5, NIfTI, NumPy and picture files of rarer kinds, each with its pixels beside it.

    python images-matrix-arrays.py FOLDER

The files are as those of images-matrix.py; h5py, zarr, nibabel, numpy and imageio read back what they wrote.
"""

import io
import itertools
import json
import os
import struct
import warnings
import zipfile

import bz2
import gzip
import lzma

import h5py
import imagecodecs
import imageio.v3 as imageio
import nibabel
import numcodecs
import numpy as np
import zarr
from PIL import Image
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

from image_files import X, Y, examples, pixels, plane, refused, right, rng, stack

warnings.filterwarnings("ignore")
volume, channels, zyxc = examples()


# HDF5: layouts, types, filters left out of chunks, fill values, axes, what else lies in the file
for name, options in {
    "contiguous": {},
    "chunked_odd": dict(chunks=(1, 7, 11)),
    "chunk_larger_in_z": dict(chunks=(6, 5, 35)),
    "shuffle_only": dict(chunks=(2, 8, 8), shuffle=True),
    "fletcher_only": dict(chunks=(2, 8, 8), fletcher32=True),
    "gzip_9": dict(chunks=(3, 19, 35), compression="gzip", compression_opts=9),
    "scaleoffset": dict(chunks=(2, 8, 8), scaleoffset=0, shuffle=True),
    "resizable": dict(chunks=(2, 8, 8), maxshape=(None, None, None)),
    "track_times": dict(chunks=(2, 8, 8), track_order=True),
}.items():
    with h5py.File(f"h5_layout_{name}.h5", "w") as file:
        file.create_dataset("raw", data=volume, **options)
    right(f"h5_layout_{name}.h5", stack(volume))
for dtype in ["uint32", "int8", "int32", "uint64", "float64", ">i4", ">f8", ">i8"]:
    values = pixels(dtype.lstrip(">"), 4, Y, X).astype(dtype)
    with h5py.File(f"h5_type_{dtype.replace('>', 'be_')}.h5", "w") as file:
        file.create_dataset("data", data=values, chunks=(2, 16, 32), compression="gzip", shuffle=True)
    right(f"h5_type_{dtype.replace('>', 'be_')}.h5", stack(values))
for fill in [0, 7]:
    with h5py.File(f"h5_fill_{fill}.h5", "w") as file:
        data = file.create_dataset("raw", shape=(4, 40, 40), dtype="uint16", chunks=(2, 16, 16), fillvalue=fill, compression="gzip")
        data[:1, :9, :9] = 100
    right(f"h5_fill_{fill}.h5", stack(h5py.File(f"h5_fill_{fill}.h5")["raw"][:]))
with h5py.File("h5_libver_latest.h5", "w", libver="latest") as file:
    file.create_dataset("volumes/raw", data=volume, chunks=(2, 8, 8), compression="gzip")
right("h5_libver_latest.h5", stack(volume))
with h5py.File("h5_soft_link.h5", "w") as file:
    file["deep/er/data"] = volume
    file["raw"] = h5py.SoftLink("/deep/er/data")
right("h5_soft_link.h5", stack(volume))
with h5py.File("h5_external_link.h5", "w") as file:
    file["raw"] = h5py.ExternalLink("h5_layout_contiguous.h5", "/raw")
right("h5_external_link.h5", stack(volume))
with h5py.File("h5_enum.h5", "w") as file:
    file.create_dataset("raw", data=(volume % 3).astype("uint8"), dtype=h5py.enum_dtype({"a": 0, "b": 1, "c": 2}, basetype="u1"))
right("h5_enum.h5", stack((volume % 3).astype("uint8")))
with h5py.File("h5_array_type.h5", "w") as file:
    file.create_dataset("raw", shape=(4, 9), dtype=np.dtype(("u2", (3,))))
refused("h5_array_type.h5", ".")
with h5py.File("h5_strings.h5", "w") as file:
    file["raw"] = np.array([[b"a", b"b"]] * 9)
    file["names"] = ["x", "y"]
refused("h5_strings.h5", "no dataset")
with h5py.File("h5_empty_dataset.h5", "w") as file:
    file.create_dataset("raw", shape=(0, 9, 9), dtype="u1")
refused("h5_empty_dataset.h5", ".")
with h5py.File("h5_null.h5", "w") as file:
    file["raw"] = h5py.Empty("f")
refused("h5_null.h5", "no dataset")
with h5py.File("h5_scalar.h5", "w") as file:
    file["version"] = 3
    file["raw"] = volume
right("h5_scalar.h5", stack(volume))
for shape in [(1, 6, Y, X, 1), (1, 6, Y, X), (6, Y, X, 1), (1, Y, X)]:
    name = f"h5_shape_{'x'.join(map(str, shape))}.h5"
    values = volume[: int(np.prod(shape)) // (Y * X)]
    with h5py.File(name, "w") as file:
        file["raw"] = values.reshape(shape)
    right(name, stack(values))
with h5py.File("h5_big_data_viewer.h5", "w") as file:
    for setup in range(2):
        file[f"s{setup:02}/resolutions"] = np.ones((2, 3))
        file[f"s{setup:02}/subdivisions"] = np.ones((2, 3), "i4")
        file.create_dataset(f"t00000/s{setup:02}/0/cells", data=(volume // (setup + 1)).astype("int16"), chunks=(2, 8, 8), compression="gzip")
        file.create_dataset(f"t00000/s{setup:02}/1/cells", data=(volume // (setup + 1)).astype("int16")[::2, ::2, ::2])
right("h5_big_data_viewer.h5", stack(volume))

# Zarr: sharding with chunks and shards left out, endianness, checksums, one axis without a name, missing metadata
for index, codecs in {"end": [BytesCodec(), Crc32cCodec()], "start": [BytesCodec()]}.items():
    name = f"zarr3_shard_{index}.zarr"
    sharding = ShardingCodec(chunk_shape=(2, 8, 8), codecs=[BytesCodec(), ZstdCodec()], index_location=index, index_codecs=codecs)
    array = zarr.create_array(name, shape=(6, 40, 40), dtype="uint16", chunks=(4, 16, 32), serializer=sharding, compressors=None, fill_value=9)
    array[:2, :8, :8] = 5
    array[4:, 20:, 35:] = 77
    right(name, stack(zarr.open(name, mode="r")[...]))
name = "zarr3_shard_missing.zarr"
array = zarr.create_array(name, shape=(8, 32, 32), dtype="float32", chunks=(2, 8, 8), shards=(4, 16, 16), fill_value=np.nan)
array[:] = pixels("float32", 8, 32, 32)
os.remove(f"{name}/c/1/1/1")
values = zarr.open(name, mode="r")[...]
assert np.isnan(values).any()
right(name, stack(values))
for dtype, endian in itertools.product(["uint16", "int32", "float32", "float64", "float16", "int64"], ["little", "big"]):
    values = pixels(dtype, 4, Y, X)
    name = f"zarr3_{endian}_{dtype}_sharded.zarr"
    array = zarr.create_array(name, shape=values.shape, dtype=dtype, chunks=(4, 32, 64), serializer=ShardingCodec(chunk_shape=(2, 16, 16), codecs=[BytesCodec(endian=endian), GzipCodec()]), compressors=None)
    array[...] = values
    right(name, stack(values))
for order in itertools.permutations(range(4)):
    values = pixels("uint8", 2, 4, 6, 8)
    name = f"zarr3_transpose_{''.join(map(str, order))}.zarr"
    array = zarr.create_array(name, shape=values.shape, dtype="uint8", chunks=(1, 3, 4, 5), filters=[TransposeCodec(order=order)], dimension_names=["c", "z", "y", "x"])
    array[...] = values
    right(name, values.transpose(1, 2, 3, 0))
for version, order in itertools.product([2, 3], "CF"):
    values = pixels("uint16", 2, 4, 6, 8)
    name = f"zarr{version}_memory_{order}.zarr"
    array = zarr.create_array(name, shape=values.shape, dtype="uint16", chunks=(1, 3, 4, 5), zarr_format=version, **({"order": order} if version == 2 else {"config": {"order": order}}), attributes={"_ARRAY_DIMENSIONS": list("czyx")} if version == 2 else {}, dimension_names=list("czyx") if version == 3 else None)
    array[...] = values
    right(name, values.transpose(1, 2, 3, 0))
for version, separator in itertools.product([2, 3], "./"):
    name = f"zarr{version}_v2_keys_{'dot' if separator == '.' else 'slash'}.zarr"
    array = zarr.create_array(name, shape=volume.shape, dtype="uint16", chunks=(2, 8, 8), zarr_format=version, chunk_key_encoding={"name": "v2", "separator": separator})
    array[...] = volume
    right(name, stack(volume))
for name, compressor in {
    "blosc_bitshuffle": numcodecs.Blosc("zstd", 9, numcodecs.Blosc.BITSHUFFLE),
    "blosc_noshuffle": numcodecs.Blosc("lz4", 0, numcodecs.Blosc.NOSHUFFLE),
    "blosc_small_blocks": numcodecs.Blosc("lz4", 5, 1, blocksize=256),
    "zstd_19": numcodecs.Zstd(19),
    "gzip_0": numcodecs.GZip(0),
    "lzma_raw": numcodecs.LZMA(format=lzma.FORMAT_ALONE),
}.items():
    path = f"zarr2_codec_{name}.zarr"
    array = zarr.create_array(path, shape=volume.shape, dtype="uint16", chunks=(4, 16, 32), zarr_format=2, compressors=compressor)
    array[...] = volume
    if name == "lzma_raw":
        refused(path, "lzma")
    else:
        right(path, stack(volume))
for filters in [[numcodecs.Delta("<u2"), numcodecs.Shuffle(2)], [numcodecs.Delta("<i4"), numcodecs.Delta("<i4")], [numcodecs.BitRound(keepbits=3)], [numcodecs.Quantize(digits=1, dtype="<f4")], [numcodecs.PackBits()], [numcodecs.CRC32()], [numcodecs.Adler32()], [numcodecs.Fletcher32()]]:
    dtype = "<i4" if filters[0].get_config().get("dtype") == "<i4" else "float32" if filters[0].codec_id in ("bitround", "quantize") else "bool" if filters[0].codec_id == "packbits" else "uint16"
    values = pixels(dtype, 6, Y, X)
    path = f"zarr2_filters_{'_'.join(each.codec_id for each in filters)}.zarr"
    array = zarr.create_array(path, shape=values.shape, dtype=dtype, chunks=(4, 16, 32), zarr_format=2, filters=filters, compressors=None)
    array[...] = values
    found = zarr.open(path, mode="r")[...]
    if filters[0].codec_id in ("packbits", "fletcher32"):
        refused(path, filters[0].codec_id)
    else:
        right(path, stack(found))
for version in [2, 3]:
    name = f"zarr{version}_zero_axes.zarr"
    zarr.create_array(name, shape=(9,), dtype="uint8", zarr_format=version)[...] = 1
    refused(name, ".")
    name = f"zarr{version}_complex.zarr"
    zarr.create_array(name, shape=(9, 9), dtype="complex64", zarr_format=version)[...] = 1
    refused(name, "not pixels|no array")
    name = f"zarr{version}_damaged_chunk.zarr"
    array = zarr.create_array(name, shape=(8, 8), dtype="uint8", chunks=(8, 8), zarr_format=version)
    array[...] = pixels("uint8", 8, 8)
    open(f"{name}/{'0.0' if version == 2 else 'c/0/0'}", "wb").write(b"rubbish that is no compressed data at all")
    refused(name, ".")
    name = f"zarr{version}_short_chunk.zarr"
    array = zarr.create_array(name, shape=(8, 8), dtype="uint8", chunks=(8, 8), zarr_format=version, compressors=None)
    array[...] = pixels("uint8", 8, 8) + 1
    open(f"{name}/{'0.0' if version == 2 else 'c/0/0'}", "wb").write(b"short")
    refused(name, ".")
os.makedirs("zarr_without_metadata.zarr")
refused("zarr_without_metadata.zarr", ".")
os.makedirs("zarr_broken_json.zarr")
open("zarr_broken_json.zarr/zarr.json", "w").write("{")
refused("zarr_broken_json.zarr", "zarr.json")
# OME-Zarr: scale in several places, units that differ, labels first, a pyramid whose first level has another name, 2D in 5D
for version in [2, 3]:
    name = f"ngff_levels_named_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=version)
    group.create_array("small", data=channels[None, :, :, ::2, ::2])
    group.create_array("full/res", data=channels[None])
    scales = [
        {
            "axes": [{"name": "t", "type": "time", "unit": "second"}, {"name": "c", "type": "channel"}, *({"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx")],
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 2, 2]}],
            "datasets": [{"path": "full/res", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 500, 100, 100]}, {"type": "translation", "translation": [0, 0, 5, 5, 5]}]}, {"path": "small", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 500, 200, 200]}]}],
            "version": "0.4",
        }
    ]
    group.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"version": "0.5", "multiscales": scales}})
    right(name, zyxc)
    name = f"ngff_plane_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=version)
    group.create_array("0", data=channels[:1, :1][None])
    scales = [{"axes": [{"name": axis, "type": {"t": "time", "c": "channel"}.get(axis, "space")} for axis in "tczyx"], "datasets": [{"path": "0"}], "version": "0.4"}]
    group.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"version": "0.5", "multiscales": scales}})
    right(name, plane(channels[0, 0]))
    name = f"ngff_missing_level_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=version)
    scales = [{"axes": [{"name": axis} for axis in "yx"], "datasets": [{"path": "0"}], "version": "0.4"}]
    group.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"version": "0.5", "multiscales": scales}})
    refused(name, "no array there")
    name = f"ngff_times_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=version)
    group.create_array("0", data=pixels("uint8", 5, 1, 1, Y, X))
    scales = [{"axes": [{"name": axis, "type": {"t": "time", "c": "channel"}.get(axis, "space")} for axis in "tczyx"], "datasets": [{"path": "0"}], "version": "0.4"}]
    group.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"version": "0.5", "multiscales": scales}})
    right(name, zarr.open_group(name, mode="r")["0"][:, 0, 0][..., None])
name = "zarr3_dimension_names_long.zarr"
zarr.create_array(name, shape=channels.shape, dtype="uint16", dimension_names=["channel", "depth", "height", "width"])[...] = channels
right(name, zyxc)
name = "zarr3_dimension_names_unknown.zarr"
zarr.create_array(name, shape=volume.shape, dtype="uint16", dimension_names=["a", None, "b"])[...] = volume
right(name, stack(volume))
with zipfile.ZipFile("zarr_zipped.zarr", "w") as archive:
    archive.writestr("zarr.json", "{}")
refused("zarr_zipped.zarr", "holds no array")

# N5: every compression at the borders of blocks, blocks that are missing, blocks with a variable length
def lz4_blocks(data):
    out = b""
    for at in range(0, len(data), 1000):
        piece = data[at : at + 1000]
        packed = imagecodecs.lz4_encode(piece)
        raw = len(packed) >= len(piece)
        out += b"LZ4Block" + bytes([(0x10 if raw else 0x20) | 0]) + struct.pack("<III", len(piece if raw else packed), len(piece), 0) + (piece if raw else packed)
    return out + b"LZ4Block" + bytes([0x10]) + struct.pack("<III", 0, 0, 0)


N5 = {
    "raw": ({"type": "raw"}, bytes),
    "gzip": ({"type": "gzip", "level": 6}, gzip.compress),
    "bzip2": ({"type": "bzip2", "blockSize": 1}, bz2.compress),
    "xz": ({"type": "xz", "preset": 1}, lzma.compress),
    "lz4": ({"type": "lz4", "blockSize": 1000}, lz4_blocks),
    "blosc": ({"type": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 2, "blocksize": 0, "nthreads": 1}, lambda data: numcodecs.Blosc("zstd", 5, 2).encode(data)),
    "zstd": ({"type": "zstd", "level": 3}, lambda data: numcodecs.Zstd().encode(data)),
}
for (name, (described, encode)), dtype in itertools.product(N5.items(), ["uint8", "uint16", "float32"]):
    values = pixels(dtype, 7, 23, 41)
    folder = f"n5_{name}_{dtype}.n5"
    os.makedirs(folder)
    json.dump({"n5": "2.5.1", "dimensions": [41, 23, 7], "blockSize": [16, 8, 4], "dataType": dtype, "compression": described}, open(f"{folder}/attributes.json", "w"))
    expected = values.copy()
    for z, y, x in itertools.product(range(2), range(3), range(3)):
        place = (slice(4 * z, 4 * z + 4), slice(8 * y, 8 * y + 8), slice(16 * x, 16 * x + 16))
        block = values[place]
        if (z, y, x) == (1, 1, 1):
            expected[place] = 0
            continue
        path = f"{folder}/{x}/{y}/{z}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(struct.pack(">HH3I", 0, 3, *block.shape[::-1]) + encode(block.astype(block.dtype.newbyteorder(">")).tobytes()))
    right(folder, stack(expected))

# NIfTI: scaling, orientation, big-endian, extensions, odd offsets, one slice, RGB
for slope, intercept, dtype in itertools.product([0, 1, 0.25, -2], [0, 7.5], ["uint8", "int16", "float32"]):
    values = pixels(dtype, X, Y, 5)
    image = nibabel.Nifti1Image(values, np.eye(4))
    name = f"nifti_slope_{slope}_{intercept}_{dtype}.nii"
    nibabel.save(image, name)
    with open(name, "r+b") as file:
        file.seek(112)
        file.write(struct.pack("<ff", slope, intercept))
    found = np.asanyarray(nibabel.load(name).dataobj)
    right(name, stack(found.transpose(2, 1, 0)))
for flip in [np.diag([-1, -1, 1, 1]), np.diag([1, 1, -1, 1]), np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])]:
    values = pixels("int16", X, Y, 5)
    name = f"nifti_orientation_{int(flip[0, 0])}_{int(flip[1, 1])}_{int(flip[2, 2])}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, flip.astype(float)), name)
    right(name, stack(np.asanyarray(nibabel.load(name).dataobj).transpose(2, 1, 0)))
image = nibabel.Nifti1Image(values, np.eye(4))
image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"words" * 100))
nibabel.save(image, "nifti_extension.nii")
right("nifti_extension.nii", stack(values.transpose(2, 1, 0)))
for shape in [(X, Y, 1), (X, Y, 1, 1), (X, Y, 5, 1), (X, Y, 5, 1, 1)]:
    values = pixels("uint8", *shape)
    name = f"nifti_shape_{'x'.join(map(str, shape))}.nii"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), name)
    right(name, stack(values.reshape(X, Y, -1).transpose(2, 1, 0)))
colors = np.zeros((X, Y, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
for at, letter in enumerate("RGB"):
    colors[letter] = pixels("uint8", X, Y, 3)
nibabel.save(nibabel.Nifti1Image(colors, np.eye(4)), "nifti_rgb.nii")
refused("nifti_rgb.nii", "type 128")
nibabel.save(nibabel.Nifti1Image(pixels("complex64", X, Y, 3), np.eye(4)), "nifti_complex.nii")
refused("nifti_complex.nii", "type 32")

# NumPy: versions of the header, orders, one and six axes, pickled objects, archives
for version, order, dtype in itertools.product([(1, 0), (2, 0), (3, 0)], "CF", ["<u2", ">u2", "<f8", ">f4", "|i1"]):
    values = np.asarray(pixels(np.dtype(dtype).newbyteorder("=").name, 4, Y, X).astype(dtype), order=order)
    name = f"npy_{version[0]}_{order}_{'be' if dtype[0] == '>' else 'le'}_{dtype[1:]}.npy"
    with open(name, "wb") as file:
        np.lib.format.write_array(file, values, version=version)
    right(name, stack(values))
for shape in [(1, Y, X), (Y, X, 1), (1, Y, X, 1), (1, 1, Y, X), (5, Y, X, 1), (1, 5, Y, X), (1, 1, 5, Y, X), (5, Y, X, 4), (5, 4, Y, X)]:
    values = pixels("uint8", *shape)
    name = f"npy_singles_{'x'.join(map(str, shape))}.npy"
    np.save(name, values)
    squeezed = np.squeeze(values)
    if squeezed.ndim == 4:
        right(name, squeezed if shape[-1] == 4 else squeezed.transpose(0, 2, 3, 1))
    else:
        right(name, stack(squeezed) if squeezed.ndim == 3 else plane(squeezed))
np.save("npy_objects.npy", np.array([[1, "a"]], dtype=object))
refused("npy_objects.npy", "O")
np.save("npy_datetime.npy", np.zeros((9, 9), "datetime64[s]"))
refused("npy_datetime.npy", ".")
np.save("npy_longdouble.npy", np.zeros((9, 9), np.longdouble))
refused("npy_longdouble.npy", "type")
np.save("npy_one_axis.npy", np.arange(9))
refused("npy_one_axis.npy", ".")
np.save("npy_empty.npy", np.zeros((0, 9, 9)))
refused("npy_empty.npy", "empty")
np.savez("npz_only_labels.npz", masks=volume)
right("npz_only_labels.npz", stack(volume))
np.savez("npz_nothing.npz", names=np.array(["a"]))
refused("npz_nothing.npz", "no image")

# Pictures: PNG kinds, interlaced, 16 bits, transparency; JPEG with EXIF orientation, gray, CMYK; BMP of other depths
color, gray = pixels("uint8", Y, X, 3), pixels("uint8", Y, X)
for dtype, samples in itertools.product(["uint8", "uint16"], [1, 2, 3, 4]):
    values = pixels(dtype, Y, X) if samples == 1 else pixels(dtype, Y, X, samples)
    name = f"png_{dtype}_{samples}.png"
    open(name, "wb").write(imagecodecs.png_encode(values))
    assert np.array_equal(imagecodecs.png_decode(open(name, "rb").read()), values)
    right(name, plane(values) if samples == 1 else values[None])


def png(name, kind, depth, rows, width, height, extra=b"", interlace=0):
    import zlib

    chunk = lambda tag, data: struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


for depth in [1, 2, 4]:
    values = rng.integers(0, 2**depth, (Y, X))
    rows = b""
    for row in values:
        text = "".join(format(int(value), f"0{depth}b") for value in row)
        text += "0" * (-len(text) % 8)
        rows += b"\0" + bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    png(f"png_gray_{depth}.png", 0, depth, rows, X, Y)
    right(f"png_gray_{depth}.png", plane(imageio.imread(f"png_gray_{depth}.png").astype("uint8")))
adam = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]  # x, y, step x, step y
for kind, values in {0: gray, 2: color}.items():
    rows = b"".join(b"\0" + values[y, x0::dx].tobytes() for x0, y0, dx, dy in adam for y in range(y0, Y, dy) if x0 < X)
    png(f"png_interlaced_{kind}.png", kind, 8, rows, X, Y, interlace=1)
    found = imageio.imread(f"png_interlaced_{kind}.png")
    assert np.array_equal(found, values)
    right(f"png_interlaced_{kind}.png", plane(values) if kind == 0 else values[None])
quantized = Image.fromarray(color).quantize(32)
quantized.info["transparency"] = 3
quantized.save("png_palette_transparent.png", transparency=3)
found = imageio.imread("png_palette_transparent.png")
right("png_palette_transparent.png", found[None])
smooth = np.add.outer(np.arange(64), np.arange(96)).astype("uint8")
for orientation in [1, 3, 6, 8]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.dstack([smooth, smooth[::-1], smooth])).save(f"jpeg_exif_{orientation}.jpg", exif=exif, subsampling=0, quality=95)
    right(f"jpeg_exif_{orientation}.jpg", imageio.imread(f"jpeg_exif_{orientation}.jpg")[None])
for name, options in {"restart": dict(restart_marker_blocks=2), "422": dict(subsampling=1), "420": dict(subsampling=2), "rgb_kept": dict(keep_rgb=True), "progressive_gray": dict(progressive=True)}.items():
    image = Image.fromarray(smooth) if "gray" in name else Image.fromarray(np.dstack([smooth, smooth[::-1], smooth]))
    image.save(f"jpeg_{name}.jpg", quality=90, **options)
    found = imageio.imread(f"jpeg_{name}.jpg")
    right(f"jpeg_{name}.jpg", plane(found) if found.ndim == 2 else found[None])
Image.fromarray(smooth).convert("CMYK").save("jpeg_cmyk.jpg")
refused("jpeg_cmyk.jpg", "CMYK")


def bmp(name, depth, rows, width, height, palette=b"", compression=0, masks=b"", header=40):
    start = 14 + header + len(masks) + len(palette)
    head = struct.pack("<IiiHHIIiiII", header, width, height, 1, depth, compression, len(rows), 0, 0, len(palette) // 4, 0).ljust(header, b"\0")
    open(name, "wb").write(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + masks + palette + rows)


flipped = color[::-1, :, ::-1]
rows = b"".join(row.tobytes().ljust(-(-3 * X // 4) * 4, b"\0") for row in flipped)
bmp("bmp_bottom_up.bmp", 24, rows, X, Y)
rows = b"".join(row.tobytes().ljust(-(-3 * X // 4) * 4, b"\0") for row in color[:, :, ::-1])
bmp("bmp_top_down.bmp", 24, rows, X, -Y)
palette = b"".join(bytes([at, (at * 3) % 256, (at * 7) % 256, 0]) for at in range(256))
bmp("bmp_palette.bmp", 8, b"".join(row.tobytes().ljust(36, b"\0") for row in gray[::-1]), X, Y, palette)
ramp = b"".join(bytes([at, at, at, 0]) for at in range(256))
bmp("bmp_gray.bmp", 8, b"".join(row.tobytes().ljust(36, b"\0") for row in gray[::-1]), X, Y, ramp)
bmp("bmp_32.bmp", 32, np.dstack([flipped, np.full((Y, X), 0, "uint8")]).tobytes(), X, Y)
for name in ["bottom_up", "top_down", "palette", "gray", "32"]:
    found = np.asarray(Image.open(f"bmp_{name}.bmp").convert("L" if name == "gray" else "RGB"))
    right(f"bmp_{name}.bmp", plane(found) if name == "gray" else found[None])
bmp("bmp_16.bmp", 16, bytes(36 * 2 * Y), X, Y)
refused("bmp_16.bmp", "16 bits")
bmp("bmp_rle.bmp", 8, bytes([0, 1]), X, Y, ramp, 1)
refused("bmp_rle.bmp", "run-length")
