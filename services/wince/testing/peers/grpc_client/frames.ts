// Pictures of a clip, pushed as a camera gives them.
import type { Frame } from "./api/wince/api/capture/v1/capture.js";
import type { CaptureServiceClient } from "./api/wince/api/capture/v1/capture_service.js";
import { refused } from "./calls.js";

export interface Clip {
  width: number;
  height: number;
  frames: number;
  rate: number;
  pixels: Buffer;
}

const WINDOW_MS = 5_000;

/** One picture: 8 bit RGB, row by row. */
export function frame(clip: Clip, source: string, number: number, timeUs: bigint): Frame {
  const size = clip.width * clip.height * 3;
  const rgb = clip.pixels.subarray(number * size, (number + 1) * size);
  return { source, sequence: BigInt(number), timeUs, width: clip.width, height: clip.height, rgb };
}

/** Push every picture in its time, from the next begin of a window on, so that windows cut the clip where a file's would. */
export async function push(capture: CaptureServiceClient, clip: Clip, camera: string): Promise<{ accepted: bigint; dropped: bigint }> {
  let told = { accepted: 0n, dropped: 0n };
  const stream = capture.pushFrames();
  stream.on("data", (answer) => (told = answer));
  const over = new Promise<void>((resolve, reject) => stream.on("end", resolve).on("error", (error) => reject(refused(error as never))));
  const begin = Math.ceil((Date.now() + 500) / WINDOW_MS) * WINDOW_MS;
  for (let number = 0; number < clip.frames; number += 1) {
    const at = begin + (number * 1000) / clip.rate;
    await new Promise((done) => setTimeout(done, Math.max(0, at - Date.now())));
    stream.write({ frame: frame(clip, camera, number, BigInt(at) * 1000n) });
  }
  stream.end();
  await over;
  return told;
}
