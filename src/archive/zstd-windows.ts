// Memory for the windows of zstd decoders: a few bytes of a hostile archive can ask for 128 MiB,
// which is the most that decoders grant. What is common stays free; what is above it is shared by
// all.
import { StoreError } from "../base/errors.js";

/** What decoders should grant (RFC 8878, 3.1.1.1.2), and as much as zstd -19 asks for. */
export const freeWindowBytes = 8 * 1024 * 1024;
/** Decoders refuse larger ones (`ZSTD_WINDOWLOG_LIMIT_DEFAULT`). */
const maxWindowBytes = 128 * 1024 * 1024;
/** Of all decoders together. */
export const sharedWindowBytes = 512 * 1024 * 1024;

/** Of one decoder, which keeps its largest window until it is disposed. */
export interface ZstdWindow extends Disposable {
  /** Throws TOO_MANY_STREAMS. */
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
    `zstd archives with windows above ${freeWindowBytes} bytes already take what they may: ${sharedWindowBytes} bytes`,
    {
      hint: "Retry when others have ended, or compress with a smaller window: zstd without --long or --ultra",
      metadata: { limit: "zstd_windows", max: String(sharedWindowBytes) },
      retryAfterMs: 1000,
    },
  );
}
