// Defines the configuration of the paused VM, as its orchestrator supplied it. The names of its
// fields follow `types.SnapshotConfig` of cocoon; the archive codec knows their JSON keys.
import type { HostFacts } from "./host-facts.js";

export interface SnapshotConfig {
  /** The id, which the daemon assigns and never reuses. */
  readonly id: string;
  /** Either empty or a name as `name.ts` defines it. */
  readonly name: string;
  readonly description: string;
  readonly image: string;
  readonly imageDigest: string;
  readonly imageType: string;
  /** Ids of image blobs that this snapshot pins, sorted and without duplicates. */
  readonly imageBlobIds: readonly string[];
  readonly hypervisor: string;
  readonly cpu: number;
  readonly memoryBytes: number;
  /** Logical size of the VM's disk `cow.raw`; 0 if it is unknown. */
  readonly storageBytes: number;
  readonly nics: number;
  readonly queueSize: number;
  readonly diskQueueSize: number;
  readonly network: string;
  readonly noDirectIo: boolean;
  readonly windows: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /**
   * The orchestrator's own data: a JSON object as text with sorted keys, as `extraText` returns it.
   * Undefined if the orchestrator supplied no data.
   */
  readonly extra?: string | undefined;
  /** The machine on which the VM was paused. Undefined if no fact is known. */
  readonly host?: HostFacts | undefined;
  /** Keys of an imported envelope that stasis does not know. Export writes them back. */
  readonly unknown: UnknownKeys;
}

/** The JSON text of each unknown key. It stays text so that no number loses a digit. */
interface UnknownKeys {
  readonly envelope: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, string>>;
}

export const noUnknownKeys: UnknownKeys = { envelope: {}, config: {} };

export function emptyConfig(): SnapshotConfig {
  return {
    id: "",
    name: "",
    description: "",
    image: "",
    imageDigest: "",
    imageType: "",
    imageBlobIds: [],
    hypervisor: "",
    cpu: 0,
    memoryBytes: 0,
    storageBytes: 0,
    nics: 0,
    queueSize: 0,
    diskQueueSize: 0,
    network: "",
    noDirectIo: false,
    windows: false,
    labels: {},
    unknown: noUnknownKeys,
  };
}
