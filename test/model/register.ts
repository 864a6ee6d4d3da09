// Models one value that several clients write and read concurrently. Computes which values a reader
// may see.

interface Write<V> {
  readonly value: V;
  readonly beginsAt: number;
  readonly endsAt: number;
  /** True if the write may not have happened. */
  readonly maybe: boolean;
}

export interface Register<V> {
  write(value: V, beginsAt: number, endsAt: number): void;
  /**
   * Records a write that may not have happened. If it happened, it did so before the end of the
   * round.
   */
  writeMaybe(value: V, beginsAt: number): void;
  /**
   * Returns whether a read in this interval may see the value. A write of the value must have
   * begun, and no other write may lie completely between that write and the read.
   */
  allows(value: V, beginsAt: number, endsAt: number): boolean;
  /** Returns each value that was ever written. */
  values(): V[];
}

export function createRegister<V>(initial: V): Register<V> {
  const writes: Write<V>[] = [{ value: initial, beginsAt: -1, endsAt: -1, maybe: false }];
  return {
    write: (value, beginsAt, endsAt) => void writes.push({ value, beginsAt, endsAt, maybe: false }),
    writeMaybe: (value, beginsAt) =>
      void writes.push({ value, beginsAt, endsAt: Infinity, maybe: true }),
    allows: (value, beginsAt, endsAt) => {
      // This is the latest start of a write that ended before the read. It overwrote all earlier
      // writes.
      let latest = -Infinity;
      for (const write of writes) {
        if (!write.maybe && write.endsAt < beginsAt) latest = Math.max(latest, write.beginsAt);
      }
      return writes.some(
        (write) => write.value === value && write.beginsAt < endsAt && write.endsAt >= latest,
      );
    },
    values: () => [...new Set(writes.map(({ value }) => value))],
  };
}
