// Provides short constructors for the frames of uploads.
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  CreateHeaderSchema,
  ImportHeaderSchema,
  SnapshotService,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";

type CreateRequest = MessageInitShape<typeof SnapshotService.method.create.input>;
type ImportRequest = MessageInitShape<typeof SnapshotService.method.import.input>;
type Frame = NonNullable<CreateRequest["frame"]>;
/** Contains one of the frames that Create and Import share. */
export interface DataRequest {
  readonly frame: Extract<Frame, { case: "chunk" | "commit" }>;
}

/** A value that no enum has. */
export const noSuchValue: number = 99;

export function createHeader(
  value: MessageInitShape<typeof CreateHeaderSchema> = {},
): CreateRequest {
  return { frame: { case: "header", value } };
}

export function importHeader(
  value: MessageInitShape<typeof ImportHeaderSchema> = {},
): ImportRequest {
  return { frame: { case: "header", value } };
}

export function chunk(value: Uint8Array): DataRequest {
  return { frame: { case: "chunk", value } };
}

export function commit(totalBytes: number, crc32?: number): DataRequest {
  const sum = crc32 === undefined ? {} : { crc32 };
  return { frame: { case: "commit", value: { totalBytes: BigInt(totalBytes), ...sum } } };
}

/** Returns the bytes in chunks of at most 512 KiB, followed by their commit. */
export function whole(bytes: Uint8Array): readonly DataRequest[] {
  const size = 512 * 1024;
  const count = Math.ceil(bytes.length / size);
  const chunks = Array.from({ length: count }, (_, index) =>
    chunk(bytes.subarray(index * size, (index + 1) * size)),
  );
  return [...chunks, commit(bytes.length)];
}
