package stasis.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * The remotes of the daemon's configuration, `[[remotes]]`. For operators without a name prefix.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class RemoteServiceGrpc {

  private RemoteServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stasis.v1.RemoteService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<stasis.v1.ListRemotesRequest,
      stasis.v1.ListRemotesResponse> getListRemotesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListRemotes",
      requestType = stasis.v1.ListRemotesRequest.class,
      responseType = stasis.v1.ListRemotesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ListRemotesRequest,
      stasis.v1.ListRemotesResponse> getListRemotesMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ListRemotesRequest, stasis.v1.ListRemotesResponse> getListRemotesMethod;
    if ((getListRemotesMethod = RemoteServiceGrpc.getListRemotesMethod) == null) {
      synchronized (RemoteServiceGrpc.class) {
        if ((getListRemotesMethod = RemoteServiceGrpc.getListRemotesMethod) == null) {
          RemoteServiceGrpc.getListRemotesMethod = getListRemotesMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ListRemotesRequest, stasis.v1.ListRemotesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListRemotes"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListRemotesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListRemotesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RemoteServiceMethodDescriptorSupplier("ListRemotes"))
              .build();
        }
      }
    }
    return getListRemotesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CheckRemoteRequest,
      stasis.v1.CheckRemoteResponse> getCheckRemoteMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CheckRemote",
      requestType = stasis.v1.CheckRemoteRequest.class,
      responseType = stasis.v1.CheckRemoteResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.CheckRemoteRequest,
      stasis.v1.CheckRemoteResponse> getCheckRemoteMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CheckRemoteRequest, stasis.v1.CheckRemoteResponse> getCheckRemoteMethod;
    if ((getCheckRemoteMethod = RemoteServiceGrpc.getCheckRemoteMethod) == null) {
      synchronized (RemoteServiceGrpc.class) {
        if ((getCheckRemoteMethod = RemoteServiceGrpc.getCheckRemoteMethod) == null) {
          RemoteServiceGrpc.getCheckRemoteMethod = getCheckRemoteMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CheckRemoteRequest, stasis.v1.CheckRemoteResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CheckRemote"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CheckRemoteRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CheckRemoteResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RemoteServiceMethodDescriptorSupplier("CheckRemote"))
              .build();
        }
      }
    }
    return getCheckRemoteMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.DeleteRemoteSnapshotsRequest,
      stasis.v1.DeleteRemoteSnapshotsResponse> getDeleteRemoteSnapshotsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DeleteRemoteSnapshots",
      requestType = stasis.v1.DeleteRemoteSnapshotsRequest.class,
      responseType = stasis.v1.DeleteRemoteSnapshotsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.DeleteRemoteSnapshotsRequest,
      stasis.v1.DeleteRemoteSnapshotsResponse> getDeleteRemoteSnapshotsMethod() {
    io.grpc.MethodDescriptor<stasis.v1.DeleteRemoteSnapshotsRequest, stasis.v1.DeleteRemoteSnapshotsResponse> getDeleteRemoteSnapshotsMethod;
    if ((getDeleteRemoteSnapshotsMethod = RemoteServiceGrpc.getDeleteRemoteSnapshotsMethod) == null) {
      synchronized (RemoteServiceGrpc.class) {
        if ((getDeleteRemoteSnapshotsMethod = RemoteServiceGrpc.getDeleteRemoteSnapshotsMethod) == null) {
          RemoteServiceGrpc.getDeleteRemoteSnapshotsMethod = getDeleteRemoteSnapshotsMethod =
              io.grpc.MethodDescriptor.<stasis.v1.DeleteRemoteSnapshotsRequest, stasis.v1.DeleteRemoteSnapshotsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DeleteRemoteSnapshots"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.DeleteRemoteSnapshotsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.DeleteRemoteSnapshotsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RemoteServiceMethodDescriptorSupplier("DeleteRemoteSnapshots"))
              .build();
        }
      }
    }
    return getDeleteRemoteSnapshotsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ListRemoteSnapshotsRequest,
      stasis.v1.ListRemoteSnapshotsResponse> getListRemoteSnapshotsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListRemoteSnapshots",
      requestType = stasis.v1.ListRemoteSnapshotsRequest.class,
      responseType = stasis.v1.ListRemoteSnapshotsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ListRemoteSnapshotsRequest,
      stasis.v1.ListRemoteSnapshotsResponse> getListRemoteSnapshotsMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ListRemoteSnapshotsRequest, stasis.v1.ListRemoteSnapshotsResponse> getListRemoteSnapshotsMethod;
    if ((getListRemoteSnapshotsMethod = RemoteServiceGrpc.getListRemoteSnapshotsMethod) == null) {
      synchronized (RemoteServiceGrpc.class) {
        if ((getListRemoteSnapshotsMethod = RemoteServiceGrpc.getListRemoteSnapshotsMethod) == null) {
          RemoteServiceGrpc.getListRemoteSnapshotsMethod = getListRemoteSnapshotsMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ListRemoteSnapshotsRequest, stasis.v1.ListRemoteSnapshotsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListRemoteSnapshots"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListRemoteSnapshotsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListRemoteSnapshotsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RemoteServiceMethodDescriptorSupplier("ListRemoteSnapshots"))
              .build();
        }
      }
    }
    return getListRemoteSnapshotsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CollectRemoteGarbageRequest,
      stasis.v1.CollectRemoteGarbageResponse> getCollectRemoteGarbageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CollectRemoteGarbage",
      requestType = stasis.v1.CollectRemoteGarbageRequest.class,
      responseType = stasis.v1.CollectRemoteGarbageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.CollectRemoteGarbageRequest,
      stasis.v1.CollectRemoteGarbageResponse> getCollectRemoteGarbageMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CollectRemoteGarbageRequest, stasis.v1.CollectRemoteGarbageResponse> getCollectRemoteGarbageMethod;
    if ((getCollectRemoteGarbageMethod = RemoteServiceGrpc.getCollectRemoteGarbageMethod) == null) {
      synchronized (RemoteServiceGrpc.class) {
        if ((getCollectRemoteGarbageMethod = RemoteServiceGrpc.getCollectRemoteGarbageMethod) == null) {
          RemoteServiceGrpc.getCollectRemoteGarbageMethod = getCollectRemoteGarbageMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CollectRemoteGarbageRequest, stasis.v1.CollectRemoteGarbageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CollectRemoteGarbage"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CollectRemoteGarbageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CollectRemoteGarbageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RemoteServiceMethodDescriptorSupplier("CollectRemoteGarbage"))
              .build();
        }
      }
    }
    return getCollectRemoteGarbageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.VerifyRemoteRequest,
      stasis.v1.VerifyRemoteResponse> getVerifyRemoteMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "VerifyRemote",
      requestType = stasis.v1.VerifyRemoteRequest.class,
      responseType = stasis.v1.VerifyRemoteResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.VerifyRemoteRequest,
      stasis.v1.VerifyRemoteResponse> getVerifyRemoteMethod() {
    io.grpc.MethodDescriptor<stasis.v1.VerifyRemoteRequest, stasis.v1.VerifyRemoteResponse> getVerifyRemoteMethod;
    if ((getVerifyRemoteMethod = RemoteServiceGrpc.getVerifyRemoteMethod) == null) {
      synchronized (RemoteServiceGrpc.class) {
        if ((getVerifyRemoteMethod = RemoteServiceGrpc.getVerifyRemoteMethod) == null) {
          RemoteServiceGrpc.getVerifyRemoteMethod = getVerifyRemoteMethod =
              io.grpc.MethodDescriptor.<stasis.v1.VerifyRemoteRequest, stasis.v1.VerifyRemoteResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "VerifyRemote"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.VerifyRemoteRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.VerifyRemoteResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RemoteServiceMethodDescriptorSupplier("VerifyRemote"))
              .build();
        }
      }
    }
    return getVerifyRemoteMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static RemoteServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RemoteServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RemoteServiceStub>() {
        @java.lang.Override
        public RemoteServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RemoteServiceStub(channel, callOptions);
        }
      };
    return RemoteServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static RemoteServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RemoteServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RemoteServiceBlockingV2Stub>() {
        @java.lang.Override
        public RemoteServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RemoteServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return RemoteServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static RemoteServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RemoteServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RemoteServiceBlockingStub>() {
        @java.lang.Override
        public RemoteServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RemoteServiceBlockingStub(channel, callOptions);
        }
      };
    return RemoteServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static RemoteServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RemoteServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RemoteServiceFutureStub>() {
        @java.lang.Override
        public RemoteServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RemoteServiceFutureStub(channel, callOptions);
        }
      };
    return RemoteServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * The remotes of the daemon's configuration, `[[remotes]]`. For operators without a name prefix.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Lists the remotes of the configuration. Makes no request to them.
     * </pre>
     */
    default void listRemotes(stasis.v1.ListRemotesRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListRemotesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListRemotesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Tries a remote: whether its object store keeps what stasis relies on, and whether the
     * credentials allow what stasis needs. Writes small objects below `check/` of the remote's
     * prefix, and deletes them. Raises FIELD_INVALID for an unknown remote and for unusable files of
     * the configuration. Whatever the object store does, or that it cannot be reached, is a step.
     * </pre>
     */
    default void checkRemote(stasis.v1.CheckRemoteRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CheckRemoteResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCheckRemoteMethod(), responseObserver);
    }

    /**
     * <pre>
     * Deletes snapshots from a remote. A snapshot on which a node depends is kept. The space is freed
     * by the next collection of the remote. The daemon finds all snapshots before it deletes the
     * first one, so that a wrong ref deletes nothing.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. What happened to each snapshot is in its row: also
     * REMOTE_SNAPSHOT_HELD.
     * </pre>
     */
    default void deleteRemoteSnapshots(stasis.v1.DeleteRemoteSnapshotsRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.DeleteRemoteSnapshotsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteRemoteSnapshotsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists the snapshots at a remote, the newest first. The first page lists the remote; the pages
     * after it show what this daemon has listed last. A snapshot whose commit object cannot be read,
     * or whose map is missing, is broken: it is counted, and not listed.
     * </pre>
     */
    default void listRemoteSnapshots(stasis.v1.ListRemoteSnapshotsRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListRemoteSnapshotsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListRemoteSnapshotsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Deletes the packs and maps of a remote that no snapshot and no running push uses. Any node may
     * do it, and several at once. The daemon runs one collection of a remote at a time. A collection
     * that ends early leaves its intent in the remote, and the next one finishes the work.
     * Raises FIELD_INVALID, OPERATION_IN_PROGRESS, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. With abandon_run also REMOTE_COPY_MISSING.
     * </pre>
     */
    default void collectRemoteGarbage(stasis.v1.CollectRemoteGarbageRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CollectRemoteGarbageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCollectRemoteGarbageMethod(), responseObserver);
    }

    /**
     * <pre>
     * Looks whether the snapshots of a remote are whole. Changes nothing, neither there nor here.
     * Damage is in the answers, not an error. A snapshot that is deleted meanwhile is not damaged.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * NOT_IMPLEMENTED.
     * </pre>
     */
    default void verifyRemote(stasis.v1.VerifyRemoteRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.VerifyRemoteResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getVerifyRemoteMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service RemoteService.
   * <pre>
   * The remotes of the daemon's configuration, `[[remotes]]`. For operators without a name prefix.
   * </pre>
   */
  public static abstract class RemoteServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return RemoteServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service RemoteService.
   * <pre>
   * The remotes of the daemon's configuration, `[[remotes]]`. For operators without a name prefix.
   * </pre>
   */
  public static final class RemoteServiceStub
      extends io.grpc.stub.AbstractAsyncStub<RemoteServiceStub> {
    private RemoteServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RemoteServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RemoteServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the remotes of the configuration. Makes no request to them.
     * </pre>
     */
    public void listRemotes(stasis.v1.ListRemotesRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListRemotesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListRemotesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Tries a remote: whether its object store keeps what stasis relies on, and whether the
     * credentials allow what stasis needs. Writes small objects below `check/` of the remote's
     * prefix, and deletes them. Raises FIELD_INVALID for an unknown remote and for unusable files of
     * the configuration. Whatever the object store does, or that it cannot be reached, is a step.
     * </pre>
     */
    public void checkRemote(stasis.v1.CheckRemoteRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CheckRemoteResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getCheckRemoteMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Deletes snapshots from a remote. A snapshot on which a node depends is kept. The space is freed
     * by the next collection of the remote. The daemon finds all snapshots before it deletes the
     * first one, so that a wrong ref deletes nothing.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. What happened to each snapshot is in its row: also
     * REMOTE_SNAPSHOT_HELD.
     * </pre>
     */
    public void deleteRemoteSnapshots(stasis.v1.DeleteRemoteSnapshotsRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.DeleteRemoteSnapshotsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteRemoteSnapshotsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists the snapshots at a remote, the newest first. The first page lists the remote; the pages
     * after it show what this daemon has listed last. A snapshot whose commit object cannot be read,
     * or whose map is missing, is broken: it is counted, and not listed.
     * </pre>
     */
    public void listRemoteSnapshots(stasis.v1.ListRemoteSnapshotsRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListRemoteSnapshotsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListRemoteSnapshotsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Deletes the packs and maps of a remote that no snapshot and no running push uses. Any node may
     * do it, and several at once. The daemon runs one collection of a remote at a time. A collection
     * that ends early leaves its intent in the remote, and the next one finishes the work.
     * Raises FIELD_INVALID, OPERATION_IN_PROGRESS, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. With abandon_run also REMOTE_COPY_MISSING.
     * </pre>
     */
    public void collectRemoteGarbage(stasis.v1.CollectRemoteGarbageRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CollectRemoteGarbageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getCollectRemoteGarbageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Looks whether the snapshots of a remote are whole. Changes nothing, neither there nor here.
     * Damage is in the answers, not an error. A snapshot that is deleted meanwhile is not damaged.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * NOT_IMPLEMENTED.
     * </pre>
     */
    public void verifyRemote(stasis.v1.VerifyRemoteRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.VerifyRemoteResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getVerifyRemoteMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service RemoteService.
   * <pre>
   * The remotes of the daemon's configuration, `[[remotes]]`. For operators without a name prefix.
   * </pre>
   */
  public static final class RemoteServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<RemoteServiceBlockingV2Stub> {
    private RemoteServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RemoteServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RemoteServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the remotes of the configuration. Makes no request to them.
     * </pre>
     */
    public stasis.v1.ListRemotesResponse listRemotes(stasis.v1.ListRemotesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListRemotesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tries a remote: whether its object store keeps what stasis relies on, and whether the
     * credentials allow what stasis needs. Writes small objects below `check/` of the remote's
     * prefix, and deletes them. Raises FIELD_INVALID for an unknown remote and for unusable files of
     * the configuration. Whatever the object store does, or that it cannot be reached, is a step.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.CheckRemoteResponse>
        checkRemote(stasis.v1.CheckRemoteRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getCheckRemoteMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes snapshots from a remote. A snapshot on which a node depends is kept. The space is freed
     * by the next collection of the remote. The daemon finds all snapshots before it deletes the
     * first one, so that a wrong ref deletes nothing.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. What happened to each snapshot is in its row: also
     * REMOTE_SNAPSHOT_HELD.
     * </pre>
     */
    public stasis.v1.DeleteRemoteSnapshotsResponse deleteRemoteSnapshots(stasis.v1.DeleteRemoteSnapshotsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteRemoteSnapshotsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists the snapshots at a remote, the newest first. The first page lists the remote; the pages
     * after it show what this daemon has listed last. A snapshot whose commit object cannot be read,
     * or whose map is missing, is broken: it is counted, and not listed.
     * </pre>
     */
    public stasis.v1.ListRemoteSnapshotsResponse listRemoteSnapshots(stasis.v1.ListRemoteSnapshotsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListRemoteSnapshotsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes the packs and maps of a remote that no snapshot and no running push uses. Any node may
     * do it, and several at once. The daemon runs one collection of a remote at a time. A collection
     * that ends early leaves its intent in the remote, and the next one finishes the work.
     * Raises FIELD_INVALID, OPERATION_IN_PROGRESS, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. With abandon_run also REMOTE_COPY_MISSING.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.CollectRemoteGarbageResponse>
        collectRemoteGarbage(stasis.v1.CollectRemoteGarbageRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getCollectRemoteGarbageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Looks whether the snapshots of a remote are whole. Changes nothing, neither there nor here.
     * Damage is in the answers, not an error. A snapshot that is deleted meanwhile is not damaged.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * NOT_IMPLEMENTED.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.VerifyRemoteResponse>
        verifyRemote(stasis.v1.VerifyRemoteRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getVerifyRemoteMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service RemoteService.
   * <pre>
   * The remotes of the daemon's configuration, `[[remotes]]`. For operators without a name prefix.
   * </pre>
   */
  public static final class RemoteServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<RemoteServiceBlockingStub> {
    private RemoteServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RemoteServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RemoteServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the remotes of the configuration. Makes no request to them.
     * </pre>
     */
    public stasis.v1.ListRemotesResponse listRemotes(stasis.v1.ListRemotesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListRemotesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tries a remote: whether its object store keeps what stasis relies on, and whether the
     * credentials allow what stasis needs. Writes small objects below `check/` of the remote's
     * prefix, and deletes them. Raises FIELD_INVALID for an unknown remote and for unusable files of
     * the configuration. Whatever the object store does, or that it cannot be reached, is a step.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.CheckRemoteResponse> checkRemote(
        stasis.v1.CheckRemoteRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getCheckRemoteMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes snapshots from a remote. A snapshot on which a node depends is kept. The space is freed
     * by the next collection of the remote. The daemon finds all snapshots before it deletes the
     * first one, so that a wrong ref deletes nothing.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. What happened to each snapshot is in its row: also
     * REMOTE_SNAPSHOT_HELD.
     * </pre>
     */
    public stasis.v1.DeleteRemoteSnapshotsResponse deleteRemoteSnapshots(stasis.v1.DeleteRemoteSnapshotsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteRemoteSnapshotsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists the snapshots at a remote, the newest first. The first page lists the remote; the pages
     * after it show what this daemon has listed last. A snapshot whose commit object cannot be read,
     * or whose map is missing, is broken: it is counted, and not listed.
     * </pre>
     */
    public stasis.v1.ListRemoteSnapshotsResponse listRemoteSnapshots(stasis.v1.ListRemoteSnapshotsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListRemoteSnapshotsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes the packs and maps of a remote that no snapshot and no running push uses. Any node may
     * do it, and several at once. The daemon runs one collection of a remote at a time. A collection
     * that ends early leaves its intent in the remote, and the next one finishes the work.
     * Raises FIELD_INVALID, OPERATION_IN_PROGRESS, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. With abandon_run also REMOTE_COPY_MISSING.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.CollectRemoteGarbageResponse> collectRemoteGarbage(
        stasis.v1.CollectRemoteGarbageRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getCollectRemoteGarbageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Looks whether the snapshots of a remote are whole. Changes nothing, neither there nor here.
     * Damage is in the answers, not an error. A snapshot that is deleted meanwhile is not damaged.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * NOT_IMPLEMENTED.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.VerifyRemoteResponse> verifyRemote(
        stasis.v1.VerifyRemoteRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getVerifyRemoteMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service RemoteService.
   * <pre>
   * The remotes of the daemon's configuration, `[[remotes]]`. For operators without a name prefix.
   * </pre>
   */
  public static final class RemoteServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<RemoteServiceFutureStub> {
    private RemoteServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RemoteServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RemoteServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the remotes of the configuration. Makes no request to them.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ListRemotesResponse> listRemotes(
        stasis.v1.ListRemotesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListRemotesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Deletes snapshots from a remote. A snapshot on which a node depends is kept. The space is freed
     * by the next collection of the remote. The daemon finds all snapshots before it deletes the
     * first one, so that a wrong ref deletes nothing.
     * Raises FIELD_INVALID, SNAPSHOT_NOT_FOUND, AMBIGUOUS_REF, REMOTE_UNREACHABLE, REMOTE_REFUSED,
     * REMOTE_DATA_INVALID, FORMAT_UNSUPPORTED. What happened to each snapshot is in its row: also
     * REMOTE_SNAPSHOT_HELD.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.DeleteRemoteSnapshotsResponse> deleteRemoteSnapshots(
        stasis.v1.DeleteRemoteSnapshotsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteRemoteSnapshotsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists the snapshots at a remote, the newest first. The first page lists the remote; the pages
     * after it show what this daemon has listed last. A snapshot whose commit object cannot be read,
     * or whose map is missing, is broken: it is counted, and not listed.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ListRemoteSnapshotsResponse> listRemoteSnapshots(
        stasis.v1.ListRemoteSnapshotsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListRemoteSnapshotsMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_LIST_REMOTES = 0;
  private static final int METHODID_CHECK_REMOTE = 1;
  private static final int METHODID_DELETE_REMOTE_SNAPSHOTS = 2;
  private static final int METHODID_LIST_REMOTE_SNAPSHOTS = 3;
  private static final int METHODID_COLLECT_REMOTE_GARBAGE = 4;
  private static final int METHODID_VERIFY_REMOTE = 5;

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
        case METHODID_LIST_REMOTES:
          serviceImpl.listRemotes((stasis.v1.ListRemotesRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ListRemotesResponse>) responseObserver);
          break;
        case METHODID_CHECK_REMOTE:
          serviceImpl.checkRemote((stasis.v1.CheckRemoteRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CheckRemoteResponse>) responseObserver);
          break;
        case METHODID_DELETE_REMOTE_SNAPSHOTS:
          serviceImpl.deleteRemoteSnapshots((stasis.v1.DeleteRemoteSnapshotsRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.DeleteRemoteSnapshotsResponse>) responseObserver);
          break;
        case METHODID_LIST_REMOTE_SNAPSHOTS:
          serviceImpl.listRemoteSnapshots((stasis.v1.ListRemoteSnapshotsRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ListRemoteSnapshotsResponse>) responseObserver);
          break;
        case METHODID_COLLECT_REMOTE_GARBAGE:
          serviceImpl.collectRemoteGarbage((stasis.v1.CollectRemoteGarbageRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CollectRemoteGarbageResponse>) responseObserver);
          break;
        case METHODID_VERIFY_REMOTE:
          serviceImpl.verifyRemote((stasis.v1.VerifyRemoteRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.VerifyRemoteResponse>) responseObserver);
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
          getListRemotesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ListRemotesRequest,
              stasis.v1.ListRemotesResponse>(
                service, METHODID_LIST_REMOTES)))
        .addMethod(
          getCheckRemoteMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.CheckRemoteRequest,
              stasis.v1.CheckRemoteResponse>(
                service, METHODID_CHECK_REMOTE)))
        .addMethod(
          getDeleteRemoteSnapshotsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.DeleteRemoteSnapshotsRequest,
              stasis.v1.DeleteRemoteSnapshotsResponse>(
                service, METHODID_DELETE_REMOTE_SNAPSHOTS)))
        .addMethod(
          getListRemoteSnapshotsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ListRemoteSnapshotsRequest,
              stasis.v1.ListRemoteSnapshotsResponse>(
                service, METHODID_LIST_REMOTE_SNAPSHOTS)))
        .addMethod(
          getCollectRemoteGarbageMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.CollectRemoteGarbageRequest,
              stasis.v1.CollectRemoteGarbageResponse>(
                service, METHODID_COLLECT_REMOTE_GARBAGE)))
        .addMethod(
          getVerifyRemoteMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.VerifyRemoteRequest,
              stasis.v1.VerifyRemoteResponse>(
                service, METHODID_VERIFY_REMOTE)))
        .build();
  }

  private static abstract class RemoteServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    RemoteServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return stasis.v1.RemoteServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("RemoteService");
    }
  }

  private static final class RemoteServiceFileDescriptorSupplier
      extends RemoteServiceBaseDescriptorSupplier {
    RemoteServiceFileDescriptorSupplier() {}
  }

  private static final class RemoteServiceMethodDescriptorSupplier
      extends RemoteServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    RemoteServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (RemoteServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new RemoteServiceFileDescriptorSupplier())
              .addMethod(getListRemotesMethod())
              .addMethod(getCheckRemoteMethod())
              .addMethod(getDeleteRemoteSnapshotsMethod())
              .addMethod(getListRemoteSnapshotsMethod())
              .addMethod(getCollectRemoteGarbageMethod())
              .addMethod(getVerifyRemoteMethod())
              .build();
        }
      }
    }
    return result;
  }
}
