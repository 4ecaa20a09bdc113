"Every kind of file, taxonomies with holes, and a cache that is damaged, raced for or killed."

import signal
import subprocess
import sys
import warnings
import numpy as np
import pandas as pd
import pytest
import torch
from fastcore.test import test_fail as fails
from PIL import Image
from torch.utils.data import DataLoader
from hier_nb.embeddings import Taxonomy
from hier_nb.pictures import ImageDataset, ImageFiles, cache_pictures, find_unreadable
from hier_nb.pictures import _CachedImages, _shrink, read_image

ZOO = Taxonomy(
    ("class", "order"), (("bird", "owl"), ("bird", "tern"), ("fish", "eel"), ("bird", "owl"))
)


def test_taxonomy():
    assert ZOO.names("order") == ["owl", "tern", "eel"]
    assert ZOO.ids("class").tolist() == [0, 0, 1, 0]
    assert ZOO.ids("order").tolist() == [0, 1, 2, 0]
    fails(lambda: ZOO.ids("genus"), contains="'genus'")
    fails(lambda: Taxonomy(("class", "order"), (("bird",),)), contains="1 names for 2 levels")


def test_a_class_without_a_place():
    assert Taxonomy(("class",), (None, ("bird",))).names("class") == ["bird"]
    assert Taxonomy(("class",), (("bird",), None)).ids("class").tolist() == [0, -1]


@pytest.fixture
def toys():
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    names = ["barn owl", "tern", "eel", "tawny owl"]
    return ImageDataset(pictures, [0, 1, 2, 3], names, "abcd", ZOO)


def test_parts(toys):
    image, label, i = toys[2]
    assert image.shape == (3, 8, 8) and toys.class_names[label] == "eel" and i == 2
    two = toys.of_classes([3, 0])
    assert two.labels.tolist() == [1, 0] and two.class_names == ["tawny owl", "barn owl"]
    assert two.taxonomy.paths[1] == ("bird", "owl") and two.paths == ["a", "d"]
    part = toys.subset([3, 1])
    assert part.paths == ["d", "b"] and part.labels.tolist() == [3, 1]
    assert part.class_names == toys.class_names


def test_parts_keep_what_is_known_of_each_picture(toys):
    toys.styles, toys.is_query = list("wxyz"), torch.tensor([True, False, False, True])
    part = toys.subset([3, 1])
    assert part.styles == ["z", "x"] and part.is_query.tolist() == [True, False]


def test_sizes_that_differ(toys):
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    names = ["owl", "tern"]
    fails(
        lambda: ImageDataset(pictures, [0, 1, 0], names, "abcd"),
        contains="4 images, 3 labels and 4 paths",
    )
    fails(
        lambda: ImageDataset(pictures, [0, 1, 0, 1], names, "abcd", ZOO),
        contains="A taxonomy of 4 classes for 2 class names",
    )


LABELS = torch.arange(48) % 6


def six_classes(labels):
    pictures = np.zeros((48, 4, 4, 3), np.uint8)
    return ImageDataset(pictures, labels, list("abcdef"), [str(n) for n in range(48)])


def test_labels_and_masks_of_every_type():
    dataset = six_classes(LABELS.numpy().astype(np.uint8))
    mask = torch.arange(48) < 12
    assert dataset.labels.dtype == torch.int64
    for some in (mask, mask.numpy(), mask.tolist(), pd.Series(mask.numpy()), range(12)):
        assert len(dataset.subset(some)) == 12
    assert len(dataset.subset([0, 1])) == 2 and len(dataset.subset([])) == 0


@pytest.mark.parametrize(
    "wrong, part",
    [
        (LABELS + 1, "6 at place 5"),
        (LABELS - 1, "-1 at place 0"),
        (LABELS + 0.5, "0.5"),
        (LABELS[:-1], "47 labels"),
        (["a"] * 48, "'a'"),
    ],
)
def test_wrong_labels(wrong, part):
    with pytest.raises(ValueError) as error:
        six_classes(wrong)
    assert part in str(error.value) and len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize("wrong", [[0, 0], [9], [-1], [0.5]])
def test_wrong_classes(wrong):
    with pytest.raises(ValueError, match="classes") as error:
        six_classes(LABELS).of_classes(wrong)
    assert len(str(error.value).splitlines()) == 2


@pytest.fixture
def traps(tmp_path):
    "A red and black picture, 30 × 20, in every kind of file; and two files that are no pictures."
    red = np.zeros((20, 30, 3), np.uint8)
    red[:, :15] = (255, 0, 0)
    image = Image.fromarray(red)
    image.save(tmp_path / "plain.png")
    image.convert("L").save(tmp_path / "grey.jpg")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    image.convert("P").save(tmp_path / "palette.gif")
    clear = image.convert("RGBA")
    clear.putalpha(0)
    clear.save(tmp_path / "clear.png")
    image.convert("1").save(tmp_path / "bits.png")
    Image.fromarray(np.full((20, 30), 40000, np.uint16)).save(tmp_path / "deep.png")
    image.save(tmp_path / "UPPER.JPG")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "UPPER.JPG").read_bytes()[:400])
    (tmp_path / "text.jpg").write_text("no picture")
    return tmp_path


