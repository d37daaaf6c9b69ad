"""Opens image files with tifffile, zarr or h5py, and prints what they found as JSON."""

import json
import sys

import numpy as np


def described(values, **more):
    values = np.asarray(values)
    weights = np.arange(values.size, dtype=np.float64) % 1013
    total = float((values.astype(np.float64).ravel() * weights).sum())
    return {"shape": list(values.shape), "dtype": str(values.dtype), "total": total, **more}


def tif(path):
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        ome = {name: value for name, value in pixels.items() if name.startswith(("PhysicalSize", "Size", "Type"))}
        imagej = {name: file.imagej_metadata.get(name) for name in ("channels", "slices", "unit", "spacing")}
        resolution = [round(numerator / denominator, 6) for numerator, denominator in (page.tags[name].value for name in ("XResolution", "YResolution") if name in page.tags)]
        return described(file.asarray(), axes=file.series[0].axes, ome=ome, imagej=imagej, resolution=resolution, strips=len(page.dataoffsets), compression=page.compression.name)


def zarr(path):
    import zarr

    array = zarr.open(path, mode="r")
    return described(array[:], chunks=list(array.chunks), names=list(array.metadata.dimension_names))


def h5(path):
    import h5py

    with h5py.File(path) as file:
        data = file["data"]
        return described(data[:], chunks=list(data.chunks), names=[dimension.label for dimension in data.dims])


path = sys.argv[1]
print(json.dumps({"tif": tif, "zarr": zarr, "h5": h5}[path.rsplit(".", 1)[1]](path)))
