"The field's archives in miniature, with their traps: files of macOS, line ends of Windows, folders inside folders."

import csv
import warnings
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat
from hier_nb.layouts import load_cars, load_cub, load_folder, load_inshop, load_sop


def picture(path):  # 12 × 9
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def quietly(load, *args):  # sizes differ from the published ones, of course
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(*args)


def check_pictures(dataset):
    assert all(dataset[n][0].shape == (3, 9, 12) for n in range(len(dataset)))


def names_at(dataset, level):  # of each class
    return [path[level] for path in dataset.taxonomy.paths]


def test_cub(tmp_path):
    images = tmp_path / "CUB_200_2011" / "images"
    classes = ("001.Black_footed_Albatross", "002.Laysan_Albatross", "101.White_Pelican")
    for name in classes:
        for i in range(2):
            picture(images / name / f"bird_{i}.jpg")
    (images / "001.Black_footed_Albatross" / "._bird_0.jpg").write_bytes(b"mac")
    picture(images / "002.Laysan_Albatross" / "B.JPG")
    with pytest.warns(UserWarning, match="cub/train has 5 pictures of 2 classes, published"):
        birds = load_cub(tmp_path)
    assert birds.labels.tolist() == [0, 0, 1, 1, 1]
    assert birds.class_names == ["Black footed Albatross", "Laysan Albatross"]
    assert birds.taxonomy.ids("kind").tolist() == [0, 0]
    assert len(quietly(load_cub, tmp_path / "CUB_200_2011", "eval")) == 2
    check_pictures(birds)


def test_cars(tmp_path):
    listed = [("car_ims/000001.jpg", 1), ("car_ims/000002.jpg", 2), ("car_ims/000003.jpg", 99)]
    for path, _ in listed:
        picture(tmp_path / "cars196" / path)
    names = np.array([f"Audi A{n} Sedan 2012" for n in range(196)], dtype=object)
    names[:2] = ["AM General Hummer SUV 2000", "Ram C/V Cargo Van Minivan 2012"]
    columns = [("relative_im_path", object), ("class", int), ("test", int)]
    annotations = np.array([(path, number, 0) for path, number in listed], dtype=columns)
    content = dict(annotations=annotations, class_names=names)
    savemat(tmp_path / "cars196" / "cars_annos.mat", content)
    train, unseen = quietly(load_cars, tmp_path), quietly(load_cars, tmp_path, "eval")
    assert names_at(train, 0) == ["AM General", "Ram"]
    assert unseen.class_names == ["Audi A98 Sedan 2012"]
    check_pictures(train)


def test_sop(tmp_path):
    folder = tmp_path / "Stanford_Online_Products"
    folder.mkdir()
    lists = {
        "train": [
            "1 1 1 bicycle_final/a.JPG",
            "2 1 1 bicycle_final/b.JPG",
            "3 2 12 toaster_final/c.JPG",
        ],
        "test": ["4 11319 1 bicycle_final/d.JPG"],
    }
    for part, lines in lists.items():
        text = "\r\n".join(["image_id class_id super_class_id path", *lines, ""])
        (folder / f"Ebay_{part}.txt").write_bytes(text.encode())
        for line in lines:
            picture(folder / line.split()[3])
    train, unseen = quietly(load_sop, tmp_path), quietly(load_sop, folder, "eval")
    assert train.labels.tolist() == [0, 0, 1]
    assert names_at(train, 0) == ["bicycle", "toaster"]
    assert unseen.class_names == ["product 11319"]
    check_pictures(train)
    check_pictures(unseen)


def test_inshop(tmp_path):
    folder = tmp_path / "Inshop_Clothes"
    (folder / "Eval").mkdir(parents=True)
    rows = [
        ("WOMEN/Dresses/id_00000001/01_1_front.jpg", "id_00000001", "train"),
        ("MEN/Denim/id_00000002/01_1_front.jpg", "id_00000002", "gallery"),
        ("MEN/Denim/id_00000002/02_1_front.jpg", "id_00000002", "query"),
    ]
    lines = [str(len(rows)), "image_name item_id evaluation_status"]
    for path, item, status in rows:
        picture(folder / "Img" / "img" / path)
        lines.append(f"img/{path}   {item}  {status}")
    (folder / "Eval" / "list_eval_partition.txt").write_text("\n".join(lines))
    train = quietly(load_inshop, tmp_path)
    both, query = quietly(load_inshop, tmp_path, "eval"), quietly(load_inshop, folder, "query")
    assert both.is_query.tolist() == [True, False] and both.labels.tolist() == [0, 0]
    assert len(query) == 1 and query.paths[0].endswith("02_1_front.jpg")
    assert query.taxonomy.paths == (("MEN", "Denim"),) and query.split == "query"
    assert train.taxonomy.paths == (("WOMEN", "Dresses"),)
    for dataset in (train, both, query):
        check_pictures(dataset)


@pytest.fixture
def own(tmp_path):
    for name in ("birds/owl", "birds/tern", "fish/eel", "fish/carp"):
        for i in range(3):
            picture(tmp_path / "own" / name / f"{i}.png")
    picture(tmp_path / "own" / "birds" / ".hidden" / "x.png")
    (tmp_path / "own" / "fish" / "eel" / "notes.txt").write_text("no picture")
    return tmp_path / "own"


def test_own_folder(own):
    train, unseen = load_folder(own), load_folder(own, "eval")
    assert len(train) == len(unseen) == 6
    assert not set(train.class_names) & set(unseen.class_names)
    assert train.taxonomy.levels == ("level 1",)
    assert load_folder(own, seed=0).paths == train.paths
    drawn = {tuple(load_folder(own, seed=seed).class_names) for seed in range(9)}
    assert drawn != {tuple(train.class_names)}
    (own / "train.txt").write_text("fish/eel\nfish/carp\n")
    assert load_folder(own, split_file=own / "train.txt").class_names == ["carp", "eel"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_own_table(own, tmp_path, kind):
    with open(tmp_path / "t.csv", "w", newline="") as f:
        csv.writer(f).writerows([
            ("path", "label", "split", "order"),
            ("birds/owl/0.png", "owl", "train", "birds"),
            ("birds\\owl\\1.png", "owl", "train", "birds"),
            ("fish/eel/0.png", "eel", "eval", "fish"),
        ])
    pd.read_csv(tmp_path / "t.csv").to_parquet(tmp_path / "t.parquet")
    dataset = load_folder(tmp_path / f"t.{kind}", images=own)
    assert dataset.class_names == ["owl"] and len(dataset) == 2
    assert dataset.taxonomy.paths == (("birds",),)
    check_pictures(dataset)


def test_own_split(tmp_path):
    for name in ("train/birds/owl", "train/fish/carp", "Val/birds/tern"):
        for i in range(2):
            picture(tmp_path / name / f"{i}.png")
    train, unseen = load_folder(tmp_path), load_folder(tmp_path, "eval")
    assert train.class_names == ["owl", "carp"] and unseen.class_names == ["tern"]
    assert train.taxonomy.paths == (("birds",), ("fish",))
    assert train.paths[0] == "train/birds/owl/0.png"
    picture(tmp_path / "Val" / "birds" / "Owl" / "1.png")
    with pytest.raises(ValueError, match="'birds/Owl'"):
        quietly(load_folder, tmp_path)
