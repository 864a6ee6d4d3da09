// Accounts for the window memory of zstd decoders. A few bytes of a hostile archive can request 128
// MiB, the maximum that decoders accept. Windows of a common size do not count. Larger windows
// share one quota.
import { formatBytes } from "../base/sizes.js";
import { StoreError } from "../base/errors.js";

/**
 * The size that every decoder should accept (RFC 8878, 3.1.1.1.2). `zstd -19` requests a window of
 * this size.
 */
const freeWindowBytes = 8 * 1024 * 1024;
/** Largest window that decoders accept (`ZSTD_WINDOWLOG_LIMIT_DEFAULT`). */
const maxWindowBytes = 128 * 1024 * 1024;
/** Quota of all decoders together, in bytes. */
const sharedWindowBytes = 512 * 1024 * 1024;

/**
 * The share of one decoder. A decoder keeps the share of its largest window until the share is
 * disposed of.
 */
interface ZstdWindow extends Disposable {
  /** Raises the share to at least `bytes`. Throws TOO_MANY_STREAMS if the quota is used up. */
  grow(bytes: number): void;
}

let taken = 0;

export function openZstdWindow(): ZstdWindow {
  let own = 0;
  return {
    grow(bytes) {
      if (bytes <= freeWindowBytes || bytes <= own || bytes > maxWindowBytes) return;
      if (taken - own + bytes > sharedWindowBytes) throw tooMany();
      taken += bytes - own;
      own = bytes;
    },
    [Symbol.dispose]() {
      taken -= own;
      own = 0;
    },
  };
}

function tooMany(): StoreError {
  return new StoreError(
    "TOO_MANY_STREAMS",
    `zstd archives with windows above ${formatBytes(freeWindowBytes)} already take what they may: ${formatBytes(sharedWindowBytes)}`,
    {
      hint: "Retry when others have ended, or compress with a smaller window: zstd without --long or --ultra",
      metadata: { limit: "zstd_windows", max: String(sharedWindowBytes) },
      retryAfterMs: 1000,
    },
  );
}
