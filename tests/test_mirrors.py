"Cars-196 and CUB as mirrors lay them out, and archives that are one folder off."

import shutil
import warnings

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from hier_nb.layouts import load_cars, load_cub, load_sop

names = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "FIAT 500 Abarth 2012"]
numbers = [1, 2, 99]


@pytest.fixture(autouse=True)
def quiet():  # sizes differ from the published ones, of course
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), "red").save(path)


def annotations(rows, *, labelled=True):
    columns = [("bbox_x1", int), ("fname", object)]
    if labelled:
        columns.insert(1, ("class", int))
    kept = [(0, number, file) if labelled else (0, file) for file, number in rows]
    return np.array(kept, dtype=columns)


def devkit(folder, *, labelled=True):
    "Each class has a picture in both halves."
    folder.mkdir(parents=True)
    every = [f"Audi A{n} Sedan 2012" for n in range(196)]
    for number, name in zip(numbers, names):
        every[number - 1] = name
    savemat(folder / "cars_meta.mat", dict(class_names=np.array(every, dtype=object)))
    rows = [(f"{n:05d}.jpg", number) for n, number in enumerate(numbers)]
    savemat(folder / "cars_train_annos.mat", dict(annotations=annotations(rows)))
    name = "cars_test_annos_withlabels.mat" if labelled else "cars_test_annos.mat"
    savemat(folder / name, dict(annotations=annotations(rows, labelled=labelled)))


def halves(root, inner=""):
    for half in ("cars_train", "cars_test"):
        for n in range(3):
            picture(root / half / inner.format(half) / f"{n:05d}.jpg")


def check_cars(root):
    train, unseen = load_cars(root), load_cars(root, "eval")
    assert train.class_names == names[:2] and unseen.class_names == names[2:]
    assert len(train) == 4 and len(unseen) == 2
    assert train.taxonomy.names("make") == ["AM General", "Acura"]
    assert train[3][0].shape == (3, 9, 12) and unseen[1][0].shape == (3, 9, 12)


@pytest.mark.parametrize("inner", ["", "{}"], ids=["flat", "one deeper"])
@pytest.mark.parametrize("place", ["devkit", "car_devkit/devkit", "."])
def test_cars_in_halves(tmp_path, inner, place):
    halves(tmp_path / "cars", inner)
    devkit(tmp_path / "kit")
    shutil.copytree(tmp_path / "kit", tmp_path / "cars" / place, dirs_exist_ok=True)
    check_cars(tmp_path / "cars")


def test_cars_with_csv_lists(tmp_path):
    halves(tmp_path)
    every = ["x"] * 196
    for number, name in zip(numbers, names):
        every[number - 1] = name
    (tmp_path / "names.csv").write_text("\n".join(every))
    lines = [f"{n:05d}.jpg,1,2,3,4,{number}" for n, number in enumerate(numbers)]
    for half in ("train", "test"):
        (tmp_path / f"anno_{half}.csv").write_text("\n".join(lines))
    check_cars(tmp_path)


def test_cars_whose_test_half_has_no_classes(tmp_path):
    halves(tmp_path)
    devkit(tmp_path / "devkit", labelled=False)
    with pytest.raises(ValueError, match="cars_test_annos.mat does not say the classes"):
        load_cars(tmp_path)
    (tmp_path / "devkit" / "cars_test_annos.mat").unlink()
    with pytest.raises(
        FileNotFoundError, match="Cars is incomplete: there is no cars_test_annos_with"
    ):
        load_cars(tmp_path)


def test_cars_in_folders(tmp_path):
    for half in ("train", "test"):
        for name in names:
            picture(tmp_path / "car_data" / "car_data" / half / name / "1.jpg")
    check_cars(tmp_path / "car_data" / "car_data")
    check_cars(tmp_path / "car_data")
    check_cars(tmp_path)
    check_cars(tmp_path / "car_data" / "car_data" / "train")


def birds(root, folder="{:03d}.{}"):
    kinds = {1: "Black_footed_Albatross", 2: "Laysan_Albatross", 101: "White_Pelican"}
    paths = [
        (f"{folder.format(n, kind)}/{i}.jpg", n) for n, kind in kinds.items() for i in range(2)
    ]
    for path, _ in paths:
        picture(root / "images" / path)
    lists = {
        "images": [f"{k} {path}" for k, (path, _) in enumerate(paths, 1)],
        "image_class_labels": [f"{k} {number}" for k, (_, number) in enumerate(paths, 1)],
        "classes": [f"{n} {n:03d}.{kind}" for n, kind in kinds.items()],
    }
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")


def check_birds(root):
    train, unseen = load_cub(root), load_cub(root, "eval")
    assert train.class_names == ["Black footed Albatross", "Laysan Albatross"]
    assert unseen.class_names == ["White Pelican"] and len(unseen) == 2
    assert train.labels.tolist() == [0, 0, 1, 1] and train[0][0].shape == (3, 9, 12)
    return train


def test_birds_by_the_lists(tmp_path):
    "The folders' names say nothing, and one picture was not unpacked."
    birds(tmp_path, folder="c{}")
    check_birds(tmp_path)
    (tmp_path / "images" / "c1" / "0.jpg").unlink()
    assert len(load_cub(tmp_path)) == 3
    (tmp_path / "image_class_labels.txt").write_text("1 1\n")
    with pytest.raises(ValueError, match="has no class for picture 2"):
        load_cub(tmp_path)


def test_birds_with_and_without_lists_are_the_same(tmp_path):
    birds(tmp_path)
    with_lists = check_birds(tmp_path)
    for file in tmp_path.glob("*.txt"):
        file.unlink()
    assert check_birds(tmp_path).paths == with_lists.paths
    (tmp_path / "images").rename(tmp_path / "train")
    check_birds(tmp_path)


def test_one_folder_off(tmp_path):
    birds(tmp_path / "data" / "CUB_200_2011" / "CUB_200_2011")
    for root in ("data", "data/CUB_200_2011", "data/CUB_200_2011/CUB_200_2011"):
        check_birds(tmp_path / root)
    check_birds(tmp_path / "data/CUB_200_2011/CUB_200_2011/images")
    with pytest.raises(FileNotFoundError, match="or one folder above or below"):
        load_cub(tmp_path)
    birds(tmp_path / "data" / "copy")
    with pytest.raises(FileNotFoundError, match="CUB was found 2 times near"):
        load_cub(tmp_path / "data")


def test_another_dataset_is_not_taken_for_it(tmp_path):
    for part in ("train", "test", "images"):
        picture(tmp_path / "other" / part / "owl" / "1.jpg")
    for load in (load_cars, load_cub, load_sop):
        with pytest.raises(FileNotFoundError, match="was not found"):
            load(tmp_path)
