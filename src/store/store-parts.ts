// Everything that the rooms of the store are given, composed once by openStore().
import type { Watching } from "./parts/ports.js";
import type { Healer } from "./heal/healer.js";

export interface StoreParts extends Healer, Watching {}
