"What the tests run on several ranks: these functions must come from a module that new processes can import."

import warnings

import torch

from hier_nb.config import TrainConfig
from hier_nb.distributed import rank
from hier_nb.own_data import as_dataset
from hier_nb.pictures import ImageDataset, create_transform
from hier_nb.trainer import Trainer, embed_everywhere

torch.set_num_threads(1)


def pictures(n_classes=6, per_class=8, size=32, seed=0):
    "Noisy colors: class k is one colour."
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n_classes).repeat_interleave(per_class)
    colors = torch.rand(n_classes, 3, generator=g)
    images = (
        (
            colors[labels][:, None, None] * 200
            + 50 * torch.rand(len(labels), size, size, 3, generator=g)
        )
        .byte()
        .numpy()
    )
    return ImageDataset(
        list(images),
        labels,
        [f"color {k}" for k in range(n_classes)],
        [f"{i}.png" for i in range(len(labels))],
        transform=create_transform(False, size),
        name="colors",
        split="train",
    )


small = dict(
    backbone="test_efficientnet",
    pretrained=False,
    freeze_batch_norm=False,
    dim=8,
    hier_proxies=16,
    hier_neighbors=4,
    hier_triplets=4,
    batch_size=24,
    images_per_class=4,
    image_size=32,
    eval_size=32,
    epochs=2,
    lr=1e-3,
    tensorboard=False,
    init_class_proxies=False,
    recall_ks=(1,),
)


def steps(settings, n=3):
    "Losses, weights and running statistics after some steps, and the embeddings of each rank's network."
    data = pictures()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t = Trainer(TrainConfig(**small | settings), data)
    t.sampler.set_epoch(0)
    t.parallel.train()
    for batch, _ in zip(t.loader, range(n)):
        t.take_step(*batch)
    e = embed_everywhere(t.evaluated, data, t.config, progress=False)
    return t.history, {k: v.double() for k, v in t.evaluated.state_dict().items()}, e.points


def own_steps(n=3):
    "The same of somebody's own network, whose weights each rank has drawn for itself."
    from own_things import Net, Pairs
    from own_things import small as settings

    torch.manual_seed(rank())
    data = as_dataset(Pairs(), progress=False)
    t = Trainer(TrainConfig(**settings | dict(precision="float64")), data, model=Net())
    t.sampler.set_epoch(0)
    for batch, _ in zip(t.loader, range(n)):
        t.take_step(*batch)
    return t.history, {k: v for k, v in t.evaluated.state_dict().items()}


def trained(settings, out, resume=False):
    "The report of a run on these ranks."
    from hier_nb.training import train

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = train(
            TrainConfig(**small | settings),
            out,
            pictures(),
            pictures(seed=1),
            progress=False,
            resume=resume,
        )
    return r.after["recall"][1], r.embeddings.points


def reported(settings, out):
    "A run, and the same finished run resumed: Recall@1 and embeddings of both."
    return trained(settings, out), trained(settings, out, resume=True)


def on_two_ranks(calls):
    "Several of these functions in one start of the ranks: name -> what it returned."
    return {name: globals()[function](*args) for name, (function, *args) in calls.items()}


def said_without_sync():
    "Warnings on ranks that keep their own statistics."
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Trainer(TrainConfig(**small | dict(sync_batch_norm=False)), pictures())
    return [str(w.message) for w in said if "sync_batch_norm" in str(w.message)]


def spoiled(rows, fault=float("nan")):
    "The pictures, some of them not a number."
    data = pictures()
    plain = data.transform
    marks = {data.images[i].tobytes() for i in rows}

    def transform(x):
        y = plain(x)
        return y * fault if x.permute(1, 2, 0).contiguous().numpy().tobytes() in marks else y

    data.transform = transform
    return data


def first_batch(t):
    t.sampler.set_epoch(0)
    t.parallel.train()
    return next(iter(t.loader))


def name_the_picture(settings, rows):
    "What a rank says when a picture of the batch is no number."
    t = Trainer(TrainConfig(**small | settings), spoiled(rows))
    try:
        t.take_step(*first_batch(t))
    except FloatingPointError as e:
        return str(e)
