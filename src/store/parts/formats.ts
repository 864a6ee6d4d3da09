// Lists the versions of the formats that this program reads and writes in a store. docs/formats.md
// has the table.
import { newestSchema } from "../../catalog/migrations.js";
import { blockTableVersions } from "../../files/block-table-codec.js";
import { manifestVersion } from "../../files/manifest.js";
import { storeFormat } from "../../files/store-format.js";

export interface StoreFormats {
  readonly store: number;
  readonly catalog: number;
  readonly manifest: number;
  /** Versions that this program reads, in ascending order. It writes the last one. */
  readonly blockTables: number[];
}

export const formats: StoreFormats = {
  store: storeFormat,
  catalog: newestSchema,
  manifest: manifestVersion,
  blockTables: blockTableVersions,
};
