// What a scenario leaves out of the API: calls that no step makes, reasons that no step expects.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Scenario } from "./compile.js";

const reasonPrefix = "ERROR_REASON_";

/** One line for each gap. */
export function gapsOf({ cases, unprovoked }: Scenario, descriptors: string): readonly string[] {
  const registry = createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)),
  );
  const text = JSON.stringify(cases);
  const gaps: string[] = [];
  for (const service of registry) {
    if (service.kind !== "service" || !service.typeName.startsWith("stasis.v1.")) continue;
    for (const { name } of service.methods) {
      const call = `${service.name}/${name}`;
      if (!text.includes(`"call":"${call}"`)) gaps.push(`no step calls ${call}`);
    }
  }
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
