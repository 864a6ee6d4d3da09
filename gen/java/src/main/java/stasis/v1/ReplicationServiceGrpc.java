package stasis.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Fetches snapshots from peers and sends snapshots to them. Only the blocks that the receiver lacks
 * travel. Peers call GetManifest, ReadTable and ReadBlocks. Pull and Push also work with remotes
 * (RemoteService).
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class ReplicationServiceGrpc {

  private ReplicationServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stasis.v1.ReplicationService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<stasis.v1.PullRequest,
      stasis.v1.PullResponse> getPullMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Pull",
      requestType = stasis.v1.PullRequest.class,
      responseType = stasis.v1.PullResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.PullRequest,
      stasis.v1.PullResponse> getPullMethod() {
    io.grpc.MethodDescriptor<stasis.v1.PullRequest, stasis.v1.PullResponse> getPullMethod;
    if ((getPullMethod = ReplicationServiceGrpc.getPullMethod) == null) {
      synchronized (ReplicationServiceGrpc.class) {
        if ((getPullMethod = ReplicationServiceGrpc.getPullMethod) == null) {
          ReplicationServiceGrpc.getPullMethod = getPullMethod =
              io.grpc.MethodDescriptor.<stasis.v1.PullRequest, stasis.v1.PullResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Pull"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.PullRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.PullResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReplicationServiceMethodDescriptorSupplier("Pull"))
              .build();
        }
      }
    }
    return getPullMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.PushRequest,
      stasis.v1.PushResponse> getPushMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Push",
      requestType = stasis.v1.PushRequest.class,
      responseType = stasis.v1.PushResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.PushRequest,
      stasis.v1.PushResponse> getPushMethod() {
    io.grpc.MethodDescriptor<stasis.v1.PushRequest, stasis.v1.PushResponse> getPushMethod;
    if ((getPushMethod = ReplicationServiceGrpc.getPushMethod) == null) {
      synchronized (ReplicationServiceGrpc.class) {
        if ((getPushMethod = ReplicationServiceGrpc.getPushMethod) == null) {
          ReplicationServiceGrpc.getPushMethod = getPushMethod =
              io.grpc.MethodDescriptor.<stasis.v1.PushRequest, stasis.v1.PushResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Push"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.PushRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.PushResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReplicationServiceMethodDescriptorSupplier("Push"))
              .build();
        }
      }
    }
    return getPushMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ListTransfersRequest,
      stasis.v1.ListTransfersResponse> getListTransfersMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListTransfers",
      requestType = stasis.v1.ListTransfersRequest.class,
      responseType = stasis.v1.ListTransfersResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ListTransfersRequest,
      stasis.v1.ListTransfersResponse> getListTransfersMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ListTransfersRequest, stasis.v1.ListTransfersResponse> getListTransfersMethod;
    if ((getListTransfersMethod = ReplicationServiceGrpc.getListTransfersMethod) == null) {
      synchronized (ReplicationServiceGrpc.class) {
        if ((getListTransfersMethod = ReplicationServiceGrpc.getListTransfersMethod) == null) {
          ReplicationServiceGrpc.getListTransfersMethod = getListTransfersMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ListTransfersRequest, stasis.v1.ListTransfersResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListTransfers"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListTransfersRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListTransfersResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReplicationServiceMethodDescriptorSupplier("ListTransfers"))
              .build();
        }
      }
    }
    return getListTransfersMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CancelTransferRequest,
      stasis.v1.CancelTransferResponse> getCancelTransferMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CancelTransfer",
      requestType = stasis.v1.CancelTransferRequest.class,
      responseType = stasis.v1.CancelTransferResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.CancelTransferRequest,
      stasis.v1.CancelTransferResponse> getCancelTransferMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CancelTransferRequest, stasis.v1.CancelTransferResponse> getCancelTransferMethod;
    if ((getCancelTransferMethod = ReplicationServiceGrpc.getCancelTransferMethod) == null) {
      synchronized (ReplicationServiceGrpc.class) {
        if ((getCancelTransferMethod = ReplicationServiceGrpc.getCancelTransferMethod) == null) {
          ReplicationServiceGrpc.getCancelTransferMethod = getCancelTransferMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CancelTransferRequest, stasis.v1.CancelTransferResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CancelTransfer"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CancelTransferRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CancelTransferResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReplicationServiceMethodDescriptorSupplier("CancelTransfer"))
              .build();
        }
      }
    }
    return getCancelTransferMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.GetManifestRequest,
      stasis.v1.GetManifestResponse> getGetManifestMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetManifest",
      requestType = stasis.v1.GetManifestRequest.class,
      responseType = stasis.v1.GetManifestResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.GetManifestRequest,
      stasis.v1.GetManifestResponse> getGetManifestMethod() {
    io.grpc.MethodDescriptor<stasis.v1.GetManifestRequest, stasis.v1.GetManifestResponse> getGetManifestMethod;
    if ((getGetManifestMethod = ReplicationServiceGrpc.getGetManifestMethod) == null) {
      synchronized (ReplicationServiceGrpc.class) {
        if ((getGetManifestMethod = ReplicationServiceGrpc.getGetManifestMethod) == null) {
          ReplicationServiceGrpc.getGetManifestMethod = getGetManifestMethod =
              io.grpc.MethodDescriptor.<stasis.v1.GetManifestRequest, stasis.v1.GetManifestResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetManifest"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.GetManifestRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.GetManifestResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReplicationServiceMethodDescriptorSupplier("GetManifest"))
              .build();
        }
      }
    }
    return getGetManifestMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ReadTableRequest,
      stasis.v1.ReadTableResponse> getReadTableMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReadTable",
      requestType = stasis.v1.ReadTableRequest.class,
      responseType = stasis.v1.ReadTableResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.ReadTableRequest,
      stasis.v1.ReadTableResponse> getReadTableMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ReadTableRequest, stasis.v1.ReadTableResponse> getReadTableMethod;
    if ((getReadTableMethod = ReplicationServiceGrpc.getReadTableMethod) == null) {
      synchronized (ReplicationServiceGrpc.class) {
        if ((getReadTableMethod = ReplicationServiceGrpc.getReadTableMethod) == null) {
          ReplicationServiceGrpc.getReadTableMethod = getReadTableMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ReadTableRequest, stasis.v1.ReadTableResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReadTable"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ReadTableRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ReadTableResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReplicationServiceMethodDescriptorSupplier("ReadTable"))
              .build();
        }
      }
    }
    return getReadTableMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ReadBlocksRequest,
      stasis.v1.ReadBlocksResponse> getReadBlocksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReadBlocks",
      requestType = stasis.v1.ReadBlocksRequest.class,
      responseType = stasis.v1.ReadBlocksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.ReadBlocksRequest,
      stasis.v1.ReadBlocksResponse> getReadBlocksMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ReadBlocksRequest, stasis.v1.ReadBlocksResponse> getReadBlocksMethod;
    if ((getReadBlocksMethod = ReplicationServiceGrpc.getReadBlocksMethod) == null) {
      synchronized (ReplicationServiceGrpc.class) {
        if ((getReadBlocksMethod = ReplicationServiceGrpc.getReadBlocksMethod) == null) {
          ReplicationServiceGrpc.getReadBlocksMethod = getReadBlocksMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ReadBlocksRequest, stasis.v1.ReadBlocksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReadBlocks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ReadBlocksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ReadBlocksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReplicationServiceMethodDescriptorSupplier("ReadBlocks"))
              .build();
        }
      }
    }
    return getReadBlocksMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static ReplicationServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceStub>() {
        @java.lang.Override
        public ReplicationServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReplicationServiceStub(channel, callOptions);
        }
      };
    return ReplicationServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static ReplicationServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceBlockingV2Stub>() {
        @java.lang.Override
        public ReplicationServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReplicationServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return ReplicationServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static ReplicationServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceBlockingStub>() {
        @java.lang.Override
        public ReplicationServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReplicationServiceBlockingStub(channel, callOptions);
        }
      };
    return ReplicationServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static ReplicationServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReplicationServiceFutureStub>() {
        @java.lang.Override
        public ReplicationServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReplicationServiceFutureStub(channel, callOptions);
        }
      };
    return ReplicationServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Fetches snapshots from peers and sends snapshots to them. Only the blocks that the receiver lacks
   * travel. Peers call GetManifest, ReadTable and ReadBlocks. Pull and Push also work with remotes
   * (RemoteService).
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Fetches a snapshot from a peer or a remote. Repeat an interrupted call to resume it.
     * </pre>
     */
    default void pull(stasis.v1.PullRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.PullResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getPullMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sends a snapshot to a peer by asking the peer to pull it from here, or stores it at a remote.
     * </pre>
     */
    default void push(stasis.v1.PushRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.PushResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getPushMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists running pulls, interrupted pulls that can be resumed, and running pushes to remotes.
     * </pre>
     */
    default void listTransfers(stasis.v1.ListTransfersRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListTransfersResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListTransfersMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends a running pull, and discards the blocks that it kept for resuming; or ends a push to a
     * remote.
     * </pre>
     */
    default void cancelTransfer(stasis.v1.CancelTransferRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CancelTransferResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCancelTransferMethod(), responseObserver);
    }

    /**
     * <pre>
     * For peers: returns the files of a snapshot with their block digests and holes. The open stream
     * is the peer's read lease; the lease ends when the peer ends the stream.
     * </pre>
     */
    default void getManifest(stasis.v1.GetManifestRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.GetManifestResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetManifestMethod(), responseObserver);
    }

    /**
     * <pre>
     * For peers: returns a part of a file's block table. The caller uses it for tables that
     * GetManifest describes instead of sending them.
     * </pre>
     */
    default void readTable(stasis.v1.ReadTableRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ReadTableResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReadTableMethod(), responseObserver);
    }

    /**
     * <pre>
     * For peers: returns blocks by index, in the requested order.
     * </pre>
     */
    default void readBlocks(stasis.v1.ReadBlocksRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ReadBlocksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReadBlocksMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service ReplicationService.
   * <pre>
   * Fetches snapshots from peers and sends snapshots to them. Only the blocks that the receiver lacks
   * travel. Peers call GetManifest, ReadTable and ReadBlocks. Pull and Push also work with remotes
   * (RemoteService).
   * </pre>
   */
  public static abstract class ReplicationServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return ReplicationServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service ReplicationService.
   * <pre>
   * Fetches snapshots from peers and sends snapshots to them. Only the blocks that the receiver lacks
   * travel. Peers call GetManifest, ReadTable and ReadBlocks. Pull and Push also work with remotes
   * (RemoteService).
   * </pre>
   */
  public static final class ReplicationServiceStub
      extends io.grpc.stub.AbstractAsyncStub<ReplicationServiceStub> {
    private ReplicationServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReplicationServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReplicationServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Fetches a snapshot from a peer or a remote. Repeat an interrupted call to resume it.
     * </pre>
     */
    public void pull(stasis.v1.PullRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.PullResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getPullMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Sends a snapshot to a peer by asking the peer to pull it from here, or stores it at a remote.
     * </pre>
     */
    public void push(stasis.v1.PushRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.PushResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getPushMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists running pulls, interrupted pulls that can be resumed, and running pushes to remotes.
     * </pre>
     */
    public void listTransfers(stasis.v1.ListTransfersRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListTransfersResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListTransfersMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends a running pull, and discards the blocks that it kept for resuming; or ends a push to a
     * remote.
     * </pre>
     */
    public void cancelTransfer(stasis.v1.CancelTransferRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CancelTransferResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCancelTransferMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * For peers: returns the files of a snapshot with their block digests and holes. The open stream
     * is the peer's read lease; the lease ends when the peer ends the stream.
     * </pre>
     */
    public void getManifest(stasis.v1.GetManifestRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.GetManifestResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getGetManifestMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * For peers: returns a part of a file's block table. The caller uses it for tables that
     * GetManifest describes instead of sending them.
     * </pre>
     */
    public void readTable(stasis.v1.ReadTableRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ReadTableResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getReadTableMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * For peers: returns blocks by index, in the requested order.
     * </pre>
     */
    public void readBlocks(stasis.v1.ReadBlocksRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ReadBlocksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getReadBlocksMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service ReplicationService.
   * <pre>
   * Fetches snapshots from peers and sends snapshots to them. Only the blocks that the receiver lacks
   * travel. Peers call GetManifest, ReadTable and ReadBlocks. Pull and Push also work with remotes
   * (RemoteService).
   * </pre>
   */
  public static final class ReplicationServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<ReplicationServiceBlockingV2Stub> {
    private ReplicationServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReplicationServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReplicationServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Fetches a snapshot from a peer or a remote. Repeat an interrupted call to resume it.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.PullResponse>
        pull(stasis.v1.PullRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getPullMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends a snapshot to a peer by asking the peer to pull it from here, or stores it at a remote.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.PushResponse>
        push(stasis.v1.PushRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getPushMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists running pulls, interrupted pulls that can be resumed, and running pushes to remotes.
     * </pre>
     */
    public stasis.v1.ListTransfersResponse listTransfers(stasis.v1.ListTransfersRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListTransfersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends a running pull, and discards the blocks that it kept for resuming; or ends a push to a
     * remote.
     * </pre>
     */
    public stasis.v1.CancelTransferResponse cancelTransfer(stasis.v1.CancelTransferRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCancelTransferMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * For peers: returns the files of a snapshot with their block digests and holes. The open stream
     * is the peer's read lease; the lease ends when the peer ends the stream.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.GetManifestResponse>
        getManifest(stasis.v1.GetManifestRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getGetManifestMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * For peers: returns a part of a file's block table. The caller uses it for tables that
     * GetManifest describes instead of sending them.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.ReadTableResponse>
        readTable(stasis.v1.ReadTableRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getReadTableMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * For peers: returns blocks by index, in the requested order.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.ReadBlocksResponse>
        readBlocks(stasis.v1.ReadBlocksRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getReadBlocksMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service ReplicationService.
   * <pre>
   * Fetches snapshots from peers and sends snapshots to them. Only the blocks that the receiver lacks
   * travel. Peers call GetManifest, ReadTable and ReadBlocks. Pull and Push also work with remotes
   * (RemoteService).
   * </pre>
   */
  public static final class ReplicationServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<ReplicationServiceBlockingStub> {
    private ReplicationServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReplicationServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReplicationServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Fetches a snapshot from a peer or a remote. Repeat an interrupted call to resume it.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.PullResponse> pull(
        stasis.v1.PullRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getPullMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends a snapshot to a peer by asking the peer to pull it from here, or stores it at a remote.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.PushResponse> push(
        stasis.v1.PushRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getPushMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists running pulls, interrupted pulls that can be resumed, and running pushes to remotes.
     * </pre>
     */
    public stasis.v1.ListTransfersResponse listTransfers(stasis.v1.ListTransfersRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListTransfersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends a running pull, and discards the blocks that it kept for resuming; or ends a push to a
     * remote.
     * </pre>
     */
    public stasis.v1.CancelTransferResponse cancelTransfer(stasis.v1.CancelTransferRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCancelTransferMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * For peers: returns the files of a snapshot with their block digests and holes. The open stream
     * is the peer's read lease; the lease ends when the peer ends the stream.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.GetManifestResponse> getManifest(
        stasis.v1.GetManifestRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getGetManifestMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * For peers: returns a part of a file's block table. The caller uses it for tables that
     * GetManifest describes instead of sending them.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.ReadTableResponse> readTable(
        stasis.v1.ReadTableRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getReadTableMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * For peers: returns blocks by index, in the requested order.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.ReadBlocksResponse> readBlocks(
        stasis.v1.ReadBlocksRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getReadBlocksMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service ReplicationService.
   * <pre>
   * Fetches snapshots from peers and sends snapshots to them. Only the blocks that the receiver lacks
   * travel. Peers call GetManifest, ReadTable and ReadBlocks. Pull and Push also work with remotes
   * (RemoteService).
   * </pre>
   */
  public static final class ReplicationServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<ReplicationServiceFutureStub> {
    private ReplicationServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReplicationServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReplicationServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists running pulls, interrupted pulls that can be resumed, and running pushes to remotes.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ListTransfersResponse> listTransfers(
        stasis.v1.ListTransfersRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListTransfersMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends a running pull, and discards the blocks that it kept for resuming; or ends a push to a
     * remote.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.CancelTransferResponse> cancelTransfer(
        stasis.v1.CancelTransferRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCancelTransferMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_PULL = 0;
  private static final int METHODID_PUSH = 1;
  private static final int METHODID_LIST_TRANSFERS = 2;
  private static final int METHODID_CANCEL_TRANSFER = 3;
  private static final int METHODID_GET_MANIFEST = 4;
  private static final int METHODID_READ_TABLE = 5;
  private static final int METHODID_READ_BLOCKS = 6;

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
        case METHODID_PULL:
          serviceImpl.pull((stasis.v1.PullRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.PullResponse>) responseObserver);
          break;
        case METHODID_PUSH:
          serviceImpl.push((stasis.v1.PushRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.PushResponse>) responseObserver);
          break;
        case METHODID_LIST_TRANSFERS:
          serviceImpl.listTransfers((stasis.v1.ListTransfersRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ListTransfersResponse>) responseObserver);
          break;
        case METHODID_CANCEL_TRANSFER:
          serviceImpl.cancelTransfer((stasis.v1.CancelTransferRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CancelTransferResponse>) responseObserver);
          break;
        case METHODID_GET_MANIFEST:
          serviceImpl.getManifest((stasis.v1.GetManifestRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.GetManifestResponse>) responseObserver);
          break;
        case METHODID_READ_TABLE:
          serviceImpl.readTable((stasis.v1.ReadTableRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ReadTableResponse>) responseObserver);
          break;
        case METHODID_READ_BLOCKS:
          serviceImpl.readBlocks((stasis.v1.ReadBlocksRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ReadBlocksResponse>) responseObserver);
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
          getPullMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.PullRequest,
              stasis.v1.PullResponse>(
                service, METHODID_PULL)))
        .addMethod(
          getPushMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.PushRequest,
              stasis.v1.PushResponse>(
                service, METHODID_PUSH)))
        .addMethod(
          getListTransfersMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ListTransfersRequest,
              stasis.v1.ListTransfersResponse>(
                service, METHODID_LIST_TRANSFERS)))
        .addMethod(
          getCancelTransferMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.CancelTransferRequest,
              stasis.v1.CancelTransferResponse>(
                service, METHODID_CANCEL_TRANSFER)))
        .addMethod(
          getGetManifestMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.GetManifestRequest,
              stasis.v1.GetManifestResponse>(
                service, METHODID_GET_MANIFEST)))
        .addMethod(
          getReadTableMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.ReadTableRequest,
              stasis.v1.ReadTableResponse>(
                service, METHODID_READ_TABLE)))
        .addMethod(
          getReadBlocksMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.ReadBlocksRequest,
              stasis.v1.ReadBlocksResponse>(
                service, METHODID_READ_BLOCKS)))
        .build();
  }

  private static abstract class ReplicationServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    ReplicationServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return stasis.v1.ReplicationServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("ReplicationService");
    }
  }

  private static final class ReplicationServiceFileDescriptorSupplier
      extends ReplicationServiceBaseDescriptorSupplier {
    ReplicationServiceFileDescriptorSupplier() {}
  }

  private static final class ReplicationServiceMethodDescriptorSupplier
      extends ReplicationServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    ReplicationServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (ReplicationServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new ReplicationServiceFileDescriptorSupplier())
              .addMethod(getPullMethod())
              .addMethod(getPushMethod())
              .addMethod(getListTransfersMethod())
              .addMethod(getCancelTransferMethod())
              .addMethod(getGetManifestMethod())
              .addMethod(getReadTableMethod())
              .addMethod(getReadBlocksMethod())
              .build();
        }
      }
    }
    return result;
  }
}
