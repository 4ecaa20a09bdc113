"Build wheel and sdist, install the wheel without extras into a clean environment, and use it as a stranger would."

import os, subprocess, sys, tarfile, tempfile, zipfile
from pathlib import Path

root = Path(__file__).resolve().parent.parent
program = """
import tempfile, torch
import hier_nb
from hier_nb.config import make_config, recipe_names
from hier_nb.pictures import ImageDataset, create_transform
from hier_nb.training import train

assert "site-packages" in hier_nb.__file__, hier_nb.__file__
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
    again = hier_nb.embeddings.Embeddings.load(folder)
    assert again.space.kind == "ball" and "cub-vit" in recipe_names()
print("a tiny training as a library user:", len(result.history), "steps, Recall@1", round(result.after["recall"][1], 3))
"""


def run(*cmd, **kw):
    p = subprocess.run(cmd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    if p.returncode:
        sys.exit(f"{' '.join(map(str, cmd))} failed:\n{p.stdout[-4000:]}")
    return p.stdout


def main():
    out = root / "dist"
    run(sys.executable, "-m", "build", "--outdir", out, root)
    wheel, sdist = (
        max(out.glob("*.whl"), key=os.path.getmtime),
        max(out.glob("*.tar.gz"), key=os.path.getmtime),
    )
    names = zipfile.ZipFile(wheel).namelist()
    for need in (
        "hier_nb/static/explorer.js",
        "hier_nb/static/explorer_geometry.js",
        "hier_nb/static/explorer.html",
        "hier_nb/data/emoji.csv",
        "hier_nb/recipes/emoji.yaml",
        "hier_nb/geometry.py",
    ):
        assert need in names, f"{need} is not in {wheel.name}"
    assert any(n.endswith("settings.ini") for n in tarfile.open(sdist).getnames()), (
        f"{sdist.name} has no settings.ini, so it cannot be built"
    )
    with tempfile.TemporaryDirectory() as d:
        py = Path(d) / "env" / "bin" / "python"
        run(sys.executable, "-m", "venv", Path(d) / "env")
        run(
            py,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--constraint",
            root / "constraints.txt",
            wheel,
        )
        print(run(py, "-c", program, cwd=d).strip().splitlines()[-1])
        print(run(Path(d) / "env" / "bin" / "hier-nb-train", "--help", cwd=d).splitlines()[0])
    print(
        wheel.name,
        f"{wheel.stat().st_size / 1e3:.0f} kB;",
        sdist.name,
        f"{sdist.stat().st_size / 1e3:.0f} kB: built, installed, used",
    )


if __name__ == "__main__":
    main()
