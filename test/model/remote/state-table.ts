// Implements a set of rows of integers, which stores with each row the row from which it was
// reached.
//
// A row of w numbers takes 4w + 4 bytes, and 8 to 16 bytes more in the hash table. Full arrays
// double their size.

export class StateTable {
  count = 0;
  readonly #width: number;
  #rows: Int32Array;
  #parents: Int32Array;
  /**
   * The numbers of the rows plus one, by hash. 0 marks a free place. At most half of the places are
   * used.
   */
  #places = new Int32Array(1 << 12);

  constructor(width: number) {
    this.#width = width;
    this.#rows = new Int32Array(width << 10);
    this.#parents = new Int32Array(1 << 10);
  }

  /** Adds the row. Returns its number, or undefined if the table already contains the row. */
  enter(row: Int32Array, parent: number): number | undefined {
    if (2 * (this.count + 1) > this.#places.length) this.#rehash();
    const place = this.#find(row);
    if (this.#places[place] !== 0) return undefined;
    if (this.count === this.#parents.length) this.#grow();
    this.#rows.set(row, this.count * this.#width);
    this.#parents[this.count] = parent;
    this.count += 1;
    this.#places[place] = this.count;
    return this.count - 1;
  }

  read(number: number, into: Int32Array): Int32Array {
    const start = number * this.#width;
    for (let at = 0; at < this.#width; at += 1) into[at] = this.#rows[start + at] as number;
    return into;
  }

  parent(number: number): number {
    return this.#parents[number] as number;
  }

  /** Returns the place of this row, or the free place where it belongs. */
  #find(row: Int32Array): number {
    const mask = this.#places.length - 1;
    let place = hashOf(row) & mask;
    for (;;) {
      const found = this.#places[place] as number;
      if (found === 0 || this.#equals(found - 1, row)) return place;
      place = (place + 1) & mask;
    }
  }

  #equals(number: number, row: Int32Array): boolean {
    const start = number * this.#width;
    for (let at = 0; at < this.#width; at += 1) {
      if (this.#rows[start + at] !== row[at]) return false;
    }
    return true;
  }

  #grow(): void {
    const rows = new Int32Array(2 * this.#rows.length);
    rows.set(this.#rows);
    this.#rows = rows;
    const parents = new Int32Array(2 * this.#parents.length);
    parents.set(this.#parents);
    this.#parents = parents;
  }

  #rehash(): void {
    this.#places = new Int32Array(2 * this.#places.length);
    const row = new Int32Array(this.#width);
    for (let number = 0; number < this.count; number += 1) {
      this.#places[this.#find(this.read(number, row))] = number + 1;
    }
  }
}

/** Mixes 32-bit words as MurmurHash3 does (Appleby, public domain). */
function hashOf(row: Int32Array): number {
  let hash = row.length;
  for (let at = 0; at < row.length; at += 1) {
    let word = Math.imul(row[at] as number, 0xcc9e2d51);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
