"What one rank runs with a process group around it; a new process must be able to import it."

import torch
import torch.distributed as dist
from ranks_training import pictures, small
from torch.nn.parallel import DistributedDataParallel

from hier_nb.config import TrainConfig
from hier_nb.distributed import local_device
from hier_nb.trainer import Trainer


def both(settings: dict):
    "The two below in one start of the rank."
    return collectives(), steps_by_ddp(settings)


def collectives() -> dict:
    "The backend, and what each collective that the package uses made of this rank's numbers."
    x = torch.arange(4.0, device=local_device())
    total = x.clone()
    dist.all_reduce(total)
    every = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(every, x)
    first = x.clone()
    dist.broadcast(first, 0)
    words = [None] * dist.get_world_size()
    dist.all_gather_object(words, "here")
    return dict(
        backend=dist.get_backend(),
        device=x.device.type,
        total=total.tolist(),
        every=torch.cat(every).tolist(),
        first=first.tolist(),
        words=words,
    )


def steps_by_ddp(settings: dict, n: int = 3) -> list:
    "History of some steps whose gradients go through DDP, even though the rank is alone."
    t = Trainer(TrainConfig(**small | settings), pictures())
    ids = [t.device.index or 0] if t.device.type == "cuda" else None
    t.parallel = DistributedDataParallel(t.module, device_ids=ids)
    t.sampler.set_epoch(0)
    t.parallel.train()
    for batch, _ in zip(t.loader, range(n)):
        t.take_step(*batch)
    return t.history
