// Grades of one's own pictures: detect, then estimate, then grade. Nothing is stored.
import type { ChannelCredentials } from "@grpc/grpc-js";
import type { DetectFacesRequest, DetectFacesResponse } from "./api/wince/api/detect/v1/detect_service.js";
import { DetectServiceClient } from "./api/wince/api/detect/v1/detect_service.js";
import type { Estimate } from "./api/wince/api/estimate/v1/estimate.js";
import { EstimateServiceClient } from "./api/wince/api/estimate/v1/estimate_service.js";
import type { GradeEstimatesRequest, GradeEstimatesResponse } from "./api/wince/api/grade/v1/grade_service.js";
import { GradeServiceClient } from "./api/wince/api/grade/v1/grade_service.js";
import { Reason } from "./api/wince/api/reason/v1/reason.js";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { OPTIONS, call, refused } from "./calls.js";
import { frame, type Clip } from "./frames.js";

const FACES = 64;

export interface Window {
  startUs: bigint;
  grade: number | undefined;
  median: number | undefined;
  reason: number;
}

/** Send everything at the pace that the server reads, and take every answer. */
async function exchanged<Q, A>(stream: ClientDuplexStream<Q, A>, requests: Iterable<Q>): Promise<A[]> {
  const answers: A[] = [];
  stream.on("data", (answer: A) => answers.push(answer));
  const over = new Promise<void>((resolve, reject) => stream.on("end", resolve).on("error", (error) => reject(refused(error as never))));
  for (const request of requests) {
    if (!stream.write(request)) await Promise.race([over, new Promise((drained) => stream.once("drain", drained))]);
  }
  stream.end();
  await over;
  return answers;
}

/** The windows of a clip, by media time. */
export async function graded(
  clip: Clip,
  at: Record<"detect" | "estimate" | "grade", string>,
  trusted: ChannelCredentials,
  protocol: string,
): Promise<Window[]> {
  const detect = new DetectServiceClient(at.detect, trusted, OPTIONS);
  const estimate = new EstimateServiceClient(at.estimate, trusted, OPTIONS);
  const grade = new GradeServiceClient(at.grade, trusted, OPTIONS);
  const stepUs = 1_000_000 / clip.rate;

  function* pictures(): Iterable<DetectFacesRequest> {
    for (let number = 0; number < clip.frames; number += 1) {
      yield { frame: frame(clip, "mine", number, BigInt(number * stepUs)), publish: false, protocols: [] };
    }
  }
  const faces = (await exchanged<DetectFacesRequest, DetectFacesResponse>(detect.detectFaces(), pictures())).flatMap(
    (answer) => answer.face ?? [],
  );
  const estimates: Estimate[] = [];
  for (let from = 0; from < faces.length; from += FACES) {
    const some = faces.slice(from, from + FACES);
    estimates.push(...(await call(estimate, estimate.estimateFaces, { faces: some, protocol })).estimates);
  }

  function* items(): Iterable<GradeEstimatesRequest> {
    for (const one of estimates) yield { estimate: one, protocol, snapshots: false };
    const timeUs = BigInt(clip.frames * stepUs);
    const beat = { source: "mine", timeUs, frames: 0n, dropped: 0n, corrupt: 0n, reason: Reason.REASON_UNSPECIFIED, ended: true };
    yield { beat, protocol, snapshots: false };
  }
  const answers = await exchanged<GradeEstimatesRequest, GradeEstimatesResponse>(grade.gradeEstimates(), items());
  for (const one of [detect, estimate, grade]) one.close();
  return answers
    .flatMap((answer) => answer.assessment ?? [])
    .map((one) => ({ startUs: one.startUs, grade: one.grade, median: one.median, reason: one.reason }));
}
