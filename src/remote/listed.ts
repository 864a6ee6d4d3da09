// Keeps the snapshots of a remote in little memory: docs/remotes.md, "Large buckets", has the
// bound. Properties that searches and filters compare are in memory as they are. The rest of each
// manifest is compressed.
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { decodeManifest, encodeManifest, type Manifest } from "../files/manifest.js";

/** A snapshot at a remote, without the list of its blocks. */
export interface RemoteSnapshot {
  /** Id of the snapshot at the remote. */
  readonly id: string;
  readonly pushedAt: Date;
  /** Id of the node that pushed it. */
  readonly nodeId: string;
  /** The manifest as on that node; its `id` is the id of the snapshot there. */
  readonly manifest: Manifest;
  readonly dataBytes: number;
  /** Bytes of the packs that its push has written. */
  readonly packedBytes: number;
}

/** What searches compare of a snapshot at a remote. `describeListed` returns the whole. */
export interface ListedSnapshot extends Omit<RemoteSnapshot, "manifest" | "pushedAt"> {
  readonly pushedAtMs: number;
  /** Id of the snapshot on the node that pushed it. */
  readonly localId: string;
  readonly name: string;
  readonly digest: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The compressed manifest. */
  readonly packed: Uint8Array;
}

/**
 * The texts that manifests share. The dictionary is in memory only, so that a new version may
 * change it.
 */
const dictionary = Buffer.from(
  `${"0123456789abcdef".repeat(8)}"blake3" "sha256:" "mode": 416, "mode": 384, "firecracker",
  "cloud-hypervisor", "qemu", "mem.img", "memory", "disk.raw", "vmstate", "snapshot.json"
{
  "version": 2,
  "revision": 0,
  "id": "",
  "config": {
    "id": "",
    "name": "",
    "description": "",
    "image": "",
    "imageDigest": "",
    "imageType": "",
    "imageBlobIds": [],
    "hypervisor": "",
    "cpu": 0,
    "memory": 0,
    "storage": 0,
    "nics": 0,
    "network": "",
    "windows": false,
    "noDirectIo": false,
    "labels": {},
  },
  "createdAt": "2026-01-01T00:00:00.000Z",
  "protected": false,
  "digest": "sha256:",
  "parentDigest": "sha256:",
  "files": [
    {
      "name": "",
      "sizeBytes": 0,
      "allocatedBytes": 0,
      "mode": 416,
      "digest": "blake3:"
    }
  ]
}
`,
);

/** A small window: it takes 16 KiB for each call in place of 256 KiB, and manifests are short. */
const deflating = { dictionary, level: 6, windowBits: 13, memLevel: 5 } as const;

export function summarize(snapshot: RemoteSnapshot): ListedSnapshot {
  const { id, pushedAt, nodeId, manifest, dataBytes, packedBytes } = snapshot;
  const { name, labels } = manifest.config;
  const compressed = deflateRawSync(encodeManifest(manifest), deflating);
  return {
    ...{ id, nodeId, dataBytes, packedBytes, name, labels, digest: manifest.digest },
    pushedAtMs: pushedAt.getTime(),
    localId: manifest.id,
    // A copy, because the output of zlib is a part of a larger buffer.
    packed: Uint8Array.from(compressed),
  };
}

export function describeListed(listed: ListedSnapshot): RemoteSnapshot {
  const { id, nodeId, dataBytes, packedBytes, pushedAtMs, packed } = listed;
  const manifest = decodeManifest(inflateRawSync(packed, { dictionary, windowBits: 13 }), id);
  return { id, nodeId, dataBytes, packedBytes, manifest, pushedAt: new Date(pushedAtMs) };
}
