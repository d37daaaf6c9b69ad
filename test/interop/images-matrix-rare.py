"""Rare kinds of files: sets of several images, tags that contradict the pixels, arrays that are chosen by name, pixel sizes.

    python images-matrix-rare.py FOLDER

The files are as those of images-matrix.py; tifffile, zarr, h5py, nibabel, imageio, Pillow and OpenCV write them and read back what they can.
"""

import gzip
import io
import itertools
import json
import logging
import os
import shutil
import struct
import warnings
import zlib

import cv2
import h5py
import imagecodecs
import imageio.v3 as imageio
import nibabel
import numcodecs
import numpy as np
import tifffile
import zarr
from PIL import Image
from zarr.codecs import numcodecs as zarr3_numcodecs

from image_files import X, Y, examples, image_of, pixels, plane, refused, right, rng, stack
from tiff_by_hand import basic, build, packed

warnings.filterwarnings("ignore")
logging.getLogger("tifffile").setLevel("CRITICAL")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
volume, channels, zyxc = examples()
gray, color = pixels("uint8", Y, X), pixels("uint8", Y, X, 3)
MICROMETERS = {"z": 0.5, "y": 0.2, "x": 0.1, "unit": "µm"}


def same(name, expected):
    found = tifffile.imread(name)
    assert np.array_equal(np.squeeze(found), np.squeeze(expected)), name


# OME-TIFF: an image for each position, in a file of its own; each file's own image is the one to read
def sized(c, z, t=1, order="XYCZT", kind="uint16"):
    return f'DimensionOrder="{order}" Type="{kind}" SizeX="{X}" SizeY="{Y}" SizeC="{c}" SizeZ="{z}" SizeT="{t}"'


def document(*images, root=""):
    inside = "".join(f'<Image ID="Image:{at}" Name="position {at}"><Pixels ID="Pixels:{at}" {attributes}>{planes}</Pixels></Image>' for at, (attributes, planes) in enumerate(images))
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{root}>{inside}</OME>'


def ome(name, pages, text, **options):
    tifffile.imwrite(name, pages, metadata=None, description=text.encode(), photometric=options.pop("photometric", "minisblack"), **options)


def in_file(name, uuid, attributes='IFD="0" PlaneCount="6"'):
    return f'<TiffData {attributes}><UUID FileName="{name}">urn:uuid:{uuid}</UUID></TiffData>'


for kind in ["uuid", "no_uuid"]:
    names = [f"positions_{kind}_{at}.ome.tif" for at in range(3)]
    for at, name in enumerate(names):
        images = [(sized(1, 6), in_file(each, other)) for other, each in enumerate(names)]
        ome(name, volume + at, document(*images, root=f' UUID="urn:uuid:{at}"' if kind == "uuid" else ""))
        right(name, stack(volume + at))
