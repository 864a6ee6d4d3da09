package stasis.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Removes leftovers and evicts snapshots by policy. It also offers the daemon's part of a
 * collection that an external orchestrator drives over several modules (images, VMs, networks,
 * snapshots).
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class GcServiceGrpc {

  private GcServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stasis.v1.GcService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<stasis.v1.CollectGarbageRequest,
      stasis.v1.CollectGarbageResponse> getCollectGarbageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CollectGarbage",
      requestType = stasis.v1.CollectGarbageRequest.class,
      responseType = stasis.v1.CollectGarbageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.CollectGarbageRequest,
      stasis.v1.CollectGarbageResponse> getCollectGarbageMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CollectGarbageRequest, stasis.v1.CollectGarbageResponse> getCollectGarbageMethod;
    if ((getCollectGarbageMethod = GcServiceGrpc.getCollectGarbageMethod) == null) {
      synchronized (GcServiceGrpc.class) {
        if ((getCollectGarbageMethod = GcServiceGrpc.getCollectGarbageMethod) == null) {
          GcServiceGrpc.getCollectGarbageMethod = getCollectGarbageMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CollectGarbageRequest, stasis.v1.CollectGarbageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CollectGarbage"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CollectGarbageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CollectGarbageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GcServiceMethodDescriptorSupplier("CollectGarbage"))
              .build();
        }
      }
    }
    return getCollectGarbageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.BeginGcRequest,
      stasis.v1.BeginGcResponse> getBeginGcMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "BeginGc",
      requestType = stasis.v1.BeginGcRequest.class,
      responseType = stasis.v1.BeginGcResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.BeginGcRequest,
      stasis.v1.BeginGcResponse> getBeginGcMethod() {
    io.grpc.MethodDescriptor<stasis.v1.BeginGcRequest, stasis.v1.BeginGcResponse> getBeginGcMethod;
    if ((getBeginGcMethod = GcServiceGrpc.getBeginGcMethod) == null) {
      synchronized (GcServiceGrpc.class) {
        if ((getBeginGcMethod = GcServiceGrpc.getBeginGcMethod) == null) {
          GcServiceGrpc.getBeginGcMethod = getBeginGcMethod =
              io.grpc.MethodDescriptor.<stasis.v1.BeginGcRequest, stasis.v1.BeginGcResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "BeginGc"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.BeginGcRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.BeginGcResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GcServiceMethodDescriptorSupplier("BeginGc"))
              .build();
        }
      }
    }
    return getBeginGcMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ListGcReferencesRequest,
      stasis.v1.ListGcReferencesResponse> getListGcReferencesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListGcReferences",
      requestType = stasis.v1.ListGcReferencesRequest.class,
      responseType = stasis.v1.ListGcReferencesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ListGcReferencesRequest,
      stasis.v1.ListGcReferencesResponse> getListGcReferencesMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ListGcReferencesRequest, stasis.v1.ListGcReferencesResponse> getListGcReferencesMethod;
    if ((getListGcReferencesMethod = GcServiceGrpc.getListGcReferencesMethod) == null) {
      synchronized (GcServiceGrpc.class) {
        if ((getListGcReferencesMethod = GcServiceGrpc.getListGcReferencesMethod) == null) {
          GcServiceGrpc.getListGcReferencesMethod = getListGcReferencesMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ListGcReferencesRequest, stasis.v1.ListGcReferencesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListGcReferences"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListGcReferencesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListGcReferencesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GcServiceMethodDescriptorSupplier("ListGcReferences"))
              .build();
        }
      }
    }
    return getListGcReferencesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ListGcCandidatesRequest,
      stasis.v1.ListGcCandidatesResponse> getListGcCandidatesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListGcCandidates",
      requestType = stasis.v1.ListGcCandidatesRequest.class,
      responseType = stasis.v1.ListGcCandidatesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ListGcCandidatesRequest,
      stasis.v1.ListGcCandidatesResponse> getListGcCandidatesMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ListGcCandidatesRequest, stasis.v1.ListGcCandidatesResponse> getListGcCandidatesMethod;
    if ((getListGcCandidatesMethod = GcServiceGrpc.getListGcCandidatesMethod) == null) {
      synchronized (GcServiceGrpc.class) {
        if ((getListGcCandidatesMethod = GcServiceGrpc.getListGcCandidatesMethod) == null) {
          GcServiceGrpc.getListGcCandidatesMethod = getListGcCandidatesMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ListGcCandidatesRequest, stasis.v1.ListGcCandidatesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListGcCandidates"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListGcCandidatesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListGcCandidatesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GcServiceMethodDescriptorSupplier("ListGcCandidates"))
              .build();
        }
      }
    }
    return getListGcCandidatesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CollectGcRequest,
      stasis.v1.CollectGcResponse> getCollectGcMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CollectGc",
      requestType = stasis.v1.CollectGcRequest.class,
      responseType = stasis.v1.CollectGcResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.CollectGcRequest,
      stasis.v1.CollectGcResponse> getCollectGcMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CollectGcRequest, stasis.v1.CollectGcResponse> getCollectGcMethod;
    if ((getCollectGcMethod = GcServiceGrpc.getCollectGcMethod) == null) {
      synchronized (GcServiceGrpc.class) {
        if ((getCollectGcMethod = GcServiceGrpc.getCollectGcMethod) == null) {
          GcServiceGrpc.getCollectGcMethod = getCollectGcMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CollectGcRequest, stasis.v1.CollectGcResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CollectGc"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CollectGcRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CollectGcResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GcServiceMethodDescriptorSupplier("CollectGc"))
              .build();
        }
      }
    }
    return getCollectGcMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.RenewGcRequest,
      stasis.v1.RenewGcResponse> getRenewGcMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RenewGc",
      requestType = stasis.v1.RenewGcRequest.class,
      responseType = stasis.v1.RenewGcResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.RenewGcRequest,
      stasis.v1.RenewGcResponse> getRenewGcMethod() {
    io.grpc.MethodDescriptor<stasis.v1.RenewGcRequest, stasis.v1.RenewGcResponse> getRenewGcMethod;
    if ((getRenewGcMethod = GcServiceGrpc.getRenewGcMethod) == null) {
      synchronized (GcServiceGrpc.class) {
        if ((getRenewGcMethod = GcServiceGrpc.getRenewGcMethod) == null) {
          GcServiceGrpc.getRenewGcMethod = getRenewGcMethod =
              io.grpc.MethodDescriptor.<stasis.v1.RenewGcRequest, stasis.v1.RenewGcResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RenewGc"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.RenewGcRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.RenewGcResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GcServiceMethodDescriptorSupplier("RenewGc"))
              .build();
        }
      }
    }
    return getRenewGcMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.EndGcRequest,
      stasis.v1.EndGcResponse> getEndGcMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "EndGc",
      requestType = stasis.v1.EndGcRequest.class,
      responseType = stasis.v1.EndGcResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.EndGcRequest,
      stasis.v1.EndGcResponse> getEndGcMethod() {
    io.grpc.MethodDescriptor<stasis.v1.EndGcRequest, stasis.v1.EndGcResponse> getEndGcMethod;
    if ((getEndGcMethod = GcServiceGrpc.getEndGcMethod) == null) {
      synchronized (GcServiceGrpc.class) {
        if ((getEndGcMethod = GcServiceGrpc.getEndGcMethod) == null) {
          GcServiceGrpc.getEndGcMethod = getEndGcMethod =
              io.grpc.MethodDescriptor.<stasis.v1.EndGcRequest, stasis.v1.EndGcResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "EndGc"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.EndGcRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.EndGcResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GcServiceMethodDescriptorSupplier("EndGc"))
              .build();
        }
      }
    }
    return getEndGcMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static GcServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GcServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GcServiceStub>() {
        @java.lang.Override
        public GcServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GcServiceStub(channel, callOptions);
        }
      };
    return GcServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static GcServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GcServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GcServiceBlockingV2Stub>() {
        @java.lang.Override
        public GcServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GcServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return GcServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static GcServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GcServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GcServiceBlockingStub>() {
        @java.lang.Override
        public GcServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GcServiceBlockingStub(channel, callOptions);
        }
      };
    return GcServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static GcServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GcServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GcServiceFutureStub>() {
        @java.lang.Override
        public GcServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GcServiceFutureStub(channel, callOptions);
        }
      };
    return GcServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Removes leftovers and evicts snapshots by policy. It also offers the daemon's part of a
   * collection that an external orchestrator drives over several modules (images, VMs, networks,
   * snapshots).
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Plans by policy, removes, and returns a row for each candidate, in one call. The daemon checks
     * each candidate again under its exclusive lease before it removes it. A candidate that was used
     * since, or is no longer a leftover, is kept.
     * The answer has no pages. A row takes about 50 bytes and the name. To collect tens of thousands
     * of snapshots at once, raise the client's limit of 4 MiB per message, or open a session.
     * Raises FIELD_INVALID, GC_LOCK_BUSY, CLOCK_SUSPECT.
     * </pre>
     */
    default void collectGarbage(stasis.v1.CollectGarbageRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CollectGarbageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCollectGarbageMethod(), responseObserver);
    }

    /**
     * <pre>
     * Opens a GC session. The call never waits: if another session is open, it answers GC_LOCK_BUSY.
     * While a session is open nothing new is published, so no new blob is pinned.
     * Raises FIELD_INVALID, GC_LOCK_BUSY.
     * </pre>
     */
    default void beginGc(stasis.v1.BeginGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.BeginGcResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBeginGcMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists, page by page, every image blob that a ready or pending snapshot pins.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    default void listGcReferences(stasis.v1.ListGcReferencesRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListGcReferencesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListGcReferencesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists, page by page, the candidates that this module would collect under the policy.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED,
     * CLOCK_SUSPECT.
     * </pre>
     */
    default void listGcCandidates(stasis.v1.ListGcCandidatesRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListGcCandidatesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListGcCandidatesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Removes the named candidates. A repeated request_id returns the first outcome.
     * Raises FIELD_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED, GC_REFERENCES_INCOMPLETE,
     * REQUEST_ID_REUSED.
     * </pre>
     */
    default void collectGc(stasis.v1.CollectGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CollectGcResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCollectGcMethod(), responseObserver);
    }

    /**
     * <pre>
     * Extends the session by its time to live from now.
     * Raises GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    default void renewGc(stasis.v1.RenewGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.RenewGcResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRenewGcMethod(), responseObserver);
    }

    /**
     * <pre>
     * Closes the session. Closing a closed or expired session is not an error.
     * Raises GC_SESSION_NOT_FOUND.
     * </pre>
     */
    default void endGc(stasis.v1.EndGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.EndGcResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getEndGcMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service GcService.
   * <pre>
   * Removes leftovers and evicts snapshots by policy. It also offers the daemon's part of a
   * collection that an external orchestrator drives over several modules (images, VMs, networks,
   * snapshots).
   * </pre>
   */
  public static abstract class GcServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return GcServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service GcService.
   * <pre>
   * Removes leftovers and evicts snapshots by policy. It also offers the daemon's part of a
   * collection that an external orchestrator drives over several modules (images, VMs, networks,
   * snapshots).
   * </pre>
   */
  public static final class GcServiceStub
      extends io.grpc.stub.AbstractAsyncStub<GcServiceStub> {
    private GcServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GcServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GcServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Plans by policy, removes, and returns a row for each candidate, in one call. The daemon checks
     * each candidate again under its exclusive lease before it removes it. A candidate that was used
     * since, or is no longer a leftover, is kept.
     * The answer has no pages. A row takes about 50 bytes and the name. To collect tens of thousands
     * of snapshots at once, raise the client's limit of 4 MiB per message, or open a session.
     * Raises FIELD_INVALID, GC_LOCK_BUSY, CLOCK_SUSPECT.
     * </pre>
     */
    public void collectGarbage(stasis.v1.CollectGarbageRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CollectGarbageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCollectGarbageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Opens a GC session. The call never waits: if another session is open, it answers GC_LOCK_BUSY.
     * While a session is open nothing new is published, so no new blob is pinned.
     * Raises FIELD_INVALID, GC_LOCK_BUSY.
     * </pre>
     */
    public void beginGc(stasis.v1.BeginGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.BeginGcResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getBeginGcMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists, page by page, every image blob that a ready or pending snapshot pins.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public void listGcReferences(stasis.v1.ListGcReferencesRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListGcReferencesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListGcReferencesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists, page by page, the candidates that this module would collect under the policy.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED,
     * CLOCK_SUSPECT.
     * </pre>
     */
    public void listGcCandidates(stasis.v1.ListGcCandidatesRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListGcCandidatesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListGcCandidatesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Removes the named candidates. A repeated request_id returns the first outcome.
     * Raises FIELD_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED, GC_REFERENCES_INCOMPLETE,
     * REQUEST_ID_REUSED.
     * </pre>
     */
    public void collectGc(stasis.v1.CollectGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CollectGcResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCollectGcMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Extends the session by its time to live from now.
     * Raises GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public void renewGc(stasis.v1.RenewGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.RenewGcResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRenewGcMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Closes the session. Closing a closed or expired session is not an error.
     * Raises GC_SESSION_NOT_FOUND.
     * </pre>
     */
    public void endGc(stasis.v1.EndGcRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.EndGcResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getEndGcMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service GcService.
   * <pre>
   * Removes leftovers and evicts snapshots by policy. It also offers the daemon's part of a
   * collection that an external orchestrator drives over several modules (images, VMs, networks,
   * snapshots).
   * </pre>
   */
  public static final class GcServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<GcServiceBlockingV2Stub> {
    private GcServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GcServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GcServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Plans by policy, removes, and returns a row for each candidate, in one call. The daemon checks
     * each candidate again under its exclusive lease before it removes it. A candidate that was used
     * since, or is no longer a leftover, is kept.
     * The answer has no pages. A row takes about 50 bytes and the name. To collect tens of thousands
     * of snapshots at once, raise the client's limit of 4 MiB per message, or open a session.
     * Raises FIELD_INVALID, GC_LOCK_BUSY, CLOCK_SUSPECT.
     * </pre>
     */
    public stasis.v1.CollectGarbageResponse collectGarbage(stasis.v1.CollectGarbageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCollectGarbageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Opens a GC session. The call never waits: if another session is open, it answers GC_LOCK_BUSY.
     * While a session is open nothing new is published, so no new blob is pinned.
     * Raises FIELD_INVALID, GC_LOCK_BUSY.
     * </pre>
     */
    public stasis.v1.BeginGcResponse beginGc(stasis.v1.BeginGcRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getBeginGcMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists, page by page, every image blob that a ready or pending snapshot pins.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public stasis.v1.ListGcReferencesResponse listGcReferences(stasis.v1.ListGcReferencesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListGcReferencesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists, page by page, the candidates that this module would collect under the policy.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED,
     * CLOCK_SUSPECT.
     * </pre>
     */
    public stasis.v1.ListGcCandidatesResponse listGcCandidates(stasis.v1.ListGcCandidatesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListGcCandidatesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes the named candidates. A repeated request_id returns the first outcome.
     * Raises FIELD_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED, GC_REFERENCES_INCOMPLETE,
     * REQUEST_ID_REUSED.
     * </pre>
     */
    public stasis.v1.CollectGcResponse collectGc(stasis.v1.CollectGcRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCollectGcMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Extends the session by its time to live from now.
     * Raises GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public stasis.v1.RenewGcResponse renewGc(stasis.v1.RenewGcRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRenewGcMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Closes the session. Closing a closed or expired session is not an error.
     * Raises GC_SESSION_NOT_FOUND.
     * </pre>
     */
    public stasis.v1.EndGcResponse endGc(stasis.v1.EndGcRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getEndGcMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service GcService.
   * <pre>
   * Removes leftovers and evicts snapshots by policy. It also offers the daemon's part of a
   * collection that an external orchestrator drives over several modules (images, VMs, networks,
   * snapshots).
   * </pre>
   */
  public static final class GcServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<GcServiceBlockingStub> {
    private GcServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GcServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GcServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Plans by policy, removes, and returns a row for each candidate, in one call. The daemon checks
     * each candidate again under its exclusive lease before it removes it. A candidate that was used
     * since, or is no longer a leftover, is kept.
     * The answer has no pages. A row takes about 50 bytes and the name. To collect tens of thousands
     * of snapshots at once, raise the client's limit of 4 MiB per message, or open a session.
     * Raises FIELD_INVALID, GC_LOCK_BUSY, CLOCK_SUSPECT.
     * </pre>
     */
    public stasis.v1.CollectGarbageResponse collectGarbage(stasis.v1.CollectGarbageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCollectGarbageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Opens a GC session. The call never waits: if another session is open, it answers GC_LOCK_BUSY.
     * While a session is open nothing new is published, so no new blob is pinned.
     * Raises FIELD_INVALID, GC_LOCK_BUSY.
     * </pre>
     */
    public stasis.v1.BeginGcResponse beginGc(stasis.v1.BeginGcRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getBeginGcMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists, page by page, every image blob that a ready or pending snapshot pins.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public stasis.v1.ListGcReferencesResponse listGcReferences(stasis.v1.ListGcReferencesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListGcReferencesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists, page by page, the candidates that this module would collect under the policy.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED,
     * CLOCK_SUSPECT.
     * </pre>
     */
    public stasis.v1.ListGcCandidatesResponse listGcCandidates(stasis.v1.ListGcCandidatesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListGcCandidatesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes the named candidates. A repeated request_id returns the first outcome.
     * Raises FIELD_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED, GC_REFERENCES_INCOMPLETE,
     * REQUEST_ID_REUSED.
     * </pre>
     */
    public stasis.v1.CollectGcResponse collectGc(stasis.v1.CollectGcRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCollectGcMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Extends the session by its time to live from now.
     * Raises GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public stasis.v1.RenewGcResponse renewGc(stasis.v1.RenewGcRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRenewGcMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Closes the session. Closing a closed or expired session is not an error.
     * Raises GC_SESSION_NOT_FOUND.
     * </pre>
     */
    public stasis.v1.EndGcResponse endGc(stasis.v1.EndGcRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getEndGcMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service GcService.
   * <pre>
   * Removes leftovers and evicts snapshots by policy. It also offers the daemon's part of a
   * collection that an external orchestrator drives over several modules (images, VMs, networks,
   * snapshots).
   * </pre>
   */
  public static final class GcServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<GcServiceFutureStub> {
    private GcServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GcServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GcServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Plans by policy, removes, and returns a row for each candidate, in one call. The daemon checks
     * each candidate again under its exclusive lease before it removes it. A candidate that was used
     * since, or is no longer a leftover, is kept.
     * The answer has no pages. A row takes about 50 bytes and the name. To collect tens of thousands
     * of snapshots at once, raise the client's limit of 4 MiB per message, or open a session.
     * Raises FIELD_INVALID, GC_LOCK_BUSY, CLOCK_SUSPECT.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.CollectGarbageResponse> collectGarbage(
        stasis.v1.CollectGarbageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCollectGarbageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Opens a GC session. The call never waits: if another session is open, it answers GC_LOCK_BUSY.
     * While a session is open nothing new is published, so no new blob is pinned.
     * Raises FIELD_INVALID, GC_LOCK_BUSY.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.BeginGcResponse> beginGc(
        stasis.v1.BeginGcRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getBeginGcMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists, page by page, every image blob that a ready or pending snapshot pins.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ListGcReferencesResponse> listGcReferences(
        stasis.v1.ListGcReferencesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListGcReferencesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists, page by page, the candidates that this module would collect under the policy.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED,
     * CLOCK_SUSPECT.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ListGcCandidatesResponse> listGcCandidates(
        stasis.v1.ListGcCandidatesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListGcCandidatesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Removes the named candidates. A repeated request_id returns the first outcome.
     * Raises FIELD_INVALID, GC_SESSION_NOT_FOUND, GC_SESSION_FENCED, GC_REFERENCES_INCOMPLETE,
     * REQUEST_ID_REUSED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.CollectGcResponse> collectGc(
        stasis.v1.CollectGcRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCollectGcMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Extends the session by its time to live from now.
     * Raises GC_SESSION_NOT_FOUND, GC_SESSION_FENCED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.RenewGcResponse> renewGc(
        stasis.v1.RenewGcRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRenewGcMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Closes the session. Closing a closed or expired session is not an error.
     * Raises GC_SESSION_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.EndGcResponse> endGc(
        stasis.v1.EndGcRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getEndGcMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_COLLECT_GARBAGE = 0;
  private static final int METHODID_BEGIN_GC = 1;
  private static final int METHODID_LIST_GC_REFERENCES = 2;
  private static final int METHODID_LIST_GC_CANDIDATES = 3;
  private static final int METHODID_COLLECT_GC = 4;
  private static final int METHODID_RENEW_GC = 5;
  private static final int METHODID_END_GC = 6;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_COLLECT_GARBAGE:
          serviceImpl.collectGarbage((stasis.v1.CollectGarbageRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CollectGarbageResponse>) responseObserver);
          break;
        case METHODID_BEGIN_GC:
          serviceImpl.beginGc((stasis.v1.BeginGcRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.BeginGcResponse>) responseObserver);
          break;
        case METHODID_LIST_GC_REFERENCES:
          serviceImpl.listGcReferences((stasis.v1.ListGcReferencesRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ListGcReferencesResponse>) responseObserver);
          break;
        case METHODID_LIST_GC_CANDIDATES:
          serviceImpl.listGcCandidates((stasis.v1.ListGcCandidatesRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ListGcCandidatesResponse>) responseObserver);
          break;
        case METHODID_COLLECT_GC:
          serviceImpl.collectGc((stasis.v1.CollectGcRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CollectGcResponse>) responseObserver);
          break;
        case METHODID_RENEW_GC:
          serviceImpl.renewGc((stasis.v1.RenewGcRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.RenewGcResponse>) responseObserver);
          break;
        case METHODID_END_GC:
          serviceImpl.endGc((stasis.v1.EndGcRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.EndGcResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCollectGarbageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.CollectGarbageRequest,
              stasis.v1.CollectGarbageResponse>(
                service, METHODID_COLLECT_GARBAGE)))
        .addMethod(
          getBeginGcMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.BeginGcRequest,
              stasis.v1.BeginGcResponse>(
                service, METHODID_BEGIN_GC)))
        .addMethod(
          getListGcReferencesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ListGcReferencesRequest,
              stasis.v1.ListGcReferencesResponse>(
                service, METHODID_LIST_GC_REFERENCES)))
        .addMethod(
          getListGcCandidatesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ListGcCandidatesRequest,
              stasis.v1.ListGcCandidatesResponse>(
                service, METHODID_LIST_GC_CANDIDATES)))
        .addMethod(
          getCollectGcMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.CollectGcRequest,
              stasis.v1.CollectGcResponse>(
                service, METHODID_COLLECT_GC)))
        .addMethod(
          getRenewGcMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.RenewGcRequest,
              stasis.v1.RenewGcResponse>(
                service, METHODID_RENEW_GC)))
        .addMethod(
          getEndGcMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.EndGcRequest,
              stasis.v1.EndGcResponse>(
                service, METHODID_END_GC)))
        .build();
  }

  private static abstract class GcServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    GcServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return stasis.v1.GcServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("GcService");
    }
  }

  private static final class GcServiceFileDescriptorSupplier
      extends GcServiceBaseDescriptorSupplier {
    GcServiceFileDescriptorSupplier() {}
  }

  private static final class GcServiceMethodDescriptorSupplier
      extends GcServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    GcServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (GcServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new GcServiceFileDescriptorSupplier())
              .addMethod(getCollectGarbageMethod())
              .addMethod(getBeginGcMethod())
              .addMethod(getListGcReferencesMethod())
              .addMethod(getListGcCandidatesMethod())
              .addMethod(getCollectGcMethod())
              .addMethod(getRenewGcMethod())
              .addMethod(getEndGcMethod())
              .build();
        }
      }
    }
    return result;
  }
}
