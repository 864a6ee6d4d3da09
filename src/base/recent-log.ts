// The newest lines of the log, in memory, so that a support bundle has them wherever stderr went.
// Its memory never exceeds `recentLogBytes`, whatever is logged.

/** Bytes of memory that the lines may take. Between half of them and all of them hold lines. */
export const recentLogBytes = 1024 * 1024;

export interface RecentLog {
  /** Keeps a line that ends with a newline. A line of more than half of the memory is left out. */
  add(line: string): void;
  /** The lines that are left, the oldest first. */
  text(): string;
}

/**
 * Lines go into one half of the memory. When it is full, the other half, with the oldest lines, is
 * used again. The system provides the memory when lines arrive.
 */
export function createRecentLog(bytes = recentLogBytes): RecentLog {
  const half = () => ({ memory: Buffer.allocUnsafeSlow(Math.floor(bytes / 2)), used: 0 });
  let [older, newer] = [half(), half()];
  return {
    add(line) {
      const length = Buffer.byteLength(line);
      if (length > newer.memory.length) return;
      if (newer.used + length > newer.memory.length) {
        [older, newer] = [newer, older];
        newer.used = 0;
      }
      newer.used += newer.memory.write(line, newer.used);
    },
    text: () => [older, newer].map(({ memory, used }) => memory.toString("utf8", 0, used)).join(""),
  };
}
