// Provides the defaults of the daemon for parts of it that tests start alone.
import { defaultConfig, serverLimitsOf, storeOptionsOf } from "../../src/daemon/configured.js";
import type { StoreOptions } from "../../src/store/store.js";
import { fixedGrpcLimits, type GrpcLimits } from "../../src/transport/grpc-limits.js";

const config = defaultConfig();

export const storeDefaults: StoreOptions = storeOptionsOf(config);

export const grpcLimits: GrpcLimits = { ...fixedGrpcLimits, ...serverLimitsOf(config) };

export const serverDefaults = { limits: grpcLimits, accessLog: config.accessLog };
