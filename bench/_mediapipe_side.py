"""MediaPipe's half of bench/face_chain.py. Runs in its own environment (mediapipe, numpy), never in Wince's.

    python _mediapipe_side.py TASK FRAMES.npy FPS OUT.npz

Speaks lines: after "ready", each line "START STOP" is a run over those frames (START 0 begins a new stream); times and points are
left in OUT.npz and the answer is "done".
"""

import os
import sys
import time

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions


def open_stream(task: str) -> vision.FaceLandmarker:
    """A landmarker in video mode, for one face, with blendshapes."""
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=task), running_mode=vision.RunningMode.VIDEO, output_face_blendshapes=True
    )
    return vision.FaceLandmarker.create_from_options(options)


def landmarks(landmarker: vision.FaceLandmarker, frames: np.ndarray, first_ms: float, step_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) seconds of CPU and wall for each frame, and (n, 478, 3) landmarks in pixels (NaN where no face was found)."""
    height, width = frames.shape[1:3]
    times = np.empty((len(frames), 2))
    points = np.full((len(frames), 478, 3), np.nan, np.float32)
    for index, frame in enumerate(frames):
        cpu, wall = time.process_time(), time.perf_counter()
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame)
        result = landmarker.detect_for_video(image, round(first_ms + index * step_ms))
        times[index] = time.process_time() - cpu, time.perf_counter() - wall
        if result.face_landmarks:
            points[index] = [(p.x, p.y, p.z) for p in result.face_landmarks[0]]
    return times, points * np.array([width, height, width], np.float32)


def main() -> None:
    """Serve until standard input ends."""
    task, frames_file, fps, out = sys.argv[1:5]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before any thread: all of its threads share one core
    frames, step_ms = np.load(frames_file), 1000 / float(fps)
    landmarker = None
    print("ready", flush=True)
    for line in sys.stdin:
        start, stop = map(int, line.split())
        if start == 0:
            landmarker = open_stream(task)
            landmarks(landmarker, frames[:1], 0, step_ms)
        times, points = landmarks(landmarker, frames[start:stop], step_ms * (start + 1), step_ms)
        np.savez(out, times=times, points=points)
        print("done", flush=True)


if __name__ == "__main__":
    main()
