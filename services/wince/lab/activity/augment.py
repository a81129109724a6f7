"""What a member's input may vary by without the truth changing, drawn anew in every epoch. torch; import inside functions."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

NOISE = 0.1
"""Of the inner map and the points: standard deviation, in that of the channel."""


def varied(kind: str, x: Tensor, spread: Tensor) -> Tensor:
    """(people, stills, *shape) as another picture of the same expressions; crops 0-255."""
    return _pictures(x) if kind == "crop" else x + NOISE * spread * torch.randn_like(x)


def _pictures(x: Tensor) -> Tensor:
    """(people, stills, 1, h, w): mirrored per person; moved, turned, dimmed, bleached, blurred, noisy and covered per still."""
    people, stills, _, h, w = x.shape
    n = people * stills
    mirror = torch.where(torch.rand(people) < 0.5, -1.0, 1.0).repeat_interleave(stills)
    angle = math.radians(5) * torch.randn(n)
    size = 1 + 0.05 * torch.randn(n)
    c, s = size * angle.cos(), size * angle.sin()
    move = 0.05 * torch.randn(n, 2)
    affine = torch.stack([torch.stack([mirror * c, -s, move[:, 0]], 1), torch.stack([mirror * s, c, move[:, 1]], 1)], 1)
    grid = functional.affine_grid(affine, [n, 1, h, w], align_corners=False)
    out = functional.grid_sample(x.flatten(0, 1), grid, padding_mode="border", align_corners=False) / 255
    each = (n, 1, 1, 1)
    out = out.clamp(1e-3, 1) ** torch.exp(0.25 * torch.randn(each))
    ramp = torch.linspace(-1, 1, h).view(1, 1, h, 1) * torch.randn(each) + torch.linspace(-1, 1, w).view(1, 1, 1, w) * torch.randn(each)
    out = out * torch.exp(0.2 * torch.randn(each) + 0.15 * ramp)
    soft = functional.avg_pool2d(out, 3, 1, 1, count_include_pad=False)
    blur = (2 * torch.rand(each) - 1).clamp(min=-0.3)
    out = out + blur * (soft - out)
    out = out + 0.05 * torch.rand(each) ** 2 * torch.randn_like(out)
    return _covered(out).clamp(0, 1).mul(255).view(people, stills, 1, h, w)


def _covered(x: Tensor) -> Tensor:
    """A plain rectangle over part of a third of them."""
    n, _, h, w = x.shape
    rows, columns = torch.arange(h).view(1, h, 1), torch.arange(w).view(1, 1, w)
    top, left = (torch.rand(n, 1, 1) * h).floor(), (torch.rand(n, 1, 1) * w).floor()
    tall, wide = h * (0.08 + 0.2 * torch.rand(n, 1, 1)), w * (0.08 + 0.2 * torch.rand(n, 1, 1))
    inside = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide) & (torch.rand(n, 1, 1) < 0.33)
    return torch.where(inside[:, None], torch.rand(n, 1, 1, 1), x)
