// Lists the parts that the folders of the store receive. openStore() composes them once.
import type { Watching } from "./parts/ports.js";
import type { Healer } from "./heal/healer.js";

export interface StoreParts extends Healer, Watching {}
