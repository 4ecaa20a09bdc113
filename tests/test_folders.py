"A folder or table of one's own: what is split already is used as it is named, and no class trains and evaluates."

import csv
import os
import warnings
from functools import partial
import pytest
from PIL import Image
from hier_nb.datasets import data_check_cli, load_dataset
from hier_nb.layouts import load_folder


def put(root, *folders, n=2):
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            Image.new("RGB", (4, 3)).save(root / folder / f"{i}.png")


def quietly(load, *args, **kwargs):  # -> dataset, what it warned of
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = load(*args, **kwargs)
    return ds, [str(w.message) for w in caught]


def refused(*parts, call):
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        call()
    assert len(str(error.value).splitlines()) == 2
    for part in parts:
        assert part in str(error.value), (part, str(error.value))


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING"])
@pytest.mark.parametrize(
    "other", ["val", "valid", "Validation", "test", "Testing", "eval", "evaluation", "dev"]
)
def test_named_splits(train, other, tmp_path):
    put(tmp_path, f"{train}/a", f"{train}/b", f"{other}/c", f"{other}/d")
    assert load_folder(tmp_path).class_names == ["a", "b"] and load_folder(
        tmp_path, "eval"
    ).class_names == ["c", "d"]
    assert (
        load_folder(tmp_path, seed=5).paths
        == load_folder(tmp_path, train_fraction=0.9).paths
        == [f"{train}/{k}/{i}.png" for k in "ab" for i in range(2)]
    )
    assert load_folder(tmp_path, "eval")[0][0].shape == (3, 3, 4)
    put(tmp_path, f"{other}/a")
    refused("'a'", train, other, "split", call=lambda: load_folder(tmp_path))
    refused("'a'", train, other, "split", call=lambda: load_folder(tmp_path, "eval"))


def test_deep_splits(tmp_path):
    put(tmp_path, "train/birds/owl", "train/fish/eel", "test/birds/tern", "test/fish/carp")
    for split, names in (("train", ["owl", "eel"]), ("eval", ["tern", "carp"])):
        ds = load_folder(tmp_path, split)
        assert (
            ds.class_names == names
            and ds.taxonomy.levels == ("level 1",)
            and ds.taxonomy.paths == (("birds",), ("fish",))
        )
    put(tmp_path, "test/birds/owl")
    refused("'birds/owl'", call=lambda: load_folder(tmp_path))


@pytest.mark.parametrize("a, b", [("Owl", "owl"), ("\u00e9", "e\u0301"), ("owl ", "owl")])
def test_one_class_in_two_spellings(a, b, tmp_path):
    put(tmp_path, f"train/{a}", f"val/{b}")
    refused(repr(b), call=lambda: load_folder(tmp_path))
    (tmp_path / "flat").mkdir()
    put(tmp_path / "flat", a, b, "c")
    assert "only in their spelling" in quietly(load_folder, tmp_path / "flat")[1][0]


def test_a_split_file_overrules(tmp_path):
    put(tmp_path, "train/a", "train/b", "val/a", "val/c")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    refused("'a'", "split_file", call=lambda: load_folder(tmp_path))
    train, evaluated = (
        load_folder(tmp_path, split, split_file=tmp_path / "classes.txt")
        for split in ("train", "eval")
    )
    assert train.class_names == ["a", "b"] and len(train) == 6 and evaluated.class_names == ["c"]
    assert {p for p in train.paths if "/a/" in p} == {
        f"{s}/a/{i}.png" for s in ("train", "val") for i in range(2)
    }


def test_three_splits(tmp_path):
    put(tmp_path, "train/a", "val/b", "test/c")
    ds, said = quietly(load_folder, tmp_path, "eval")
    assert (
        ds.class_names == ["c"]
        and "test is read, val is not" in said[0]
        and "eval_split" in said[0]
    )
    ds, said = quietly(load_folder, tmp_path, "eval", eval_split="val")
    assert ds.class_names == ["b"] and not said
    assert load_folder(tmp_path, "eval", eval_split="validation").class_names == ["b"]
    refused("'query'", "test, val", call=lambda: load_folder(tmp_path, eval_split="query"))
    put(tmp_path, "val/a")  # trained on, but not what is evaluated
    assert quietly(load_folder, tmp_path)[0].class_names == ["a"]
    refused("'a'", call=lambda: load_folder(tmp_path, eval_split="val"))
    assert quietly(load_dataset, "folder", tmp_path, "eval", eval_split="test")[0].class_names == [
        "c"
    ]


def test_query_and_gallery(tmp_path):
    put(tmp_path, "train/a", "query/b", "gallery/b", "gallery/c")
    ds, said = quietly(load_folder, tmp_path, "eval")
    assert (
        ds.class_names == ["b", "c"]
        and int(ds.is_query.sum()) == 2
        and all(p.startswith("query/") == bool(q) for p, q in zip(ds.paths, ds.is_query))
    )
    assert not said and len(ds.subset(ds.is_query)) == 2
    put(tmp_path, "gallery/a")
    refused("'a'", call=lambda: load_folder(tmp_path))
    put(tmp_path / "half", "train/a", "query/b")
    refused("gallery", call=lambda: load_folder(tmp_path / "half", "eval"))


def test_half_a_split(tmp_path):
    put(tmp_path / "a", "train/x", "train/y")
    put(tmp_path / "b", "val/x", "test/y")
    put(tmp_path / "c", "train/x")
    (tmp_path / "c" / "val" / "y").mkdir(parents=True)
    for name, part in (("a", "train"), ("b", "test and val"), ("c", "train")):
        refused(part, "has only", call=partial(load_folder, tmp_path / name))
    assert len(load_folder(tmp_path / "a" / "train")) == 2  # the remedy


