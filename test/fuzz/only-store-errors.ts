// Checks the property that every parser must have: it accepts its input, or refuses it with one of
// the given reasons, in little time. Any other error is a finding.
import { isStoreError, type ErrorReason } from "../../src/base/errors.js";

/**
 * Maximum CPU time of the process in microseconds, including the garbage collector. Inputs have at
 * most 64 KiB.
 */
const maxCpuMicros = 2_000_000;

/**
 * Returns the result of `parse`, or undefined if it refused the input. `onRefusal` gets the
 * message.
 */
export function parsed<T>(
  reasons: readonly ErrorReason[],
  parse: () => T,
  onRefusal?: (message: string) => void,
): T | undefined {
  const before = process.cpuUsage();
  try {
    return parse();
  } catch (error) {
    onRefusal?.(refusal(error, reasons));
    return undefined;
  } finally {
    checkTime(before);
  }
}

export async function parsedLater<T>(
  reasons: readonly ErrorReason[],
  parse: () => Promise<T>,
): Promise<T | undefined> {
  const before = process.cpuUsage();
  try {
    return await parse();
  } catch (error) {
    refusal(error, reasons);
    return undefined;
  } finally {
    checkTime(before);
  }
}

function refusal(error: unknown, reasons: readonly ErrorReason[]): string {
  if (!isStoreError(error) || !reasons.includes(error.reason)) throw error;
  return error.message;
}

function checkTime(before: NodeJS.CpuUsage): void {
  const { user, system } = process.cpuUsage(before);
  if (user + system <= maxCpuMicros) return;
  throw new Error(`it took ${(user + system) / 1000} ms of a processor`);
}
