// Reads and writes the `config` of an envelope. This maps cocoon's keys to our names and keeps
// cocoon's order.
import type { SnapshotConfig } from "../model/config.js";
import {
  booleanMember,
  countMember,
  objectMember,
  stringMember,
  unknownMembers,
  type JsonObject,
} from "./json-object.js";

/** `labels` is a key of stasis. cocoon ignores it. */
const knownKeys: ReadonlySet<string> = new Set([
  "id",
  "name",
  "description",
  "image",
  "image_digest",
  "image_type",
  "image_blob_ids",
  "hypervisor",
  "cpu",
  "memory",
  "storage",
  "nics",
  "queue_size",
  "disk_queue_size",
  "network",
  "no_direct_io",
  "windows",
  "labels",
]);

export function decodeConfig(
  config: JsonObject,
  unknownOfEnvelope: Readonly<Record<string, string>>,
): SnapshotConfig {
  return {
    id: stringMember(config, "id"),
    name: stringMember(config, "name"),
    description: stringMember(config, "description"),
    image: stringMember(config, "image"),
    imageDigest: stringMember(config, "image_digest"),
    imageType: stringMember(config, "image_type"),
    imageBlobIds: decodeBlobIds(config),
    hypervisor: stringMember(config, "hypervisor"),
    cpu: countMember(config, "cpu"),
    memoryBytes: countMember(config, "memory"),
    storageBytes: countMember(config, "storage"),
    nics: countMember(config, "nics"),
    queueSize: countMember(config, "queue_size"),
    diskQueueSize: countMember(config, "disk_queue_size"),
    network: stringMember(config, "network"),
    noDirectIo: booleanMember(config, "no_direct_io"),
    windows: booleanMember(config, "windows"),
    labels: decodeLabels(config),
    unknown: { envelope: unknownOfEnvelope, config: unknownMembers(config, knownKeys) },
  };
}

/**
 * Reads the blob ids. The JSON is a set as Go writes it, `{"<blob id>": {}}`, and its values have
 * no meaning.
 */
function decodeBlobIds(config: JsonObject): readonly string[] {
  const ids = objectMember(config, "image_blob_ids");
  if (ids === undefined) return [];
  for (const id of ids.members.keys()) objectMember(ids, id);
  return [...ids.members.keys()].sort();
}

function decodeLabels(config: JsonObject): Readonly<Record<string, string>> {
  const labels = objectMember(config, "labels");
  if (labels === undefined) return {};
  return Object.fromEntries(
    [...labels.members.keys()].map((key) => [key, stringMember(labels, key)]),
  );
}

/** Writes compact JSON. Empty members are left out, except for `name`. */
export function encodeConfig(config: SnapshotConfig): string {
  const blobIds = Object.fromEntries(config.imageBlobIds.map((id) => [id, {}]));
  const known: readonly (readonly [key: string, value: unknown])[] = [
    ["id", config.id],
    ["name", config.name],
    ["description", config.description],
    ["image", config.image],
    ["image_digest", config.imageDigest],
    ["image_type", config.imageType],
    ["image_blob_ids", blobIds],
    ["hypervisor", config.hypervisor],
    ["cpu", config.cpu],
    ["memory", config.memoryBytes],
    ["storage", config.storageBytes],
    ["nics", config.nics],
    ["queue_size", config.queueSize],
    ["disk_queue_size", config.diskQueueSize],
    ["network", config.network],
    ["no_direct_io", config.noDirectIo],
    ["windows", config.windows],
    ["labels", config.labels],
  ];
  const members = known
    .filter(([key, value]) => key === "name" || !isEmpty(value))
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return `{${[...members, ...unknownTexts(config.unknown.config, knownKeys)].join()}}`;
}

/**
 * Returns the members whose values are already JSON text. A key that was unknown when the snapshot
 * was stored may be known now. Such a key is left out, because no key may occur twice.
 */
export function unknownTexts(
  unknown: Readonly<Record<string, string>>,
  known: ReadonlySet<string>,
): string[] {
  return Object.entries(unknown)
    .filter(([key]) => !known.has(key))
    .map(([key, text]) => `${JSON.stringify(key)}:${text}`);
}

function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false;
}
