// Converts a ListRequest to a query of the catalog.
import { fieldInvalid } from "../../base/errors.js";
import { knownFacts } from "../../model/host-facts.js";
import { maxPageSize } from "../../model/page-size.js";
import type { ListFilter, ListQuery } from "../../store/snapshot-store.js";
import type { ListRequest, SnapshotFilter } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { dateFromWire } from "./convert.js";

const defaultPageSize = 50;

export function listQueryFromMessage(request: ListRequest): ListQuery {
  const { pageSize, pageToken, filter } = request;
  if (pageSize < 0 || pageSize > maxPageSize) {
    throw fieldInvalid("page_size", `0 to ${maxPageSize}`, pageSize);
  }
  return {
    pageSize: pageSize === 0 ? defaultPageSize : pageSize,
    pageToken,
    filter: filter === undefined ? {} : filterFromMessage(filter),
  };
}

export function filterFromMessage(filter: SnapshotFilter): ListFilter {
  const { namePrefix, labels, image, imageDigest, hypervisor } = filter;
  const host = knownFacts(filter.host);
  return {
    ...(namePrefix === "" ? {} : { namePrefix }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(image === "" ? {} : { image }),
    ...(imageDigest === "" ? {} : { imageDigest }),
    ...(hypervisor === "" ? {} : { hypervisor }),
    ...(host && { host }),
    ...(filter.createdAfter === undefined
      ? {}
      : { createdAfter: dateFromWire(filter.createdAfter, "filter.created_after") }),
    ...(filter.createdBefore === undefined
      ? {}
      : { createdBefore: dateFromWire(filter.createdBefore, "filter.created_before") }),
    ...(filter.protected === undefined ? {} : { protected: filter.protected }),
    ...(filter.corrupt === undefined ? {} : { corrupt: filter.corrupt }),
    ...(filter.expiresBefore === undefined
      ? {}
      : { expiresBefore: dateFromWire(filter.expiresBefore, "filter.expires_before") }),
  };
}
