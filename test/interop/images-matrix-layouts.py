"""Layouts that combine what the other scripts have one by one, each with its pixels beside it.

    python images-matrix-layouts.py FOLDER

The files are as those of images-matrix.py: pyramids in OME-TIFFs, samples apart in tiles, sets with a missing file, sharded OME-Zarr 0.5,
Zarr 3 with numcodecs' codecs, HDF5 of every library version. tifffile, zarr and h5py read back what they wrote.
"""

import itertools
import warnings

import h5py
import hdf5plugin
import numpy as np
import tifffile
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec
from zarr.codecs import numcodecs

from image_files import X, Y, examples, pixels, plane, refused, right, rng, stack

warnings.filterwarnings("ignore")
volume, channels, zyxc = examples()


def end(order):
    return "le" if order == "<" else "be"


def predictor(dtype, compression):
    return None if compression in (None, "packbits", "lzma") else 3 if dtype.startswith("float") else 2


# OME-TIFF: smaller copies in sub-directories
for order, dtype, compression, count in itertools.product("<>", ["uint8", "uint16", "float32"], [None, "zlib", "lzw", "zstd"], [1, 3]):
    values = pixels(dtype, count, 2, 70, 90)
    name = f"sub_images_{end(order)}_{dtype}_{compression}_{count}.ome.tif"
    options = dict(tile=(16, 32), compression=compression, predictor=predictor(dtype, compression), photometric="minisblack")
    with tifffile.TiffWriter(name, bigtiff=True, byteorder=order, ome=True) as file:
        file.write(values, subifds=2, metadata={"axes": "CZYX"}, **options)
        for step in (2, 4):
            file.write(np.ascontiguousarray(values[..., ::step, ::step]), subfiletype=1, **options)
    assert np.array_equal(np.squeeze(tifffile.imread(name)), np.squeeze(values)), name
    right(name, values.transpose(1, 2, 3, 0))
for apart in [False, True]:
    values = pixels("uint8", 3, 64, 80, 3)
    stored = np.moveaxis(values, -1, 1).copy() if apart else values
    options = dict(tile=(32, 32), compression="zlib", photometric="rgb", planarconfig="separate" if apart else "contig")
    name = f"sub_images_rgb_{'apart' if apart else 'together'}.ome.tif"
    with tifffile.TiffWriter(name, bigtiff=True, ome=True) as file:
        file.write(stored, subifds=1, metadata={"axes": "ZSYX" if apart else "ZYXS"}, **options)
        file.write(np.ascontiguousarray(stored[..., ::2, ::2] if apart else stored[:, ::2, ::2]), subfiletype=1, **options)
    right(name, values)

