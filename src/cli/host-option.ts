// Reads the option that selects snapshots by the machine on which they were paused.
import { InvalidArgumentError } from "commander";

/** The option's words, and the fields of the message. */
const facts = {
  "cpu-vendor": "cpuVendor",
  "cpu-model": "cpuModel",
  microarchitecture: "microarchitecture",
  kernel: "kernel",
  "hypervisor-version": "hypervisorVersion",
} as const;

export const factList = Object.keys(facts).join(", ");

export type HostSelection = Readonly<Record<string, string>>;

export function collectFact(text: string, chosen: HostSelection = {}): HostSelection {
  const [, word = "", value = ""] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (!Object.hasOwn(facts, word)) {
    throw new InvalidArgumentError(`Expected FACT=VALUE, where FACT is one of: ${factList}.`);
  }
  return { ...chosen, [facts[word as keyof typeof facts]]: value };
}
