"""Files as other programs write them: GDAL, libvips, ITK, BigDataViewer and its Python writers, Micro-Manager 2, slide scanners.

    python images-matrix-programs.py FOLDER

The files are as those of images-matrix.py. Those programs wrote the kinds of files that are built here; tifffile, h5py, zarr and nibabel read
back what they can.
"""

import gzip
import itertools
import json
import os
import struct
import warnings
import zlib

import h5py
import imagecodecs
import nibabel
import numpy as np
import tifffile
import zarr

from image_files import X, Y, examples, pixels, plane, refused, right, stack
from tiff_by_hand import basic, build

warnings.filterwarnings("ignore")
volume, channels, zyxc = examples()
gray = pixels("uint8", Y, X)


def same(name, expected):
    assert np.array_equal(np.squeeze(tifffile.imread(name)), np.squeeze(expected)), name


# libtiff's LERC: bytes are swapped before they are encoded; masks leave out NaN
for dtype, more in itertools.product(["uint8", "int16", "uint32", "float32", "float64"], [0, 1, 2]):
    values = pixels(dtype, Y, X)
    outer = {0: bytes, 1: zlib.compress, 2: imagecodecs.zstd_encode}[more]
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = basic(Y, X, 8 * values.itemsize, 1, 34887, c339=(3, kind), c50674=(4, [4, more]))
    name = f"lerc_be_{dtype}_{more}.tif"
    build(name, [(tags, [outer(imagecodecs.lerc_encode(values.byteswap()))])], ">")
    same(name, values)
    right(name, plane(values))
for dtype, order in itertools.product(["float32", "float64", "uint16"], "<>"):
    values, kept = pixels(dtype, Y, X), np.ones((Y, X), bool)
    kept[3:5, 7:20] = False
    name = f"lerc_mask_{dtype}_{'le' if order == '<' else 'be'}.tif"
    stored = values if order == "<" else values.byteswap()
    build(name, [(basic(Y, X, 8 * values.itemsize, 1, 34887, c339=(3, 1 if dtype == "uint16" else 3)), [imagecodecs.lerc_encode(stored, masks=kept)])], order)
    if dtype == "uint16" or order == ">":
        refused(name, "LERC that leaves pixels out")
    else:
        right(name, plane(np.where(kept, values, np.nan).astype(dtype)))

# A strip or tile at the offset 0 is left out, whatever its length is said to be
for compression, tiled in itertools.product([1, 8], [False, True]):
    encode = bytes if compression == 1 else zlib.compress
    values = np.pad(gray, ((0, 32 - Y), (0, 48 - X)))
    blocks = [values[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16, 32)] if tiled else [values[y : y + 8].tobytes() for y in range(0, 32, 8)]
    name = f"offset_0_{compression}_{'tiles' if tiled else 'strips'}.tif"
    tags = basic(32, 48, 8, 1, compression, rows=8, **(dict(c322=(4, 16), c323=(4, 16)) if tiled else {}))
    build(name, [(tags, [encode(block) for block in blocks])])
    with tifffile.TiffFile(name, mode="r+b") as file:
        tag = file.pages[0].tags[324 if tiled else 273]
        tag.overwrite([0 if at == 1 else place for at, place in enumerate(tag.value)])
    if tiled:
        values[:16, 16:32] = 0
    else:
        values[8:16] = 0
    same(name, values)
    right(name, plane(values))

# A page of a stack that kept the stack's header: what follows its pixels is its own directory
for said in ["ImageJ=1.53t\nimages=2\nslices=2\n", json.dumps({"shape": [2, Y, X]})]:
    name = f"header_of_a_stack_{said[0]}.tif".replace("{", "json")
    build(name, [({**basic(Y, X, 16), 270: (2, said), 65000: (1, [7] * 9000)}, [volume[0].tobytes()])])
    refused(name, "promises 2 planes, and the file holds 1")

