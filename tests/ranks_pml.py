"What test_pml runs on two ranks: the wrapper of pytorch-metric-learning around our losses."

import torch
from torch.nn.parallel import DistributedDataParallel

from hier_nb.distributed import process_group, rank, world_size
from hier_nb.hierarchy import HIERLoss
from hier_nb.losses import HypLoss
from hier_nb.pml import as_pml, with_memory
from hier_nb.spaces import Flat

try:
    from pytorch_metric_learning.distributed import DistributedLossWrapper
except ImportError:
    from pytorch_metric_learning.utils.distributed import DistributedLossWrapper

torch.set_num_threads(1)
LABELS = torch.arange(6).repeat(2)  # of the whole batch; every rank has all classes once


def vectors():
    return torch.randn(12, 8, generator=torch.Generator().manual_seed(0))


def hyp():
    return as_pml(HypLoss(Flat()))


def hier():
    torch.manual_seed(1)
    return as_pml(HIERLoss(32, 8, Flat(), n_neighbors=4))


def steps(kind):
    "The network's gradient, the loss's own, and a loss with a memory: on one rank, or of all ranks together."
    with process_group():
        mine = slice(None)
        if world_size() > 1:
            mine = slice(6 * rank(), 6 * rank() + 6)
        x, y = vectors()[mine], LABELS[mine]
        torch.manual_seed(5)
        net, loss = torch.nn.Linear(8, 8), dict(hyp=hyp, hier=hier)[kind]()
        call = loss
        if world_size() > 1:
            net, call = DistributedDataParallel(net), DistributedLossWrapper(loss)
        gradients = []
        for _ in range(1 if kind == "hyp" else 25):
            net.zero_grad()
            loss.zero_grad()
            call(net(x), y).backward()
            both = [p.grad.clone() for p in (*net.parameters(), *loss.parameters())]
            gradients.append(both)
        mean = [torch.stack(of_one).mean(0) for of_one in zip(*gradients)]
        memory = with_memory(loss, 8, size=36)
        if world_size() > 1:
            memory = DistributedLossWrapper(memory)
        remembered = [memory(net(x), y).item() for _ in range(3)]
        return mean, remembered
