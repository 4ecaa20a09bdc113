"Datasets of somebody's own: a test for each kind that `as_dataset` promises, and sentences for what it cannot take."

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from own_things import Pairs
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset, random_split
from torchvision import datasets as vision
from torchvision.transforms import v2

from hier_nb.own_data import ItemDataset, as_dataset, is_dataset, split_classes
from hier_nb.pictures import ImageDataset, create_transform

names = ["ant", "bee", "cow"]


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(names):
        (tmp_path / name).mkdir()
        for i in range(4):
            pixels = np.full((20 + i, 24, 3), 40 * label + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return tmp_path


def check(data, n, class_names, kind=ImageDataset):
    assert type(data) is kind and is_dataset(data)
    assert len(data) == len(data.labels) == len(data.paths) == n
    assert data.class_names == class_names and data.labels.dtype == torch.long
    x, label, i = data[n - 1]
    assert isinstance(x, torch.Tensor) and label == data.labels[-1] and i == n - 1
    assert data.raw(0).dtype == np.uint8 and data.raw(0).shape[2] == 3
    return data


def test_image_folder(folder):
    data = check(as_dataset(vision.ImageFolder(folder)), 12, names)
    assert data.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.paths[0].endswith("ant/0.png") and data.raw(11).shape == (23, 24, 3)
    data.transform = create_transform(False, 16)
    assert next(iter(DataLoader(data, 12)))[0].shape == (12, 3, 16, 16)


def test_image_folder_with_its_own_transforms(folder):
    tensors = v2.Compose([v2.Resize((8, 8)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    data = vision.ImageFolder(folder, tensors, target_transform=lambda y: ["big", "small"][y < 2])
    data = check(as_dataset(data), 12, ["big", "small"], ItemDataset)
    assert data[0][0].shape == (3, 8, 8) and data.labels.tolist() == [1] * 8 + [0] * 4


def test_fake_data_is_read_once(capsys):
    data = vision.FakeData(size=8, image_size=(3, 10, 12), num_classes=3)
    made = as_dataset(data)
    classes = sorted({data[i][1] for i in range(8)})
    check(made, 8, [str(y) for y in classes])
    assert made.raw(0).shape == (10, 12, 3)
    assert "reading classes" in capsys.readouterr().err


def test_a_class_of_ten_lines():
    pairs = Pairs()
    check(as_dataset(pairs, progress=False), 60, [str(n) for n in range(10)], ItemDataset)
    assert pairs.read < 75  # once each, and a few to look at


def test_a_list_of_classes_saves_the_reading():
    pairs = Pairs()
    pairs.targets = pairs.classes_of_items
    check(as_dataset(pairs), 60, [str(n) for n in range(10)], ItemDataset)
    assert pairs.read < 20


def test_a_list_that_says_something_else_is_not_believed():
    pairs = Pairs()
    pairs.labels = torch.zeros(60)
    assert as_dataset(pairs, progress=False).labels.tolist() == pairs.classes_of_items.tolist()


def test_subsets(folder):
    whole = vision.ImageFolder(folder)
    part = check(as_dataset(Subset(Subset(whole, range(4, 12)), [7, 0, 1])), 3, ["bee", "cow"])
    assert part.labels.tolist() == [1, 0, 0] and part.paths[0].endswith("cow/3.png")
    halves = [as_dataset(half) for half in random_split(whole, [0.5, 0.5])]
    assert sum(map(len, halves)) == 12
    both = check(as_dataset(ConcatDataset([whole, Subset(whole, [11])])), 13, names)
    assert both.labels.tolist()[-2:] == [2, 2]
    other = vision.ImageFolder(folder)
    other.classes = names[::-1]
    with pytest.raises(ValueError, match="number other classes"):
        as_dataset(ConcatDataset([whole, other]))


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, pd.Series])
def test_two_arrays(kind):
    x, y = np.arange(12.0).reshape(6, 2), kind([5, 5, 7, 7, 900, 900])
    data = check(as_dataset((x, y)), 6, ["5", "7", "900"], ItemDataset)
    assert data[5][0].tolist() == [10, 11] and data[0][0].dtype == torch.float32
    part = data.of_classes([2, 0])
    assert part.labels.tolist() == [1, 1, 0, 0] and part[0][0].tolist() == [0, 1]
    assert len(data.subset(data.labels == 1)) == 2 and data.subset([5])[0][1] == 2


def test_names_and_tokens():
    tokens = torch.randint(0, 50, (4, 7))
    data = as_dataset((tokens, ["b", "a", "b", "a"]))
    check(data, 4, ["a", "b"], ItemDataset)
    assert data[0][0].dtype == torch.long and data.labels.tolist() == [1, 0, 1, 0]
    check(as_dataset(TensorDataset(tokens, torch.tensor([1, 0, 1, 0]))), 4, ["0", "1"], ItemDataset)


def test_levels_become_a_taxonomy():
    y = [("pet", "cat"), ("farm", "cow"), ("pet", "dog"), ("pet", "cat")]
    data = as_dataset((torch.randn(4, 3), y))
    assert data.class_names == ["cat", "cow", "dog"] and data.labels.tolist() == [0, 1, 2, 0]
    assert data.taxonomy.levels == ("level 1",)
    assert data.taxonomy.paths == (("pet",), ("farm",), ("pet",))
    with pytest.raises(ValueError, match="Class 'cat' belongs to 'pet', and at item 4 to 'farm'"):
        as_dataset((torch.randn(5, 3), [*y, ("farm", "cat")]))


def test_items_with_names(folder):
    files = sorted(folder.rglob("*.png"))
    rows = [dict(photo=str(f), product=f.stem, shelf=f.parent.name) for f in files]
    with pytest.raises(ValueError, match="Nothing among photo, product, shelf is known to be y"):
        as_dataset(rows)
    data = check(as_dataset(rows, x="photo", y="shelf"), 12, names)
    assert data.raw(0).shape == (20, 24, 3)
    with pytest.raises(ValueError, match="no column 'brand', it has photo"):
        as_dataset(rows, x="photo", y="brand")


def test_paths_and_pixels(folder):
    files = sorted(folder.rglob("*.png"))
    check(as_dataset([(file, file.parent.name) for file in files]), 12, names)
    for shape in ((8, 9), (8, 9, 1), (8, 9, 4), (3, 8, 9), (1, 8, 9)):
        x = torch.zeros(4, *shape, dtype=torch.uint8)
        assert check(as_dataset((x, [0, 0, 1, 1])), 4, ["0", "1"]).raw(0).shape == (8, 9, 3)


def test_a_picture_that_cannot_be_read(folder):
    (folder / "bee" / "2.png").write_bytes(b"no picture")
    data = as_dataset(vision.ImageFolder(folder))
    with pytest.raises(ValueError, match="picture of item 6 cannot be read"):
        data.raw(6)
    with pytest.warns(UserWarning, match="1 of 12 pictures of own/ are left out"):
        assert len(data.without_unreadable(progress=False)) == 11


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        yield from Pairs()


@pytest.mark.parametrize(
    "data, what",
    [
        (Stream(), "has no length, or no items by number"),
        (dict(train=1, test=2), "These are several datasets: train, test"),
        ((torch.zeros(3, 2), [0, 1]), "3 x and 2 classes"),
        ((torch.zeros(0, 2), []), "The dataset is empty"),
        (
            (torch.zeros(2, 2), [0, -1]),
            "class of item 1 is -1, which often stands for an item without",
        ),
        (
            (torch.zeros(2, 2), [0, 0.5]),
            "class of item 1 is 0.5, neither a whole number nor a text",
        ),
        ((torch.zeros(2, 2), [0, None]), "class of item 1 is None"),
        ((torch.zeros(2, 2), [0, "owl"]), "Some classes are numbers and others texts"),
        ((torch.zeros(2, 2), [("a", "b"), "owl"]), "have \\[0, 2\\] levels"),
        ([torch.zeros(2), torch.zeros(2)], "not a pair"),
        ([("some words", 0), ("more", 1)], "x of item 0 is 'some words', which is no tensor"),
        ([(torch.zeros(2), 0), (torch.zeros(3), 1)], "x has several shapes"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:20],
)
def test_what_cannot_be_taken(data, what):
    with pytest.raises(ValueError, match=what):
        as_dataset(data, progress=False)


def test_labels_instead():
    data = as_dataset(Pairs(), labels=["a", "b"] * 30)
    assert data.class_names == ["a", "b"]
    with pytest.raises(ValueError, match="2 labels for 60 items"):
        as_dataset(Pairs(), labels=["a", "b"])
    assert as_dataset(data) is data


def test_split_classes():
    data = as_dataset((torch.randn(20, 2), torch.arange(20) // 2))
    train, unseen = split_classes(data, 0.8, seed=3)
    assert len(train.class_names) == 8 and len(unseen.class_names) == 2
    assert not set(train.class_names) & set(unseen.class_names)
    with pytest.raises(ValueError, match="train_fraction=1.0 of 10 classes leaves one side empty"):
        split_classes(data, 1.0)


# Hugging Face


@pytest.fixture(scope="module")
def hf():
    return pytest.importorskip("datasets")


def table(hf, n=24):
    rng = np.random.default_rng(0)
    fine = [i // 3 for i in range(n)]
    columns = dict(
        photo=[rng.integers(0, 255, (20, 24, 3), dtype=np.uint8) for _ in fine],
        style=[i % 2 for i in range(n)],
        kind=[k // 4 for k in fine],
        species=fine,
    )
    features = hf.Features(
        photo=hf.Image(),
        style=hf.ClassLabel(names=["drawn", "painted"]),
        kind=hf.ClassLabel(names=["animal", "thing"]),
        species=hf.ClassLabel(names=[f"species {n}" for n in range(8)]),
    )
    return hf.Dataset.from_dict(columns, features=features)


def test_a_table_of_pictures(hf):
    data = check(as_dataset(table(hf)), 24, [f"species {n}" for n in range(8)])
    assert data.taxonomy.levels == ("kind",)  # style is not determined by the species
    assert data.taxonomy.ids("kind").tolist() == [0] * 4 + [1] * 4
    assert as_dataset(table(hf), y="kind").class_names == ["animal", "thing"]
    some = table(hf).select(range(3, 24)).shuffle(seed=1)
    expected = [n - 1 for n in some["species"]]
    assert as_dataset(some).labels.tolist() == expected
    with pytest.raises(ValueError, match="Class 'species 0' belongs to 'drawn', and at item 1"):
        as_dataset(table(hf), y=["style", "species"])
    with pytest.raises(ValueError, match="no column 'image', it has photo, style"):
        as_dataset(table(hf), x="image")
    with pytest.raises(ValueError, match="several datasets: train"):
        as_dataset(hf.DatasetDict(train=table(hf)))


def test_a_table_that_makes_tensors(hf):
    def prepare(rows):
        rows["photo"] = [torch.zeros(3, 8, 8) for _ in rows["photo"]]
        return rows

    data = as_dataset(table(hf).with_transform(prepare))
    assert type(data) is ItemDataset and data[0][0].shape == (3, 8, 8)
    vectors = hf.Dataset.from_dict(dict(embedding=[[1.0, 2.0]] * 4, label=["a", "b"] * 2))
    check(as_dataset(vectors), 4, ["a", "b"], ItemDataset)


def test_hidden_classes_are_told(hf):
    features = hf.Features(embedding=hf.List(hf.Value("float32")), label=hf.ClassLabel(names=["a"]))
    hidden = hf.Dataset.from_dict(dict(embedding=[[1.0]] * 2, label=[0, -1]), features=features)
    with pytest.raises(ValueError, match="Row 1 has no label"):
        as_dataset(hidden)


def test_hub_names_that_are_folders(hf, tmp_path, capsys):
    from hier_nb.datasets import load_dataset

    data = table(hf)
    data.save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "rows").mkdir()
    data.to_parquet(str(tmp_path / "rows" / "train-00000-of-00001.parquet"))
    data.to_parquet(str(tmp_path / "rows" / "test-00000-of-00001.parquet"))
    train, unseen = [load_dataset(f"hf:{tmp_path / 'saved'}", split=s) for s in ("train", "eval")]
    assert len(train.class_names) == len(unseen.class_names) == 4 and train.name == "hf-saved"
    assert not set(train.class_names) & set(unseen.class_names)
    rows = f"hf:{tmp_path / 'rows'}"
    assert len(load_dataset(rows, split="all")) == 48  # both parts hold the same classes
    assert len(load_dataset(rows, split="all", part="test")) == 24
    assert load_dataset(rows, y="kind", split="all").class_names == ["animal", "thing"]
    with pytest.raises(ValueError, match="part='val' is not there"):
        load_dataset(rows, part="val")
    with pytest.raises(ValueError, match="Did you mean 'part'"):
        load_dataset(rows, parts="test")


def test_parts_that_share_no_class_are_the_split(hf, tmp_path):
    from hier_nb.datasets import load_dataset

    data = table(hf)
    parts = hf.DatasetDict(train=data.select(range(15)), test=data.select(range(15, 24)))
    parts.save_to_disk(str(tmp_path / "parts"))
    place = f"hf:{tmp_path / 'parts'}"
    assert len(load_dataset(place)) == 15 and len(load_dataset(place, split="eval")) == 9


def test_no_network(hf, monkeypatch):
    from hier_nb.datasets import load_dataset

    def fails(name):
        raise ConnectionError("Couldn't reach the Hub\nand more")

    monkeypatch.setattr(hf, "load_dataset", fails)
    with pytest.raises(
        FileNotFoundError, match="no/where is no folder here, and was not found on the hub: Could"
    ):
        load_dataset("hf:no/where")


def test_without_the_library(monkeypatch):
    from hier_nb.datasets import load_dataset

    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match="hier_nb\\[hub\\]"):
        load_dataset("hf:anything")
