"Files for other people's programs: read back, with names that break tables, and a foreign package played."

import io
import sys
import types

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from hier_nb.embeddings import Embeddings
from hier_nb.handover import sample_table, save_atlas, save_projector, to_hyperview
from hier_nb.pictures import ImageDataset
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.tree import build_tree, name_nodes

NAMES = ["a\tb", "line\nbreak", "<b>&'\"", "täg, 鳥"]
ball, disk = Ball(), Ball(c=1.0)


def made(space=ball, pictures=True, n=12):
    torch.manual_seed(0)
    labels = torch.arange(n) % 4
    images = np.full((n, 20, 30, 3), 7, np.uint8)
    dataset = ImageDataset(
        images, labels, class_names=NAMES, paths=[f"{k}\t.png" for k in range(n)]
    )
    groups = dict(name=["x", "y", None, "x"])
    e = Embeddings(
        space(torch.randn(n, 5)),
        space,
        labels,
        class_names=NAMES,
        taxonomy=groups,
        dataset=dataset if pictures else None,
    )
    return e, Embeddings(disk(torch.randn(n, 2)), disk)


@pytest.mark.parametrize("space", [Ball(), Sphere(), Flat()], ids=str)
def test_a_table_of_any_space(space):
    e, m = made(space)
    table = sample_table(e, m, columns={"odd": [None, 1.5] * 6})
    assert ("depth" in table) == space.has_centre
    assert table["label"].tolist() == [NAMES[k] for k in e.labels]
    assert table["name level"].isna().sum() == 3, "a level may be called as a column is"
    assert table["odd"].isna().sum() == 6


def test_a_map_is_scaled_to_the_unit_disk():
    e, m = made()
    small = Ball(c=0.25)
    table = sample_table(e, Embeddings(2 * m.points, small))
    assert np.allclose(table[["x", "y"]], m.points, atol=1e-6)


def test_rows_that_were_taken_keep_their_names():
    e, m = made()
    assert sample_table(e[[7, 3]], m[[7, 3]])["name"].tolist() == ["7\t.png", "3\t.png"]


def test_atlas_reads_back(tmp_path):
    e, m = made()
    tree = name_nodes(build_tree(e, "linkage"), e)
    command = save_atlas(e, tmp_path / "a b.parquet", m, tree=tree, k=99)
    assert f"'{tmp_path}/a b.parquet'" in command, "a path with a blank is one word of the shell"
    table = pd.read_parquet(tmp_path / "a b.parquet")
    assert [len(near["ids"]) for near in table["neighbors"]] == [11] * 12, "no more than there are"
    assert np.all(np.diff(table["neighbors"][0]["distances"]) >= 0)
    assert Image.open(io.BytesIO(table["image"][0])).size == (30, 20)
    words = pd.read_parquet(tmp_path / "a b.labels.parquet")
    assert list(words) == ["x", "y", "text", "level", "priority"]
    assert words["level"].min() == 0, "some word is seen from afar"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b.labels.parquet", "a b.parquet"]


def test_atlas_without_anything(tmp_path):
    e, m = made(pictures=False)
    assert "--" not in save_atlas(e, tmp_path / "a.parquet", k=0)
    assert "--image" not in save_atlas(e[:1], tmp_path / "a.parquet", m[:1])
    with pytest.raises(ValueError, match="have no dataset"):
        save_atlas(e, tmp_path / "b.parquet", pictures=True)
    assert not (tmp_path / "b.parquet").exists()


def test_a_killed_write_leaves_the_old_file(tmp_path, monkeypatch):
    e, m = made()
    save_atlas(e, tmp_path / "a.parquet", m)
    before = (tmp_path / "a.parquet").read_bytes()

    def stop(table, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_parquet", stop)
    with pytest.raises(KeyboardInterrupt):
        save_atlas(e[:5], tmp_path / "a.parquet", m[:5])
    assert (tmp_path / "a.parquet").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_projector_reads_back(tmp_path):
    e, m = made()
    folder = save_projector(e, tmp_path, m, columns={"odd": [None] * 12})
    lines = (folder / "metadata.tsv").read_text(encoding="utf-8").split("\n")
    assert len(lines) == 14 and lines[-1] == "", "a header, a line for each sample"
    assert {line.count("\t") for line in lines[:-1]} == {6}
    assert lines[1].startswith("0 .png\ta b\t")
    assert np.loadtxt(folder / "tensors.tsv").shape == (12, 5)
    assert np.loadtxt(folder / "map.tsv").shape == (12, 3)
    assert Image.open(folder / "sprite.png").size == (128, 128)


def test_projector_of_one_column_has_no_header(tmp_path):
    e = Embeddings(torch.randn(4, 3), Sphere())
    text = (save_projector(e, tmp_path) / "metadata.tsv").read_text()
    assert text == "0\n1\n2\n3\n"
    assert "sprite" not in (tmp_path / "projector_config.pbtxt").read_text()


class Played:
    "What we call of hyperview.Dataset."

    kept = 0

    def __init__(self, name, persist):
        self.name, self.persist, self.samples = name, persist, []

    def __len__(self):
        return self.kept

    def add_samples(self, samples):
        self.samples = samples

    def register_embeddings(self, key, model, ids, vectors, *, config):
        self.vectors, self.config = vectors, config
        return key

    def register_layout(self, key, space, ids, coords, *, geometry):
        self.layout = (key, space, geometry)
        self.coords = coords

    def set_coords(self, geometry, ids, coords):
        self.layout, self.coords = (None, None, geometry), coords


@pytest.fixture
def hyperview(monkeypatch):
    module = types.SimpleNamespace(Dataset=Played, Sample=types.SimpleNamespace)
    monkeypatch.setitem(sys.modules, "hyperview", module)


def test_hyperview_gets_the_hyperboloid(hyperview, tmp_path):
    e, m = made()
    made_of = to_hyperview(e, m, "a <b>", columns={"odd": [np.nan] * 12}, folder=tmp_path)
    v, c = made_of.vectors, made_of.config["params"]["curvature"]
    assert np.allclose(c * (v[:, 0] ** 2 - (v[:, 1:] ** 2).sum(1)), 1, atol=1e-5)
    inner = v[0, 0] * v[1:, 0] - v[1:, 1:] @ v[0, 1:]
    ours = e.space.dist(e.points[:1], e.points[1:])
    assert np.allclose(np.arccosh(c * inner) / np.sqrt(c), ours, atol=1e-4)
    assert made_of.layout == ("hier_nb_a_b___poincare_map__2d", "hier_nb_a_b_", "poincare")
    assert made_of.samples[0].metadata["odd"] is None, "JSON has no NaN"
    assert Image.open(made_of.samples[3].filepath).size == (30, 20)


@pytest.mark.parametrize("space, vectors", [(Sphere(), True), (Flat(), False)], ids=str)
def test_hyperview_of_other_spaces(hyperview, space, vectors):
    e, m = made(space, pictures=False)
    made_of = to_hyperview(e, m, label="name level")
    assert hasattr(made_of, "vectors") == vectors, "HyperView has no straight distance"
    assert [sample.label for sample in made_of.samples[:3]] == ["x", "y", None]
    assert np.linalg.norm(made_of.coords, axis=1).max() < 1


def test_hyperview_keeps_what_is_there(hyperview, monkeypatch):
    monkeypatch.setattr(Played, "kept", 3)
    with pytest.raises(ValueError, match="'mine' of 3 samples already"):
        to_hyperview(*made(), "mine", persist=True)
