// Converts the messages of TakeToDirectory.
import { defaultMaxCopyBytes } from "../../model/clone.js";
import type { TakenFile, TakeMode, TakeRequest } from "../../model/take.js";
import {
  TakeMode as TakeModeMessage,
  type TakeToDirectoryRequest,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { sizeFromWire } from "./convert.js";

const modes: Readonly<Record<TakeMode, TakeModeMessage>> = {
  moved: TakeModeMessage.MOVED,
  reflink: TakeModeMessage.REFLINK,
  copy: TakeModeMessage.COPY,
};

export function takeRequestFromMessage(message: TakeToDirectoryRequest): TakeRequest {
  const { ref, requestId, maxCopyBytes } = message;
  return {
    ref,
    requestId,
    maxCopyBytes:
      maxCopyBytes === undefined
        ? defaultMaxCopyBytes
        : sizeFromWire(maxCopyBytes, "max_copy_bytes"),
  };
}

export function takenFileToMessage({ name, mode, copiedBytes }: TakenFile) {
  return { name, mode: modes[mode], copiedBytes: BigInt(copiedBytes) };
}
