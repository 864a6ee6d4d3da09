// Stores an object under the first of its keys that is not burnt (docs/remote-protocols.md, "Rules
// for every request").
import { StoreError } from "../base/errors.js";

/**
 * Maximum number of keys to try. A pause of the object store makes several keys fail, one after the
 * other.
 */
const maxKeys = 8;

/**
 * Calls `put` with 0, 1 and so on until it returns true; each call uses a new key. Returns the
 * number of the last call. Throws REMOTE_UNREACHABLE after eight keys.
 */
export async function untilStored(put: (number: number) => Promise<boolean>): Promise<number> {
  for (let number = 0; number < maxKeys; number += 1) if (await put(number)) return number;
  throw unanswered();
}

function unanswered(): StoreError {
  return new StoreError(
    "REMOTE_UNREACHABLE",
    `the object store did not answer, ${maxKeys} times, whether it has stored an object`,
    { hint: "See the log of the object store, and try again" },
  );
}
