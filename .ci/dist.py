"""A release, tried as a stranger would: wheel and sdist, the wheel installed without extras into a bare environment,
and in it the README's loop, a small training and every module. With `--oldest`: the oldest versions allowed.

Says how long the installation took and how large it is."""

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from configparser import ConfigParser
from pathlib import Path

root = Path(__file__).resolve().parent.parent
inside = [  # what a wheel without would only be missed by its users
    "hier_nb/static/explorer.js",
    "hier_nb/static/explorer_geometry.js",
    "hier_nb/static/explorer.html",
    "hier_nb/data/emoji.csv",
    "hier_nb/recipes/emoji.yaml",
    "hier_nb/geometry.py",
]

# Around the README's own lines: a network, pictures of two colours a class, an optimiser.
own_loop = """
import torch
import hier_nb
from pytorch_metric_learning.losses import ProxyAnchorLoss

assert "site-packages" in hier_nb.__file__, hier_nb.__file__
torch.manual_seed(0)
labels = torch.arange(8).repeat_interleave(6)
images = torch.rand(8, 3, 8, 8)[labels] + 0.1 * torch.randn(48, 3, 8, 8)
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 128))
metric_loss = ProxyAnchorLoss(num_classes=8, embedding_size=128)
losses, optimizer = [], None
for step in range(20):
    if step == 0:
        FIRST
        parts = [network, hier, metric_loss]
        optimizer = torch.optim.Adam([w for part in parts for w in part.parameters()], lr=0.01)
    LOOP
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
print(f"the README's loop, 20 steps: loss {losses[0]:.2f} to {losses[-1]:.2f}")
"""

training = """
import tempfile
import torch
import hier_nb
from hier_nb.config import make_config, recipe_names
from hier_nb.embeddings import Embeddings
from hier_nb.pictures import ImageDataset, create_transform
from hier_nb.training import train

labels = torch.arange(8).repeat_interleave(9)
colors = torch.rand(8, 1, 1, 3)[labels] * 255
images = (colors + 20 * torch.randn(72, 16, 16, 3)).clamp(0, 255).to(torch.uint8).numpy()
names = [f"class {k}" for k in range(8)]
paths = [str(n) for n in range(72)]


def data(train):
    transform = create_transform(train, 32, augmentation="affine")
    return ImageDataset(images, labels, names, paths, transform=transform, name="noise")


config = make_config(
    backbone="vit_tiny_patch16_224",
    backbone_settings=dict(img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2),
    pretrained=False, image_size=32, eval_size=32, dim=16, channels_last=False,
    hier_proxies=12, hier_neighbors=4, epochs=1, batch_size=24, images_per_class=3,
)
with tempfile.TemporaryDirectory() as folder:
    result = train(config, folder, train_set=data(True), eval_set=data(False), progress=False)
    again = Embeddings.load(folder)
    assert again.space.kind == "ball" and "cub-vit" in recipe_names()
print("a training:", len(result.history), "steps, Recall@1", round(result.after["recall"][1], 3))
"""

every_module = """
import importlib
import pkgutil
import hier_nb

wanting = []
for module in pkgutil.iter_modules(hier_nb.__path__):
    try:
        importlib.import_module(f"hier_nb.{module.name}")
    except ImportError as e:  # what it lacks, and the remedy
        assert "Run `pip install 'hier_nb[" in str(e), f"{module.name}: {e}"
        wanting.append(module.name)
print("modules that ask for an extra:", ", ".join(wanting))
"""


def run(*cmd, **kw):
    p = subprocess.run(cmd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    if p.returncode:
        sys.exit(f"{' '.join(map(str, cmd))} failed:\n{p.stdout[-4000:]}")
    return p.stdout


def settings():
    found = ConfigParser(delimiters=["="])
    found.read(root / "settings.ini", encoding="utf-8")
    return found["DEFAULT"]


def readme_loop():
    "The lines of the README's `In your own loop`: what stands before the loop, and in it."
    text = (root / "README.md").read_text(encoding="utf-8")
    block = text.partition("## In your own loop")[2].partition("```python\n")[2].partition("```")[0]
    lines = block.strip().splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("embeddings ="))
    return lines[:begin], lines[begin:]


def own_loop_program():
    before, within = readme_loop()
    text = own_loop.replace("FIRST", "\n        ".join(before))
    return text.replace("LOOP", "\n    ".join(within))


def build(out):
    "Wheel and sdist, with all that belongs in them."
    run(sys.executable, "-m", "build", "--outdir", out, root)
    wheel = max(out.glob("*.whl"), key=os.path.getmtime)
    sdist = max(out.glob("*.tar.gz"), key=os.path.getmtime)
    names = zipfile.ZipFile(wheel).namelist()
    for need in inside:
        assert need in names, f"{need} is not in {wheel.name}"
    assert any(n.endswith("settings.ini") for n in tarfile.open(sdist).getnames()), (
        f"{sdist.name} has no settings.ini, so it cannot be built"
    )
    return wheel, sdist


def one_version():
    "The version of settings.ini stands in CITATION.cff and on top of the changelog, too."
    version = settings()["version"]
    for name, pattern in (("CITATION.cff", r"^version: (.*)$"), ("CHANGELOG.md", r"^## (\S+)")):
        found = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.M)
        told = found[1].strip() if found else "no version"
        if told not in (version, "Unreleased"):
            sys.exit(f"{name} says {told}, settings.ini {version}.\nWrite one of them anew.")
    return version


def install(folder, wheel, oldest):
    "The wheel in a bare environment; its Python, seconds and megabytes."
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    begun = time.perf_counter()
    if oldest:
        run(python, "-m", "pip", "install", "--quiet", "uv")
        lowest = ["--resolution", "lowest-direct", "--python", python, "-r", root / "setup.py"]
        run(folder / "bin" / "uv", "pip", "install", *lowest, wheel)
    else:
        quiet = ["--quiet", "--disable-pip-version-check"]
        pinned = ["--constraint", root / "constraints.txt"]
        run(python, "-m", "pip", "install", *quiet, *pinned, wheel)
    seconds = time.perf_counter() - begun
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())
    return python, seconds, size / 1e6


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--oldest", action="store_true", help="the oldest versions allowed")
    oldest = arguments.parse_args().oldest
    version = one_version()
    wheel, sdist = build(root / "dist")
    with tempfile.TemporaryDirectory() as d:
        python, seconds, megabytes = install(Path(d) / "env", wheel, oldest)
        print(f"installed without extras in {seconds:.0f} s, {megabytes:,.0f} MB")
        for program in (own_loop_program(), training, every_module):
            print(run(python, "-c", program, cwd=d).strip().splitlines()[-1])
        print(run(python.with_name("hier-nb-train"), "--help", cwd=d).splitlines()[0])
    sizes = [f"{file.name} {file.stat().st_size / 1e3:.0f} kB" for file in (wheel, sdist)]
    print(f"{version}: {'; '.join(sizes)}: built, installed, used")


if __name__ == "__main__":
    main()
