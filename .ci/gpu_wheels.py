"Packages that a GPU machine without network lacks: fetch their wheels here (`make gpu-wheels`), use them there."

import importlib, os, shutil, subprocess, sys, tempfile
from importlib.util import find_spec
from pathlib import Path

root = Path(__file__).resolve().parent.parent
folder = root / "wheels"
site = (
    folder / "site"
)  # where the missing ones are unpacked; nothing is installed into Python itself
needed = {  # module -> its name for pip; all that `make gpu` imports and PyTorch, timm and pytest do not bring
    "fastcore": "fastcore",
    "filelock": "filelock",
    "psutil": "psutil",
    "pytorch_metric_learning": "pytorch-metric-learning",
}
most = 50e6  # bytes
pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def fetch():
    "Into `wheels/`, in the pinned versions; what was there is replaced once all are there."
    with tempfile.TemporaryDirectory() as d:
        pinned = ["--constraint", str(root / "constraints.txt")]
        how = ["--no-deps", "--only-binary", ":all:", "--dest", d]
        subprocess.run([*pip, "download", *how, *pinned, *needed.values()], check=True)
        found = sorted(Path(d).glob("*.whl"))
        size = sum(f.stat().st_size for f in found)
        if size > most:
            sys.exit(f"The wheels have {size / 1e6:.0f} MB, more than {most / 1e6:.0f}.")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for wheel in found:
            shutil.move(wheel, folder / wheel.name)
            print(f"{(folder / wheel.name).stat().st_size / 1e3:8.0f} kB  {wheel.name}")
    print(f"{size / 1e6:.2f} MB in {folder.name}/; take the folder along, and there run `make gpu`")


def use():
    "The repository and the unpacked wheels on the path of this process and of those it starts."
    site.mkdir(parents=True, exist_ok=True)
    sys.path[:0] = [str(root)]
    sys.path.append(str(site))  # last: what the machine has, is used
    missing = [name for module, name in needed.items() if find_spec(module) is None]
    if missing:
        if not list(folder.glob("*.whl")):
            sys.exit(
                f"Missing here: {', '.join(missing)}.\n"
                "Run `make gpu-wheels` where there is a network, and bring the folder wheels/ along."
            )
        where = ["--no-index", "--find-links", str(folder), "--no-deps", "--target", str(site)]
        subprocess.run([*pip, "install", *where, *missing], check=True)
        importlib.invalidate_caches()
        print(f"from wheels/: {', '.join(missing)}", flush=True)
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")]), str(site)]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


if __name__ == "__main__":
    fetch()
