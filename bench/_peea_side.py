"""The packages' half of bench/peea_job.py. Runs in its own environment (torch, torchvision, facenet-pytorch, nncf), never in Wince's.

    python _peea_side.py FRAMES.npy FOLDER

First it leaves one ResNet50 with random weights in FOLDER, as OpenVINO files resnet50-fp32.xml and resnet50-int8.xml; the same net is
run here in torch. Then it says "ready" and reads lines: "SIDE START STOP" is a run over those frames; seconds of CPU and wall, and how
many faces were found, are left in FOLDER/out.npz, and the answer is "done".
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before any thread: all of its threads share one core
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from facenet_pytorch import MTCNN  # noqa: E402
from PIL import Image  # noqa: E402
from torchvision.models import resnet50  # noqa: E402
from torchvision.transforms.functional import normalize, to_tensor  # noqa: E402

SIDES = {"shipped": 20, "same": 40}
"""Smallest face that is looked for, px: the package's default, and what our protocol says."""
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CLASSES = 4


def export(net: torch.nn.Module, frames: np.ndarray, folder: Path) -> None:
    """Both OpenVINO files: float32, and int8 with the ranges of some frames."""
    import nncf
    import openvino as ov

    model = ov.convert_model(net, example_input=torch.zeros(1, 3, 224, 224), input=[1, 3, 224, 224])
    ov.save_model(model, folder / "resnet50-fp32.xml", compress_to_fp16=False)
    some = [crop(Image.fromarray(frame), np.array([[280, 200], [360, 200]])) for frame in frames[:: max(1, len(frames) // 20)]]
    quantized = nncf.quantize(model, nncf.Dataset([tensor(one).numpy() for one in some]), subset_size=len(some))
    ov.save_model(quantized, folder / "resnet50-int8.xml", compress_to_fp16=False)


def crop(image: Image.Image, points: np.ndarray) -> Image.Image:
    """Eyes levelled, cut and scaled to 224 px, as PEEA describes it, by one of Pillow's affine maps."""
    (x, y), (dx, dy) = points[:2].mean(axis=0), (points[1] - points[0]) / 66
    return image.transform((224, 224), Image.Transform.AFFINE, (dx, -dy, x - 112 * dx + 88 * dy, dy, dx, y - 112 * dy - 88 * dx), 2)


def tensor(face: Image.Image) -> torch.Tensor:
    """(1, 3, 224, 224), as ResNet50 expects it."""
    return normalize(to_tensor(face), MEAN, STD)[None]


def run(detector: MTCNN, net: torch.nn.Module, frames: np.ndarray) -> tuple[np.ndarray, int]:
    """(n, 2, 2) seconds: CPU and wall, of detection and of the whole; and the faces that were found."""
    times, found = np.empty((len(frames), 2, 2)), 0
    for index, frame in enumerate(frames):
        clocks: tuple[Callable[[], float], ...] = (time.process_time, time.perf_counter)
        begin = [clock() for clock in clocks]
        image = Image.fromarray(frame)
        boxes, _, points = detector.detect(image, landmarks=True)
        middle = [clock() for clock in clocks]
        if boxes is not None:
            found += 1
            with torch.inference_mode():
                net(tensor(crop(image, points[0]))).argmax().item()
        end = [clock() for clock in clocks]
        times[index] = [[m - b, e - b] for b, m, e in zip(begin, middle, end, strict=True)]
    return times, found


def main() -> None:
    """Serve until standard input ends."""
    frames, folder = np.load(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(1)
    net = resnet50(weights=None, num_classes=CLASSES).eval()
    export(net, frames, folder)
    detectors = {name: MTCNN(min_face_size=size, device="cpu") for name, size in SIDES.items()}
    for detector in detectors.values():
        run(detector, net, frames[:2])
    print("ready", flush=True)
    for line in sys.stdin:
        name, start, stop = line.split()
        times, found = run(detectors[name], net, frames[int(start) : int(stop)])
        np.savez(folder / "out.npz", times=times, found=found)
        print("done", flush=True)


if __name__ == "__main__":
    main()
