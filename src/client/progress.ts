// How far a transfer of files is.

export interface TransferProgress {
  /** Bytes of data, without holes, that have been read or written. */
  readonly doneBytes: number;
  /** Bytes of data in all files. */
  readonly totalBytes: number;
}

export type ProgressListener = (progress: TransferProgress) => void;

export interface ProgressCounter {
  add(bytes: number): void;
  /** Reports that all is done, also if the total was an estimate. */
  finish(): void;
}

/** Counts up to `totalBytes`, which may be an estimate: what is reported never passes it. */
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
