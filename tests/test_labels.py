"Labels by name and by number, on their way to pictures: what is drawn is what was given."

import numpy as np
import pandas as pd
import pytest
import torch

from hier_nb.embeddings import Embeddings
from hier_nb.explorer import explore
from hier_nb.metrics import proxy_usage
from hier_nb.pictures import ImageDataset
from hier_nb.plots import plot_retrieval
from hier_nb.spaces import Ball
from hier_nb.tree import build_tree, proxy_parents

N, CLASSES = 48, 6
x = Ball()(torch.randn(N, 5, generator=torch.Generator().manual_seed(0)))
labels = torch.arange(N) % CLASSES


def test_names_are_labels():
    words = [f"class {k}" for k in labels.tolist()]
    kinds = (
        words,
        tuple(words),
        np.array(words),
        np.array(words, object),
        pd.Series(words),
        pd.Categorical(words),
    )
    for kind in kinds:
        e = Embeddings(x, Ball(), kind)
        assert e.labels.tolist() == labels.tolist()
        assert e.class_names == [f"class {k}" for k in range(CLASSES)]


def test_names_find_their_class():
    named = Embeddings(x, Ball(), ["b", "a"] * (N // 2), class_names=["a", "b", "c"])
    assert named.labels[:2].tolist() == [1, 0]
    with pytest.raises(ValueError, match="'b', which is none of the 1 class_names"):
        Embeddings(x, Ball(), ["b", "a"] * (N // 2), class_names=["a"])


@pytest.mark.parametrize("measure", [build_tree, proxy_usage, proxy_parents])
def test_proxies_are_asked_for(measure):
    with pytest.raises(ValueError, match="have no proxies"):
        measure(Embeddings(x, Ball(), labels))


def test_queries_that_are_not_there():
    pictures = np.zeros((N, 4, 4, 3), np.uint8)
    dataset = ImageDataset(pictures, labels, list("abcdef"), [str(n) for n in range(N)])
    with pytest.raises(ValueError, match="queries holds 99"):
        plot_retrieval(Embeddings(x, Ball(), dataset=dataset), [99])


def test_explorer_counts_classes_not_labels():
    on_map = Embeddings(x[:, :2] / 9, Ball(), labels)
    far_apart = labels * 30_000_000 - 60_000_000
    widget = explore(Embeddings(x, Ball(), far_apart), on_map=on_map)
    names = [f"class {30_000_000 * k - 60_000_000}" for k in range(CLASSES)]
    assert widget.meta["class_names"] == names
    kind, start, count = widget.meta["arrays"]["labels"]
    assert np.frombuffer(widget.data, f"<{kind}", count, start).tolist() == labels.tolist()