def test_all_of_it(tmp_path):
    "Whoever would get a picture, and where there is only one side."
    put(tmp_path / "a", "train/x", "val/y", "test/z", "test/w")
    ds, said = quietly(load_folder, tmp_path / "a", "all")
    assert ds.class_names == ["w", "x", "y", "z"] and len(ds) == 8 and not said
    assert not hasattr(ds, "is_query") and ds.split == "all"
    put(tmp_path / "b", "x", "y", "z")
    halves = [load_folder(tmp_path / "b", split).paths for split in ("train", "eval")]
    assert sorted(halves[0] + halves[1]) == load_folder(tmp_path / "b", "all").paths
    put(tmp_path, "p", n=3)
    path = table(tmp_path / "t.csv", [("p/0.png", "a", "eval"), ("p/1.png", "b", "val")])
    refused("nothing that trains", "split='all'", call=lambda: load_folder(path, "eval"))
    assert load_dataset("folder", path, "all").class_names == ["a", "b"]
    sides = [("p/0.png", "a", "query"), ("p/1.png", "a", "gallery"), ("p/2.png", "b", "gallery")]
    table(path, sides)
    ds, said = quietly(load_folder, path, "all")
    assert ds.is_query.tolist() == [True, False, False] and "'b'" in said[0]


def test_splits_beside_others(tmp_path):
    put(tmp_path / "a", "train/x", "val/y", "extra/z")
    refused("train, val", "extra", call=lambda: load_folder(tmp_path / "a"))
    put(tmp_path / "b", "train/steam", "train/diesel", "car/suv", "car/cab")  # kinds of vehicles
    ds, said = quietly(load_folder, tmp_path / "b")
    assert "kind of class" in said[0] and ds.taxonomy.levels == ("level 1",)
    put(tmp_path / "c", "train", "car", "bus")  # vehicles
    ds, said = quietly(load_folder, tmp_path / "c")
    assert not said and set(ds.class_names) < {"train", "car", "bus"}
    put(tmp_path / "d", "train", "val")
    refused("outside any class folder", call=lambda: load_folder(tmp_path / "d"))
    put(tmp_path / "e", "train/x", "val/y")
    Image.new("RGB", (4, 3)).save(tmp_path / "e" / "train" / "loose.png")
    refused("train holds pictures outside", call=lambda: load_folder(tmp_path / "e"))


def test_links_and_hidden_files(tmp_path, monkeypatch):
    put(
        tmp_path,
        "data/train/a",
        "data/val/b",
        "far/c",
        "data/train/.hidden",
        "data/__MACOSX/train/a",
    )
    os.symlink(tmp_path / "far" / "c", tmp_path / "data" / "val" / "c")
    os.symlink(tmp_path / "data", tmp_path / "data" / "val" / "b" / "loop")
    assert load_folder(tmp_path / "data", "eval").class_names == ["b", "c"]
    os.symlink(tmp_path / "data" / "train" / "a", tmp_path / "data" / "val" / "other name")
    refused("'other name'", call=lambda: load_folder(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data" / "val" / "other name").unlink()
    assert load_folder("~/data").class_names == ["a"]


def table(path, rows, header=("path", "label", "split")):
    with open(path, "w", newline="") as f:
        csv.writer(f).writerows([header, *rows])
    return path


@pytest.mark.parametrize("other", ["eval", "val", "Test", "VALID", " validation "])
def test_tables(other, tmp_path):
    put(tmp_path, "p")
    path = table(tmp_path / "t.csv", [("p/0.png", "a", "train"), ("p/1.png", "b", other)])
    assert quietly(load_folder, path)[0].class_names == ["a"] and quietly(
        load_folder, path, "eval"
    )[0].class_names == ["b"]
    table(path, [("p/0.png", "a", "train"), ("p/1.png", "a", other)])
    refused("'a'", "train", other.strip(), call=lambda: load_folder(path))


def test_tables_that_are_wrong(tmp_path):
    path = tmp_path / "t.CSV"
    for rows, part in (
        ([("x", "a", "train"), ("y", "b", "maybe")], "'maybe'"),
        ([("x", "", "train")], "no label"),
        ([("", "a", "train")], "no path"),
        ([("x", "a", "")], "no split"),
        ([("x", "a", "train"), ("x", "b", "eval")], "more than one class"),
        ([], "no rows"),
        ([("x", "a", "train")], "has only train"),
        ([("x", "a", "val")], "nothing that trains"),
    ):
        table(path, rows)
        refused(part, call=lambda: load_folder(path))
    table(path, [("x", "a", "train"), ("y", "b", "val"), ("z", "c", "test")])
    ds, said = quietly(load_folder, path, "eval")
    assert ds.class_names == ["c"] and any("val is not" in s for s in said)
    assert quietly(load_folder, path, "eval", eval_split="val")[0].class_names == ["b"]
    table(path, [("x", "a"), ("y", "b")], ("path", "label"))
    refused("eval_split", call=lambda: load_folder(path, eval_split="val"))


def test_data_check(tmp_path, capsys):
    put(tmp_path, "train/a", "val/a")
    assert data_check_cli(["folder", str(tmp_path)]) == 2
    assert "'a'" in capsys.readouterr().err
    put(tmp_path / "good", "train/a", "val/b")
    assert data_check_cli(["folder", str(tmp_path / "good")]) == 0
