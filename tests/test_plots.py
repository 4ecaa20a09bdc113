"Maps, drawings and the explorer: what is left out, other curvatures, queries apart from the gallery, bad input."

import subprocess
import sys
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.explorer import explore
from hier_nb.pictures import ImageDataset
from hier_nb.plots import (
    color_by,
    map_to_disk,
    pick_triplet,
    place_nodes,
    plot_disk,
    plot_insets,
    plot_radii,
    plot_retrieval,
    plot_run,
    plot_tree,
    plot_triplet,
    unit_disk,
)
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.tree import build_tree, name_nodes

N, CLASSES = 48, 6
generator = torch.Generator().manual_seed(0)
labels = torch.arange(N) % CLASSES
centers = torch.randn(CLASSES, 5, generator=generator)
vectors = centers[labels] + 0.2 * torch.randn(N, 5, generator=generator)
others = torch.cat([centers, torch.zeros(1, 5), torch.full((1, 5), -9.0)])
kinds = Taxonomy(("kind",), tuple((f"kind {k // 2}",) for k in range(CLASSES)))
pictures = ImageDataset(
    np.zeros((N, 8, 8, 3), np.uint8),
    labels,
    class_names=[f"class {k}" for k in range(CLASSES)],
    paths=[f"{n}.png" for n in range(N)],
    taxonomy=kinds,
)
SPACES = {"ball": Ball(), "sphere": Sphere(), "flat": Flat()}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def embeddings(space=SPACES["ball"], **given):
    given = dict(labels=labels, proxies=space(others), dataset=pictures) | given
    return Embeddings(space(vectors), space, **given)


def in_two_dimensions(space, seed=0):
    g = torch.Generator().manual_seed(seed)
    points, proxies = torch.randn(N, 2, generator=g), torch.randn(5, 2, generator=g)
    return Embeddings(space(points), space, labels, space(proxies), taxonomy=kinds)


def sentence(error, *parts):
    "Two lines: what was wrong, the remedy; and all the parts are in them."
    lines = str(error.value).splitlines()
    assert len(lines) == 2 and all(len(line) > 5 for line in lines), lines
    for part in parts:
        assert part in str(error.value), (part, str(error.value))


# ---- maps


@pytest.mark.long
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_everything_is_carried_over(space):
    is_query = torch.arange(N) < 9
    e = embeddings(space, is_query=is_query)[torch.arange(N) >= 3]
    m = map_to_disk(e)
    assert m.space.to_dict() == unit_disk.to_dict() and m.dim == 2
    assert torch.equal(m.labels, e.labels) and torch.equal(m.rows, e.rows)
    assert torch.equal(m.is_query, e.is_query)
    assert (m.dataset, m.class_names, m.taxonomy) == (e.dataset, e.class_names, e.taxonomy)
    assert len(m.proxies) == len(e.proxies) and torch.equal(m.home, m.home.clamp(0, 7))
    assert torch.equal(m.home, space.pairwise_dist(e.points, e.proxies).argmin(1))


@pytest.mark.long
@pytest.mark.parametrize(
    "index",
    [slice(3, 9), [5, 1], torch.tensor([5, 1]), np.arange(N) > 40, torch.arange(N) > 40, 7],
    ids=["slice", "list", "tensor", "numpy mask", "mask", "number"],
)
def test_a_part_of_a_map_keeps_its_proxies(index):
    m = map_to_disk(embeddings())
    part = m[index]
    assert torch.equal(part.home, m.home[part.rows])
    assert torch.equal(part.points, m.points[part.rows])


def test_equal_points_have_places():
    same = Embeddings(Ball()(vectors[:1].expand(30, 5)), Ball())
    assert map_to_disk(same).points.isfinite().all()


def test_a_map_is_the_same_twice():
    e = embeddings()
    assert torch.equal(map_to_disk(e, seed=3).points, map_to_disk(e, seed=3).points)


def test_gradients_are_left_behind():
    points = Ball()(vectors.clone().requires_grad_())
    assert not map_to_disk(Embeddings(points, Ball())).points.requires_grad


# ---- drawings


@pytest.mark.parametrize("c", [0.1, 1.0, 4.0])
def test_any_disk_is_drawn_in_its_own_size(c):
    e = in_two_dimensions(Ball(c=c))
    tree = name_nodes(build_tree(e), e)
    for ax in (plot_disk(e.space), plot_run(e), plot_tree(e, tree), plot_triplet(e, range(5))):
        assert ax.get_xlim() == pytest.approx((-1.02 * c**-0.5, 1.02 * c**-0.5))
    plot_insets(e, tree)
    ball = Ball(c=c)
    placed = place_nodes(e, tree)
    root = ball.midpoint(e.points.double())
    torch.testing.assert_close(placed.at[placed.parent.argmin()], root, rtol=1e-5, atol=1e-5)


