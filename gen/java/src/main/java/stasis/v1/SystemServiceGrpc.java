package stasis.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Describes the daemon and its store. grpc.reflection serves the schema.
 * grpc.health.v1 reports the health of services in Check, List and Watch. It knows the daemon as a
 * whole (the empty name), each service, and `stasis.v1.SnapshotService/writes`: whether snapshots
 * can be stored. The following names are NOT_SERVING:
 * - all of them, while the daemon starts or drains;
 * - all but SystemService, while the root is not available or the catalog is damaged
 *   (ROOT_UNAVAILABLE, STORED_DATA_CORRUPT);
 * - GcService and `stasis.v1.SnapshotService/writes`, while the filesystem is read-only or its disk
 *   fails writes (STORE_READ_ONLY, IO_FAILED); reads still work;
 * - `stasis.v1.SnapshotService/writes`, while the filesystem is full (STORAGE_FULL); reads,
 *   deletions and collections still work.
 * The daemon checks its store every two seconds, and after each failure. GetInfo returns the
 * reasons.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class SystemServiceGrpc {

  private SystemServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stasis.v1.SystemService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<stasis.v1.GetInfoRequest,
      stasis.v1.GetInfoResponse> getGetInfoMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetInfo",
      requestType = stasis.v1.GetInfoRequest.class,
      responseType = stasis.v1.GetInfoResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.GetInfoRequest,
      stasis.v1.GetInfoResponse> getGetInfoMethod() {
    io.grpc.MethodDescriptor<stasis.v1.GetInfoRequest, stasis.v1.GetInfoResponse> getGetInfoMethod;
    if ((getGetInfoMethod = SystemServiceGrpc.getGetInfoMethod) == null) {
      synchronized (SystemServiceGrpc.class) {
        if ((getGetInfoMethod = SystemServiceGrpc.getGetInfoMethod) == null) {
          SystemServiceGrpc.getGetInfoMethod = getGetInfoMethod =
              io.grpc.MethodDescriptor.<stasis.v1.GetInfoRequest, stasis.v1.GetInfoResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetInfo"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.GetInfoRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.GetInfoResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SystemServiceMethodDescriptorSupplier("GetInfo"))
              .build();
        }
      }
    }
    return getGetInfoMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CheckRequest,
      stasis.v1.CheckResponse> getCheckMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Check",
      requestType = stasis.v1.CheckRequest.class,
      responseType = stasis.v1.CheckResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.CheckRequest,
      stasis.v1.CheckResponse> getCheckMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CheckRequest, stasis.v1.CheckResponse> getCheckMethod;
    if ((getCheckMethod = SystemServiceGrpc.getCheckMethod) == null) {
      synchronized (SystemServiceGrpc.class) {
        if ((getCheckMethod = SystemServiceGrpc.getCheckMethod) == null) {
          SystemServiceGrpc.getCheckMethod = getCheckMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CheckRequest, stasis.v1.CheckResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Check"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CheckRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CheckResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SystemServiceMethodDescriptorSupplier("Check"))
              .build();
        }
      }
    }
    return getCheckMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.RepairRequest,
      stasis.v1.RepairResponse> getRepairMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Repair",
      requestType = stasis.v1.RepairRequest.class,
      responseType = stasis.v1.RepairResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.RepairRequest,
      stasis.v1.RepairResponse> getRepairMethod() {
    io.grpc.MethodDescriptor<stasis.v1.RepairRequest, stasis.v1.RepairResponse> getRepairMethod;
    if ((getRepairMethod = SystemServiceGrpc.getRepairMethod) == null) {
      synchronized (SystemServiceGrpc.class) {
        if ((getRepairMethod = SystemServiceGrpc.getRepairMethod) == null) {
          SystemServiceGrpc.getRepairMethod = getRepairMethod =
              io.grpc.MethodDescriptor.<stasis.v1.RepairRequest, stasis.v1.RepairResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Repair"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.RepairRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.RepairResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SystemServiceMethodDescriptorSupplier("Repair"))
              .build();
        }
      }
    }
    return getRepairMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static SystemServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SystemServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SystemServiceStub>() {
        @java.lang.Override
        public SystemServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SystemServiceStub(channel, callOptions);
        }
      };
    return SystemServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static SystemServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SystemServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SystemServiceBlockingV2Stub>() {
        @java.lang.Override
        public SystemServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SystemServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return SystemServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static SystemServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SystemServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SystemServiceBlockingStub>() {
        @java.lang.Override
        public SystemServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SystemServiceBlockingStub(channel, callOptions);
        }
      };
    return SystemServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static SystemServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SystemServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SystemServiceFutureStub>() {
        @java.lang.Override
        public SystemServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SystemServiceFutureStub(channel, callOptions);
        }
      };
    return SystemServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Describes the daemon and its store. grpc.reflection serves the schema.
   * grpc.health.v1 reports the health of services in Check, List and Watch. It knows the daemon as a
   * whole (the empty name), each service, and `stasis.v1.SnapshotService/writes`: whether snapshots
   * can be stored. The following names are NOT_SERVING:
   * - all of them, while the daemon starts or drains;
   * - all but SystemService, while the root is not available or the catalog is damaged
   *   (ROOT_UNAVAILABLE, STORED_DATA_CORRUPT);
   * - GcService and `stasis.v1.SnapshotService/writes`, while the filesystem is read-only or its disk
   *   fails writes (STORE_READ_ONLY, IO_FAILED); reads still work;
   * - `stasis.v1.SnapshotService/writes`, while the filesystem is full (STORAGE_FULL); reads,
   *   deletions and collections still work.
   * The daemon checks its store every two seconds, and after each failure. GetInfo returns the
   * reasons.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Returns version, store, limits and features.
     * </pre>
     */
    default void getInfo(stasis.v1.GetInfoRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.GetInfoResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetInfoMethod(), responseObserver);
    }

    /**
     * <pre>
     * Compares the catalog, the directories on disk and the manifests, and changes nothing. Other
     * calls continue meanwhile; their intermediate states are not findings. Findings arrive as they
     * are made, the summary last. Without the summary the check is incomplete. Raises FIELD_INVALID,
     * IO_FAILED when a directory cannot be listed.
     * </pre>
     */
    default void check(stasis.v1.CheckRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CheckResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCheckMethod(), responseObserver);
    }

    /**
     * <pre>
     * Carries out what Check proposes, and never deletes data: data that nobody can explain goes to
     * quarantine. The daemon checks each finding again before it repairs it. A failure is reported in
     * its response, and the other repairs continue. Raises FIELD_INVALID, IO_FAILED when a directory
     * cannot be listed, GC_LOCK_BUSY while a collection or another repair runs.
     * </pre>
     */
    default void repair(stasis.v1.RepairRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.RepairResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRepairMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service SystemService.
   * <pre>
   * Describes the daemon and its store. grpc.reflection serves the schema.
   * grpc.health.v1 reports the health of services in Check, List and Watch. It knows the daemon as a
   * whole (the empty name), each service, and `stasis.v1.SnapshotService/writes`: whether snapshots
   * can be stored. The following names are NOT_SERVING:
   * - all of them, while the daemon starts or drains;
   * - all but SystemService, while the root is not available or the catalog is damaged
   *   (ROOT_UNAVAILABLE, STORED_DATA_CORRUPT);
   * - GcService and `stasis.v1.SnapshotService/writes`, while the filesystem is read-only or its disk
   *   fails writes (STORE_READ_ONLY, IO_FAILED); reads still work;
   * - `stasis.v1.SnapshotService/writes`, while the filesystem is full (STORAGE_FULL); reads,
   *   deletions and collections still work.
   * The daemon checks its store every two seconds, and after each failure. GetInfo returns the
   * reasons.
   * </pre>
   */
  public static abstract class SystemServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return SystemServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service SystemService.
   * <pre>
   * Describes the daemon and its store. grpc.reflection serves the schema.
   * grpc.health.v1 reports the health of services in Check, List and Watch. It knows the daemon as a
   * whole (the empty name), each service, and `stasis.v1.SnapshotService/writes`: whether snapshots
   * can be stored. The following names are NOT_SERVING:
   * - all of them, while the daemon starts or drains;
   * - all but SystemService, while the root is not available or the catalog is damaged
   *   (ROOT_UNAVAILABLE, STORED_DATA_CORRUPT);
   * - GcService and `stasis.v1.SnapshotService/writes`, while the filesystem is read-only or its disk
   *   fails writes (STORE_READ_ONLY, IO_FAILED); reads still work;
   * - `stasis.v1.SnapshotService/writes`, while the filesystem is full (STORAGE_FULL); reads,
   *   deletions and collections still work.
   * The daemon checks its store every two seconds, and after each failure. GetInfo returns the
   * reasons.
   * </pre>
   */
  public static final class SystemServiceStub
      extends io.grpc.stub.AbstractAsyncStub<SystemServiceStub> {
    private SystemServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SystemServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SystemServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns version, store, limits and features.
     * </pre>
     */
    public void getInfo(stasis.v1.GetInfoRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.GetInfoResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetInfoMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Compares the catalog, the directories on disk and the manifests, and changes nothing. Other
     * calls continue meanwhile; their intermediate states are not findings. Findings arrive as they
     * are made, the summary last. Without the summary the check is incomplete. Raises FIELD_INVALID,
     * IO_FAILED when a directory cannot be listed.
     * </pre>
     */
    public void check(stasis.v1.CheckRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CheckResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getCheckMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Carries out what Check proposes, and never deletes data: data that nobody can explain goes to
     * quarantine. The daemon checks each finding again before it repairs it. A failure is reported in
     * its response, and the other repairs continue. Raises FIELD_INVALID, IO_FAILED when a directory
     * cannot be listed, GC_LOCK_BUSY while a collection or another repair runs.
     * </pre>
     */
    public void repair(stasis.v1.RepairRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.RepairResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getRepairMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service SystemService.
   * <pre>
   * Describes the daemon and its store. grpc.reflection serves the schema.
   * grpc.health.v1 reports the health of services in Check, List and Watch. It knows the daemon as a
   * whole (the empty name), each service, and `stasis.v1.SnapshotService/writes`: whether snapshots
   * can be stored. The following names are NOT_SERVING:
   * - all of them, while the daemon starts or drains;
   * - all but SystemService, while the root is not available or the catalog is damaged
   *   (ROOT_UNAVAILABLE, STORED_DATA_CORRUPT);
   * - GcService and `stasis.v1.SnapshotService/writes`, while the filesystem is read-only or its disk
   *   fails writes (STORE_READ_ONLY, IO_FAILED); reads still work;
   * - `stasis.v1.SnapshotService/writes`, while the filesystem is full (STORAGE_FULL); reads,
   *   deletions and collections still work.
   * The daemon checks its store every two seconds, and after each failure. GetInfo returns the
   * reasons.
   * </pre>
   */
  public static final class SystemServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<SystemServiceBlockingV2Stub> {
    private SystemServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SystemServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SystemServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns version, store, limits and features.
     * </pre>
     */
    public stasis.v1.GetInfoResponse getInfo(stasis.v1.GetInfoRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetInfoMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Compares the catalog, the directories on disk and the manifests, and changes nothing. Other
     * calls continue meanwhile; their intermediate states are not findings. Findings arrive as they
     * are made, the summary last. Without the summary the check is incomplete. Raises FIELD_INVALID,
     * IO_FAILED when a directory cannot be listed.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.CheckResponse>
        check(stasis.v1.CheckRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getCheckMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Carries out what Check proposes, and never deletes data: data that nobody can explain goes to
     * quarantine. The daemon checks each finding again before it repairs it. A failure is reported in
     * its response, and the other repairs continue. Raises FIELD_INVALID, IO_FAILED when a directory
     * cannot be listed, GC_LOCK_BUSY while a collection or another repair runs.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.RepairResponse>
        repair(stasis.v1.RepairRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getRepairMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service SystemService.
   * <pre>
   * Describes the daemon and its store. grpc.reflection serves the schema.
   * grpc.health.v1 reports the health of services in Check, List and Watch. It knows the daemon as a
   * whole (the empty name), each service, and `stasis.v1.SnapshotService/writes`: whether snapshots
   * can be stored. The following names are NOT_SERVING:
   * - all of them, while the daemon starts or drains;
   * - all but SystemService, while the root is not available or the catalog is damaged
   *   (ROOT_UNAVAILABLE, STORED_DATA_CORRUPT);
   * - GcService and `stasis.v1.SnapshotService/writes`, while the filesystem is read-only or its disk
   *   fails writes (STORE_READ_ONLY, IO_FAILED); reads still work;
   * - `stasis.v1.SnapshotService/writes`, while the filesystem is full (STORAGE_FULL); reads,
   *   deletions and collections still work.
   * The daemon checks its store every two seconds, and after each failure. GetInfo returns the
   * reasons.
   * </pre>
   */
  public static final class SystemServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<SystemServiceBlockingStub> {
    private SystemServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SystemServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SystemServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns version, store, limits and features.
     * </pre>
     */
    public stasis.v1.GetInfoResponse getInfo(stasis.v1.GetInfoRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetInfoMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Compares the catalog, the directories on disk and the manifests, and changes nothing. Other
     * calls continue meanwhile; their intermediate states are not findings. Findings arrive as they
     * are made, the summary last. Without the summary the check is incomplete. Raises FIELD_INVALID,
     * IO_FAILED when a directory cannot be listed.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.CheckResponse> check(
        stasis.v1.CheckRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getCheckMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Carries out what Check proposes, and never deletes data: data that nobody can explain goes to
     * quarantine. The daemon checks each finding again before it repairs it. A failure is reported in
     * its response, and the other repairs continue. Raises FIELD_INVALID, IO_FAILED when a directory
     * cannot be listed, GC_LOCK_BUSY while a collection or another repair runs.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.RepairResponse> repair(
        stasis.v1.RepairRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getRepairMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service SystemService.
   * <pre>
   * Describes the daemon and its store. grpc.reflection serves the schema.
   * grpc.health.v1 reports the health of services in Check, List and Watch. It knows the daemon as a
   * whole (the empty name), each service, and `stasis.v1.SnapshotService/writes`: whether snapshots
   * can be stored. The following names are NOT_SERVING:
   * - all of them, while the daemon starts or drains;
   * - all but SystemService, while the root is not available or the catalog is damaged
   *   (ROOT_UNAVAILABLE, STORED_DATA_CORRUPT);
   * - GcService and `stasis.v1.SnapshotService/writes`, while the filesystem is read-only or its disk
   *   fails writes (STORE_READ_ONLY, IO_FAILED); reads still work;
   * - `stasis.v1.SnapshotService/writes`, while the filesystem is full (STORAGE_FULL); reads,
   *   deletions and collections still work.
   * The daemon checks its store every two seconds, and after each failure. GetInfo returns the
   * reasons.
   * </pre>
   */
  public static final class SystemServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<SystemServiceFutureStub> {
    private SystemServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SystemServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SystemServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns version, store, limits and features.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.GetInfoResponse> getInfo(
        stasis.v1.GetInfoRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetInfoMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_GET_INFO = 0;
  private static final int METHODID_CHECK = 1;
  private static final int METHODID_REPAIR = 2;

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
        case METHODID_GET_INFO:
          serviceImpl.getInfo((stasis.v1.GetInfoRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.GetInfoResponse>) responseObserver);
          break;
        case METHODID_CHECK:
          serviceImpl.check((stasis.v1.CheckRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CheckResponse>) responseObserver);
          break;
        case METHODID_REPAIR:
          serviceImpl.repair((stasis.v1.RepairRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.RepairResponse>) responseObserver);
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
          getGetInfoMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.GetInfoRequest,
              stasis.v1.GetInfoResponse>(
                service, METHODID_GET_INFO)))
        .addMethod(
          getCheckMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.CheckRequest,
              stasis.v1.CheckResponse>(
                service, METHODID_CHECK)))
        .addMethod(
          getRepairMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.RepairRequest,
              stasis.v1.RepairResponse>(
                service, METHODID_REPAIR)))
        .build();
  }

  private static abstract class SystemServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    SystemServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return stasis.v1.SystemServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("SystemService");
    }
  }

  private static final class SystemServiceFileDescriptorSupplier
      extends SystemServiceBaseDescriptorSupplier {
    SystemServiceFileDescriptorSupplier() {}
  }

  private static final class SystemServiceMethodDescriptorSupplier
      extends SystemServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    SystemServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (SystemServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new SystemServiceFileDescriptorSupplier())
              .addMethod(getGetInfoMethod())
              .addMethod(getCheckMethod())
              .addMethod(getRepairMethod())
              .build();
        }
      }
    }
    return result;
  }
}