# Aperio SVS of several focal planes, as tifffile reads them
slide = pixels("uint8", 64, 96, 3)
with tifffile.TiffWriter("slide_of_planes.svs") as file:
    text = "Aperio Image Library v12.4\r\n96x64 [0,0 96x64] (32x32) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990"
    file.write(slide, tile=(32, 32), photometric="rgb", metadata=None, description=text)
    file.write(slide[::3, ::3].copy(), photometric="rgb", metadata=None, description="Aperio Image Library\r\n96x64 -> 32x22", rowsperstrip=16)
    for step, values in [(1, slide // 2), (1, slide // 3), (2, slide), (2, slide // 2), (2, slide // 3)]:
        file.write(values[::step, ::step].copy(), tile=(16, 16), photometric="rgb", metadata=None, description=f"{text}|OffsetZ = {step}")
    file.write(pixels("uint8", 60, 150, 3), photometric="rgb", metadata=None, subfiletype=9, description="Aperio Image Library\r\nmacro 150x60")
same("slide_of_planes.svs", np.stack([slide, slide // 2, slide // 3]))
right("slide_of_planes.svs", np.stack([slide, slide // 2, slide // 3]))
# Ventana BIF: the label comes first
xmp = b'<?xml version="1.0"?><Metadata><iScan Magnification="40"/></Metadata>'
for kind, first in {"label": "Label_Image", "thumbnail": "Thumbnail", "unnamed": None}.items():
    with tifffile.TiffWriter(f"slide_ventana_{kind}.tif", bigtiff=True) as file:
        file.write(pixels("uint8", 150, 200, 3), photometric="rgb", metadata=None, description=first, extratags=[(700, 1, len(xmp), xmp, True)] if kind != "label" else [])
        file.write(slide, tile=(64, 64), photometric="rgb", metadata=None, description="level=0 mag=40 quality=90")
    refused(f"slide_ventana_{kind}.tif", "Ventana slide")

# Olympus SIS: a text names the axes of the pages
for kind, text in {"z": "Z=6\nTime=1\nBand=1", "z_c": "Z=3\nTime=1\nBand=2", "c_z": "Band=2\nZ=3", "t": "Z=1\nTime=6", "too_few": "Z=4", "strange": "Angle=6", "none": None}.items():
    told = {} if text is None else {33471: (2, f"[General]\nVersion=1.0\n[Dimension]\n{text}\n[Z]\nZPos1=0.5\n")}
    name = f"olympus_sis_{kind}.tif"
    build(name, [({**basic(Y, X, 16), 33560: (4, 0), **told}, [page.tobytes()]) for page in volume])
    if kind in ("too_few", "strange", "none"):
        refused(name, "Olympus header tells of")
    else:
        right(name, volume.reshape(3, 2, Y, X).transpose(0, 2, 3, 1) if kind == "z_c" else volume.reshape(2, 3, Y, X).transpose(1, 2, 3, 0) if kind == "c_z" else stack(volume))
build("olympus_sis_page.tif", [({**basic(Y, X, 16), 33560: (4, 0)}, [volume[0].tobytes()])])
right("olympus_sis_page.tif", plane(volume[0]))

# NDTiff (Micro-Manager 2, Pycro-Manager): an index beside the file names the axes of the pages, in the order of the acquisition
MAGIC = struct.pack("<5I", 483729, 3, 3, 2355492, 8) + b"{}      "
CENTIMETERS = dict(c282=(5, [(1, 1)]), c283=(5, [(1, 1)]), c296=(3, 3))
order = [(z, c) for z in (2, 0, 1) for c in (1, 0)]
places = build("ndtiff.tif", [(basic(Y, X, 16, c51123=(2, json.dumps({"Camera": "one"})), **CENTIMETERS), [volume[2 * z + c].tobytes()]) for z, c in order], header=MAGIC)
with open("NDTiff.index", "wb") as file:
    for (z, c), place in zip(order, places):
        axes, name = json.dumps({"channel": ["DAPI", "GFP"][c], "z": z, "position": 0}).encode(), b"ndtiff.tif"
        file.write(struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name + struct.pack("<8I", place, X, Y, 1, 0, 0, 0, 0))
same("ndtiff.tif", volume.reshape(3, 2, Y, X)[:, ::-1])
right("ndtiff.tif", volume.reshape(3, 2, Y, X)[:, ::-1].transpose(0, 2, 3, 1), size=None)
build("ndtiff_of_a_set.tif", [(basic(Y, X, 16), [page.tobytes()]) for page in volume], header=MAGIC)
refused("ndtiff_of_a_set.tif", "a part of a set")
build("ndtiff_page.tif", [(basic(Y, X, 16, **CENTIMETERS), [volume[0].tobytes()])], header=MAGIC)
right("ndtiff_page.tif", plane(volume[0]), size=None)

# Micro-Manager's stacks of acquisitions that were broken off: only the pages have metadata
for kind, axes in {"zc": ["SliceIndex", "ChannelIndex"], "cz": ["ChannelIndex", "SliceIndex"], "t": [None, "FrameIndex"], "places": ["PositionIndex", "SliceIndex"], "none": [None, None]}.items():
    sizes = (1, 6) if axes[0] is None else (3, 2)
    for lacking in [0, 1]:
        name = f"micro_manager_{kind}_broken_off_{lacking}.tif"
        told = [{axis: at // sizes[1] if axis == axes[0] else at % sizes[1] for axis in axes if axis is not None} for at in range(6 - lacking)]
        build(name, [({**basic(Y, X, 16), 51123: (2, json.dumps({"Camera": "one", **each}))}, [page.tobytes()]) for each, page in zip(told, volume)])
        if kind == "places":
            refused(name, "names the axes position")
        elif lacking and axes[0] is not None:
            refused(name, "Micro-Manager header names .*, which its 5 pages do not fill")
        elif axes[0] is None:
            right(name, stack(volume[: 6 - lacking]))
        else:
            right(name, volume.reshape(3, 2, Y, X).transpose(0, 2, 3, 1) if kind == "zc" else volume.reshape(3, 2, Y, X).transpose(1, 2, 3, 0))

# Zarr: chunks that are named otherwise than the metadata say would count as not stored; the first ones are not
partly = volume.copy()
partly[:2] = 0
for kind, version, keys, said in [
    ("nested_unsaid", 2, {"name": "v2", "separator": "/"}, {"dimension_separator": None}),
    ("flat_said_nested", 2, {"name": "v2", "separator": "."}, {"dimension_separator": "/"}),
    ("default_said_v2", 3, {"name": "default", "separator": "/"}, {"chunk_key_encoding": {"name": "v2"}}),
    ("dots_said_slashes", 3, {"name": "default", "separator": "."}, {"chunk_key_encoding": {"name": "default"}}),
    ("v2_said_default", 3, {"name": "v2", "separator": "/"}, {"chunk_key_encoding": {"name": "default"}}),
    ("right_dots", 2, {"name": "v2", "separator": "."}, {}),
    ("right_slashes", 2, {"name": "v2", "separator": "/"}, {}),
    ("right_default", 3, {"name": "default", "separator": "/"}, {}),
    ("right_default_dots", 3, {"name": "default", "separator": "."}, {}),
    ("right_v2", 3, {"name": "v2", "separator": "/"}, {}),
]:
    name = f"zarr_keys_{kind}.zarr"
    array = zarr.create_array(name, shape=partly.shape, dtype="uint16", chunks=(2, 8, 16), fill_value=0, zarr_format=version, chunk_key_encoding=keys, config={"write_empty_chunks": False})
    array[:] = partly
    document = f"{name}/{'.zarray' if version == 2 else 'zarr.json'}"
    with open(document) as file:
        described = {key: value for key, value in {**json.load(file), **said}.items() if value is not None or key == "filters"}
    with open(document, "w") as file:
        json.dump(described, file)
    if said:
        refused(name, "chunks are named otherwise than its metadata say")
    else:
        right(name, stack(partly))

# Zarr: values of chunks that are not stored
for at, (version, dtype, fill) in enumerate([(2, "<f2", 0.1), (3, "float16", 0.1), (3, "float16", "0x4248"), (3, "float32", "0x40490fdb"), (2, "|u1", 300), (2, "|u1", -1), (2, "|u1", 1.5), (3, "uint8", 300), (3, "uint8", 1.5), (2, "<u2", "AAAA"), (2, "<u2", ""), (2, "<f4", "words"), (2, "<u2", [1]), (2, "|b1", True), (2, "|u1", "7"), (2, "<u2", None)]):
    name = f"zarr_fill_{at}.zarr"
    os.makedirs(name)
    described = {"zarr_format": 2, "shape": volume.shape, "chunks": [2, 8, 16], "dtype": dtype, "compressor": None, "fill_value": fill, "order": "C", "filters": None}
    if version == 3:
        described = {
            "zarr_format": 3, "node_type": "array", "shape": volume.shape, "data_type": dtype, "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 8, 16]}},
            "chunk_key_encoding": {"name": "default"}, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "fill_value": fill, "attributes": {},
        }
    with open(f"{name}/{'.zarray' if version == 2 else 'zarr.json'}", "w") as file:
        json.dump(described, file)
    try:
        right(name, stack(zarr.open(name, mode="r")[:]))
    except (OverflowError, TypeError):
        refused(name, "its fill value .* is no ")


# BigDataViewer stores unsigned values as signed ones, unless the setup says otherwise; of time points, the first is searched
def big_data_viewer(name, values, said=None, times=1):
    with h5py.File(name, "w") as file:
        file["s00/resolutions"], file["s00/subdivisions"] = np.ones((2, 3)), np.full((2, 3), 16, "i4")
        if said is not None:
            file["s00"].attrs["dataType"] = said
        for time in range(times):
            file.create_dataset(f"t{time:05}/s00/0/cells", data=values, chunks=(2, 8, 8), compression="gzip" if times == 1 else None)
            file[f"t{time:05}/s00/1/cells"] = values[::2, ::2, ::2]


bright = (volume.astype("i4") + 30000).clip(0, 65535).astype("uint16")
big_data_viewer("big_data_viewer_bright.h5", bright.view("int16"))
right("big_data_viewer_bright.h5", stack(bright))
big_data_viewer("big_data_viewer_signed.h5", bright.view("int16"), "int16")
right("big_data_viewer_signed.h5", stack(bright.view("int16")))
big_data_viewer("big_data_viewer_unsigned.h5", bright, "uint16")
right("big_data_viewer_unsigned.h5", stack(bright))
big_data_viewer("big_data_viewer_uint8.h5", bright.astype("uint8"), "uint8")
right("big_data_viewer_uint8.h5", stack(bright.astype("uint8")))
big_data_viewer("big_data_viewer_times.h5", volume[:2, :9, :9].view("int16"), times=2100)
right("big_data_viewer_times.h5", stack(volume[:2, :9, :9]))

# Files of many objects; groups that lead back; images behind many groups
with h5py.File("h5_many_groups.h5", "w") as file:
    for at in range(2500):
        file.create_group(f"a_log/{at:05}")
    file["z_last/raw"] = volume
right("h5_many_groups.h5", stack(volume))
with h5py.File("h5_too_many_groups.h5", "w", libver="latest") as file:
    for at in range(10001):
        file.create_group(f"{at:05}")
    file["z_last/raw"] = volume
refused("h5_too_many_groups.h5", "more than 10000 objects")
os.link("h5_too_many_groups.h5", "h5_many_groups_asked.h5")
right("h5_many_groups_asked.h5", stack(volume), asked={"inside": "z_last/raw"})
with h5py.File("h5_circles.h5", "w") as file:
    file["masks"] = volume // 9
    one, other = file.create_group("one"), file.create_group("other")
    one["other"], other["one"], one["top"], other["self"] = other, one, file["/"], other
    other["deep/er/raw"] = volume
right("h5_circles.h5", stack(volume))
with h5py.File("h5_deep.h5", "w") as file:
    file["/".join("abcdefghijklmnopqrst") + "/raw"] = volume
right("h5_deep.h5", stack(volume))
group = zarr.open_group("zarr_many_folders.zarr", mode="w", zarr_format=2)
for at in range(2500):
    os.makedirs(f"zarr_many_folders.zarr/a{at:05}")
group.create_array("z_last", data=volume, chunks=volume.shape)
right("zarr_many_folders.zarr", stack(volume))
group = zarr.open_group("zarr_deep.zarr", mode="w", zarr_format=2)
group.create_array("a/b/c/d/e/f/g/h/i/j/k", data=volume, chunks=volume.shape)
right("zarr_deep.zarr", stack(volume))

# HDF5: links and virtual datasets whose images are not there
for kind, link in {"external": h5py.ExternalLink("gone.h5", "/raw"), "soft": h5py.SoftLink("/gone")}.items():
    with h5py.File(f"h5_{kind}_link_gone.h5", "w") as file:
        file["raw"], file["masks"] = link, volume // 9
    refused(f"h5_{kind}_link_gone.h5", "its raw is a link to")
    with h5py.File(f"h5_{kind}_link_of_masks_gone.h5", "w") as file:
        file["masks"], file["raw"] = link, volume
    right(f"h5_{kind}_link_of_masks_gone.h5", stack(volume))
with h5py.File("h5_linked.h5", "w") as file:
    file["deep/raw"] = volume
right("h5_linked.h5", stack(volume))
with h5py.File("h5_linked_from_outside.h5", "w") as file:
    file["raw"], file["masks"] = h5py.ExternalLink("h5_linked.h5", "/deep/raw"), volume // 9
right("h5_linked_from_outside.h5", stack(volume))


def virtual(name, source, place="raw"):
    layout = h5py.VirtualLayout(volume.shape, volume.dtype)
    layout[:] = h5py.VirtualSource(source, place, volume.shape)
    with h5py.File(name, "w") as file:
        file.create_virtual_dataset("raw", layout, fillvalue=7)


virtual("h5_virtual_of_nothing.h5", "gone.h5")
refused("h5_virtual_of_nothing.h5", "lies partly in gone.h5")
virtual("h5_virtual_of_virtual_of_nothing.h5", "h5_virtual_of_nothing.h5")
refused("h5_virtual_of_virtual_of_nothing.h5", "lies partly in gone.h5")
virtual("h5_virtual_of_one.h5", "h5_linked.h5", "deep/raw")
virtual("h5_virtual_of_two.h5", "h5_virtual_of_one.h5")
right("h5_virtual_of_two.h5", stack(volume))
# Filters that a chunk skipped
with h5py.File("h5_chunks_without_filters.h5", "w") as file:
    data = file.create_dataset("raw", volume.shape, volume.dtype, chunks=(1, Y, X), compression="gzip", shuffle=True)
    for z, values in enumerate(volume):
        data.id.write_direct_chunk((z, 0, 0), values.tobytes(), filter_mask=3)
right("h5_chunks_without_filters.h5", stack(volume))

# HDF5's own specification of pictures in color
color = pixels("uint8", Y, X, 3)
for mode, values in {"PIXEL": color, "LINE": color.transpose(0, 2, 1), "PLANE": color.transpose(2, 0, 1)}.items():
    with h5py.File(f"h5_true_color_{mode}.h5", "w") as file:
        data = file.create_dataset("picture", data=values)
        for key, value in {"CLASS": "IMAGE", "IMAGE_SUBCLASS": "IMAGE_TRUECOLOR", "INTERLACE_MODE": f"INTERLACE_{mode}"}.items():
            data.attrs[key] = np.bytes_(value)
    right(f"h5_true_color_{mode}.h5", color[None])
# Booleans whose bytes are other than 0 and 1
bits = (gray % 3).view(bool)
np.save("bits.npy", bits)
right("bits.npy", plane((gray % 3 > 0).astype("uint8")))
with h5py.File("h5_bits.h5", "w") as file:
    file["raw"] = bits
right("h5_bits.h5", plane((gray % 3 > 0).astype("uint8")))
zarr.create_array("zarr_bits.zarr", data=bits, chunks=(8, 8), compressors=None)
right("zarr_bits.zarr", plane((gray % 3 > 0).astype("uint8")))

# NIfTI compressed in many members (bgzip, pigz)
nibabel.save(nibabel.Nifti1Image(volume.transpose(2, 1, 0), np.diag([-1, -1, 1, 1])), "members.nii")
raw = open("members.nii", "rb").read()
right("members.nii", stack(volume))
for size in [100, 500, 70000]:
    with open(f"members_{size}.nii.gz", "wb") as file:
        file.write(b"".join(gzip.compress(raw[at : at + size]) for at in range(0, len(raw), size)))
    right(f"members_{size}.nii.gz", stack(volume))
