// Defines the port of recovery and repair. They may publish, remove, and write records without a
// caller's upload.
import type { Catalog } from "../../catalog/open.js";
import type { Marker } from "../parts/ports.js";
import type { Remover } from "../remove/remover.js";
import type { Publisher } from "../write/publisher.js";

export interface Healer extends Publisher, Remover, Marker {
  readonly catalog: Catalog;
}
