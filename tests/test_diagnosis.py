"Diagnoses of made embeddings whose answers are known, and bad input in two lines."

import json
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from hier_nb.commands import diagnose_cli
from hier_nb.diagnosis import (
    Measured,
    class_midpoints,
    diagnose,
    directions,
    draw_points,
    gaussian_like,
    one_radius,
    precision_at_hits,
    read_taxonomy,
    three_point_gap,
)
from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.files import to_json
from hier_nb.geometry import mobius_add
from hier_nb.spaces import Ball, Flat, Sphere

ball, sphere = Ball(c=1.0, clip_radius=None), Sphere()


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def planted_tree(seed=0, per_class=8):
    "Depth is radius: general classes near the centre, the typical special one straight behind them."
    vectors, paths = [], []
    for g, group in enumerate(normalize(draw(3, 16, seed=seed), dim=1)):
        vectors.append(0.6 * group)
        paths.append((f"g{g}", "as such"))
        beside = normalize(group + 0.8 * normalize(draw(2, 16, seed=seed + g + 10), dim=1), dim=1)
        for s, subgroup in enumerate([group, *beside]):
            near = normalize(draw(2, 16, seed=seed + 3 * g + s + 20), dim=1)
            special = normalize(torch.cat([subgroup[None], subgroup + 0.6 * near]), dim=1)
            vectors += [1.2 * subgroup, *(1.9 * special)]
            paths += [(f"g{g}", f"s{s}")] * 4
    labels = torch.arange(39).repeat_interleave(per_class)
    noise = ball(0.1 * draw(len(labels), 16, seed=seed + 99))
    points = mobius_add(ball(torch.stack(vectors))[labels], noise, 1.0)
    return Embeddings(points, ball, labels, taxonomy=Taxonomy(("group", "subgroup"), tuple(paths)))


def noise_classes(seed, space=ball):
    "Classes without kin, with the planted taxonomy."
    labels = torch.arange(39).repeat_interleave(8)
    vectors = draw(39, 16, seed=seed)[labels] + 0.5 * draw(len(labels), 16, seed=seed + 1)
    return Embeddings(space(0.4 * vectors), space, labels, taxonomy=tree.taxonomy)


tree = planted_tree()


@cache
def of_tree():
    "What several tests compare with."
    return diagnose(tree)


@pytest.mark.parametrize("seed", [0, 100])
def test_a_tree_whose_depth_is_radius(seed):
    found = diagnose(planted_tree(seed)) if seed else of_tree()
    assert found.answers["hierarchy"] == "yes"
    assert found.answers["radius"] == "yes"
    assert found.answers["use"] in ("flat", "ball")
    assert "Recall@1" in found.one_radius.costs()
    assert all(m.resolved for m in found.hierarchy.values())
    assert found.shape["three-point gap"].resolved
    assert found.local["subgroup"].resolved and found.local["group"].resolved


def test_the_same_on_the_sphere():
    e = replace(tree, points=sphere(ball.log(tree.points)), space=sphere)
    found = diagnose(e)
    assert found.answers["hierarchy"] == "yes"
    assert found.answers["radius"] == "none" and found.answers["use"] == "sphere"
    assert found.one_radius is None and found.depths is None
    assert "no radius" in found.sentences["Does the radius carry it?"]


def test_the_same_on_one_radius():
    found = diagnose(one_radius(tree))
    assert found.answers["hierarchy"] == "yes"
    assert found.answers["radius"] == "no" and found.answers["use"] == "sphere"
    assert found.one_radius.ranks_changed < 0.01
    assert found.depths.measured.resolved and not found.depths.carried


@pytest.mark.parametrize("space", [ball, sphere, Flat()], ids=lambda s: s.kind)
@pytest.mark.parametrize("seed", [0, 10])
def test_noise_has_no_hierarchy(seed, space):
    e = noise_classes(seed, space)
    for e in (e, replace(e, taxonomy=None)):
        found = diagnose(e)
        assert found.answers["hierarchy"] == "not resolved"
        assert found.answers["use"] == "neither"


