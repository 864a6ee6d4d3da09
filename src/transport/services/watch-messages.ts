// Converts Watch between generated messages and the domain.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Snapshot } from "../../model/snapshot.js";
import type { WatchEvent, WatchRequest } from "../../store/watch/watch.js";
import type { SnapshotSchema } from "../../../gen/ts/stasis/v1/resources_pb.js";
import {
  EventType,
  RemovalReason,
  type WatchRequest as RequestMessage,
  type WatchResponseSchema,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { filterFromMessage } from "./list-query.js";

const typeOf: Readonly<Record<WatchEvent["type"], EventType>> = {
  created: EventType.CREATED,
  deleted: EventType.DELETED,
  evicted: EventType.EVICTED,
  expired: EventType.EVICTED,
  taken: EventType.DELETED,
  renamed: EventType.RENAMED,
  missed: EventType.MISSED,
  updated: EventType.UPDATED,
  corrupt: EventType.CORRUPT,
  lost: EventType.LOST,
  position: EventType.POSITION,
};

export function watchRequestFromMessage({ resumeToken, filter }: RequestMessage): WatchRequest {
  return { resumeToken, filter: filter === undefined ? {} : filterFromMessage(filter) };
}

export function watchEventToMessage(
  event: WatchEvent,
  toMessage: (snapshot: Snapshot) => MessageInitShape<typeof SnapshotSchema>,
): MessageInitShape<typeof WatchResponseSchema> {
  const { type, occurredAt, resumeToken } = event;
  const common = { type: typeOf[type], occurredAt: timestampFromDate(occurredAt), resumeToken };
  if (!("snapshot" in event)) return common;
  const { snapshot, previousName, replacedBy } = event;
  const removalReason = reasonOf(type);
  return { ...common, snapshot: toMessage(snapshot), previousName, replacedBy, removalReason };
}

function reasonOf(type: WatchEvent["type"]): RemovalReason {
  if (type === "taken") return RemovalReason.TAKEN;
  return type === "expired" ? RemovalReason.EXPIRED : RemovalReason.UNSPECIFIED;
}