def test_what_is_not_there_is_not_drawn():
    m = map_to_disk(Embeddings(Ball()(vectors), Ball()))
    assert len(plot_run(m).collections) == 1  # the samples alone
    assert len(plot_run(map_to_disk(embeddings(dataset=None))).collections) == 4
    assert not plot_run(map_to_disk(embeddings(dataset=None))).artists


def test_only_proxies_in_use_are_drawn():
    m = map_to_disk(embeddings())
    dots = plot_run(m, thumbnails=0).collections[2].get_offsets()
    assert len(dots) == len(m.home.unique()) < len(m.proxies)


def test_a_class_without_a_place_is_pale():
    partly = Taxonomy(("kind",), (None,) + kinds.paths[1:])
    e = Embeddings(Ball()(vectors), Ball(), labels, taxonomy=partly)
    coloring = color_by(e, "kind")
    assert (coloring.groups[labels == 0] == -1).all()
    pale = (coloring.colors[:, :3] == 0.8).all(1)
    assert (pale == (labels == 0).numpy()).all()
    plot_run(map_to_disk(e))


def test_pictures_are_those_of_the_rows():
    class Pictures:
        labels, asked = labels, []

        def __len__(self):
            return N

        def raw(self, row):
            self.asked.append(row)
            return np.zeros((8, 8, 3), np.uint8)

    e = Embeddings(Ball()(vectors), Ball(), labels, dataset=Pictures())[20:30]
    plot_run(map_to_disk(e), thumbnails=3)
    assert set(Pictures.asked) <= set(range(20, 30)) and Pictures.asked
    Pictures.asked.clear()
    plot_retrieval(e, [0, 9], k=2)
    assert {20, 29} < set(Pictures.asked) <= set(range(20, 30))


def test_queries_are_answered_by_the_gallery():
    class Pictures:
        labels, asked = labels, []

        def __len__(self):
            return N

        def raw(self, row):
            self.asked.append(row)
            return np.zeros((8, 8, 3), np.uint8)

    is_query = torch.arange(N) < 12
    e = Embeddings(Ball()(vectors), Ball(), labels, dataset=Pictures(), is_query=is_query)
    plot_retrieval(e, [3], k=5)
    assert Pictures.asked[0] == 3 and min(Pictures.asked[1:]) >= 12
    expected = e.gallery().index().search(e.points[3:4], 5)[1][0] + 12
    assert Pictures.asked[1:] == expected.tolist()


def test_triplets_are_the_same_twice_and_none_without_a_choice():
    e = embeddings()
    m = map_to_disk(e)
    assert pick_triplet(e, m) == pick_triplet(e, m) is not None
    assert pick_triplet(Embeddings(e.points, e.space, torch.arange(N), e.proxies)) is None
    assert pick_triplet(Embeddings(e.points, e.space, torch.zeros(N).long(), e.proxies)) is None


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_triplets_of_every_space(space):
    e = embeddings(space)
    i, j, k, ij, ijk = pick_triplet(e)
    distances = space.pairwise_dist(e.points, e.proxies)
    assert labels[i] == labels[j] != labels[k] and i != j
    assert ij == distances[[i, j]].amax(0).argmin() != ijk
    assert ijk == distances[[i, j, k]].amax(0).argmin()


REFUSED = {
    "a disk on the sphere": (lambda e, m, t: plot_disk(Sphere()), "not in Sphere()"),
    "no map": (lambda e, m, t: plot_run(e), "5 dimensions"),
    "a tree without a map": (lambda e, m, t: plot_tree(e, t), "5 dimensions"),
    "insets without a map": (lambda e, m, t: plot_insets(e, t), "5 dimensions"),
    "the map of others": (lambda e, m, t: plot_tree(m[:40], t), "48 samples for 40"),
    "no such node": (lambda e, m, t: plot_insets(m, t, nodes=[("proxy", 99)]), "('proxy', 99)"),
    "no triplet": (lambda e, m, t: plot_triplet(m, None), "triplet is None"),
    "half a triplet": (lambda e, m, t: plot_triplet(m, (1, 2)), "(1, 2)"),
    "no such sample": (lambda e, m, t: plot_triplet(m, (1, 2, 99, 0, 1)), "99 at place 2"),
    "no such proxy": (lambda e, m, t: plot_triplet(m, (1, 2, 3, 0, 99)), "99 at place 1"),
    "another map": (lambda e, m, t: pick_triplet(e, m[:40]), "40 places for 48 samples"),
    "no tries": (lambda e, m, t: pick_triplet(e, tries=0), "tries holds 0"),
    "no such query": (lambda e, m, t: plot_retrieval(e, [48]), "48 at place 0"),
    "no queries": (lambda e, m, t: plot_retrieval(e, []), "no queries"),
    "too many neighbours": (lambda e, m, t: plot_retrieval(e, [0], k=48), "48 neighbours"),
    "no such level": (lambda e, m, t: plot_run(m, level="genus"), "'genus'"),
    "too few": (lambda e, m, t: map_to_disk(e[:3]), "3 points are too few"),
    "no radius": (lambda e, m, t: plot_radii(embeddings(Sphere())), "has no centre"),
    "not a map": (lambda e, m, t: explore(e, on_map=e), "5 dimensions"),
    "a map of others": (lambda e, m, t: explore(e, on_map=m[:9]), "9 points"),
    "none at all": (lambda e, m, t: explore(e, n_samples=0), "n_samples holds 0"),
}


