"""Cameras of the varied looks: what becomes of a drawn picture, harsher and of more kinds than plan.Camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.errors import ResourceError

Picture = NDArray[np.uint8]
INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST, cv2.INTER_LANCZOS4)


def photographed(picture: Picture, seed: int, number: int, poor: bool) -> Picture:
    """The picture RGB as some camera gives it; what a person's camera is (balance, grey, vignette) stays over their stills, the rest moves
    from still to still. `poor`: the still's condition is degraded. Pure. Raises ResourceError where OpenCV can't compress."""
    own, rng = np.random.default_rng([seed, 33]), np.random.default_rng([seed, 34, number])
    balance, grey, vignette = own.uniform(0.86, 1.16, 3), own.random() < 0.15, own.uniform(0, 0.5)
    gamma, contrast, colour = own.uniform(0.7, 1.45), own.uniform(-0.2, 0.5), own.uniform(0.3, 1.4)
    sharpen, pixels = own.uniform(0, 1.5), own.uniform(0.4, 1.0)
    how = INTERPOLATIONS[own.integers(len(INTERPOLATIONS))]
    height, width = picture.shape[:2]
    value = picture.astype(np.float32) / 255
    if pixels < 0.85 or (poor and rng.random() < 0.3):
        share = min(pixels, 0.85) * (rng.uniform(0.6, 1) if poor else 1.0)
        small = cv2.resize(value, (max(32, int(width * share)), max(32, int(height * share))), interpolation=cv2.INTER_AREA)
        value = np.clip(cv2.resize(small, (width, height), interpolation=how), 0, 1).astype(np.float32)
    value = np.clip(value * (balance * rng.uniform(0.95, 1.05, 3)).astype(np.float32), 0, 1) ** np.float32(gamma * rng.uniform(0.92, 1.08))
    value = value + np.float32(contrast) * (value * value * (3 - 2 * value) - value)
    mean = value.mean(axis=2, keepdims=True)
    value = np.repeat(mean, 3, axis=2) if grey else mean + (value - mean) * np.float32(colour)
    if sharpen > 0.4 or rng.random() < 0.1:
        value = value + np.float32(sharpen) * (value - cv2.GaussianBlur(value, (0, 0), float(own.uniform(0.6, 1.6))))
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    value = value * (1 - np.float32(vignette) * ((x * x + y * y) / 2).astype(np.float32)[..., None])
    quality = int(rng.integers(15, 45) if poor and rng.random() < 0.6 else rng.integers(45, 98))
    pixels8 = (np.clip(value, 0, 1)[..., ::-1] * 255 + 0.5).astype(np.uint8)
    done, data = cv2.imencode(".jpg", pixels8, [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    if back is None:
        raise ResourceError("OpenCV could not compress a picture", field="jpeg")
    return np.ascontiguousarray(back[..., ::-1]).astype(np.uint8)
