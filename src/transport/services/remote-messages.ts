// Converts snapshots of remotes to messages.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { RemoteSnapshot } from "../../remote/listed.js";
import type { RemoteSnapshotSchema } from "../../../gen/ts/stasis/v1/resources_pb.js";
import { configToMessage } from "./convert.js";

export function remoteSnapshotToMessage({
  id,
  pushedAt,
  nodeId,
  manifest,
  dataBytes,
  packedBytes,
}: RemoteSnapshot): MessageInitShape<typeof RemoteSnapshotSchema> {
  const { config, createdAt, expireTime, digest, parentDigest, files } = manifest;
  return {
    ...{ id, nodeId, digest, parentDigest },
    pushedAt: timestampFromDate(pushedAt),
    config: configToMessage(config),
    createdAt: timestampFromDate(createdAt),
    ...(expireTime === undefined ? {} : { expireTime: timestampFromDate(expireTime) }),
    protected: manifest.protected,
    sizeBytes: BigInt(files.reduce((sum, file) => sum + file.sizeBytes, 0)),
    dataBytes: BigInt(dataBytes),
    packedBytes: BigInt(packedBytes),
  };
}
