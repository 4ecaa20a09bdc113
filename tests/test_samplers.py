"What holds for every dataset that batches are composed from, for any sizes of classes that hypothesis comes up with."

import torch
from fastcore.test import test_fail as fails
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hier_nb.samplers import ClassBalancedSampler


PLAN = [[27, 26, 10, 8, 45, 44, 32, 30], [18, 20, 55, 54, 4, 0, 49, 51]]


def labels_of(sizes, seed):  # classes of these sizes, in a random order
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    return labels[torch.randperm(sum(sizes), generator=torch.Generator().manual_seed(seed))]


def size_of_batch(n_classes, sizes, k, world):  # one that can be composed, near what is wished
    size = min(n_classes, len(sizes)) * k * world
    if size // k > len(sizes):
        size = len(sizes) // world * world * k
    return size


def check_parts(whole, parts, size):
    "All ranks together yield the global batch, in order."
    for batch, *shares in zip(whole, *parts):
        assert sum(shares, []) == batch
        assert all(len(share) == size // len(parts) for share in shares)


def check_batch(batch, labels, sizes, k):
    "Full and balanced, and no image twice while its class has enough."
    counts = labels[batch].bincount(minlength=len(sizes))
    assert set(counts.tolist()) <= {0, k}
    for label in counts.nonzero().flatten().tolist():
        rows = {row for row in batch if labels[row] == label}
        assert len(rows) == min(k, sizes[label])


def check_use(whole, labels, sizes, k):
    "Images of one class are used equally often, up to one."
    used = torch.tensor([row for batch in whole for row in batch], dtype=torch.long)
    used = used.bincount(minlength=len(labels))
    for label, size in enumerate(sizes):
        if size >= k:
            times = used[labels == label]
            assert times.max() - times.min() <= 1


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=12),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(0, 99),
    st.data(),
)
def test_laws(sizes, k, n_classes, world, seed, data):
    labels = labels_of(sizes, seed)
    size = size_of_batch(n_classes, sizes, k, world)
    assume(0 < size <= len(labels))

    def sampler(rank=0, world_size=1):
        return ClassBalancedSampler(labels, size, k, seed, rank=rank, world_size=world_size)

    whole = list(sampler())
    assert whole == list(sampler()) and len(whole) == len(sampler())
    assert all(len(batch) == size for batch in whole)
    check_parts(whole, [list(sampler(rank, world)) for rank in range(world)], size)
    for batch in whole:
        check_batch(batch, labels, sizes, k)
    check_use(whole, labels, sizes, k)
    stop = data.draw(st.integers(0, max(0, len(whole) - 1)))
    again = sampler()
    again.set_epoch(0, stop)  # resuming is the same as never having stopped
    assert list(again) == whole[stop:] and len(again) == len(whole) - stop
    other = sampler()
    other.set_epoch(1)
    if len(whole) > 3:
        assert list(other) != whole


def test_plans_do_not_change():
    "A plan is kept across versions: a resumed training must meet the batches it would have met."
    labels = torch.arange(10).repeat_interleave(6)
    assert list(ClassBalancedSampler(labels, 8, 2))[:2] == PLAN


def test_numbers_that_are_none():
    labels = torch.arange(10).repeat_interleave(6)
    for wrong in (True, 2.0, "4", 0):
        fails(ClassBalancedSampler, contains=f"batch_size={wrong!r} is", args=(labels, wrong))
    fails(ClassBalancedSampler, contains="rank=-1", args=(labels, 8), kwargs=dict(rank=-1))


def test_labels_are_names():
    "Of any type, negative or huge: the same classes give the same plan."
    labels = torch.arange(48) % 6
    plan = list(ClassBalancedSampler(labels, 12, 2))
    for same in (labels.tolist(), labels.float(), (labels * 2**40 - 5).numpy()):
        assert list(ClassBalancedSampler(same, 12, 2)) == plan
