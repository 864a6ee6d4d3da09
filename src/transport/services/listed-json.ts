// Converts a snapshot of a long list to JSON. The JSON is the mapping of the message Snapshot,
// without the fields that only the snapshot's own page shows.
import { create, toJson, type JsonValue } from "@bufbuild/protobuf";
import type { Snapshot } from "../../model/snapshot.js";
import { SnapshotSchema } from "../../../gen/ts/stasis/v1/resources_pb.js";
import { snapshotToMessage } from "./convert.js";

export function listedJson(snapshot: Snapshot): JsonValue {
  const config = { ...snapshot.config, imageBlobIds: [] };
  const message = snapshotToMessage({ ...snapshot, config, files: [] }, "");
  return toJson(SnapshotSchema, create(SnapshotSchema, message), { alwaysEmitImplicit: true });
}
