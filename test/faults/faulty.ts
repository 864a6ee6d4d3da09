// Provides a layer that fails one operation, as a broken or full disk does.
import { constants } from "node:os";
import type { Layer, Operation } from "./intercept.js";

export type FaultCode = "EIO" | "ENOSPC";

export interface Faulty extends Layer {
  /** Returns the operation that was failed, or undefined before that. */
  readonly failed: () => Operation | undefined;
}

/** Fails the operation at `index`, counted from 0, and no operation after it. */
export function failAt(index: number, code: FaultCode): Faulty {
  let next = 0;
  let failed: Operation | undefined;
  return {
    failed: () => failed,
    before: (operation) => {
      if (next++ !== index) return;
      failed = operation;
      throw systemError(code, operation);
    },
  };
}

/** Makes an error in the form of Node's errors. */
function systemError(code: FaultCode, { kind, path }: Operation): Error {
  const words = code === "EIO" ? "i/o error" : "no space left on device";
  return Object.assign(new Error(`${code}: ${words}, ${kind} '${path}'`), {
    code,
    errno: -constants.errno[code],
    syscall: kind,
    path,
  });
}
