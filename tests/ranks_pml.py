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


def steps():
    "For Hyp and for HIER: mean gradients, and losses with a memory; on one rank, or of all ranks together."
    with process_group():
        return {kind: steps_of(kind) for kind in ("hyp", "hier")}


def steps_of(kind):
    mine = slice(None)
    if world_size() > 1:
        mine = slice(6 * rank(), 6 * rank() + 6)
    x, y = vectors()[mine], LABELS[mine]
    torch.manual_seed(5)
    net, loss = torch.nn.Linear(8, 8), dict(hyp=hyp, hier=hier)[kind]()
    call, memory = loss, with_memory(loss, 8, size=36)
    if world_size() > 1:
        net = DistributedDataParallel(net)
        call, memory = DistributedLossWrapper(loss), DistributedLossWrapper(memory)
    n = 1 if kind == "hyp" else 20
    for _ in range(n):
        (call(net(x), y) / n).backward()
    gradients = [p.grad.clone() for p in (*net.parameters(), *loss.parameters())]
    remembered = [memory(net(x), y).item() for _ in range(3)]
    return gradients, remembered
