"""Make golden.npz: what MediaPipe's own runtime sees in the pictures beside this file.

Run in an environment that has mediapipe 1.2.2 (`.venv-bench-mediapipe`, which `make bench` makes), with the locked task file:

    .venv-bench-mediapipe/bin/python tests/data/faces/make_golden.py face_landmarker.task
"""

import sys
from pathlib import Path

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Image mode: detection (short range), one fit of the mesh, blendshapes; no smoothing."""
    options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), output_face_blendshapes=True)
    out = {}
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for file in sorted(HERE.glob("*.png")):
            image = mp.Image.create_from_file(str(file))
            result = landmarker.detect(image)
            scale = np.array([image.width, image.height, image.width], np.float32)
            points = np.array([(p.x, p.y, p.z) for p in result.face_landmarks[0]], np.float32) * scale
            out[f"{file.stem}_landmarks"] = points.astype(np.float32)
            out[f"{file.stem}_blendshapes"] = np.array([shape.score for shape in result.face_blendshapes[0]], np.float32)
            out[f"{file.stem}_names"] = np.array([shape.category_name for shape in result.face_blendshapes[0]])
    np.savez_compressed(HERE / "golden.npz", **out)


if __name__ == "__main__":
    main()
