"""An index that grows, files that were tampered with, commands, and a graph that answers without this library."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from hier_nb.commands import embed_cli, eval_cli, search_cli
from hier_nb.embeddings import Embeddings, parquet_notes
from hier_nb.export import export_model, save_model
from hier_nb.models import create_model
from hier_nb.neighbors import Index
from hier_nb.pictures import create_transform
from hier_nb.search import GrowingIndex, made_up_vectors
from hier_nb.spaces import Ball, Flat, Sphere

SPACES = {"ball": Ball(clip_radius=None), "sphere": Sphere(), "flat": Flat()}


def some_points(space, n=400, dim=16, seed=1):
    return space(made_up_vectors(n, dim, lengths=(0.5, 6.0), groups=4, seed=seed))


def grown(space, method, n=400, **settings):
    index = GrowingIndex(space, method, exact_below=10, **settings)
    index.add(some_points(space, n))
    return index


@pytest.mark.parametrize("method", ["exact", "hnsw", "ivf"])
@pytest.mark.parametrize("kind", SPACES)
def test_an_index_may_grow_one_by_one(method, kind, tmp_path):
    space, queries = SPACES[kind], some_points(SPACES[kind], 20, seed=2)
    points = some_points(space)
    index = GrowingIndex(space, method, exact_below=10)
    index.add(points[:200], [f"photo {n}" for n in range(200)])
    index.search(queries, 1)
    for n in range(200, 230):
        index.add(points[n : n + 1], [f"photo {n}"])
    index.remove(["photo 3", "photo 220"])
    index.save(tmp_path / "index.safetensors")
    index = GrowingIndex.load(tmp_path / "index.safetensors")
    index.add(points[230:], [f"photo {n}" for n in range(230, 400)])
    assert len(index) == 398 and "photo 3" not in index and "photo 399" in index
    left = torch.tensor([n for n in range(400) if n not in (3, 220)])
    right = left[Index(points[left], space).search(queries, 5)[1]]
    for _ in range(2):  # before and after what was removed is swept out
        rows = index.search(queries, 5)[1]
        names = [[f"photo {n}" for n in some] for some in right.tolist()]
        found = index.names(rows)
        hits = sum(len(set(a) & set(b)) for a, b in zip(found, names))
        assert hits >= 98 and (method != "exact" or found == names)
        index.rebuild()
    assert len(index.ids) == 398


def test_a_removed_id_may_come_back(tmp_path):
    index = grown(Flat(), "hnsw", 30)
    index.remove("7")
    index.add(torch.full((1, 16), 9.0), ["7"])
    index.save(tmp_path / "i.safetensors")
    index = GrowingIndex.load(tmp_path / "i.safetensors")
    assert index.names(index.search(torch.full((1, 16), 9.0), 1)[1]) == [["7"]]
    assert len(index) == 30


@pytest.mark.parametrize("method", ["hnsw", "ivf"])
def test_a_thousand_copies(method):
    "A collapsed network: every answer is at distance 0, and no row comes twice."
    index = GrowingIndex(SPACES["ball"], method, exact_below=10)
    index.add(SPACES["ball"](torch.ones(1000, 8)))
    distances, rows = index.search(SPACES["ball"](torch.ones(3, 8)), 20)
    assert (distances == 0).all() and all(len(set(some)) == 20 for some in rows.tolist())


@pytest.mark.parametrize("method", ["exact", "hnsw", "ivf"])
def test_as_many_neighbours_as_points(method):
    index = grown(SPACES["ball"], method, 60)
    index.remove(str(n) for n in range(20))
    rows = index.search(some_points(SPACES["ball"], 4, seed=3), 40)[1]
    assert all(sorted(some) == list(range(20, 60)) for some in rows.tolist())


def test_an_empty_index(tmp_path):
    index = GrowingIndex(Ball(), "hnsw")
    index.save(tmp_path / "empty.safetensors")
    index = GrowingIndex.load(tmp_path / "empty.safetensors")
    with pytest.raises(ValueError, match="k=1 neighbours were asked of 0 points"):
        index.search(torch.zeros(1, 4), 1)
    index.add(torch.zeros(1, 4))
    assert len(index) == 1


def refused(sentence, act, *args, **kwargs):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence) as e:
        act(*args, **kwargs)
    assert len(str(e.value).splitlines()) == 2


def test_what_an_index_refuses():
    index = grown(Ball(), "exact", 20)
    refused("method='lsh' is unknown", GrowingIndex, Ball(), "lsh")
    refused("links=0 is no positive", GrowingIndex, Ball(), links=0)
    refused("outside the ball", index.add, torch.full((1, 16), 9.0))
    refused("NaN", index.add, torch.full((1, 16), torch.nan))
    refused("3 columns instead of 16", index.add, torch.zeros(1, 3))
    refused("a point '4' already", index.add, torch.zeros(1, 16), ["4"])
    refused("'a' more than once", index.add, torch.zeros(2, 16), ["a", "a"])
    refused("2 ids for 1 points", index.add, torch.zeros(1, 16), ["a", "b"])
    refused("There is no point '99'", index.remove, "99")
    refused("k=21 neighbours", index.search, torch.zeros(1, 16), 21)
    refused("rounds=0", index.search, torch.zeros(1, 16), 2, rounds=0)
    refused("no index at", GrowingIndex.load, "nowhere.safetensors")
    assert len(index) == len(index.ids) == 20


def tampered(path, change):
    "The same file with other tensors or notes."
    from safetensors import safe_open

    with safe_open(path, "pt") as f:
        about = f.metadata()
    tensors = load_file(path)
    change(tensors, about)
    save_file(tensors, path, about)


def far_friend(tensors, about):
    tensors["first/neighbors"][5] = 10**6


def low_friend(tensors, about):  # on a level on which it does not exist
    levels, friends = tensors["first/levels"], tensors["first/neighbors"]
    tall = int((levels > 1).nonzero()[0])
    below = levels[:tall].tolist()
    begins = sum(32 + 16 * (level - 1) for level in below)
    friends[begins + 32] = int((levels == 1).nonzero()[0])


def wrong_entry(tensors, about):
    tensors["first/entry"][0] = int((tensors["first/levels"] == 1).nonzero()[0])


def huge_level(tensors, about):
    tensors["first/levels"][0] = 2**30


def short_table(tensors, about):
    tensors["first/neighbors"] = tensors["first/neighbors"][:-1].clone()


def point_outside(tensors, about):
    tensors["points"][0] = 9.0


def no_number(tensors, about):
    tensors["points"][0, 0] = torch.nan


def fewer_ids(tensors, about):
    tensors["ids"] = tensors["ids"][:-4].clone()


def odd_space(tensors, about):
    about["space"] = json.dumps(dict(kind="torus"))


def odd_settings(tensors, about):
    about["settings"] = json.dumps(dict(links="16"))


@pytest.mark.parametrize(
    "change",
    [far_friend, low_friend, wrong_entry, huge_level, short_table, point_outside, no_number]
    + [fewer_ids, odd_space, odd_settings],
    ids=lambda f: f.__name__,
)
def test_a_forged_index_is_refused(change, tmp_path):
    "Before faiss sees a number of it."
    path = tmp_path / "index.safetensors"
    grown(SPACES["ball"], "hnsw").save(path)
    GrowingIndex.load(path)
    tampered(path, change)
    refused("is no growing index", GrowingIndex.load, path)


def test_a_broken_file_is_no_index(tmp_path):
    path = tmp_path / "index.safetensors"
    index = grown(SPACES["ball"], "ivf")
    index.save(path)
    path.write_bytes(path.read_bytes()[:500])
    refused("is no growing index", GrowingIndex.load, path)
    Index(index.points, index.space).save(path)
    refused("it is of another kind", GrowingIndex.load, path)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    "Two models, a folder of twelve pictures, and a table of them."
    here = tmp_path_factory.mktemp("world")
    torch.manual_seed(0)
    for name in ("model", "other"):
        save_model(create_model("resnet10t", dim=16, pretrained=False), here / name)
    rng = np.random.default_rng(0)
    for n in range(12):
        path = here / "pictures" / ("dark" if n % 2 else "bright") / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(20 if n % 2 else 180, 80 if n % 2 else 240, (48, 48, 3))
        Image.fromarray(pixels.astype("uint8")).save(path)
    assert embed_cli(words_of(here, here / "table.parquet")) == 0
    return here


def words_of(here, out, *more):
    return [f"{here}/model", f"{here}/pictures", f"out={out}", "size=48", "progress=false", *more]


def test_the_table_says_what_it_is(world):
    e = Embeddings.load(world / "table.parquet")
    assert e.space.to_dict() == Ball().to_dict() and e.class_names == ["bright", "dark"]
    assert len(parquet_notes(world / "table.parquet")["model"]) == 32


def fails(capsys, command, *words):
    "The sentence of a command that could not be obeyed."
    assert command([str(word) for word in words]) == 2
    output, complaints = capsys.readouterr()
    assert not output and len(complaints.strip().splitlines()) == 2
    return complaints


def test_wrong_words(world, capsys, tmp_path):
    table = world / "table.parquet"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no folder" in fails(capsys, embed_cli, world / "model", "nowhere")
    assert "holds no pictures" in fails(capsys, embed_cli, world / "model", empty)
    assert "no model" in fails(capsys, embed_cli, "nowhere", world / "pictures")
    assert "does not end in .parquet" in fails(capsys, embed_cli, *words_of(world, "a.csv"))
    assert "size='big'" in fails(capsys, embed_cli, *words_of(world, table)[:3], "size=big")
    assert "another model" in fails(capsys, embed_cli, *words_of(world, table)[:3], "size=32")
    for wrong in ("workers=many", "workers=-1", "workers=1.5", "device=abacus"):
        said = fails(capsys, embed_cli, *words_of(world, tmp_path / "t.parquet", wrong))
        assert wrong in said.replace("'", "")
    assert embed_cli(words_of(world, tmp_path / "t.parquet", "workers=auto")) == 0
    capsys.readouterr()
    assert "too little" in fails(capsys, search_cli, table)
    assert "k=13" in fails(capsys, search_cli, table, "dark/1.png", "k=13")
    assert "method='lsh'" in fails(capsys, search_cli, table, "dark/1.png", "method=lsh")
    assert "ks asks for 40" in fails(capsys, eval_cli, table, "ks=40")
    assert "no embeddings at" in fails(capsys, eval_cli, "nothing.parquet")


def test_a_model_of_another_space_or_weights(world, capsys, tmp_path):
    torch.manual_seed(1)
    sphere = create_model("resnet10t", dim=16, pretrained=False, space=Sphere())
    save_model(sphere, tmp_path / "sphere")
    ask = world / "table.parquet", world / "pictures" / "dark" / "1.png", "size=48"
    said = fails(capsys, search_cli, *ask, f"model={tmp_path}/sphere")
    assert "lies in Sphere(), not in Ball(" in said
    assert "another model" in fails(capsys, search_cli, *ask, f"model={world}/other")


def test_a_broken_picture_and_a_second_time(world, capsys, tmp_path):
    table = tmp_path / "table.parquet"
    broken = world / "pictures" / "dark" / "broken.png"
    broken.write_bytes((world / "pictures" / "dark" / "1.png").read_bytes()[:300])
    try:
        assert "broken.png cannot be read" in fails(capsys, embed_cli, *words_of(world, table))
        assert not table.exists()
        with pytest.warns(UserWarning, match="1 of 13 pictures"):
            assert embed_cli(words_of(world, table, "errors=skip")) == 0
    finally:
        broken.unlink()
    assert "12 pictures, 12 of them embedded now" in capsys.readouterr().out
    assert embed_cli(words_of(world, table)) == 0
    assert "12 pictures, 0 of them embedded now" in capsys.readouterr().out


def test_an_index_beside_the_table_follows_it(world, capsys, tmp_path):
    index = tmp_path / "index.safetensors"
    table = world / "table.parquet"
    words = [str(table), "dark/1.png", "k=3", f"index={index}", f"json={tmp_path}/a.json"]
    assert search_cli(words) == 0
    before = json.loads((tmp_path / "a.json").read_text())
    kept = GrowingIndex.load(index)
    kept.remove(["dark/3.png", "dark/5.png"])
    kept.add(kept.points[:1], ["gone.png"])
    kept.save(index)
    assert search_cli(words) == 0
    assert json.loads((tmp_path / "a.json").read_text()) == before
    assert "gone.png" not in GrowingIndex.load(index)
    assert search_cli([*words, "--rerank"]) == 0


ALONE = """
import importlib.abc, json, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("hier_nb", "torch", "torchvision", "timm"):
            raise ImportError(name + " is not here")

