// What is committed, as it is: a stream that goes on behind its last answer whenever it ends.
import * as grpc from "@grpc/grpc-js";
import { QuestionState } from "./api/wince/api/care/v1/question_state.js";
import type { Assessment, Question } from "./api/wince/api/grade/v1/grade.js";
import type { RecordServiceClient } from "./api/wince/api/record/v1/record_service.js";
import { WatchKind, type WatchResponse } from "./api/wince/api/record/v1/watch.js";
import { refused } from "./calls.js";

const AGAIN_MS = 200;

export interface Seen {
  assessments: Assessment[];
  open: Question[];
  answered: string[];
  heartbeats: number;
}

export class Watcher {
  readonly seen: Seen = { assessments: [], open: [], answered: [], heartbeats: 0 };
  /** The first heartbeat came: what held before was told, and what is committed from now on is. */
  readonly begun: Promise<void>;
  streams = 0;
  private token = "";
  private stream?: grpc.ClientReadableStream<WatchResponse>;
  private ended = false;
  private failure?: Error;
  private changed: () => void = () => undefined;

  constructor(
    private readonly record: RecordServiceClient,
    private readonly bed: string,
  ) {
    this.watch();
    this.begun = this.until((seen) => seen.heartbeats > 0);
  }

  /** Wait until enough was seen. */
  async until(enough: (seen: Seen) => boolean): Promise<void> {
    const patience = Date.now() + 60_000;
    while (!enough(this.seen)) {
      if (this.failure !== undefined) throw this.failure;
      if (Date.now() > patience) throw new Error("nothing more came");
      await new Promise<void>((resolve) => {
        this.changed = resolve;
        setTimeout(resolve, 1_000);
      });
    }
  }

  /** As when the network goes. */
  async cut(): Promise<void> {
    const before = this.streams;
    this.stream?.cancel();
    const patience = Date.now() + 60_000;
    while (this.streams === before && Date.now() < patience) await new Promise((done) => setTimeout(done, 50));
  }

  end(): void {
    this.ended = true;
    this.stream?.cancel();
  }

  private watch(): void {
    this.streams += 1;
    const kinds = [WatchKind.WATCH_KIND_ASSESSMENT, WatchKind.WATCH_KIND_QUESTION];
    const stream = this.record.watch({ bed: this.bed, ward: "", kinds, resumeToken: this.token, snapshot: this.token === "" });
    this.stream = stream;
    stream.on("data", (answer: WatchResponse) => this.take(answer));
    stream.on("error", (error: grpc.ServiceError) => {
      if (this.ended) return;
      const passing = [grpc.status.UNAVAILABLE, grpc.status.CANCELLED].includes(error.code);
      if (passing) setTimeout(() => this.watch(), AGAIN_MS);
      else this.failure = refused(error);
      this.changed();
    });
  }

  private take(answer: WatchResponse): void {
    if (answer.assessment !== undefined && !answer.snapshot) this.seen.assessments.push(answer.assessment);
    if (answer.heartbeat !== undefined) this.seen.heartbeats += 1;
    const asked = answer.question?.question;
    const state = answer.question?.state;
    if (asked !== undefined && state === QuestionState.QUESTION_STATE_OPEN && asked.assessmentId !== "") this.seen.open.push(asked);
    if (asked !== undefined && state === QuestionState.QUESTION_STATE_ANSWERED) this.seen.answered.push(asked.id);
    if (answer.resumeToken !== "") this.token = answer.resumeToken; // behind what was taken in
    this.changed();
  }
}