BROKEN = ("cut.jpg", "text.jpg")


def test_every_kind_of_file(traps):
    for path in sorted(traps.iterdir()):
        if path.name in BROKEN:
            with pytest.raises(ValueError, match=f"{path.name} cannot be read") as error:
                read_image(path)
            assert len(str(error.value).splitlines()) == 2
        else:
            picture = read_image(path)
            assert picture.shape == (20, 30, 3) and picture.dtype == np.uint8
    assert read_image(traps / "clear.png").min() == 255
    assert read_image(traps / "cmyk.jpg")[5, 5, 0] > 200
    assert 150 < read_image(traps / "deep.png").mean() < 160
    with pytest.raises(FileNotFoundError, match="There is no picture"):
        read_image(traps / "gone.jpg")


def test_unreadable_files(traps):
    names = sorted(path.name for path in traps.iterdir())
    labels = [0] * len(names)
    files = ImageFiles(traps, names)
    mixed = ImageDataset(files, labels, ["thing"], names, name="traps", split="train")
    assert [names[row] for row in find_unreadable(files, progress=False)] == list(BROKEN)
    with pytest.warns(UserWarning, match=r"cut\.jpg"):
        clean = mixed.without_unreadable(progress=False)
    assert len(clean) == len(mixed) - 2 and clean[0][0].shape == (3, 20, 30)
    with pytest.raises(ValueError, match=r"cut\.jpg"):  # the path survives the worker process
        list(DataLoader(mixed, batch_size=2, num_workers=1))


def write_photo(path, height=375, width=500):  # smooth noise: compresses like a photograph
    rng = np.random.default_rng(int(path.stem))
    coarse = rng.integers(0, 255, (height // 12, width // 12, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.BICUBIC).save(path, quality=90)


def photos_in(folder):  # the dataset of what lies there
    names = sorted(path.name for path in folder.glob("*.jpg"))
    labels = [int(name[:2]) % 4 for name in names]
    return ImageDataset(
        ImageFiles(folder, names), labels, "abcd", names, name="noise", split="train"
    )


def caches(folder):
    return [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]


@pytest.fixture
def photos(tmp_path):
    for n in range(20):
        write_photo(tmp_path / f"{n:02d}.jpg")
    return tmp_path


def cut_short(path):
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.long
def test_sizes_of_a_cache(photos):
    files = photos_in(photos)
    cached = cache_pictures(files, photos / "cache", 128, progress=False)
    assert cached.raw(3).shape == (128, 171, 3)
    assert (cached.raw(3) == _shrink(files.raw(3), 128)).all()
    fails(lambda: cache_pictures(files, photos / "cache", 0), contains="short_side=0 is no size")


@pytest.mark.long
def test_a_damaged_cache(photos):
    cached = cache_pictures(photos_in(photos), photos / "cache", 256, progress=False)
    pixels = cached.images.folder / "pixels.bin"
    data = bytearray(pixels.read_bytes())
    data[1000] ^= 255  # one byte of the first picture
    pixels.write_bytes(data)
    again = _CachedImages(pixels.parent)
    assert again[1].shape == (256, 341, 3)
    fails(lambda: again[0], contains="Picture 0 in the cache")
    pixels.write_bytes(bytes(data[:-5]))
    fails(lambda: _CachedImages(pixels.parent), contains="is damaged")


def test_a_source_that_cannot_be_decoded(photos):
    cut_short(photos / "05.jpg")
    files, folder = photos_in(photos), photos / "cache"
    with pytest.raises(ValueError, match=r"05\.jpg cannot be read"):
        cache_pictures(files, folder, progress=False)
    assert not [path for path in folder.iterdir() if path.is_dir()]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = cache_pictures(files, folder, errors="skip", progress=False)
    assert len(kept) == 19 and "05.jpg" not in kept.paths and "05.jpg" in str(caught[0].message)
    assert kept.labels.tolist() == [n % 4 for n in range(20) if n != 5]
    with pytest.raises(ValueError, match=r"05\.jpg"):  # the cache is there, but not as asked
        cache_pictures(files, folder, progress=False)


JOB = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from test_pictures import photos_in
from hier_nb import pictures

build = pictures._build

def slowly(*args):
    print("building", flush=True)
    time.sleep(float(sys.argv[3]))
    return build(*args)

pictures._build = slowly
dataset = photos_in(Path(sys.argv[1]))
print(len(pictures.cache_pictures(dataset, sys.argv[2], 128, progress=False)), flush=True)
"""


def start(photos, folder, wait):
    tests = __file__.rpartition("/")[0]
    command = [sys.executable, "-c", JOB, str(photos), str(folder), str(wait), tests]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.long
def test_four_processes_want_one_cache(photos):
    processes = [start(photos, photos / "shared", 0.5) for _ in range(4)]
    said = [process.communicate()[0] for process in processes]
    assert "".join(said).count("building") == 1
    assert all(text.strip().endswith("20") for text in said), said


@pytest.mark.long
def test_killed_while_building(photos):
    folder = photos / "killed"
    process = start(photos, folder, 60)
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not caches(folder)  # nothing looks finished
    assert start(photos, folder, 0).communicate()[0].split() == ["building", "20"]
