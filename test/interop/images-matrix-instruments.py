"""TIFFs as instruments and slide scanners write them, rare compressions and layouts, each with its pixels beside it.

    python images-matrix-instruments.py FOLDER

The files are as those of images-matrix.py; tifffile reads back what it can, and the rest is built by hand from the formats' descriptions.
"""

import itertools
import json
import struct
import warnings
import zlib

import imagecodecs
import numpy as np
import tifffile

from image_files import X, Y, pixels, plane, refused, right, rng, stack
from tiff_by_hand import basic, build

warnings.filterwarnings("ignore")


def same(name, expected, key=None):
    found = tifffile.imread(name, key=key)
    assert np.array_equal(np.squeeze(found), np.squeeze(expected)), name


# Pictures inside TIFFs: JPEG 2000, WebP, LERC, PNG, which imagecodecs encodes and decodes
for code, dtype, samples in itertools.product([33003, 33004, 33005, 34712], ["uint8", "uint16", "int16"], [1, 3]):
    values = pixels(dtype, Y, X) if samples == 1 else pixels(dtype, Y, X, samples)
    name = f"jpeg2000_{code}_{dtype}_{samples}.tif"
    tifffile.imwrite(name, values, compression=code, tile=(16, 32), photometric="rgb" if samples == 3 else "minisblack")
    same(name, values)
    right(name, plane(values) if samples == 1 else values[None])
values = pixels("uint8", 96, 96, 3)
tifffile.imwrite("jpeg2000_lossy.tif", values, compression=33005, compressionargs={"level": 40}, tile=(48, 48), photometric="rgb")
right("jpeg2000_lossy.tif", tifffile.imread("jpeg2000_lossy.tif")[None])
for samples in [2, 4]:
    tifffile.imwrite(f"jpeg2000_{samples}_samples.tif", pixels("uint8", Y, X, samples), compression=33005, tile=(16, 32), photometric="minisblack", planarconfig="contig")
    refused(f"jpeg2000_{samples}_samples.tif", f"JPEG 2000 with {samples} samples a pixel")