# OME-TIFF: a set of a file for each plane, whole (big-endian BigTIFFs) and with one that is missing
for missing in [None, (1, 1)]:
    names = {(z, c): f"set_of_planes_{'whole' if missing is None else 'lacking'}_z{z}_c{c}.ome.tif" for z in range(3) for c in range(2)}
    places = "".join(f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="0" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{c}{z}</UUID></TiffData>' for (z, c), name in names.items())
    for (z, c), name in names.items():
        text = f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{c}{z}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="{X}" SizeY="{Y}" SizeC="2" SizeZ="3" SizeT="1">{places}</Pixels></Image></OME>'
        if (z, c) == missing:
            continue
        tifffile.imwrite(name, channels[c, z], photometric="minisblack", metadata=None, description=text, bigtiff=True, byteorder=">", compression="zlib", predictor=2)
        if missing is None:
            right(name, zyxc[:3])
        else:
            refused(name, names[missing])

# TIFF: four samples apart in tiles; pages that differ in compression and tiling; a thumbnail before the image
for order, dtype, compression, big in itertools.product("<>", ["uint8", "int16", "uint32", "float32", "float64"], [None, "lzw", "zlib", "packbits", "lzma"], [False, True]):
    values = pixels(dtype, 50, 60, 4)
    name = f"apart_in_tiles_{end(order)}_{dtype}_{compression}_{'big' if big else 'classic'}.tif"
    tifffile.imwrite(
        name, np.moveaxis(values, -1, 0).copy(), byteorder=order, planarconfig="separate", tile=(32, 48), compression=compression,
        predictor=predictor(dtype, compression), bigtiff=big, photometric="minisblack", metadata=None,
    )
    assert np.array_equal(np.moveaxis(tifffile.imread(name), 0, -1), values), name
    right(name, values[None])
for turn in range(3):
    name = f"pages_of_all_kinds_{turn}.tif"
    with tifffile.TiffWriter(name) as file:
        for z in range(6):
            compression = [None, "zlib", "lzw", "zstd", "packbits", None][(z + turn) % 6]
            file.write(volume[z], compression=compression, tile=(16, 16) if z % 2 else None, contiguous=False, metadata=None, photometric="minisblack")
    right(name, stack(volume))
with tifffile.TiffWriter("thumbnail_first.tif") as file:
    file.write(volume[0, ::2, ::2].copy(), subfiletype=1, metadata=None)
    file.write(volume[0], metadata=None)
right("thumbnail_first.tif", plane(volume[0]))
noise = rng.integers(0, 255, (300, 400)).astype("uint8")
for tile in [None, (64, 64)]:
    name = f"lzw_of_noise_{'tile' if tile else 'strip'}.tif"
    tifffile.imwrite(name, noise, compression="lzw", tile=tile, rowsperstrip=None if tile else 300, metadata=None)
    right(name, plane(noise))

# ImageJ: composites with look-up tables, ranges and labels
for mode, axes, dtype in itertools.product(["composite", "color", "grayscale"], ["ZCYX", "CYX", "TCYX"], ["uint8", "uint16", "float32"]):
    values = pixels(dtype, *(dict(T=3, Z=4, C=3, Y=Y, X=X)[axis] for axis in axes))
    metadata = {"axes": axes, "mode": mode, "Labels": [f"plane {at}" for at in range(values.size // (X * Y))], "LUTs": [np.arange(768).reshape(3, 256).astype("u1")] * 3, "Ranges": [0.0, 255.0] * 3}
    name = f"imagej_{mode}_{axes}_{dtype}.tif"
    tifffile.imwrite(name, values, imagej=True, metadata=metadata)
    right(name, (values if values.ndim == 4 else values[None]).transpose(0, 2, 3, 1))

# OME-Zarr 0.5: shards, codecs and separators of chunks' names; Zarr 3: transposition with codecs, and numcodecs' codecs
for separator, sharded, (name, codec) in itertools.product("/.", [True, False], {"zstd": ZstdCodec(), "blosc": BloscCodec(cname="lz4", shuffle="bitshuffle"), "gzip": GzipCodec(), "none": None}.items()):
    values = channels[None]
    path = f"ngff_0.5_{'slash' if separator == '/' else 'dot'}_{'shards' if sharded else 'chunks'}_{name}.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    for level, step in enumerate([1, 2]):
        copy = values[..., ::step, ::step]
        array = group.create_array(
            f"s{level}", shape=copy.shape, dtype="uint16", chunks=(1, 1, 2, 8, 8), shards=(1, 2, 4, 16, 32) if sharded else None, compressors=[codec] if codec else None,
            chunk_key_encoding={"name": "default", "separator": separator}, dimension_names=list("tczyx"),
        )
        array[...] = copy
    axes = [{"name": axis, "type": {"t": "time", "c": "channel"}.get(axis, "space")} for axis in "tczyx"]
    scales = [{"path": f"s{level}", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 2**level, 2**level]}]} for level in (0, 1)]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": scales}]}
    right(path, zyxc)
CODECS = {"blosc": BloscCodec(cname="zstd"), "blosc_zlib": BloscCodec(cname="zlib", shuffle="noshuffle"), "blosclz": BloscCodec(cname="blosclz", shuffle="bitshuffle"), "gzip_checked": [GzipCodec(), Crc32cCodec()]}
for order, (name, codec), (dtype, endian) in itertools.product([(2, 1, 0), (1, 0, 2), (0, 2, 1)], CODECS.items(), [("uint16", "big"), ("float32", "little"), ("int64", "big")]):
    values = pixels(dtype, 5, Y, X)
    path = f"zarr3_turned_{''.join(map(str, order))}_{name}_{dtype}.zarr"
    array = zarr.create_array(path, shape=values.shape, dtype=dtype, chunks=(3, 8, 16), filters=[TransposeCodec(order=order)], serializer=BytesCodec(endian=endian), compressors=codec)
    array[...] = values
    right(path, stack(values))
for name, codecs in {"bz2": [numcodecs.BZ2()], "lz4": [numcodecs.LZ4()], "lzma": [numcodecs.LZMA()], "zlib": [numcodecs.Zlib()], "shuffle": [numcodecs.Shuffle(elementsize=2), numcodecs.Zlib()]}.items():
    path = f"zarr3_numcodecs_{name}.zarr"
    zarr.create_array(path, shape=volume.shape, dtype="uint16", chunks=(4, 8, 16), compressors=codecs)[...] = volume
    right(path, stack(volume))

# HDF5: szip's kinds, what is inside of Blosc, every version of the library, a virtual dataset of ten thousand parts
FILTERS = {
    "szip_nearest": (dict(compression="szip", compression_opts=("nn", 16)), None),
    "szip_entropy": (dict(compression="szip", compression_opts=("ec", 8)), None),
    "szip_checked": (dict(compression="szip", fletcher32=True), None),
    "blosclz": (hdf5plugin.Blosc(cname="blosclz"), None),
    "blosc_zlib": (hdf5plugin.Blosc(cname="zlib"), "blosc with zlib"),
    "blosc2_lz4hc": (hdf5plugin.Blosc2(cname="lz4hc"), None),
    "blosc2_zlib": (hdf5plugin.Blosc2(cname="zlib", filters=2), "blosc2 with zlib"),
    "bitshuffle_only": (hdf5plugin.Bitshuffle(cname="none"), None),
}
for (name, (options, words)), dtype in itertools.product(FILTERS.items(), ["uint8", ">u2", "int32", "float32"]):
    values = pixels(dtype.replace(">u2", "uint16"), 5, Y, X).astype(dtype)
    path = f"h5_inner_{name}_{dtype.replace('>', 'be_')}.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=values, chunks=(2, 16, 32), **options)
    if words is None:
        right(path, stack(values))
    else:
        refused(path, rf"/raw is compressed by a filter that cannot be read here \({words}\)")
for version in ["earliest", "v108", "v110", "v112", "v114"]:
    with h5py.File(f"h5_growing_{version}.h5", "w", libver=(version, "latest")) as file:
        file.create_dataset("data", data=volume, chunks=(1, 9, 9), maxshape=(None, None, None), compression="gzip")
    right(f"h5_growing_{version}.h5", stack(volume))
with h5py.File("h5_ten_thousand_parts_source.h5", "w") as file:
    file["part"] = (np.arange(10_000 * 64) % 251).astype("uint8").reshape(10_000, 8, 8)
layout = h5py.VirtualLayout(shape=(10_000, 8, 8), dtype="uint8")
for part in range(10_000):
    layout[part] = h5py.VirtualSource("h5_ten_thousand_parts_source.h5", "part", shape=(10_000, 8, 8))[part]
with h5py.File("h5_ten_thousand_parts.h5", "w", libver="latest") as file:
    file.create_virtual_dataset("raw", layout)
right("h5_ten_thousand_parts.h5", stack((np.arange(10_000 * 64) % 251).astype("uint8").reshape(10_000, 8, 8)))
