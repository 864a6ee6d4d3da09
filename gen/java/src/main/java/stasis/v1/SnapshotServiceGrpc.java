package stasis.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Stores the snapshots of one node.
 * A `ref` is an exact id, a name, or a unique prefix of an id with at least three characters, in
 * this order of precedence. Any call that takes a ref can raise SNAPSHOT_NOT_FOUND and
 * AMBIGUOUS_REF. Any call can raise DRAINING while the daemon shuts down, and CREDENTIALS_INVALID
 * and ROLE_INSUFFICIENT where identities are configured.
 * Byte streams consist of frames. Uploads: `header`, any number of `chunk`, then `commit`, then
 * half-close. Downloads: `header`, any number of `chunk`, then `trailer`. A chunk has any size up
 * to 1 MiB; 512 KiB is best. A download without its trailer is truncated, whatever the status says.
 * An upload that half-closes without `commit` is never published.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class SnapshotServiceGrpc {

  private SnapshotServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stasis.v1.SnapshotService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<stasis.v1.CreateRequest,
      stasis.v1.CreateResponse> getCreateMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Create",
      requestType = stasis.v1.CreateRequest.class,
      responseType = stasis.v1.CreateResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.CreateRequest,
      stasis.v1.CreateResponse> getCreateMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CreateRequest, stasis.v1.CreateResponse> getCreateMethod;
    if ((getCreateMethod = SnapshotServiceGrpc.getCreateMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getCreateMethod = SnapshotServiceGrpc.getCreateMethod) == null) {
          SnapshotServiceGrpc.getCreateMethod = getCreateMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CreateRequest, stasis.v1.CreateResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Create"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CreateRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CreateResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Create"))
              .build();
        }
      }
    }
    return getCreateMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CreateFromDirectoryRequest,
      stasis.v1.CreateFromDirectoryResponse> getCreateFromDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateFromDirectory",
      requestType = stasis.v1.CreateFromDirectoryRequest.class,
      responseType = stasis.v1.CreateFromDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.CreateFromDirectoryRequest,
      stasis.v1.CreateFromDirectoryResponse> getCreateFromDirectoryMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CreateFromDirectoryRequest, stasis.v1.CreateFromDirectoryResponse> getCreateFromDirectoryMethod;
    if ((getCreateFromDirectoryMethod = SnapshotServiceGrpc.getCreateFromDirectoryMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getCreateFromDirectoryMethod = SnapshotServiceGrpc.getCreateFromDirectoryMethod) == null) {
          SnapshotServiceGrpc.getCreateFromDirectoryMethod = getCreateFromDirectoryMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CreateFromDirectoryRequest, stasis.v1.CreateFromDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateFromDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CreateFromDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CreateFromDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("CreateFromDirectory"))
              .build();
        }
      }
    }
    return getCreateFromDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CreateDeltaFromDirectoryRequest,
      stasis.v1.CreateDeltaFromDirectoryResponse> getCreateDeltaFromDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateDeltaFromDirectory",
      requestType = stasis.v1.CreateDeltaFromDirectoryRequest.class,
      responseType = stasis.v1.CreateDeltaFromDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.CreateDeltaFromDirectoryRequest,
      stasis.v1.CreateDeltaFromDirectoryResponse> getCreateDeltaFromDirectoryMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CreateDeltaFromDirectoryRequest, stasis.v1.CreateDeltaFromDirectoryResponse> getCreateDeltaFromDirectoryMethod;
    if ((getCreateDeltaFromDirectoryMethod = SnapshotServiceGrpc.getCreateDeltaFromDirectoryMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getCreateDeltaFromDirectoryMethod = SnapshotServiceGrpc.getCreateDeltaFromDirectoryMethod) == null) {
          SnapshotServiceGrpc.getCreateDeltaFromDirectoryMethod = getCreateDeltaFromDirectoryMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CreateDeltaFromDirectoryRequest, stasis.v1.CreateDeltaFromDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateDeltaFromDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CreateDeltaFromDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CreateDeltaFromDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("CreateDeltaFromDirectory"))
              .build();
        }
      }
    }
    return getCreateDeltaFromDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ListRequest,
      stasis.v1.ListResponse> getListMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "List",
      requestType = stasis.v1.ListRequest.class,
      responseType = stasis.v1.ListResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ListRequest,
      stasis.v1.ListResponse> getListMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ListRequest, stasis.v1.ListResponse> getListMethod;
    if ((getListMethod = SnapshotServiceGrpc.getListMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getListMethod = SnapshotServiceGrpc.getListMethod) == null) {
          SnapshotServiceGrpc.getListMethod = getListMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ListRequest, stasis.v1.ListResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "List"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ListResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("List"))
              .build();
        }
      }
    }
    return getListMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.InspectRequest,
      stasis.v1.InspectResponse> getInspectMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Inspect",
      requestType = stasis.v1.InspectRequest.class,
      responseType = stasis.v1.InspectResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.InspectRequest,
      stasis.v1.InspectResponse> getInspectMethod() {
    io.grpc.MethodDescriptor<stasis.v1.InspectRequest, stasis.v1.InspectResponse> getInspectMethod;
    if ((getInspectMethod = SnapshotServiceGrpc.getInspectMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getInspectMethod = SnapshotServiceGrpc.getInspectMethod) == null) {
          SnapshotServiceGrpc.getInspectMethod = getInspectMethod =
              io.grpc.MethodDescriptor.<stasis.v1.InspectRequest, stasis.v1.InspectResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Inspect"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.InspectRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.InspectResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Inspect"))
              .build();
        }
      }
    }
    return getInspectMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.UpdateRequest,
      stasis.v1.UpdateResponse> getUpdateMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Update",
      requestType = stasis.v1.UpdateRequest.class,
      responseType = stasis.v1.UpdateResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.UpdateRequest,
      stasis.v1.UpdateResponse> getUpdateMethod() {
    io.grpc.MethodDescriptor<stasis.v1.UpdateRequest, stasis.v1.UpdateResponse> getUpdateMethod;
    if ((getUpdateMethod = SnapshotServiceGrpc.getUpdateMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getUpdateMethod = SnapshotServiceGrpc.getUpdateMethod) == null) {
          SnapshotServiceGrpc.getUpdateMethod = getUpdateMethod =
              io.grpc.MethodDescriptor.<stasis.v1.UpdateRequest, stasis.v1.UpdateResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Update"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.UpdateRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.UpdateResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Update"))
              .build();
        }
      }
    }
    return getUpdateMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.DeleteRequest,
      stasis.v1.DeleteResponse> getDeleteMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Delete",
      requestType = stasis.v1.DeleteRequest.class,
      responseType = stasis.v1.DeleteResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.DeleteRequest,
      stasis.v1.DeleteResponse> getDeleteMethod() {
    io.grpc.MethodDescriptor<stasis.v1.DeleteRequest, stasis.v1.DeleteResponse> getDeleteMethod;
    if ((getDeleteMethod = SnapshotServiceGrpc.getDeleteMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getDeleteMethod = SnapshotServiceGrpc.getDeleteMethod) == null) {
          SnapshotServiceGrpc.getDeleteMethod = getDeleteMethod =
              io.grpc.MethodDescriptor.<stasis.v1.DeleteRequest, stasis.v1.DeleteResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Delete"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.DeleteRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.DeleteResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Delete"))
              .build();
        }
      }
    }
    return getDeleteMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.RestoreRequest,
      stasis.v1.RestoreResponse> getRestoreMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Restore",
      requestType = stasis.v1.RestoreRequest.class,
      responseType = stasis.v1.RestoreResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.RestoreRequest,
      stasis.v1.RestoreResponse> getRestoreMethod() {
    io.grpc.MethodDescriptor<stasis.v1.RestoreRequest, stasis.v1.RestoreResponse> getRestoreMethod;
    if ((getRestoreMethod = SnapshotServiceGrpc.getRestoreMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getRestoreMethod = SnapshotServiceGrpc.getRestoreMethod) == null) {
          SnapshotServiceGrpc.getRestoreMethod = getRestoreMethod =
              io.grpc.MethodDescriptor.<stasis.v1.RestoreRequest, stasis.v1.RestoreResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Restore"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.RestoreRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.RestoreResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Restore"))
              .build();
        }
      }
    }
    return getRestoreMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ExportRequest,
      stasis.v1.ExportResponse> getExportMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Export",
      requestType = stasis.v1.ExportRequest.class,
      responseType = stasis.v1.ExportResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.ExportRequest,
      stasis.v1.ExportResponse> getExportMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ExportRequest, stasis.v1.ExportResponse> getExportMethod;
    if ((getExportMethod = SnapshotServiceGrpc.getExportMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getExportMethod = SnapshotServiceGrpc.getExportMethod) == null) {
          SnapshotServiceGrpc.getExportMethod = getExportMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ExportRequest, stasis.v1.ExportResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Export"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ExportRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ExportResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Export"))
              .build();
        }
      }
    }
    return getExportMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ReadFileRequest,
      stasis.v1.ReadFileResponse> getReadFileMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReadFile",
      requestType = stasis.v1.ReadFileRequest.class,
      responseType = stasis.v1.ReadFileResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.ReadFileRequest,
      stasis.v1.ReadFileResponse> getReadFileMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ReadFileRequest, stasis.v1.ReadFileResponse> getReadFileMethod;
    if ((getReadFileMethod = SnapshotServiceGrpc.getReadFileMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getReadFileMethod = SnapshotServiceGrpc.getReadFileMethod) == null) {
          SnapshotServiceGrpc.getReadFileMethod = getReadFileMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ReadFileRequest, stasis.v1.ReadFileResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReadFile"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ReadFileRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ReadFileResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("ReadFile"))
              .build();
        }
      }
    }
    return getReadFileMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ExportToDirectoryRequest,
      stasis.v1.ExportToDirectoryResponse> getExportToDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ExportToDirectory",
      requestType = stasis.v1.ExportToDirectoryRequest.class,
      responseType = stasis.v1.ExportToDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ExportToDirectoryRequest,
      stasis.v1.ExportToDirectoryResponse> getExportToDirectoryMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ExportToDirectoryRequest, stasis.v1.ExportToDirectoryResponse> getExportToDirectoryMethod;
    if ((getExportToDirectoryMethod = SnapshotServiceGrpc.getExportToDirectoryMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getExportToDirectoryMethod = SnapshotServiceGrpc.getExportToDirectoryMethod) == null) {
          SnapshotServiceGrpc.getExportToDirectoryMethod = getExportToDirectoryMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ExportToDirectoryRequest, stasis.v1.ExportToDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ExportToDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ExportToDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ExportToDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("ExportToDirectory"))
              .build();
        }
      }
    }
    return getExportToDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.CloneToDirectoryRequest,
      stasis.v1.CloneToDirectoryResponse> getCloneToDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CloneToDirectory",
      requestType = stasis.v1.CloneToDirectoryRequest.class,
      responseType = stasis.v1.CloneToDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.CloneToDirectoryRequest,
      stasis.v1.CloneToDirectoryResponse> getCloneToDirectoryMethod() {
    io.grpc.MethodDescriptor<stasis.v1.CloneToDirectoryRequest, stasis.v1.CloneToDirectoryResponse> getCloneToDirectoryMethod;
    if ((getCloneToDirectoryMethod = SnapshotServiceGrpc.getCloneToDirectoryMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getCloneToDirectoryMethod = SnapshotServiceGrpc.getCloneToDirectoryMethod) == null) {
          SnapshotServiceGrpc.getCloneToDirectoryMethod = getCloneToDirectoryMethod =
              io.grpc.MethodDescriptor.<stasis.v1.CloneToDirectoryRequest, stasis.v1.CloneToDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CloneToDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CloneToDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.CloneToDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("CloneToDirectory"))
              .build();
        }
      }
    }
    return getCloneToDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.TakeToDirectoryRequest,
      stasis.v1.TakeToDirectoryResponse> getTakeToDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "TakeToDirectory",
      requestType = stasis.v1.TakeToDirectoryRequest.class,
      responseType = stasis.v1.TakeToDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.TakeToDirectoryRequest,
      stasis.v1.TakeToDirectoryResponse> getTakeToDirectoryMethod() {
    io.grpc.MethodDescriptor<stasis.v1.TakeToDirectoryRequest, stasis.v1.TakeToDirectoryResponse> getTakeToDirectoryMethod;
    if ((getTakeToDirectoryMethod = SnapshotServiceGrpc.getTakeToDirectoryMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getTakeToDirectoryMethod = SnapshotServiceGrpc.getTakeToDirectoryMethod) == null) {
          SnapshotServiceGrpc.getTakeToDirectoryMethod = getTakeToDirectoryMethod =
              io.grpc.MethodDescriptor.<stasis.v1.TakeToDirectoryRequest, stasis.v1.TakeToDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "TakeToDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.TakeToDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.TakeToDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("TakeToDirectory"))
              .build();
        }
      }
    }
    return getTakeToDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ImportRequest,
      stasis.v1.ImportResponse> getImportMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Import",
      requestType = stasis.v1.ImportRequest.class,
      responseType = stasis.v1.ImportResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.ImportRequest,
      stasis.v1.ImportResponse> getImportMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ImportRequest, stasis.v1.ImportResponse> getImportMethod;
    if ((getImportMethod = SnapshotServiceGrpc.getImportMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getImportMethod = SnapshotServiceGrpc.getImportMethod) == null) {
          SnapshotServiceGrpc.getImportMethod = getImportMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ImportRequest, stasis.v1.ImportResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Import"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ImportRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ImportResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Import"))
              .build();
        }
      }
    }
    return getImportMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.ImportFromDirectoryRequest,
      stasis.v1.ImportFromDirectoryResponse> getImportFromDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ImportFromDirectory",
      requestType = stasis.v1.ImportFromDirectoryRequest.class,
      responseType = stasis.v1.ImportFromDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<stasis.v1.ImportFromDirectoryRequest,
      stasis.v1.ImportFromDirectoryResponse> getImportFromDirectoryMethod() {
    io.grpc.MethodDescriptor<stasis.v1.ImportFromDirectoryRequest, stasis.v1.ImportFromDirectoryResponse> getImportFromDirectoryMethod;
    if ((getImportFromDirectoryMethod = SnapshotServiceGrpc.getImportFromDirectoryMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getImportFromDirectoryMethod = SnapshotServiceGrpc.getImportFromDirectoryMethod) == null) {
          SnapshotServiceGrpc.getImportFromDirectoryMethod = getImportFromDirectoryMethod =
              io.grpc.MethodDescriptor.<stasis.v1.ImportFromDirectoryRequest, stasis.v1.ImportFromDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ImportFromDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ImportFromDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.ImportFromDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("ImportFromDirectory"))
              .build();
        }
      }
    }
    return getImportFromDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.OpenDataDirectoryRequest,
      stasis.v1.OpenDataDirectoryResponse> getOpenDataDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "OpenDataDirectory",
      requestType = stasis.v1.OpenDataDirectoryRequest.class,
      responseType = stasis.v1.OpenDataDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.OpenDataDirectoryRequest,
      stasis.v1.OpenDataDirectoryResponse> getOpenDataDirectoryMethod() {
    io.grpc.MethodDescriptor<stasis.v1.OpenDataDirectoryRequest, stasis.v1.OpenDataDirectoryResponse> getOpenDataDirectoryMethod;
    if ((getOpenDataDirectoryMethod = SnapshotServiceGrpc.getOpenDataDirectoryMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getOpenDataDirectoryMethod = SnapshotServiceGrpc.getOpenDataDirectoryMethod) == null) {
          SnapshotServiceGrpc.getOpenDataDirectoryMethod = getOpenDataDirectoryMethod =
              io.grpc.MethodDescriptor.<stasis.v1.OpenDataDirectoryRequest, stasis.v1.OpenDataDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "OpenDataDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.OpenDataDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.OpenDataDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("OpenDataDirectory"))
              .build();
        }
      }
    }
    return getOpenDataDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.VerifyRequest,
      stasis.v1.VerifyResponse> getVerifyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Verify",
      requestType = stasis.v1.VerifyRequest.class,
      responseType = stasis.v1.VerifyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.VerifyRequest,
      stasis.v1.VerifyResponse> getVerifyMethod() {
    io.grpc.MethodDescriptor<stasis.v1.VerifyRequest, stasis.v1.VerifyResponse> getVerifyMethod;
    if ((getVerifyMethod = SnapshotServiceGrpc.getVerifyMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getVerifyMethod = SnapshotServiceGrpc.getVerifyMethod) == null) {
          SnapshotServiceGrpc.getVerifyMethod = getVerifyMethod =
              io.grpc.MethodDescriptor.<stasis.v1.VerifyRequest, stasis.v1.VerifyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Verify"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.VerifyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.VerifyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Verify"))
              .build();
        }
      }
    }
    return getVerifyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<stasis.v1.WatchRequest,
      stasis.v1.WatchResponse> getWatchMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Watch",
      requestType = stasis.v1.WatchRequest.class,
      responseType = stasis.v1.WatchResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<stasis.v1.WatchRequest,
      stasis.v1.WatchResponse> getWatchMethod() {
    io.grpc.MethodDescriptor<stasis.v1.WatchRequest, stasis.v1.WatchResponse> getWatchMethod;
    if ((getWatchMethod = SnapshotServiceGrpc.getWatchMethod) == null) {
      synchronized (SnapshotServiceGrpc.class) {
        if ((getWatchMethod = SnapshotServiceGrpc.getWatchMethod) == null) {
          SnapshotServiceGrpc.getWatchMethod = getWatchMethod =
              io.grpc.MethodDescriptor.<stasis.v1.WatchRequest, stasis.v1.WatchResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Watch"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.WatchRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  stasis.v1.WatchResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SnapshotServiceMethodDescriptorSupplier("Watch"))
              .build();
        }
      }
    }
    return getWatchMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static SnapshotServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceStub>() {
        @java.lang.Override
        public SnapshotServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SnapshotServiceStub(channel, callOptions);
        }
      };
    return SnapshotServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static SnapshotServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceBlockingV2Stub>() {
        @java.lang.Override
        public SnapshotServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SnapshotServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return SnapshotServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static SnapshotServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceBlockingStub>() {
        @java.lang.Override
        public SnapshotServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SnapshotServiceBlockingStub(channel, callOptions);
        }
      };
    return SnapshotServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static SnapshotServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SnapshotServiceFutureStub>() {
        @java.lang.Override
        public SnapshotServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SnapshotServiceFutureStub(channel, callOptions);
        }
      };
    return SnapshotServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Stores the snapshots of one node.
   * A `ref` is an exact id, a name, or a unique prefix of an id with at least three characters, in
   * this order of precedence. Any call that takes a ref can raise SNAPSHOT_NOT_FOUND and
   * AMBIGUOUS_REF. Any call can raise DRAINING while the daemon shuts down, and CREDENTIALS_INVALID
   * and ROLE_INSUFFICIENT where identities are configured.
   * Byte streams consist of frames. Uploads: `header`, any number of `chunk`, then `commit`, then
   * half-close. Downloads: `header`, any number of `chunk`, then `trailer`. A chunk has any size up
   * to 1 MiB; 512 KiB is best. A download without its trailer is truncated, whatever the status says.
   * An upload that half-closes without `commit` is never published.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Stores an upload: a tar of the data files, without `snapshot.json`. The call answers when the
     * snapshot is durable. Cancelling the call after the daemon has accepted the commit does not undo
     * it.
     * With `delta_header` as the first frame, the tar holds what has changed since a stored snapshot:
     * see DeltaHeader. The upload is refused or accepted as a whole, so a caller that keeps the bytes
     * until the answer can always repeat it.
     * Raises FIELD_INVALID, FRAME_ORDER_INVALID, CHECKSUM_MISMATCH, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, LIMIT_EXCEEDED,
     * TOO_MANY_STREAMS, BLOCKED_BY_GC; with `delta_header` also SNAPSHOT_NOT_FOUND (the parent) and
     * STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    default io.grpc.stub.StreamObserver<stasis.v1.CreateRequest> create(
        io.grpc.stub.StreamObserver<stasis.v1.CreateResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getCreateMethod(), responseObserver);
    }

    /**
     * <pre>
     * Moves a directory on the daemon's own filesystem into the store by renaming it: instant for any
     * size. The source is gone afterwards. A file with other hard links is not moved, because it
     * could be changed through them: the snapshot gets a copy, which shares its blocks where the
     * filesystem can. On any error the source stays unchanged, or the daemon restores it. Digests are
     * computed in the background. Like ImportFromDirectory and ExportToDirectory it works for
     * operators, in the directories that the daemon's configuration allows them, and never over TCP
     * without a credential.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, CROSS_FILESYSTEM, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, BLOCKED_BY_GC.
     * </pre>
     */
    default void createFromDirectory(stasis.v1.CreateFromDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CreateFromDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateFromDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stores what has changed since a stored snapshot, from a directory on the daemon's node, which
     * stays as it is: see DeltaHeader. Files of `delta_files` must lie on a filesystem that reports
     * holes of 4 KiB (FIELD_INVALID), such as ext4, XFS or btrfs. Unless the parent has no digests
     * yet, the new snapshot has its digests when the call answers. Like CreateFromDirectory it works
     * for operators, in the directories that the daemon's configuration allows them.
     * Raises the errors of CreateFromDirectory except CROSS_FILESYSTEM, and SNAPSHOT_NOT_FOUND (the
     * parent), AMBIGUOUS_REF, STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    default void createDeltaFromDirectory(stasis.v1.CreateDeltaFromDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CreateDeltaFromDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateDeltaFromDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists ready snapshots, newest first, page by page.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID.
     * </pre>
     */
    default void list(stasis.v1.ListRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns one snapshot with its files.
     * </pre>
     */
    default void inspect(stasis.v1.InspectRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.InspectResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getInspectMethod(), responseObserver);
    }

    /**
     * <pre>
     * Changes name, description, labels, protection or the time of expiry.
     * Raises FIELD_INVALID, SNAPSHOT_NAME_TAKEN.
     * </pre>
     */
    default void update(stasis.v1.UpdateRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.UpdateResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateMethod(), responseObserver);
    }

    /**
     * <pre>
     * Deletes snapshots. The call resolves all refs first, and deletes nothing if one of them is
     * wrong or in use. Running reads finish; the space is freed when the last one ends.
     * Raises FIELD_INVALID, SNAPSHOT_IN_USE (a caller has it open with OpenDataDirectory),
     * OPERATION_IN_PROGRESS (TakeToDirectory is moving it).
     * </pre>
     */
    default void delete(stasis.v1.DeleteRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.DeleteResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteMethod(), responseObserver);
    }

    /**
     * <pre>
     * Streams the data files, or some of them, as a tar without `snapshot.json`; the header contains
     * the configuration.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    default void restore(stasis.v1.RestoreRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.RestoreResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRestoreMethod(), responseObserver);
    }

    /**
     * <pre>
     * Streams an archive: a tar that starts with `snapshot.json`, optionally compressed. With
     * delta_from it holds only what differs from another snapshot.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS; with delta_from also
     * OPERATION_IN_PROGRESS (digests are still being computed).
     * </pre>
     */
    default void export(stasis.v1.ExportRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ExportResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getExportMethod(), responseObserver);
    }

    /**
     * <pre>
     * Streams ranges of one data file: `header`, then the holes of the ranges, then their data as
     * chunks that carry their offset, then `trailer`. Only data travels; bytes in no chunk are zeros.
     * The daemon opens no other file of the snapshot. It reads each block of 256 KiB that a range
     * touches whole and compares it with its stored digest, then sends the bytes of the range.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT (with the offset; the snapshot is marked),
     * OPERATION_IN_PROGRESS (its digests are still being computed: see skip_verify),
     * TOO_MANY_STREAMS.
     * </pre>
     */
    default void readFile(stasis.v1.ReadFileRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ReadFileResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReadFileMethod(), responseObserver);
    }

    /**
     * <pre>
     * Writes data files and `snapshot.json` into an empty or absent directory on the daemon's node,
     * by reflink where the filesystem can. `snapshot.json` comes last: a directory without it is
     * incomplete.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    default void exportToDirectory(stasis.v1.ExportToDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ExportToDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getExportToDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Makes a writable working copy of the data files in an empty or absent directory on the daemon's
     * node, without `snapshot.json`: milliseconds where the filesystem shares blocks. The copy and
     * the snapshot are independent, except for files of CLONE_MODE_LINK. Like ExportToDirectory it
     * works for operators, in the directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, REFLINK_UNSUPPORTED, LINK_UNSUPPORTED,
     * CROSS_FILESYSTEM, OPERATION_IN_PROGRESS, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    default void cloneToDirectory(stasis.v1.CloneToDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CloneToDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCloneToDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Moves the data files of a snapshot to a directory on the daemon's node by renaming their
     * directory: the same short time for any size. The directory takes the snapshot's place: it is
     * durable when the call answers, and the snapshot is deleted, as with Delete. After a crash at
     * any moment, either the snapshot is there or the directory. The files have their stored modes
     * again and belong to the daemon's user. A file that a clone links to (CLONE_MODE_LINK) stays
     * with the clone: the directory gets a copy that shares its blocks, or a plain one
     * (max_copy_bytes).
     * The call reads no data and compares no digests: call Verify first if the data must be known to
     * be intact. It is refused if the snapshot is marked corrupt; Verify removes the mark if all data
     * matches its digests. It is refused with SNAPSHOT_IN_USE while any other call reads the
     * snapshot; the message names those calls. Once the daemon has begun to move the directory,
     * cancelling the call does not undo it. Like CloneToDirectory it works for operators, in the
     * directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND (the parent), DIRECTORY_NOT_EMPTY, CROSS_FILESYSTEM,
     * REFLINK_UNSUPPORTED, SNAPSHOT_IN_USE, SNAPSHOT_PROTECTED, OPERATION_IN_PROGRESS,
     * REQUEST_ID_REUSED, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    default void takeToDirectory(stasis.v1.TakeToDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.TakeToDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getTakeToDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stores an uploaded archive (tar, gzip or zstd, detected) under a new id. A delta archive needs
     * the snapshot that it was exported against, its parent. The call finds the parent by its digest
     * among the snapshots that the caller sees, and holds a read lease on it; nothing depends on it
     * afterwards.
     * Raises the errors of Create, and ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED; for a delta
     * archive also SNAPSHOT_NOT_FOUND (no snapshot with the parent's digest) and STORED_DATA_CORRUPT
     * (the parent is damaged; it is marked).
     * </pre>
     */
    default io.grpc.stub.StreamObserver<stasis.v1.ImportRequest> import_(
        io.grpc.stub.StreamObserver<stasis.v1.ImportResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getImportMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stores a copy of a directory on the daemon's node that ExportToDirectory or cocoon wrote. The
     * source is unchanged.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED,
     * ARCHIVE_INVALID, SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL,
     * BLOCKED_BY_GC.
     * </pre>
     */
    default void importFromDirectory(stasis.v1.ImportFromDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ImportFromDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getImportFromDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns the path of the data directory, for a hypervisor to map its files. The stream sends one
     * message and then stays open as the caller's read lease. The lease ends when the caller ends the
     * call, crashes or loses its connection. While the lease lasts, Delete is refused with
     * SNAPSHOT_IN_USE. Do not write to the files. The call is refused for callers that are confined
     * to a name prefix or that connect over TCP without a credential, because they may not see paths.
     * Raises STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    default void openDataDirectory(stasis.v1.OpenDataDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.OpenDataDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getOpenDataDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads all data again and compares it with the stored digests: sends progress, then one verdict
     * per file. A damaged snapshot is marked `corrupt`.
     * </pre>
     */
    default void verify(stasis.v1.VerifyRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.VerifyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getVerifyMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reports changes of snapshots, in order, each event once, starting at a resume token or now. The
     * daemon commits an event together with the change that it describes. So nothing is missing after
     * a restart of the daemon, or for a caller that was disconnected or reads slowly, as long as the
     * daemon keeps the events (max_events of SystemService.GetInfo). If some events are gone, the
     * stream says so with MISSED.
     * To know all snapshots: Watch without a token, wait for POSITION, List, then apply the events.
     * Do the same after each MISSED. CREATED, RENAMED, UPDATED and CORRUPT mean that the snapshot is
     * listed as the event says. DELETED, EVICTED and LOST mean that it is no longer listed. List may
     * already have shown the effect of an event; applying the event again is safe.
     * The stream never ends on its own, except with DRAINING when the daemon stops.
     * Raises FIELD_INVALID, TOO_MANY_STREAMS (max_watchers of SystemService.GetInfo).
     * </pre>
     */
    default void watch(stasis.v1.WatchRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.WatchResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service SnapshotService.
   * <pre>
   * Stores the snapshots of one node.
   * A `ref` is an exact id, a name, or a unique prefix of an id with at least three characters, in
   * this order of precedence. Any call that takes a ref can raise SNAPSHOT_NOT_FOUND and
   * AMBIGUOUS_REF. Any call can raise DRAINING while the daemon shuts down, and CREDENTIALS_INVALID
   * and ROLE_INSUFFICIENT where identities are configured.
   * Byte streams consist of frames. Uploads: `header`, any number of `chunk`, then `commit`, then
   * half-close. Downloads: `header`, any number of `chunk`, then `trailer`. A chunk has any size up
   * to 1 MiB; 512 KiB is best. A download without its trailer is truncated, whatever the status says.
   * An upload that half-closes without `commit` is never published.
   * </pre>
   */
  public static abstract class SnapshotServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return SnapshotServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service SnapshotService.
   * <pre>
   * Stores the snapshots of one node.
   * A `ref` is an exact id, a name, or a unique prefix of an id with at least three characters, in
   * this order of precedence. Any call that takes a ref can raise SNAPSHOT_NOT_FOUND and
   * AMBIGUOUS_REF. Any call can raise DRAINING while the daemon shuts down, and CREDENTIALS_INVALID
   * and ROLE_INSUFFICIENT where identities are configured.
   * Byte streams consist of frames. Uploads: `header`, any number of `chunk`, then `commit`, then
   * half-close. Downloads: `header`, any number of `chunk`, then `trailer`. A chunk has any size up
   * to 1 MiB; 512 KiB is best. A download without its trailer is truncated, whatever the status says.
   * An upload that half-closes without `commit` is never published.
   * </pre>
   */
  public static final class SnapshotServiceStub
      extends io.grpc.stub.AbstractAsyncStub<SnapshotServiceStub> {
    private SnapshotServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SnapshotServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SnapshotServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores an upload: a tar of the data files, without `snapshot.json`. The call answers when the
     * snapshot is durable. Cancelling the call after the daemon has accepted the commit does not undo
     * it.
     * With `delta_header` as the first frame, the tar holds what has changed since a stored snapshot:
     * see DeltaHeader. The upload is refused or accepted as a whole, so a caller that keeps the bytes
     * until the answer can always repeat it.
     * Raises FIELD_INVALID, FRAME_ORDER_INVALID, CHECKSUM_MISMATCH, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, LIMIT_EXCEEDED,
     * TOO_MANY_STREAMS, BLOCKED_BY_GC; with `delta_header` also SNAPSHOT_NOT_FOUND (the parent) and
     * STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    public io.grpc.stub.StreamObserver<stasis.v1.CreateRequest> create(
        io.grpc.stub.StreamObserver<stasis.v1.CreateResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncClientStreamingCall(
          getChannel().newCall(getCreateMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Moves a directory on the daemon's own filesystem into the store by renaming it: instant for any
     * size. The source is gone afterwards. A file with other hard links is not moved, because it
     * could be changed through them: the snapshot gets a copy, which shares its blocks where the
     * filesystem can. On any error the source stays unchanged, or the daemon restores it. Digests are
     * computed in the background. Like ImportFromDirectory and ExportToDirectory it works for
     * operators, in the directories that the daemon's configuration allows them, and never over TCP
     * without a credential.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, CROSS_FILESYSTEM, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, BLOCKED_BY_GC.
     * </pre>
     */
    public void createFromDirectory(stasis.v1.CreateFromDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CreateFromDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateFromDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stores what has changed since a stored snapshot, from a directory on the daemon's node, which
     * stays as it is: see DeltaHeader. Files of `delta_files` must lie on a filesystem that reports
     * holes of 4 KiB (FIELD_INVALID), such as ext4, XFS or btrfs. Unless the parent has no digests
     * yet, the new snapshot has its digests when the call answers. Like CreateFromDirectory it works
     * for operators, in the directories that the daemon's configuration allows them.
     * Raises the errors of CreateFromDirectory except CROSS_FILESYSTEM, and SNAPSHOT_NOT_FOUND (the
     * parent), AMBIGUOUS_REF, STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    public void createDeltaFromDirectory(stasis.v1.CreateDeltaFromDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CreateDeltaFromDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateDeltaFromDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists ready snapshots, newest first, page by page.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public void list(stasis.v1.ListRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ListResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns one snapshot with its files.
     * </pre>
     */
    public void inspect(stasis.v1.InspectRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.InspectResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getInspectMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Changes name, description, labels, protection or the time of expiry.
     * Raises FIELD_INVALID, SNAPSHOT_NAME_TAKEN.
     * </pre>
     */
    public void update(stasis.v1.UpdateRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.UpdateResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Deletes snapshots. The call resolves all refs first, and deletes nothing if one of them is
     * wrong or in use. Running reads finish; the space is freed when the last one ends.
     * Raises FIELD_INVALID, SNAPSHOT_IN_USE (a caller has it open with OpenDataDirectory),
     * OPERATION_IN_PROGRESS (TakeToDirectory is moving it).
     * </pre>
     */
    public void delete(stasis.v1.DeleteRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.DeleteResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Streams the data files, or some of them, as a tar without `snapshot.json`; the header contains
     * the configuration.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    public void restore(stasis.v1.RestoreRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.RestoreResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getRestoreMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Streams an archive: a tar that starts with `snapshot.json`, optionally compressed. With
     * delta_from it holds only what differs from another snapshot.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS; with delta_from also
     * OPERATION_IN_PROGRESS (digests are still being computed).
     * </pre>
     */
    public void export(stasis.v1.ExportRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ExportResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getExportMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Streams ranges of one data file: `header`, then the holes of the ranges, then their data as
     * chunks that carry their offset, then `trailer`. Only data travels; bytes in no chunk are zeros.
     * The daemon opens no other file of the snapshot. It reads each block of 256 KiB that a range
     * touches whole and compares it with its stored digest, then sends the bytes of the range.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT (with the offset; the snapshot is marked),
     * OPERATION_IN_PROGRESS (its digests are still being computed: see skip_verify),
     * TOO_MANY_STREAMS.
     * </pre>
     */
    public void readFile(stasis.v1.ReadFileRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ReadFileResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getReadFileMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Writes data files and `snapshot.json` into an empty or absent directory on the daemon's node,
     * by reflink where the filesystem can. `snapshot.json` comes last: a directory without it is
     * incomplete.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public void exportToDirectory(stasis.v1.ExportToDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ExportToDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getExportToDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Makes a writable working copy of the data files in an empty or absent directory on the daemon's
     * node, without `snapshot.json`: milliseconds where the filesystem shares blocks. The copy and
     * the snapshot are independent, except for files of CLONE_MODE_LINK. Like ExportToDirectory it
     * works for operators, in the directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, REFLINK_UNSUPPORTED, LINK_UNSUPPORTED,
     * CROSS_FILESYSTEM, OPERATION_IN_PROGRESS, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public void cloneToDirectory(stasis.v1.CloneToDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.CloneToDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCloneToDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Moves the data files of a snapshot to a directory on the daemon's node by renaming their
     * directory: the same short time for any size. The directory takes the snapshot's place: it is
     * durable when the call answers, and the snapshot is deleted, as with Delete. After a crash at
     * any moment, either the snapshot is there or the directory. The files have their stored modes
     * again and belong to the daemon's user. A file that a clone links to (CLONE_MODE_LINK) stays
     * with the clone: the directory gets a copy that shares its blocks, or a plain one
     * (max_copy_bytes).
     * The call reads no data and compares no digests: call Verify first if the data must be known to
     * be intact. It is refused if the snapshot is marked corrupt; Verify removes the mark if all data
     * matches its digests. It is refused with SNAPSHOT_IN_USE while any other call reads the
     * snapshot; the message names those calls. Once the daemon has begun to move the directory,
     * cancelling the call does not undo it. Like CloneToDirectory it works for operators, in the
     * directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND (the parent), DIRECTORY_NOT_EMPTY, CROSS_FILESYSTEM,
     * REFLINK_UNSUPPORTED, SNAPSHOT_IN_USE, SNAPSHOT_PROTECTED, OPERATION_IN_PROGRESS,
     * REQUEST_ID_REUSED, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public void takeToDirectory(stasis.v1.TakeToDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.TakeToDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getTakeToDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stores an uploaded archive (tar, gzip or zstd, detected) under a new id. A delta archive needs
     * the snapshot that it was exported against, its parent. The call finds the parent by its digest
     * among the snapshots that the caller sees, and holds a read lease on it; nothing depends on it
     * afterwards.
     * Raises the errors of Create, and ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED; for a delta
     * archive also SNAPSHOT_NOT_FOUND (no snapshot with the parent's digest) and STORED_DATA_CORRUPT
     * (the parent is damaged; it is marked).
     * </pre>
     */
    public io.grpc.stub.StreamObserver<stasis.v1.ImportRequest> import_(
        io.grpc.stub.StreamObserver<stasis.v1.ImportResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncClientStreamingCall(
          getChannel().newCall(getImportMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Stores a copy of a directory on the daemon's node that ExportToDirectory or cocoon wrote. The
     * source is unchanged.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED,
     * ARCHIVE_INVALID, SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL,
     * BLOCKED_BY_GC.
     * </pre>
     */
    public void importFromDirectory(stasis.v1.ImportFromDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.ImportFromDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getImportFromDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns the path of the data directory, for a hypervisor to map its files. The stream sends one
     * message and then stays open as the caller's read lease. The lease ends when the caller ends the
     * call, crashes or loses its connection. While the lease lasts, Delete is refused with
     * SNAPSHOT_IN_USE. Do not write to the files. The call is refused for callers that are confined
     * to a name prefix or that connect over TCP without a credential, because they may not see paths.
     * Raises STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    public void openDataDirectory(stasis.v1.OpenDataDirectoryRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.OpenDataDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getOpenDataDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads all data again and compares it with the stored digests: sends progress, then one verdict
     * per file. A damaged snapshot is marked `corrupt`.
     * </pre>
     */
    public void verify(stasis.v1.VerifyRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.VerifyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getVerifyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reports changes of snapshots, in order, each event once, starting at a resume token or now. The
     * daemon commits an event together with the change that it describes. So nothing is missing after
     * a restart of the daemon, or for a caller that was disconnected or reads slowly, as long as the
     * daemon keeps the events (max_events of SystemService.GetInfo). If some events are gone, the
     * stream says so with MISSED.
     * To know all snapshots: Watch without a token, wait for POSITION, List, then apply the events.
     * Do the same after each MISSED. CREATED, RENAMED, UPDATED and CORRUPT mean that the snapshot is
     * listed as the event says. DELETED, EVICTED and LOST mean that it is no longer listed. List may
     * already have shown the effect of an event; applying the event again is safe.
     * The stream never ends on its own, except with DRAINING when the daemon stops.
     * Raises FIELD_INVALID, TOO_MANY_STREAMS (max_watchers of SystemService.GetInfo).
     * </pre>
     */
    public void watch(stasis.v1.WatchRequest request,
        io.grpc.stub.StreamObserver<stasis.v1.WatchResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service SnapshotService.
   * <pre>
   * Stores the snapshots of one node.
   * A `ref` is an exact id, a name, or a unique prefix of an id with at least three characters, in
   * this order of precedence. Any call that takes a ref can raise SNAPSHOT_NOT_FOUND and
   * AMBIGUOUS_REF. Any call can raise DRAINING while the daemon shuts down, and CREDENTIALS_INVALID
   * and ROLE_INSUFFICIENT where identities are configured.
   * Byte streams consist of frames. Uploads: `header`, any number of `chunk`, then `commit`, then
   * half-close. Downloads: `header`, any number of `chunk`, then `trailer`. A chunk has any size up
   * to 1 MiB; 512 KiB is best. A download without its trailer is truncated, whatever the status says.
   * An upload that half-closes without `commit` is never published.
   * </pre>
   */
  public static final class SnapshotServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<SnapshotServiceBlockingV2Stub> {
    private SnapshotServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SnapshotServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SnapshotServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores an upload: a tar of the data files, without `snapshot.json`. The call answers when the
     * snapshot is durable. Cancelling the call after the daemon has accepted the commit does not undo
     * it.
     * With `delta_header` as the first frame, the tar holds what has changed since a stored snapshot:
     * see DeltaHeader. The upload is refused or accepted as a whole, so a caller that keeps the bytes
     * until the answer can always repeat it.
     * Raises FIELD_INVALID, FRAME_ORDER_INVALID, CHECKSUM_MISMATCH, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, LIMIT_EXCEEDED,
     * TOO_MANY_STREAMS, BLOCKED_BY_GC; with `delta_header` also SNAPSHOT_NOT_FOUND (the parent) and
     * STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<stasis.v1.CreateRequest, stasis.v1.CreateResponse>
        create() {
      return io.grpc.stub.ClientCalls.blockingClientStreamingCall(
          getChannel(), getCreateMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Moves a directory on the daemon's own filesystem into the store by renaming it: instant for any
     * size. The source is gone afterwards. A file with other hard links is not moved, because it
     * could be changed through them: the snapshot gets a copy, which shares its blocks where the
     * filesystem can. On any error the source stays unchanged, or the daemon restores it. Digests are
     * computed in the background. Like ImportFromDirectory and ExportToDirectory it works for
     * operators, in the directories that the daemon's configuration allows them, and never over TCP
     * without a credential.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, CROSS_FILESYSTEM, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, BLOCKED_BY_GC.
     * </pre>
     */
    public stasis.v1.CreateFromDirectoryResponse createFromDirectory(stasis.v1.CreateFromDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateFromDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores what has changed since a stored snapshot, from a directory on the daemon's node, which
     * stays as it is: see DeltaHeader. Files of `delta_files` must lie on a filesystem that reports
     * holes of 4 KiB (FIELD_INVALID), such as ext4, XFS or btrfs. Unless the parent has no digests
     * yet, the new snapshot has its digests when the call answers. Like CreateFromDirectory it works
     * for operators, in the directories that the daemon's configuration allows them.
     * Raises the errors of CreateFromDirectory except CROSS_FILESYSTEM, and SNAPSHOT_NOT_FOUND (the
     * parent), AMBIGUOUS_REF, STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    public stasis.v1.CreateDeltaFromDirectoryResponse createDeltaFromDirectory(stasis.v1.CreateDeltaFromDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateDeltaFromDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists ready snapshots, newest first, page by page.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public stasis.v1.ListResponse list(stasis.v1.ListRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns one snapshot with its files.
     * </pre>
     */
    public stasis.v1.InspectResponse inspect(stasis.v1.InspectRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getInspectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes name, description, labels, protection or the time of expiry.
     * Raises FIELD_INVALID, SNAPSHOT_NAME_TAKEN.
     * </pre>
     */
    public stasis.v1.UpdateResponse update(stasis.v1.UpdateRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes snapshots. The call resolves all refs first, and deletes nothing if one of them is
     * wrong or in use. Running reads finish; the space is freed when the last one ends.
     * Raises FIELD_INVALID, SNAPSHOT_IN_USE (a caller has it open with OpenDataDirectory),
     * OPERATION_IN_PROGRESS (TakeToDirectory is moving it).
     * </pre>
     */
    public stasis.v1.DeleteResponse delete(stasis.v1.DeleteRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams the data files, or some of them, as a tar without `snapshot.json`; the header contains
     * the configuration.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.RestoreResponse>
        restore(stasis.v1.RestoreRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getRestoreMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams an archive: a tar that starts with `snapshot.json`, optionally compressed. With
     * delta_from it holds only what differs from another snapshot.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS; with delta_from also
     * OPERATION_IN_PROGRESS (digests are still being computed).
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.ExportResponse>
        export(stasis.v1.ExportRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getExportMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams ranges of one data file: `header`, then the holes of the ranges, then their data as
     * chunks that carry their offset, then `trailer`. Only data travels; bytes in no chunk are zeros.
     * The daemon opens no other file of the snapshot. It reads each block of 256 KiB that a range
     * touches whole and compares it with its stored digest, then sends the bytes of the range.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT (with the offset; the snapshot is marked),
     * OPERATION_IN_PROGRESS (its digests are still being computed: see skip_verify),
     * TOO_MANY_STREAMS.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.ReadFileResponse>
        readFile(stasis.v1.ReadFileRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getReadFileMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Writes data files and `snapshot.json` into an empty or absent directory on the daemon's node,
     * by reflink where the filesystem can. `snapshot.json` comes last: a directory without it is
     * incomplete.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public stasis.v1.ExportToDirectoryResponse exportToDirectory(stasis.v1.ExportToDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getExportToDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Makes a writable working copy of the data files in an empty or absent directory on the daemon's
     * node, without `snapshot.json`: milliseconds where the filesystem shares blocks. The copy and
     * the snapshot are independent, except for files of CLONE_MODE_LINK. Like ExportToDirectory it
     * works for operators, in the directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, REFLINK_UNSUPPORTED, LINK_UNSUPPORTED,
     * CROSS_FILESYSTEM, OPERATION_IN_PROGRESS, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public stasis.v1.CloneToDirectoryResponse cloneToDirectory(stasis.v1.CloneToDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCloneToDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Moves the data files of a snapshot to a directory on the daemon's node by renaming their
     * directory: the same short time for any size. The directory takes the snapshot's place: it is
     * durable when the call answers, and the snapshot is deleted, as with Delete. After a crash at
     * any moment, either the snapshot is there or the directory. The files have their stored modes
     * again and belong to the daemon's user. A file that a clone links to (CLONE_MODE_LINK) stays
     * with the clone: the directory gets a copy that shares its blocks, or a plain one
     * (max_copy_bytes).
     * The call reads no data and compares no digests: call Verify first if the data must be known to
     * be intact. It is refused if the snapshot is marked corrupt; Verify removes the mark if all data
     * matches its digests. It is refused with SNAPSHOT_IN_USE while any other call reads the
     * snapshot; the message names those calls. Once the daemon has begun to move the directory,
     * cancelling the call does not undo it. Like CloneToDirectory it works for operators, in the
     * directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND (the parent), DIRECTORY_NOT_EMPTY, CROSS_FILESYSTEM,
     * REFLINK_UNSUPPORTED, SNAPSHOT_IN_USE, SNAPSHOT_PROTECTED, OPERATION_IN_PROGRESS,
     * REQUEST_ID_REUSED, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public stasis.v1.TakeToDirectoryResponse takeToDirectory(stasis.v1.TakeToDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getTakeToDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores an uploaded archive (tar, gzip or zstd, detected) under a new id. A delta archive needs
     * the snapshot that it was exported against, its parent. The call finds the parent by its digest
     * among the snapshots that the caller sees, and holds a read lease on it; nothing depends on it
     * afterwards.
     * Raises the errors of Create, and ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED; for a delta
     * archive also SNAPSHOT_NOT_FOUND (no snapshot with the parent's digest) and STORED_DATA_CORRUPT
     * (the parent is damaged; it is marked).
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<stasis.v1.ImportRequest, stasis.v1.ImportResponse>
        import_() {
      return io.grpc.stub.ClientCalls.blockingClientStreamingCall(
          getChannel(), getImportMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Stores a copy of a directory on the daemon's node that ExportToDirectory or cocoon wrote. The
     * source is unchanged.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED,
     * ARCHIVE_INVALID, SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL,
     * BLOCKED_BY_GC.
     * </pre>
     */
    public stasis.v1.ImportFromDirectoryResponse importFromDirectory(stasis.v1.ImportFromDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getImportFromDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the path of the data directory, for a hypervisor to map its files. The stream sends one
     * message and then stays open as the caller's read lease. The lease ends when the caller ends the
     * call, crashes or loses its connection. While the lease lasts, Delete is refused with
     * SNAPSHOT_IN_USE. Do not write to the files. The call is refused for callers that are confined
     * to a name prefix or that connect over TCP without a credential, because they may not see paths.
     * Raises STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.OpenDataDirectoryResponse>
        openDataDirectory(stasis.v1.OpenDataDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getOpenDataDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads all data again and compares it with the stored digests: sends progress, then one verdict
     * per file. A damaged snapshot is marked `corrupt`.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.VerifyResponse>
        verify(stasis.v1.VerifyRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getVerifyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reports changes of snapshots, in order, each event once, starting at a resume token or now. The
     * daemon commits an event together with the change that it describes. So nothing is missing after
     * a restart of the daemon, or for a caller that was disconnected or reads slowly, as long as the
     * daemon keeps the events (max_events of SystemService.GetInfo). If some events are gone, the
     * stream says so with MISSED.
     * To know all snapshots: Watch without a token, wait for POSITION, List, then apply the events.
     * Do the same after each MISSED. CREATED, RENAMED, UPDATED and CORRUPT mean that the snapshot is
     * listed as the event says. DELETED, EVICTED and LOST mean that it is no longer listed. List may
     * already have shown the effect of an event; applying the event again is safe.
     * The stream never ends on its own, except with DRAINING when the daemon stops.
     * Raises FIELD_INVALID, TOO_MANY_STREAMS (max_watchers of SystemService.GetInfo).
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, stasis.v1.WatchResponse>
        watch(stasis.v1.WatchRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service SnapshotService.
   * <pre>
   * Stores the snapshots of one node.
   * A `ref` is an exact id, a name, or a unique prefix of an id with at least three characters, in
   * this order of precedence. Any call that takes a ref can raise SNAPSHOT_NOT_FOUND and
   * AMBIGUOUS_REF. Any call can raise DRAINING while the daemon shuts down, and CREDENTIALS_INVALID
   * and ROLE_INSUFFICIENT where identities are configured.
   * Byte streams consist of frames. Uploads: `header`, any number of `chunk`, then `commit`, then
   * half-close. Downloads: `header`, any number of `chunk`, then `trailer`. A chunk has any size up
   * to 1 MiB; 512 KiB is best. A download without its trailer is truncated, whatever the status says.
   * An upload that half-closes without `commit` is never published.
   * </pre>
   */
  public static final class SnapshotServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<SnapshotServiceBlockingStub> {
    private SnapshotServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SnapshotServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SnapshotServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Moves a directory on the daemon's own filesystem into the store by renaming it: instant for any
     * size. The source is gone afterwards. A file with other hard links is not moved, because it
     * could be changed through them: the snapshot gets a copy, which shares its blocks where the
     * filesystem can. On any error the source stays unchanged, or the daemon restores it. Digests are
     * computed in the background. Like ImportFromDirectory and ExportToDirectory it works for
     * operators, in the directories that the daemon's configuration allows them, and never over TCP
     * without a credential.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, CROSS_FILESYSTEM, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, BLOCKED_BY_GC.
     * </pre>
     */
    public stasis.v1.CreateFromDirectoryResponse createFromDirectory(stasis.v1.CreateFromDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateFromDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores what has changed since a stored snapshot, from a directory on the daemon's node, which
     * stays as it is: see DeltaHeader. Files of `delta_files` must lie on a filesystem that reports
     * holes of 4 KiB (FIELD_INVALID), such as ext4, XFS or btrfs. Unless the parent has no digests
     * yet, the new snapshot has its digests when the call answers. Like CreateFromDirectory it works
     * for operators, in the directories that the daemon's configuration allows them.
     * Raises the errors of CreateFromDirectory except CROSS_FILESYSTEM, and SNAPSHOT_NOT_FOUND (the
     * parent), AMBIGUOUS_REF, STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    public stasis.v1.CreateDeltaFromDirectoryResponse createDeltaFromDirectory(stasis.v1.CreateDeltaFromDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateDeltaFromDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists ready snapshots, newest first, page by page.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public stasis.v1.ListResponse list(stasis.v1.ListRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns one snapshot with its files.
     * </pre>
     */
    public stasis.v1.InspectResponse inspect(stasis.v1.InspectRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getInspectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes name, description, labels, protection or the time of expiry.
     * Raises FIELD_INVALID, SNAPSHOT_NAME_TAKEN.
     * </pre>
     */
    public stasis.v1.UpdateResponse update(stasis.v1.UpdateRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes snapshots. The call resolves all refs first, and deletes nothing if one of them is
     * wrong or in use. Running reads finish; the space is freed when the last one ends.
     * Raises FIELD_INVALID, SNAPSHOT_IN_USE (a caller has it open with OpenDataDirectory),
     * OPERATION_IN_PROGRESS (TakeToDirectory is moving it).
     * </pre>
     */
    public stasis.v1.DeleteResponse delete(stasis.v1.DeleteRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams the data files, or some of them, as a tar without `snapshot.json`; the header contains
     * the configuration.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.RestoreResponse> restore(
        stasis.v1.RestoreRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getRestoreMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams an archive: a tar that starts with `snapshot.json`, optionally compressed. With
     * delta_from it holds only what differs from another snapshot.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT, TOO_MANY_STREAMS; with delta_from also
     * OPERATION_IN_PROGRESS (digests are still being computed).
     * </pre>
     */
    public java.util.Iterator<stasis.v1.ExportResponse> export(
        stasis.v1.ExportRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getExportMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams ranges of one data file: `header`, then the holes of the ranges, then their data as
     * chunks that carry their offset, then `trailer`. Only data travels; bytes in no chunk are zeros.
     * The daemon opens no other file of the snapshot. It reads each block of 256 KiB that a range
     * touches whole and compares it with its stored digest, then sends the bytes of the range.
     * Raises FIELD_INVALID, STORED_DATA_CORRUPT (with the offset; the snapshot is marked),
     * OPERATION_IN_PROGRESS (its digests are still being computed: see skip_verify),
     * TOO_MANY_STREAMS.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.ReadFileResponse> readFile(
        stasis.v1.ReadFileRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getReadFileMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Writes data files and `snapshot.json` into an empty or absent directory on the daemon's node,
     * by reflink where the filesystem can. `snapshot.json` comes last: a directory without it is
     * incomplete.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public stasis.v1.ExportToDirectoryResponse exportToDirectory(stasis.v1.ExportToDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getExportToDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Makes a writable working copy of the data files in an empty or absent directory on the daemon's
     * node, without `snapshot.json`: milliseconds where the filesystem shares blocks. The copy and
     * the snapshot are independent, except for files of CLONE_MODE_LINK. Like ExportToDirectory it
     * works for operators, in the directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, REFLINK_UNSUPPORTED, LINK_UNSUPPORTED,
     * CROSS_FILESYSTEM, OPERATION_IN_PROGRESS, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public stasis.v1.CloneToDirectoryResponse cloneToDirectory(stasis.v1.CloneToDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCloneToDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Moves the data files of a snapshot to a directory on the daemon's node by renaming their
     * directory: the same short time for any size. The directory takes the snapshot's place: it is
     * durable when the call answers, and the snapshot is deleted, as with Delete. After a crash at
     * any moment, either the snapshot is there or the directory. The files have their stored modes
     * again and belong to the daemon's user. A file that a clone links to (CLONE_MODE_LINK) stays
     * with the clone: the directory gets a copy that shares its blocks, or a plain one
     * (max_copy_bytes).
     * The call reads no data and compares no digests: call Verify first if the data must be known to
     * be intact. It is refused if the snapshot is marked corrupt; Verify removes the mark if all data
     * matches its digests. It is refused with SNAPSHOT_IN_USE while any other call reads the
     * snapshot; the message names those calls. Once the daemon has begun to move the directory,
     * cancelling the call does not undo it. Like CloneToDirectory it works for operators, in the
     * directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND (the parent), DIRECTORY_NOT_EMPTY, CROSS_FILESYSTEM,
     * REFLINK_UNSUPPORTED, SNAPSHOT_IN_USE, SNAPSHOT_PROTECTED, OPERATION_IN_PROGRESS,
     * REQUEST_ID_REUSED, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public stasis.v1.TakeToDirectoryResponse takeToDirectory(stasis.v1.TakeToDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getTakeToDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores a copy of a directory on the daemon's node that ExportToDirectory or cocoon wrote. The
     * source is unchanged.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED,
     * ARCHIVE_INVALID, SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL,
     * BLOCKED_BY_GC.
     * </pre>
     */
    public stasis.v1.ImportFromDirectoryResponse importFromDirectory(stasis.v1.ImportFromDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getImportFromDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the path of the data directory, for a hypervisor to map its files. The stream sends one
     * message and then stays open as the caller's read lease. The lease ends when the caller ends the
     * call, crashes or loses its connection. While the lease lasts, Delete is refused with
     * SNAPSHOT_IN_USE. Do not write to the files. The call is refused for callers that are confined
     * to a name prefix or that connect over TCP without a credential, because they may not see paths.
     * Raises STORED_DATA_CORRUPT, TOO_MANY_STREAMS.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.OpenDataDirectoryResponse> openDataDirectory(
        stasis.v1.OpenDataDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getOpenDataDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads all data again and compares it with the stored digests: sends progress, then one verdict
     * per file. A damaged snapshot is marked `corrupt`.
     * </pre>
     */
    public java.util.Iterator<stasis.v1.VerifyResponse> verify(
        stasis.v1.VerifyRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getVerifyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reports changes of snapshots, in order, each event once, starting at a resume token or now. The
     * daemon commits an event together with the change that it describes. So nothing is missing after
     * a restart of the daemon, or for a caller that was disconnected or reads slowly, as long as the
     * daemon keeps the events (max_events of SystemService.GetInfo). If some events are gone, the
     * stream says so with MISSED.
     * To know all snapshots: Watch without a token, wait for POSITION, List, then apply the events.
     * Do the same after each MISSED. CREATED, RENAMED, UPDATED and CORRUPT mean that the snapshot is
     * listed as the event says. DELETED, EVICTED and LOST mean that it is no longer listed. List may
     * already have shown the effect of an event; applying the event again is safe.
     * The stream never ends on its own, except with DRAINING when the daemon stops.
     * Raises FIELD_INVALID, TOO_MANY_STREAMS (max_watchers of SystemService.GetInfo).
     * </pre>
     */
    public java.util.Iterator<stasis.v1.WatchResponse> watch(
        stasis.v1.WatchRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service SnapshotService.
   * <pre>
   * Stores the snapshots of one node.
   * A `ref` is an exact id, a name, or a unique prefix of an id with at least three characters, in
   * this order of precedence. Any call that takes a ref can raise SNAPSHOT_NOT_FOUND and
   * AMBIGUOUS_REF. Any call can raise DRAINING while the daemon shuts down, and CREDENTIALS_INVALID
   * and ROLE_INSUFFICIENT where identities are configured.
   * Byte streams consist of frames. Uploads: `header`, any number of `chunk`, then `commit`, then
   * half-close. Downloads: `header`, any number of `chunk`, then `trailer`. A chunk has any size up
   * to 1 MiB; 512 KiB is best. A download without its trailer is truncated, whatever the status says.
   * An upload that half-closes without `commit` is never published.
   * </pre>
   */
  public static final class SnapshotServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<SnapshotServiceFutureStub> {
    private SnapshotServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SnapshotServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SnapshotServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Moves a directory on the daemon's own filesystem into the store by renaming it: instant for any
     * size. The source is gone afterwards. A file with other hard links is not moved, because it
     * could be changed through them: the snapshot gets a copy, which shares its blocks where the
     * filesystem can. On any error the source stays unchanged, or the daemon restores it. Digests are
     * computed in the background. Like ImportFromDirectory and ExportToDirectory it works for
     * operators, in the directories that the daemon's configuration allows them, and never over TCP
     * without a credential.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, CROSS_FILESYSTEM, ARCHIVE_INVALID,
     * SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL, BLOCKED_BY_GC.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.CreateFromDirectoryResponse> createFromDirectory(
        stasis.v1.CreateFromDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateFromDirectoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stores what has changed since a stored snapshot, from a directory on the daemon's node, which
     * stays as it is: see DeltaHeader. Files of `delta_files` must lie on a filesystem that reports
     * holes of 4 KiB (FIELD_INVALID), such as ext4, XFS or btrfs. Unless the parent has no digests
     * yet, the new snapshot has its digests when the call answers. Like CreateFromDirectory it works
     * for operators, in the directories that the daemon's configuration allows them.
     * Raises the errors of CreateFromDirectory except CROSS_FILESYSTEM, and SNAPSHOT_NOT_FOUND (the
     * parent), AMBIGUOUS_REF, STORED_DATA_CORRUPT (the parent is damaged; it is marked).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.CreateDeltaFromDirectoryResponse> createDeltaFromDirectory(
        stasis.v1.CreateDeltaFromDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateDeltaFromDirectoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists ready snapshots, newest first, page by page.
     * Raises FIELD_INVALID, PAGE_TOKEN_INVALID.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ListResponse> list(
        stasis.v1.ListRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns one snapshot with its files.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.InspectResponse> inspect(
        stasis.v1.InspectRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getInspectMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Changes name, description, labels, protection or the time of expiry.
     * Raises FIELD_INVALID, SNAPSHOT_NAME_TAKEN.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.UpdateResponse> update(
        stasis.v1.UpdateRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Deletes snapshots. The call resolves all refs first, and deletes nothing if one of them is
     * wrong or in use. Running reads finish; the space is freed when the last one ends.
     * Raises FIELD_INVALID, SNAPSHOT_IN_USE (a caller has it open with OpenDataDirectory),
     * OPERATION_IN_PROGRESS (TakeToDirectory is moving it).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.DeleteResponse> delete(
        stasis.v1.DeleteRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Writes data files and `snapshot.json` into an empty or absent directory on the daemon's node,
     * by reflink where the filesystem can. `snapshot.json` comes last: a directory without it is
     * incomplete.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ExportToDirectoryResponse> exportToDirectory(
        stasis.v1.ExportToDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getExportToDirectoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Makes a writable working copy of the data files in an empty or absent directory on the daemon's
     * node, without `snapshot.json`: milliseconds where the filesystem shares blocks. The copy and
     * the snapshot are independent, except for files of CLONE_MODE_LINK. Like ExportToDirectory it
     * works for operators, in the directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_EMPTY, REFLINK_UNSUPPORTED, LINK_UNSUPPORTED,
     * CROSS_FILESYSTEM, OPERATION_IN_PROGRESS, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.CloneToDirectoryResponse> cloneToDirectory(
        stasis.v1.CloneToDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCloneToDirectoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Moves the data files of a snapshot to a directory on the daemon's node by renaming their
     * directory: the same short time for any size. The directory takes the snapshot's place: it is
     * durable when the call answers, and the snapshot is deleted, as with Delete. After a crash at
     * any moment, either the snapshot is there or the directory. The files have their stored modes
     * again and belong to the daemon's user. A file that a clone links to (CLONE_MODE_LINK) stays
     * with the clone: the directory gets a copy that shares its blocks, or a plain one
     * (max_copy_bytes).
     * The call reads no data and compares no digests: call Verify first if the data must be known to
     * be intact. It is refused if the snapshot is marked corrupt; Verify removes the mark if all data
     * matches its digests. It is refused with SNAPSHOT_IN_USE while any other call reads the
     * snapshot; the message names those calls. Once the daemon has begun to move the directory,
     * cancelling the call does not undo it. Like CloneToDirectory it works for operators, in the
     * directories that the daemon's configuration allows them.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND (the parent), DIRECTORY_NOT_EMPTY, CROSS_FILESYSTEM,
     * REFLINK_UNSUPPORTED, SNAPSHOT_IN_USE, SNAPSHOT_PROTECTED, OPERATION_IN_PROGRESS,
     * REQUEST_ID_REUSED, STORED_DATA_CORRUPT, STORAGE_FULL.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.TakeToDirectoryResponse> takeToDirectory(
        stasis.v1.TakeToDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getTakeToDirectoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stores a copy of a directory on the daemon's node that ExportToDirectory or cocoon wrote. The
     * source is unchanged.
     * Raises FIELD_INVALID, DIRECTORY_NOT_FOUND, ENVELOPE_MISSING, ENVELOPE_VERSION_UNSUPPORTED,
     * ARCHIVE_INVALID, SNAPSHOT_NAME_TAKEN, OPERATION_IN_PROGRESS, REQUEST_ID_REUSED, STORAGE_FULL,
     * BLOCKED_BY_GC.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<stasis.v1.ImportFromDirectoryResponse> importFromDirectory(
        stasis.v1.ImportFromDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getImportFromDirectoryMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE_FROM_DIRECTORY = 0;
  private static final int METHODID_CREATE_DELTA_FROM_DIRECTORY = 1;
  private static final int METHODID_LIST = 2;
  private static final int METHODID_INSPECT = 3;
  private static final int METHODID_UPDATE = 4;
  private static final int METHODID_DELETE = 5;
  private static final int METHODID_RESTORE = 6;
  private static final int METHODID_EXPORT = 7;
  private static final int METHODID_READ_FILE = 8;
  private static final int METHODID_EXPORT_TO_DIRECTORY = 9;
  private static final int METHODID_CLONE_TO_DIRECTORY = 10;
  private static final int METHODID_TAKE_TO_DIRECTORY = 11;
  private static final int METHODID_IMPORT_FROM_DIRECTORY = 12;
  private static final int METHODID_OPEN_DATA_DIRECTORY = 13;
  private static final int METHODID_VERIFY = 14;
  private static final int METHODID_WATCH = 15;
  private static final int METHODID_CREATE = 16;
  private static final int METHODID_IMPORT = 17;

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
        case METHODID_CREATE_FROM_DIRECTORY:
          serviceImpl.createFromDirectory((stasis.v1.CreateFromDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CreateFromDirectoryResponse>) responseObserver);
          break;
        case METHODID_CREATE_DELTA_FROM_DIRECTORY:
          serviceImpl.createDeltaFromDirectory((stasis.v1.CreateDeltaFromDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CreateDeltaFromDirectoryResponse>) responseObserver);
          break;
        case METHODID_LIST:
          serviceImpl.list((stasis.v1.ListRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ListResponse>) responseObserver);
          break;
        case METHODID_INSPECT:
          serviceImpl.inspect((stasis.v1.InspectRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.InspectResponse>) responseObserver);
          break;
        case METHODID_UPDATE:
          serviceImpl.update((stasis.v1.UpdateRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.UpdateResponse>) responseObserver);
          break;
        case METHODID_DELETE:
          serviceImpl.delete((stasis.v1.DeleteRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.DeleteResponse>) responseObserver);
          break;
        case METHODID_RESTORE:
          serviceImpl.restore((stasis.v1.RestoreRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.RestoreResponse>) responseObserver);
          break;
        case METHODID_EXPORT:
          serviceImpl.export((stasis.v1.ExportRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ExportResponse>) responseObserver);
          break;
        case METHODID_READ_FILE:
          serviceImpl.readFile((stasis.v1.ReadFileRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ReadFileResponse>) responseObserver);
          break;
        case METHODID_EXPORT_TO_DIRECTORY:
          serviceImpl.exportToDirectory((stasis.v1.ExportToDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ExportToDirectoryResponse>) responseObserver);
          break;
        case METHODID_CLONE_TO_DIRECTORY:
          serviceImpl.cloneToDirectory((stasis.v1.CloneToDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.CloneToDirectoryResponse>) responseObserver);
          break;
        case METHODID_TAKE_TO_DIRECTORY:
          serviceImpl.takeToDirectory((stasis.v1.TakeToDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.TakeToDirectoryResponse>) responseObserver);
          break;
        case METHODID_IMPORT_FROM_DIRECTORY:
          serviceImpl.importFromDirectory((stasis.v1.ImportFromDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.ImportFromDirectoryResponse>) responseObserver);
          break;
        case METHODID_OPEN_DATA_DIRECTORY:
          serviceImpl.openDataDirectory((stasis.v1.OpenDataDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.OpenDataDirectoryResponse>) responseObserver);
          break;
        case METHODID_VERIFY:
          serviceImpl.verify((stasis.v1.VerifyRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.VerifyResponse>) responseObserver);
          break;
        case METHODID_WATCH:
          serviceImpl.watch((stasis.v1.WatchRequest) request,
              (io.grpc.stub.StreamObserver<stasis.v1.WatchResponse>) responseObserver);
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
        case METHODID_CREATE:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.create(
              (io.grpc.stub.StreamObserver<stasis.v1.CreateResponse>) responseObserver);
        case METHODID_IMPORT:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.import_(
              (io.grpc.stub.StreamObserver<stasis.v1.ImportResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCreateMethod(),
          io.grpc.stub.ServerCalls.asyncClientStreamingCall(
            new MethodHandlers<
              stasis.v1.CreateRequest,
              stasis.v1.CreateResponse>(
                service, METHODID_CREATE)))
        .addMethod(
          getCreateFromDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.CreateFromDirectoryRequest,
              stasis.v1.CreateFromDirectoryResponse>(
                service, METHODID_CREATE_FROM_DIRECTORY)))
        .addMethod(
          getCreateDeltaFromDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.CreateDeltaFromDirectoryRequest,
              stasis.v1.CreateDeltaFromDirectoryResponse>(
                service, METHODID_CREATE_DELTA_FROM_DIRECTORY)))
        .addMethod(
          getListMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ListRequest,
              stasis.v1.ListResponse>(
                service, METHODID_LIST)))
        .addMethod(
          getInspectMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.InspectRequest,
              stasis.v1.InspectResponse>(
                service, METHODID_INSPECT)))
        .addMethod(
          getUpdateMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.UpdateRequest,
              stasis.v1.UpdateResponse>(
                service, METHODID_UPDATE)))
        .addMethod(
          getDeleteMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.DeleteRequest,
              stasis.v1.DeleteResponse>(
                service, METHODID_DELETE)))
        .addMethod(
          getRestoreMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.RestoreRequest,
              stasis.v1.RestoreResponse>(
                service, METHODID_RESTORE)))
        .addMethod(
          getExportMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.ExportRequest,
              stasis.v1.ExportResponse>(
                service, METHODID_EXPORT)))
        .addMethod(
          getReadFileMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.ReadFileRequest,
              stasis.v1.ReadFileResponse>(
                service, METHODID_READ_FILE)))
        .addMethod(
          getExportToDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ExportToDirectoryRequest,
              stasis.v1.ExportToDirectoryResponse>(
                service, METHODID_EXPORT_TO_DIRECTORY)))
        .addMethod(
          getCloneToDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.CloneToDirectoryRequest,
              stasis.v1.CloneToDirectoryResponse>(
                service, METHODID_CLONE_TO_DIRECTORY)))
        .addMethod(
          getTakeToDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.TakeToDirectoryRequest,
              stasis.v1.TakeToDirectoryResponse>(
                service, METHODID_TAKE_TO_DIRECTORY)))
        .addMethod(
          getImportMethod(),
          io.grpc.stub.ServerCalls.asyncClientStreamingCall(
            new MethodHandlers<
              stasis.v1.ImportRequest,
              stasis.v1.ImportResponse>(
                service, METHODID_IMPORT)))
        .addMethod(
          getImportFromDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              stasis.v1.ImportFromDirectoryRequest,
              stasis.v1.ImportFromDirectoryResponse>(
                service, METHODID_IMPORT_FROM_DIRECTORY)))
        .addMethod(
          getOpenDataDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.OpenDataDirectoryRequest,
              stasis.v1.OpenDataDirectoryResponse>(
                service, METHODID_OPEN_DATA_DIRECTORY)))
        .addMethod(
          getVerifyMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.VerifyRequest,
              stasis.v1.VerifyResponse>(
                service, METHODID_VERIFY)))
        .addMethod(
          getWatchMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              stasis.v1.WatchRequest,
              stasis.v1.WatchResponse>(
                service, METHODID_WATCH)))
        .build();
  }

  private static abstract class SnapshotServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    SnapshotServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return stasis.v1.SnapshotServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("SnapshotService");
    }
  }

  private static final class SnapshotServiceFileDescriptorSupplier
      extends SnapshotServiceBaseDescriptorSupplier {
    SnapshotServiceFileDescriptorSupplier() {}
  }

  private static final class SnapshotServiceMethodDescriptorSupplier
      extends SnapshotServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    SnapshotServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (SnapshotServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new SnapshotServiceFileDescriptorSupplier())
              .addMethod(getCreateMethod())
              .addMethod(getCreateFromDirectoryMethod())
              .addMethod(getCreateDeltaFromDirectoryMethod())
              .addMethod(getListMethod())
              .addMethod(getInspectMethod())
              .addMethod(getUpdateMethod())
              .addMethod(getDeleteMethod())
              .addMethod(getRestoreMethod())
              .addMethod(getExportMethod())
              .addMethod(getReadFileMethod())
              .addMethod(getExportToDirectoryMethod())
              .addMethod(getCloneToDirectoryMethod())
              .addMethod(getTakeToDirectoryMethod())
              .addMethod(getImportMethod())
              .addMethod(getImportFromDirectoryMethod())
              .addMethod(getOpenDataDirectoryMethod())
              .addMethod(getVerifyMethod())
              .addMethod(getWatchMethod())
              .build();
        }
      }
    }
    return result;
  }
}
