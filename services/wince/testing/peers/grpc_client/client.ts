// The whole path of a foreign integrator, from its own stubs alone. Reads what it needs from stdin (JSON), prints what it found (JSON).
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { CaptureServiceClient } from "./api/wince/api/capture/v1/capture_service.js";
import type { Verdict } from "./api/wince/api/care/v1/care.js";
import { CareServiceClient } from "./api/wince/api/care/v1/care_service.js";
import type { Question } from "./api/wince/api/grade/v1/grade.js";
import { HospitalServiceClient } from "./api/wince/api/hospital/v1/hospital_service.js";
import { Reason } from "./api/wince/api/reason/v1/reason.js";
import { RecordServiceClient } from "./api/wince/api/record/v1/record_service.js";
import { ServerServiceClient } from "./api/wince/api/server/v1/server_service.js";
import { OPTIONS, Refused, call, credentials, every } from "./calls.js";
import { admit } from "./mllp.js";
import { push, type Clip } from "./frames.js";
import { graded } from "./stages.js";
import { Watcher } from "./watch.js";

interface Wanted {
  ca: string;
  token: string;
  addresses: Record<"record" | "care" | "hospital" | "capture" | "detect" | "estimate" | "grade", string>;
  mllp: number;
  admission: string;
  bed: string;
  camera: string;
  protocol: string;
  clip: { file: string; width: number; height: number; frames: number; rate: number };
}

const wanted: Wanted = JSON.parse(readFileSync(0, "utf8"));
const trusted = credentials(wanted.ca, wanted.token);
const clip: Clip = { ...wanted.clip, pixels: readFileSync(wanted.clip.file) };
const at = wanted.addresses;
const record = new RecordServiceClient(at.record, trusted, OPTIONS);
const care = new CareServiceClient(at.care, trusted, OPTIONS);
const hospital = new HospitalServiceClient(at.hospital, trusted, OPTIONS);
const capture = new CaptureServiceClient(at.capture, trusted, OPTIONS);
const server = new ServerServiceClient(at.record, trusted, OPTIONS);

/** What a call is refused with. */
async function refusal(asked: Promise<unknown>): Promise<Refused> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

const info = (await call(server, server.getServerInfo, {})).server;
const protocols = await every(
  (pageToken) => call(server, server.listProtocols, { pageSize: 1, pageToken }),
  (answer) => answer.protocols,
);

// The grades of the clip's pictures, with nothing stored.
const alone = await graded(clip, at, trusted, wanted.protocol);

// Admit, and see who lies where.
const acknowledged = await admit(wanted.mllp, wanted.admission);
const stays = await every(
  (pageToken) => call(hospital, hospital.listStays, { bed: wanted.bed, pageSize: 1, pageToken, filter: "", orderBy: "" }),
  (answer) => answer.stays,
);

// Watch while the clip is pushed, over a stream that is cut after the first window.
const watcher = new Watcher(record, wanted.bed);
await watcher.begun;
const pushing = push(capture, clip, wanted.camera);
await watcher.until((seen) => seen.assessments.length > 0);
await watcher.cut();

// Answer each question as it comes, until the clip's dark is asked about: a nurse is asked one at a time.
interface Answered {
  question: Question;
  given: Verdict | undefined;
  again: Verdict | undefined;
}
async function answered(question: Question): Promise<Answered> {
  const verdict = {
    id: randomUUID(),
    questionId: question.id,
    assessmentId: question.assessmentId,
    nurse: "",
    cannotTell: true,
    atUs: BigInt(Date.now()) * 1000n,
  };
  const given = (await call(care, care.giveVerdict, { verdict })).verdict;
  const again = (await call(care, care.giveVerdict, { verdict })).verdict; // the same twice has one effect
  await watcher.until((seen) => seen.answered.includes(question.id));
  return { question, given, again };
}
let number = 0;
let last: Answered;
do {
  await watcher.until((seen) => seen.open.length > number);
  last = await answered(watcher.seen.open[number]);
  number += 1;
} while (last.question.reason !== Reason.REASON_DARK);
const pushed = await pushing;
await watcher.until((seen) => seen.assessments.length >= 3);
watcher.end();
const asked = await call(care, care.getQuestion, { id: last.question.id });

// Lists, page by page.
const cameras = (await call(capture, capture.listCameras, {})).cameras;
const scope = { bed: wanted.bed };
const listed = await every(
  (pageToken) => call(record, record.listAssessments, { scope, pageSize: 1, pageToken, filter: "", orderBy: "" }),
  (answer) => answer.assessments,
);
const got = await call(record, record.getAssessment, { id: listed.items[0].id });
const trail = await every(
  (pageToken) => call(record, record.queryAudit, { entryId: "", fromSequence: 0n, pageSize: 20, pageToken }),
  (answer) => answer.entries,
);
const verified = await call(record, record.verifyAudit, {});

// What is refused says why.
const unknown = await refusal(call(record, record.getAssessment, { id: randomUUID() }));
const wrong = await refusal(call(record, record.getAssessment, { id: "bed-1" }));
const stranger = new RecordServiceClient(at.record, credentials(wanted.ca, "no-token-of-this-site-at-all"), OPTIONS);
const unnamed = await refusal(call(stranger, stranger.getAssessment, { id: randomUUID() }));

const said = {
  info,
  protocols: { names: protocols.items.map((one) => one.name), pages: protocols.pages },
  alone,
  acknowledged,
  stays: stays.items,
  cameras: cameras.map((one) => ({ source: one.source, bed: one.bed, encounter: one.encounter?.value })),
  pushed,
  watched: { ids: watcher.seen.assessments.map((one) => one.id), streams: watcher.streams, heartbeats: watcher.seen.heartbeats },
  verdict: { given: last.given, again: last.again, state: asked.state, of: asked.verdictId, reason: last.question.reason },
  listed: { windows: listed.items, pages: listed.pages, got: got.assessment?.id },
  trail: { sequences: trail.items.map((one) => one.sequence), events: trail.items.map((one) => one.event), pages: trail.pages },
  verified,
  refused: [unknown, wrong, unnamed],
};
console.log(JSON.stringify(said, (_, value) => (typeof value === "bigint" ? Number(value) : value)));
for (const one of [record, care, hospital, capture, server, stranger] as grpc.Client[]) one.close();