tifffile.imwrite("jpeg2000_int8.tif", pixels("int8", Y, X), compression=33005)
refused("jpeg2000_int8.tif", "signed 8-bit")
tifffile.imwrite("jpeg2000_uint32.tif", pixels("uint32", Y, X), compression=33005)
refused("jpeg2000_uint32.tif", "JPEG 2000")
yuv = pixels("uint8", 32, 32, 3)
build("jpeg2000_aperio_ycbcr.tif", [(basic(32, 32, 8, 3, 33003, 2, c322=(4, 32), c323=(4, 32)), [imagecodecs.jpeg2k_encode(yuv, level=0, codecformat="j2k", mct=False)])])
refused("jpeg2000_aperio_ycbcr.tif", "luminance and chrominance")
code = imagecodecs.jpeg2k_encode(pixels("uint8", Y, X), level=0)
build("jpeg2000_damaged.tif", [(basic(Y, X, 8, 1, 33005), [code[: len(code) // 2]])])
refused("jpeg2000_damaged.tif", "damaged")
for samples, lossless, tile in itertools.product([3, 4], [True, False], [None, (32, 32)]):
    values = pixels("uint8", Y, X, samples)
    name = f"webp_{samples}_{lossless}_{'tile' if tile else 'strip'}.tif"
    tifffile.imwrite(name, values, compression="webp", compressionargs={"lossless": lossless, "level": 80}, photometric="rgb", tile=tile, rowsperstrip=None if tile else 7)
    right(name, tifffile.imread(name)[None])
for dtype, extra, samples in itertools.product(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"], [None, "deflate", "zstd"], [1, 3]):
    values = pixels(dtype, Y, X) if samples == 1 else pixels(dtype, Y, X, samples)
    name = f"lerc_{dtype}_{extra}_{samples}.tif"
    tifffile.imwrite(name, values, compression="lerc", compressionargs={"compression": extra} if extra else {}, tile=(16, 16) if samples == 3 else None, photometric="rgb" if samples == 3 else "minisblack")
    same(name, values)
    right(name, plane(values) if samples == 1 else values[None])
values = pixels("uint16", Y, X)
# As libtiff does, the bytes of values are swapped before they are encoded.
build("lerc_big_endian.tif", [(basic(Y, X, 16, 1, 34887), [imagecodecs.lerc_encode(values.byteswap())])], ">")
same("lerc_big_endian.tif", values)
right("lerc_big_endian.tif", plane(values))
build("jpeg2000_big_endian.tif", [(basic(Y, X, 16, 1, 34712), [imagecodecs.jpeg2k_encode(values, level=0)])], ">")
right("jpeg2000_big_endian.tif", plane(values))
for dtype, samples in itertools.product(["uint8", "uint16"], [1, 2, 3, 4]):
    values = pixels(dtype, Y, X) if samples == 1 else pixels(dtype, Y, X, samples)
    name = f"png_in_tiff_{dtype}_{samples}.tif"
    tifffile.imwrite(name, values, compression="png", photometric="rgb" if samples > 2 else "minisblack", planarconfig="contig" if samples > 1 else None)
    same(name, values)
    right(name, plane(values) if samples == 1 else values[None])
for code, words in [(2, "CCITT"), (3, "CCITT fax 3"), (4, "CCITT fax 4"), (6, "old-style JPEG"), (34892, "lossy JPEG"), (50002, "JPEG XL"), (12345, "compression 12345")]:
    build(f"refused_code_{code}.tif", [(basic(Y, X, 1 if code < 5 else 8, 1, code), [bytes(99)])])
    refused(f"refused_code_{code}.tif", f"compressed by {words}")

# JPEG: 12 bits, lossless, shared tables, CMYK, subsampling
flat = np.full((32, 64, 3), 90, "uint8")
flat[:, 32:] = [200, 60, 120]
for across, down in [(1, 1), (2, 1), (2, 2), (4, 1)]:
    name = f"jpeg_subsampled_{across}{down}.near.tif"
    tifffile.imwrite(name, flat, photometric="rgb", compression="jpeg", compressionargs={"level": 95}, subsampling=(across, down), tile=(32, 64))
    right(name, flat[None])
tifffile.imwrite("jpeg_12_bits.tif", pixels("uint16", Y, X) % 4096, compression="jpeg")
refused("jpeg_12_bits.tif", "JPEG of more than 8 bits")
build("jpeg_lossless.tif", [(basic(Y, X, 8, 1, 7), [imagecodecs.ljpeg_encode(pixels("uint8", Y, X))])])
refused("jpeg_lossless.tif", "lossless JPEG")
gray = (np.add.outer(np.arange(Y), np.arange(X)) % 200 + 20).astype("uint8")


def without_tables(whole):
    """A JPEG's tables, as TIFF keeps them, and the rest of it."""
    at, tables, rest = 2, b"", b""
    while whole[at + 1] != 0xDA:
        length = 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        segment = whole[at : at + length]
        if segment[1] in (0xDB, 0xC4):
            tables += segment
        else:
            rest += segment
        at += length
    return b"\xff\xd8" + tables + b"\xff\xd9", b"\xff\xd8" + rest + whole[at:]


whole = imagecodecs.jpeg_encode(gray, level=90)
tables, rest = without_tables(whole)
build("jpeg_tables.tif", [(basic(Y, X, 8, 1, 7, c347=(7, tables)), [rest])])
colored = [without_tables(imagecodecs.jpeg_encode(np.full((16, 16, 3), color, "uint8"), level=95, subsampling="420")) for color in [(90, 200, 30), (200, 60, 120), (10, 20, 230), (250, 250, 90)]]
build("jpeg_tables_420.near.tif", [({**basic(16, 64, 8, 3, 7, 6, c322=(4, 16), c323=(4, 16), c530=(3, [2, 2])), 347: (7, colored[0][0])}, [rest for _, rest in colored])])
right("jpeg_tables_420.near.tif", np.repeat(np.array([[(90, 200, 30), (200, 60, 120), (10, 20, 230), (250, 250, 90)]], "uint8"), 16, 1)[None].repeat(16, 1))
same("jpeg_tables.tif", imagecodecs.jpeg_decode(whole))
right("jpeg_tables.tif", plane(imagecodecs.jpeg_decode(whole)))

# Strips and tiles: sparse, odd rows, one tile larger than the image, pieces that were left out
for tile, dtype in itertools.product([(16, 16), (48, 16), (128, 128)], ["uint8", "uint16", "float32"]):
    values = pixels(dtype, 3, 50, 70)
    name = f"tile_edges_{tile[0]}_{tile[1]}_{dtype}.tif"
    tifffile.imwrite(name, values, tile=tile, compression="zlib", predictor=2 if dtype != "float32" else 3, photometric="minisblack")
    same(name, values)
    right(name, stack(values))
values = np.zeros((64, 64), "uint16")
values[:16, :32] = pixels("uint16", 16, 32)
for order, big in itertools.product("<>", [False, True]):
    tiles = [zlib.compress(values[y : y + 16, x : x + 16].astype(order + "u2").tobytes()) if values[y : y + 16, x : x + 16].any() else b"" for y in range(0, 64, 16) for x in range(0, 64, 16)]
    tags = basic(64, 64, 16, 1, 8, c322=(4, 16), c323=(4, 16))
    del tags[278]
    name = f"sparse_tiles_{'le' if order == '<' else 'be'}_{big}.tif"
    build(name, [(tags, tiles)], order, big)
    same(name, values)
    right(name, plane(values))
values = pixels("uint8", Y, X)
build("strips_missing.tif", [(basic(Y, X, rows=5), [values[y : y + 5].tobytes() if y != 5 else b"" for y in range(0, Y, 5)])])
blank = values.copy()
blank[5:10] = 0
same("strips_missing.tif", blank)
right("strips_missing.tif", plane(blank))
build("rows_beyond.tif", [({**basic(Y, X), 278: (4, 2**32 - 1)}, [values.tobytes()])])
same("rows_beyond.tif", values)
right("rows_beyond.tif", plane(values))
for bits, samples in [(8, 3), (16, 2)]:
    values = pixels(f"uint{bits}", Y, X, samples)
    strips = [np.ascontiguousarray(values[y : y + 4, :, sample]).tobytes() for sample in range(samples) for y in range(0, Y, 4)]
    name = f"planar_strips_{bits}_{samples}.tif"
    build(name, [(basic(Y, X, bits, samples, 1, 2 if samples == 3 else 1, rows=4, c284=(3, 2)), strips)])
    same(name, np.moveaxis(values, -1, 0))
    right(name, values[None])
values = pixels("uint8", Y, X)
build("extra_alpha.tif", [(basic(Y, X, 8, 4, 1, 2, c338=(3, 2)), [pixels_of := pixels("uint8", Y, X, 4).tobytes()])])
right("extra_alpha.tif", np.frombuffer(pixels_of, "uint8").reshape(1, Y, X, 4))
build("gray_alpha.tif", [(basic(Y, X, 16, 2, 1, 1, c338=(3, 1)), [pixels_of := pixels("uint16", Y, X, 2).tobytes()])])
right("gray_alpha.tif", np.frombuffer(pixels_of, "uint16").reshape(1, Y, X, 2))
build("cmyk.tif", [(basic(Y, X, 8, 4, 1, 5), [pixels_of := pixels("uint8", Y, X, 4).tobytes()])])
right("cmyk.tif", np.frombuffer(pixels_of, "uint8").reshape(1, Y, X, 4))
build("void_format.tif", [(basic(Y, X, 16, 1, 1, 1, c339=(3, 4)), [values.astype("uint16").tobytes()])])
right("void_format.tif", plane(values.astype("uint16")))
build("ycbcr_plain.tif", [(basic(32, 32, 8, 3, 1, 6, c530=(3, [2, 2])), [bytes(32 * 32 * 3 // 2)])])
refused("ycbcr_plain.tif", "luminance and chrominance")
build("ycbcr_whole.tif", [(basic(32, 32, 8, 3, 1, 6, c530=(3, [1, 1])), [bytes(32 * 32 * 3)])])
refused("ycbcr_whole.tif", "luminance and chrominance")
build("lzw_old.tif", [(basic(Y, X, 8, 1, 5), [b"\x00\x03\x05" + bytes(99)])])
refused("lzw_old.tif", "LZW of TIFF before 5.0")
build("complex_int.tif", [(basic(Y, X, 32, 1, 1, 1, c339=(3, 5)), [bytes(Y * X * 4)])])
refused("complex_int.tif", "complex")
build("samples_differ.tif", [({**basic(Y, X, 8, 3, 1, 2), 258: (3, [8, 8, 16])}, [bytes(Y * X * 4)])])
refused("samples_differ.tif", "samples differ")
for orientation in [1, 2, 3, 6]:
    build(f"orientation_{orientation}.tif", [(basic(Y, X, c274=(3, orientation)), [values.tobytes()])])
    same(f"orientation_{orientation}.tif", values)
    right(f"orientation_{orientation}.tif", plane(values))

# Pyramids: levels as sub-images, as later pages marked or not; label and macro images behind
image = pixels("uint16", 4, 128, 96)
with tifffile.TiffWriter("pyramid_sub_images.tif") as file:
    file.write(image, subifds=2, tile=(32, 32), photometric="minisblack", metadata={"axes": "ZYX"})
    for step in (2, 4):
        file.write(image[:, ::step, ::step], subfiletype=1, tile=(32, 32), photometric="minisblack")
same("pyramid_sub_images.tif", image)
right("pyramid_sub_images.tif", stack(image))
for compression in [None, "zlib", "zstd"]:
    with tifffile.TiffWriter(f"pyramid_{compression}.ome.tif", bigtiff=True) as file:
        file.write(image, subifds=2, tile=(32, 32), compression=compression, photometric="minisblack", metadata={"axes": "CYX", "PhysicalSizeX": 0.3, "PhysicalSizeXUnit": "µm"})
        for step in (2, 4):
            file.write(image[:, ::step, ::step], subfiletype=1, tile=(32, 32), compression=compression, photometric="minisblack")
    right(f"pyramid_{compression}.ome.tif", image.transpose(1, 2, 0)[None])
slide = pixels("uint8", 128, 192, 3)
with tifffile.TiffWriter("pyramid_marked.tif") as file:
    file.write(slide, tile=(64, 64), photometric="rgb", metadata=None)
    for step in (2, 4):
        file.write(slide[::step, ::step], subfiletype=1, tile=(32, 32), photometric="rgb", metadata=None)
right("pyramid_marked.tif", slide[None])
# Aperio SVS: the image, a thumbnail, levels, label and macro
with tifffile.TiffWriter("slide.svs") as file:
    text = "Aperio Image Library v11.2.1\r\n192x128 [0,0 192x128] (64x64) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990"
    file.write(slide, tile=(64, 64), photometric="rgb", metadata=None, description=text)
    file.write(slide[::3, ::3], photometric="rgb", metadata=None, description="Aperio Image Library\r\n192x128 -> 64x43 - |AppMag = 20|MPP = 0.4990", rowsperstrip=16)
    file.write(slide[::2, ::2], tile=(32, 32), photometric="rgb", metadata=None, description="Aperio Image Library level")
    file.write(pixels("uint8", 90, 100, 3), photometric="rgb", metadata=None, subfiletype=1, description="Aperio Image Library\r\nlabel 100x90")
    file.write(pixels("uint8", 60, 150, 3), photometric="rgb", metadata=None, subfiletype=9, description="Aperio Image Library\r\nmacro 150x60")
assert tifffile.TiffFile("slide.svs").is_svs
same("slide.svs", slide)
right("slide.svs", slide[None])
# Hamamatsu NDPI: levels that are not half, a macro image and a focus map, by the tags 65420 (format) and 65421 (magnification)
levels = [(slide, 20.0), (slide[::4, ::4], 5.0), (pixels("uint8", 30, 60, 3), -1.0), (pixels("uint8", 9, 12, 3), -2.0)]
pages = []
for level, magnification in levels:
    tags = basic(*level.shape[:2], 8, 3, 1, 2, c271=(2, "Hamamatsu"), c282=(5, [(20000, 1)]), c283=(5, [(20000, 1)]), c296=(3, 3), c65420=(4, 1))
    tags[65421] = (12, magnification)
    pages.append((tags, [level.tobytes()]))
build("slide.ndpi.tif", pages)
right("slide.ndpi.tif", slide[None])
# Leica SCN: XML names the pages of several images; the first is a macro image
scn = (
    '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection name="c" sizeX="1000" sizeY="1000">'
    '<image name="macro"><pixels sizeX="24" sizeY="16"><dimension sizeX="24" sizeY="16" r="0" ifd="0"/></pixels></image>'
    '<image name="scan"><pixels sizeX="192" sizeY="128"><dimension sizeX="192" sizeY="128" r="0" ifd="1"/></pixels></image></collection></scn>'
)
with tifffile.TiffWriter("slide_scn.tif", bigtiff=True) as file:
    file.write(slide[::8, ::8], photometric="rgb", metadata=None, description=scn)
    file.write(slide, photometric="rgb", metadata=None)
refused("slide_scn.tif", "Leica SCN")
# Ventana BIF, Philips: tiled slides whose tiles may overlap
for kind, text in [("bif", '<?xml version="1.0"?><iScan Magnification="20"/>'), ("philips", '<?xml version="1.0"?><DataObject ObjectType="DPUfsImport"><Attribute Name="DICOM_SOFTWARE_VERSIONS"/></DataObject>')]:
    tifffile.imwrite(f"slide_{kind}.tif", slide, photometric="rgb", tile=(64, 64), metadata=None, description=text, software="Philips DP" if kind == "philips" else "ScanOutputManager")
    right(f"slide_{kind}.tif", slide[None])
# PerkinElmer QPTIFF: channels as pages, then a thumbnail, levels and an overview, each said by XML
channels = pixels("uint8", 3, 128, 96)
qpi = lambda kind, name: f'<?xml version="1.0" encoding="utf-16"?><PerkinElmer-QPI-ImageDescription><ImageType>{kind}</ImageType><Name>{name}</Name></PerkinElmer-QPI-ImageDescription>'
with tifffile.TiffWriter("slide.qptiff.tif") as file:
    for channel, name in zip(channels, "abc"):
        file.write(channel, metadata=None, description=qpi("FullResolution", name), software="PerkinElmer-QPI")
    file.write(pixels("uint8", 32, 24, 3), photometric="rgb", metadata=None, description=qpi("Thumbnail", ""), software="PerkinElmer-QPI")
    for channel in channels:
        file.write(channel[::2, ::2], metadata=None, description=qpi("ReducedResolution", ""), subfiletype=1, software="PerkinElmer-QPI")
    file.write(pixels("uint8", 60, 40, 3), photometric="rgb", metadata=None, description=qpi("Overview", ""), software="PerkinElmer-QPI")
right("slide.qptiff.tif", channels.transpose(1, 2, 0)[None])

# Microscopes
volume = pixels("uint16", 6, Y, X)
# ScanImage: frames of a channel each, and a header that tells their order
for sc_channels, slices in [(1, 6), (2, 3)]:
    saved = "1" if sc_channels == 1 else "[1;2]"
    header = f"SI.hChannels.channelSave = {saved}\nSI.hStackManager.numSlices = {slices}\nSI.hStackManager.framesPerSlice = 1\nSI.VERSION_MAJOR = 2020\n"
    name = f"scanimage_{sc_channels}.tif"
    tifffile.imwrite(name, volume.astype("int16"), photometric="minisblack", metadata=None, software=header, description="frameNumbers = 1\nacquisitionNumbers = 1\n")
    full = volume.astype("int16").reshape(slices, sc_channels, Y, X)
    right(name, full.transpose(0, 2, 3, 1))
# Olympus FluoView: the tags MM_Header and MM_Stamp
def fluoview(order, *axes):
    header = struct.pack(order + "hB257siiiiii", 0, 1, b"\4name", 0, 0, 0, 0, 0, 0)
    for name, size in (("X", X), ("Y", Y), *axes):
        header += struct.pack(order + "16sidd64s", name.encode(), size, 0.0, 1.0, b"")
    header += bytes(100 * (8 - len(axes)))
    return list(header + bytes(200))


for order, (kind, axes) in itertools.product("<>", {"z": [("Z", 6)], "z_ch": [("Z", 3), ("Ch", 2)], "ch_z": [("Ch", 2), ("Z", 3)], "t": [("T", 6)]}.items()):
    name = f"fluoview_{kind}_{'le' if order == '<' else 'be'}.tif"
    build(name, [({**basic(Y, X, 16), **({34361: (1, fluoview(order, *axes)), 34362: (12, [0.0] * 8)} if at == 0 else {})}, [volume[at].astype(order + "u2").tobytes()]) for at in range(6)], order)
    assert tifffile.TiffFile(name).is_fluoview, name
    same(name, volume.reshape([size for _, size in axes[::-1]] + [Y, X]))
    right(name, stack(volume) if len(axes) == 1 else volume.reshape(2, 3, Y, X).transpose(1, 2, 3, 0) if kind == "z_ch" else volume.reshape(3, 2, Y, X).transpose(0, 2, 3, 1))
build("fluoview_too_many.tif", [({**basic(Y, X, 16), 34361: (1, fluoview("<", ("Z", 9))), 34362: (12, [0.0] * 8)}, [volume[at].tobytes()]) for at in range(2)])
refused("fluoview_too_many.tif", "FluoView header")
# Micro-Manager: ImageJ's header, OME-XML and an index behind the TIFF's
summary = {"Slices": 3, "Channels": 2, "Frames": 1, "Width": X, "Height": Y, "Positions": 1}
ome = (
    f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
    f'Type="uint16" SizeX="{X}" SizeY="{Y}" SizeC="2" SizeZ="3" SizeT="1" PhysicalSizeX="0.1"><TiffData IFD="0" PlaneCount="6"/></Pixels></Image></OME>'
)
for kind, text in [("ome", ome), ("imagej", "ImageJ=1.47v\nimages=6\nchannels=2\nslices=3\nhyperstack=true\n")]:
    tags = lambda at: {**basic(Y, X, 16), **({270: (2, text), 50839: (1, [0] * 16), 50838: (4, [12, 4])} if at == 0 else {}), 51123: (2, json.dumps({"SliceIndex": at // 2, "ChannelIndex": at % 2}))}
    build(f"micro_manager_{kind}.tif", [(tags(at), [volume[at].tobytes()]) for at in range(6)])
    right(f"micro_manager_{kind}.tif", volume.reshape(3, 2, Y, X).transpose(0, 2, 3, 1))
# MetaMorph: a series of single pages with XML; STK with planes behind the first page, and z distances
for at in range(2):
    text = '<MetaData><prop id="Description" type="string" value="Exposure"/><prop id="spatial-calibration-x" type="float" value="0.107"/></MetaData>'
    tifffile.imwrite(f"metamorph_page_{at}.tif", volume[at], metadata=None, description=text, software="MetaMorph")
    right(f"metamorph_page_{at}.tif", plane(volume[at]))
for order, planes in itertools.product("<>", [2, 6]):
    name = f"metamorph_{planes}_{'le' if order == '<' else 'be'}.stk"
    # All planes in one block, of which the page's strip is the first.
    data = volume[:planes].astype(order + "u2").tobytes()
    build(name, [({**basic(Y, X, 16), 33629: (5, [(1, 2)] * planes)}, [data])], order)
    right(name, stack(volume[:planes]))
# Zeiss LSM: a page and a thumbnail for each slice; channels apart; CZ_LSMINFO
for lsm_channels, slices, times in [(1, 6, 1), (2, 3, 1), (3, 2, 1), (1, 1, 6), (2, 1, 3)]:
    planes = pixels("uint16", slices * times, lsm_channels, Y, X)
    info = bytearray(512)
    struct.pack_into("<I9i3I", info, 0, 0x0400494C, 512, X, Y, slices, lsm_channels, times, 2, 32, 32, 0, 0, 0)
    struct.pack_into("<ddd", info, 40, 1e-7, 1e-7, 5e-7)
    pages = []
    for index, each in enumerate(planes):
        tags = basic(Y, X, 16, lsm_channels, 1, 2 if lsm_channels == 3 else 1, c254=(4, 0))
        if lsm_channels > 1:
            tags[284] = (3, 2)
        if index == 0:
            tags[34412] = (1, list(info))
        pages.append((tags, [channel.tobytes() for channel in each]))
        pages.append((basic(8, 8, 8, 3, 1, 2, c254=(4, 1)), [bytes(192)]))
    name = f"zeiss_{lsm_channels}_{slices}_{times}.lsm"
    build(name, pages)
    right(name, planes.transpose(0, 2, 3, 1))
# NIH Image, GDAL, GeoTIFF and others: what is said beside the pixels changes nothing
build("geotiff.tif", [(basic(Y, X, 16, c33550=(12, [1.0, 1.0, 0.0]), c34735=(3, [1, 1, 0, 0]), c42113=(2, "0")), [volume[0].tobytes()])])
right("geotiff.tif", plane(volume[0]))
build("two_descriptions.tif", [({**basic(Y, X, 16), 270: (2, "a sample of mine")}, [each.tobytes()]) for each in volume])
right("two_descriptions.tif", stack(volume))
tifffile.imwrite("own_description.tif", volume[None], description="a sample of mine", metadata={"axes": "CZYX"}, photometric="minisblack")
right("own_description.tif", stack(volume))
tifffile.imwrite("description_and_axes.tif", volume.reshape(3, 2, Y, X), description="words", metadata={"axes": "ZCYX"}, photometric="minisblack")
right("description_and_axes.tif", volume.reshape(3, 2, Y, X).transpose(0, 2, 3, 1))
build("odd_description.tif", [({**basic(Y, X, 16), 270: (2, b"\xff\xfe caf\xe9 {not json\0")}, [volume[0].tobytes()])])
right("odd_description.tif", plane(volume[0]))

# tifffile's own header: axes of single entries, other letters, several series
for axes, shape in {"TZCYXS": (1, 4, 1, Y, X, 3), "ZYX": (1, Y, X), "TCZYX": (1, 2, 3, Y, X), "QYX": (5, Y, X), "CZTYX": (2, 3, 1, Y, X), "TYX": (5, Y, X), "ZTCYX": (3, 1, 2, Y, X), "YXZ": (Y, X, 4), "CYXZ": (2, Y, X, 4)}.items():
    values = pixels("uint8", *shape)
    name = f"tifffile_axes_{axes}.tif"
    tifffile.imwrite(name, values, photometric="rgb" if "S" in axes else "minisblack", metadata={"axes": axes})
    letters = axes.replace("Q", "Z")
    letters = letters.replace("T", "Z") if "Z" not in letters else letters
    full = values
    for axis in "TZCYXS":
        if axis not in letters:
            full, letters = full[None], axis + letters
    full = np.einsum(f"{letters.lower()}->tzyxcs", full)
    full = full.reshape(-1, *full.shape[2:]) if 1 in full.shape[:2] else full[0]
    right(name, full.reshape(*full.shape[:3], -1))
tifffile.imwrite("tifffile_times_of_slices.tif", pixels("uint8", 3, 4, Y, X), photometric="minisblack", metadata={"axes": "TZYX"})
refused("tifffile_times_of_slices.tif", "3 time points of 4 slices")
with tifffile.TiffWriter("tifffile_two_series.tif") as file:
    file.write(volume, photometric="minisblack")
    file.write(volume[:, :9, :9], photometric="minisblack")
same("tifffile_two_series.tif", volume)
right("tifffile_two_series.tif", stack(volume))
with tifffile.TiffWriter("tifffile_series_alike.tif") as file:
    file.write(volume[:2], photometric="minisblack")
    file.write(volume[2:], photometric="minisblack")
same("tifffile_series_alike.tif", volume[:2])
right("tifffile_series_alike.tif", stack(volume[:2]))
tifffile.imwrite("tifffile_contiguous.tif", volume, photometric="minisblack", contiguous=True)
right("tifffile_contiguous.tif", stack(volume))
tifffile.imwrite("tifffile_truncated_rgb.tif", pixels_of := pixels("uint8", 4, Y, X, 3), photometric="rgb", truncate=True)
right("tifffile_truncated_rgb.tif", pixels_of)
with tifffile.TiffWriter("tifffile_truncated_and_another.tif") as file:
    file.write(volume, photometric="minisblack", truncate=True)
    file.write(pixels_of, photometric="rgb")
right("tifffile_truncated_and_another.tif", stack(volume))
tifffile.imwrite("tifffile_volumetric.tif", pixels_of := pixels("uint8", 16, 32, 48), volumetric=True, tile=(16, 16, 16), photometric="minisblack")
refused("tifffile_volumetric.tif", "ImageDepth")
tifffile.imwrite("imagej_times.tif", pixels_of := pixels("uint16", 5, 1, 1, Y, X), imagej=True, metadata={"axes": "TZCYX", "finterval": 2.0})
right("imagej_times.tif", stack(pixels_of[:, 0, 0]))
tifffile.imwrite("imagej_compressed.tif", pixels_of := pixels("uint16", 3, 2, Y, X), imagej=True, metadata={"axes": "ZCYX"}, compression="zlib")
right("imagej_compressed.tif", pixels_of.transpose(0, 2, 3, 1))
tifffile.imwrite("imagej_labels.tif", pixels_of := pixels("uint8", 4, Y, X), imagej=True, metadata={"axes": "ZYX", "Labels": ["a", "b", "c", "d"], "Ranges": (0.0, 9.0)})
right("imagej_labels.tif", stack(pixels_of))
tifffile.imwrite("imagej_one_plane.tif", pixels_of := pixels("float32", Y, X), imagej=True, resolution=(5, 5), metadata={"unit": "nm"})
right("imagej_one_plane.tif", plane(pixels_of))

# OME: several images, dimensions of one, masks of other sizes, signed and bit types, units
with tifffile.TiffWriter("ome_two_images.ome.tif") as file:
    file.write(volume, metadata={"axes": "ZYX"}, photometric="minisblack")
    file.write(pixels("uint8", 2, 9, 9), metadata={"axes": "CYX"}, photometric="minisblack")
right("ome_two_images.ome.tif", stack(volume))
for dtype in ["int8", "int16", "int32", "uint32", "float64", "bool"]:
    values = pixels(dtype, 3, Y, X)
    tifffile.imwrite(f"ome_type_{dtype}.ome.tif", values, metadata={"axes": "ZYX"}, photometric="minisblack")
    right(f"ome_type_{dtype}.ome.tif", stack(values))
for axes, shape, image in [("TCZYX", (1, 1, 1, Y, X), (1, Y, X, 1)), ("TZCYXS", (1, 3, 1, Y, X, 3), (3, Y, X, 3)), ("TCYX", (4, 1, Y, X), (4, Y, X, 1))]:
    values = pixels("uint8", *shape)
    tifffile.imwrite(f"ome_single_{axes}.ome.tif", values, metadata={"axes": axes}, photometric="rgb" if "S" in axes else "minisblack")
    right(f"ome_single_{axes}.ome.tif", values.reshape(image))
tifffile.imwrite("ome_planar_rgb.ome.tif", values := pixels("uint8", 3, Y, X), metadata={"axes": "SYX"}, photometric="rgb", planarconfig="separate")
right("ome_planar_rgb.ome.tif", values.transpose(1, 2, 0)[None])
tifffile.imwrite("ome_times_of_slices.ome.tif", pixels("uint8", 3, 4, Y, X), photometric="minisblack", metadata={"axes": "TZYX"})
refused("ome_times_of_slices.ome.tif", "3 time points of 4 slices")
build("ome_broken_xml.ome.tif", [({**basic(Y, X, 16), 270: (2, "<OME><Image></OME>")}, [volume[0].tobytes()])])
refused("ome_broken_xml.ome.tif", "OME-XML")
