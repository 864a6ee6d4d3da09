// Converts verifications of remotes to messages, and back.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { fieldInvalid } from "../../base/errors.js";
import type { RemoteVerifyEvent, RemoteVerifyRequest } from "../../remote/verifications.js";
import type { RemoteVerifyCounters } from "../../remote/verify-parts.js";
import {
  RemoteVerifyLevel,
  type RemoteVerifyCountsSchema,
  type VerifyRemoteRequest,
  type VerifyRemoteResponseSchema,
} from "../../../gen/ts/stasis/v1/remote_service_pb.js";

const levels = {
  [RemoteVerifyLevel.UNSPECIFIED]: "exists",
  [RemoteVerifyLevel.EXISTS]: "exists",
  [RemoteVerifyLevel.FOOTERS]: "footers",
  [RemoteVerifyLevel.DATA]: "data",
} as const;

export function verifyFromMessage(message: VerifyRemoteRequest): RemoteVerifyRequest {
  const { remote, ref, samplePercent } = message;
  const level = levels[message.level] as (typeof levels)[RemoteVerifyLevel] | undefined;
  if (level === undefined) throw fieldInvalid("level", "a level of this version", message.level);
  if (samplePercent < 0 || samplePercent > 100) {
    throw fieldInvalid("sample_percent", "0 for the default, or 1 to 100", samplePercent);
  }
  if (samplePercent > 0 && level === "exists") {
    throw fieldInvalid("sample_percent", "0 with the level EXISTS", samplePercent);
  }
  return { remote, ref, level, sample: samplePercent === 0 ? 1 : samplePercent / 100 };
}

export function verificationToMessage(
  event: RemoteVerifyEvent,
): MessageInitShape<typeof VerifyRemoteResponseSchema> {
  if (event.kind === "progress") {
    return { event: { case: "progress", value: countsToMessage(event.progress) } };
  }
  if (event.kind === "result") {
    return { event: { case: "summary", value: countsToMessage(event.result) } };
  }
  const { snapshot, name, key, offset, file, block, problem } = event.damage;
  const value = {
    ...{ snapshotId: snapshot, snapshotName: name, key, file, problem },
    ...(offset === undefined ? {} : { offset: BigInt(offset) }),
    ...(block === undefined ? {} : { block: BigInt(block) }),
  };
  return { event: { case: "damage", value } };
}

function countsToMessage(
  counters: RemoteVerifyCounters,
): MessageInitShape<typeof RemoteVerifyCountsSchema> {
  const { snapshots, doneSnapshots, damagedSnapshots, damages } = counters;
  const { footers, blocks, requests, readBytes } = counters;
  return {
    ...{ snapshots: BigInt(snapshots), doneSnapshots: BigInt(doneSnapshots) },
    ...{ damagedSnapshots: BigInt(damagedSnapshots), damages: BigInt(damages) },
    ...{ footers: BigInt(footers), blocks: BigInt(blocks) },
    ...{ requests: BigInt(requests), readBytes: BigInt(readBytes) },
  };
}
