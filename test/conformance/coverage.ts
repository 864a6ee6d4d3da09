// Finds the parts of the API that a scenario leaves out: calls without a step, frames that it
// neither sends nor expects, and reasons that it does not expect.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, type DescMessage } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Json, Scenario } from "./compile.js";

const reasonPrefix = "ERROR_REASON_";
/**
 * In a scenario, `body` represents a frame of bytes that a call sends, and `intact` one that a call
 * receives.
 */
const sentBytes = "body";
const receivedBytes = "intact";

/** The content of a call's steps, as JSON texts. */
interface Said {
  readonly sent: string[];
  readonly received: string[];
}

/** Returns one line for each gap. */
export function gapsOf({ cases, unprovoked }: Scenario, descriptors: string): readonly string[] {
  const registry = createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)),
  );
  const calls = new Map<string, Said>();
  for (const { steps } of cases) {
    const held = new Map<string, string>();
    for (const step of steps) collect(step, calls, held);
  }
  const gaps: string[] = [];
  for (const service of registry) {
    if (service.kind !== "service" || !service.typeName.startsWith("stasis.v1.")) continue;
    for (const { name, input, output } of service.methods) {
      const call = `${service.name}/${name}`;
      const said = calls.get(call);
      if (said === undefined) gaps.push(`no step calls ${call}`);
      else {
        for (const frame of framesOf(input, sentBytes)) {
          if (!mentions(said.sent, frame)) gaps.push(`no step sends ${call} a frame "${frame}"`);
        }
        for (const frame of framesOf(output, receivedBytes)) {
          const isExcused = `${call} ${frame}` in unprovoked;
          if (!isExcused && !mentions(said.received, frame))
            gaps.push(`no step expects "${frame}" of ${call}`);
        }
      }
    }
  }
  const text = JSON.stringify(cases);
  const reasons = registry.getEnum("stasis.v1.ErrorReason")?.values ?? [];
  if (reasons.length === 0) gaps.push(`${descriptors} has no ErrorReason`);
  for (const { name } of reasons) {
    const reason = name.slice(reasonPrefix.length);
    const provoked = text.includes(`"reason":"${reason}"`);
    if (provoked === reason in unprovoked) {
      gaps.push(provoked ? `${reason} is provoked after all` : `no step expects ${reason}`);
    }
  }
  return gaps;
}

/** Collects the calls of a value. `held` contains the held calls of the case, by name. */
function collect(value: Json, calls: Map<string, Said>, held: Map<string, string>): void {
  if (Array.isArray(value)) {
    for (const each of value) collect(each, calls, held);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const { call, end, hold, send, expect, error } = value;
  const name = typeof end === "string" ? held.get(end) : call;
  if (typeof name !== "string") {
    for (const each of Object.values(value)) collect(each ?? null, calls, held);
    return;
  }
  if (typeof hold === "string") held.set(hold, name);
  const said = calls.get(name) ?? { sent: [], received: [] };
  calls.set(name, said);
  said.sent.push(JSON.stringify(send ?? null));
  said.received.push(JSON.stringify([expect ?? null, error ?? null]));
}

/** Returns the members of the message's oneof, in the scenario's notation. */
function framesOf({ oneofs }: DescMessage, bytes: string): readonly string[] {
  return oneofs.flatMap(({ fields }) =>
    fields.map(({ jsonName }) => (jsonName === "chunk" ? bytes : jsonName)),
  );
}

function mentions(texts: readonly string[], key: string): boolean {
  return texts.some((text) => text.includes(`"${key}":`));
}
