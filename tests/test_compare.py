"Comparing runs: what is measured of a run's embeddings afterwards, and what `collect` reads."

import json

import pandas as pd
import pytest
import torch

from hier_nb.compare import collect, measure_run, paired_differences, plot_differences
from hier_nb.config import make_config
from hier_nb.embeddings import Embeddings
from hier_nb.files import write_json
from hier_nb.runs import create_run, write_state
from hier_nb.spaces import Ball
from hier_nb.training import load_split


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    "One finished run on emoji, whose embeddings are clumps; and one that is not finished."
    out = tmp_path_factory.mktemp("grid")
    config = make_config(dataset="emoji", eval_size=16)
    data = load_split(config, "eval")
    rng = torch.Generator().manual_seed(0)
    labels = torch.as_tensor(data.labels)
    centres = torch.randn(int(labels.max()) + 1, 8, generator=rng)
    vectors = centres[labels] + 0.1 * torch.randn(len(labels), 8, generator=rng)
    space = Ball()
    done, other = (create_run(out, dict(seed=seed), "r", "n.ipynb") for seed in (0, 1))
    proxies = space(torch.randn(16, 8, generator=rng))
    e = Embeddings(space(vectors).detach(), space.fixed(), labels, proxies.detach())
    e.save(done / "embeddings.safetensors")
    config.save(done / "config.json")
    result = dict(
        config=json.loads((done / "config.json").read_text()),
        after=dict(recall={"1": 0.5}),
        validation=[dict(epoch=1), dict(epoch=2, recall={"1": 0.25})],
        history=[1, 2],
    )
    write_json(done / "result.json", result)
    write_state(done, state="done")
    write_state(other, state="failed")
    write_json(out / "grid.json", dict(notebook="n.ipynb", runs=[done.name, other.name]))
    return out


def test_only_finished_runs_are_collected(grid):
    runs = collect(grid)
    assert len(runs) == 1 and runs["seed"].tolist() == [0]
    assert runs["after.recall.1"][0] == 0.5 and runs["validated.recall.1"][0] == 0.25
    assert not any(name.startswith(("config", "history")) for name in runs)


def test_measured_later_by_its_own_dataset(grid):
    runs = collect(grid, lambda run: measure_run(run, n_queries=50, n_tree=100), progress=False)
    assert runs["map_at_r"][0] > 0.99 and runs["r_precision"][0] > 0.99  # clumps
    for name in ("ranking.h_ap", "pairs.distance_correlation", "trees.average linkage.dasgupta"):
        assert name in runs, list(runs)
    again = collect(grid, lambda run: 1 / 0, progress=False)  # read, not computed again
    assert again["map_at_r"][0] == runs["map_at_r"][0]


def labels_of(runs, by, baseline):
    ax = plot_differences(paired_differences(runs, "v", by, baseline))
    return [label.get_text() for label in ax.get_yticklabels()]


def test_methods_in_a_figure_are_named():
    "One column by its value; of several each is named, and what the recipe says is left out."
    methods = [("MS", 0.0, 1e-4), ("MS", 0.25, 1e-4), ("PA", 0.5, None), (None, None, None)]
    rows = [(*method, seed, seed / 3) for method in methods for seed in (0, 1, 2)]
    runs = pd.DataFrame(rows, columns=["loss", "hier_weight", "lr", "seed", "v"])
    found = labels_of(runs, ["loss", "hier_weight", "lr"], ("MS", 0.0, 1e-4))
    expected = ["loss=MS, hier_weight=0.25, lr=0.0001", "loss=PA, hier_weight=0.5"]
    assert found == [*expected, "as the recipe says"]
    assert labels_of(runs[3:9], "loss", "MS") == ["PA"]
