"A network and a dataset of somebody's own: classes must come from a module that new processes can import."

import torch
from torch import nn
from torch.utils.data import Dataset


class Net(nn.Module):
    "Vectors (B, 12) to vectors (B, 10); a forgotten classifier has no part in them."

    def __init__(self, width=10):
        super().__init__()
        self.a = nn.Linear(12, 16)
        self.b = nn.Linear(16, width)
        self.classifier = nn.Linear(width, 3)

    def forward(self, x):
        return self.b(self.a(x).relu())


class Words(nn.Module):
    "Tokens (B, L) to vectors (B, 6)."

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 6)

    def forward(self, tokens):
        return self.embedding(tokens).mean(1)


class Pixels(nn.Module):
    "Pictures (B, 3, H, W) to vectors (B, 8)."

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, images):
        return self.norm(self.conv(images)).relu().mean((2, 3))


class Pairs(Dataset):
    "(x, y) of 10 classes × 6 items, and nothing else."

    def __init__(self, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.classes_of_items = torch.arange(10).repeat_interleave(6)
        centers = torch.randn(10, 12, generator=g)
        self.x = centers[self.classes_of_items] + 0.4 * torch.randn(60, 12, generator=g)
        self.read = 0

    def __len__(self):
        return 60

    def __getitem__(self, i):
        self.read += 1
        return self.x[i], int(self.classes_of_items[i])


small = dict(
    dim=6,
    batch_size=12,
    images_per_class=3,
    epochs=2,
    hier_proxies=8,
    hier_neighbors=3,
    hier_triplets=3,
    lr=1e-3,
    image_size=32,
    eval_size=32,
    recall_ks=(1,),
    tensorboard=False,
    device="cpu",
)