def test_random_lengths_are_no_radius():
    shell = one_radius(tree)
    lengths = 0.5 + torch.rand(len(tree), 1, generator=torch.Generator().manual_seed(0))
    found = diagnose(replace(shell, points=ball(ball.log(shell.points) * lengths)))
    assert found.one_radius.ranks_changed > 0.1
    assert found.answers["radius"] == "no" and found.one_radius.gains()


def test_without_a_taxonomy():
    found = diagnose(replace(tree, taxonomy=None))
    assert found.answers["hierarchy"] == "yes"
    assert not found.hierarchy and not found.local and found.depths is None
    assert "Gaussian" in found.sentences["Is there a hierarchy above the classes?"]
    three = diagnose(replace(tree, taxonomy=None)[tree.labels < 3])
    assert three.answers["hierarchy"] == "cannot be told"


@pytest.mark.long
def test_proxies_are_judged_by_their_trees():
    general = class_midpoints(tree, 39, 0).points[[0, 1, 5, 9, 13, 14, 18, 22, 26, 27, 31, 35]]
    good = diagnose(replace(tree, proxies=general))
    idle = diagnose(replace(tree, proxies=ball(0.5 * draw(12, 16, seed=5))))
    ancestors = "proxies, by common ancestor"
    assert good.trees[ancestors] > idle.trees[ancestors]
    assert idle.answers["proxies"] == "not better"
    assert of_tree().answers["proxies"] == "none"


def test_a_seed_decides_everything():
    before, again = to_json(of_tree().to_dict()), to_json(diagnose(tree).to_dict())
    assert before == again
    assert json.loads(before)["answers"]["hierarchy"] == "yes"


def test_parts_of_large_sets():
    found = diagnose(tree, n_points=200)
    assert found.about["points"] <= 200 and found.about["drawn_from"] == len(tree)
    assert "drawn from" in found.summary() and f"{len(tree)}" in found.summary()
    labels = torch.arange(50).repeat_interleave(3)
    rows = draw_points(labels, 60, 0)
    assert set(labels[rows].bincount().tolist()) <= {0, 3} and len(rows) == 60
    uneven = torch.tensor([0] * 1000 + [1] * 5)
    assert (uneven[draw_points(uneven, 100, 0)] == 1).sum() == 5


def test_figures():
    for e in (tree, replace(tree, taxonomy=None), replace(tree, taxonomy=None)[tree.labels < 2]):
        fig = diagnose(e, n_controls=9).plot()
        assert len(fig.axes) == 3 and all(ax.get_title() for ax in fig.axes)


def test_measures_by_hand():
    assert precision_at_hits(torch.tensor([[True, False, True]])).item() == (1 + 2 / 3) / 2
    assert precision_at_hits(torch.zeros(1, 3, dtype=torch.bool)).isnan().all()
    ultrametric = torch.tensor([[0.0, 1, 5], [1, 0, 5], [5, 5, 0]])
    assert three_point_gap(ultrametric) == 0
    line = (torch.arange(50)[:, None] - torch.arange(50)).abs().double()
    assert three_point_gap(line) > 0.3
    assert not Measured(1.0, torch.ones(9)).resolved
    u = directions(tree).points
    assert torch.allclose(u.norm(dim=1), torch.ones(len(u)).double())
    assert len(gaussian_like(class_midpoints(tree, 39, 0), 0)) == 39


def test_uneven_and_tiny():
    "A class of one picture, levels that say nothing, two classes."
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    flat_taxonomy = Taxonomy(("all",), (("x",), ("x",), ("y",)))
    e = Embeddings(draw(7, 3), Flat(), labels, taxonomy=flat_taxonomy)
    assert diagnose(e).answers["hierarchy"] == "not resolved"
    assert diagnose(e[:6]).answers["use"] == "neither"
    same = Embeddings(torch.ones(6, 3), Flat(), labels[:6])
    assert diagnose(same).answers["hierarchy"] != "yes"


