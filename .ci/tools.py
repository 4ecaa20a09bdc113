"What the scripts beside this one share."

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def chromium():
    "The path of a Chromium, or None."
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


def npm():
    "The path of npm, on the path or beside this Python, or None."
    return shutil.which("npm") or (
        str(p) if (p := Path(sys.executable).with_name("npm")).exists() else None
    )


def npm_folder(package, inside, path):
    "Put one folder, or file, of a package of npm at `path`; whether that worked."
    if npm() is None:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm(), "pack", package, "--silent"]
        packed = subprocess.run(command, cwd=scratch, text=True, capture_output=True)
        if packed.returncode:
            return False
        archive = packed.stdout.split()[-1]
        subprocess.run(["tar", "xzf", archive, f"package/{inside}"], cwd=scratch, check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(scratch) / "package" / inside, path)
    return True
