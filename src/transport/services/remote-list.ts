// Implements ListRemoteSnapshots.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { StoreError, fieldInvalid } from "../../base/errors.js";
import { maxPageSize } from "../../model/page-size.js";
import {
  isPosition,
  type RemoteFilter,
  type RemotePage,
  type RemoteQuery,
} from "../../remote/remote-query.js";
import type { RemoteSession } from "../../remote/session.js";
import type {
  ListRemoteSnapshotsRequest,
  ListRemoteSnapshotsResponseSchema,
  RemoteService,
} from "../../../gen/ts/stasis/v1/remote_service_pb.js";
import type { ServiceImplementation } from "../handler.js";
import { remoteSnapshotToMessage } from "./remote-messages.js";

/** The remotes as ListRemoteSnapshots needs them. */
export interface ListedRemotes {
  /**
   * Opens a remote for one call. Throws FIELD_INVALID for an unknown name, and for unusable files.
   * `field` is the request's field that contains the name.
   */
  open(name: string, field: string): RemoteSession;
}

const defaultPageSize = 50;

export function implementRemoteList(
  remotes: ListedRemotes,
): Pick<ServiceImplementation<typeof RemoteService>, "listRemoteSnapshots"> {
  return {
    listRemoteSnapshots: async (request, { signal }) => {
      const query = queryFromMessage(request);
      using session = remotes.open(request.remote, "remote");
      return pageToMessage(await session.page(query, signal));
    },
  };
}

function queryFromMessage(request: ListRemoteSnapshotsRequest): RemoteQuery {
  const { pageSize, pageToken, filter } = request;
  if (pageSize < 0 || pageSize > maxPageSize) {
    throw fieldInvalid("page_size", `0 to ${maxPageSize}`, pageSize);
  }
  // The token of a page is the id of the last snapshot on the page before.
  if (pageToken !== "" && !isPosition(pageToken)) throw tokenInvalid();
  return {
    filter: filter === undefined ? {} : filterFromMessage(filter),
    before: pageToken === "" ? undefined : pageToken,
    pageSize: pageSize === 0 ? defaultPageSize : pageSize,
  };
}

function filterFromMessage({
  namePrefix,
  labels,
  nodeId,
}: NonNullable<ListRemoteSnapshotsRequest["filter"]>): RemoteFilter {
  return {
    ...(namePrefix === "" ? {} : { namePrefix }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(nodeId === "" ? {} : { nodeId }),
  };
}

function tokenInvalid(): StoreError {
  const description = "expected a token from the previous page";
  return new StoreError("PAGE_TOKEN_INVALID", `page_token: ${description}`, {
    hint: "Start again without a token",
    fields: [{ field: "page_token", description }],
  });
}

function pageToMessage({
  snapshots,
  more,
  total,
  brokenIds,
  brokenTotal,
}: RemotePage): MessageInitShape<typeof ListRemoteSnapshotsResponseSchema> {
  return {
    snapshots: snapshots.map(remoteSnapshotToMessage),
    nextPageToken: more ? (snapshots.at(-1)?.id ?? "") : "",
    totalSize: BigInt(total),
    brokenIds: [...brokenIds],
    brokenSize: BigInt(brokenTotal),
  };
}
