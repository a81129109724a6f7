"""The networks: an encoder to a short embedding, a reading of it, and a reading of (embedding, embedding - calm embedding).

torch is imported here and in train.py and export.py only; import this module inside functions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wince.models.activity import EMBEDDING, KINDS, OUTPUTS

CONTRAST = 15
"""Side of the window in which a crop's contrast is made equal, pixels: about an eye, or the mouth."""
MARGIN = 8
"""Pixels of a crop that are left out on every side once its contrast is equal: the mesh fills two thirds of it."""
FLOOR = 0.02
"""Contrast that is none: about one grey level of 255, where 64 of them are 1."""


class Normalize(nn.Module):
    """(x - mean) / spread with fixed tables, one per channel."""

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.mean: Tensor
        self.spread: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Standardized, held to +-6."""
        return ((x - self.mean) / self.spread).clamp(-6, 6)


class LocalContrast(nn.Module):
    """A grey crop as what stands out of its surroundings, in shares of how much does: tone, exposure and gamma fall out."""

    def __init__(self, side: int) -> None:
        super().__init__()
        at = torch.arange(side)
        near = ((at[:, None] - at[None, :]).abs() <= CONTRAST // 2).float()
        self.register_buffer("window", near / near.sum(dim=1, keepdim=True), persistent=False)
        self.window: Tensor

    def _mean(self, x: Tensor) -> Tensor:
        """Of the window round every pixel; as products of matrices, for pooling takes ten times as long."""
        return (self.window @ (self.window @ x).mT).mT

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, side, side), 0-4 -> (n, 1, side, side) less the margin, about -3 to 3."""
        detail = x - self._mean(x)
        floor = 0.15 * (x - x.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(2, 3), keepdim=True).sqrt() + FLOOR
        out = detail / (self._mean(detail.square()).sqrt() + floor)
        return out[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


class Reader(nn.Module):
    """Means (0-1 shares) and log-variances of every output, from a hidden layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, 2 * len(OUTPUTS)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Two (n, outputs)."""
        mean, log_variance = self.net(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 1)


class Member(nn.Module):
    """One member of the ensemble."""

    def __init__(self, kind: str, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.normalize, k = Normalize(mean, spread), EMBEDDING[kind]
        if kind == "maps":
            self.encoder = nn.Sequential(
                nn.Dropout2d(0.1),
                nn.Conv2d(128, 64, 3, padding=1), nn.GroupNorm(8, 64), nn.SiLU(),
                nn.Conv2d(64, 64, 3, padding=1), nn.GroupNorm(8, 64), nn.SiLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, k), nn.Tanh(),
            )  # fmt: skip
        elif kind == "crop":
            layers: list[nn.Module] = [LocalContrast(KINDS[kind][1])]
            sizes = ((1, 48, 8, 4, 2), (48, 48, 3, 1, 1), (48, 48, 3, 1, 1), (48, 64, 3, 2, 1), (64, 64, 3, 1, 1))
            for wide, out, size, stride, pad in sizes:
                layers += [nn.Conv2d(wide, out, size, stride, pad), nn.GroupNorm(8, out), nn.SiLU()]
            self.encoder = nn.Sequential(
                *layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 36, k), nn.Tanh(),
            )  # fmt: skip
        else:
            (width,) = KINDS[kind]
            self.encoder = nn.Sequential(
                nn.Dropout(0.1), nn.Linear(width, 128), nn.LayerNorm(128), nn.SiLU(),
                nn.Dropout(0.3), nn.Linear(128, k), nn.Tanh(),
            )  # fmt: skip
        self.free, self.personal = Reader(k, 64), Reader(2 * k, 96)

    def embed(self, x: Tensor) -> Tensor:
        """(n, k), each -1 to 1."""
        embedding: Tensor = self.encoder(self.normalize(x))
        return embedding

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embedding, and mean and log-variance without the calm face."""
        embedding = self.embed(x)
        return embedding, *self.free(embedding)


class PersonalHead(nn.Module):
    """The reading against the calm face as a model of its own, for export."""

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.reader = member.personal

    def forward(self, embedding: Tensor, calm: Tensor) -> tuple[Tensor, Tensor]:
        """Both (n, k). Mean and log-variance."""
        mean, log_variance = self.reader(torch.cat([embedding, embedding - calm], dim=1))
        return mean, log_variance


def loss(reading: tuple[Tensor, Tensor], y: Tensor, weight: Tensor, importance: Tensor) -> Tensor:
    """Gaussian likelihood weighted by the variance's root (beta .5: errors of unsure outputs still teach), plus plain squared error."""
    mean, log_variance = reading
    squared = (mean - y) ** 2
    likelihood = 0.5 * (squared * torch.exp(-log_variance) + log_variance) * torch.exp(0.5 * log_variance).detach()
    per_still = ((likelihood + 4 * squared) * importance).mean(dim=1)
    return (per_still * weight).sum() / weight.sum().clamp(min=1e-6)
