// Compares data files by the bytes of their names, as SQLite and memcmp do.

export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}
