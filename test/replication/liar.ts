// Runs a peer whose answers a test can change: a real daemon's answers, modified in transit.
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TestContext } from "node:test";
import { createLogger } from "../../src/base/logger.js";
import { createGrpcServer } from "../../src/transport/server.js";
import { bindService } from "../../src/transport/handler.js";
import {
  ReplicationService,
  type GetManifestRequest,
  type GetManifestResponse,
  type GetManifestResponseSchema,
  type ReadBlocksRequest,
  type ReadBlocksResponse,
  type ReadBlocksResponseSchema,
  type ReadTableRequest,
  type ReadTableResponse,
  type ReadTableResponseSchema,
} from "../../gen/ts/stasis/v1/replication_service_pb.js";
import type { Client } from "../../src/client/index.js";
import { grpcLimits, serverDefaults } from "../support/defaults.js";

type ManifestInit = MessageInitShape<typeof GetManifestResponseSchema>;
type TableInit = MessageInitShape<typeof ReadTableResponseSchema>;
type BlocksInit = MessageInitShape<typeof ReadBlocksResponseSchema>;

/** Changes answers. Each call without a change forwards the true answer. */
export interface Lies {
  /** If this is true, the peer behaves like one from before NONZERO_PAGES. */
  readonly old?: boolean;
  readonly manifest?: (
    truth: AsyncIterable<GetManifestResponse>,
    request: GetManifestRequest,
  ) => AsyncIterable<ManifestInit>;
  readonly table?: (
    truth: AsyncIterable<ReadTableResponse>,
    request: ReadTableRequest,
  ) => AsyncIterable<TableInit>;
  readonly blocks?: (
    truth: AsyncIterable<ReadBlocksResponse>,
    request: ReadBlocksRequest,
  ) => AsyncIterable<BlocksInit>;
}

/** Starts the peer and returns its address. */
export async function startLiar(t: TestContext, honest: Client, lies: Lies): Promise<string> {
  const server = createGrpcServer({
    ...serverDefaults,
    logger: createLogger("silent"),
    limits: { ...grpcLimits, maxMessageBytes: 16 * 1024 * 1024 },
    implementations: [
      bindService(ReplicationService, {
        getManifest: (request, { signal }) => {
          const { ref, digest, baseDigests, snapshotOnly } = request;
          const asked = { ref, digest, baseDigests, snapshotOnly };
          const { acceptTableVersions, tablesByRange } = request;
          const known =
            lies.old === true ? asked : { ...asked, acceptTableVersions, tablesByRange };
          const truth = honest.getManifest(known, { signal });
          return lies.manifest?.(truth, request) ?? truth;
        },
        readTable: (request, { signal }) => {
          const { snapshotId, file, offset, length } = request;
          const truth = honest.readTable({ snapshotId, file, offset, length }, { signal });
          return lies.table?.(truth, request) ?? truth;
        },
        readBlocks: (request, { signal }) => {
          const { snapshotId, file, ranges, baseDigest, acceptsNonzeroPages } = request;
          const asked = { snapshotId, file, ranges, baseDigest, acceptsNonzeroPages };
          const { acceptEncodings, acceptsPageBitmap } = request;
          const known =
            lies.old === true
              ? { ...asked, acceptsNonzeroPages: false }
              : { ...asked, acceptEncodings, acceptsPageBitmap };
          const truth = honest.readBlocks(known, { signal });
          return lies.blocks?.(truth, request) ?? truth;
        },
      }),
    ],
  });
  t.after(() => server.close());
  const listener = await server.listenTcp({ host: "127.0.0.1", port: 0 });
  return listener.address;
}