# One file holds the metadata of the set; the others name it
names = [f"master_{at}.ome.tif" for at in range(3)]
ome(names[0], volume, document(*[(sized(1, 6), in_file(each, other)) for other, each in enumerate(names)], root=' UUID="urn:uuid:0"'))
right(names[0], stack(volume))
for at in (1, 2):
    ome(names[at], volume + at, f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{at}"><BinaryOnly MetadataFile="{names[0]}" UUID="urn:uuid:0"/></OME>')
    right(names[at], stack(volume + at))
names = [f"master_of_channels_{at}.ome.tif" for at in range(2)]
planes = '<TiffData FirstC="0" IFD="0" PlaneCount="4"/>' + in_file(names[1], 1, 'FirstC="1" IFD="0" PlaneCount="4"')
ome(names[0], channels[0], document((sized(2, 4, order="XYZCT"), planes), root=' UUID="urn:uuid:0"'))
ome(names[1], channels[1], f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><BinaryOnly MetadataFile="{names[0]}" UUID="urn:uuid:0"/></OME>')
for name in names:
    right(name, zyxc)
ome("master_gone.ome.tif", volume, '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><BinaryOnly MetadataFile="nowhere.ome.tif" UUID="urn:uuid:0"/></OME>')
refused("master_gone.ome.tif", "metadata lie in nowhere.ome.tif")
ome("position_renamed.ome.tif", volume, document(*[(sized(1, 6), in_file(f"elsewhere_{at}.ome.tif", at)) for at in range(2)], root=' UUID="urn:uuid:9"'))
refused("position_renamed.ome.tif", "none of them lies in a file of this name")
# The metadata promise samples, and the pages have none; channels that the metadata do not have
for kind, inside in {"whole": "<TiffData/>", "planes": "".join(f'<TiffData IFD="{at}" FirstC="{at}" PlaneCount="1"/>' for at in range(3)), "nothing": ""}.items():
    name = f"ome_samples_on_pages_{kind}.ome.tif"
    ome(name, np.moveaxis(color, -1, 0).copy(), document((sized(3, 1, kind="uint8"), '<Channel ID="Channel:0:0" SamplesPerPixel="3"/>' + inside)))
    right(name, color[None])
ome("ome_places_beyond.ome.tif", channels.transpose(1, 0, 2, 3).reshape(-1, Y, X), document((sized(2, 4), "".join(f'<TiffData IFD="{at}" FirstC="{at % 2 * 2}" FirstZ="{at // 2}" PlaneCount="1"/>' for at in range(8)))))
refused("ome_places_beyond.ome.tif", "places a plane beyond")
# Blocks of planes that begin inside of the file, and pages that belong to none
for order in ["XYCZT", "XYZCT", "XYCTZ", "XYTZC"]:
    stored = np.moveaxis(channels, 0, 1 if order.index("C") < order.index("Z") else 0).reshape(-1, Y, X)
    for skipped in [0, 2]:
        name = f"ome_block_{order}_{skipped}.ome.tif"
        ome(name, np.concatenate([volume[:skipped], stored, volume[:1]]), document((sized(2, 4, order=order), f'<TiffData IFD="{skipped}" PlaneCount="8"/>')))
        right(name, zyxc)
for unit, size in {"nm": 100.0, "Å": 1.0, "mm": 0.0001, "pixel": None, "reference frame": None}.items():
    name = f"ome_unit_{unit.replace(' ', '_')}.ome.tif".replace("Å", "angstrom")
    ome(name, volume, document((sized(1, 6) + f' PhysicalSizeX="{size or 1}" PhysicalSizeXUnit="{unit}" PhysicalSizeY="{size or 1}" PhysicalSizeYUnit="{unit}"', "<TiffData/>")))
    right(name, stack(volume), size=None if size is None else {"y": size, "x": size, "unit": unit})
ome("ome_units_differ.ome.tif", volume, document((sized(1, 6) + ' PhysicalSizeX="100" PhysicalSizeXUnit="nm" PhysicalSizeY="0.2" PhysicalSizeYUnit="µm" PhysicalSizeZ="0.0005" PhysicalSizeZUnit="mm"', "<TiffData/>")))
right("ome_units_differ.ome.tif", stack(volume), size={"z": 500, "y": 200, "x": 100, "unit": "nm"})


# ImageJ: units of each axis, characters that are not ASCII, the unit of the resolution tags, fewer planes than pages
def imagej(name, text, size, pages=volume, **options):
    tifffile.imwrite(name, pages, photometric="minisblack", metadata=None, description=text.encode("latin1"), **{"resolution": (10, 5), **options})
    right(name, stack(pages), size=size)


header = "ImageJ=1.54f\nimages=6\nslices=6\n"
imagej("imagej_zunit.tif", f"{header}unit=micron\nzunit=nm\nspacing=500\nloop=false\n", MICROMETERS)
imagej("imagej_units_differ.tif", f"{header}unit=um\nyunit=mm\nzunit=nm\nspacing=500\n", {"z": 0.5, "y": 200, "x": 0.1, "unit": "µm"})
imagej("imagej_yunit.tif", f"{header}unit=um\nyunit=furlong\nspacing=0.5\n", {"z": 0.5, "x": 0.1, "unit": "µm"})
imagej("imagej_escaped_micro.tif", f"{header}unit=\\u00B5m\nspacing=0.5\n", MICROMETERS)
imagej("imagej_escaped_angstrom.tif", f"{header}unit=\\u00c5\nspacing=0.5\n", {**MICROMETERS, "unit": "Å"})
imagej("imagej_centimeters.tif", f"{header}spacing=0.5\n", {**MICROMETERS, "unit": "cm"}, resolutionunit="CENTIMETER")
imagej("imagej_inches.tif", f"{header}spacing=0.5\n", None, resolutionunit="INCH")
imagej("imagej_pixels.tif", f"{header}unit=pixel\nspacing=0.5\n", None)
imagej("imagej_null.tif", f"{header}unit=null\n", None)
imagej("imagej_without_spacing.tif", f"{header}unit=um\n", {"y": 0.2, "x": 0.1, "unit": "µm"})
for said in [3, 5]:
    name = f"imagej_says_{said}_of_6.tif"
    tifffile.imwrite(name, volume, photometric="minisblack", metadata=None, description=f"ImageJ=1.54f\nimages={said}\nslices={said}\n")
    refused(name, f"promises {said} planes, and the file holds 6")
tifffile.imwrite("imagej_says_one.tif", volume, photometric="minisblack", metadata=None, description="ImageJ=1.54f\nimages=1\n")
right("imagej_says_one.tif", stack(volume))
for resolution, expected in {(1e4, 1e4): 1.0, (2e5, 4e5): None}.items():
    name = f"plain_centimeters_{int(resolution[0])}.tif"
    tifffile.imwrite(name, gray, resolution=resolution, resolutionunit="CENTIMETER", metadata=None)
    right(name, plane(gray), size={"y": 1e4 / resolution[1], "x": 1e4 / resolution[0], "unit": "µm"})
tifffile.imwrite("plain_inches.tif", gray, resolution=(254, 254), resolutionunit="INCH", metadata=None)
right("plain_inches.tif", plane(gray), size=None)

# TIFF: tags that contradict the pixels, or each other
for order in "<>":
    end = "le" if order == "<" else "be"
    for bits in [10, 12, 14]:
        values = rng.integers(0, 2**bits, (Y, X)).astype("uint16")
        name = f"says_{bits}_stores_16_{end}.tif"
        build(name, [(basic(Y, X, bits, rows=5), [values[y : y + 5].astype(order + "u2").tobytes() for y in range(0, Y, 5)])], order)
        refused(name, f"says that its pixels have {bits} bits, and stores 16")
        name = f"says_{bits}_padded_{end}.tif"
        build(name, [(basic(Y, X, bits, rows=8), [packed(np.pad(values, ((0, 5), (0, 0)))[y : y + 8], bits) for y in range(0, Y, 8)])], order)
        right(name, plane(values))
    values = pixels("uint16", Y, X)
    for predictor, compression in itertools.product([2, 3], [1, 32773]):
        name = f"predictor_{predictor}_without_compression_{compression}_{end}.tif"
        kind = {339: (3, 3)} if predictor == 3 else {}
        data = (pixels("float32", Y, X) if predictor == 3 else values).astype(order + ("f4" if predictor == 3 else "u2")).tobytes()
        build(name, [({**basic(Y, X, 32 if predictor == 3 else 16, compression=compression, c317=(3, predictor)), **kind}, [data if compression == 1 else imagecodecs.packbits_encode(data)])], order)
        refused(name, "predictor without the compressions that have one")
    for rows in [4, Y]:
        name = f"strips_of_length_0_{rows}_{end}.tif"
        build(name, [(basic(Y, X, 16, rows=rows), [values[y : y + rows].astype(order + "u2").tobytes() for y in range(0, Y, rows)])], order)
        with tifffile.TiffFile(name, mode="r+b") as file:
            tag = file.pages[0].tags[279]
            tag.overwrite([0] * tag.count if tag.count > 1 else 0)
        right(name, plane(values))
    name = f"samples_unsaid_{end}.tif"
    tags = basic(Y, X, 8, 3, 1, 2)
    del tags[277]
    build(name, [(tags, [color.tobytes()])], order)
    refused(name, "does not say how many samples")
    for no_data, dtype in itertools.product(["-9999", "7", "nan", "-inf", "3,5", "300", "words", " 9 "], ["uint8", "int16", "float32", "float64"]):
        if order == ">" and dtype in ("uint8", "float64"):
            continue
        values = np.zeros((64, 64), dtype)
        values[:16, :32] = pixels(dtype, 16, 32)
        tiles = [zlib.compress(values[y : y + 16, x : x + 16].astype(np.dtype(dtype).newbyteorder(order)).tobytes()) if y == 0 and x < 32 else b"" for y in range(0, 64, 16) for x in range(0, 64, 16)]
        tags = {**basic(64, 64, np.dtype(dtype).itemsize * 8, 1, 8, c322=(4, 16), c323=(4, 16), c339=(3, {"u": 1, "i": 2, "f": 3}[np.dtype(dtype).kind])), 42113: (2, no_data)}
        del tags[278]
        name = f"no_data_{no_data.replace(',', '_').strip()}_{dtype}_{end}.tif"
        build(name, [(tags, tiles)], order)
        if no_data == "nan" and dtype.startswith("f") or no_data == "-inf" and dtype.startswith("f"):
            values[16:] = values[:16, 32:] = float(no_data)
            assert np.array_equal(tifffile.imread(name), values, equal_nan=True), name
        elif (no_data, dtype) == ("300", "int16"):
            values[16:] = values[:16, 32:] = 300  # tifffile takes it for a number of 16 bits without a sign.
        else:
            values = tifffile.imread(name)
        right(name, plane(values))
with tifffile.TiffWriter("tifffile_sparse.tif") as file:
    file.write((gray[:16, :16] if at == 0 else None for at in range(6)), shape=(32, 48), dtype="uint8", tile=(16, 16), metadata=None)
same("tifffile_sparse.tif", np.pad(gray[:16, :16], ((0, 16), (0, 32))))
right("tifffile_sparse.tif", plane(np.pad(gray[:16, :16], ((0, 16), (0, 32)))))
REVERSED = bytes(int(format(byte, "08b")[::-1], 2) for byte in range(256))
for bits, samples, order, compression in itertools.product([1, 4, 10, 12], [2, 3], "<>", [1, 5, 8]):
    values = rng.integers(0, 2**bits, (Y, X, samples)).astype("uint8" if bits <= 8 else "uint16")
    encode = {1: bytes, 5: imagecodecs.lzw_encode, 8: zlib.compress}[compression]
    name = f"packed_in_planes_{bits}_{samples}_{compression}_{'le' if order == '<' else 'be'}.tif"
    build(name, [(basic(Y, X, bits, samples, compression, 2 if samples == 3 else 1, rows=5, c284=(3, 2)), [encode(packed(values[y : y + 5, :, at], bits)) for at in range(samples) for y in range(0, Y, 5)])], order)
    right(name, values[None])
for compression, order in itertools.product([5, 8], "<>"):
    values = pixels("uint16", Y, X, 3)
    differences = np.diff(values, axis=1, prepend=values[:, :1] * 0).astype(order + "u2")
    encode = {5: imagecodecs.lzw_encode, 8: zlib.compress}[compression]
    name = f"reversed_predictor_{compression}_{'le' if order == '<' else 'be'}.tif"
    build(name, [(basic(Y, X, 16, 3, compression, 2, c266=(3, 2), c317=(3, 2)), [encode(differences.tobytes()).translate(REVERSED)])], order)
    same(name, values)
    right(name, values[None])
build("thumbnail_only.tif", [({**basic(Y, X, 16), 254: (4, 1)}, [volume[0].tobytes()])])
right("thumbnail_only.tif", plane(volume[0]))
with tifffile.TiffWriter("image_in_a_sub_directory.tif") as file:
    file.write(volume[0, ::2, ::2].copy(), subfiletype=1, subifds=1, metadata=None)
    file.write(volume[0], metadata=None)
refused("image_in_a_sub_directory.tif", "sub-directory")
build("indica.tif", [({**basic(Y, X, 32), 305: (2, "IndicaLabsImageWriter v1")}, [pixels("float32", Y, X).tobytes()])])
refused("indica.tif", "Indica Labs")

# TIFF: JPEG files as strips, whatever the TIFF says of their colors; odd sizes; bits of another order, which do not apply
smooth = np.dstack([np.add.outer(np.arange(48), np.arange(80)) + 20, np.add.outer(np.arange(48), np.arange(80)[::-1]) + 60, np.full((48, 80), 90)]).astype("uint8")
for subsampling, photometric in itertools.product(["444", "420"], [2, 6]):
    data = imagecodecs.jpeg_encode(smooth, level=95, subsampling=subsampling)
    assert data[6:10] == b"JFIF"
    name = f"jfif_said_to_be_{'rgb' if photometric == 2 else 'ycbcr'}_{subsampling}{'' if subsampling == '444' else '.near'}.tif"
    build(name, [(basic(48, 80, 8, 3, 7, photometric, c530=(3, [1, 1] if subsampling == "444" else [2, 2])), [data])])
    right(name, imagecodecs.jpeg_decode(data)[None] if subsampling == "444" else smooth[None])
build("jpeg_reversed.tif", [(basic(48, 80, 8, 1, 7, c266=(3, 2)), [imagecodecs.jpeg_encode(smooth[..., 0].copy(), level=95)])])
same("jpeg_reversed.tif", imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(smooth[..., 0].copy(), level=95)))
right("jpeg_reversed.tif", plane(tifffile.imread("jpeg_reversed.tif")))
for code, encode in {34933: imagecodecs.png_encode, 33005: lambda values: imagecodecs.jpeg2k_encode(values, level=0)}.items():
    build(f"picture_reversed_{code}.tif", [(basic(Y, X, 8, 1, code, c266=(3, 2)), [encode(gray)])])
    right(f"picture_reversed_{code}.tif", plane(gray))
build("ycbcr_in_planes.tif", [(basic(48, 80, 8, 3, 7, 6, c284=(3, 2), c530=(3, [1, 1])), [imagecodecs.jpeg_encode(smooth[..., at].copy(), level=95) for at in range(3)])])
refused("ycbcr_in_planes.tif", "YCbCr in separate planes")
for (height, width), subsampling in itertools.product([(17, 33), (31, 47), (16, 5), (9, 64)], ["420", "422", "444", "440"]):
    flat = np.broadcast_to(np.array([90, 160, 40], "uint8"), (height, width, 3)).copy()
    try:
        data = imagecodecs.jpeg_encode(flat, level=95, subsampling=subsampling)
    except Exception:
        continue
    name = f"jpeg_odd_{height}_{width}_{subsampling}.near.tif"
    build(name, [(basic(height, width, 8, 3, 7, 6), [data])])
    right(name, flat[None])
for kind, samples in [("sycc", 3), ("srgb", 3)]:
    data = imagecodecs.jpeg2k_encode(color, level=0, codecformat="jp2", mct=False)
    at = data.index(b"colr")
    assert data[at + 4] == 1
    data = data[: at + 7] + struct.pack(">I", 18 if kind == "sycc" else 16) + data[at + 11 :]
    build(f"jp2_{kind}.tif", [(basic(Y, X, 8, samples, 33005, 2), [data])])
    if kind == "sycc":
        refused("jp2_sycc.tif", "luminance and chrominance")
    else:
        right("jp2_srgb.tif", color[None])


# Instruments: a header in the description; a predictor that is not used
def scanimage(name, text, expected, pages=volume.astype("int16")):
    tifffile.imwrite(name, pages, photometric="minisblack", metadata=None, description=text)
    right(name, expected)


two = volume.astype("int16").reshape(3, 2, Y, X).transpose(0, 2, 3, 1)
scanimage("scanimage_3.tif", "state.configName='x'\rstate.acq.numberOfChannelsSave=2\rstate.acq.numberOfZSlices=3\rstate.acq.numberOfFrames=1\r", two)
scanimage("scanimage_3_frames.tif", "state.configName='x'\rstate.acq.numberOfChannelsSave=2\rstate.acq.numberOfZSlices=1\rstate.acq.numberOfFrames=3\r", two)
scanimage("scanimage_4.tif", "scanimage.SI4.channelsSave = [1;2]\nscanimage.SI4.stackNumSlices = 3\n", two)
scanimage("scanimage_2015.tif", "frameNumbers = 1\nscanimage.SI.hChannels.channelSave = [1;3]\nscanimage.SI.hStackManager.numSlices = 3\n", two)
scanimage("scanimage_2015_one.tif", "frameNumbers = 1\nscanimage.SI.hChannels.channelSave = 1\nscanimage.SI.hStackManager.numSlices = 6\n", stack(volume.astype("int16")))
for compression in [1, 5]:
    info = bytearray(512)
    struct.pack_into("<I9i3I", info, 0, 0x0400494C, 512, X, Y, 2, 1, 1, 2, 32, 32, 0, 0, 0)
    struct.pack_into("<ddd", info, 40, 1e-7, 2e-7, 5e-7)
    pages = []
    for at in range(2):
        data = volume[at] if compression == 1 else np.diff(volume[at], axis=1, prepend=volume[at][:, :1] * 0)
        tags = basic(Y, X, 16, 1, compression, c254=(4, 0), c317=(3, 2))
        if at == 0:
            tags[34412] = (1, list(info))
        pages += [(tags, [data.tobytes() if compression == 1 else imagecodecs.lzw_encode(data.tobytes())]), (basic(8, 8, 8, 3, 1, 2, c254=(4, 1)), [bytes(192)])]
    build(f"zeiss_predictor_{compression}.lsm", pages)
    right(f"zeiss_predictor_{compression}.lsm", stack(volume[:2]), size=MICROMETERS)

# TIFFs of Pillow and OpenCV
for mode, values in {"L": gray, "I;16": volume[0], "I;16B": volume[0], "I": volume[0].astype("int32"), "F": volume[0].astype("float32"), "RGB": color, "RGBA": np.dstack([color, gray]), "LA": np.dstack([gray, gray]), "CMYK": np.dstack([color, gray]), "1": gray > 99}.items():
    for compression in [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"]:
        image = Image.fromarray(values.astype(">u2") if mode == "I;16B" else values, mode=mode if mode in ("CMYK", "LA") else None)
        name = f"pillow_{mode.replace(';', '_')}_{compression}.tif"
        try:
            image.save(name, compression=compression)
        except Exception:
            continue
        right(name, image_of(tifffile.imread(name)))
for dtype, samples, compression in itertools.product(["uint8", "uint16", "float32", "float64"], [1, 3, 4], [1, 5, 8, 32946]):
    values = pixels(dtype, Y, X) if samples == 1 else pixels(dtype, Y, X, samples)
    name = f"opencv_{dtype}_{samples}_{compression}.tif"
    # Red and blue are exchanged when they are written.
    stored = values if samples == 1 else np.ascontiguousarray(values[..., [2, 1, 0, 3][:samples]])
    cv2.imwrite(name, stored, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    right(name, image_of(values))
cv2.imwritemulti("opencv_pages.tif", list(volume))
right("opencv_pages.tif", stack(volume))

# Zarr, N5: an array that is asked for by its place has the axes and sizes that the group above says
kinds = dict(t="time", c="channel")


def axes_of(letters, unit="micrometer"):
    return [{"name": letter, "type": kinds.get(letter, "space"), **({} if letter in kinds else {"unit": unit})} for letter in letters]


def scale_of(letters, factor=1):
    return [{"type": "scale", "scale": [{"z": 0.5, "y": 0.2 * factor, "x": 0.1 * factor}.get(letter, 1.0) for letter in letters]}]


for version, letters, level in itertools.product(["0.4", "0.5"], ["tczyx", "czyx", "zyxc", "xyzc"], [0, 1]):
    sizes = dict(t=1, z=4, y=Y, x=X, c=2)
    values = pixels("uint16", *(sizes[letter] for letter in letters))
    missing = "".join(letter for letter in "tzyxc" if letter not in letters)
    expected = np.einsum(f"{missing}{letters}->tzyxc", values.reshape([1] * (5 - len(letters)) + list(values.shape)))[0]
    for place in ["", "A/1/0/"]:
        if place and letters != "tczyx":
            continue
        name = f"asked_{version}_{letters}_{level}{'_deep' if place else ''}.zarr"
        group = zarr.open_group(name, mode="w", zarr_format=3 if version == "0.5" else 2)
        if place:
            group = group.create_group(place.strip("/"))
        image = {"axes": axes_of(letters), "datasets": [{"path": f"s{at}", "coordinateTransformations": scale_of(letters, 2**at)} for at in range(2)]}
        for at in range(2):
            group.create_array(f"s{at}", data=values + at)
        group.attrs.update({"ome": {"version": version, "multiscales": [image]}} if version == "0.5" else {"multiscales": [{"version": version, **image}]})
        right(name, expected + level, asked={"inside": f"{place}s{level}" if letters != "czyx" else f"{place}s{level}".replace("/", ".")}, size={"z": 0.5, "y": 0.2 * 2**level, "x": 0.1 * 2**level, "unit": "µm"})
for version in ["0.1", "0.2"]:
    name = f"asked_{version}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=2)
    group.create_array("0", data=channels[None], chunks=(1, 1, 1, 16, 32))
    group.attrs["multiscales"] = [{"version": version, "datasets": [{"path": "0"}]}]
    right(name, zyxc, asked={"inside": "0"})
group = zarr.open_group("asked_beside.zarr", mode="w", zarr_format=2)
group.create_array("0", data=channels)
group.create_array("other", data=volume)
group.attrs["multiscales"] = [{"version": "0.4", "axes": axes_of("czyx"), "datasets": [{"path": "0", "coordinateTransformations": scale_of("czyx")}]}]
right("asked_beside.zarr", stack(volume), asked={"inside": "other"}, size=None)
shutil.copytree("asked_beside.zarr", "asked_label.zarr")
group = zarr.open_group("asked_label.zarr", mode="a").create_group("labels/cells")
group.create_array("0", data=volume // 9)
group.attrs["multiscales"] = [{"version": "0.4", "axes": axes_of("zyx", "nanometer"), "datasets": [{"path": "0", "coordinateTransformations": scale_of("zyx")}]}]
right("asked_label.zarr", stack(volume // 9), asked={"inside": "labels/cells/0"}, size={**MICROMETERS, "unit": "nm"})
for place, words in {"nowhere": "holds no array nowhere", "../asked_beside.zarr/0": "holds no array"}.items():
    name = f"asked_for_{'nothing' if place == 'nowhere' else 'outside'}.zarr"
    shutil.copytree("asked_beside.zarr", name)
    refused(name, words, asked={"inside": place})
for kind, transformations in {
    "sequence": [{"type": "sequence", "transformations": [*scale_of("zyx"), {"type": "translation", "translation": [1, 1, 1]}]}],
    "translated": [*scale_of("zyx"), {"type": "translation", "translation": [1, 1, 1]}],
}.items():
    name = f"ngff_{kind}.zarr"
    group = zarr.open_group(name, mode="w", zarr_format=3)
    group.create_array("0", data=volume)
    group.attrs["ome"] = {"version": "0.6", "multiscales": [{"coordinateSystems": [{"name": "physical", "axes": axes_of("zyx")}], "datasets": [{"path": "0", "coordinateTransformations": transformations}]}]}
    right(name, stack(volume), size=MICROMETERS)
name = "ngff_scaled_twice.zarr"
group = zarr.open_group(name, mode="w", zarr_format=2)
group.create_array("0", data=volume)
group.attrs["multiscales"] = [{"version": "0.4", "axes": axes_of("zyx"), "coordinateTransformations": [{"type": "scale", "scale": [0.1, 0.1, 0.1]}], "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [5, 2, 1]}]}]}]
right(name, stack(volume), size=MICROMETERS)
name = "ngff_units_differ.zarr"
group = zarr.open_group(name, mode="w", zarr_format=2)
group.create_array("0", data=volume)
group.attrs["multiscales"] = [{"version": "0.4", "axes": [{"name": "z", "type": "space", "unit": "nanometer"}, *axes_of("yx")], "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [500, 0.2, 0.1]}]}]}]
right(name, stack(volume), size=MICROMETERS)
# The OME axes come before the names of the dimensions
name = "ngff_names_contradict.zarr"
group = zarr.open_group(name, mode="w", zarr_format=3)
group.create_array("0", data=channels, dimension_names=["z", "c", "y", "x"])
group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes_of("czyx"), "datasets": [{"path": "0", "coordinateTransformations": scale_of("czyx")}]}]}
right(name, zyxc)
for names in [["slice", "row", "column"], ["depth", "height", "width"], ["plane", "row", "col"], ["a", "b", "c"]]:
    name = f"zarr3_names_{'_'.join(names)}.zarr"
    zarr.create_array(name, data=volume, dimension_names=names)
    right(name, stack(volume))
name = "zarr3_names_row_first.zarr"
zarr.create_array(name, data=np.ascontiguousarray(zyxc), dimension_names=["slice", "row", "column", "channel"])
right(name, zyxc)
name = "zarr3_names_column_first.zarr"
zarr.create_array(name, data=volume.transpose(2, 1, 0).copy(), dimension_names=["column", "row", "slice"])
right(name, stack(volume))


def n5(folder, values, **attributes):
    os.makedirs(folder, exist_ok=True)
    json.dump({"dimensions": list(values.shape[::-1]), "blockSize": list(values.shape[::-1]), "dataType": values.dtype.name, "compression": {"type": "raw"}, **attributes}, open(f"{folder}/attributes.json", "w"))
    path = os.path.join(folder, *["0"] * values.ndim)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(struct.pack(">HH", 0, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape[::-1]) + values.astype(values.dtype.newbyteorder(">")).tobytes())


zcyx = channels.transpose(1, 0, 2, 3).copy()
for kind, axes, values, resolution, expected in [
    ("of_each_axis", ["x", "y", "c", "z"], zcyx, [0.1, 0.2, 1, 0.5], zyxc),
    ("of_space", ["x", "y", "c", "z"], zcyx, [0.1, 0.2, 0.5], zyxc),
    ("last_channels", ["x", "y", "z", "c"], channels, [0.1, 0.2, 0.5, 1], zyxc),
    ("zyx", ["z", "y", "x"], volume.transpose(2, 1, 0).copy(), [0.5, 0.2, 0.1], stack(volume)),
    ("unnamed", None, volume, [0.1, 0.2, 0.5], stack(volume)),
]:
    for key in ["pixelResolution", "resolution"]:
        name = f"n5_size_{kind}_{key}.n5"
        said = {"pixelResolution": {"dimensions": resolution, "unit": "um"}} if key == "pixelResolution" else {"resolution": resolution, "units": ["um"] * len(resolution)}
        n5(f"{name}/c0/s0", values, **said, **({"axes": axes} if axes else {}))
        right(name, expected, size=MICROMETERS)
for asked in [None, {"inside": "em/s0"}]:
    name = f"n5_open_organelle{'_asked' if asked else ''}.n5"
    n5(f"{name}/em/s0", volume)
    n5(f"{name}/em/s1", volume[::2, ::2, ::2].copy())
    levels = [{"path": f"s{at}", "transform": {"axes": ["z", "y", "x"], "scale": [500.0 * 2**at, 200.0 * 2**at, 100.0 * 2**at], "translate": [0, 0, 0], "units": ["nm"] * 3}} for at in range(2)]
    json.dump({"multiscales": [{"name": "em", "datasets": levels}]}, open(f"{name}/em/attributes.json", "w"))
    right(name, stack(volume), asked=asked, size={"z": 500, "y": 200, "x": 100, "unit": "nm"})
# Zarr 3 with numcodecs' filters
for kind, codec, dtype in [
    ("delta", zarr3_numcodecs.Delta(dtype="<u2"), "uint16"),
    ("delta_cast", zarr3_numcodecs.Delta(dtype="<u2", astype="<i4"), "uint16"),
    ("scaled", zarr3_numcodecs.FixedScaleOffset(offset=3, scale=10, dtype="<f8", astype="<i4"), "float64"),
    ("quantized", zarr3_numcodecs.Quantize(digits=2, dtype="<f4"), "float32"),
    ("rounded", zarr3_numcodecs.BitRound(keepbits=7), "float32"),
    ("cast", zarr3_numcodecs.AsType(encode_dtype="<f4", decode_dtype="<f8"), "float64"),
]:
    name = f"zarr3_filter_{kind}.zarr"
    values = pixels(dtype, 6, Y, X)
    try:
        array = zarr.create_array(name, shape=values.shape, dtype=dtype, chunks=(4, 16, 32), filters=[codec])
        array[...] = values
        found = zarr.open(name, mode="r")[...]
    except Exception:
        shutil.rmtree(name, ignore_errors=True)
        continue
    right(name, stack(found))

# HDF5: names, sizes, types that the rest does not have
for dtype in [">f2", ">i2", ">u8", "<f2"]:
    values = pixels(np.dtype(dtype).newbyteorder("=").name, 4, Y, X).astype(dtype)
    for chunks in [None, (2, 16, 32)]:
        name = f"h5_order_{'be' if dtype[0] == '>' else 'le'}_{dtype[1:]}_{'chunks' if chunks else 'whole'}.h5"
        with h5py.File(name, "w") as file:
            file.create_dataset("raw", data=values, chunks=chunks, **(dict(compression="gzip", shuffle=True) if chunks else {}))
        right(name, stack(values))
for labels in [["slice", "row", "column"], ["depth", "height", "width"], ["", "", ""], ["z", "", "x"]]:
    name = f"h5_labels_{'_'.join(labels)}.h5"
    with h5py.File(name, "w") as file:
        data = file.create_dataset("data", data=volume)
        for axis, label in enumerate(labels):
            data.dims[axis].label = label
    right(name, stack(volume))
with h5py.File("h5_labels_column_first.h5", "w") as file:
    data = file.create_dataset("data", data=volume.transpose(2, 1, 0).copy())
    for axis, label in enumerate(["column", "row", "slice"]):
        data.dims[axis].label = label
right("h5_labels_column_first.h5", stack(volume))
for letters in ["zcyx", "czyx", "tczyx", "xyzc", "yxzc", "cyx"]:
    values = pixels("uint16", *(dict(t=1, z=4, y=Y, x=X, c=2)[letter] for letter in letters))
    missing = "".join(letter for letter in "tzyxc" if letter not in letters)
    name = f"h5_scales_{letters}.h5"
    with h5py.File(name, "w") as file:
        file["raw"] = values
        for axis, letter in enumerate(letters):
            file[f"axes/{letter}"] = np.arange(values.shape[axis]) * 0.1
            file[f"axes/{letter}"].make_scale(letter)
            file["raw"].dims[axis].attach_scale(file[f"axes/{letter}"])
    right(name, np.einsum(f"{missing}{letters}->tzyxc", values.reshape([1] * (5 - len(letters)) + list(values.shape)))[0])
for kind, size in {"whole": [0.5, 0.2, 0.1], "plane": [0.2, 0.1], "zeros": [0, 0, 0], "texts": None}.items():
    name = f"h5_size_{kind}.h5"
    with h5py.File(name, "w") as file:
        data = file.create_dataset("raw", data=volume[0] if kind == "plane" else volume)
        data.attrs["element_size_um"] = "0.5 0.2 0.1" if size is None else size
    right(name, plane(volume[0]) if kind == "plane" else stack(volume), size={"whole": MICROMETERS, "plane": {"y": 0.2, "x": 0.1, "unit": "µm"}}.get(kind))
for place in ["raw.v1", "größe µ/raw", "a b/c,d#e%20f", "x" * 200, "0/1/2/3"]:
    for form in ["asked", "found"]:
        name = f"h5_place_{['raw.v1', 'größe µ/raw', 'a b/c,d#e%20f', 'x' * 200, '0/1/2/3'].index(place)}_{form}.h5"
        with h5py.File(name, "w") as file:
            file.create_dataset(place, data=volume, chunks=(2, 9, 9), compression="gzip")
            file["masks"] = volume // 2
        right(name, stack(volume), asked={"inside": place} if form == "asked" else None)
with h5py.File("h5_asked_for_a_group.h5", "w") as file:
    file["volumes/raw"] = volume
refused("h5_asked_for_a_group.h5", "holds no dataset volumes", asked={"inside": "volumes"})
with h5py.File("imaris_micro.ims", "w") as file:
    info = file.create_group("DataSetInfo/Image")
    text = lambda value: np.frombuffer(str(value).encode(), dtype="S1")
    for key, value in dict(X=X, Y=Y, Z=4, ExtMin0=1, ExtMin1=-1, ExtMin2=0, ExtMax0=1 + X * 0.1, ExtMax1=-1 + Y * 0.2, ExtMax2=2.0, Unit="µm").items():
        info.attrs[key] = text(value)
    file.create_dataset("DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data", data=np.pad(channels[0], ((0, 0), (0, 45), (0, 29))), chunks=(4, 32, 32))
right("imaris_micro.ims", stack(channels[0]), size=MICROMETERS)

# Axes that the configuration names, for every format that does not name its own
for letters in itertools.permutations("zyxc"):
    letters = "".join(letters)
    values = pixels("uint16", *(dict(z=4, y=Y, x=X, c=2)[letter] for letter in letters))
    expected = np.einsum(f"{letters}->zyxc", values)
    np.save(f"axes_{letters}.npy", values)
    right(f"axes_{letters}.npy", expected, asked={"axes": letters.upper()})
    with h5py.File(f"axes_{letters}.h5", "w") as file:
        file.create_dataset("raw", data=values, chunks=True, compression="lzf")
    right(f"axes_{letters}.h5", expected, asked={"axes": letters.upper()})
    zarr.create_array(f"axes_{letters}.zarr", data=values, chunks=(2, 3, 4, 5), zarr_format=2, order="F")
    right(f"axes_{letters}.zarr", expected, asked={"axes": letters})
for letters in ["TCZYX", "TZYXC", "CZTYX", "XYZCT"]:
    values = pixels("float32", *(dict(T=1, Z=4, Y=Y, X=X, C=2)[letter] for letter in letters))
    np.save(f"axes_{letters}.npy", np.asfortranarray(values))
    right(f"axes_{letters}.npy", np.einsum(f"{letters.lower()}->tzyxc", values)[0], asked={"axes": letters})
for letters, words in {"QYX": "do not fit", "ZZX": "do not fit", "YX": "names 2 axes", "ZCX": "lack Y"}.items():
    np.save(f"axes_wrong_{letters}.npy", volume)
    refused(f"axes_wrong_{letters}.npy", words, asked={"axes": letters})

# NIfTI: units, sizes, axes of one entry, headers whose later sizes have no meaning
for kind, unit, expected in [("micron", "micron", "µm"), ("mm", "mm", "mm"), ("meter", "meter", "m"), ("unknown", "unknown", None)]:
    image = nibabel.Nifti1Image(volume.transpose(2, 1, 0), np.diag([-0.1, 0.2, 0.5, 1]))
    image.header.set_xyzt_units(unit, "sec")
    nibabel.save(image, f"nifti_unit_{kind}.nii.gz")
    right(f"nifti_unit_{kind}.nii.gz", stack(volume), size=expected and {**MICROMETERS, "unit": expected})
nibabel.save(nibabel.Nifti1Image(volume.transpose(2, 1, 0), np.eye(4)), "nifti_later_sizes.nii")
with open("nifti_later_sizes.nii", "r+b") as file:
    file.seek(48)
    file.write(struct.pack("<4h", 9, 0, -1, 7))
right("nifti_later_sizes.nii", stack(volume))

# PNG: passes of small pictures, filters of every depth
for (height, width), (dtype, samples) in itertools.product([(1, 1), (2, 3), (4, 5), (5, 4), (7, 1), (1, 9), (8, 8)], [("uint8", 1), ("uint8", 3), ("uint16", 2), ("uint16", 4)]):
    values = rng.integers(0, np.iinfo(dtype).max, (height, width, samples)).astype(dtype)
    adam = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(b"\0" + values[y, x0::dx].astype(values.dtype.newbyteorder(">")).tobytes() for x0, y0, dx, dy in adam if x0 < width for y in range(y0, height, dy))
    chunk = lambda tag, data: struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    head = struct.pack(">IIBBBBB", width, height, 8 * values.itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[samples], 0, 0, 1)
    name = f"png_small_{height}_{width}_{dtype}_{samples}.png"
    data = zlib.compress(rows)
    # In several chunks, one of them empty.
    open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data[:3]) + chunk(b"IDAT", b"") + chunk(b"IDAT", data[3:]) + chunk(b"IEND", b""))
    assert dtype == "uint16" or np.array_equal(np.squeeze(imageio.imread(name)), np.squeeze(values)), name
    right(name, values[None])
for kind, (dtype, samples) in itertools.product(range(5), [("uint8", 1), ("uint8", 2), ("uint8", 4), ("uint16", 1), ("uint16", 3)]):
    values = pixels(dtype, Y, X, samples)
    raw = np.frombuffer(values.astype(values.dtype.newbyteorder(">")).tobytes(), "uint8").reshape(Y, -1).astype(int)
    step = samples * values.itemsize
    left, above = np.pad(raw, ((0, 0), (step, 0)))[:, :-step], np.pad(raw, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(raw, ((1, 0), (step, 0)))[:-1, :-step]
    far = [abs(left + above - corner - each) for each in (left, above, corner)]
    paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], above, corner))
    rest = (raw - [0 * left, left, above, (left + above) // 2, paeth][kind]).astype("uint8")
    head = struct.pack(">IIBBBBB", X, Y, 8 * values.itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[samples], 0, 0, 0)
    name = f"png_filter_{kind}_{dtype}_{samples}.png"
    open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(bytes([kind]) + row.tobytes() for row in rest))) + chunk(b"IEND", b""))
    right(name, values[None])

# BMP of odd widths; what is inside of others
for width, bits in itertools.product([1, 2, 3, 5, 7, 8, 9, 31, 33], [1, 4, 8, 24]):
    values = rng.integers(0, 2 ** min(bits, 8), (5, width, 3) if bits == 24 else (5, width)).astype("uint8")
    palette = b"" if bits == 24 else rng.integers(0, 256, (2**bits, 4)).astype("uint8").tobytes()
    used = -(-width * bits // 32) * 4
    rows = b"".join((row[:, ::-1].tobytes() if bits == 24 else packed(row[None], bits)).ljust(used, b"\0") for row in values[::-1])
    start = 54 + len(palette)
    head = struct.pack("<IiiHHIIiiII", 40, width, 5, 1, bits, 0, len(rows), 0, 0, 0, 0)
    name = f"bmp_odd_{width}_{bits}.bmp"
    open(name, "wb").write(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + palette + rows)
    found = np.asarray(Image.open(name).convert("RGB"))
    right(name, found[None])
for compression, words in {4: "a JPEG inside", 5: "a PNG inside", 2: "run-length", 11: "compression 11"}.items():
    name = f"bmp_compression_{compression}.bmp"
    open(name, "wb").write(b"BM" + struct.pack("<IHHI", 200, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 9, 5, 1, 24, compression, 140, 0, 0, 0, 0) + bytes(140))
    refused(name, words)

# Names of files that shells, URLs and Windows read otherwise
for at, name in enumerate(["a b", "50%25", "c#1", "größe µm", "画像", "x;y&z", "q'uote", "~tilde", "-dash", "[1]", "{2}", "a.b.c", "+plus", "@at!"]):
    tifffile.imwrite(f"{name}.tif", volume + at, photometric="minisblack", metadata=None)
    right(f"{name}.tif", stack(volume + at))
    with h5py.File(f"{name}.h5", "w") as file:
        file.create_dataset("raw", data=volume + at, chunks=(2, 9, 9), compression="gzip")
    right(f"{name}.h5", stack(volume + at))
    zarr.create_array(f"{name}.zarr", data=volume + at, chunks=(2, 9, 9), zarr_format=2 + at % 2)
    right(f"{name}.zarr", stack(volume + at))