def two_lines(f):
    with pytest.raises(ValueError) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f()
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and all(line[-1] in "." for line in lines[1:])
    return str(caught.value)


def test_bad_input():
    assert "no labels" in two_lines(lambda: diagnose(Embeddings(tree.points, ball)))
    assert "one class, 3" in two_lines(lambda: diagnose(tree[tree.labels == 3]))
    named = Embeddings(tree.points[:4], ball, ["tern"] * 4)
    assert "'tern'" in two_lines(lambda: diagnose(named))
    others = Taxonomy(("group",), (None,) * 39)
    assert "No class" in two_lines(lambda: diagnose(replace(tree, taxonomy=others)))
    assert "k" in two_lines(lambda: diagnose(tree, k=0))
    assert "no radius" in two_lines(lambda: one_radius(Embeddings(draw(3, 3), sphere)))


def test_classes_without_a_path_are_left_out():
    paths = (None, *tree.taxonomy.paths[1:])
    with pytest.warns(UserWarning, match="have no path"):
        found = diagnose(replace(tree, taxonomy=Taxonomy(tree.taxonomy.levels, paths)))
    assert found.about["classes"] == 38


@pytest.fixture
def folder(tmp_path):
    rows = [f"{k},{','.join(path)}" for k, path in enumerate(tree.taxonomy.paths)]
    (tmp_path / "classes.csv").write_text("\n".join(["label,group,subgroup", *rows]))
    np.savez(tmp_path / "e.npz", embeddings=tree.points.numpy(), labels=tree.labels.numpy())
    return tmp_path


def test_tables_of_classes(folder):
    bare = replace(tree, taxonomy=None)
    read = read_taxonomy(folder / "classes.csv", bare)
    assert diagnose(read).answers == of_tree().answers
    table = folder / "wrong.csv"
    for text, said in (
        ("name,group\n0,a\n", "no column 'label'"),
        ("label\n0\n", "has no levels"),
        ("label,group\napple,fruit\n", "knows none of the 39 classes"),
        ("label,group\n0,a\n0,b\n", "different values"),
    ):
        table.write_text(text)
        assert said in two_lines(lambda: read_taxonomy(table, bare))
    assert "cannot be read" in two_lines(lambda: read_taxonomy(folder / "none.csv", bare))
    table.write_text("label,group\n0,a\n1,\n2,b\n")
    assert read_taxonomy(table, bare).taxonomy.paths.count(None) == 37


def test_command(folder, capsys):
    words = [
        str(folder / "e.npz"),
        "--space",
        "ball",
        "--c=1.0",
        "taxonomy=" + str(folder / "classes.csv"),
    ]
    out = folder / "new" / "d.json"
    assert diagnose_cli([*words, "--json", str(out), "--figure", str(folder / "d.svg")]) == 0
    assert "three-point gap" in capsys.readouterr().out
    saved = json.loads(out.read_text())
    assert saved["answers"] == of_tree().answers
    assert (folder / "d.svg").stat().st_size > 10_000
    broken = tree.points.clone()
    broken[3] = torch.nan
    np.savez(folder / "nan.npz", embeddings=broken.numpy(), labels=tree.labels.numpy())
    np.savez(folder / "bare.npz", embeddings=tree.points.numpy())
    for wrong, said in (
        ([str(folder / "nan.npz")], "NaN"),
        ([str(folder / "bare.npz")], "no labels"),
        ([str(folder / "none.npz")], "no embeddings at"),
        ([words[0], "--colour", "x"], "knows no colour"),
        ([words[0], "--c", "1"], "curvature of a ball"),
        ([words[0], "--space", "torus"], "torus"),
        ([words[0], "--space"], "no value"),
        (["--json", "x.json"], "no file"),
        ([words[0], "space=flat", f"figure={folder}/d.bmp"], "known kinds"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert diagnose_cli(wrong) == 2
        error = capsys.readouterr().err
        assert said in error and len(error.strip().splitlines()) == 2
    assert diagnose_cli([]) == 2 and diagnose_cli(["--help"]) == 0