@pytest.fixture(scope="module")
def drawn():
    e = embeddings()
    return e, map_to_disk(e), name_nodes(build_tree(e), e)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, drawn):
    call, part = REFUSED[name]
    with pytest.raises(ValueError) as error:
        call(*drawn)
    sentence(error, part)


@pytest.mark.parametrize(
    "call, what",
    [
        (lambda e: pick_triplet(e), "labels"),
        (lambda e: plot_retrieval(e, [0]), "labels"),
        (lambda e: plot_run(map_to_disk(e), level="kind"), "taxonomy"),
        (lambda e: plot_triplet(map_to_disk(e), range(5)), "proxies"),
    ],
)
def test_what_is_needed_is_asked_for(call, what):
    e = Embeddings(Ball()(vectors), Ball(), labels if what == "taxonomy" else None)
    with pytest.raises(ValueError) as error:
        call(e)
    sentence(error, f"have no {what}")


# ---- the explorer


def array(widget, name):
    "An array as the browser reads it."
    kind, start, count = widget.meta["arrays"][name]
    return np.frombuffer(widget.data, f"<{kind}", count, start)


def test_labels_without_names_are_numbered():
    e = Embeddings(Ball()(vectors), Ball(), labels * 2**40 - 7)
    w = explore(e, layouts="tree")
    assert w.meta["class_names"] == [f"class {k * 2**40 - 7}" for k in range(CLASSES)]
    assert (array(w, "labels") == labels.numpy()).all()


def test_a_taxonomy_without_names_of_classes():
    w = explore(Embeddings(Ball()(vectors), Ball(), labels, taxonomy=kinds), layouts="tree")
    assert w.meta["class_names"] == [f"class {k}" for k in range(CLASSES)]
    assert w.meta["levels"][0]["ids"] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_explorer_shows_the_numbers_of_the_space(space):
    e = embeddings(space)
    w = explore(e, k=4, layouts="tree")
    near = torch.tensor(array(w, "0/neighbors")).long().view(N, 4)
    assert torch.equal(near, e.index().search(None, 4)[1])
    np.testing.assert_allclose(array(w, "0/depth"), space.depth(e.points), rtol=1e-5)
    assert (array(w, "0/wrong") == (labels[near[:, 0]] != labels).numpy()).all()


def test_places_and_nodes_are_those_of_the_map_whatever_its_curvature():
    e = embeddings()
    m = map_to_disk(e)
    half = Embeddings(m.points * 2, Ball(c=0.25, clip_radius=None))
    a, b = explore(e, on_map=m), explore(e, on_map=half)
    for name in ("0/points/your map", "0/nodes/your map"):
        np.testing.assert_allclose(array(a, name), array(b, name), atol=1e-6)
    places = array(a, "0/points/your map").reshape(N, 2)
    np.testing.assert_allclose(places, m.points.numpy(), atol=1e-6)


def test_a_random_part_keeps_its_rows():
    e = embeddings()[10:]
    w = explore(e, n_samples=20, layouts="tree")
    rows = array(w, "rows")
    assert len(rows) == 20 and rows.min() >= 10 and (np.diff(rows) > 0).all()
    assert (array(w, "labels") == labels[rows].numpy()).all()
    assert w.meta["paths"] == [f"{row}.png" for row in rows]


def test_the_model_must_live_where_the_embeddings_do():
    class Model(torch.nn.Linear):
        space = Ball(c=0.2)

    pictures.transform = lambda image: image.float()
    with pytest.raises(ValueError) as error:
        explore(embeddings(), model=Model(2, 2), layouts="tree")
    sentence(error, "Ball(c=0.2")


def test_umap_leaves_the_threads_of_pytorch_alone():
    "Numba tells OpenMP to use all cores, once in a process."
    code = """
import torch
from hier_nb.all import Ball, Embeddings, map_to_disk
torch.set_num_threads(1)
map_to_disk(Embeddings(torch.rand(30, 4) / 10, Ball()))
print(torch.get_num_threads())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


def test_drawing_needs_no_umap_until_a_map_is_made():
    code = "import sys, hier_nb.plots; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"umap", "pandas", "sklearn", "papermill", "ray", "anywidget"}
