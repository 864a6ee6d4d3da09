// Repeats a run and fails a different operation each time. Judges the caller's answer and the state
// after the next start.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { isStoreError } from "../../src/base/errors.js";
import { failAt, type FaultCode, type Faulty } from "./faulty.js";
import { judge, type Told } from "./judge.js";
import type { Scenario } from "./scenarios.js";
import type { Played, Stage } from "./stage.js";

/** The bound exceeds the number of operations in any run, so that an endless loop fails. */
const maxOperations = 150;
const reasons = { EIO: "IO_FAILED", ENOSPC: "STORAGE_FULL" } as const;

/** Calls `run` repeatedly, each time with the fault at the next operation. */
export async function failEach(
  code: FaultCode,
  run: (fault: Faulty) => Promise<void>,
): Promise<void> {
  for (let index = 0; ; index += 1) {
    assert.ok(index < maxOperations, "no end of operations");
    const fault = failAt(index, code);
    await run(fault);
    if (fault.failed() !== undefined) continue;
    assert.ok(index > 0, "it does nothing");
    return;
  }
}

/**
 * Checks that a refusal has the reason that matches the fault, because callers act on the reason.
 */
export function assertReason(error: Played["error"], code: FaultCode): void {
  if (error === undefined) return;
  assert.ok(isStoreError(error, reasons[code]), `refused with ${inspect(error)}`);
}

export async function judgeAfter(
  { place }: Stage,
  scenario: Scenario,
  told: Told,
  fault: Faulty,
): Promise<void> {
  try {
    await judge(place, scenario, told);
  } catch (error) {
    const { kind = "no operation", path = "" } = fault.failed() ?? {};
    throw new Error(`${told} after ${kind} ${path} had failed`, { cause: error });
  }
}