sys.meta_path.insert(0, Refuse())
import numpy as np, onnxruntime
from PIL import Image
from pyarrow import parquet

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["hier_nb"])
picture = Image.open("question.png").convert("RGB")
assert picture.size == (about["size"], about["size"])
pixels = np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 255
normal = (pixels - np.array(about["mean"])[:, None, None]) / np.array(about["std"])[:, None, None]
x = session.run(None, {"images": normal[None].astype(np.float32)})[0][0].astype(float)

table = parquet.read_table("table.parquet")
paths = table["path"].to_pylist()
gallery = np.array(table["embedding"].to_pylist())
c = about["space"]["c"]
squares = ((gallery - x) ** 2).sum(1)
gaps = (1 - c * (gallery**2).sum(1)) * (1 - c * (x**2).sum())
distances = 2 / c**0.5 * np.arcsinh(np.sqrt(c * squares / gaps))
np.save("vector.npy", x)
json.dump([paths[distances.argmin()], distances.min()], open("nearest.json", "w"))
"""


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_onnx_answers_without_this_library(world, tmp_path):
    "Same vector, same nearest neighbour, same distance, in a process that can import neither us nor PyTorch."
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from hier_nb.export import load_model

    model = load_model(world / "model")
    export_model(model, tmp_path / "model.onnx", size=48)
    (tmp_path / "table.parquet").write_bytes((world / "table.parquet").read_bytes())
    pixels = np.random.default_rng(7).integers(20, 80, (48, 48, 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "question.png")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", ALONE], cwd=tmp_path, env=env, check=True)

    about = create_transform(False, 48, *statistics(), "affine")
    with torch.no_grad():
        vector = model(about(torch.from_numpy(pixels).permute(2, 0, 1))[None])
    np.testing.assert_allclose(np.load(tmp_path / "vector.npy"), vector[0].numpy(), atol=1e-4)
    e = Embeddings.load(tmp_path / "table.parquet")
    distance, row = e.index().search(vector, 1)
    path, found = json.loads((tmp_path / "nearest.json").read_text())
    assert path == table_paths(tmp_path / "table.parquet")[int(row)]
    assert abs(found - float(distance)) < 1e-3


def statistics():
    import timm

    about = timm.get_pretrained_cfg("resnet10t")
    return about.mean, about.std


def table_paths(path):
    import pandas

    return list(pandas.read_parquet(path)["path"])


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_others_may_have_put_their_own_search_into_faiss(kind, tmp_path):
    import faiss.contrib.torch_utils  # noqa: F401

    index = grown(SPACES["ball"], kind)
    index.save(tmp_path / "index.safetensors")
    again = GrowingIndex.load(tmp_path / "index.safetensors")
    for one, other in zip(index.search(index.points[:5], 3), again.search(index.points[:5], 3)):
        torch.testing.assert_close(one, other)
