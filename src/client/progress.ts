// Counts the progress of a transfer of files.

export interface TransferProgress {
  /** Bytes of data, without holes, that have been read or written. */
  readonly doneBytes: number;
  /** Bytes of data in all files. */
  readonly totalBytes: number;
}

export type ProgressListener = (progress: TransferProgress) => void;

export interface ProgressCounter {
  add(bytes: number): void;
  /** Reports completion, even if the total was an estimate. */
  finish(): void;
}

/** Counts up to `totalBytes`, which may be an estimate. The reported value never exceeds it. */
export function countProgress(
  totalBytes: number,
  listener: ProgressListener | undefined,
): ProgressCounter {
  let doneBytes = 0;
  const report = (): void => listener?.({ doneBytes, totalBytes });
  report();
  return {
    add(bytes) {
      doneBytes = Math.min(doneBytes + bytes, totalBytes);
      report();
    },
    finish() {
      doneBytes = totalBytes;
      report();
    },
  };
}
