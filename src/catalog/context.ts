// Defines the state that the parts of the catalog share.
import type { Clock } from "../base/clock.js";
import type { Accesses } from "./accesses.js";
import type { ChargeLog } from "./charges.js";
import type { Connection } from "./connection.js";
import type { EventLog } from "./event-log.js";
import type { StampingClock } from "./store-clock.js";

export interface CatalogContext {
  readonly connection: Connection;
  readonly accesses: Accesses;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly storeClock: StampingClock;
  readonly charges: ChargeLog;
}
