// What any client needs around its stubs: TLS and token, a deadline, pages, and errors with their details.
import { readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { BadRequest } from "./api/google/rpc/error_details.js";
import { Status } from "./api/google/rpc/status.js";
import { Error as Details, ErrorReason, errorReasonToJSON } from "./api/wince/api/errors/v1/errors.js";

const DEADLINE_MS = 30_000;

/** TLS with the site's authority, and the token with every call. */
export function credentials(ca: string, token: string): grpc.ChannelCredentials {
  const bearer = grpc.credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    done(null, metadata);
  });
  return grpc.credentials.combineChannelCredentials(grpc.credentials.createSsl(readFileSync(ca)), bearer);
}

/** The last resort of a unary call: UNAVAILABLE is tried again; ids are the caller's, so the same call twice has one effect. */
export const OPTIONS: grpc.ChannelOptions = {
  "grpc.max_send_message_length": 16 << 20,
  "grpc.max_receive_message_length": 16 << 20,
  "grpc.service_config": JSON.stringify({
    methodConfig: [
      {
        name: [{}],
        retryPolicy: {
          maxAttempts: 5,
          initialBackoff: "0.2s",
          maxBackoff: "5s",
          backoffMultiplier: 2,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  }),
};

type Unary<Q, A> = (
  request: Q,
  metadata: grpc.Metadata,
  options: Partial<grpc.CallOptions>,
  callback: (error: grpc.ServiceError | null, answer: A) => void,
) => grpc.ClientUnaryCall;

/** A failed call, with what Wince says of it. */
export class Refused extends Error {
  constructor(
    readonly status: string,
    readonly reason: string,
    readonly field: string,
    readonly remedy: string,
    readonly violations: string[],
    message: string,
  ) {
    super(message);
  }
}

/** The answer of one call, within the deadline. */
export function call<Q, A>(client: grpc.Client, method: Unary<Q, A>, request: Q): Promise<A> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + DEADLINE_MS };
    method.call(client, request, new grpc.Metadata(), options, (error, answer) => {
      if (error !== null) reject(refused(error));
      else resolve(answer);
    });
  });
}

/** What stands in grpc-status-details-bin: a google.rpc.Status, whose details hold Wince's Error and google.rpc.BadRequest. */
export function refused(error: grpc.ServiceError): Refused {
  let said = Details.fromPartial({});
  const violations: string[] = [];
  for (const packed of error.metadata?.get("grpc-status-details-bin") ?? []) {
    for (const detail of Status.decode(packed as Buffer).details) {
      if (detail.typeUrl.endsWith("/wince.api.errors.v1.Error")) said = Details.decode(detail.value);
      if (detail.typeUrl.endsWith("/google.rpc.BadRequest"))
        violations.push(...BadRequest.decode(detail.value).fieldViolations.map((one) => one.field));
    }
  }
  const reason = errorReasonToJSON(said.reason ?? ErrorReason.ERROR_REASON_UNSPECIFIED);
  return new Refused(grpc.status[error.code], reason, said.field, said.remedy, violations, error.details);
}

/** Everything that a list has, page by page; how many pages that were. */
export async function every<A extends { nextPageToken: string }, T>(
  ask: (pageToken: string) => Promise<A>,
  items: (answer: A) => T[],
): Promise<{ items: T[]; pages: number }> {
  const found: T[] = [];
  let token = "";
  let pages = 0;
  do {
    const answer = await ask(token);
    found.push(...items(answer));
    token = answer.nextPageToken;
    pages += 1;
  } while (token !== "");
  return { items: found, pages };
}
