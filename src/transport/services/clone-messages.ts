// Converts the messages of CloneToDirectory.
import { fieldInvalid } from "../../base/errors.js";
import {
  defaultMaxCopyBytes,
  type ClonedFile,
  type CloneMode,
  type CloneRequest,
} from "../../model/clone.js";
import {
  CloneMode as CloneModeMessage,
  type CloneToDirectoryRequest,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { sizeFromWire } from "./convert.js";

const modes: Readonly<Record<CloneMode, CloneModeMessage>> = {
  auto: CloneModeMessage.AUTO,
  link: CloneModeMessage.LINK,
  reflink: CloneModeMessage.REFLINK,
  copy: CloneModeMessage.COPY,
  skip: CloneModeMessage.SKIP,
};

export function cloneRequestFromMessage(message: CloneToDirectoryRequest): CloneRequest {
  const chosen = new Map<string, CloneMode>();
  for (const [index, { name, mode }] of message.files.entries()) {
    const field = `files[${index}]`;
    if (chosen.has(name)) throw fieldInvalid(`${field}.name`, "a name that occurs once", name);
    chosen.set(name, modeFromWire(mode, `${field}.mode`));
  }
  const { maxCopyBytes } = message;
  return {
    modes: chosen,
    defaultMode: modeFromWire(message.defaultMode, "default_mode"),
    durable: message.durable,
    maxCopyBytes:
      maxCopyBytes === undefined
        ? defaultMaxCopyBytes
        : sizeFromWire(maxCopyBytes, "max_copy_bytes"),
  };
}

export function clonedFileToMessage({ name, mode, sharedBytes, copiedBytes }: ClonedFile) {
  return {
    ...{ name, mode: modes[mode] },
    sharedBytes: BigInt(sharedBytes),
    copiedBytes: BigInt(copiedBytes),
  };
}

function modeFromWire(mode: CloneModeMessage, field: string): CloneMode {
  if (mode === CloneModeMessage.UNSPECIFIED) return "auto";
  const found = (Object.keys(modes) as CloneMode[]).find((name) => modes[name] === mode);
  if (found === undefined) throw fieldInvalid(field, "a value of CloneMode", mode);
  return found;
}
