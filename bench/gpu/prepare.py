"""Unpacks the bundle's parts and makes a folder of CUDA's libraries from those that Python has: prepare.py HERE.

Only Python's standard library is used: the machine may have neither xz nor unzip.
"""
import glob
import os
import pathlib
import site
import sys
import tarfile

here = pathlib.Path(sys.argv[1]).resolve()
CUDA = here / "storage" / "onnxruntime-1.30.0-cuda-13.0"


class Joined:
    """Reads the parts of an archive as one file."""

    def __init__(self, paths):
        self.paths, self.file = list(paths), None

    def read(self, size):
        found = b""
        while len(found) < size and (self.file or self.paths):
            self.file = self.file or open(self.paths.pop(0), "rb")
            piece = self.file.read(size - len(found))
            found += piece
            if not piece:
                self.file.close()
                self.file = None
        return found


def unpack(name, to):
    parts = sorted(here.glob(f"{name}.tar.xz.*"))
    total = here / f"{name}.parts"
    if not parts or not total.exists():
        return False
    if len(parts) != int(total.read_text()):
        print(f"{name}: {len(parts)} of {total.read_text().strip()} parts are here", file=sys.stderr)
        return False
    done = here / f"{name}.unpacked"
    if not done.exists():
        with tarfile.open(fileobj=Joined(parts), mode="r|xz") as archive:
            archive.extractall(to, filter="tar")
        done.touch()
    return True


if not unpack("studio", here):
    sys.exit("the bundle's own parts are missing")
if unpack("cuda", CUDA):
    folders = [*site.getsitepackages(), site.getusersitepackages(), *sys.path]
    for folder in folders:
        for library in glob.glob(os.path.join(folder, "nvidia", "**", "lib*.so*"), recursive=True):
            link = CUDA / os.path.basename(library)
            if not link.exists():
                link.symlink_to(library)
    (CUDA / "ready").touch()
    print(f"CUDA: {len(list(CUDA.iterdir()))} libraries in {CUDA}")
