"The front door: files that break, the cache behind it, a registry out of reach, the command that counts."

import os
import warnings
from multiprocessing import get_context
import numpy as np
import pytest
import torch
from PIL import Image
from hier_nb import emoji
from hier_nb.config import make_config
from hier_nb.datasets import check_settings, data_check_cli, load_dataset
from hier_nb.training import load_split


@pytest.fixture
def own(tmp_path, monkeypatch):
    "Twelve pictures of four classes; one of them, a/1.png, is cut short."
    monkeypatch.setenv("HIER_NB_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in "abcd":
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(3):
            pixels = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / name / f"{i}.png")
    broken = tmp_path / "own" / "a" / "1.png"
    broken.write_bytes(broken.read_bytes()[:900])
    return tmp_path / "own"


def halves(root, **settings):
    return [load_dataset("folder", root, split, **settings) for split in ("train", "eval")]


@pytest.mark.parametrize("short_side", [None, 20])
def test_pictures_that_are_left_out(own, short_side):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        both = halves(own, errors="skip", short_side=short_side)
    said = [str(w.message) for w in caught if "left out" in str(w.message)]
    assert sum(map(len, both)) == 11 and said and all("a/1.png" in text for text in said)
    if short_side:
        assert both[0].raw(0).shape == (20, 25, 3)


@pytest.mark.parametrize("short_side", [None, 20])
def test_no_bar_where_none_is_wanted(own, capfd, short_side):
    read = dict(data_settings=dict(errors="skip", short_side=short_side))
    config = make_config(dataset="folder", data_root=str(own), image_size=8, eval_size=8, **read)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for split in ("train", "eval"):
            load_split(config, split, progress=False)
        assert capfd.readouterr().err == ""
        (own / "a" / "1.png").write_bytes(b"another size, so another cache")
        for split in ("train", "eval"):
            load_split(config, split)
    assert "once" in (told := capfd.readouterr().err) or "reading every picture" in told


def test_a_picture_that_stops_the_cache(own):
    with pytest.raises(ValueError, match=r"1\.png cannot be read") as error:
        halves(own, short_side=20)
    assert len(str(error.value).splitlines()) == 2


def test_the_command(own, capsys):
    assert data_check_cli(["folder", str(own)]) == 1
    assert "1.png cannot be read" in capsys.readouterr().out
    assert data_check_cli(["cub", "nowhere"]) == 2
    (own / "a" / "1.png").unlink()
    assert data_check_cli(["folder", str(own)]) == 0
    capsys.readouterr()
    assert data_check_cli(["--help"]) == 0 and data_check_cli([]) == 2
    assert capsys.readouterr().out.count("hier-nb-data-check NAME") == 2


def test_without_the_registry(tmp_path, monkeypatch):
    "An npm that always fails: the stand-in comes, and says so."
    fake = tmp_path / "npm"
    fake.write_text("#!/bin/sh\necho no route to the registry >&2; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        dataset = load_dataset("emoji", root=tmp_path, size=32, protocol="emoji")
    said = [w for w in caught if "replaced by openmoji" in str(w.message)]
    assert dataset.name == "openmoji" and len(said) == 1 and dataset.raw(0).shape == (32, 32, 3)
    assert "no route to the registry" in str(said[0].message) and said[0].filename == __file__


def draw(path, threads):
    torch.set_num_threads(threads)
    square = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">{}</svg>'
    fills = [f'<rect width="8" height="8" fill="#{n:06x}"/>' for n in range(150)]
    drawings = [emoji._Drawing(square.format(fill), dict(path=fill)) for fill in fills]
    emoji._write_cache(drawings, 8, path)


def test_drawings_have_one_order_on_any_number_of_cores(tmp_path):
    "Also in a process that may start no others."
    for name, threads, daemon in (("one", 1, False), ("two", 2, False), ("none", 2, True)):
        job = get_context("spawn").Process(
            target=draw, args=(tmp_path / name, threads), daemon=daemon
        )
        job.start()
        job.join()
    one, two, none = (np.load(tmp_path / name / "images.npy") for name in ("one", "two", "none"))
    assert one[:, 4, 4, 2].tolist() == list(range(150))
    assert (one == two).all() and (one == none).all()


def test_settings():
    assert check_settings("emoji", {"size": 64}) == [("size", 64, int)]
    assert check_settings("folder", {"short_side": 9})[0][:2] == ("short_side", 9)
    assert check_settings("folder", {"split_file": "a"}) == [("split_file", "a", None)]
    assert check_settings("not known", {"x": 1}) == [("x", 1, None)]
    with pytest.raises(ValueError, match="data_settings") as error:
        check_settings("sop", {"size": 1}, "data_settings")
    assert "It has: errors, short_side." in str(error.value)
