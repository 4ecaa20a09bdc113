"Each recipe trains for two steps on a made-up folder in the real layout: every name in it means something."

import math
import warnings

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from hier_nb.config import load_config, recipe_names
from hier_nb.training import train

ON_EVERY_TEST = ("cub-resnet50", "cars-deit", "sop-dino", "hyp-inshop")
RNG = np.random.default_rng(0)


def write_picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 255, (70, 80, 3), np.uint8)).save(path)


def make_cub(root):
    for n in (1, 2, 3, 101, 102):
        for i in range(9):
            write_picture(root / "CUB_200_2011" / "images" / f"{n:03d}.A_Bird" / f"{i}.jpg")


def make_cars(root):
    folder = root / "cars196"
    rows = [(f"car_ims/{c}_{i}.jpg", c) for c in (1, 2, 3, 99, 100) for i in range(9)]
    for path, _ in rows:
        write_picture(folder / path)
    columns = [("relative_im_path", object), ("class", int)]
    names = np.array([f"Make M{n} 2012" for n in range(196)], dtype=object)
    savemat(
        folder / "cars_annos.mat",
        dict(annotations=np.array(rows, dtype=columns), class_names=names),
    )


def make_sop(root):
    folder = root / "Stanford_Online_Products"
    folder.mkdir(parents=True)
    for split, classes in dict(train=(1, 2, 3), test=(4, 5)).items():
        lines = ["header"]
        for c in classes:
            for i in range(9):
                path = f"chair_final/{c}_{i}.jpg"
                write_picture(folder / path)
                lines.append(f"0 {c} 1 {path}")
        (folder / f"Ebay_{split}.txt").write_text("\n".join(lines))


def make_inshop(root):
    folder = root / "Inshop_Clothes"
    lines = ["45", "header"]
    for c in range(1, 6):
        for i in range(9):
            path = f"img/MEN/Denim/id_{c}/{i}.jpg"
            write_picture(folder / path)
            split = "train" if c < 4 else "query" if i < 2 else "gallery"
            lines.append(f"{path} id_{c} {split}")
    (folder / "Eval").mkdir()
    (folder / "Eval" / "list_eval_partition.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for make in (make_cub, make_cars, make_sop, make_inshop):
        make(root)
    return root


def flagged(recipe):
    marks = [] if recipe in ON_EVERY_TEST else [pytest.mark.slow]
    return pytest.param(recipe, marks=marks)


@pytest.mark.long
@pytest.mark.parametrize("recipe", [flagged(r) for r in recipe_names() if r != "emoji"])
def test_two_steps(recipe, data_root):
    published = load_config(recipe)
    changes = dict(
        data_root=str(data_root),
        pretrained=False,
        batch_size=published.images_per_class * 2,
        max_steps=2,
        image_size=64,
        eval_size=64,
        eval_resize=published.eval_resize and 64,
        hier_proxies=16,
        hier_neighbors=4,
        device="cpu",
        precision="float32",
    )
    if "vit" in published.backbone or "deit" in published.backbone:
        changes["backbone_settings"] = dict(dynamic_img_size=True)
    config = load_config(recipe, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sizes are not the published ones
        result = train(config, progress=False)
    assert len(result.history) == 2
    assert set(result.after["recall"]) <= set(config.recall_ks) | {1}
    assert all(map(math.isfinite, result.history[-1].values()))
