"""Zarr containers in one file: zip archives as zarr-python, OME-Zarr's single file and file managers write them.

    python images-matrix-archives.py FOLDER

The files are as those of images-matrix.py; zarr reads back what it wrote.
"""

import json
import os
import shutil
import warnings
import zipfile

import zarr
from zarr.codecs import GzipCodec
from zarr.storage import ZipStore

from image_files import examples, refused, right, stack

warnings.filterwarnings("ignore")
volume, channels, zyxc = examples()


def read_back(name, place=None):
    with ZipStore(name, mode="r") as store:
        return zarr.open(store, mode="r", path=place)[...]


# As zarr-python writes them: members without compression, or compressed again
for version in [2, 3]:
    for method in [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]:
        for kind, options in {
            "plain": dict(compressors=None),
            "gzip": dict(compressors={"id": "gzip", "level": 5} if version == 2 else GzipCodec()),
            **({"shards": dict(shards=(4, 16, 32), compressors=None)} if version == 3 else {}),
        }.items():
            name = f"zipped_{version}_{method}_{kind}.zarr.zip"
            with ZipStore(name, mode="w", compression=method) as store:
                array = zarr.create_array(store, shape=volume.shape, dtype=volume.dtype, chunks=(2, 8, 16), zarr_format=version, fill_value=7, **options)
                # What is not written has the fill value.
                array[:4, :16, :] = volume[:4, :16, :]
            right(name, stack(read_back(name)))
with ZipStore("zipped_large_fields.zarr.zip", mode="w", allowZip64=True) as store:
    group = zarr.create_group(store)
    group.create_array("labels", data=volume > 9, chunks=(2, 8, 16))
    group.create_array("raw", data=volume, chunks=(2, 8, 16))
right("zipped_large_fields.zarr.zip", stack(read_back("zipped_large_fields.zarr.zip", "raw")))


def ome(folder, version):
    group = zarr.open_group(folder, mode="w", zarr_format=3 if version == "0.5" else 2)
    array = group.create_array("0", shape=channels.shape, dtype=channels.dtype, chunks=(1, 2, 8, 16), **({} if version == "0.5" else {"chunk_key_encoding": {"name": "v2", "separator": "/"}}))
    array[...] = channels
    axes = [{"name": letter, "type": "channel" if letter == "c" else "space", **({} if letter == "c" else {"unit": "micrometer"})} for letter in "czyx"]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.5, 0.2, 0.1]}]}]}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [{"version": version, **image}]


def members(folder):
    return sorted(os.path.relpath(os.path.join(place, file), folder) for place, _, files in os.walk(folder) for file in files)


SIZE = {"z": 0.5, "y": 0.2, "x": 0.1, "unit": "µm"}
for version in ["0.4", "0.5"]:
    folder = f"zipped_{version}.ome.zarr"
    ome(folder, version)
    # OME's single file: the metadata first, nothing compressed, and a comment
    with zipfile.ZipFile(f"zipped_{version}.ozx", "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members(folder), key=lambda name: (not name.endswith(".json"), name)):
            archive.write(f"{folder}/{name}", name)
        archive.comment = json.dumps({"ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": True}}}}).encode()
    right(f"zipped_{version}.ozx", zyxc, size=SIZE)
    # A file manager's: with the folder itself, entries for folders, compressed, of macOS with resource forks
    with zipfile.ZipFile(f"{folder}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({f"{folder}/{os.path.dirname(name)}".rstrip("/") + "/" for name in members(folder)}):
            archive.writestr(name, b"")
        for name in members(folder):
            archive.write(f"{folder}/{name}")
        archive.writestr(f"__MACOSX/{folder}/._0", b"resource fork")
        archive.writestr(".DS_Store", b"finder")
    right(f"{folder}.zip", zyxc, size=SIZE)
    shutil.copy(f"{folder}.zip", f"zipped_{version}_named_as_a_folder.zarr")
    right(f"zipped_{version}_named_as_a_folder.zarr", zyxc, size=SIZE)
    shutil.rmtree(folder)

# A chunk that was written twice: the last one counts
with ZipStore("zipped_twice.zarr.zip", mode="w") as store:
    array = zarr.create_array(store, shape=volume.shape, dtype=volume.dtype, chunks=(6, 19, 35))
    array[...] = volume[::-1]
    array[...] = volume
right("zipped_twice.zarr.zip", stack(read_back("zipped_twice.zarr.zip")))

# What cannot be read
name = "zipped_bzip2.zarr.zip"
with ZipStore(name, mode="w", compression=zipfile.ZIP_BZIP2) as store:
    zarr.create_array(store, data=volume, chunks=(2, 8, 16))
refused(name, "Zip it without compression")
data = open("zipped_2_0_plain.zarr.zip", "rb").read()
open("zipped_cut_short.zarr.zip", "wb").write(data[: len(data) // 2])
refused("zipped_cut_short.zarr.zip", "without its end")
at = data.index(volume[0, 0, :16].tobytes())
open("zipped_damaged.zarr.zip", "wb").write(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
refused("zipped_damaged.zarr.zip", "checksum")
with zipfile.ZipFile("zipped_tables.zarr.zip", "w") as archive:
    archive.writestr("table.csv", "1,2")
refused("zipped_tables.zarr.zip", "holds no array")
