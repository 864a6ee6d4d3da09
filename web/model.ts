// Describes the JSON of /api/, as far as the page uses it. 64-bit integers are strings.

export interface Listed {
  readonly config: {
    readonly id: string;
    readonly name: string;
    readonly description: string;
    readonly image: string;
    readonly imageDigest: string;
    readonly hypervisor: string;
    readonly cpu: number;
    readonly memory: string;
    readonly labels: Readonly<Record<string, string>>;
    /** The facts that are known, by their names in JSON. */
    readonly host?: Readonly<Record<string, string>>;
    readonly extra?: object;
  };
  readonly createdAt: string;
  readonly lastAccessedAt: string;
  readonly sizeBytes: string;
  readonly allocatedBytes: string;
  readonly chargedBytes: string;
  readonly digest: string;
  readonly protected: boolean;
  /** The time in the format of RFC 3339. Missing if the snapshot does not expire. */
  readonly expireTime?: string;
  readonly corrupt: boolean;
  readonly dataDir: string;
  readonly files: readonly FileFacts[];
}

export interface FileFacts {
  readonly name: string;
  readonly sizeBytes: string;
  readonly allocatedBytes: string;
}

/** A snapshot that was deleted since the view was made keeps its place. */
export interface Gone {
  readonly gone: true;
  readonly id: string;
}

export type Row = Listed | Gone;

export interface Page {
  readonly view: string;
  readonly total: number;
  readonly truncated: boolean;
  readonly offset: number;
  readonly rows: readonly Row[];
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

export interface Lease extends Named {
  readonly streams: number;
  readonly directories: number;
  readonly background: number;
}

export interface Detail {
  readonly snapshot: Listed;
  readonly leases?: Lease;
  readonly sameData: readonly Named[];
  readonly sameImage: { readonly total: number; readonly snapshots: readonly Named[] };
}

export interface Strip {
  readonly name: string;
  readonly dataBytes: number;
  readonly cells: readonly number[];
  readonly sharedBytes?: number;
}

export interface Problem {
  readonly reason: string;
  readonly message: string;
  readonly since: string;
  readonly stopsReads: boolean;
}

export interface ScrubRun {
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly snapshots: string;
  readonly bytes: string;
  readonly damaged: string;
  readonly unreadable: string;
}

export interface Info {
  readonly info: {
    readonly version: string;
    readonly commit: string;
    readonly nodeId: string;
    readonly root: string;
    readonly startedAt: string;
    readonly usage?: {
      readonly snapshotCount: string;
      readonly sizeBytes: string;
      readonly allocatedBytes: string;
      readonly freeBytes: string;
      readonly chargedBytes: string;
      readonly heldBytes: string;
      readonly corruptCount: string;
    };
    readonly scrub?: {
      readonly interval: string;
      readonly last?: ScrubRun;
      readonly running?: ScrubRun;
    };
    readonly clock?: { readonly suspect: boolean };
    readonly problems: readonly Problem[];
    readonly limits: { readonly maxStoreBytes: string };
  };
  readonly identity: { readonly name: string; readonly role: string; readonly namePrefix: string };
  readonly failed: readonly string[];
  /** Present only for identities without a prefix. */
  readonly filesystemBytes?: number;
}

/**
 * Returns the bytes that other programs take of the store's filesystem. 0 if they are not known.
 */
export function othersBytes(info: Info | undefined): number {
  const { chargedBytes = 0, freeBytes = 0 } = info?.info.usage ?? {};
  return Math.max(0, (info?.filesystemBytes ?? 0) - Number(chargedBytes) - Number(freeBytes));
}

export interface Transfer {
  readonly digest: string;
  /** The peer or remote from which a pull comes, or to which a push goes. */
  readonly source: string;
  readonly ref: string;
  readonly direction?: "TRANSFER_DIRECTION_PULL" | "TRANSFER_DIRECTION_PUSH";
  readonly active: boolean;
  readonly startedAt: string;
  readonly progress?: {
    readonly totalBytes: string;
    readonly doneBytes: string;
    readonly sentBytes: string;
  };
}

export interface PullState {
  readonly source: string;
  readonly ref: string;
  /** Empty until the peer has described the snapshot. */
  readonly digest: string;
  readonly startedAt: string;
  readonly ended?: { readonly at: string; readonly outcome: string };
}

export interface Activity {
  readonly leases: readonly Lease[];
  readonly uploads: readonly (Named & { readonly kind: string; readonly startedAt: string })[];
  readonly transfers?: { readonly transfers: readonly Transfer[] };
  /** Present only for operators without a prefix, like `transfers`. */
  readonly pulls?: readonly PullState[];
  readonly activeCalls?: number;
}

export interface UsageSample {
  readonly at: number;
  readonly snapshots: number;
  readonly sizeBytes: number;
  readonly chargedBytes: number;
  readonly freeBytes: number;
  readonly filesystemBytes: number;
}

export interface Damage {
  readonly damaged: readonly Listed[];
  readonly damagedTotal: number;
  readonly lost: readonly Named[];
}

export interface Sum {
  readonly key: number;
  readonly count: number;
  readonly bytes: number;
}

export interface GcPlan {
  readonly plan: {
    readonly candidates: readonly {
      readonly id: string;
      readonly name: string;
      readonly bytes: string;
      readonly reasons: readonly string[];
      readonly outcome: string;
    }[];
    readonly freedBytes: string;
  };
  readonly total: number;
  readonly byReason: readonly Sum[];
  readonly byOutcome: readonly Sum[];
}

export interface WatchEvent {
  readonly type: string;
  readonly occurredAt: string;
  readonly previousName: string;
  readonly replacedBy: string;
  readonly removalReason: string;
  readonly snapshot?: Listed;
}
