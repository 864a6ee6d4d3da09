// Names where a gRPC status carries the details of an error.

/** `domain` of every google.rpc.ErrorInfo that stasis sends. */
export const errorDomain = "stasis.v1";
/** The key of the trailer with the encoded google.rpc.Status. */
export const detailsKey = "grpc-status-details-bin";
