// Makes the error for a peer whose answers contradict each other or the protocol.
import { StoreError } from "../base/errors.js";

export function peerInvalid(problem: string): StoreError {
  return new StoreError("PEER_DATA_INVALID", `the peer sent ${problem}; nothing was stored`, {
    hint: "Run `stasis verify` at the peer; try another peer that has the snapshot",
  });
}

export function ensure(condition: boolean, problem: string): asserts condition {
  if (!condition) throw peerInvalid(problem);
}
