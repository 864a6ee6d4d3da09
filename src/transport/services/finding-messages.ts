// Converts the findings of a check to messages.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { CheckEvent, Finding, Repaired } from "../../model/finding.js";
import {
  FindingAction,
  FindingKind,
  CheckResponseSchema,
  RepairOutcome,
  RepairResponseSchema,
  type CheckResponse,
  type RepairResponse,
  type FindingSchema,
} from "../../../gen/ts/stasis/v1/system_service_pb.js";

export function checkEventToMessage(event: CheckEvent): CheckResponse {
  return create(CheckResponseSchema, checkEventInit(event));
}

function checkEventInit(event: CheckEvent): MessageInitShape<typeof CheckResponseSchema> {
  switch (event.kind) {
    case "finding":
      return { event: { case: "finding", value: findingToMessage(event.finding) } };
    case "progress": {
      const doneSnapshots = BigInt(event.doneSnapshots);
      const totalSnapshots = BigInt(event.totalSnapshots);
      return { event: { case: "progress", value: { doneSnapshots, totalSnapshots } } };
    }
    case "summary": {
      const value = { snapshots: BigInt(event.snapshots), problems: BigInt(event.problems) };
      return { event: { case: "summary", value } };
    }
  }
}

function findingToMessage({
  kind,
  severity,
  action,
  ...rest
}: Finding): MessageInitShape<typeof FindingSchema> {
  return {
    ...rest,
    kind: FindingKind[upper(kind)],
    problem: severity === "problem",
    action: FindingAction[upper(action)],
  };
}

export function repairedToMessage({ finding, outcome, message }: Repaired): RepairResponse {
  return create(RepairResponseSchema, {
    finding: findingToMessage(finding),
    outcome: RepairOutcome[upper(outcome)],
    message,
  });
}

function upper<Word extends string>(word: Word): Uppercase<Word> {
  return word.toUpperCase() as Uppercase<Word>;
}
