"What several ranks run in the tests of resuming; a new process must be able to import it."

import faulthandler
import os
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from hier_nb.config import TrainConfig
from hier_nb.distributed import (
    broadcast_from_main,
    gather,
    gather_uneven,
    on_every_rank,
    rank,
    shard,
    unshard,
)
from hier_nb.pictures import ImageDataset, create_transform
from hier_nb.trainer import Trainer
from hier_nb.training import train

small = dict(
    backbone="vit_tiny_patch16_224",
    pretrained=False,
    dim=8,
    loss="PA",
    hier_proxies=8,
    hier_neighbors=4,
    hier_triplets=4,
    backbone_settings=dict(img_size=16, patch_size=8, embed_dim=24, depth=1, num_heads=2),
    image_size=16,
    eval_size=16,
    batch_size=8,
    images_per_class=2,
    epochs=2,
    lr=1e-3,
    device="cpu",
    tensorboard=False,
    recall_ks=(1, 2),
)


def limit(seconds=600):
    "A rank that hangs ends by itself, with a traceback."
    faulthandler.dump_traceback_later(seconds, exit=True)
    warnings.simplefilter("ignore")


def pictures(seed=0, classes=4, each=6, paths=None):
    labels = [n for n in range(classes) for _ in range(each)]
    x = np.random.default_rng(seed).integers(0, 255, (len(labels), 16, 16, 3), dtype=np.uint8)
    paths = paths or [f"{n}.png" for n in range(len(labels))]
    names = [f"class {n}" for n in range(classes)]
    return ImageDataset(
        x,
        labels,
        names,
        paths,
        transform=create_transform(True, 16, augmentation="affine"),
        name="noise",
    )


def still(seed=0):
    "Pictures as in an evaluation, without augmentation."
    data = pictures(seed)
    data.transform = create_transform(False, 16)
    return data


def config(**changes):
    return TrainConfig(**small | changes)


def folder(base):
    "This rank's own; the others' are never made."
    return Path(base) / f"rank {rank()}"


def checksum(trainer):
    return [float(v.double().sum()) for v in trainer.tensors().values()]


def said(f):
    try:
        return f()
    except Exception as e:
        return f"{type(e).__name__}: {e}"


def whole_run(base, changes, resume):
    "-> history, Recall, chosen, weights' sums."
    r = train(
        config(**changes), folder(base), pictures(), pictures(1), progress=False, resume=resume
    )
    return (
        r.history,
        r.before,
        r.after,
        r.chosen,
        [float(v.double().sum()) for v in r.model.state_dict().values()],
    )


def resumed(base, changes, settings_of_rank_1=None, folders=(True, True)):
    "-> what resume returned or raised, the step, the weights' sums."
    here = settings_of_rank_1 if rank() and settings_of_rank_1 is not None else {}
    t = Trainer(config(**changes), pictures(**here), folder(base) if folders[rank()] else None)
    return said(t.resume), t.steps_done, checksum(t)


def copied(old, new):
    broadcast_from_main(lambda: shutil.copytree(old, new) and None)


def damaged(base):
    def damage():
        for path in Path(base).rglob("state.safetensors"):
            path.write_bytes(path.read_bytes()[:-8])

    broadcast_from_main(damage)


def in_turn(base, calls):
    """Several of the above in one start of the ranks, which takes longest; -> what each returned.

    `calls`: key -> name, folder, arguments."""
    limit()
    torch.set_num_threads(1)
    out = {}
    for key, (name, path, *args) in calls.items():
        args = [str(Path(base) / a) if name == "copied" else a for a in args]
        out[key] = globals()[name](str(Path(base) / path), *args)
    return out


def unlike():
    "-> the errors of gathering tensors that differ."
    r = rank()
    cases = [
        lambda: gather(torch.zeros(3 - r, 4)),
        lambda: gather(torch.zeros(0 if r else 2, 4)),
        lambda: gather(torch.zeros(3, 4 + r)),
        lambda: gather(torch.zeros(4, 3) if r else torch.zeros(4, 3, 1)),
        lambda: gather(torch.zeros(3, dtype=torch.float64 if r else torch.float32)),
        lambda: gather(torch.zeros(())),
        lambda: gather_uneven(torch.zeros(3 - r, 4 + r)),
        lambda: gather_uneven(torch.zeros(2, 4, dtype=torch.int64 if r else torch.float32)),
    ]
    errors = [said(f) for f in cases]
    x = torch.full((2, 3), float(r), requires_grad=True)
    every = gather(x, check=False)
    every.sum().backward()  # a gradient that is expanded, not contiguous
    empty = gather(torch.zeros(0, 3)).shape
    turned = gather(torch.arange(6.0).reshape(2, 3).T + r)[:, 0].tolist()
    return errors, every.tolist(), x.grad.tolist(), tuple(empty), turned


def precisions():
    "-> for each dtype: what was gathered, and the gradient, of this rank; and what needs no gradient."
    out = {}
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        x = torch.full((1, 2), rank() + 1.0, dtype=dtype, requires_grad=True)
        every = gather(x)
        every.square().sum().backward()
        out[dtype] = every.dtype, every.tolist(), x.grad.tolist()
    x = torch.full((1, 2), rank() + 1.0, requires_grad=True)
    with torch.no_grad():
        plain = gather(x)
    labels = gather(torch.tensor([rank()]), check=False)
    return out, plain.requires_grad, plain.tolist(), labels.tolist()


def dealt_out(n):
    "-> the rows of a dataset of n pictures, put together again."
    rows = torch.arange(n)[list(shard(n))].float()
    return unshard(rows[:, None] * torch.ones(2), n)[:, 0].tolist()


def raises_on_rank_1():
    limit()
    if rank() == 1:
        raise KeyError("this rank has a bad day")
    time.sleep(3600)


def is_gone_on_rank_1():
    limit()
    if rank() == 1:
        os._exit(7)
    time.sleep(3600)


class Awkward(Exception):
    "Cannot be made from its message alone."

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def told():
    "-> what reached this rank."
    weights = {
        "a": torch.arange(5, dtype=torch.bfloat16),
        "b": [torch.tensor(True), torch.zeros(0, 2)],
        "n": 3,
    }

    def awkward():
        raise Awkward(1, 2)

    def on_rank_1():
        if rank() == 1:
            raise ValueError("this rank has a bad day")

    return (
        broadcast_from_main(lambda: weights),
        said(lambda: broadcast_from_main(awkward)),
        said(lambda: broadcast_from_main(lambda: lambda: 0)),
        said(lambda: on_every_rank(on_rank_1)),
    )


def tensors_and_words():
    limit()
    return unlike(), told(), precisions(), [dealt_out(n) for n in (1, 2, 3, 7)]
