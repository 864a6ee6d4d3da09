// Records the stored files that clones share as hard links, with their attributes before the first
// link. If the attributes of a file differ from the record, a program has changed the file through
// a link.
import type { CatalogContext } from "./context.js";
import { sql } from "./sql.js";

export interface LinkedFile {
  readonly name: string;
  /** Decimal text. If the stored file has another inode, stasis itself has replaced the file. */
  readonly inode: string;
  /** Nanoseconds since 1970, decimal text. */
  readonly mtimeNs: string;
  readonly uid: number;
}

export interface LinkedFiles {
  /** Returns the recorded files in the order of their names. */
  linkedFiles(id: string): LinkedFile[];
  /** Returns the ids of the snapshots, in any state, that have at least one linked file. */
  idsWithLinks(): string[];
  /** Replaces the record of the snapshot's linked files. The snapshot must exist. */
  setLinkedFiles(id: string, files: readonly LinkedFile[]): void;
}

interface Row {
  readonly name: string;
  readonly inode: string;
  readonly mtime_ns: string;
  readonly uid: number;
}

export function createLinkedFiles({ connection }: CatalogContext): LinkedFiles {
  return {
    linkedFiles: (id) =>
      connection
        .all<Row>(sql.linkedFiles, { id })
        .map(({ mtime_ns: mtimeNs, ...row }) => ({ ...row, mtimeNs })),
    idsWithLinks: () => connection.all<{ id: string }>(sql.idsWithLinks).map(({ id }) => id),
    setLinkedFiles: (id, files) => {
      connection.write("cannot record the links", () => {
        connection.run(sql.deleteLinkedFiles, { id });
        for (const { mtimeNs, ...file } of files) {
          connection.run(sql.insertLinkedFile, { id, ...file, mtime_ns: mtimeNs });
        }
      });
    },
  };
}
